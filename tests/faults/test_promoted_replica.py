"""A PostgreSQL that fails over to a copy without the newest transactions: nothing is sent twice."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import httpx
import pytest

from reviewbot.domain.errors import LedgerError
from reviewbot.review.poll import poll_once
from reviewbot.safety.stop_conditions import StopConditions
from reviewbot.simulator import scenarios
from reviewbot.simulator.faults import Faults, Storm
from reviewbot.simulator.transport import SimulatorTransport
from tests.acceptance.house import House, house
from tests.acceptance.test_a_pass import DECIDES_ALL
from tests.faults.rooms import QUARANTINE
from tests.faults.servers import OwnServer, own_server

__all__ = ["own_server"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("fault", ["5xx json", "5xx after the write", "late"])
def test_a_replica_without_the_newest_intents_sends_nothing_again(
    own_server: OwnServer, fault: str
) -> None:
    """What was perhaps done is gone from the log; until a person accepts that, nothing leaves."""
    world = scenarios.build("backlog", tasks=12, seed=11, soonest=40.0, requests_kept=None)
    faults = Faults()
    transport = Counting(SimulatorTransport(world, faults=faults))
    with house(
        world=world, transport=transport, ledger=own_server.new_database(), policy=DECIDES_ALL
    ) as there:
        there.app.guard.brake = brakes = StopConditions(there.app, None)
        brakes.check()
        faults.add(Storm(fault="5xx json", operation="list_verifications", end=world.now + 60))
        _pass(there)  # all is seen, and nothing decided, when the replica falls behind
        own_server.remember()
        own_server.wait()
        faults.add(Storm(fault=fault, calls="writes"))
        for _ in range(3):
            _pass(there, 5)
        tried = transport.writes
        assert tried
        own_server.promote()
        own_server.wait()
        faults.add(Storm(fault="new field"))  # harmless, and before the others
        for _ in range(4):
            _pass(there, 1)
        _pass(there, QUARANTINE)
        _pass(there, 1)

        assert transport.writes == tried, "it was sent again on a log that had forgotten it"
        brakes.check()
        told = [str(about.get("sentence")) for event, about in there.events if event == "alarm"]
        assert "went back" in (brakes() or told[-1]), told
        rounds = Counter((e.task_id, e.epoch) for e in world.effects if e.by == "client")
        assert all(count == 1 for count in rounds.values())


class Counting(httpx.BaseTransport):
    """The way to the API, and how many writes went along it."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner, self.writes = inner, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on."""
        self.writes += request.method != "GET"
        return self.inner.handle_request(request)


def _pass(there: House, minutes: float = 0.0) -> None:
    there.clock.sleep(minutes * 60)
    with suppress(LedgerError):
        poll_once(there.app)
