"""What a policy's own guardrails still keep back at `decide by` is undecided: the deadline decides it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reviewbot.core.replay import replay
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.review.poll import poll_once
from reviewbot.safety import breaker, pauses
from tests.fakes import START
from tests.safety.test_guards import ASK, FALLBACK, SEND_BACK, Room, a_policy, a_room

ONE_DISPUTE = (
    "guardrails:\n  disputes: at most 1 per day\n  when over: {over}\n  fallback exempt: {exempt}\n"
)
BY_CHECKS = """deadline:
  decide by: 3h before deadline
  if undecided:
    - when: {last.comments_scraped: at least 1}
      then: approve
    - otherwise: escalate
  because: In time.
"""


def a_full_room(
    *, over: str = "escalate", exempt: str = "yes", fallback: str = FALLBACK, more: str = ""
) -> Room:
    """Two tasks to send back, 12 h before their deadline; the cap lets one through."""
    rails = ONE_DISPUTE.format(over=over, exempt=exempt) + more
    room = a_room(a_policy(SEND_BACK, rails, fallback), count=2, hours=12)
    poll_once(room.app)
    assert room.sent() == room.sent(Action.DISPUTE) == 1
    return room


def at_decide_by(room: Room) -> None:
    """Poll when the fallback is due for both."""
    room.clock.forward(hours=9, minutes=2)
    poll_once(room.app)


def replays(room: Room) -> bool:
    """Whether every decision of the log comes out again."""
    return all(answer.agrees for answer in replay(room.ledger.decisions(), Revisions(room.ledger)))


@pytest.mark.parametrize("over", ["escalate", "hold"])
def test_a_dispute_over_its_cap_gets_the_fallback(over: str) -> None:
    """Not before its moment; then it is approved as undecided, and the log says what was wanted."""
    room = a_full_room(over=over)
    room.clock.forward(hours=8)
    poll_once(room.app)
    assert room.sent() == 1

    room.clock.forward(hours=1, minutes=2)
    summary = poll_once(room.app)

    assert room.sent(Action.APPROVE) == 1
    paid = room.world.sent[-1]
    assert (paid.rule, paid.wanted, paid.held_by) == (DEADLINE, Action.DISPUTE, None)
    assert paid.reason == "In time."
    assert summary.undecided == ()
    assert replays(room)


def test_a_fallback_that_counts_finds_its_own_caps() -> None:
    """A full cap on approvals holds it as well: a person is asked, and silence is foretold."""
    rails = ONE_DISPUTE.format(over="escalate", exempt="no") + "  approvals: at most 1 per day\n"
    room = a_room(a_policy(SEND_BACK, rails), count=3, hours=12)
    poll_once(room.app)
    room.clock.forward(hours=9, minutes=3)
    summary = poll_once(room.app)

    assert [decision.action for decision in room.world.sent] == [Action.DISPUTE, Action.APPROVE]
    held = next(logged.decision for logged in room.ledger.decisions(task_id="task-002")[::-1])
    assert (held.action, held.wanted) == (Action.ESCALATE, Action.APPROVE)
    assert "approvals: at most 1 per day" in (held.held_by or "")
    assert [seen.task_id for seen in summary.undecided] == ["task-002"]
    assert replays(room)


def test_a_fallback_held_by_its_own_cap_is_replayed_as_the_fallback() -> None:
    """Where nobody is asked it is held as it is, and the log also says what its rule wanted."""
    rails = ONE_DISPUTE.format(over="hold", exempt="no") + "  approvals: at most 1 per day\n"
    room = a_room(a_policy(SEND_BACK, rails), count=3, hours=12)
    poll_once(room.app)
    room.clock.forward(hours=9, minutes=3)
    poll_once(room.app)

    held = next(logged.decision for logged in room.ledger.decisions(task_id="task-002")[::-1])
    assert (held.rule, held.action, held.wanted) == (DEADLINE, Action.APPROVE, Action.DISPUTE)
    assert "approvals: at most 1 per day" in (held.held_by or "")
    assert replays(room)


def test_the_cases_of_a_fallback_look_at_the_evidence() -> None:
    """It is fetched where the rule itself did not need it, but for the person who is asked."""
    room = a_full_room(fallback=BY_CHECKS)
    assert room.world.calls.count("evidence") == 1
    room.world.calls.clear()

    at_decide_by(room)

    assert room.sent(Action.APPROVE) == 1
    assert room.world.calls.count("evidence") == 1
    assert replays(room)


def test_where_nothing_was_seen_the_question_stays() -> None:
    """A fallback that asks a person says nothing new: the cap's question stands."""
    room = a_full_room(fallback=BY_CHECKS)
    room.world.comments_scraped = 0
    at_decide_by(room)

    (asked,) = [logged for logged in room.ledger.decisions() if logged.state == "held"]
    assert room.sent() == 1
    assert (asked.decision.action, asked.decision.wanted) == (Action.ESCALATE, Action.DISPUTE)
    assert "disputes: at most 1 per day" in (asked.decision.held_by or "")
    assert replays(room)


def test_a_fallback_may_leave_it() -> None:
    """Silence pays, and somebody decided so."""
    room = a_full_room(fallback=FALLBACK.replace("approve", "leave"))
    at_decide_by(room)

    newest = room.ledger.decisions()[-1].decision
    assert room.sent() == 1
    assert (newest.action, newest.rule, newest.wanted) == (Action.LEAVE, DEADLINE, Action.DISPUTE)
    assert poll_once(room.app).undecided == ()
    assert replays(room)


def test_what_the_policys_own_pause_holds_gets_the_fallback_too() -> None:
    """`pause disputes when` holds the dispute, not the end of the round."""
    pause = "guardrails:\n  pause disputes when: {fleet.open_tasks: at least 1}\n"
    room = a_room(a_policy(SEND_BACK, pause), count=1, hours=12)
    poll_once(room.app)
    assert room.sent() == 0

    at_decide_by(room)

    assert [decision.action for decision in room.world.sent] == [Action.APPROVE]
    assert replays(room)


@pytest.mark.parametrize("stop", ["pause", "breaker"])
def test_a_persons_pause_and_an_open_breaker_stop_the_fallback(stop: str) -> None:
    """They stop everything; who will be paid by silence is said instead."""
    room = a_room(a_policy(SEND_BACK), count=1, hours=12)
    if stop == "pause":
        pauses.pause(room.ledger, "dispute", reason="a look", who="lead", until=None, now=START)
    else:
        breaker.open_breaker(room.app.guard_post, "guarded", "drift", "something changed")
    at_decide_by(room)

    assert room.sent() == 0


def test_a_question_of_a_rule_is_not_touched() -> None:
    """Asked by its rule, it gets its fallback as ever, with nothing wanted in its place."""
    room = a_room(a_policy(ASK), count=1, hours=12)
    at_decide_by(room)

    (paid,) = room.world.sent
    assert (paid.action, paid.rule, paid.wanted) == (Action.APPROVE, DEADLINE, None)
    assert paid.decided_at == START + timedelta(hours=9, minutes=2)
