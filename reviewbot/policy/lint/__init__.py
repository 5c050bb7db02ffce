"""What a policy means, proven without running it: its rules, its texts, its times."""
