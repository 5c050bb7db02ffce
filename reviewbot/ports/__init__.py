"""The protocols between the loop and the world; nothing here does anything."""
