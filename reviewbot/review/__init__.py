"""The story of a review: fetch, judge, execute, write down; and what follows when that fails."""
