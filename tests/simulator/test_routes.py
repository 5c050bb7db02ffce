"""The comment operations: shapes, filters, pages, and every typed refusal."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from reviewbot.simulator import tasks as tasks_module
from reviewbot.simulator.model import Choices
from reviewbot.simulator.seed_data import add_account, order
from tests.simulator.worlds import TEXT, a_client, a_task, a_waiting_task, a_world

VIDEO = "https://www.tiktok.com/@lumen/video/7301234567890123456"


def code(answer: httpx.Response) -> str:
    """The error code of an answer."""
    return str(answer.json()["error"]["code"])


def a_row(account_id: str, **changes: Any) -> dict[str, Any]:
    """A row that can be created."""
    row = {"saved_account_id": account_id, "target_video_url": VIDEO, "comment_text": TEXT}
    return row | changes


def test_a_task_shows_every_documented_field() -> None:
    """Names as in the fact sheet; times with Z and whole seconds."""
    world = a_world()
    task = a_waiting_task(world)
    shown = a_client(world).get(f"/comments/{task.id}").json()["data"]
    assert set(shown) == {
        "id", "status", "platform", "saved_account_id", "target_video_url",
        "target_author_handle", "comment_text", "cm_payout_amount", "submitted_at", "verified_at",
        "manually_confirmed_at", "client_dispute_deadline_at", "finalized_at",
        "correction_required", "deadline_at", "created_at", "updated_at", "target_type",
        "target_comment_url", "execution_blocked", "execution_block_reason",
    }  # fmt: skip
    assert shown["manually_confirmed_at"] == "2026-06-08T09:01:00Z"
    assert shown["client_dispute_deadline_at"] == "2026-06-11T09:01:00Z"
    world.choices = Choices(milliseconds=True)
    task.wire = None
    again = a_client(world).get(f"/comments/{task.id}").json()["data"]
    assert again["created_at"] == "2026-06-08T09:00:00.000Z"


def test_lists_are_newest_first_filtered_and_paged() -> None:
    """Pages of two; a comma list of statuses; one account."""
    world = a_world()
    tasks = []
    for _ in range(5):
        tasks.append(a_task(world))
        world.advance(1)
    waiting = a_waiting_task(world)
    client = a_client(world)
    page = client.get("/comments", params={"status": "pending", "page": 2, "per_page": 2}).json()
    assert [row["id"] for row in page["data"]] == [tasks[2].id, tasks[1].id]
    assert page["pagination"] == {"page": 2, "per_page": 2, "total": 5, "total_pages": 3}
    both = client.get("/comments", params={"status": "pending,manually_confirmed"}).json()["data"]
    assert [row["id"] for row in both] == [waiting.id, *(task.id for task in reversed(tasks))]
    one = client.get("/comments", params={"saved_account_id": tasks[3].account.id}).json()
    assert [row["id"] for row in one["data"]] == [tasks[3].id]


def test_pages_out_of_range_are_a_choice() -> None:
    """Clamped and empty by default; 400 where chosen; no number is always 400."""
    world = a_world()
    a_task(world)
    client = a_client(world)
    assert client.get("/comments?per_page=500").json()["pagination"]["per_page"] == 100
    assert client.get("/comments?page=9").json()["data"] == []
    assert client.get("/comments?page=two").status_code == 400
    assert client.get("/comments?status=no_such").json()["pagination"]["total"] == 0
    world.choices = Choices(
        per_page_out_of_range="400", page_out_of_range="400", unknown_status_filter="400"
    )
    for query in ("per_page=500", "page=9", "status=no_such"):
        assert client.get(f"/comments?{query}").status_code == 400, query


def test_unknown_and_foreign_tasks() -> None:
    """404 for an unknown id; 403 or, where chosen, 404 for somebody else's."""
    world = a_world()
    client = a_client(world)
    for path in ("", "/verifications"):
        assert code(client.get(f"/comments/nobody{path}")) == "COMMENT_TASK_NOT_FOUND"
    foreign = add_account(world, username="not.mine", platform="tiktok", owned=False)
    task = order(world, foreign)
    assert client.get("/comments").json()["pagination"]["total"] == 0
    assert client.get(f"/comments/{task.id}").status_code == 403
    assert code(client.post(f"/comments/{task.id}/approve")) == "COMMENT_TASK_NOT_OWNED"
    world.choices = Choices(foreign_task_status=404)
    assert code(client.delete(f"/comments/{task.id}")) == "COMMENT_TASK_NOT_FOUND"


