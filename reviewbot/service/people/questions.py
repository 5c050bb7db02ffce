"""Questions: the rounds for which a rule asked a person, and what is known about each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from reviewbot.domain.decision import ACTIONS_OF, Action, Decision
from reviewbot.domain.errors import UsageError
from reviewbot.domain.lifecycle import CLAIMED, State
from reviewbot.domain.safetext import safe_line
from reviewbot.ports import Ledger, Logged, Sighting
from reviewbot.service.people.claims import TOPIC as CLAIMS
from reviewbot.service.people.claims import Claim, holder

WAITS = (State.HELD, State.DRY_RUN)
"""The states of a decision that has sent nothing."""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A round that has not ended, with the newest decision on it, where there is one.

    That decision comes without its trace and facts: `Ledger.decision` has them.
    """

    sighting: Sighting
    latest: Logged | None = None
    claim: Claim | None = None

    @property
    def is_question(self) -> bool:
        """Whether a rule, or the want of one, asked a person and nobody has answered."""
        return (
            self.latest is not None
            and self.latest.state in WAITS
            and self.latest.decision.action is Action.ESCALATE
        )

    @property
    def decision(self) -> Decision:
        """The newest decision of a round that has one."""
        assert self.latest is not None
        return self.latest.decision

    @property
    def deadline_at(self) -> datetime | None:
        """From when on silence pays, as last written down."""
        return self.sighting.deadline_at if self.latest is None else self.decision.deadline_at


def open_rounds(ledger: Ledger) -> Iterator[Round]:
    """Every round seen waiting that has no ending yet."""
    for review in ACTIONS_OF:
        sightings = ledger.unended(review)
        memories = ledger.memories(review, [one.task_id for one in sightings])
        for sighting in sightings:
            memory = memories.get(sighting.task_id)
            latest = None if memory is None else memory.latest
            if latest is not None and latest.decision.epoch != sighting.epoch:
                latest = None
            yield Round(sighting=sighting, latest=latest)


def open_questions(ledger: Ledger, now: datetime) -> list[Round]:
    """Every round that waits for a person, most urgent first, each with who has claimed it."""
    claimed = {word.subject for word in ledger.notes(CLAIMS)}
    found = []
    for one in open_rounds(ledger):
        if not one.is_question:
            continue
        if one.decision.id in claimed:
            one = msgspec.structs.replace(one, claim=holder(ledger, one.decision.id, now))
        found.append(one)
    return sorted(found, key=lambda one: (one.deadline_at is None, one.deadline_at or now))


def find_round(ledger: Ledger, beginning: str) -> Round:
    """The open round of the thing whose id begins so; the beginning of its decision's id will do.

    Raises UsageError where there is none, or more than one.
    """
    matches = [one for one in open_rounds(ledger) if _begins(one, beginning)]
    matches = [one for one in matches if one.is_question] or matches
    newest = {one.sighting.task_id: one for one in matches}
    if len(newest) == 1:
        return newest.popitem()[1]
    what = "several open rounds begin" if newest else "no open round begins"
    raise UsageError(f"{what} with {safe_line(beginning, 60)!r}; see: reviewbot queue list")


def _begins(one: Round, beginning: str) -> bool:
    if not beginning:
        return False
    named = one.sighting.task_id.startswith(beginning)
    return named or (one.latest is not None and one.decision.id.startswith(beginning))


def asked_in(ledger: Ledger, task_id: str, epoch: str | None) -> Decision | None:
    """The last question to a person in this round; None where nobody was asked."""
    asked = [
        logged
        for logged in ledger.decisions(task_id=task_id)
        if logged.decision.epoch == epoch and logged.decision.action is Action.ESCALATE
    ]
    return max(asked, key=lambda logged: logged.state_at).decision if asked else None


def answered_in(ledger: Ledger, task_id: str, epoch: str | None) -> Logged | None:
    """The decision of this round that was sent, or may have been; None where there is none."""
    return next(
        (
            logged
            for logged in ledger.decisions(task_id=task_id)
            if logged.decision.epoch == epoch and logged.state in CLAIMED
        ),
        None,
    )
