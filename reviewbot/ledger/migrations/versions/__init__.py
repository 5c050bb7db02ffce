"""One module per released schema; once released, it never changes."""
