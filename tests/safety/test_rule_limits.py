"""A rule's own limit: what it counts, what follows where it is full, and that nobody overshoots it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reviewbot.core.replay import replay
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import DEADLINE, Action, State
from reviewbot.domain.errors import CapReached, NoAnswer
from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from reviewbot.safety.limits import limits_for
from tests.acceptance.house import sqlite
from tests.fakes import START
from tests.forks import end_of, fork
from tests.ledger.things import a_decision
from tests.safety.test_guards import Room, a_policy, a_room, tasks

PAY = '  - name: "pay"\n    always: yes\n    then: approve\n    limit: {limit}\n    when over: {over}\n'
BELOW = "  - name: below\n    always: yes\n    then: {then}\n"
BACK = "dispute\n    reason: Please post it again, as written."


def limited(limit: str = "at most 2 per day", over: str = "hold", below: str = "") -> Room:
    """Four tasks under a rule with a limit, after one pass."""
    rules = PAY.format(limit=limit, over=over) + (BELOW.format(then=below) if below else "")
    room = a_room(a_policy(rules), count=4)
    poll_once(room.app)
    return room


def replays(room: Room) -> bool:
    """Whether every decision of the log comes out again."""
    return all(answer.agrees for answer in replay(room.ledger.decisions(), Revisions(room.ledger)))


# What follows where it is full ---------------------------------------------------------------


def test_what_is_over_a_limit_asks_a_person_who_is_told_that_it_is_full() -> None:
    """By the limited rule, because of its limit, with what the rule wanted."""
    room = limited(over="escalate")

    assert room.sent(Action.APPROVE) == 2
    asked = [logged.decision for logged in room.ledger.decisions() if logged.state is State.HELD]
    assert {(decision.action, decision.rule, decision.wanted) for decision in asked} == {
        (Action.ESCALATE, "pay", Action.APPROVE)
    }
    assert asked[0].held_by == 'the limit is full: rule "pay": at most 2 per day'
    assert (asked[0].reason or "").startswith(asked[0].held_by)
    assert replays(room)


def test_what_is_held_over_a_limit_goes_when_it_has_room() -> None:
    """The most urgent first; nobody is asked meanwhile."""
    room = limited("at most 2 per hour", over="hold")
    assert room.sent() == 2
    assert {logged.decision.action for logged in room.ledger.decisions()} == {Action.APPROVE}

    room.clock.forward(minutes=61)
    poll_once(room.app)

    assert room.sent() == 4
    assert replays(room)


@pytest.mark.parametrize(
    ("below", "action"), [("escalate", Action.ESCALATE), (BACK, Action.DISPUTE)]
)
def test_a_rule_over_its_limit_is_passed_over(below: str, action: Action) -> None:
    """The rules below decide, under their own names; the trace says why the rule did not."""
    room = limited(over="skip", below=below)

    theirs = [
        logged.decision for logged in room.ledger.decisions() if logged.decision.rule == "below"
    ]
    assert [decision.action for decision in theirs] == [action] * 2
    first = room.ledger.decision(theirs[0].id)
    assert first is not None
    (passed, _) = json.loads(first.decision.trace)["rules"]
    assert passed["outcome"] == "not met"
    assert passed["conditions"] == [{"label": "its limit has room", "outcome": "not met"}]
    assert replays(room)


def test_a_question_of_a_rule_below_ends_when_the_limit_has_room() -> None:
    """The rule is asked again at each poll, and decides."""
    room = limited("at most 2 per hour", over="skip", below="escalate")
    room.clock.forward(minutes=61)
    poll_once(room.app)

    assert [decision.rule for decision in room.world.sent] == ["pay"] * 4


def test_where_the_rules_below_are_limited_as_well_each_passes_on() -> None:
    """Down to a rule that may, or to nobody."""
    rules = PAY.format(limit="at most 1 per day", over="skip") + PAY.replace("pay", "too").format(
        limit="at most 1 per day", over="skip"
    )
    room = a_room(a_policy(rules), count=3)
    poll_once(room.app)

    assert [decision.rule for decision in room.world.sent] == ["pay", "too"]
    (left,) = [logged.decision for logged in room.ledger.decisions() if logged.state is State.HELD]
    assert (left.action, left.rule) == (Action.ESCALATE, "no rule")


@pytest.mark.parametrize("over", ["escalate", "hold", "skip"])
def test_from_decide_by_on_the_deadline_decides_what_is_over_a_limit(over: str) -> None:
    """A limit of a rule never binds the fallback: silence would pay all the same."""
    rules = PAY.format(limit="at most 2 per day", over=over)
    room = a_room(a_policy(rules), count=4, hours=12)
    poll_once(room.app)
    room.clock.forward(hours=9, minutes=10)
    poll_once(room.app)

    assert [decision.rule for decision in room.world.sent] == ["pay"] * 2 + [DEADLINE] * 2
    assert replays(room)


# What it counts ------------------------------------------------------------------------------


def test_money_counts_what_the_rule_pays() -> None:
    """Four times 0.24 USD do not fit under 0.50."""
    assert limited("at most 0.50 USD per day").sent() == 2


def test_an_unknown_amount_asks_a_person() -> None:
    """Nobody can say whether it would fit."""
    room = a_room(a_policy(PAY.format(limit="at most 9 USD per day", over="skip")))
    room.world.add(*(replace(item, amount_micros=None) for item in tasks(1)))
    poll_once(room.app)

    (held,) = room.ledger.decisions()
    assert (held.decision.action, held.decision.rule) == (Action.ESCALATE, "pay")


def test_each_account_has_its_own_room() -> None:
    """What has no account is under no limit of one."""
    room = a_room(a_policy(PAY.format(limit="at most 1 per account per day", over="hold")))
    accounts = ("a", "a", "b", "b", None)
    for n, account in enumerate(accounts):
        room.world.add(*(replace(item, account_id=account) for item in tasks(1, first=n)))
    poll_once(room.app)

    assert sorted(str(decision.account_id) for decision in room.world.sent) == ["None", "a", "b"]


def test_it_counts_over_revisions_and_not_what_other_rules_or_people_did() -> None:
    """By the rule's name: the next revision goes on counting."""
    judge = a_policy(PAY.format(limit="at most 2 per day", over="hold"))
    room = a_room(judge)
    name = judge.policy.name
    ours = a_decision(policy=name, rule="pay", task_id="1", revision="old", decided_at=START)
    room.ledger.intend(ours)
    room.ledger.intend(a_decision(policy=name, rule="other", task_id="2", decided_at=START))
    asked = a_decision(policy=name, rule="pay", task_id="3", decided_at=START, decided_by="ana")
    room.ledger.intend(asked)
    room.world.add(*tasks(3))
    poll_once(room.app)

    assert room.sent() == 1


