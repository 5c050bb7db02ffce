"""Holds: everything that keeps decisions from being sent now, whatever they are, said in one way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from reviewbot.domain.decision import WRITES, Action
from reviewbot.domain.safetext import safe_line
from reviewbot.ports import Ledger
from reviewbot.service.guards import breaker, switches

By = Literal["pause", "breaker", "brake", "rehearsal", "bot"]


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that holds: what it stops, of which policy (None: of every), until when.

    `bot` stands for one that does not run, `rehearsal` for one that judges and sends nothing. `until`
    None: until a person does something about it.
    """

    sentence: str
    by: By
    actions: frozenset[Action] = WRITES
    policy: str | None = None
    until: datetime | None = None

    def stops(self, action: Action, policy: str, at: datetime) -> bool:
        """Whether it keeps this action of this policy back at that moment."""
        lasts = self.until is None or at < self.until
        return lasts and action in self.actions and self.policy in (None, policy)

    def stops_people(self, at: datetime) -> bool:
        """Whether at that moment no answer of a person can be sent either."""
        lasts = self.until is None or at < self.until
        return lasts and self.by in ("pause", "brake") and self.actions >= WRITES


def nothing_is_sent(holds: Iterable[Hold], policies: Iterable[str], now: datetime) -> bool:
    """Whether these holds together keep back every write of every one of these policies."""
    found = [hold for hold in holds if hold.until is None or now < hold.until]

    def stopped(policy: str | None) -> bool:
        return {
            action for hold in found if hold.policy in (None, policy) for action in hold.actions
        } >= WRITES

    return all(map(stopped, tuple(policies) or (None,)))


def holds_on(
    ledger: Ledger, now: datetime, file: str | None = None, *, brake: str | None = None
) -> tuple[Hold, ...]:
    """Every pause, open breaker and brake; `file` is the text of the file PAUSE, where it is there."""
    found = [] if brake is None else [Hold(sentence=f"nothing is sent: {brake}", by="brake")]
    found += [
        Hold(sentence=one.sentence(), by="pause", actions=switches.WORDS[one.word], until=one.until)
        for one in switches.pauses_on(ledger.notes(switches.TOPIC), file, now)
    ]
    for note in ledger.notes(breaker.TOPIC):
        if not breaker.stands_open(note):
            continue
        what = safe_line(str(note.value.get("what") or "a sign of something wrong"), 300)
        whose = "" if note.subject == "all" else f" of {safe_line(note.subject, 60)}"
        found.append(
            Hold(
                sentence=f"the breaker{whose} is open: {what}",
                by="breaker",
                policy=None if note.subject == "all" else note.subject,
            )
        )
    return tuple(found)
