"""Over HTTP: the same answers, real breakage, time that runs at its own speed."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from reviewbot.simulator.faults import Faults
from reviewbot.simulator.world import World

KEY = {"X-API-Key": "sk_test"}


def a_paced_world(speed: float = 1.0) -> World:
    """A small backlog in real time."""
    now = datetime.now(UTC)
    return scenarios.build("backlog", tasks=3, now=now, clock=PacedClock(now, speed=speed))


def test_http_answers_like_the_transport() -> None:
    """Status, headers and body; the query and the idempotency key arrive."""
    with (
        Served(a_paced_world()) as served,
        httpx.Client(base_url=served.url, headers=KEY) as client,
    ):
        page = client.get("/comments", params={"status": "manually_confirmed", "per_page": 2})
        assert page.headers["x-ratelimit-limit"] == "120"
        assert page.headers["content-type"].startswith("application/json")
        assert page.json()["pagination"]["total"] == 3
        path = f"/comments/{page.json()['data'][0]['id']}/approve"
        for replayed in (None, "true"):
            done = client.post(path, headers={"Idempotency-Key": "k"})
            assert done.json()["data"]["status"] == "finalized"
            assert done.headers.get("idempotent-replayed") == replayed
        assert client.get("/me", headers={"X-API-Key": "nope"}).status_code == 401
    assert served.url.startswith("http://127.0.0.1:")


def test_a_connection_breaks_for_real() -> None:
    """A cut body is a protocol error on the wire, and the next call is fine."""
    faults = Faults()
    faults.once("cut")
    with Served(a_paced_world(), faults=faults) as served, httpx.Client(headers=KEY) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"{served.url}/me")
        assert client.get(f"{served.url}/me").status_code == 200


def test_time_runs_at_the_chosen_speed() -> None:
    """At a million to one, 72 h are over before the second request."""
    with Served(a_paced_world(speed=1e7)) as served, httpx.Client(headers=KEY) as client:
        client.get(f"{served.url}/me")
        page = client.get(f"{served.url}/comments", params={"status": "manually_confirmed"})
    assert page.json()["pagination"]["total"] == 0


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    """Time must go forward."""
    with pytest.raises(ValueError, match="above 0"):
        PacedClock(datetime.now(UTC), speed=speed)


def test_each_account_has_a_queue_of_its_own() -> None:
    """What one key approves is there for no other; a rotated key is the same account."""

    def ids(client: httpx.Client, key: str) -> list[str]:
        page = client.get("/comments", params={"status": "manually_confirmed"}, headers=named(key))
        return [task["id"] for task in page.json()["data"]]

    def named(key: str) -> dict[str, str]:
        return {"X-API-Key": key}

    def another(name: str) -> World:
        return scenarios.build("backlog", tasks=2, seed=len(name), now=now, clock=clock)

    now = datetime.now(UTC)
    clock = PacedClock(now)
    first = scenarios.build("backlog", tasks=3, now=now, clock=clock)
    with (
        Served(first, worlds=another) as served,
        httpx.Client(base_url=served.url) as client,
    ):
        ours, theirs = ids(client, "sk_acme.1"), ids(client, "sk_orbit")
        client.post(f"/comments/{ours[0]}/approve", headers=named("sk_acme.2"))

        assert (len(ours), len(theirs)) == (3, 2)
        assert not set(ours) & set(theirs)
        assert ids(client, "sk_acme.2") == ours[1:]
        assert ids(client, "sk_orbit") == theirs
        assert client.get("/me", headers=named("nope")).status_code == 401
