"""The comment operations and what surrounds them: one function per operation, and the table of routes."""

from __future__ import annotations

from collections.abc import Callable

from reviewbot.simulator import account_routes, comments, orders, refusals
from reviewbot.simulator.calls import Reply, Request
from reviewbot.simulator.model import Task
from reviewbot.simulator.pages import pagination
from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.shapes import attempt_shape, task_wire

Operation = Callable[..., Reply]

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


def get_me(request: Request) -> Reply:
    """GET /me: who the key belongs to, and the credits."""
    return Reply(
        200,
        {
            "data": {
                "id": "0b6f5c1e-8f0d-4c52-9d0e-51a1a7a4c111",
                "email": "reviewer@example.com",
                "credits": request.world.credits,
            }
        },
    )


def list_comments(request: Request) -> Reply:
    """GET /comments: one page of tasks, newest first."""
    world, params = request.world, request.call.params
    page, per_page = request.page()
    statuses = _status_filter(request)
    tasks, total = world.board.page(statuses, params.get("saved_account_id"), page, per_page)
    return Reply(
        200,
        {
            "data": [task_wire(world, task) for task in tasks],
            "pagination": pagination(world, page, per_page, total),
        },
    )


def create_comments(request: Request) -> Reply:
    """POST /comments: one task, or a batch of up to 200."""
    return orders.create(request)


def get_comment(request: Request, task_id: str) -> Reply:
    """GET /comments/{id}."""
    return Reply(200, {"data": task_wire(request.world, _task(request, task_id))})


def cancel_comment(request: Request, task_id: str) -> Reply:
    """DELETE /comments/{id}: withdraw a pending task."""
    task = _task(request, task_id)
    refunded = comments.cancel(request.world, task, request.actor, dry=request.dry)
    return Reply(
        200, {"data": {"id": task.id, "status": "cancelled", "credits_refunded": refunded}}
    )


def approve_comment(request: Request, task_id: str) -> Reply:
    """POST /comments/{id}/approve: pay the manager, for good."""
    task = _task(request, task_id)
    comments.approve(request.world, task, request.actor, dry=request.dry)
    return Reply(200, {"data": task_wire(request.world, task)})


def dispute_comment(request: Request, task_id: str) -> Reply:
    """POST /comments/{id}/dispute: send it back with a reason."""
    task = _task(request, task_id)
    reason = _reason(request)
    comments.dispute(request.world, task, reason, request.actor, dry=request.dry)
    return Reply(200, {"data": task_wire(request.world, task)})


def list_verifications(request: Request, task_id: str) -> Reply:
    """GET /comments/{id}/verifications: what the verifier saw."""
    world, task = request.world, _task(request, task_id)
    return Reply(
        200,
        {
            "data": {
                "task_id": task.id,
                "status": comments.shown_status(world, task),
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
    ("GET", "accounts"): account_routes.list_accounts,
    ("GET", "accounts", "*"): account_routes.get_account,
    ("GET", "accounts", "*", "managed-subscription"): account_routes.get_coverage,
    ("GET", "bundles"): account_routes.list_bundles,
    ("GET", "bundles", "*"): account_routes.get_bundle,
    ("GET", "bundles", "*", "account"): account_routes.get_bundle_account,
    ("POST", "bundles", "*", "account", "finalize"): account_routes.finalize_account,
    ("POST", "bundles", "*", "account", "corrections"): account_routes.correct_account,
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
    if task is None or comments.shown_status(world, task) is None:
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
