"""In which zone a person reads a moment: that of the policy it concerns, whoever reads it and where."""

from __future__ import annotations

from collections.abc import Iterable

from reviewbot.config import Settings
from reviewbot.core.revisions import Revisions
from reviewbot.domain.text import known_zone
from reviewbot.insights.heartbeat import Running, newest_beat, running
from reviewbot.policy.engine.judge import Judge
from reviewbot.ports.ledger import Ledger


class Zones:
    """The zones of the policies that run, and of every revision that the log keeps.

    Where no policy is at hand it is the first one that runs, and UTC where none does.
    """

    def __init__(self, policies: Iterable[Running], ledger: Ledger | None = None) -> None:
        self._policies = tuple(policies)
        self._revisions: Revisions | None = None
        if ledger is not None:
            from reviewbot.core.revisions import Revisions

            self._revisions = Revisions(ledger)

    def of(self, *, revision: str = "", policy: str = "", review: str = "") -> str:
        """The zone of a revision, else of the policy of that name, else of that kind of review."""
        judge = self._revisions.judge(revision) if revision and self._revisions else None
        if judge is not None:
            return judge.policy.timezone
        asked = {"revision": revision, "name": policy, "review": review}
        for field, value in asked.items():
            for candidate in self._policies:
                if value and getattr(candidate, field) == value:
                    return known_zone(candidate.timezone)
        return self.first

    @property
    def first(self) -> str:
        """The zone of the first policy that runs, else UTC."""
        return known_zone(self._policies[0].timezone) if self._policies else "UTC"


def zones_of(settings: Settings, ledger: Ledger | None = None) -> Zones:
    """By what the bot on the settings' log last said of itself, and by the log where it is open."""
    beat = newest_beat(settings)
    return Zones(() if beat is None else beat.policies, ledger)


def zones_by_judges(judges: Iterable[Judge]) -> Zones:
    """By policies that were loaded here."""
    return Zones(map(running, judges))
