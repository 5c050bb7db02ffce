"""Every operation we use, typed. `ReadApi` can read; only `ReviewApi` has methods that write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from reviewbot.domain.account import AccountReview
from reviewbot.domain.errors import UsageError
from reviewbot.domain.task import CommentTask, Timeline
from reviewbot.tokportal.decode import (
    ANSWERED_TASK,
    TASK,
    TIMELINE,
    Drift,
    number,
    text,
    usable_id,
    whole,
)
from reviewbot.tokportal.envelope import (
    Acted,
    Cancelled,
    Created,
    DeliveredAccount,
    Me,
    NewTask,
    OkResponse,
    Page,
    Reader,
    Rejected,
    bad,
    read_envelope,
    read_one,
    read_page,
)
from reviewbot.tokportal.exchange import Exchange
from reviewbot.tokportal.pagination import PER_PAGE
from reviewbot.tokportal.profiles import BUNDLE, DELIVERED, ME, AccountReader
from reviewbot.tokportal.rate_limit import ReadRetry

T = TypeVar("T")


MOST_IN_A_BATCH = 200


class ReadApi:
    """The reading operations. It has no way to write, so a dry run cannot.

    `drift` collects what was not as documented over the life of the client.
    """

    def __init__(self, exchange: Exchange, patience: ReadRetry) -> None:
        self._exchange = exchange
        self._patience = patience
        self.drift = Drift()

    @property
    def writes_sent(self) -> int:
        """How many writing requests have left, counted by the exchange."""
        return self._exchange.writes_sent

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
        path = f"/comments/{_id(task_id)}/verifications"
        return self._one(path, TIMELINE, task_id, drift)

    def list_bundles(
        self,
        *,
        account_status: str | None = None,
        status: str | None = None,
        bundle_type: str | None = None,
        platform: str | None = None,
        external_ref: str | None = None,
        page: int = 1,
        per_page: int = PER_PAGE,
        drift: Drift | None = None,
    ) -> Page[AccountReview]:
        """One page of bundles."""
        filters = {
            "account_status": account_status,
            "status": status,
            "bundle_type": bundle_type,
            "platform": platform,
            "external_ref": external_ref,
        }
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
        return self._patience.read(lambda: read_one(self._exchange.get("/me"), ME, self.drift))

    def _page(
        self,
        path: str,
        filters: Mapping[str, str | None],
        page: int,
        per_page: int,
        reader: Reader[T],
        drift: Drift | None,
    ) -> Page[T]:
        asked = tuple((name, value) for name, value in filters.items() if value is not None)
        target = f"{path}?{_query(asked)}page={page}&per_page={per_page}"
        return self._read(
            lambda noted: read_page(self._exchange.get(target), page, per_page, reader, noted),
            drift,
        )

    def _one(self, path: str, reader: Reader[T], asked: str, drift: Drift | None) -> T:
        def once(noted: Drift) -> T:
            answer = self._exchange.get(path)
            thing = read_one(answer, reader, noted)
            _same(answer, thing, asked)
            return thing

        return self._read(once, drift, of_many=True)

    def _read(self, once: Callable[[Drift], T], drift: Drift | None, *, of_many: bool = False) -> T:
        noted = Drift()
        try:
            return self._patience.read(lambda: once(noted), of_many=of_many)
        finally:
            self.drift.take(noted)
            if drift is not None:
                drift.take(noted)


class ReviewApi(ReadApi):
    """The reading and the writing operations. A write is sent once; nothing here tries again."""

    def ready(self) -> None:
        """Wait until the rate budget would let a write leave at once."""
        self._exchange.ready()

    def approve(self, task_id: str, *, idempotency_key: str) -> Acted[CommentTask]:
        """Approve: pays the manager, for good."""
        return self._act_on_task(task_id, "approve", None, "finalized", idempotency_key)

    def dispute(self, task_id: str, reason: str, *, idempotency_key: str) -> Acted[CommentTask]:
        """Dispute: sends the task back with a reason that the manager reads."""
        body = {"reason": reason}
        return self._act_on_task(task_id, "dispute", body, "pending_corrections", idempotency_key)

    def create_comment(self, task: NewTask, *, idempotency_key: str) -> Created:
        """Create one task; a row that is not acceptable is a typed refusal."""
        return self._create(task, idempotency_key)

    def create_comments(self, tasks: Sequence[NewTask], *, idempotency_key: str) -> Created:
        """Create up to 200 tasks; rows that are not acceptable come back as rejected."""
        if not 1 <= len(tasks) <= MOST_IN_A_BATCH:
            raise UsageError(f"a batch holds 1 to {MOST_IN_A_BATCH} tasks, not {len(tasks)}")
        return self._create({"tasks": list(tasks)}, idempotency_key)

    def cancel(self, task_id: str, *, idempotency_key: str) -> Cancelled:
        """Cancel a task that is still pending, and get its credit back."""
        answer = self._exchange.write(
            "DELETE", f"/comments/{_id(task_id)}", idempotency_key=idempotency_key, patience=None
        )
        data = read_envelope(answer)["data"]
        if not isinstance(data, dict) or data.get("id") != task_id:
            raise bad(answer, "the answer is about another task")
        return Cancelled(
            id=task_id,
            status=text(data.get("status")),
            credits_refunded=number(data.get("credits_refunded")),
            request_id=answer.request_id,
        )

    def finalize_account(self, bundle_id: str, *, idempotency_key: str) -> Acted[AccountReview]:
        """Accept a delivered account, for good."""
        return self._act_on_bundle(bundle_id, "finalize", None, ("finalized",), idempotency_key)

    def request_corrections(
        self,
        bundle_id: str,
        comment: str,
        fields: Mapping[str, str],
        *,
        idempotency_key: str,
    ) -> Acted[AccountReview]:
        """Send a delivered account back, with a comment and a text for each field."""
        body = {"comment": comment, "fields": dict(fields)}
        return self._act_on_bundle(
            bundle_id,
            "corrections",
            body,
            ("corrections_requested", "pending_corrections"),
            idempotency_key,
        )

    def _act_on_task(
        self, task_id: str, act: str, body: Any, status: str, idempotency_key: str
    ) -> Acted[CommentTask]:
        path = f"/comments/{_id(task_id)}/{act}"
        return self._act(path, body, ANSWERED_TASK, task_id, (status,), idempotency_key)

    def _act_on_bundle(
        self, bundle_id: str, act: str, body: Any, statuses: tuple[str, ...], idempotency_key: str
    ) -> Acted[AccountReview]:
        path = f"/bundles/{_id(bundle_id)}/account/{act}"
        return self._act(path, body, BUNDLE, bundle_id, statuses, idempotency_key)

    def _act(
        self,
        path: str,
        body: Any,
        reader: Reader[T],
        asked: str,
        statuses: tuple[str, ...],
        idempotency_key: str,
    ) -> Acted[T]:
        """Write once. An answer that does not show the new status is no clear yes."""
        answer = self._exchange.write("POST", path, body=body, idempotency_key=idempotency_key)
        thing = read_one(answer, reader, self.drift)
        _same(answer, thing, asked)
        status = getattr(thing, "status", None) or getattr(thing, "account_status", None)
        if status not in statuses:
            raise bad(answer, f"the answer does not say {' or '.join(statuses)}")
        return Acted(thing=thing, request_id=answer.request_id, replayed=answer.replayed)

    def _create(self, body: Any, idempotency_key: str) -> Created:
        answer = self._exchange.write(
            "POST", "/comments", body=body, idempotency_key=idempotency_key, patience=None
        )
        envelope = read_envelope(answer)
        data = envelope["data"]
        if not isinstance(data, dict):
            raise bad(answer, '"data" is no object')
        made = data.get("created", [])
        refused = data.get("rejected", [])
        if not isinstance(made, list) or not isinstance(refused, list):
            raise bad(answer, "the answer does not list what was created and rejected")
        tasks = [ANSWERED_TASK.from_json(row, self.drift) for row in made]
        return Created(
            created=tuple(task for task in tasks if task is not None),
            rejected=tuple(_rejected(row) for row in refused),
            created_count=whole(envelope.get("created_count")),
            rejected_count=whole(envelope.get("rejected_count")),
            credits_charged=number(envelope.get("credits_charged")),
            request_id=answer.request_id,
            replayed=answer.replayed,
        )


def _rejected(row: Any) -> Rejected:
    if not isinstance(row, dict):
        return Rejected()
    raw = row.get("raw")
    return Rejected(reason=text(row.get("reason")), raw=raw if isinstance(raw, dict) else None)


@lru_cache(maxsize=16)
def _query(filters: tuple[tuple[str, str], ...]) -> str:
    return urlencode(filters, safe=",") + "&" if filters else ""


def _id(thing_id: str) -> str:
    """Quote an id for a path.

    Raises UsageError for what would name another path.
    """
    if not usable_id(thing_id):
        raise UsageError(f"{thing_id[:60]!r} is no id")
    return quote(thing_id, safe="")


def _same(answer: OkResponse, thing: object, asked: str) -> None:
    """Refuse an answer about another thing than was asked about."""
    found = getattr(thing, "task_id", None) or getattr(thing, "id", None)
    if found != asked:
        raise bad(answer, "the answer is about another thing")