def test_a_write_without_an_answer_takes_its_room() -> None:
    """It may have been done."""
    room = a_room(a_policy(PAY.format(limit="at most 1 per day", over="hold")), count=2)

    def lost(_: object) -> None:
        room.world.before_write = None
        raise NoAnswer("a reset")

    room.world.before_write = lost
    poll_once(room.app)

    assert room.sent() == 0
    assert [logged.state for logged in room.ledger.open_intents()] == [State.UNKNOWN]


def test_two_bots_on_one_log_do_not_overshoot_it(tmp_path: Path) -> None:
    """All at once, each intent with the limits that its rule gives it; a third of them stay unclear."""
    url = sqlite(tmp_path)
    open_ledger(url).close()
    policy = a_policy(PAY.format(limit="at most 3 USD per day", over="hold")).policy

    def work(worker: int) -> int:
        def run() -> None:
            ledger = open_ledger(url)
            for n in range(16):
                decision = a_decision(
                    task_id=f"w{worker}n{n}", amount_micros=120_000 + 7_000 * n, policy=policy.name,
                    rule="pay",
                )  # fmt: skip
                try:
                    ledger.intend(decision, limits_for(policy, decision, ()))
                except CapReached:
                    continue
                if n % 3 == 0:
                    ledger.mark(decision.id, State.UNKNOWN, decision.decided_at)
            ledger.close()

        return fork(run)

    children = [work(worker) for worker in range(4)]
    assert [end_of(child) for child in children] == [0] * 4
    ledger = open_ledger(url)
    spent = sum(logged.decision.amount_micros or 0 for logged in ledger.open_intents())
    assert 2_800_000 <= spent <= 3_000_000
    ledger.close()


# The calendar's day --------------------------------------------------------------------------


@given(
    st.sampled_from(("Europe/Paris", "America/New_York", "Pacific/Auckland", "America/Havana")),
    st.sampled_from(((3, 29), (10, 25), (3, 8), (11, 1), (4, 5), (9, 27))),
    st.lists(st.integers(-1500, 3000), min_size=1, max_size=12),
    st.integers(1, 3),
)  # fmt: skip
def test_a_calendar_day_holds_so_many_whenever_the_clocks_change(
    zone: str, day: tuple[int, int], minutes: list[int], most: int
) -> None:
    """Days of 23 and of 25 hours count as one; at `room_at` the next day has begun."""
    limit = f"at most {most} per calendar day"
    judge = a_policy(f"{PAY.format(limit=limit, over='hold')}", f"timezone: {zone}\n")
    ledger = open_ledger("memory:")
    sent: dict[object, int] = {}
    start = datetime(2026, *day, tzinfo=UTC)
    for n, minute in enumerate(sorted(minutes)):
        at = start + timedelta(minutes=minute)
        here = at.astimezone(ZoneInfo(zone)).date()
        decision = a_decision(task_id=f"t{n}", policy=judge.policy.name, rule="pay", decided_at=at)
        try:
            ledger.intend(decision, limits_for(judge.policy, decision, ()))
            sent[here] = sent.get(here, 0) + 1
        except CapReached as full:
            assert sent[here] == most
            assert full.room_at is not None
            assert full.room_at.astimezone(ZoneInfo(zone)).date() == here + timedelta(days=1)
            before = full.room_at - timedelta(seconds=1)
            assert before.astimezone(ZoneInfo(zone)).date() == here
    assert max(sent.values()) <= most
