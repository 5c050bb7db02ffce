"""What a policy means: findings about its rules, its texts and its times, without running it."""
