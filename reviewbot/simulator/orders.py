"""Ordering comments: validation of each row, then one debit and the tasks, all or nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

from reviewbot.simulator import tasks
from reviewbot.simulator.model import SavedAccount
from reviewbot.simulator.refusals import Refusal, refuse
from reviewbot.simulator.videos import Target, parse_comment_url, parse_video_url, video_at
from reviewbot.simulator.wire import Body, Request, task_wire
from reviewbot.simulator.world import World

LIMITS = {"tiktok": 150, "instagram": 2200}
BATCH_LIMIT = 200
DRY_RUN_ID = "00000000-0000-4000-8000-"


class ValidOrder(NamedTuple):
    """A row that passed validation."""

    account: SavedAccount
    target: Target
    text: str
    row: dict[str, Any]


def create(request: Request) -> Body:
    """Create one task (typed errors) or a batch (rejected rows are named, the call succeeds)."""
    body = request.json()
    if "tasks" not in body:
        order = read_order(request.world, body)
        if request.world.credits < 1:
            raise _no_credits(1, request.world.credits)
        return _reply(request, [order], [])
    rows = body["tasks"]
    if not isinstance(rows, list) or not 1 <= len(rows) <= BATCH_LIMIT:
        raise refuse("COMMENT_BATCH_SIZE_INVALID")
    orders: list[ValidOrder] = []
    rejected: list[dict[str, Any]] = []
    for row in rows:
        try:
            order = read_order(request.world, row)
        except Refusal as refusal:
            rejected.append({"reason": _batch_reason(refusal), "raw": row})
            continue
        if len(orders) < request.world.credits:
            orders.append(order)
        else:
            rejected.append({"reason": "insufficient_credits", "raw": row})
    return _reply(request, orders, rejected)


def read_order(world: World, row: Any) -> ValidOrder:
    """Validate one row.

    Raises Refusal with the typed code of the single form.
    """
    if not isinstance(row, dict):
        raise refuse("VALIDATION_ERROR", "A row must be a JSON object.")
    account = _account(world, row.get("saved_account_id"))
    target = _target(row)
    if target.platform != account.platform:
        raise refuse(
            "COMMENT_PLATFORM_MISMATCH",
            account_platform=account.platform,
            url_platform=target.platform,
        )
    text = row.get("comment_text")
    limit = LIMITS[account.platform]
    if text is not None and not isinstance(text, str):
        raise refuse("VALIDATION_ERROR", "comment_text must be a string.")
    if text is None or not text.strip():
        raise refuse("COMMENT_TEXT_EMPTY", limit=limit)
    if len(text) > limit:
        raise refuse("COMMENT_TEXT_TOO_LONG", length=len(text), limit=limit)
    return ValidOrder(account, target, text, row)


def _account(world: World, account_id: Any) -> SavedAccount:
    if not isinstance(account_id, str):
        raise refuse("VALIDATION_ERROR", "saved_account_id is missing.")
    account = world.accounts.get(account_id)
    if account is None:
        raise refuse("SAVED_ACCOUNT_NOT_FOUND")
    if not account.owned:
        raise refuse("SAVED_ACCOUNT_NOT_OWNED")
    if account.lookup_fails:
        raise refuse("ACCOUNT_LOOKUP_FAILED")
    if account.manager is None:
        raise refuse("COMMENT_ACCOUNT_NOT_MANAGED")
    return account


def _target(row: dict[str, Any]) -> Target:
    kind = row.get("target_type", "video")
    if kind not in ("video", "comment"):
        raise refuse("VALIDATION_ERROR", "target_type is video or comment.")
    address = row.get("target_comment_url" if kind == "comment" else "target_video_url")
    parse = parse_comment_url if kind == "comment" else parse_video_url
    target = parse(address) if isinstance(address, str) else None
    if target is None:
        raise refuse("COMMENT_INVALID_VIDEO_URL")
    return target


def _no_credits(required: int, available: int) -> Refusal:
    return refuse(
        "INSUFFICIENT_CREDITS",
        required=required,
        available=available,
        missing=required - available,
        breakdown={"comment_tasks": required},
    )


def _batch_reason(refusal: Refusal) -> str:
    if refusal.code == "COMMENT_TEXT_EMPTY":
        limit = (refusal.details or {})["limit"]
        return f"comment_text_length_0_exceeds_{limit}"
    return _BATCH_REASONS.get(refusal.code, "invalid_row")


_BATCH_REASONS = {
    "SAVED_ACCOUNT_NOT_FOUND": "account_not_found",
    "SAVED_ACCOUNT_NOT_OWNED": "account_not_owned",
    "COMMENT_ACCOUNT_NOT_MANAGED": "account_not_managed",
    "ACCOUNT_LOOKUP_FAILED": "account_lookup_failed",
    "COMMENT_INVALID_VIDEO_URL": "invalid_video_url",
    "COMMENT_PLATFORM_MISMATCH": "platform_mismatch",
    "COMMENT_TEXT_TOO_LONG": "comment_text_too_long",
    "INSUFFICIENT_CREDITS": "insufficient_credits",
}


def _reply(request: Request, orders: list[ValidOrder], rejected: list[dict[str, Any]]) -> Body:
    world = request.world
    if request.dry:
        created: list[Any] = [
            {"id": f"{DRY_RUN_ID}{number:012x}", "status": "pending"}
            for number in range(1, len(orders) + 1)
        ]
    else:
        created = [task_wire(world, _order_task(world, order)) for order in orders]
    body: dict[str, Any] = {
        "data": {"created": created, "rejected": rejected},
        "created_count": len(created),
        "rejected_count": len(rejected),
        "credits_charged": 0 if request.dry else len(created),
    }
    if request.dry:
        body["credits_would_charge"] = len(created)
        body["credits_remaining"] = world.credits
        body["cost_breakdown"] = {"comment_tasks": len(created)}
    return body


def _order_task(world: World, order: ValidOrder) -> Any:
    kind = order.row.get("target_type", "video")
    return tasks.create(
        world,
        order.account,
        video_at(world, order.target),
        order.text,
        brief_id=order.row.get("brief_id"),
        target_type=kind,
        target_comment_url=order.row.get("target_comment_url") if kind == "comment" else None,
    )
