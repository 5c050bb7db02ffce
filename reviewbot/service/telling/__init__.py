"""Telling: what people should know, when, by which channel, and only once."""
