"""The operations: one function each, in a table by method and path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reviewbot.simulator import accounts, orders, tasks
from reviewbot.simulator.model import TASK_STATUSES, Bundle, SavedAccount, Task
from reviewbot.simulator.refusals import refuse
from reviewbot.simulator.wire import (
    Body,
    Request,
    attempt_shape,
    bundle_account_shape,
    bundle_shape,
    saved_account_shape,
    task_wire,
)
from reviewbot.simulator.world import World

T = TypeVar("T")
Operation = Callable[..., Body]
ROUTES: dict[tuple[str, ...], Operation] = {}
"""Method and path under the API root, with `*` for an id, to the function that answers."""
CORRECTABLE = ("username", "visible_name", "biography", "profile_picture")
LONGEST_CORRECTION = 2000
REASON_LENGTHS = range(3, 501)
_BUNDLE_FILTERS = ("status", "bundle_type", "platform", "external_ref", "account_status")


def route(method: str, path: str) -> Callable[[Operation], Operation]:
    """Give a function its place."""

    def place(operation: Operation) -> Operation:
        ROUTES[method, *path.split("/")] = operation
        return operation

    return place


def find(method: str, path: str) -> tuple[Operation, tuple[str, ...]]:
    """The operation behind a method and a path under the API root, and the ids in the path.

    Raises Refusal when there is none.
    """
    parts = path.strip("/").split("/")
    ids = tuple(parts[1:2])
    parts[1:2] = ["*"] * len(ids)
    operation = ROUTES.get((method, *parts))
    if operation is not None:
        return operation, ids
    if any(list(place[1:]) == parts for place in ROUTES):
        raise refuse("METHOD_NOT_ALLOWED", f"{method} is not possible here.")
    raise refuse("NOT_FOUND")


def status_of(operation: Operation) -> int:
    """The HTTP status of its success."""
    return 201 if operation is create_comments else 200


@route("GET", "me")
def get_me(request: Request) -> Body:
    """Who the key belongs to, and the credits."""
    me = {"id": "0b6f5c1e-8f0d-4c52-9d0e-51a1a7a4c111", "email": "reviewer@example.com"}
    return {"data": {**me, "credits": request.world.credits}}


# Comment tasks ------------------------------------------------------------------------------


@route("GET", "comments")
def list_comments(request: Request) -> Body:
    """One page of tasks, newest first."""
    world, account = request.world, request.call.params.get("saved_account_id")
    page, per_page = request.page()
    shown, total = world.board.page(_status_filter(request), account, page, per_page)
    counts = request.pagination(page, per_page, total)
    return {"data": [task_wire(world, task) for task in shown], "pagination": counts}


@route("POST", "comments")
def create_comments(request: Request) -> Body:
    """One task, or a batch of up to 200."""
    return orders.create(request)


@route("GET", "comments/*")
def get_comment(request: Request, task_id: str) -> Body:
    """One task."""
    return {"data": task_wire(request.world, _task(request, task_id))}


@route("DELETE", "comments/*")
def cancel_comment(request: Request, task_id: str) -> Body:
    """Withdraw a pending task."""
    task = _task(request, task_id)
    refunded = tasks.cancel(request.world, task, request.actor, dry=request.dry)
    return {"data": {"id": task.id, "status": "cancelled", "credits_refunded": refunded}}


@route("POST", "comments/*/approve")
def approve_comment(request: Request, task_id: str) -> Body:
    """Pay the manager, for good."""
    task = _task(request, task_id)
    tasks.approve(request.world, task, request.actor, dry=request.dry)
    return {"data": task_wire(request.world, task)}


@route("POST", "comments/*/dispute")
def dispute_comment(request: Request, task_id: str) -> Body:
    """Send it back with a reason."""
    task, reason = _task(request, task_id), _reason(request)
    tasks.dispute(request.world, task, reason, request.actor, dry=request.dry)
    return {"data": task_wire(request.world, task)}


@route("GET", "comments/*/verifications")
def list_verifications(request: Request, task_id: str) -> Body:
    """What the verifier saw."""
    world, task = request.world, _task(request, task_id)
    attempts = [attempt_shape(world, attempt) for attempt in task.attempts]
    status = tasks.shown_status(world, task)
    return {"data": {"task_id": task.id, "status": status, "attempts": attempts}}


def _task(request: Request, task_id: str) -> Task:
    world = request.world
    if task_id.startswith(orders.DRY_RUN_ID) and not request.dry and request.call.is_write:
        raise refuse("DRY_RUN_ID_IN_LIVE_REQUEST")
    task = world.tasks.get(task_id)
    if task is None or tasks.shown_status(world, task) is None:
        raise refuse("COMMENT_TASK_NOT_FOUND")
    if not task.owned:
        is_missing = world.choices.foreign_task_status == 404
        raise refuse("COMMENT_TASK_NOT_FOUND" if is_missing else "COMMENT_TASK_NOT_OWNED")
    return task


def _status_filter(request: Request) -> list[str] | None:
    text = request.call.params.get("status")
    if not text:
        return None
    asked = list(dict.fromkeys(part.strip() for part in text.split(",")))
    known = [status for status in asked if status in TASK_STATUSES]
    if len(known) == len(asked):
        return known
    match request.world.choices.unknown_status_filter:
        case "400":
            raise refuse("VALIDATION_ERROR", f"Unknown status in {text!r}.")
        case "ignore":
            return known or None
        case "empty":
            return known


def _reason(request: Request) -> str:
    reason = request.json().get("reason")
    if not isinstance(reason, str):
        raise refuse("COMMENT_DISPUTE_REASON_REQUIRED")
    text = reason.strip()
    match request.world.choices.reason_unit:
        case "code points":
            length = len(text)
        case "utf-16":
            length = len(text.encode("utf-16-le", "surrogatepass")) // 2
        case "bytes":
            length = len(text.encode("utf-8", "surrogatepass"))
    if length < REASON_LENGTHS.start:
        raise refuse("COMMENT_DISPUTE_REASON_REQUIRED")
    if length >= REASON_LENGTHS.stop:
        raise refuse("COMMENT_DISPUTE_REASON_TOO_LONG")
    return text


# Delivered accounts, and accounts under review ----------------------------------------------


@route("GET", "accounts")
def list_accounts(request: Request) -> Body:
    """The delivered accounts."""
    params = request.call.params
    wanted = [
        account
        for account in request.world.accounts.values()
        if account.owned
        and params.get("platform", account.platform) == account.platform
        and params.get("country", account.country) == account.country
    ]
    return _listed(request, wanted, saved_account_shape)


@route("GET", "accounts/*")
def get_account(request: Request, account_id: str) -> Body:
    """One delivered account, as it really is."""
    return {"data": saved_account_shape(request.world, _account(request, account_id))}


@route("GET", "accounts/*/managed-subscription")
def get_coverage(request: Request, account_id: str) -> Body:
    """Whether its tasks may be worked on."""
    account, world = _account(request, account_id), request.world
    status = "active" if account.covered else "lapsed"
    return {
        "data": {
            "status": status,
            "recorded_status": status,
            "current_period_end": world.iso(world.now + 15 * 86_400),
            "period_expired": not account.covered,
        }
    }


@route("GET", "bundles")
def list_bundles(request: Request) -> Body:
    """The orders, newest first, filtered by exact values."""
    world, params = request.world, request.call.params
    filters = {name: params[name].split(",") for name in _BUNDLE_FILTERS if params.get(name)}
    wanted = [
        bundle
        for bundle in accounts.newest_first(world)
        if all(getattr(bundle, name) in values for name, values in filters.items())
    ]
    return _listed(request, wanted, bundle_shape)


@route("GET", "bundles/*")
def get_bundle(request: Request, bundle_id: str) -> Body:
    """One order, with its account."""
    world, bundle = request.world, _bundle(request, bundle_id)
    return {"data": {**bundle_shape(world, bundle), "account": bundle_account_shape(world, bundle)}}


@route("GET", "bundles/*/account")
def get_bundle_account(request: Request, bundle_id: str) -> Body:
    """The account of one order."""
    return {"data": bundle_account_shape(request.world, _bundle(request, bundle_id))}


@route("POST", "bundles/*/account/finalize")
def finalize_account(request: Request, bundle_id: str) -> Body:
    """Accept the account."""
    world, bundle = request.world, _bundle(request, bundle_id)
    accounts.finalize(world, bundle, request.actor, dry=request.dry)
    moment = world.stamp() if bundle.finalized_at is None else bundle.finalized_at
    account = {"status": "finalized", "finalized_at": world.iso(moment)}
    return {"data": {"id": bundle.id, "account": account}}


@route("POST", "bundles/*/account/corrections")
def correct_account(request: Request, bundle_id: str) -> Body:
    """Send the account back."""
    bundle = _bundle(request, bundle_id)
    comment, fields = _feedback(request)
    asked = accounts.send_back(
        request.world, bundle, comment, fields, request.actor, dry=request.dry
    )
    account = {"status": accounts.DETOUR, "corrections": asked}
    return {"data": {"id": bundle.id, "account": account}}


def _feedback(request: Request) -> tuple[str, dict[str, str]]:
    body = request.json()
    comment: Any = body.get("comment")
    if not isinstance(comment, str) or not comment.strip():
        raise refuse("missing_comment")
    if len(comment) > LONGEST_CORRECTION:
        raise refuse("VALIDATION_ERROR", "`comment` is too long.")
    fields: Any = body.get("fields")
    if not isinstance(fields, dict) or not fields:
        raise refuse("missing_fields")
    for name, text in fields.items():
        if name not in CORRECTABLE or not isinstance(text, str) or not text.strip():
            raise refuse(
                "invalid_field", f"Allowed are texts for {', '.join(CORRECTABLE)}.", field=name
            )
    return comment, fields


def _account(request: Request, account_id: str) -> SavedAccount:
    account = request.world.accounts.get(account_id)
    if account is None:
        raise refuse("SAVED_ACCOUNT_NOT_FOUND")
    if not account.owned:
        raise refuse("SAVED_ACCOUNT_NOT_OWNED")
    return account


def _bundle(request: Request, bundle_id: str) -> Bundle:
    bundle = request.world.bundles.get(bundle_id)
    if bundle is None:
        raise refuse("bundle_not_found")
    if not bundle.owned:
        raise refuse("BUNDLE_NOT_OWNED")
    return bundle


def _listed(request: Request, things: list[T], shape: Callable[[World, T], Body]) -> Body:
    """One page of a list."""
    page, per_page = request.page()
    shown = things[(page - 1) * per_page : page * per_page]
    counts = request.pagination(page, per_page, len(things))
    return {"data": [shape(request.world, thing) for thing in shown], "pagination": counts}
