"""Caps hold among processes that race for the last room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.domain.decision import Action, Decision
from reviewbot.domain.errors import CapReached, LedgerUnwritable
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import Ledger, Limit
from tests.forks import end_of, fork
from tests.ledger.things import a_decision, after

WORKERS = 8
SHARE = 52_000
"""Micro-dollars of room for each decision; on average they want 75,000."""


@pytest.mark.parametrize(
    "each", [12, pytest.param(1250, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_eight_workers_overshoot_by_nothing(
    database_url: str, opened: Callable[..., Any], each: int
) -> None:
    """Every amount that fitted is in, and together they fit."""
    opened(database_url).close()
    room = SHARE * WORKERS * each
    children = [_work(database_url, worker, each, room) for worker in range(WORKERS)]
    assert [end_of(child) for child in children] == [0] * WORKERS

    ledger = opened(database_url)
    spent = sum(logged.decision.amount_micros or 0 for logged in ledger.open_intents())
    assert room - 60_000 <= spent <= room
    assert ledger.verify().whole


def _work(url: str, worker: int, each: int, room: int) -> int:
    """A process that intends as much as it can."""
    cap = Limit(
        name="money", policy="comments", actions=frozenset({Action.APPROVE}),
        measure="micros", at_most=room, seconds=86_400.0,
    )  # fmt: skip

    def work() -> None:
        ledger = open_ledger(url)
        for n in range(each):
            amount = 20_011 + (worker * 7919 + n * 104_729) % 110_000
            _intend(ledger, a_decision(task_id=f"w{worker}n{n}", amount_micros=amount), cap)
        ledger.close()

    return fork(work)


def _intend(ledger: Ledger, decision: Decision, cap: Limit) -> None:
    """Where the others leave no turn for seconds, try again as the next pass would."""
    while True:
        try:
            ledger.intend(decision, [cap])
        except LedgerUnwritable:
            continue
        except CapReached:
            pass
        return


@given(
    st.lists(st.tuples(st.integers(0, 7200), st.integers(0, 400)), min_size=1, max_size=12),
    st.integers(1, 900),
)
def test_no_window_ever_holds_more_than_the_cap(
    wanted: list[tuple[int, int]], at_most: int
) -> None:
    """Whatever is asked for and when; and at `room_at` the refused one fits."""
    ledger = open_ledger("memory:")
    limit = Limit(
        name="hourly", policy="comments", actions=frozenset({Action.APPROVE}),
        measure="micros", at_most=at_most, seconds=3600.0,
    )  # fmt: skip
    sent: list[tuple[int, int]] = []
    for n, (second, amount) in enumerate(sorted(wanted)):
        decision = a_decision(
            task_id=f"t{n}", amount_micros=amount, decided_at=after(seconds=second)
        )
        used = sum(a for s, a in sent if s > second - 3600)
        try:
            ledger.intend(decision, [limit])
            assert used + amount <= at_most
            sent.append((second, amount))
        except CapReached as refused:
            assert used + amount > at_most
            assert (refused.room_at is None) == (amount > at_most)
            if refused.room_at is not None:
                later = int((refused.room_at - after()).total_seconds())
                assert sum(a for s, a in sent if s > later - 3600) + amount <= at_most
                assert sum(a for s, a in sent if s > later - 3601) + amount > at_most
