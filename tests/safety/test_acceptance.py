"""Changes that wait for people: one for any, two for what raises a limit, each told what it would do."""

from __future__ import annotations

from typing import Any

import pytest

from reviewbot.domain.errors import UsageError
from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from reviewbot.safety import impact, rollout
from reviewbot.safety.rollout import adopt
from tests.fakes import START
from tests.safety.test_guards import ASK, PAY, Room, a_policy, a_room

CAP = "guardrails:\n  approvals: at most {} per day\n  when over: hold\n"
REVISION = "7c1e09ab" * 8


def runs(room: Room) -> str:
    """The revision that judges."""
    return str(room.bench.judges[0].policy.revision)


def capped(rules: str, cap: int | None) -> Any:
    """A policy with a cap on approvals, or none."""
    return a_policy(rules, "" if cap is None else CAP.format(cap))


def careful(judge: Any, **more: Any) -> Room:
    """A bot whose settings ask two people for every limit that is raised."""
    room = a_room(judge, **more)
    room.app.guard.two_for_caps = True
    poll_once(room.app)
    return room


@pytest.mark.parametrize("after", [3, None])
def test_a_limit_is_raised_by_two_different_people_only(after: int | None) -> None:
    """Until the second has accepted the old revision runs, over a restart as well."""
    room = careful(capped(ASK, 2), count=4)
    old, new = runs(room), capped(PAY, after)
    adopt(room.app, [new])
    assert runs(room) == old
    assert any("two people" in alarm and "approvals" in alarm for alarm in room.alarms("probation"))

    assert rollout.accept(room.ledger, new.policy.revision, who="ana", now=START) == 1
    poll_once(room.app)
    assert runs(room) == old
    with pytest.raises(UsageError, match="accepted it already"):
        rollout.accept(room.ledger, new.policy.revision, who="Ana", now=START)
    adopt(room.app, [new])
    assert runs(room) == old and room.sent() == 0

    assert rollout.accept(room.ledger, new.policy.revision, who="ben", now=START) == 0
    poll_once(room.app)
    assert runs(room) == new.policy.revision
    assert room.sent() == (after or 4)


@pytest.mark.parametrize(("cap", "require_ack"), [(1, False), (2, False), (2, True)])
def test_what_raises_nothing_needs_no_second_person(cap: int, require_ack: bool) -> None:
    """It runs at once, or with one word where the settings ask for that."""
    room = careful(capped(ASK, 2), count=1)
    room.app.guard.require_ack = require_ack
    new = capped(PAY, cap)
    adopt(room.app, [new])
    assert (runs(room) == new.policy.revision) is not require_ack

    if require_ack:
        assert rollout.accept(room.ledger, new.policy.revision, who="ana", now=START) == 0
        poll_once(room.app)
    assert runs(room) == new.policy.revision


def test_one_word_given_before_two_were_asked_for_counts_as_one() -> None:
    """The settings were tightened meanwhile."""
    room = careful(capped(ASK, 2))
    room.app.guard.two_for_caps, room.app.guard.require_ack = False, True
    new = capped(PAY, 9)
    adopt(room.app, [new])
    rollout.accept(room.ledger, new.policy.revision, who="ana", now=START)
    room.app.guard.two_for_caps = True
    adopt(room.app, [new])
    assert runs(room) != new.policy.revision

    assert rollout.accept(room.ledger, new.policy.revision, who="ben", now=START) == 0
    poll_once(room.app)
    assert runs(room) == new.policy.revision


def test_two_who_accept_at_the_same_moment_both_count() -> None:
    """The word of the one is written between the reading and the writing of the other."""
    ledger = open_ledger("memory:")
    ledger.note(rollout.TOPIC, REVISION, {"accepted": False, "needs": 2}, START)
    write = ledger.note_all

    def ben_first(*about: Any, **more: Any) -> None:
        ledger.note_all = write  # type: ignore[method-assign]
        rollout.accept(ledger, REVISION, who="ben", now=START)
        write(*about, **more)

    ledger.note_all = ben_first  # type: ignore[method-assign]
    assert rollout.accept(ledger, REVISION, who="ana", now=START) == 0

    (word,) = ledger.notes(rollout.TOPIC)
    assert rollout.accepted_by(word.value) == ("ben", "ana")
    assert rollout.is_accepted(ledger, REVISION, 2)


def test_what_waits_is_weighed_before_anybody_accepts_it() -> None:
    """So that who accepts knows what it would change."""
    room = careful(capped(ASK, 2), count=3)

    adopt(room.app, [capped(PAY, None)])

    (asked,) = room.ledger.notes(rollout.TOPIC)
    found = impact.from_value(asked.value["weighed"])
    assert found is not None
    assert found.sentence().startswith("Of 3 open reviews: 3 escalate → approve (0.72 USD).")
    assert asked.value["raises"] == ["approvals"]
