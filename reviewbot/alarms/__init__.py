"""What people should know, when, and only once."""
