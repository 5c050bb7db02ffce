"""A policy's tests: running them, measuring what they cover, and finding new ones."""
