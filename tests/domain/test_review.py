"""What a person calls the things that are reviewed."""

from __future__ import annotations

import pytest

from reviewbot.domain.review import ReviewKind, noun_of, things


@pytest.mark.parametrize(
    ("kinds", "noun"),
    [
        ((), "task"),
        (("comments", "comments"), "task"),
        (("accounts",), "account"),
        (("accounts", "comments"), "review"),
    ],
)
def test_one_kind_has_its_own_noun(kinds: tuple[ReviewKind, ...], noun: str) -> None:
    """Both together are reviews."""
    assert noun_of(kinds) == noun


@pytest.mark.parametrize(
    ("count", "accounts", "said"),
    [
        (0, 0, "0 tasks"),
        (1, 0, "1 task"),
        (1200, 0, "1,200 tasks"),
        (1, 1, "1 account"),
        (5, 2, "3 tasks and 2 accounts"),
    ],
)
def test_things_are_counted_by_kind(count: int, accounts: int, said: str) -> None:
    """Accounts are never called tasks."""
    assert things(count, accounts) == said
