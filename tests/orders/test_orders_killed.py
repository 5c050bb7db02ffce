"""kill -9 in the middle of ordering, at every named point, and then the command once more."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from multiprocessing import Pipe
from pathlib import Path

import pytest

from reviewbot.domain.fault_point import on_fault_point
from reviewbot.ledger.open import open_ledger
from reviewbot.orders.place import OrderRow
from tests.acceptance.kills import FarClock, FarTransport, _serve
from tests.forks import end_of, fork
from tests.orders.shop import QUARANTINE, Shop, good_rows, outcomes, wanted

ROWS = 203
"""Two batches, so that a kill can come before, between and after them."""


@pytest.mark.parametrize("mode", ["honoured", "ignored"])
@pytest.mark.parametrize(
    ("point", "at"),
    [
        ("order.intended", 1),
        ("order.answered", 1),
        ("order.noted", 1),
        ("order.intended", 2),
        ("order.answered", 2),
        ("order.noted", 2),
    ],
)
def test_a_killed_run_is_finished_by_the_next_ones(
    point: str, at: int, mode: str, tmp_path: Path
) -> None:
    """At once nothing is sent twice; after the quarantine each row is there once."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    shop = Shop(ledger=open_ledger(url), idempotency=mode)
    rows = good_rows(shop.world, ROWS)
    shop.ledger.close()

    assert _killed(shop, url, rows, point, at)

    shop.ledger = open_ledger(url)
    shop.run(rows)
    assert max(shop.made().values(), default=0) <= 1
    shop.clock.sleep(QUARANTINE.total_seconds() + 60)
    assert set(outcomes(shop.run(rows))) <= {"already", "created"}
    assert shop.made() == wanted(rows)
    assert outcomes(shop.run(rows)) == {"already": ROWS}
    assert shop.ledger.verify().whole
    shop.ledger.close()


def _killed(shop: Shop, url: str, rows: Sequence[OrderRow], point: str, at: int) -> bool:
    """Run in a fork that dies when it comes to the point for the n-th time; say whether it did."""
    ours, theirs = Pipe()
    left = at

    def die(name: str) -> None:
        nonlocal left
        left -= name == point
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        ours.close()
        shop.ledger = open_ledger(url)
        counter = shop.counter(transport=FarTransport(theirs), clock=FarClock(theirs))
        on_fault_point(die)
        counter.run(rows)

    child = fork(work)
    theirs.close()
    _serve(ours, shop.transport, shop.clock)
    ours.close()
    end = end_of(child)
    assert end in (0, -signal.SIGKILL)
    return end != 0
