"""Orders: placing and cancelling tasks, each exactly once."""