def test_unknown_paths_and_methods_have_the_envelope_too() -> None:
    """404 and 405 in the API's own form."""
    client = a_client(a_world())
    assert code(client.get("/nothing")) == "NOT_FOUND"
    assert code(client.put("/comments")) == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "COMMENT_DISPUTE_REASON_REQUIRED"),
        ({"reason": "no"}, "COMMENT_DISPUTE_REASON_REQUIRED"),
        ({"reason": "  no  "}, "COMMENT_DISPUTE_REASON_REQUIRED"),
        ({"reason": 7}, "COMMENT_DISPUTE_REASON_REQUIRED"),
        ({"reason": "x" * 501}, "COMMENT_DISPUTE_REASON_TOO_LONG"),
    ],
)
def test_a_dispute_needs_a_reason_of_3_to_500(body: dict[str, Any], expected: str) -> None:
    """Otherwise 400, and nothing has changed."""
    world = a_world()
    task = a_waiting_task(world)
    answer = a_client(world).post(f"/comments/{task.id}/dispute", json=body)
    assert (answer.status_code, code(answer)) == (400, expected)
    assert task.status == "manually_confirmed"


def test_how_a_reason_is_counted_is_a_choice() -> None:
    """251 emoji are 251 code points, 502 UTF-16 units and 1004 bytes."""
    world = a_world()
    task = a_waiting_task(world)
    reason = {"reason": "😀" * 251}
    for unit in ("utf-16", "bytes"):
        world.choices = Choices(reason_unit=unit)  # type: ignore[arg-type] - two of the literals
        assert a_client(world).post(f"/comments/{task.id}/dispute", json=reason).is_client_error
    world.choices = Choices()
    assert a_client(world).post(f"/comments/{task.id}/dispute", json=reason).is_success


def test_a_body_that_is_no_json_is_refused() -> None:
    """400 with the chosen code; a JSON list is no object."""
    world = a_world()
    task = a_waiting_task(world)
    client = a_client(world)
    path = f"/comments/{task.id}/dispute"
    assert code(client.post(path, content=b"{reason")) == "INVALID_JSON"
    assert code(client.post(path, json=["reason"])) == "VALIDATION_ERROR"


def test_cancel_only_while_pending() -> None:
    """The credit comes back once; afterwards 409, or 200 where chosen."""
    world = a_world()
    task, client = a_task(world), a_client(world)
    before = world.credits
    answer = client.delete(f"/comments/{task.id}").json()["data"]
    assert answer == {"id": task.id, "status": "cancelled", "credits_refunded": 1}
    assert world.credits == before + 1
    again = client.delete(f"/comments/{task.id}")
    assert (again.status_code, code(again)) == (409, "COMMENT_INVALID_STATUS")
    world.choices = Choices(second_delete="200")
    assert client.delete(f"/comments/{task.id}").status_code == 200
    assert world.credits == before + 1


def test_creating_one_task_costs_one_credit() -> None:
    """201, with the counters beside the data and the address made canonical."""
    world = a_world()
    account = add_account(world, username="nora.lab", platform="tiktok")
    before = world.credits
    row = a_row(account.id, target_video_url="vm.tiktok.com/ZM123/")
    answer = a_client(world).post("/comments", json=row)
    body = answer.json()
    assert answer.status_code == 201
    assert (body["created_count"], body["rejected_count"], body["credits_charged"]) == (1, 0, 1)
    assert body["data"]["created"][0]["target_video_url"].startswith("https://www.tiktok.com/@")
    assert world.credits == before - 1


