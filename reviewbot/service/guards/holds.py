"""Holds: everything in the log that keeps decisions from being sent now, said in one way."""

from __future__ import annotations

from datetime import datetime

import msgspec

from reviewbot.domain.decision import WRITES, Action
from reviewbot.domain.safetext import safe_line
from reviewbot.ports import Ledger
from reviewbot.service.guards import breaker, switches


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One pause or open breaker: what it stops, for which policy (None: every), until when."""

    sentence: str
    actions: frozenset[Action]
    policy: str | None = None
    until: datetime | None = None

    def stops(self, action: Action, policy: str) -> bool:
        """Whether it keeps this action of this policy back."""
        return action in self.actions and self.policy in (None, policy)


def holds_on(ledger: Ledger, now: datetime, file: str | None = None) -> tuple[Hold, ...]:
    """Every pause and every open breaker; `file` is the text of the file PAUSE, where it is there."""
    pauses = switches.pauses_on(ledger.notes(switches.TOPIC), file, now)
    found = [
        Hold(sentence=one.sentence(), actions=switches.WORDS[one.word], until=one.until)
        for one in pauses
    ]
    for note in ledger.notes(breaker.TOPIC):
        if note.value.get("open") is False:
            continue
        what = safe_line(str(note.value.get("what") or "a sign of something wrong"), 300)
        whose = "" if note.subject == "all" else f" of {safe_line(note.subject, 60)}"
        found.append(
            Hold(
                sentence=f"the breaker{whose} is open: {what}",
                actions=WRITES,
                policy=None if note.subject == "all" else note.subject,
            )
        )
    return tuple(found)
