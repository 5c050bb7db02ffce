"""Values into words, and documents into text, HTML, CSV and JSON. Nothing is asked here."""
