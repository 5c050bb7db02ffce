"""Caps: what is in the window, what is kept for the more urgent, and when there is room again."""

from __future__ import annotations

from typing import Any

import pytest

from reviewbot.domain.decision import Action
from reviewbot.domain.errors import CapReached
from reviewbot.ledger.events import to_micros
from reviewbot.ledger.limits import SpentRoom, check_room, concerns, window_start
from reviewbot.ports.ledger import Limit, Need
from tests.ledger.things import a_decision, after

HOUR = 3600.0


def a_limit(**changes: Any) -> Limit:
    """Two approvals within ten hours."""
    fields: dict[str, Any] = {
        "name": "approvals",
        "policy": "comments",
        "actions": frozenset({Action.APPROVE}),
        "measure": "count",
        "at_most": 2,
        "seconds": 10 * HOUR,
    }
    return Limit(**(fields | changes))


def spent(
    *hours: float, action: Action = Action.APPROVE, amount: int | None = 240_000
) -> list[SpentRoom]:
    """Decisions so many hours after the round began."""
    return [SpentRoom(to_micros(after(hours=hour)), amount, action.value) for hour in hours]


def test_a_cap_concerns_its_policy_its_actions_and_its_account() -> None:
    """Another policy, another action and another account use no room of it; a share looks at its part."""
    assert concerns(a_limit(), a_decision())
    assert concerns(a_limit(account_id="a1"), a_decision())
    assert not concerns(a_limit(account_id="a2"), a_decision())
    assert not concerns(a_limit(policy="other"), a_decision())
    assert not concerns(a_limit(), a_decision(Action.DISPUTE))
    share = a_limit(share_of=frozenset({Action.DISPUTE}))
    assert concerns(share, a_decision(Action.DISPUTE))
    assert not concerns(share, a_decision())


def test_a_window_ends_where_the_decision_stands() -> None:
    """It reaches back by the cap's length."""
    decision = a_decision(decided_at=after(hours=12))
    assert window_start(a_limit(), decision) == to_micros(after(hours=2))


def test_a_full_cap_says_what_is_used_and_when_there_is_room() -> None:
    """There is room when enough of the oldest have left the window, not when the first has."""
    decision = a_decision(decided_at=after(hours=3))
    check_room(a_limit(), decision, spent(1))
    with pytest.raises(CapReached) as full:
        check_room(a_limit(), decision, spent(1, 2))
    assert str(full.value) == (
        "task t1: approve is over the cap 'approvals' (2 of 2 decisions used, 1 more wanted)"
    )
    assert (full.value.cap, full.value.room_at) == ("approvals", after(hours=11))
    with pytest.raises(CapReached) as fuller:
        check_room(a_limit(), decision, spent(1, 1.5, 2))
    assert fuller.value.room_at == after(hours=11.5)


def test_money_counts_by_the_amount_and_what_has_none_weighs_nothing() -> None:
    """A cap in money is in millionths of a dollar."""
    money = a_limit(measure="micros", at_most=480_000)
    decision = a_decision(decided_at=after(hours=3))
    check_room(money, decision, [*spent(1), *spent(2, amount=None)])
    with pytest.raises(CapReached) as full:
        check_room(money, decision, spent(1, 2))
    assert "(480000 of 480000 millionths of a dollar used, 240000 more wanted)" in str(full.value)


def test_what_alone_is_over_the_cap_never_has_room() -> None:
    """No moment is named that would be waited for in vain."""
    with pytest.raises(CapReached) as full:
        check_room(a_limit(measure="micros", at_most=100_000), a_decision(), spent(0.5))
    assert full.value.room_at is None


def needs(*hours: float) -> tuple[Need, ...]:
    """More urgent things that will want room at these hours."""
    return tuple(Need(at=after(hours=hour), amount_micros=240_000) for hour in hours)


@pytest.mark.parametrize(
    ("now", "before", "needed", "refused_until"),
    [
        (1, (), (5,), None),
        (1, (), (5, 6), 6),
        (1, (), (6, 5), 6),
        (1, (0.5,), (5,), 5),
        (1, (0.5,), (10.5,), None),  # what is spent has left the window by then
        (1, (0.5,), (10.4,), 10.4),
        (1, (), (11,), None),  # we have left it
        (1, (), (11, 11), None),
        (1, (), (10.9, 10.9), 10.9),
        (1, (), (2, 10), 10),
        (-4, (), (-3, 5.9), 5.9),
    ],
)
def test_room_is_kept_for_what_is_more_urgent(
    now: float, before: tuple[float, ...], needed: tuple[float, ...], refused_until: float | None
) -> None:
    """In each window that ends where somebody will need room and that still holds the newcomer."""
    limit = a_limit(keep=needs(*needed))
    decision = a_decision(decided_at=after(hours=now))
    if refused_until is None:
        check_room(limit, decision, spent(*before))
        return
    with pytest.raises(CapReached, match="kept for what expires first") as full:
        check_room(limit, decision, spent(*before))
    assert full.value.room_at == after(hours=refused_until)


