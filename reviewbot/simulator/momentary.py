"""Refusals that are wrong for a moment: a 4xx that says nothing true about the thing it was said of.

A gateway is deployed, a rule of a firewall slips, a check is too strict for a minute; then all is
well again, and what was refused still waits.
"""

from __future__ import annotations

from random import Random  # noqa: TID251 - a seeded one comes in as an argument
from typing import Any

from reviewbot.simulator.calls import Answer
from reviewbot.simulator.refusals import Refusal

CODES: dict[int, tuple[str, ...]] = {
    400: ("VALIDATION_ERROR", "COMMENT_DISPUTE_REASON_REQUIRED", "INVALID_JSON"),
    401: ("AUTH_INVALID_KEY", "AUTH_REVOKED_KEY", "AUTH_MISSING_KEY"),
    402: ("INSUFFICIENT_CREDITS",),
    403: ("AUTH_INSUFFICIENT_SCOPE", "COMMENT_TASK_NOT_OWNED", "MANAGED_ACCOUNT_TASK_BLOCKED"),
    404: ("COMMENT_TASK_NOT_FOUND", "NOT_FOUND", "bundle_not_found"),
    409: ("COMMENT_INVALID_STATUS", "MANAGED_ACCOUNT_TASK_BLOCKED", "IDEMPOTENCY_KEY_REUSED"),
    410: ("GONE",),
    422: ("VALIDATION_ERROR", "IDEMPOTENCY_KEY_REUSED"),
    423: ("MANAGED_ACCOUNT_TASK_BLOCKED",),
    425: ("TOO_EARLY",),
    451: ("UNAVAILABLE_FOR_LEGAL_REASONS",),
}
"""Every status of such a refusal, with the codes that the documents, or habit, give to it."""

MOMENTARY = ("4xx envelope", "4xx odd code", "4xx page")
"""In the API's envelope with a usual code; with a code nobody documented; without the envelope."""

_PAGES = (
    (
        b"text/html",
        b"<html><head><title>Forbidden</title></head><body>Request blocked</body></html>",
    ),
    (b"text/html", b""),
    (b"application/json", b'{"message":"Forbidden"}'),
    (b"text/plain", b"no healthy upstream"),
)


def refusal(kind: str, status: int | None, rng: Random) -> Refusal:
    """One in the API's envelope; of any status where none is given."""
    chosen = status or rng.choice(tuple(CODES))
    if kind == "4xx odd code":
        return Refusal(chosen, "WORKFLOW_GUARD_REJECTED", "The request was rejected.")
    code = rng.choice(CODES[chosen])
    details: dict[str, Any] | None = None
    if code == "COMMENT_INVALID_STATUS":
        details = {"current_status": rng.choice(("manually_confirmed", "submitted"))}
    return Refusal(chosen, code, "This cannot be done.", details)


def page(status: int | None, rng: Random) -> Answer:
    """One from something in between, which knows nothing of the API."""
    kind, body = rng.choice(_PAGES)
    return Answer(status or rng.choice(tuple(CODES)), [(b"content-type", kind)], body)
