"""What every request passes: keys, rate limit, idempotency, dry run, ids and headers."""

from __future__ import annotations

import pytest

from reviewbot.simulator.model import Choices
from tests.simulator.worlds import a_client, a_task, a_waiting_task, a_world


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("", 401, "AUTH_MISSING_KEY"),
        ("abc", 401, "AUTH_INVALID_KEY"),
        ("sk_revoked_key_revoked", 401, "AUTH_REVOKED_KEY"),
        ("sk_x_expired", 401, "AUTH_EXPIRED_KEY"),
    ],
)
def test_keys_that_are_refused(key: str, status: int, code: str) -> None:
    """401 with its code and a hint, the version headers, and no rate headers."""
    answer = a_client(a_world(), key=key).get("/me")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "hint" in answer.json()["error"]["details"]
    assert answer.headers["x-tokportal-api-version"] == "2026-05-25"
    assert "x-ratelimit-limit" not in answer.headers


@pytest.mark.parametrize("key", ["sk_1", "tok_live_1"])
def test_keys_of_both_generations_are_accepted(key: str) -> None:
    """Any key with one of the two beginnings will do."""
    assert a_client(a_world(), key=key).get("/me").status_code == 200


def test_a_key_may_be_allowed_to_read_only() -> None:
    """403 for a write, and nothing has changed."""
    world = a_world()
    task = a_waiting_task(world)
    client = a_client(world, key="sk_readonly_readonly")
    assert client.get(f"/comments/{task.id}").status_code == 200
    assert client.post(f"/comments/{task.id}/approve").status_code == 403
    assert task.status == "manually_confirmed"


def test_the_rate_limit_is_a_bucket_that_refills() -> None:
    """120 at once; then 429 with both waits; two more after a second."""
    world = a_world()
    client = a_client(world)
    left = [int(client.get("/me").headers["x-ratelimit-remaining"]) for _ in range(120)]
    assert left == list(range(119, -1, -1))
    refused = client.get("/me")
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["details"]["retry_after_seconds"] == 2
    world.advance(1)
    assert [client.get("/me").status_code for _ in range(3)] == [200, 200, 429]
    assert int(refused.headers["x-ratelimit-reset"]) - world.now > 55


def test_a_neighbour_on_the_key_takes_its_share() -> None:
    """With 1 request a second gone, only half as many come back."""
    world = a_world()
    client = a_client(world, neighbour=1.0)
    for _ in range(120):
        client.get("/me")
    world.advance(10)
    assert [client.get("/me").status_code for _ in range(11)].count(200) == 10


def test_a_repeated_key_replays_the_first_answer() -> None:
    """Same answer, marked, one effect; the task's state meanwhile does not matter."""
    world = a_world()
    task = a_waiting_task(world)
    client = a_client(world)
    headers = {"Idempotency-Key": "once"}
    first = client.post(f"/comments/{task.id}/approve", headers=headers)
    again = client.post(f"/comments/{task.id}/approve", headers=headers)
    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(world.effects) == 1


def test_a_key_used_for_another_request_is_a_conflict() -> None:
    """409 with the chosen code; after the retention the key is free again."""
    world = a_world(choices=Choices(idempotency_retention=60))
    one, other = a_waiting_task(world), a_waiting_task(world)
    client = a_client(world)
    headers = {"Idempotency-Key": "once"}
    client.post(f"/comments/{one.id}/approve", headers=headers)
    conflict = client.post(f"/comments/{other.id}/approve", headers=headers)
    assert (conflict.status_code, other.status) == (409, "manually_confirmed")
    world.advance(61)
    assert client.post(f"/comments/{other.id}/approve", headers=headers).status_code == 200


def test_a_server_may_ignore_the_key() -> None:
    """Then only the task's state protects: the repeat is a 409."""
    world = a_world(choices=Choices(idempotency="ignored"))
    task = a_waiting_task(world)
    client = a_client(world)
    headers = {"Idempotency-Key": "once"}
    assert client.post(f"/comments/{task.id}/approve", headers=headers).status_code == 200
    assert client.post(f"/comments/{task.id}/approve", headers=headers).status_code == 409


@pytest.mark.parametrize("stores", ["success", "below 500"])
def test_whether_refusals_are_stored_is_a_choice(stores: str) -> None:
    """A stored 409 comes again after the task could be decided; one that is not stored does not."""
    world = a_world(choices=Choices(idempotency_stores=stores))  # type: ignore[arg-type]
    task = a_task(world)
    client = a_client(world)
    headers = {"Idempotency-Key": "early"}
    assert client.post(f"/comments/{task.id}/approve", headers=headers).status_code == 409
    task.status = "manually_confirmed"
    status = client.post(f"/comments/{task.id}/approve", headers=headers).status_code
    assert status == (200 if stores == "success" else 409)


def test_a_dry_run_validates_and_changes_nothing() -> None:
    """Marked in body and header; refusals are the real ones; made-up ids only serve dry runs."""
    world = a_world()
    task, client = a_waiting_task(world), a_client(world)
    dry = {"X-TokPortal-Dry-Run": "true"}
    answer = client.post(f"/comments/{task.id}/approve", headers=dry)
    assert answer.json()["dry_run"] is True
    assert answer.headers["x-tokportal-dry-run"] == "true"
    assert (task.status, len(world.effects)) == ("manually_confirmed", 0)
    assert client.post(f"/comments/{task.id}/dispute", headers=dry).status_code == 400
    row = {
        "saved_account_id": task.account.id,
        "target_video_url": task.video.url,
        "comment_text": "hello there",
    }
    before = world.credits
    created = client.post("/comments", json=row, headers=dry).json()
    assert (created["credits_would_charge"], created["credits_charged"]) == (1, 0)
    assert (world.credits, len(world.tasks)) == (before, 1)
    made_up = created["data"]["created"][0]["id"]
    refused = client.post(f"/comments/{made_up}/approve")
    assert refused.json()["error"]["code"] == "DRY_RUN_ID_IN_LIVE_REQUEST"


def test_a_request_id_is_echoed_when_it_is_safe() -> None:
    """A client's own id comes back; anything odd gets a generated one."""
    world = a_world()
    client = a_client(world)
    echoed = client.get("/me", headers={"X-Request-ID": "mine-1"})
    assert echoed.headers["x-tokportal-request-id"] == "mine-1"
    odd = client.get("/me", headers={"X-Request-ID": "x" * 129})
    assert odd.headers["x-tokportal-request-id"].startswith("req_")
    assert next(line.request_id for line in world.requests) == "mine-1"


def test_the_date_header_is_the_worlds_time() -> None:
    """A client can learn the server's clock from it."""
    answer = a_client(a_world()).get("/me")
    assert answer.headers["date"] == "Mon, 08 Jun 2026 09:00:00 GMT"
