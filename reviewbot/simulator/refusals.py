"""Every refusal of the simulated API: its code, HTTP status and usual message, each in one row."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An answer in the API's error envelope."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: dict[str, Any] | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = headers


_KEY = "The API key was not accepted."
REFUSALS: dict[str, tuple[int, str]] = {
    "NOT_FOUND": (404, "There is nothing at this path."),
    "METHOD_NOT_ALLOWED": (405, "This method is not possible here."),
    "AUTH_MISSING_KEY": (401, _KEY),
    "AUTH_INVALID_KEY": (401, _KEY),
    "AUTH_REVOKED_KEY": (401, _KEY),
    "AUTH_EXPIRED_KEY": (401, _KEY),
    "AUTH_INSUFFICIENT_SCOPE": (403, "This key may only read."),
    "RATE_LIMIT_EXCEEDED": (429, "Too many requests; wait a little."),
    "VALIDATION_ERROR": (400, "A field is wrong."),
    "INVALID_JSON": (400, "No JSON."),
    "DRY_RUN_ID_IN_LIVE_REQUEST": (400, "This id was made up by a dry run."),
    "IDEMPOTENCY_KEY_REUSED": (409, "This Idempotency-Key was used for another request."),
    "INTERNAL_ERROR": (500, "Something went wrong."),
    "INSUFFICIENT_CREDITS": (402, "There are not enough credits for this."),
    "COMMENT_TASK_NOT_FOUND": (404, "There is no comment task with this id."),
    "COMMENT_TASK_NOT_OWNED": (403, "This comment task is not yours."),
    "COMMENT_INVALID_STATUS": (409, "The task is in another status."),
    "COMMENT_DISPUTE_REASON_REQUIRED": (400, "Give a reason of 3 to 500 characters."),
    "COMMENT_DISPUTE_REASON_TOO_LONG": (400, "A reason has at most 500 characters."),
    "COMMENT_BATCH_SIZE_INVALID": (400, "`tasks` must hold 1 to 200 rows."),
    "COMMENT_PLATFORM_MISMATCH": (400, "The account and the video are on different platforms."),
    "COMMENT_TEXT_EMPTY": (400, "The comment is empty."),
    "COMMENT_TEXT_TOO_LONG": (400, "The comment is too long for this platform."),
    "COMMENT_INVALID_VIDEO_URL": (400, "This is not the address of a video."),
    "COMMENT_ACCOUNT_NOT_MANAGED": (409, "This account has no manager at the moment."),
    "MANAGED_ACCOUNT_TASK_BLOCKED": (409, "The coverage is inactive, so its tasks are paused."),
    "SAVED_ACCOUNT_NOT_FOUND": (404, "There is no saved account with this id."),
    "SAVED_ACCOUNT_NOT_OWNED": (403, "This saved account is not yours."),
    "ACCOUNT_LOOKUP_FAILED": (503, "The account could not be looked up."),
    "BUNDLE_NOT_OWNED": (403, "This bundle is not yours."),
    # The pages on account review write their codes in lower case.
    "bundle_not_found": (404, "There is no bundle with this id."),
    "invalid_status": (409, "The account is not in review."),
    "missing_comment": (400, "Say in `comment` what is wrong."),
    "missing_fields": (400, "Name at least one field in `fields`."),
    "invalid_field": (400, "This field cannot be corrected so."),
}
"""The codes for which no document states a status or a name are our choice: `VALIDATION_ERROR`,
`INVALID_JSON`, `AUTH_EXPIRED_KEY`, `AUTH_INSUFFICIENT_SCOPE`, `IDEMPOTENCY_KEY_REUSED`, the size of a
batch, a reason that is too long, and the 409 of a paused account."""


def refuse(code: str, message: str | None = None, **details: Any) -> Refusal:
    """The refusal of a code, in its usual words unless others are given."""
    status, usual = REFUSALS[code]
    return Refusal(status, code, message or usual, details or None)
