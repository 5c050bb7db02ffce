"""Which error each answer is: the API's error table, mapped to our exception tree.

Rules. A known code decides; with an unknown code the HTTP status does. Codes are compared without
case, because the account pages write them in lower case. A 5xx never says whether anything was
done. A 4xx without the documented envelope comes from something in between (a gateway), so it says
nothing about the task, nor about our key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from reviewbot.domain.errors import (
    ApiError,
    ApiRefusal,
    BadAnswer,
    Forbidden,
    Intercepted,
    InvalidStatus,
    KeyRefused,
    NoAnswer,
    NotFound,
    OutOfCredits,
    RateLimited,
    ServerFault,
    TaskBlocked,
)
from reviewbot.domain.text import safe_line
from reviewbot.tokportal.decode import UnreadableBody, number, parse_json

LONGEST_WAIT = 15 * 60.0
"""Seconds; a server that asks for more is asked again after this."""

_BY_CODE: dict[str, type[ApiRefusal]] = {
    "AUTH_MISSING_KEY": KeyRefused,
    "AUTH_INVALID_KEY": KeyRefused,
    "AUTH_REVOKED_KEY": KeyRefused,
    "COMMENT_TASK_NOT_FOUND": NotFound,
    "COMMENT_TASK_NOT_OWNED": Forbidden,
    "COMMENT_INVALID_STATUS": InvalidStatus,
    "COMMENT_ACCOUNT_NOT_MANAGED": ApiRefusal,
    "COMMENT_PLATFORM_MISMATCH": ApiRefusal,
    "COMMENT_INVALID_VIDEO_URL": ApiRefusal,
    "COMMENT_TEXT_TOO_LONG": ApiRefusal,
    "COMMENT_TEXT_EMPTY": ApiRefusal,
    "COMMENT_DISPUTE_REASON_REQUIRED": ApiRefusal,
    "INSUFFICIENT_CREDITS": OutOfCredits,
    "SAVED_ACCOUNT_NOT_FOUND": NotFound,
    "SAVED_ACCOUNT_NOT_OWNED": Forbidden,
    "MANAGED_ACCOUNT_TASK_BLOCKED": TaskBlocked,
    "BUNDLE_NOT_FOUND": NotFound,
    "BUNDLE_NOT_OWNED": Forbidden,
    "BUNDLE_INVALID_STATUS": InvalidStatus,
    "BUNDLE_ALREADY_PUBLISHED": ApiRefusal,
    "BUNDLE_PRICING_CHANGED": ApiRefusal,
    "DUPLICATE_ACCOUNT_BUNDLE": ApiRefusal,
    "ACCOUNT_NOT_FOUND": NotFound,
    "ACCOUNT_INVALID_STATUS": InvalidStatus,
    "ACCOUNT_NOT_CONFIGURED": ApiRefusal,
    "INVALID_STATUS": InvalidStatus,
    "INVALID_STATUS_TRANSITION": InvalidStatus,
    "MISSING_COMMENT": ApiRefusal,
    "MISSING_FIELDS": ApiRefusal,
    "INVALID_FIELD": ApiRefusal,
    "UNKNOWN_FIELD": ApiRefusal,
    "DRY_RUN_ID_IN_LIVE_REQUEST": ApiRefusal,
    "IDEMPOTENCY_KEY_NOT_ALLOWED_FOR_SENSITIVE_RESPONSE": ApiRefusal,
}
"""Every documented code of the calls we make, in both families, in upper case."""

_BY_STATUS: dict[int, type[ApiRefusal]] = {
    401: KeyRefused,
    402: OutOfCredits,
    403: Forbidden,
    404: NotFound,
    409: InvalidStatus,
}

_PLAIN_SPEECH = frozenset({402, 409})
"""Statuses that are a definite no even without the envelope."""
_ABOUT_US = frozenset({401, 403})
"""Statuses that gateways and firewalls answer as well, in pages and in JSON of their own."""
_AUTH = "AUTH_"
"""How every code begins that is about the key."""


def failure(
    status: int,
    body: bytes,
    *,
    call: str,
    retry_after: str | None,
    now: datetime,
    request_id: str | None,
) -> ApiError:
    """Name the error that an answer is. `call` says what was asked, for the message."""
    error = _envelope(body, status)
    code, message, details = _read(error)
    about: dict[str, Any] = {"status": status, "code": code, "request_id": request_id}
    said = f"{call}: {_said(status, code, message)}"
    if status == 429:
        wait = wait_of(retry_after, details, now)
        return RateLimited(said, retry_after=wait, details=details, **about)
    if status >= 500:
        return ServerFault(said, details=details, **about)
    if status == 408:
        return NoAnswer(said, details=details, **about)
    if status < 400:
        return BadAnswer(f"{said}; redirects are never followed", **about)
    if error is None and status not in _PLAIN_SPEECH:
        return Intercepted(f"{said}, without the API's error envelope", **about)
    kind = _BY_CODE.get(code or "") or _BY_STATUS.get(status, ApiRefusal)
    if status in _ABOUT_US and (code or "").startswith(_AUTH):
        kind = KeyRefused
    return kind(said, details=details, **about)


def wait_of(header: str | None, details: Mapping[str, Any], now: datetime) -> float:
    """Say how many seconds a 429 asks for: the larger of its two voices, at least 1, capped."""
    voices = [1.0, number(details.get("retry_after_seconds")) or 0.0]
    if header is not None:
        voices.append(_seconds(header.strip(), now))
    return min(max(voices), LONGEST_WAIT)


def _seconds(header: str, now: datetime) -> float:
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        at = parsedate_to_datetime(header)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return (at - now) / timedelta(seconds=1)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _envelope(body: bytes, status: int) -> dict[str, Any] | None:
    """The API's own words about what went wrong; None where something else may have spoken."""
    try:
        answer = parse_json(body)
    except UnreadableBody:
        return None
    error = answer.get("error") if isinstance(answer, dict) else None
    if status in _ABOUT_US and not _is_about_us(error):
        return None
    if isinstance(error, str):
        return {"code": error, "message": answer.get("message"), "details": answer.get("details")}
    return error if isinstance(error, dict) else None


def _is_about_us(error: object) -> bool:
    """Whether the API says it: an object with a code; a code alone only where it is documented."""
    if isinstance(error, dict):
        return isinstance(error.get("code"), str) and bool(error["code"])
    return isinstance(error, str) and error.upper() in _BY_CODE


def _read(error: dict[str, Any] | None) -> tuple[str | None, str | None, dict[str, Any]]:
    if error is None:
        return None, None, {}
    code, message, details = error.get("code"), error.get("message"), error.get("details")
    return (
        code.upper()[:100] if isinstance(code, str) and code else None,
        message if isinstance(message, str) else None,
        details if isinstance(details, dict) else {},
    )


def _said(status: int, code: str | None, message: str | None) -> str:
    said = f"the API answered {status}"
    if code is not None:
        said += f" {safe_line(code, 100)}"
    if message:
        said += f" ({safe_line(message, 200)})"
    return said
