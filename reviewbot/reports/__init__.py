"""The report as a document: what it says, its pictures, and its forms (HTML and CSV)."""
