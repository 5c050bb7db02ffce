"""A PostgreSQL that is struck while a bot works on it: nothing twice or unlogged; back by itself."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random  # noqa: TID251 - seeded chance of a test

import psycopg
import pytest

from reviewbot.domain.errors import LedgerError
from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from reviewbot.simulator import scenarios
from tests.acceptance.checker import violations
from tests.acceptance.house import House, house
from tests.acceptance.test_a_pass import DECIDES_ALL
from tests.faults.rooms import QUARANTINE
from tests.faults.servers import OwnServer, a_server, own_server, small_disk
from tests.proof import proven
from tests.tier import times

__all__ = ["own_server"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Nemesis:
    """Strikes a server within whatever is being done."""

    def __init__(self, server: OwnServer) -> None:
        self._chance = Random(5)
        self._strikes: Sequence[Callable[[], None]] = (
            server.restart,
            server.terminate_backends,
            server.kill_a_backend,
            server.freeze,
        )
        self._struck = 0

    def during(self, work: Callable[[], None]) -> None:
        """Do some work, and strike at some moment of it."""
        strike = self._strikes[self._struck % len(self._strikes)]
        self._struck += 1
        thread = threading.Thread(target=self._strike, args=(strike, self._chance.uniform(0, 0.2)))
        thread.start()
        work()
        thread.join()

    def _strike(self, strike: Callable[[], None], delay: float) -> None:
        time.sleep(delay)  # noqa: TID251  the work goes on meanwhile
        with suppress(psycopg.Error):
            strike()


def test_a_server_struck_under_load_costs_nothing(own_server: OwnServer) -> None:
    """Restarts, killed and ended sessions, a server that stands still: each within a pass."""
    strikes, nemesis, met = times(4, 48), Nemesis(own_server), Counter[str | None]()
    world = scenarios.build("week", per_hour=25.0, waiting=40, seed=11)
    with house(world=world, ledger=own_server.new_database(), policy=DECIDES_ALL) as there:
        for _ in range(strikes):
            there.clock.sleep(3600)
            nemesis.during(lambda: met.update([_pass(there)]))
            own_server.wait()
            assert None in (_pass(there, 1), _pass(there, 1)), "it did not recover in two polls"
        for _ in range(3):
            assert _pass(there, QUARANTINE) is None

        assert violations(world, there.app.ledger) == []
    assert met["LedgerUnwritable"] >= strikes // 6, f"hardly a strike was felt: {met}"
    proven("faults", "P17", "strikes at PostgreSQL under one bot", strikes)


def test_a_full_disk_of_the_server_is_lived_through() -> None:
    """Nothing is sent while no intent can be written; with room again it goes on by itself."""
    with small_disk("120m") as disk, a_server(disk.path) as server:
        world = scenarios.build("backlog", tasks=200, seed=11, soonest=40.0)
        with house(world=world, ledger=server.new_database(), policy=DECIDES_ALL) as there:
            disk.fill()
            failed = [_pass(there), _pass(there, 1)]
            assert failed == ["LedgerUnwritable"] * 2
            sent = len(world.effects)
            disk.empty()
            server.wait()
            assert None in (_pass(there, 1), _pass(there, 1)), "it did not recover in two polls"
            for _ in range(3):
                assert _pass(there, QUARANTINE) is None
            assert violations(world, there.app.ledger) == []
            assert len(world.effects) > sent
    proven("faults", "P21", "full disk under PostgreSQL", 1)


def test_a_server_that_stands_still_is_not_waited_for_at_the_start(own_server: OwnServer) -> None:
    """It takes the connection and says nothing: after ten seconds it is told as away."""
    url = own_server.new_database()
    began = time.monotonic()
    with own_server.standing_still(), pytest.raises(LedgerError):
        open_ledger(url)
    assert 8 <= time.monotonic() - began <= 20
    own_server.wait()
    open_ledger(url).close()


def _pass(there: House, minutes: float = 0.0) -> str | None:
    """One pass after some time; the name of the error that ended it."""
    there.clock.sleep(minutes * 60)
    try:
        poll_once(there.app)
    except LedgerError as error:
        return type(error).__name__
    return None
