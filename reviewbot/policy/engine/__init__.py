"""Judging: a policy as a function of facts, plain or with its trace."""
