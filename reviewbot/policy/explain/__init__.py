"""A policy and its answers in words."""
