"""What the acts of a review share: the bot, the values of a pass, and what the guards remember."""
