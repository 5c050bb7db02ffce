"""Each documented error, and each undocumented one, becomes the right exception."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

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
from reviewbot.tokportal.errors import failure, wait_of

NOW = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)


def fail(status: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """The error for one answer."""
    return failure(
        status, body, call="POST /x", retry_after=retry_after, now=NOW, request_id="req_1"
    )


def enveloped(code: str, **details: Any) -> bytes:
    """The documented error envelope."""
    return json.dumps({"error": {"code": code, "message": "No.", "details": details}}).encode()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "AUTH_INVALID_KEY", KeyRefused),
        (401, "SOMETHING_NEW", KeyRefused),
        (403, "AUTH_REVOKED_KEY", KeyRefused),
        (403, "auth_expired_key", KeyRefused),
        (403, "SOMETHING_NEW", Forbidden),
        (402, "INSUFFICIENT_CREDITS", OutOfCredits),
        (403, "COMMENT_TASK_NOT_OWNED", Forbidden),
        (404, "COMMENT_TASK_NOT_FOUND", NotFound),
        (404, "SAVED_ACCOUNT_NOT_FOUND", NotFound),
        (409, "COMMENT_INVALID_STATUS", InvalidStatus),
        (409, "COMMENT_ACCOUNT_NOT_MANAGED", ApiRefusal),
        (400, "COMMENT_DISPUTE_REASON_REQUIRED", ApiRefusal),
        (409, "MANAGED_ACCOUNT_TASK_BLOCKED", TaskBlocked),
        (403, "MANAGED_ACCOUNT_TASK_BLOCKED", TaskBlocked),
        (409, "invalid_status", InvalidStatus),
        (409, "BUNDLE_INVALID_STATUS", InvalidStatus),
        (404, "bundle_not_found", NotFound),
        (400, "missing_fields", ApiRefusal),
        (409, "SOMETHING_NEW", InvalidStatus),
        (404, "SOMETHING_NEW", NotFound),
        (422, "SOMETHING_NEW", ApiRefusal),
        (500, "COMMENT_INVALID_STATUS", ServerFault),
        (408, "SOMETHING_NEW", NoAnswer),
    ],
)
def test_a_code_decides_and_else_the_status(status: int, code: str, kind: type[ApiError]) -> None:
    """Known codes in both families decide; unknown ones leave it to the HTTP status."""
    error = fail(status, enveloped(code, current_status="finalized"))
    assert type(error) is kind
    assert error.code == code.upper()
    assert (error.status, error.request_id) == (status, "req_1")
    if isinstance(error, InvalidStatus):
        assert error.current_status == "finalized"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(302, BadAnswer), (304, BadAnswer), (400, Intercepted), (404, Intercepted), (413, Intercepted),
     (401, Intercepted), (402, OutOfCredits), (403, Intercepted), (409, InvalidStatus),
     (429, RateLimited), (500, ServerFault), (502, ServerFault), (599, ServerFault)],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b'{"error": 5}', b"[1]", b"\xff"])
def test_without_the_envelope_a_gateway_may_have_spoken(
    status: int, kind: type[ApiError], body: bytes
) -> None:
    """A page of something in between says nothing about the task, nor about our key."""
    assert type(fail(status, body)) is kind


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    "said",
    [
        {"error": "Forbidden"},
        {"error": "unauthorized", "message": "No access from your address."},
        {"error": {"message": "blocked by a rule"}},
        {"error": {"code": None}},
        {"error": {"code": ""}},
        {"message": "AUTH_INVALID_KEY"},
        {"code": "AUTH_INVALID_KEY"},
    ],
)
def test_a_firewall_that_answers_in_json_refuses_no_key(status: int, said: object) -> None:
    """Only the API's own envelope, with a code, is about our key; and the attempt may be made again."""
    error = fail(status, json.dumps(said).encode())

    assert type(error) is Intercepted
    assert error.exit_code == 69


@pytest.mark.parametrize("status", [401, 403])
def test_a_documented_code_alone_is_the_api(status: int) -> None:
    """As the account pages write errors."""
    assert type(fail(status, b'{"error": "auth_invalid_key"}')) is KeyRefused


@pytest.mark.parametrize(
    ("header", "body", "seconds"),
    [
        ("1", 2, 2.0),
        ("7", 2, 7.0),
        (None, 3, 3.0),
        (None, None, 1.0),
        ("Tue, 02 Jun 2026 12:00:30 GMT", 2, 30.0),
        ("Tue, 02 Jun 2026 11:00:00 GMT", None, 1.0),
        ("99999999999999999999", None, 900.0),
        ("-5", "soon", 1.0),
        ("\u0663", float("nan"), 1.0),
        ("tomorrow", float("inf"), 1.0),
    ],
)
def test_the_larger_wait_wins(header: str | None, body: object, seconds: float) -> None:
    """Of the header (seconds or a date) and the body the larger counts, within reason."""
    assert wait_of(header, {"retry_after_seconds": body}, NOW) == seconds


def test_a_message_is_harmless_on_a_screen() -> None:
    """Control characters of the API's own text do not reach a terminal."""
    error = fail(409, json.dumps({"error": {"code": "X\x1b[2J", "message": "a\r\nb"}}).encode())
    assert "\x1b" not in str(error)
    assert "\n" not in str(error)
