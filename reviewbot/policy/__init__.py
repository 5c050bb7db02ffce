"""What a rule means: text and values in, values out; no clock, no I/O, no log."""
