"""The values of our field: frozen, without clock, I/O or log."""
