"""Placing and cancelling orders, each exactly once."""
