"""What two policies say of the reviews that people answered, held against their answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from reviewbot.core.replay import read_past
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.testing.compare import opinion
from reviewbot.ports.ledger import Logged


class BesidePeople(msgspec.Struct, kw_only=True):
    """How often a policy says the same as people did, asks them, or says something else."""

    same: int = 0
    asks: int = 0
    other: int = 0


class PeoplesWord(msgspec.Struct, frozen=True, kw_only=True):
    """The reviews that people answered, and what the old and the new policy say of them."""

    answered: int
    old: BesidePeople
    new: BesidePeople


def beside_people(
    decisions: Iterable[Logged], since: datetime, judges: tuple[Judge, Judge]
) -> PeoplesWord:
    """Judge what people answered since then by an old and a new policy, on the facts that they had.

    An answer is one whether or not it was carried out; one whose facts cannot be read is left out.
    """
    answered, counts = 0, (BesidePeople(), BesidePeople())
    kind, says = judges[0].policy.applies_to.review, [opinion(judge) for judge in judges]
    for logged in decisions:
        decision = logged.decision
        if decision.decided_by is None or decision.decided_at < since or decision.review != kind:
            continue
        review = read_past(logged)
        if review is None or not decision.action.writes:
            continue
        answered += 1
        for count, say in zip(counts, says, strict=True):
            made = say(review, review.facts(decision.decided_at))
            if made.undecided:
                count.asks += 1
            elif made.action is decision.action:
                count.same += 1
            else:
                count.other += 1
    return PeoplesWord(answered=answered, old=counts[0], new=counts[1])
