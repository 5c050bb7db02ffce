"""`reviewbot report`: what would happen to the whole queue, now and up to each deadline."""
