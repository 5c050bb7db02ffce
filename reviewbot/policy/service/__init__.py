"""Help while typing: a text and a place in, values out; the language server and the console ask it."""
