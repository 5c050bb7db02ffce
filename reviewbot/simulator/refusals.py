"""Every refusal of the simulated API: HTTP status, code, message and details, each in one place."""

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


def not_found() -> Refusal:
    """No task has this id."""
    return Refusal(404, "COMMENT_TASK_NOT_FOUND", "There is no comment task with this id.")


def not_owned() -> Refusal:
    """The task is another customer's."""
    return Refusal(403, "COMMENT_TASK_NOT_OWNED", "This comment task is not yours.")


def wrong_status(current: str, wanted: str) -> Refusal:
    """The task is not in the status that the action needs."""
    return Refusal(
        409,
        "COMMENT_INVALID_STATUS",
        f"Only a task that is {wanted} allows this.",
        {"current_status": current},
    )


def blocked(status: int, account_id: str) -> Refusal:
    """The account's coverage is inactive."""
    return Refusal(
        status,
        "MANAGED_ACCOUNT_TASK_BLOCKED",
        "The coverage of this account is inactive, so its tasks are paused.",
        {"saved_account_id": account_id, "execution_block_reason": "coverage_inactive"},
    )


def reason_required() -> Refusal:
    """A dispute without a reason, or with too short a one."""
    return Refusal(400, "COMMENT_DISPUTE_REASON_REQUIRED", "Give a reason of 3 to 500 characters.")


def account_not_found() -> Refusal:
    """No saved account has this id."""
    return Refusal(404, "SAVED_ACCOUNT_NOT_FOUND", "There is no saved account with this id.")


def account_not_owned() -> Refusal:
    """The saved account is another customer's."""
    return Refusal(403, "SAVED_ACCOUNT_NOT_OWNED", "This saved account is not yours.")


def insufficient_credits(required: int, available: int) -> Refusal:
    """The wallet does not hold what the call costs."""
    return Refusal(
        402,
        "INSUFFICIENT_CREDITS",
        "There are not enough credits for this.",
        {
            "required": required,
            "available": available,
            "missing": required - available,
            "breakdown": {"comment_tasks": required},
        },
    )


def bundle_not_found() -> Refusal:
    """No bundle has this id (the account-review pages write codes in lower case)."""
    return Refusal(404, "bundle_not_found", "There is no bundle with this id.")


def account_wrong_status(current: str) -> Refusal:
    """The account under review is not in review."""
    return Refusal(
        409, "invalid_status", "The account is not in review.", {"current_status": current}
    )
