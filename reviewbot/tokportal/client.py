"""Every operation we use, typed. `ReadApi` can read; only `ReviewApi` has methods that write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from reviewbot.domain.account import AccountReview
from reviewbot.domain.errors import UsageError
from reviewbot.domain.order import Order
from reviewbot.domain.task import CommentTask, Timeline
from reviewbot.ports.orders import Placed, Refund, Refused
from reviewbot.tokportal.decode import Drift, ObjectReader, number, text, usable_id
from reviewbot.tokportal.envelope import OkResponse, Page, bad, read_envelope, read_one, read_page
from reviewbot.tokportal.exchange import Exchange
from reviewbot.tokportal.pagination import PER_PAGE
from reviewbot.tokportal.rate_limit import ReadRetry
from reviewbot.tokportal.shapes import (
    ANSWERED_TASK,
    BUNDLE,
    DELIVERED,
    ME,
    TASK,
    TIMELINE,
    AccountReader,
    DeliveredAccount,
    Me,
)

T = TypeVar("T")
MOST_IN_A_BATCH = 200


class Acted(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A clear yes to an act, with the thing as it is now."""

    thing: T
    request_id: str | None = None
    replayed: bool = False


class ReadApi:
    """The reading operations. It has no way to write, so a dry run cannot.

    A given `drift` takes note of what was not as documented.
    """

    def __init__(self, exchange: Exchange, patience: ReadRetry) -> None:
        self._exchange = exchange
        self._patience = patience

    @property
    def writes_sent(self) -> int:
        """How many writing requests have left, counted by the exchange."""
        return self._exchange.traffic.writes

    def list_comments(
        self,
        *,
        status: str | None = None,
        saved_account_id: str | None = None,
        page: int = 1,
        per_page: int = PER_PAGE,
        drift: Drift | None = None,
    ) -> Page[CommentTask]:
        """One page of comment tasks, newest first. `status` may be several, comma-separated."""
        filters = {"status": status, "saved_account_id": saved_account_id}
        return self._page("/comments", filters, page, per_page, TASK, drift)

    def get_comment(self, task_id: str, *, drift: Drift | None = None) -> CommentTask:
        """One comment task, whatever its status."""
        return self._one(f"/comments/{_id(task_id)}", TASK, task_id, drift)

    def get_verifications(self, task_id: str, *, drift: Drift | None = None) -> Timeline:
        """What the verifier saw of one task."""
        return self._one(f"/comments/{_id(task_id)}/verifications", TIMELINE, task_id, drift)

    def list_bundles(
        self,
        *,
        account_status: str | None = None,
        page: int = 1,
        per_page: int = PER_PAGE,
        drift: Drift | None = None,
    ) -> Page[AccountReview]:
        """One page of bundles."""
        filters = {"account_status": account_status}
        return self._page("/bundles", filters, page, per_page, BUNDLE, drift)

    def get_bundle(self, bundle_id: str, *, drift: Drift | None = None) -> AccountReview:
        """One bundle with its account and the feedback so far."""
        return self._one(f"/bundles/{_id(bundle_id)}", BUNDLE, bundle_id, drift)

    def get_bundle_account(self, bundle_id: str, *, drift: Drift | None = None) -> AccountReview:
        """The account of one bundle."""
        reader = AccountReader(bundle_id)
        return self._one(f"/bundles/{_id(bundle_id)}/account", reader, bundle_id, drift)

    def list_accounts(
        self, *, page: int = 1, per_page: int = PER_PAGE, drift: Drift | None = None
    ) -> Page[DeliveredAccount]:
        """One page of delivered accounts: those that can post."""
        return self._page("/accounts", {}, page, per_page, DELIVERED, drift)

    def get_account(self, account_id: str, *, drift: Drift | None = None) -> DeliveredAccount:
        """One delivered account with its actual profile."""
        return self._one(f"/accounts/{_id(account_id)}", DELIVERED, account_id, drift)

    def me(self) -> Me:
        """Whom the key belongs to, and how many credits are left."""
        return self._patience.read(lambda: read_one(self._exchange.get("/me"), ME, Drift()))

    def _page(
        self,
        path: str,
        filters: Mapping[str, str | None],
        page: int,
        per_page: int,
        reader: ObjectReader[T],
        drift: Drift | None,
    ) -> Page[T]:
        asked = {name: value for name, value in filters.items() if value is not None}
        query = urlencode(asked | {"page": str(page), "per_page": str(per_page)}, safe=",")
        notes = Drift() if drift is None else drift
        return self._patience.read(
            lambda: read_page(self._exchange.get(f"{path}?{query}"), page, per_page, reader, notes)
        )

    def _one(self, path: str, reader: ObjectReader[T], asked: str, drift: Drift | None) -> T:
        notes = Drift() if drift is None else drift

        def once() -> T:
            answer = self._exchange.get(path)
            return _same(answer, read_one(answer, reader, notes), asked)

        return self._patience.read(once, of_many=True)


