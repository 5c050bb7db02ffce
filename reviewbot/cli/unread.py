"""What of some records could not be read: counted and named, and too much of it fails the command."""

from __future__ import annotations

from collections.abc import Iterable

import click

from reviewbot.cli.command import FOUND
from reviewbot.cli.screen import Screen
from reviewbot.domain.text import safe_line
from reviewbot.history.partial import PastTotals
from reviewbot.presentation.format import counted

NAMED = 5
"""So many are named, the first ones."""
TOLERATED = 0.001
"""The share of unreadable records above which a result is not to be relied on."""
UNREADABLE = "what it was judged by cannot be read"
"""Why a decision of the log cannot be judged again."""


class UnreadCount:
    """The records that a command has read so far, and those of them that it could not judge."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.judged = self.others = 0
        self.problems: list[tuple[str, str]] = []
        """(place, why) of the first few."""
        self.count = 0

    @property
    def read(self) -> int:
        """All of them."""
        return self.judged + self.others + self.count

    def add(self, place: str, why: str) -> None:
        """Count one that could not be judged, and name it where few were before."""
        self.count += 1
        if self.count <= NAMED:
            place, why = safe_line(place, 300), safe_line(why, 300)
            self.problems.append((place, why))
            self._screen.complain(f"{place}: {why}")

    def add_all(self, count: int, problems: Iterable[tuple[str, str]]) -> None:
        """Count many that could not be judged, of which the first are given with their places."""
        for place, why in problems:
            self.add(place, why)
            count -= 1
        self.count += count

    def take(self, totals: PastTotals) -> None:
        """Count what a result counted; where nobody gave the places, name some by their words."""
        self.judged, self.others = totals.judged, totals.impact.others
        if not self.count:
            self.add_all(totals.unread, totals.unreadable)
        self.count = totals.unread

    def sums(self) -> str:
        """What was read, in one line."""
        others = f" {self.others:,} of another kind," if self.others else ""
        return (
            f"{counted(self.read, 'record')} read, {self.judged:,} judged,{others}"
            f" {self.count:,} unreadable"
        )

    def end(self) -> None:
        """Say what it came to; end with code 4 where too much was left out."""
        (self._screen.complain if self.count else self._screen.detail)(self.sums())
        if self.count > TOLERATED * self.read:
            self._screen.complain(f"more than {TOLERATED:.1%} could not be read")
            raise click.exceptions.Exit(FOUND)
