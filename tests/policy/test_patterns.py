"""Patterns: RE2's search, without case unless asked, three-valued, and never slow."""

from __future__ import annotations

import pytest

from reviewbot.policy.patterns import LONGEST_TEXT, BadPattern, searcher


@pytest.mark.parametrize(
    ("regex", "text", "found"),
    [
        ("promo", "Big PROMO here", True),
        ("(?-i)promo", "Big PROMO here", False),
        ("^big", "Big promo", True),
        ("^promo", "Big promo", False),
        ("e\u0301", "caf\u00e9", True),
        ("x", None, None),
        ("x", "x" * (LONGEST_TEXT + 1), None),
        ("a", "\ud800a", True),
    ],
)
def test_a_pattern_searches(regex: str, text: str | None, found: bool | None) -> None:
    """Anywhere, without case, in one form of each accent; unknown stays unknown."""
    assert searcher(regex)(text) is found


def test_what_re2_does_not_take_is_refused() -> None:
    """Look-around and back-references have no linear-time form."""
    with pytest.raises(BadPattern):
        searcher(r"(a)\1")
