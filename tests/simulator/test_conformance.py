"""The vendor's own Python client drives the simulator over real HTTP, errors included."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from reviewbot.simulator.world import World

tokportal = pytest.importorskip(
    "tokportal", reason="the vendor's client is not installed: conformance is NOT checked"
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """The default scenario behind HTTP on loopback."""
    now = datetime.now(UTC)
    world = scenarios.build("default", seed=5, now=now, clock=PacedClock(now))
    with Served(world) as running:
        yield running


@pytest.fixture
def world(served: Served) -> World:
    """The world behind the server."""
    return served.world


@pytest.fixture
def client(served: Served) -> Any:
    """The vendor's client, pointed at the server."""
    return tokportal.TokPortal("sk_" + "0" * 64, base_url=served.url)


def refusal(call: Any, *args: Any, **kwargs: Any) -> Any:
    """The vendor's own error for a call that must fail."""
    with pytest.raises(tokportal.TokPortalApiError) as caught:
        call(*args, **kwargs)
    return caught.value


def some_account(world: World) -> Any:
    """An account that can be commented from on TikTok."""
    return next(
        account
        for account in world.accounts.values()
        if account.owned and account.manager and account.platform == "tiktok"
    )


def test_it_knows_who_it_is(client: Any) -> None:
    """The smoke test of the vendor's pages."""
    assert client.me()["data"]["credits"] > 0


def test_it_creates_one_and_a_batch_and_cancels(client: Any, world: World) -> None:
    """Create, create again with the same key, a batch with a bad row, read, cancel, cancel again."""
    row = {
        "saved_account_id": some_account(world).id,
        "target_video_url": "https://www.tiktok.com/@lumen/video/7301234567890123456",
        "comment_text": "What a calm video",
    }
    first = client.comments.create(row, idempotency_key="order-1")
    again = client.comments.create(row, idempotency_key="order-1")
    (task,) = first["data"]["created"]
    assert again["data"]["created"][0]["id"] == task["id"]
    batch = client.comments.create({"tasks": [row, row | {"comment_text": ""}]})
    assert (batch["created_count"], batch["rejected_count"]) == (1, 1)
    assert client.comments.get(task["id"])["data"]["status"] == "pending"
    assert client.comments.delete(task["id"])["data"]["credits_refunded"] == 1
    error = refusal(client.comments.delete, task["id"])
    assert (error.status, error.code) == (409, "COMMENT_INVALID_STATUS")
    error = refusal(client.comments.create, row | {"saved_account_id": "nobody"})
    assert (error.status, error.code) == (404, "SAVED_ACCOUNT_NOT_FOUND")


def test_it_reviews_comments(client: Any, world: World) -> None:
    """List, read the timeline, approve one and dispute another, and meet the refusals."""
    page = client.comments.list(status="manually_confirmed", per_page=100)
    waiting = page["data"]
    assert page["pagination"]["total"] >= 40
    paid, sent_back = waiting[0]["id"], waiting[1]["id"]
    timeline = client.comments.verifications(paid)["data"]
    assert timeline["task_id"] == paid
    assert timeline["attempts"][0]["attempt_n"] == 1
    assert client.comments.approve(paid, idempotency_key="a")["data"]["status"] == "finalized"
    error = refusal(client.comments.approve, paid)
    assert (error.status, error.details["current_status"]) == (409, "finalized")
    assert error.request_id.startswith("req_")
    assert refusal(client.comments.dispute, sent_back, "no").status == 400
    disputed = client.comments.dispute(sent_back, "Not under the video.", idempotency_key="d")
    assert disputed["data"]["status"] == "pending_corrections"
    assert disputed["data"]["client_dispute_deadline_at"] is None
    actions = {effect.task_id: effect.action for effect in world.effects}
    assert actions[paid] == "approve"
    assert actions[sent_back] == "dispute"
    assert refusal(client.comments.verifications, "nobody").code == "COMMENT_TASK_NOT_FOUND"


def test_it_reviews_accounts(client: Any) -> None:
    """List what is in review, compare with what was delivered, finalize one, send one back."""
    bundles = client.bundles.list(account_status="in_review", per_page=100)["data"]
    assert len(bundles) >= 2
    read = [client.bundles.get(bundle["id"])["data"] for bundle in bundles]
    assert any(bundle["account"]["feedback_history"] for bundle in read)
    delivered = client.accounts.get(read[0]["saved_account_id"])["data"]
    assert delivered["platform"] == read[0]["platform"]
    assert client.bundles.get_account(bundles[0]["id"])["data"]["status"] == "in_review"
    done = client.bundles.finalize_account(bundles[0]["id"], idempotency_key="f")["data"]
    assert done["account"]["status"] == "finalized"
    assert refusal(client.bundles.finalize_account, bundles[0]["id"]).code == "invalid_status"
    wish = {"comment": "The biography is not ours.", "fields": {"biography": "As ordered."}}
    asked = client.bundles.request_account_corrections(bundles[1]["id"], wish)["data"]
    assert asked["account"]["corrections"]["fields"] == wish["fields"]
    assert refusal(client.bundles.get, "nobody").code == "bundle_not_found"
    error = refusal(client.bundles.request_account_corrections, bundles[2]["id"], {"comment": "x"})
    assert (error.status, error.code) == (400, "missing_fields")


def test_a_key_of_another_kind_is_refused(served: Served) -> None:
    """401 with the vendor's code."""
    stranger = tokportal.TokPortal("other", base_url=served.url)
    error = refusal(stranger.me)
    assert (error.status, error.code, error.retryable) == (401, "AUTH_INVALID_KEY", False)
