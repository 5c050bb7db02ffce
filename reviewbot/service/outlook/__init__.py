"""Outlook: what will happen and what has happened, without acting."""
