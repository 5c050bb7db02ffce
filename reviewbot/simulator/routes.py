"""The comment operations and what surrounds them: one function per operation, and the table of routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reviewbot.simulator import accounts, orders, refusals
from reviewbot.simulator import tasks as tasks_module
from reviewbot.simulator.model import Bundle, SavedAccount, Task
from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.wire import (
    OperationReply,
    Request,
    attempt_shape,
    bundle_account_shape,
    bundle_shape,
    pagination,
    saved_account_shape,
    task_wire,
)

# ------------------------------------------------------------------------------------------------
# The operations on delivered accounts and on accounts under review: one function per operation.


_T = TypeVar("_T")
CORRECTABLE = ("username", "visible_name", "biography", "profile_picture")
_BUNDLE_FILTERS = ("status", "bundle_type", "platform", "external_ref", "account_status")


def list_accounts(request: Request) -> OperationReply:
    """GET /accounts: the delivered accounts."""
    world, params = request.world, request.call.params
    page, per_page = request.page()
    wanted = [
        account
        for account in world.accounts.values()
        if account.owned
        and params.get("platform", account.platform) == account.platform
        and params.get("country", account.country) == account.country
    ]
    return OperationReply(
        200,
        {
            "data": [saved_account_shape(world, one) for one in _slice(wanted, page, per_page)],
            "pagination": pagination(world, page, per_page, len(wanted)),
        },
    )


def get_account(request: Request, account_id: str) -> OperationReply:
    """GET /accounts/{saved_account_id}: one delivered account, as it really is."""
    account = _account(request, account_id)
    return OperationReply(200, {"data": saved_account_shape(request.world, account)})


def get_coverage(request: Request, account_id: str) -> OperationReply:
    """GET /accounts/{saved_account_id}/managed-subscription: whether its tasks may be worked on."""
    account = _account(request, account_id)
    status = "active" if account.covered else "lapsed"
    return OperationReply(
        200,
        {
            "data": {
                "status": status,
                "recorded_status": status,
                "current_period_end": request.world.iso(request.world.now + 15 * 86_400),
                "period_expired": not account.covered,
            }
        },
    )


def list_bundles(request: Request) -> OperationReply:
    """GET /bundles: the orders, newest first, filtered by exact values."""
    world, params = request.world, request.call.params
    page, per_page = request.page()
    filters = {name: params[name].split(",") for name in _BUNDLE_FILTERS if params.get(name)}
    wanted = [
        bundle
        for bundle in accounts.newest_first(world)
        if all(getattr(bundle, name) in values for name, values in filters.items())
    ]
    return OperationReply(
        200,
        {
            "data": [bundle_shape(world, bundle) for bundle in _slice(wanted, page, per_page)],
            "pagination": pagination(world, page, per_page, len(wanted)),
        },
    )


def get_bundle(request: Request, bundle_id: str) -> OperationReply:
    """GET /bundles/{id}: one order, with its account."""
    bundle = _bundle(request, bundle_id)
    account = bundle_account_shape(request.world, bundle)
    return OperationReply(
        200, {"data": {**bundle_shape(request.world, bundle), "account": account}}
    )


def get_bundle_account(request: Request, bundle_id: str) -> OperationReply:
    """GET /bundles/{id}/account: the account of one order."""
    return OperationReply(
        200, {"data": bundle_account_shape(request.world, _bundle(request, bundle_id))}
    )


def finalize_account(request: Request, bundle_id: str) -> OperationReply:
    """POST /bundles/{id}/account/finalize: accept the account."""
    bundle = _bundle(request, bundle_id)
    accounts.finalize(request.world, bundle, request.actor, dry=request.dry)
    moment = request.world.stamp() if bundle.finalized_at is None else bundle.finalized_at
    account = {"status": "finalized", "finalized_at": request.world.iso(moment)}
    return OperationReply(200, {"data": {"id": bundle.id, "account": account}})


def correct_account(request: Request, bundle_id: str) -> OperationReply:
    """POST /bundles/{id}/account/corrections: send the account back."""
    bundle = _bundle(request, bundle_id)
    comment, fields = _feedback(request)
    asked = accounts.send_back(
        request.world, bundle, comment, fields, request.actor, dry=request.dry
    )
    account = {"status": request.world.choices.account_detour, "corrections": asked}
    return OperationReply(200, {"data": {"id": bundle.id, "account": account}})


def _feedback(request: Request) -> tuple[str, dict[str, str]]:
    body = request.json()
    comment: Any = body.get("comment")
    if not isinstance(comment, str) or not comment.strip():
        raise Refusal(400, "missing_comment", "Say in `comment` what is wrong.")
    if len(comment) > request.world.choices.long_correction_limit:
        raise Refusal(400, request.world.choices.validation_code, "`comment` is too long.")
    fields: Any = body.get("fields")
    if not isinstance(fields, dict) or not fields:
        raise Refusal(400, "missing_fields", "Name at least one field in `fields`.")
    for name, text in fields.items():
        if name not in CORRECTABLE or not isinstance(text, str) or not text.strip():
            raise Refusal(
                400,
                "invalid_field",
                f"Allowed are texts for {', '.join(CORRECTABLE)}.",
                {"field": name},
            )
    return comment, fields


def _account(request: Request, account_id: str) -> SavedAccount:
    account = request.world.accounts.get(account_id)
    if account is None:
        raise refusals.account_not_found()
    if not account.owned:
        raise refusals.account_not_owned()
    return account


def _bundle(request: Request, bundle_id: str) -> Bundle:
    bundle = request.world.bundles.get(bundle_id)
    if bundle is None:
        raise refusals.bundle_not_found()
    if not bundle.owned:
        raise Refusal(403, "BUNDLE_NOT_OWNED", "This bundle is not yours.")
    return bundle


def _slice(things: list[_T], page: int, per_page: int) -> list[_T]:
    return things[(page - 1) * per_page : page * per_page]


Operation = Callable[..., OperationReply]


STATUSES = frozenset(
    {
        "pending",
        "submitted",
        "verified_auto",
        "manually_confirmed",
        "pending_corrections",
        "finalized",
        "cancelled",
        "rejected",
        "needs_review",
    }
)


def get_me(request: Request) -> OperationReply:
    """GET /me: who the key belongs to, and the credits."""
    return OperationReply(
        200,
        {
            "data": {
                "id": "0b6f5c1e-8f0d-4c52-9d0e-51a1a7a4c111",
                "email": "reviewer@example.com",
                "credits": request.world.credits,
            }
        },
    )


def list_comments(request: Request) -> OperationReply:
    """GET /comments: one page of tasks, newest first."""
    world, params = request.world, request.call.params
    page, per_page = request.page()
    statuses = _status_filter(request)
    tasks, total = world.board.page(statuses, params.get("saved_account_id"), page, per_page)
    return OperationReply(
        200,
        {
            "data": [task_wire(world, task) for task in tasks],
            "pagination": pagination(world, page, per_page, total),
        },
    )


def create_comments(request: Request) -> OperationReply:
    """POST /comments: one task, or a batch of up to 200."""
    return orders.create(request)


def get_comment(request: Request, task_id: str) -> OperationReply:
    """GET /comments/{id}."""
    return OperationReply(200, {"data": task_wire(request.world, _task(request, task_id))})


def cancel_comment(request: Request, task_id: str) -> OperationReply:
    """DELETE /comments/{id}: withdraw a pending task."""
    task = _task(request, task_id)
    refunded = tasks_module.cancel(request.world, task, request.actor, dry=request.dry)
    return OperationReply(
        200, {"data": {"id": task.id, "status": "cancelled", "credits_refunded": refunded}}
    )


def approve_comment(request: Request, task_id: str) -> OperationReply:
    """POST /comments/{id}/approve: pay the manager, for good."""
    task = _task(request, task_id)
    tasks_module.approve(request.world, task, request.actor, dry=request.dry)
    return OperationReply(200, {"data": task_wire(request.world, task)})


def dispute_comment(request: Request, task_id: str) -> OperationReply:
    """POST /comments/{id}/dispute: send it back with a reason."""
    task = _task(request, task_id)
    reason = _reason(request)
    tasks_module.dispute(request.world, task, reason, request.actor, dry=request.dry)
    return OperationReply(200, {"data": task_wire(request.world, task)})


def list_verifications(request: Request, task_id: str) -> OperationReply:
    """GET /comments/{id}/verifications: what the verifier saw."""
    world, task = request.world, _task(request, task_id)
    return OperationReply(
        200,
        {
            "data": {
                "task_id": task.id,
                "status": tasks_module.shown_status(world, task),
                "attempts": [attempt_shape(world, attempt) for attempt in task.attempts],
            }
        },
    )


ROUTES: dict[tuple[str, ...], Operation] = {
    ("GET", "me"): get_me,
    ("GET", "comments"): list_comments,
    ("POST", "comments"): create_comments,
    ("GET", "comments", "*"): get_comment,
    ("DELETE", "comments", "*"): cancel_comment,
    ("POST", "comments", "*", "approve"): approve_comment,
    ("POST", "comments", "*", "dispute"): dispute_comment,
    ("GET", "comments", "*", "verifications"): list_verifications,
    ("GET", "accounts"): list_accounts,
    ("GET", "accounts", "*"): get_account,
    ("GET", "accounts", "*", "managed-subscription"): get_coverage,
    ("GET", "bundles"): list_bundles,
    ("GET", "bundles", "*"): get_bundle,
    ("GET", "bundles", "*", "account"): get_bundle_account,
    ("POST", "bundles", "*", "account", "finalize"): finalize_account,
    ("POST", "bundles", "*", "account", "corrections"): correct_account,
}
"""Method and path under the API root, with `*` for an id, to the function that answers."""


def find(method: str, path: str) -> tuple[Operation, tuple[str, ...]]:
    """The operation behind a method and a path under the API root, and the ids in the path.

    Raises Refusal when there is none.
    """
    parts = path.strip("/").split("/")
    ids: tuple[str, ...] = ()
    if len(parts) > 1:
        ids = (parts[1],)
        parts[1] = "*"
    shape = tuple(parts)
    operation = ROUTES.get((method, *shape))
    if operation is not None:
        return operation, ids
    if any(route[1:] == shape for route in ROUTES):
        raise Refusal(405, "METHOD_NOT_ALLOWED", f"{method} is not possible here.")
    raise Refusal(404, "NOT_FOUND", "There is nothing at this path.")


def _task(request: Request, task_id: str) -> Task:
    world = request.world
    if task_id.startswith(orders.DRY_RUN_ID) and not request.dry and request.call.is_write:
        raise Refusal(400, "DRY_RUN_ID_IN_LIVE_REQUEST", "This id was made up by a dry run.")
    task = world.tasks.get(task_id)
    if task is None or tasks_module.shown_status(world, task) is None:
        raise refusals.not_found()
    if not task.owned:
        foreign_is_missing = world.choices.foreign_task_status == 404
        raise refusals.not_found() if foreign_is_missing else refusals.not_owned()
    return task


def _status_filter(request: Request) -> list[str] | None:
    text = request.call.params.get("status")
    if not text:
        return None
    asked = list(dict.fromkeys(part.strip() for part in text.split(",")))
    known = [status for status in asked if status in STATUSES]
    if len(known) == len(asked):
        return known
    match request.world.choices.unknown_status_filter:
        case "400":
            raise Refusal(
                400, request.world.choices.validation_code, f"Unknown status in {text!r}."
            )
        case "ignore":
            return known or None
        case "empty":
            return known


def _reason(request: Request) -> str:
    choices = request.world.choices
    reason = request.json().get("reason")
    if not isinstance(reason, str):
        raise refusals.reason_required()
    text: str = reason.strip() if choices.reason_trimmed else reason
    match choices.reason_unit:
        case "code points":
            length = len(text)
        case "utf-16":
            length = len(text.encode("utf-16-le", "surrogatepass")) // 2
        case "bytes":
            length = len(text.encode("utf-8", "surrogatepass"))
    if length < 3:
        raise refusals.reason_required()
    if length > 500:
        raise Refusal(400, choices.long_reason_code, "A reason has at most 500 characters.")
    return text
