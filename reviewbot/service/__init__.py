"""The story of a review: look, judge, write down, act; and what happens when that fails."""
