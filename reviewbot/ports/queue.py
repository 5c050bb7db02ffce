"""The sockets of the review loop: what it asks of the world, and nothing else.

Adapters on the next floor fit these; tests plug in fakes and the simulator. A mode is another plug,
not an `if`: in a dry run there is no `Desk`, so nothing that could write exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

import msgspec

from reviewbot.domain.alarm import Message
from reviewbot.domain.decision import Decision
from reviewbot.domain.review import Evidence, ReviewItem, ReviewKind


class Clock(Protocol):
    """Time, injected. Nothing in the loop reads another clock."""

    def now(self) -> datetime:
        """The wall clock in UTC, corrected to the API server's own where that is known."""

    def monotonic(self) -> float:
        """Seconds that only ever grow, for intervals and ages."""

    def sleep(self, seconds: float) -> None:
        """Pause this thread; returns early when a stop was asked for."""


class UnreadRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a list that could not be read: where it stands, and why it could not.

    `place` counts from 1. `id` is None where not even that could be had.
    """

    place: int
    why: str
    id: str | None = None


class Odd(msgspec.Struct, frozen=True, kw_only=True):
    """What in answers was not as documented.

    `drift` names used fields that were missing or of another type, each once; `drift_on` the things
    on which each was seen, as far as that is known. `new_values` are values of used fields that
    nobody has documented.
    """

    drift: tuple[str, ...] = ()
    drift_on: Mapping[str, frozenset[str]] = {}
    new_values: tuple[str, ...] = ()


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that waits, as one complete list, and what of it could not be had.

    `agreed` is False when the readings of the list did not come to agree with each other and with
    the API's own count; `counted` is that count, where every reading contradicted it. `odd` is what
    was odd in answers since the list before.
    """

    items: tuple[ReviewItem, ...]
    agreed: bool = True
    counted: int | None = None
    unread: tuple[UnreadRow, ...] = ()
    odd: Odd = Odd()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A clear yes to a write. `epoch` is the round the API says it acted on, where it says one."""

    status: str | None
    epoch: str | None = None
    request_id: str | None = None
    replayed: bool = False


class ReviewQueue(Protocol):
    """The reading side of one kind of review. Raises `ApiError`."""

    review: ReviewKind

    def waiting(self) -> Listing:
        """List all that waits: every page first, doubles removed, until two readings agree."""

    def renew(self, item: ReviewItem) -> Sequence[ReviewItem]:
        """See `item` again by the one list page that should hold it (and its neighbours).

        The page may turn out not to hold it; then `look` tells.
        """

    def look(self, item_id: str) -> ReviewItem:
        """Read one thing again, whatever its status. NotFound when it is gone."""

    def odd(self) -> Odd:
        """What was odd in answers since the list was read; the next list says it as well."""

    def evidence(self, item: ReviewItem) -> Evidence:
        """Fetch what the verifier saw, or the delivered profile."""


@runtime_checkable
class Archive(Protocol):
    """A queue that can also tell what was finalized. Raises `ApiError`."""

    def finalized(self, since: datetime, *, pages: int | None = None) -> Sequence[ReviewItem]:
        """What was finalized since then, newest first by creation, as far back as can be read.

        `pages`: no more of the list than so many pages of it.
        """


class AccountCard(NamedTuple):
    """What the API's list says of one of our accounts."""

    handle: str | None = None
    display_name: str | None = None
    country: str | None = None


class AccountDirectory(Protocol):
    """Our accounts as the API lists them. Raises `ApiError`; it never tries again."""

    def cards(self) -> Mapping[str, AccountCard]:
        """Read what the list says of every account, by its id: one request for a hundred."""

    def finalized(self, account_id: str) -> int | None:
        """Ask how many of its tasks were finalized: one request. None where that cannot be told."""


class ReviewWriter(Protocol):
    """The writing side: the only thing in reviewbot that can change anything over there.

    Raises `NotDone` (certainly nothing was changed) or `Unclear` (it may have been).
    """

    def ready(self) -> None:
        """Wait until a write could leave at once; to be called before the look it rests on.

        After that look, `perform` refuses (RateLimited) to wait longer than a few seconds.
        """

    def perform(self, decision: Decision, key: str) -> Receipt:
        """Send one decision, once, with the idempotency key of its intent. No layer tries it again."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way through some channels. `number` names it in what becomes of it."""

    number: int
    message: Message
    channels: tuple[str, ...]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a letter on one channel: `error` is None where it arrived.

    `note` says what went wrong for a part of its readers. A ping has the number 0.
    """

    number: int
    channel: str
    error: str | None = None
    note: str | None = None


class Post(Protocol):
    """Carries letters outside, at its own pace. Raises nothing."""

    def send(self, letter: Letter) -> bool:
        """Take a letter; False when there is no room for it now, and nothing of it was sent."""

    def ping(self) -> None:
        """Tell the outside that a pass succeeded, where anybody is to be told."""

    def deliveries(self) -> Sequence[Delivery]:
        """What became of letters since this was last asked."""

    def settle(self, seconds: float) -> None:
        """Wait at most so long for what is on its way."""

    def close(self) -> None:
        """End; what is still on its way is given up."""
