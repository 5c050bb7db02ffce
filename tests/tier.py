"""Two tiers of one suite: `make test` tries each property on enough, `make test-full` on plenty."""

from __future__ import annotations

import os

FULL = os.environ.get("TEST_TIER") == "full"
"""Whether this is the long tier."""


def times(quick: int, full: int) -> int:
    """How often something is tried in this tier."""
    return full if FULL else quick
