"""What changes anything over there: deciding reviews, ordering and cancelling tasks; each sent once."""

from __future__ import annotations

from collections.abc import Sequence

from reviewbot.domain.account import AccountReview
from reviewbot.domain.decision import Action, Decision
from reviewbot.domain.errors import ApiRefusal, KeyRefused, OutOfCredits, UsageError
from reviewbot.domain.order import Order
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import CommentTask, epoch_of
from reviewbot.ports.orders import Placed, Refund, Refused
from reviewbot.ports.queue import Receipt
from reviewbot.tokportal.client import Acted, ReviewApi


class ApiReviewWriter:
    """Decides reviews of one kind (`ports.ReviewWriter`)."""

    def __init__(self, api: ReviewApi, review: ReviewKind) -> None:
        self._api = api
        self._review = review

    def ready(self) -> None:
        """Wait until the rate budget lets a write leave at once."""
        self._api.ready()

    def perform(self, decision: Decision, key: str) -> Receipt:
        """Send one decision, once, under a key."""
        api, thing_id, reason = self._api, decision.task_id, decision.reason
        match self._review, decision.action:
            case "comments", Action.APPROVE:
                return _task_receipt(api.approve(thing_id, idempotency_key=key))
            case "comments", Action.DISPUTE if reason:
                return _task_receipt(api.dispute(thing_id, reason, idempotency_key=key))
            case "accounts", Action.FINALIZE:
                return _account_receipt(api.finalize_account(thing_id, idempotency_key=key))
            case "accounts", Action.REQUEST_CORRECTIONS if reason and decision.fields:
                return _account_receipt(
                    api.request_corrections(thing_id, reason, decision.fields, idempotency_key=key)
                )
            case review, action:
                raise UsageError(f"{action!r} cannot be sent for {review} without its words")


def _task_receipt(answer: Acted[CommentTask]) -> Receipt:
    return Receipt(
        status=answer.thing.status,
        epoch=epoch_of(answer.thing.manually_confirmed_at),
        request_id=answer.request_id,
        replayed=answer.replayed,
    )


def _account_receipt(answer: Acted[AccountReview]) -> Receipt:
    return Receipt(
        status=answer.thing.account_status, request_id=answer.request_id, replayed=answer.replayed
    )


_REASONS = {
    "SAVED_ACCOUNT_NOT_FOUND": "account_not_found",
    "SAVED_ACCOUNT_NOT_OWNED": "account_not_owned",
    "COMMENT_ACCOUNT_NOT_MANAGED": "account_not_managed",
    "COMMENT_INVALID_VIDEO_URL": "invalid_video_url",
    "COMMENT_PLATFORM_MISMATCH": "platform_mismatch",
    "COMMENT_TEXT_TOO_LONG": "comment_text_too_long",
    "COMMENT_TEXT_EMPTY": "comment_text_empty",
}
"""Codes of the single form that are about the order itself, as the batch form would say them."""


class ApiOrderWriter:
    """Orders and cancels tasks (`ports.OrderWriter`)."""

    def __init__(self, api: ReviewApi) -> None:
        self._api = api

    def ready(self) -> None:
        """Wait until the rate budget lets a write leave at once."""
        self._api.ready()

    def create(self, orders: Sequence[Order], key: str) -> Placed:
        """Send orders: one by the single form, several by the batch form."""
        if len(orders) > 1:
            return self._api.create_comments(orders, idempotency_key=key)
        try:
            return self._api.create_comment(orders[0], idempotency_key=key)
        except OutOfCredits as no:
            return _not_placed("insufficient_credits", no)
        except KeyRefused:
            raise
        except ApiRefusal as no:
            if no.code not in _REASONS:
                raise
            return _not_placed(_REASONS[no.code], no)

    def cancel(self, task_id: str, key: str) -> Refund:
        """Cancel one task."""
        return self._api.cancel(task_id, idempotency_key=key)


def _not_placed(reason: str, no: ApiRefusal) -> Placed:
    return Placed(refused=(Refused(reason=reason),), charged=0.0, request_id=no.request_id)
