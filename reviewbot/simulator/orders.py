"""Ordering comments: validation of each row, then one debit and the tasks, all or nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

from reviewbot.simulator import refusals, tasks
from reviewbot.simulator.model import SavedAccount
from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.videos import Target, parse_comment_url, parse_video_url, video_at
from reviewbot.simulator.wire import OperationReply, Request, task_wire
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


def create(request: Request) -> OperationReply:
    """Create one task (typed errors) or a batch (rejected rows are named, the call succeeds)."""
    body = request.json()
    if "tasks" not in body:
        order = read_order(request.world, body)
        if request.world.credits < 1:
            raise refusals.insufficient_credits(1, request.world.credits)
        return _reply(request, [order], [])
    rows = body["tasks"]
    if not isinstance(rows, list) or not 1 <= len(rows) <= BATCH_LIMIT:
        raise Refusal(
            400, request.world.choices.batch_size_code, "`tasks` must hold 1 to 200 rows."
        )
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
    invalid = world.choices.validation_code
    if not isinstance(row, dict):
        raise Refusal(400, invalid, "A row must be a JSON object.")
    account = _account(world, row.get("saved_account_id"))
    target = _target(world, row)
    if target.platform != account.platform:
        raise Refusal(
            400,
            "COMMENT_PLATFORM_MISMATCH",
            "The account and the video are on different platforms.",
            {"account_platform": account.platform, "url_platform": target.platform},
        )
    text = row.get("comment_text")
    limit = LIMITS[account.platform]
    if text is not None and not isinstance(text, str):
        raise Refusal(400, invalid, "comment_text must be a string.")
    if text is None or not text.strip():
        raise Refusal(400, "COMMENT_TEXT_EMPTY", "The comment is empty.", {"limit": limit})
    if len(text) > limit:
        raise Refusal(
            400,
            "COMMENT_TEXT_TOO_LONG",
            f"A comment on {account.platform} has at most {limit} characters.",
            {"length": len(text), "limit": limit},
        )
    return ValidOrder(account, target, text, row)


def _account(world: World, account_id: Any) -> SavedAccount:
    if not isinstance(account_id, str):
        raise Refusal(400, world.choices.validation_code, "saved_account_id is missing.")
    account = world.accounts.get(account_id)
    if account is None:
        raise refusals.account_not_found()
    if not account.owned:
        raise refusals.account_not_owned()
    if account.lookup_fails:
        raise Refusal(503, "ACCOUNT_LOOKUP_FAILED", "The account could not be looked up.")
    if account.manager is None:
        raise Refusal(
            409, "COMMENT_ACCOUNT_NOT_MANAGED", "This account has no manager at the moment."
        )
    return account


def _target(world: World, row: dict[str, Any]) -> Target:
    kind = row.get("target_type", "video")
    if kind not in ("video", "comment"):
        raise Refusal(400, world.choices.validation_code, "target_type is video or comment.")
    address = row.get("target_comment_url" if kind == "comment" else "target_video_url")
    parse = parse_comment_url if kind == "comment" else parse_video_url
    target = parse(address) if isinstance(address, str) else None
    if target is None:
        raise Refusal(400, "COMMENT_INVALID_VIDEO_URL", "This is not the address of a video.")
    return target


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


def _reply(
    request: Request, orders: list[ValidOrder], rejected: list[dict[str, Any]]
) -> OperationReply:
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
    return OperationReply(201, body)


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
