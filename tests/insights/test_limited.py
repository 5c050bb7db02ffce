"""The past held against the limits of a policy, as the loop would hold it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reviewbot.core.replay import PastReview
from reviewbot.domain.decision import Action
from reviewbot.foresight.room import Room
from reviewbot.insights.limited import KeptBack, TimedReviews
from reviewbot.policy.facts import build_facts
from reviewbot.policy.testing.compare import Impact, counter
from reviewbot.ports.ledger import Logged
from reviewbot.review.poll import poll_once
from tests.builders import an_account_item
from tests.fakes import START
from tests.ledger.things import a_decision
from tests.safety.test_guards import FALLBACK, PAY, SEND_BACK, a_policy, a_room, tasks
from tests.tier import times

ASK_LATER = FALLBACK.replace("undecided: approve", "undecided: escalate")


def reviews(count: int, *, hours: float = 30.0, apart: float = 0.0) -> list[PastReview]:
    """Recorded reviews of so many tasks, each so many hours after the one before."""
    found = []
    for n, item in enumerate(tasks(count, hours=hours)):
        facts = build_facts(item, now=START + n * timedelta(hours=apart))
        logged = Logged(seq=n, decision=a_decision(Action.APPROVE), state="held", state_at=START)
        found.append(PastReview(logged=logged, seen=facts))
    return found


def counted(
    found: list[PastReview], rails: str, *, rules: str = PAY, fallback: str = FALLBACK
) -> tuple[Impact, tuple[KeptBack, ...]]:
    """A back-test of these reviews by a policy with these guardrails."""
    exempt = "" if "exempt" in rails else "  fallback exempt: no\n"
    judge = a_policy(rules, f"guardrails:\n{rails}{exempt}", fallback)
    impact = Impact()
    timed = TimedReviews()
    count = counter(impact, judge, judge, START, timed=timed.add)
    for review in found:
        count(review)
    return impact, timed.hold(impact, judge, judge)[1]


@pytest.mark.parametrize(
    ("over", "fallback", "ends", "kept"),
    [
        ("escalate", FALLBACK, {"approve": 2, "escalate": 3}, (3, 0, 3, 0, 0)),
        ("hold", FALLBACK, {"approve": 2, "silence": 3}, (3, 0, 0, 0, 3)),
        ("hold", ASK_LATER, {"approve": 2, "silence": 3}, (3, 0, 0, 0, 3)),
    ],
)
def test_a_days_limit_keeps_back_what_the_loop_would(
    over: str, fallback: str, ends: dict[str, int], kept: tuple[int, ...]
) -> None:
    """Two a day, five at once with half a day left: the rest is asked, or paid by silence."""
    rails = f"  approvals: at most 2 per day\n  when over: {over}\n"

    impact, (limit,) = counted(reviews(5, hours=12), rails, fallback=fallback)

    assert {action: cell.count for (_, action), cell in impact.flips().items()} == ends
    assert limit == KeptBack("approvals: at most 2 per day", *kept)


def test_what_finds_room_later_is_only_put_off() -> None:
    """Two an hour and thirty hours left: all are sent, three of them later."""
    rails = "  approvals: at most 2 per hour\n  when over: hold\n"

    impact, (limit,) = counted(reviews(5), rails)

    assert {pair: cell.count for pair, cell in impact.flips().items()} == {
        ("approve", "approve"): 5
    }
    assert (limit.count, limit.later) == (3, 3)


def test_a_limit_is_a_window_that_moves_with_the_reviews() -> None:
    """Half a day apart, two a day is no limit; in whatever order they were recorded."""
    found = reviews(6, apart=12.5, hours=100)

    assert counted(found[::-1], "  approvals: at most 2 per day\n")[1] == ()


def test_the_first_in_time_take_the_room_however_they_were_recorded() -> None:
    """Three within a day, two a day: the newest is asked about."""
    rails = "  approvals: at most 2 per day\n  when over: escalate\n"

    impact, _ = counted(reviews(3, apart=1.0)[::-1], rails)

    ((_, asked),) = [(pair, cell) for pair, cell in impact.flips().items() if pair[1] != "approve"]
    assert asked.samples == ("task-002",)


def test_an_exempt_fallback_decides_what_the_limit_keeps_back() -> None:
    """Disputes over the limit are approved at the deadline, and say so."""
    rails = "  disputes: at most 1 per day\n  when over: hold\n  fallback exempt: yes\n"

    impact, (limit,) = counted(reviews(3, hours=12), rails, rules=SEND_BACK)

    assert {rule: cell.count for _, rule, cell in impact.by_rule()} == {"deadline": 2, "back": 1}
    assert (limit.count, limit.by_deadline) == (2, 2)


def test_another_kind_of_review_counts_nowhere() -> None:
    """Not among the reviews, so not in any share of them either; with limits and without."""
    account = an_account_item()
    logged = Logged(seq=9, decision=a_decision(Action.APPROVE), state="held", state_at=START)
    foreign = PastReview(logged=replace_review(logged), seen=build_facts(account, now=START))

    for rails in ("  when over: hold\n", "  approvals: at most 9 per day\n"):
        impact, _ = counted([*reviews(2), foreign], rails)
        assert (impact.total, impact.others) == (2, 1)


def replace_review(logged: Logged) -> Logged:
    """The same decision about an account."""
    from msgspec.structs import replace

    return replace(logged, decision=replace(logged.decision, review="accounts"))


@given(
    count=st.integers(1, 8),
    limit=st.sampled_from(
        ("approvals: at most 2 per hour", "approvals: at most 3 per day",
         "money approved: at most 0.50 USD per day", "money approved: at most 0.50 USD per hour")
    ),
    over=st.sampled_from(("hold", "escalate")),
)  # fmt: skip
@settings(max_examples=times(8, 100), deadline=None)
def test_a_first_pass_sends_what_is_not_kept_back(count: int, limit: str, over: str) -> None:
    """The loop over the same tasks at the same moment sends as many at once."""
    rails = f"  {limit}\n  when over: {over}\n"
    room = a_room(a_policy(PAY, f"guardrails:\n{rails}", FALLBACK), count=count)
    poll_once(room.app)

    impact, kept = counted(reviews(count), rails)

    assert room.sent() == count - sum(bite.count for bite in kept)
    assert impact.total == count


@settings(max_examples=times(15, 200), deadline=None)
@given(
    st.lists(st.floats(0.0, 30.0), min_size=1, max_size=40),
    st.sampled_from(["approvals", "disputes", "disputes per account"]),
    st.sampled_from(["per day", "per hour", "per calendar day"]),
    st.sampled_from(["hold", "escalate"]),
)
def test_what_is_past_for_good_may_be_forgotten(
    gaps: list[float], what: str, window: str, over: str
) -> None:
    """Over weeks, limits keep back the same as if all that was sent were remembered."""
    rails = f"  {what}: at most 2 {window}\n  when over: {over}\n"
    rules = PAY if what == "approvals" else SEND_BACK
    at, found = START, []
    for n, gap in enumerate(gaps):
        at += timedelta(hours=gap)
        (item,) = tasks(1, first=n)
        facts = replace(build_facts(item, now=at), deadline_at=at + timedelta(hours=30))
        logged = Logged(seq=n, decision=a_decision(Action.APPROVE), state="held", state_at=at)
        found.append(PastReview(logged=logged, seen=facts))
    forgetful = counted(found, rails, rules=rules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Room, "forget", lambda *_: None)
        assert counted(found, rails, rules=rules) == forgetful
