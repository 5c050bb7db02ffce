"""Orders and cancellations over the API, and the tasks that came of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from reviewbot.api.answers import Created, NewTask, Page
from reviewbot.api.client import ReadApi, ReviewApi
from reviewbot.api.pages import read_one_page
from reviewbot.domain.comments import CommentTask
from reviewbot.domain.errors import ApiRefusal, KeyRefused, OutOfCredits
from reviewbot.domain.orders import Order
from reviewbot.ports import Placed, RecentTasks, Refund, Refused

MOST_PAGES = 2_000

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


class ApiTaskBook:
    """Tasks by id and by age (`ports.TaskBook`)."""

    def __init__(self, api: ReadApi) -> None:
        self._api = api

    def task(self, task_id: str) -> CommentTask:
        """Read one task."""
        return self._api.get_comment(task_id)

    def since(self, moment: datetime) -> RecentTasks:
        """Read the list, which is newest first, until a whole page is older than `moment`."""
        found: dict[str, CommentTask] = {}
        complete = True
        for number in range(1, MOST_PAGES + 1):
            page = read_one_page(
                lambda page, per_page: self._api.list_comments(page=page, per_page=per_page), number
            )
            complete = complete and not page.unread
            found.update((task.id, task) for task in page.rows if not _is_older(task, moment))
            if _is_last(page) or all(_is_older(task, moment) for task in page.rows):
                return RecentTasks(tasks=tuple(found.values()), complete=complete)
        return RecentTasks(tasks=tuple(found.values()), complete=False)

    def credits(self) -> float | None:
        """Read the credits of the key's owner."""
        return self._api.me().credits


class ApiOrderDesk:
    """Where tasks are ordered and cancelled (`ports.OrderDesk`)."""

    def __init__(self, api: ReviewApi) -> None:
        self._api = api

    def ready(self) -> None:
        """Wait until the rate budget lets a write leave at once."""
        self._api.ready()

    def create(self, orders: Sequence[Order], key: str) -> Placed:
        """Send orders: one by the single form, several by the batch form."""
        tasks = [_new_task(order) for order in orders]
        if len(tasks) > 1:
            return _placed(self._api.create_comments(tasks, idempotency_key=key))
        try:
            return _placed(self._api.create_comment(tasks[0], idempotency_key=key))
        except OutOfCredits as no:
            return _refused("insufficient_credits", no)
        except KeyRefused:
            raise
        except ApiRefusal as no:
            if no.code not in _REASONS:
                raise
            return _refused(_REASONS[no.code], no)

    def cancel(self, task_id: str, key: str) -> Refund:
        """Cancel one task."""
        answer = self._api.cancel(task_id, idempotency_key=key)
        return Refund(
            status=answer.status, credits=answer.credits_refunded, request_id=answer.request_id
        )


def _new_task(order: Order) -> NewTask:
    return NewTask(**msgspec.structs.asdict(order))


def _placed(answer: Created) -> Placed:
    return Placed(
        created=answer.created,
        refused=tuple(Refused(reason=one.reason, echo=one.raw or {}) for one in answer.rejected),
        charged=answer.credits_charged,
        request_id=answer.request_id,
        replayed=answer.replayed,
    )


def _refused(reason: str, no: ApiRefusal) -> Placed:
    return Placed(refused=(Refused(reason=reason),), charged=0.0, request_id=no.request_id)


def _is_older(task: CommentTask, moment: datetime) -> bool:
    return task.created_at is not None and task.created_at < moment


def _is_last(page: Page[CommentTask]) -> bool:
    if not page.size:
        return True
    return page.total_pages is not None and page.page >= page.total_pages
