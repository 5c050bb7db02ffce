"""Real sockets that misbehave: every call ends in time, in memory, and in the right error."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator

import pytest

from reviewbot.domain.errors import ApiError, BadAnswer, CannotConnect, NoAnswer, Unclear
from reviewbot.tokportal.client import ReviewApi
from reviewbot.tokportal.exchange import Exchange
from reviewbot.tokportal.rate_limit import RateLimiter, ReadRetry
from reviewbot.tokportal.transport import Transport
from tests.support.rawfaults import RAW_FAULTS, RawServer
from tests.tokportal.support import KEY, FakeClock, a_row

TASK_ID = a_row()["id"]
DONE = json.dumps({"data": a_row(status="finalized")}).encode()
FINE = {
    "ok",
    "closed after keep-alive",
    "data twice",
    "every number nan",
    "status 203",
    "status 299",
}
"""A yes all the same: what the answer says of the task is there, and true."""
NOT_UNCLEAR = {"401", "402", "403", "404", "409", "422", "429"}
BUDGET = 0.25


class RealTime(FakeClock):
    """Real seconds pass; nobody really sleeps."""

    def monotonic(self) -> float:
        """Real steady seconds."""
        return time.monotonic() + self.seconds


def a_line(server_url: str, clock: FakeClock) -> tuple[ReviewApi, Transport]:
    """A client over real connections, with a short budget."""
    transport = Transport(clock.monotonic)
    exchange = Exchange(
        transport,
        base_url=server_url,
        key=KEY,
        clock=clock,
        bucket=RateLimiter(clock),
        time_budget=BUDGET,
    )
    return ReviewApi(exchange, ReadRetry(clock, lambda: 0.5, tries=1)), transport


@pytest.fixture(scope="module")
def faulty() -> Iterator[RawServer]:
    """One server for all faults: stopping it takes longer than most of them."""
    with RawServer(body=DONE) as server:
        yield server


@pytest.mark.parametrize("fault", sorted(set(RAW_FAULTS) - FINE))
def test_no_fault_hangs_swells_or_passes_for_a_yes(fault: str, faulty: RawServer) -> None:
    """A write under any fault is sent once, ends within its budget and never counts as done."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    faulty.fault = fault
    arrived = len(faulty.requests)
    api, transport = a_line(faulty.url, RealTime())
    started = time.monotonic()
    with pytest.raises(ApiError) as caught:
        api.approve(TASK_ID, idempotency_key="d1")
    took = time.monotonic() - started
    transport.close()
    assert took < BUDGET + 3.0
    assert isinstance(caught.value, Unclear) == (fault not in NOT_UNCLEAR)
    assert len(faulty.requests) == arrived + 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 80 * 1024


@pytest.mark.parametrize("fault", ["trickle", "trickled headers", "hang", "hang in the body"])
def test_a_slow_answer_is_no_answer(fault: str, faulty: RawServer) -> None:
    """Time that runs out in the headers or in the body is the same to us."""
    faulty.fault = fault
    api, transport = a_line(faulty.url, RealTime())
    with pytest.raises(NoAnswer):
        api.get_comment(TASK_ID)
    transport.close()


def test_a_good_answer_is_read_and_the_connection_kept() -> None:
    """Two calls share one connection."""
    with RawServer("ok", body=DONE) as server:
        api, transport = a_line(server.url, RealTime())
        for _ in range(2):
            assert api.approve(TASK_ID, idempotency_key="d1").thing.status == "finalized"
        transport.close()
    assert server.connections == 1


def test_a_kept_connection_that_was_closed_is_not_used_again() -> None:
    """A server may close what it promised to keep; the next call opens its own."""
    with RawServer("closed after keep-alive", body=DONE) as server:
        api, transport = a_line(server.url, RealTime())
        for _ in range(2):
            api.approve(TASK_ID, idempotency_key="d1")
            time.sleep(0.02)  # noqa: TID251  # the peer's close has to arrive
        transport.close()
    assert len(server.requests) == 2


def test_a_closed_port_is_no_connection() -> None:
    """Nothing was sent, so nothing was done."""
    with RawServer() as server:
        url = server.url
    api, transport = a_line(url, RealTime())
    with pytest.raises(CannotConnect):
        api.approve(TASK_ID, idempotency_key="d1")
    transport.close()


def test_a_redirect_is_not_followed() -> None:
    """The key goes to no other place than the one it was given for."""
    with RawServer("redirect") as server:
        api, transport = a_line(server.url, RealTime())
        with pytest.raises(BadAnswer, match="302"):
            api.get_comment(TASK_ID)
        transport.close()
    assert [request.target for request in server.requests] == [f"/api/ext/comments/{TASK_ID}"]
