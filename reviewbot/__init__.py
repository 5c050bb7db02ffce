"""reviewbot reviews TokPortal work by a written policy, before silence pays for it."""

__version__ = "0.1.0"
