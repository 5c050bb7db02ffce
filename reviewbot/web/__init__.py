"""The console: the desk in a browser, a second door to the same orders."""
