"""Two tiers of one suite: `make test` tries each property on enough, `make test-full` on plenty."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

FULL = os.environ.get("TEST_TIER") == "full"
"""Whether this is the long tier."""
WHOLE = FULL or os.environ.get("TEST_TABLES") == "whole"
"""Whether tables of examples are tried whole: in the long tier, and where tests are tested themselves."""


def times(quick: int, full: int) -> int:
    """How often something is tried in this tier."""
    return full if FULL else quick


def some(rows: Sequence[T], each: int) -> Sequence[T]:
    """One row of `each` so many in the quick tier; otherwise all, also where tests are tested themselves."""
    return rows if WHOLE else rows[::each]