BAD_ROWS: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "unknown account": ({"saved_account_id": "nobody"}, 404, "SAVED_ACCOUNT_NOT_FOUND", "account_not_found"),
    "video": ({"target_video_url": "https://example.com/"}, 400, "COMMENT_INVALID_VIDEO_URL", "invalid_video_url"),
    "platform": ({"target_video_url": "https://www.instagram.com/reel/Dq7/"}, 400, "COMMENT_PLATFORM_MISMATCH", "platform_mismatch"),
    "long": ({"comment_text": "x" * 151}, 400, "COMMENT_TEXT_TOO_LONG", "comment_text_too_long"),
    "empty": ({"comment_text": "  "}, 400, "COMMENT_TEXT_EMPTY", "comment_text_length_0_exceeds_150"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_typed_alone_and_named_in_a_batch(name: str) -> None:
    """The single form gives the typed 4xx; the batch succeeds and echoes the row."""
    world = a_world()
    account = add_account(world, username="nora.lab", platform="tiktok")
    changes, status, single, reason = BAD_ROWS[name]
    row = a_row(account.id, **changes)
    client = a_client(world)
    answer = client.post("/comments", json=row)
    assert (answer.status_code, code(answer)) == (status, single)
    batch = client.post("/comments", json={"tasks": [row, a_row(account.id)]})
    assert batch.status_code == 201
    assert batch.json()["data"]["rejected"] == [{"reason": reason, "raw": row}]
    assert batch.json()["created_count"] == 1


def test_accounts_that_cannot_work() -> None:
    """Foreign, without a manager, or not to be looked up: each has its code and its reason."""
    world = a_world()
    foreign = add_account(world, username="a.b", platform="tiktok", owned=False)
    idle = add_account(world, username="c.d", platform="tiktok", habit=None)
    lost = add_account(world, username="e.f", platform="tiktok")
    lost.lookup_fails = True
    client = a_client(world)
    rows = [a_row(account.id) for account in (foreign, idle, lost)]
    assert code(client.post("/comments", json=rows[0])) == "SAVED_ACCOUNT_NOT_OWNED"
    assert code(client.post("/comments", json=rows[1])) == "COMMENT_ACCOUNT_NOT_MANAGED"
    rejected = client.post("/comments", json={"tasks": rows}).json()["data"]["rejected"]
    assert [error["reason"] for error in rejected] == [
        "account_not_owned",
        "account_not_managed",
        "account_lookup_failed",
    ]


def test_a_batch_stops_where_the_wallet_is_empty() -> None:
    """Rejected rows are never debited; alone it is 402 with the amounts."""
    world = a_world()
    account = add_account(world, username="nora.lab", platform="tiktok")
    world.credits = 1
    client = a_client(world)
    batch = client.post("/comments", json={"tasks": [a_row(account.id)] * 2}).json()
    assert batch["credits_charged"] == 1
    assert batch["data"]["rejected"][0]["reason"] == "insufficient_credits"
    alone = client.post("/comments", json=a_row(account.id))
    assert (alone.status_code, code(alone)) == (402, "INSUFFICIENT_CREDITS")
    assert alone.json()["error"]["details"]["missing"] == 1


@pytest.mark.parametrize("rows", [[], [{}] * 201, "all"])
def test_a_batch_holds_1_to_200_rows(rows: Any) -> None:
    """Otherwise nothing of it is looked at."""
    answer = a_client(a_world()).post("/comments", json={"tasks": rows})
    assert (answer.status_code, code(answer)) == (400, "COMMENT_BATCH_SIZE_INVALID")


def test_replies_to_a_comment_name_their_target() -> None:
    """`target_type: comment` takes the deep link of a TikTok comment."""
    world = a_world()
    account = add_account(world, username="nora.lab", platform="tiktok")
    link = f"{VIDEO}?share_comment_id=99"
    row = a_row(account.id, target_type="comment", target_comment_url=link)
    created = a_client(world).post("/comments", json=row).json()["data"]["created"][0]
    assert (created["target_type"], created["target_comment_url"]) == ("comment", link)
    assert created["target_video_url"] == VIDEO


def test_a_hidden_task_can_be_made_to_look_absent() -> None:
    """Where chosen so, neither lists nor reads show an auto-detected correction."""
    world = a_world(choices=Choices(hidden_corrections="absent"))
    task = a_task(world)
    tasks_module.submit(world, task)
    task.status, task.hidden = "pending_corrections", True
    world.board.file(task, tasks_module.shown_status(world, task))
    client = a_client(world)
    assert client.get("/comments").json()["pagination"]["total"] == 0
    assert client.get(f"/comments/{task.id}").status_code == 404
