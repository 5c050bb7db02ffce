"""What keeps a due decision back, and what a changed policy must show first."""
