"""People: the questions that are open, who looks at them, and their answers."""
