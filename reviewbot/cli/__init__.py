"""The doors: each command reads words, calls one function, and prints."""
