"""What runs were like, in figures that can be added up."""

from __future__ import annotations

from collections import Counter

import msgspec


class Figures(msgspec.Struct, kw_only=True):
    """One run, or many: what was simulated, what went wrong around the bot, and what it did."""

    runs: int = 0
    hours: float = 0.0
    lives: int = 0
    passes: int = 0
    failed: int = 0
    requests: int = 0
    tasks: int = 0
    accounts: int = 0
    decisions: int = 0
    effects: int = 0
    acts: int = 0
    sealed: int = 0
    cancelled: int = 0
    silent: int = 0
    violations: int = 0
    seconds: float = 0.0
    faults: dict[str, int] = {}
    crashes: dict[str, int] = {}

    def add(self, other: Figures) -> None:
        """Add another run."""
        for name in self.__struct_fields__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, dict):
                theirs = dict(sorted((Counter(mine) + Counter(theirs)).items()))
                setattr(self, name, theirs)
            else:
                setattr(self, name, mine + theirs)

    def sentence(self) -> str:
        """All of it in a line."""
        return (
            f"{self.hours:,.0f} hours, {self.tasks:,} tasks,"
            f" {self.accounts:,} accounts, {self.effects:,} effects,"
            f" {sum(self.faults.values()):,} faults, {sum(self.crashes.values()):,} crashes,"
            f" {self.acts:,} acts of people, {self.silent:,} paid by silence,"
            f" {self.violations} violations, {self.seconds:,.0f} s of CPU"
        )
