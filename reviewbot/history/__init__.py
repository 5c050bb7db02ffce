"""Recorded reviews of any number, judged again: sums of parts that add up to the same on every engine."""
