"""Comment tasks read: as a review queue, and by id and by age for whoever orders them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from reviewbot.domain.errors import TooLarge
from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.domain.task import TASK_STATUSES, WAITING_STATUS, CommentTask, Timeline, epoch_of
from reviewbot.domain.text import iso
from reviewbot.ports.orders import RecentTasks
from reviewbot.ports.queue import Listing, Odd
from reviewbot.tokportal.client import ReadApi
from reviewbot.tokportal.decode import Drift, is_amount
from reviewbot.tokportal.envelope import Page
from reviewbot.tokportal.list_index import ListIndex
from reviewbot.tokportal.pagination import read_all, read_one_page

MICROS = 1_000_000
LONGEST_LIFE = timedelta(days=12)
MOST_FINALIZED = 50
"""Pages of finalized tasks that are read at most."""
MOST_PAGES = 2_000
"""Pages of tasks of any status that are read at most."""


class CommentsQueue:
    """The tasks that wait for us (`ports.ReviewQueue`)."""

    review: ReviewKind = "comments"

    def __init__(self, api: ReadApi) -> None:
        self._api = api
        self._places = ListIndex()
        self._drift = Drift()
        self._has_large_rows = False

    def waiting(self) -> Listing:
        """List every waiting task: all pages, doubles removed, until two readings agree."""
        drift, self._drift = self._drift, Drift()
        found = read_all(
            lambda page, per_page: self._api.list_comments(
                status=WAITING_STATUS, page=page, per_page=per_page, drift=drift
            ),
            key=lambda task: (task.id, epoch_of(task.manually_confirmed_at)),
            doubtful=lambda task: task.status != WAITING_STATUS,
        )
        items = _items(found.rows, drift)
        self._places = ListIndex(items)
        self._has_large_rows = False
        return Listing(
            items=items,
            agreed=found.agreed,
            counted=found.counted,
            unread=found.unread,
            odd=drift.odd,
        )

    def renew(self, item: ReviewItem) -> Sequence[ReviewItem]:
        """See a task again, with its neighbours, by the one list page that should hold it.

        None are seen where that page is too large, nor until the next list where one was.
        """
        if self._has_large_rows:
            return ()
        window = self._places.window(item.id)
        try:
            page = self._api.list_comments(
                status=WAITING_STATUS, page=window.page, per_page=window.per_page, drift=self._drift
            )
        except TooLarge:
            self._has_large_rows = True
            return ()
        items = _items(page.rows, self._drift)
        self._places.seen(window, [task.id for task in page.rows])
        return items

    def odd(self) -> Odd:
        """What was odd in answers since the list was read."""
        return self._drift.odd

    def look(self, item_id: str) -> ReviewItem:
        """Read one task again, whatever its status."""
        return item_of(self._api.get_comment(item_id, drift=self._drift))

    def evidence(self, item: ReviewItem) -> Timeline:
        """Fetch what the verifier saw."""
        return self._api.get_verifications(item.id, drift=self._drift)

    def finalized(self, since: datetime, *, pages: int | None = None) -> Sequence[ReviewItem]:
        """List the tasks that were finalized since then, from so many pages at most.

        The list is ordered by creation, so it is read back past `since` by the longest usual life of
        a task: three days to be posted, three to be reviewed, and as long for a second round.
        """
        found: dict[str, ReviewItem] = {}
        for number in range(1, (pages or MOST_FINALIZED) + 1):
            page = read_one_page(
                lambda page, per_page: self._api.list_comments(
                    status="finalized", page=page, per_page=per_page, drift=self._drift
                ),
                number,
            )
            for task in page.rows:
                if task.finalized_at is not None and task.finalized_at >= since:
                    found.setdefault(task.id, item_of(task))
            oldest = page.rows[-1].created_at if page.rows else None
            if oldest is None or oldest < since - LONGEST_LIFE:
                break
        return tuple(found.values())


def item_of(task: CommentTask) -> ReviewItem:
    """Make the review of a task as last seen."""
    return ReviewItem(
        review="comments",
        id=task.id,
        epoch=epoch_of(task.manually_confirmed_at),
        status=task.status,
        started_at=task.manually_confirmed_at,
        deadline_at=task.client_dispute_deadline_at,
        version=_iso(task.updated_at),
        account_id=task.saved_account_id,
        amount_micros=micros(task.cm_payout_amount),
        subject=task,
    )


def _items(tasks: Sequence[CommentTask], drift: Drift) -> tuple[ReviewItem, ...]:
    """Keep what waits; a row in another documented status should not be in this list."""
    items: dict[str, ReviewItem] = {}
    for task in tasks:
        if task.status != WAITING_STATUS and task.status in TASK_STATUSES:
            # A server may ignore the filter. A status that nobody has documented may still be
            # one that waits, so such a task is kept, and is not judged.
            drift.new_value("task.status", f"{task.status} in a list of {WAITING_STATUS}")
            continue
        item = item_of(task)
        twin = items.get(task.id)
        if twin is None or _newer(item, twin):
            items[task.id] = item
    return tuple(items.values())


def micros(amount: float | None) -> int | None:
    """Put an amount of dollars into millionths; None for what is no amount."""
    return None if amount is None or not is_amount(amount) else round(amount * MICROS)


def _newer(item: ReviewItem, twin: ReviewItem) -> bool:
    """Whether an item shows a later round than its twin; of one round, the row that does not wait stays."""
    if item.started_at is None or twin.started_at is None:
        return twin.started_at is None and item.started_at is not None
    is_same = item.started_at == twin.started_at
    return twin.status == WAITING_STATUS if is_same else item.started_at > twin.started_at


def _iso(moment: datetime | None) -> str | None:
    """Write a moment in UTC; one at the very edge of the calendar is none."""
    try:
        return None if moment is None else iso(moment)
    except OverflowError:
        return None


class ApiTaskReader:
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


def _is_older(task: CommentTask, moment: datetime) -> bool:
    return task.created_at is not None and task.created_at < moment


def _is_last(page: Page[CommentTask]) -> bool:
    if not page.size:
        return True
    return page.total_pages is not None and page.page >= page.total_pages