def test_what_was_kept_leaves_a_later_window_too() -> None:
    """A need of long ago takes no room from one that comes after its window."""
    limit = a_limit(seconds=2 * HOUR, keep=needs(0.5, 2.9))
    check_room(limit, a_decision(decided_at=after(hours=1)), [])
    with pytest.raises(CapReached) as full:
        check_room(
            a_limit(seconds=2 * HOUR, keep=needs(0.5, 2.4)),
            a_decision(decided_at=after(hours=1)),
            [],
        )
    assert str(full.value) == (
        "task t1: approve is over the cap 'approvals' (0 of 2 decisions used, 1 more wanted,"
        " 2 kept for what expires first)"
    )


@pytest.mark.parametrize(
    ("disputes", "others", "fits"), [(0, 4, True), (1, 3, True), (2, 2, False), (3, 0, True)]
)
def test_a_share_counts_once_there_are_enough(disputes: int, others: int, fits: bool) -> None:
    """At most 40 % of five, the newcomer among them; of fewer, no share is worked out."""
    limit = a_limit(
        name="share",
        measure="share",
        at_most=400_000,
        actions=frozenset({Action.APPROVE, Action.DISPUTE}),
        share_of=frozenset({Action.DISPUTE}),
        after=4,
    )
    decision = a_decision(Action.DISPUTE, decided_at=after(hours=3))
    history = [*spent(*[1] * disputes, action=Action.DISPUTE), *spent(*[2] * others)]
    if fits:
        check_room(limit, decision, history)
        return
    with pytest.raises(CapReached) as full:
        check_room(limit, decision, history)
    assert str(full.value) == (
        "task t1: dispute is over the cap 'share' (it would make 3 of 5 decisions)"
    )
    assert (full.value.cap, full.value.room_at) == ("share", None)


def test_room_in_money_is_kept_by_each_amount() -> None:
    """A dollar: 0.40 wanted, 0.30 spent, and 0.30 or 0.31 more kept for what comes first."""

    def decide(kept: int | None) -> None:
        need = Need(at=after(hours=4), amount_micros=kept)
        limit = a_limit(measure="micros", at_most=1_000_000, keep=(need,))
        decision = a_decision(decided_at=after(hours=3), amount_micros=400_000)
        check_room(limit, decision, spent(1, amount=300_000))

    decide(300_000)
    decide(None)
    with pytest.raises(CapReached) as full:
        decide(300_001)
    assert full.value.room_at == after(hours=4)
    assert str(full.value) == (
        "task t1: approve is over the cap 'approvals' (300000 of 1000000 millionths of a dollar"
        " used, 400000 more wanted, 300001 kept for what expires first)"
    )


def test_what_is_kept_leaves_the_window_with_its_whole_length() -> None:
    """Of two needs ten hours apart the first no longer counts beside the second."""
    limit = a_limit(at_most=2, keep=needs(-5, 5))
    check_room(limit, a_decision(decided_at=after(hours=-4)), spent())
    with pytest.raises(CapReached):
        check_room(a_limit(at_most=2, keep=needs(-4.9, 5)), a_decision(decided_at=after(hours=-4.95)), spent())  # fmt: skip


@pytest.mark.parametrize(("at_most", "fits"), [(250_000, True), (249_999, False)])
def test_a_share_is_of_all_with_the_newcomer_in_it(at_most: int, fits: bool) -> None:
    """One of four is a quarter, to the millionth; the words say which."""
    limit = a_limit(
        name="share",
        measure="share",
        at_most=at_most,
        actions=frozenset({Action.APPROVE, Action.DISPUTE}),
        share_of=frozenset({Action.DISPUTE}),
    )
    decision = a_decision(Action.DISPUTE, decided_at=after(hours=5))
    if fits:
        check_room(limit, decision, spent(1, 2, 3))
        return
    with pytest.raises(CapReached) as full:
        check_room(limit, decision, spent(1, 2, 3))
    assert str(full.value) == (
        "task t1: dispute is over the cap 'share' (it would make 1 of 4 decisions)"
    )
    assert (full.value.cap, full.value.room_at) == ("share", None)