class ReviewApi(ReadApi):
    """The reading and the writing operations. A write is sent once; nothing here tries again."""

    def ready(self) -> None:
        """Wait until the rate budget would let a write leave at once."""
        self._exchange.ready()

    def approve(self, task_id: str, *, idempotency_key: str) -> Acted[CommentTask]:
        """Approve: pays the manager, for good."""
        path = f"/comments/{_id(task_id)}/approve"
        return self._act(path, None, ANSWERED_TASK, task_id, ("finalized",), idempotency_key)

    def dispute(self, task_id: str, reason: str, *, idempotency_key: str) -> Acted[CommentTask]:
        """Dispute: sends the task back with a reason that the manager reads."""
        path, body = f"/comments/{_id(task_id)}/dispute", {"reason": reason}
        returned = ("pending_corrections",)
        return self._act(path, body, ANSWERED_TASK, task_id, returned, idempotency_key)

    def finalize_account(self, bundle_id: str, *, idempotency_key: str) -> Acted[AccountReview]:
        """Accept a delivered account, for good."""
        path = f"/bundles/{_id(bundle_id)}/account/finalize"
        return self._act(path, None, BUNDLE, bundle_id, ("finalized",), idempotency_key)

    def request_corrections(
        self, bundle_id: str, comment: str, fields: Mapping[str, str], *, idempotency_key: str
    ) -> Acted[AccountReview]:
        """Send a delivered account back, with a comment and a text for each field."""
        path = f"/bundles/{_id(bundle_id)}/account/corrections"
        body = {"comment": comment, "fields": dict(fields)}
        returned = ("corrections_requested", "pending_corrections")
        return self._act(path, body, BUNDLE, bundle_id, returned, idempotency_key)

    def create_comment(self, order: Order, *, idempotency_key: str) -> Placed:
        """Create one task; an order that is not acceptable is a typed refusal."""
        return self._create(order, idempotency_key)

    def create_comments(self, orders: Sequence[Order], *, idempotency_key: str) -> Placed:
        """Create up to 200 tasks; orders that are not acceptable come back as refused."""
        if not 1 <= len(orders) <= MOST_IN_A_BATCH:
            raise UsageError(f"a batch holds 1 to {MOST_IN_A_BATCH} tasks, not {len(orders)}")
        return self._create({"tasks": list(orders)}, idempotency_key)

    def cancel(self, task_id: str, *, idempotency_key: str) -> Refund:
        """Cancel a task that is still pending, and get its credit back."""
        answer = self._exchange.write(
            "DELETE", f"/comments/{_id(task_id)}", idempotency_key=idempotency_key, patience=None
        )
        data = read_envelope(answer)["data"]
        if not isinstance(data, dict) or data.get("id") != task_id:
            raise bad(answer, "the answer is about another task")
        return Refund(
            status=text(data.get("status")),
            credits=number(data.get("credits_refunded")),
            request_id=answer.request_id,
        )

    def _act(
        self,
        path: str,
        body: Any,
        reader: ObjectReader[T],
        asked: str,
        statuses: tuple[str, ...],
        idempotency_key: str,
    ) -> Acted[T]:
        """Write once. An answer that does not show the new status is no clear yes."""
        answer = self._exchange.write("POST", path, body=body, idempotency_key=idempotency_key)
        thing = _same(answer, read_one(answer, reader, Drift()), asked)
        status = getattr(thing, "status", None) or getattr(thing, "account_status", None)
        if status not in statuses:
            raise bad(answer, f"the answer does not say {' or '.join(statuses)}")
        return Acted(thing=thing, request_id=answer.request_id, replayed=answer.replayed)

    def _create(self, body: Any, idempotency_key: str) -> Placed:
        answer = self._exchange.write(
            "POST", "/comments", body=body, idempotency_key=idempotency_key, patience=None
        )
        envelope = read_envelope(answer)
        data = envelope["data"]
        if not isinstance(data, dict):
            raise bad(answer, '"data" is no object')
        made, refused = data.get("created", []), data.get("rejected", [])
        if not isinstance(made, list) or not isinstance(refused, list):
            raise bad(answer, "the answer does not list what was created and rejected")
        tasks = [ANSWERED_TASK.from_json(row, Drift()) for row in made]
        return Placed(
            created=tuple(task for task in tasks if task is not None),
            refused=tuple(map(_refused, refused)),
            charged=number(envelope.get("credits_charged")),
            request_id=answer.request_id,
            replayed=answer.replayed,
        )


def _refused(row: Any) -> Refused:
    if not isinstance(row, dict):
        return Refused()
    echo = row.get("raw")
    return Refused(reason=text(row.get("reason")), echo=echo if isinstance(echo, dict) else {})


def _id(thing_id: str) -> str:
    """Quote an id for a path. Raises UsageError for what would name another path."""
    if not usable_id(thing_id):
        raise UsageError(f"{thing_id[:60]!r} is no id")
    return quote(thing_id, safe="")


def _same(answer: OkResponse, thing: T, asked: str) -> T:
    """Refuse an answer about another thing than was asked about."""
    found = getattr(thing, "task_id", None) or getattr(thing, "id", None)
    if found != asked:
        raise bad(answer, "the answer is about another thing")
    return thing
