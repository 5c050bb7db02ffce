"""reviewbot reviews TokPortal work by a written policy, before silence pays for it."""

from __future__ import annotations

__version__ = "0.2.0"
