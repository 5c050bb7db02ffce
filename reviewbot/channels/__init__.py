"""Channels: the ways out to people. Each carries one message, bounded in time and size."""
