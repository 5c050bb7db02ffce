"""What will happen and what has happened, without acting."""
