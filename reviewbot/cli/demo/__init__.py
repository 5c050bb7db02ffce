"""`reviewbot demo`: a simulated week at fast-forward, reviewed live, and what it came to."""
