"""Ordering comments: the reading and the writing side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from reviewbot.domain.order import Order
from reviewbot.domain.task import CommentTask


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """An order that the API did not take: its reason, and its echo of the order where it gave one."""

    reason: str | None = None
    echo: Mapping[str, Any] = {}


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A clear answer to a batch of orders. `charged` is in credits, None where the API did not say."""

    created: tuple[CommentTask, ...] = ()
    refused: tuple[Refused, ...] = ()
    charged: float | None = None
    request_id: str | None = None
    replayed: bool = False


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A clear yes to a cancellation. `credits` came back, None where the API did not say."""

    status: str | None
    credits: float | None = None
    request_id: str | None = None


class RecentTasks(msgspec.Struct, frozen=True, kw_only=True):
    """Every task created since a moment. Not `complete` where some could not be read."""

    tasks: tuple[CommentTask, ...]
    complete: bool = True


class TaskReader(Protocol):
    """The reading side of orders. Raises `ApiError`."""

    def task(self, task_id: str) -> CommentTask:
        """Read one task, whatever its status. NotFound when it is gone."""

    def since(self, moment: datetime) -> RecentTasks:
        """Read every task created at `moment` or later."""

    def credits(self) -> float | None:
        """Read how many credits are left; None where the API does not say."""


class OrderWriter(Protocol):
    """The writing side of orders. Raises `NotDone` or `Unclear`, as `Desk` does."""

    def ready(self) -> None:
        """Wait until a write could leave at once; to be called before the intent is written."""

    def create(self, orders: Sequence[Order], key: str) -> Placed:
        """Send up to 200 orders, once, with an idempotency key."""

    def cancel(self, task_id: str, key: str) -> Refund:
        """Cancel one task, once, with an idempotency key."""
