"""The week is told at its hour, once, with the books, what slipped, and what changes moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reviewbot.core.questions import find_round
from reviewbot.domain.alarm import WeeklyHour
from reviewbot.domain.decision import Action
from reviewbot.insights.digest import DigestWeek, SlippedRule, week
from reviewbot.insights.grades import Grade
from reviewbot.insights.scorecard import GroundTotal, PayoutTotals, RuleScore
from reviewbot.presentation.digest import digest_lines
from reviewbot.review.answer import PersonAnswer, answer
from reviewbot.review.poll import poll_once
from reviewbot.runtime.chores import tell_week
from reviewbot.safety.rollout import adopt
from tests.safety.test_guards import ASK, PAY, Room, a_policy, a_room, tasks

MONDAY = WeeklyHour(day=0, minute=9 * 60)


@pytest.mark.parametrize(
    ("now", "zone", "latest"),
    [
        ("2026-06-08T09:00:00", "UTC", "2026-06-08T09:00:00"),
        ("2026-06-08T08:59:59", "UTC", "2026-06-01T09:00:00"),
        ("2026-06-14T23:00:00", "UTC", "2026-06-08T09:00:00"),
        ("2026-06-08T07:30:00", "Europe/Paris", "2026-06-08T07:00:00"),
        # The clocks go forward on the Sunday before.
        ("2026-03-30T07:00:00", "Europe/Paris", "2026-03-30T07:00:00"),
        ("2026-03-30T06:59:00", "Europe/Paris", "2026-03-23T08:00:00"),
    ],
)
def test_the_hour_is_that_of_the_readers_clocks(now: str, zone: str, latest: str) -> None:
    """The last Monday at nine, also over the change to summer time."""
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert MONDAY.latest(at, zone) == datetime.fromisoformat(latest).replace(tzinfo=UTC)


def tell(room: Room, hour: WeeklyHour | None = MONDAY) -> bool:
    """What the chore does."""
    return tell_week(room.ledger, room.app.notifier, hour)


def test_the_week_is_told_once_with_all_that_happened() -> None:
    """From the first hour on that this log has seen; a person's answer, a rule's, a change, a link each."""
    room = a_room(a_policy(ASK), count=3)
    assert not tell(room) and not tell(room, None)
    poll_once(room.app)
    for number in range(2):
        reply = PersonAnswer(action=Action.APPROVE, who="ana")
        answer(room.app, find_round(room.ledger, f"task-{number:03}"), reply)
    adopt(room.app, [a_policy(PAY)])
    room.world.add(*tasks(1, first=10))
    poll_once(room.app)
    to_monday = MONDAY.latest(room.clock.now(), "UTC") + timedelta(days=7) - room.clock.now()
    room.clock.forward(seconds=to_monday.total_seconds() + 60)

    assert tell(room) and not tell(room)
    said = [about for about in room.said("alarm") if about["kind"] == "digest"]
    assert "by rules 2 (0.48 USD), by the fallback 0 (0.00 USD), by people 2 (0.48 USD)" in str(
        said[0]["sentence"]
    )
    assert "by silence 0" in str(said[0]["sentence"])
    assert str(said[1]["sentence"]).startswith("Changed: guarded ")
    assert [about["facts"]["page"] for about in said] == ["/log", "/policies/guarded"]  # type: ignore[index]


def test_an_hour_that_nobody_was_there_for_is_told_late_but_not_for_ever() -> None:
    """Two days later it is; after four the next one comes."""
    for days, is_told in ((2, True), (4, False)):
        room = a_room(a_policy(PAY), count=1)
        tell(room)
        to_monday = MONDAY.latest(room.clock.now(), "UTC") + timedelta(days=7 + days)
        room.clock.forward(seconds=(to_monday - room.clock.now()).total_seconds())
        assert tell(room) is is_told
        assert not tell(room)


def test_a_rule_slipped_where_more_turned_out_wrong_than_before_beyond_chance() -> None:
    """Two of three against one of a hundred: said with both figures; one alone says nothing."""
    now = RuleScore(voice="", rule="pay", action=Action.APPROVE)
    now.counts.update({Grade.OVERRULED: 2, Grade.RIGHT: 1})
    before = RuleScore(voice="", rule="pay", action=Action.APPROVE)
    before.counts.update({Grade.OVERRULED: 1, Grade.RIGHT: 99})
    at = datetime(2026, 6, 8, tzinfo=UTC)
    books = PayoutTotals(
        paid={name: GroundTotal() for name in ("rule", "person", "fallback", "silence")},
        nobody_answered=3,
    )
    found = DigestWeek(
        since=at - timedelta(days=7),
        until=at,
        books=books,
        slipped=(SlippedRule(now=now, before=before),),
    )
    said = list(digest_lines(found, "UTC"))

    assert said[1] == (
        "Rule 'pay' slipped: 2 of 3 answered decisions turned out wrong"
        " (1 of 100 in the 30 days before)",
        "/rules",
    )
    assert said[2] == ("3 questions ended without an answer", "/log?action=escalate")


def test_an_empty_week_is_told_in_one_line() -> None:
    """Nothing slipped, nothing changed, nothing was asked."""
    room = a_room(a_policy(PAY))
    found = week(room.ledger, room.clock.now())

    assert len(list(digest_lines(found, "UTC"))) == 1
