"""What a statement forbids is not sent: a person is asked, the log names it, and people are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reviewbot.core.replay import replay
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import DEADLINE, Action, State
from reviewbot.foresight.gather import Foreseen
from reviewbot.review.poll import poll_once
from tests.fakes import START
from tests.safety.test_guards import FALLBACK, Room, a_policy, a_room

NEVER = """never:
  - name: watched accounts are not paid
    when: {{task.saved_account_id: in list watched}}
    then: {deed}
    but: [{but}]
lists:
  watched: [lumen]
"""
PAY = "  - name: pay\n    always: yes\n    then: approve\n"
LEAVE = "  - name: leave it\n    always: yes\n    then: leave\n    because: It is fine.\n"
FORBIDS = 'a statement forbids it: "watched accounts are not paid"'
UNCLEAR = 'it cannot be told whether a statement forbids it: "watched accounts are not paid"'


def a_watched_room(
    rules: str = PAY, *, but: str = "", deed: str = "approve", account: Any = "lumen", **more: Any
) -> Room:
    """One task of a watched account, 12 h before its deadline, and a rule that no check has seen."""
    judge = a_policy(rules, NEVER.format(but=but, deed=deed), more.pop("fallback", FALLBACK))
    return a_room(judge, count=1, hours=12, saved_account_id=account, **more)


def newest(room: Room) -> Any:
    """The newest decision."""
    return room.ledger.decisions()[-1]


@pytest.mark.parametrize(
    ("account", "sent", "held"), [("orbit", 1, None), ("lumen", 0, FORBIDS), (None, 0, UNCLEAR)]
)
def test_an_action_that_may_be_forbidden_is_a_question(
    account: str | None, sent: int, held: str | None
) -> None:
    """Of another account it is sent; where the account is not known nobody can tell, so it is not."""
    room = a_watched_room(account=account)
    poll_once(room.app)
    assert room.sent() == sent
    logged = newest(room)
    if held is None:
        return
    assert (logged.state, logged.decision.action, logged.decision.rule) == (
        State.HELD,
        Action.ESCALATE,
        "pay",
    )
    assert (logged.decision.held_by, logged.decision.wanted) == (held, Action.APPROVE)
    assert logged.decision.reason == f"{held}; the rule says approve"
    assert poll_once(room.app).undecided
    assert len(room.ledger.decisions()) == 1, "it is said once"
    assert all(answer.agrees for answer in replay(room.ledger.decisions(), Revisions(room.ledger)))


def test_people_are_told_who_is_paid_by_silence() -> None:
    """The alarm names the statement, and says what silence does if nobody answers."""
    room = a_watched_room()
    poll_once(room.app)
    (told,) = room.alarms("statement")
    assert "held back by the statement 'watched accounts are not paid' of its policy" in told
    assert "1 task (0.24 USD) will be paid by silence" in told
    (question,) = room.alarms("question")
    assert FORBIDS in question


def test_the_fallback_is_forbidden_too_and_silence_pays() -> None:
    """Not at `decide by` either; the question stands, and what is foretold is silence."""
    room = a_watched_room()
    poll_once(room.app)
    (future,) = Foreseen(room.app)().futures.values()
    assert (future.end, future.why) == ("silence", FORBIDS)
    room.clock.forward(hours=10)
    poll_once(room.app)
    assert room.sent() == 0
    assert newest(room).decision.held_by == FORBIDS


def test_a_fallback_that_is_excepted_decides_in_its_place() -> None:
    """From `decide by` on it pays, as was foretold; the log says what the rule had wanted."""
    room = a_watched_room(but="deadline")
    poll_once(room.app)
    assert room.sent() == 0
    (future,) = Foreseen(room.app)().futures.values()
    assert (future.end, future.rule) == ("fallback", DEADLINE)
    room.clock.forward(hours=9, minutes=2)
    poll_once(room.app)
    paid = room.world.sent[-1]
    assert (paid.action, paid.rule, paid.wanted) == (Action.APPROVE, DEADLINE, Action.APPROVE)


def test_what_is_left_to_silence_on_purpose_may_be_forbidden_as_well() -> None:
    """A person is asked in place of leaving it."""
    room = a_watched_room(LEAVE, deed="leave")
    poll_once(room.app)
    logged = newest(room)
    assert (logged.decision.action, logged.decision.wanted) == (Action.ESCALATE, Action.LEAVE)


def test_a_question_of_a_statement_goes_when_the_list_lets_it() -> None:
    """It does not stay with its person as a full cap's does: the entry ends, and it is sent."""
    entry = f"[{{id: lumen, until: {START.date()}}}]"
    never = NEVER.format(but="", deed="approve").replace("[lumen]", entry)
    room = a_room(a_policy(PAY, never), count=1, hours=40, saved_account_id="lumen")
    poll_once(room.app)
    assert room.sent() == 0
    room.clock.forward(hours=24)
    poll_once(room.app)
    assert room.sent() == 1


def test_what_waits_for_its_hour_is_no_question_of_a_statement_yet() -> None:
    """What counts is whether it is forbidden when it is to go: the entry has ended by then."""
    never = NEVER.format(but="", deed="approve").replace(
        "[lumen]", f"[{{id: lumen, until: {START.date()}}}]"
    )
    hours = "hours: {desk: {open: mon-fri 09:00-18:00}}\n"
    rules = PAY + "    act during: desk\n"
    room = a_room(a_policy(rules, never + hours), count=1, hours=40, saved_account_id="lumen")
    poll_once(room.app)
    decision = newest(room).decision
    assert (decision.action, decision.rule) == (Action.APPROVE, "pay")
    assert decision.until == START + timedelta(hours=11)
    assert room.alarms("question") == []
    room.clock.forward(hours=11)
    poll_once(room.app)
    assert room.sent() == 1


def test_evidence_is_fetched_where_a_statement_asks_for_it() -> None:
    """Though the rule itself needs none: what was not looked at cannot be told."""
    never = "never:\n  - name: blind\n    when: {last.comments_scraped: 0}\n    then: approve\n"
    room = a_room(a_policy(PAY, never), count=2, hours=12)
    room.world.comments_scraped = 0
    poll_once(room.app)
    assert room.sent() == 0
    assert room.world.calls.count("evidence") == 2
    back = a_room(a_policy(PAY, never.replace("approve", "dispute")), count=1, hours=12)
    poll_once(back.app)
    assert back.sent() == 1
    assert "evidence" not in back.world.calls


def test_a_dry_run_writes_down_what_it_would_ask() -> None:
    """As a live one would."""
    room = a_watched_room()
    room.app.benches[0].desk = None
    poll_once(room.app)
    assert newest(room).decision.held_by == FORBIDS


def test_a_pass_that_ends_in_time_is_foretold_by_the_hour() -> None:
    """A statement on the clock: what it forbids by night goes in the morning, and that is foretold."""
    never = (
        "hours: {day: {open: 06:00-20:00}}\nnever:\n  - name: nothing is paid by night\n"
        "    when: {now: not in hours day}\n    then: approve\n"
    )
    room = a_room(a_policy(PAY, never), count=1, hours=60)
    start = room.clock.now().replace(hour=21, minute=0)
    room.clock.forward(seconds=(start - room.clock.now()) / timedelta(seconds=1))
    poll_once(room.app)
    assert room.sent() == 0
    (future,) = Foreseen(room.app)().futures.values()
    assert future.end == "rule"
    assert future.at is not None and (future.at - start) >= timedelta(hours=9)
    room.clock.forward(hours=9, minutes=1)
    poll_once(room.app)
    assert room.sent() == 1
