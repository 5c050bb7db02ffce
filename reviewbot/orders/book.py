"""The order book: what the log says of each order, so that none is placed twice, by whatever run.

Theory of operation. An order is named by the digest of (account, place, text). Each step of its life
is a word in the log, topic `order`: `intended` before anything is sent, then `created`, `rejected`,
`void` (certainly not there) or `unclear` (sent, and nobody knows). Only an order of which the newest
word is `rejected` or `void`, or of which there is none, may be placed. A whole batch is intended in
one transaction that fails where another run has written meanwhile, so two runs never both send.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from reviewbot.domain.errors import LedgerCorrupt
from reviewbot.domain.order import FIELDS, Order, address_of, folded, folded_id
from reviewbot.domain.task import CommentTask, Moment, comment_address, video_address
from reviewbot.ports.ledger import Ledger, LogNote
from reviewbot.ports.orders import Placed, RecentTasks, Refused

TOPIC = "order"


class OrderState(StrEnum):
    """Where an order stands."""

    INTENDED = "intended"
    CREATED = "created"
    REJECTED = "rejected"
    VOID = "void"
    UNCLEAR = "unclear"


OPEN = frozenset({OrderState.INTENDED, OrderState.UNCLEAR})
"""Perhaps there, perhaps not: never sent again before reading has told."""


class Word(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One word on an order, as the log holds it.

    `batch` is the idempotency key it was sent with, `source` where the order was written down,
    `tasks` those that it may be, where that cannot be told.
    """

    state: OrderState
    order: Order
    attempt: int
    batch: str
    intended_at: Moment
    source: str | None = None
    task_id: str | None = None
    reason: str | None = None
    tasks: tuple[str, ...] = ()


class OrderNote(msgspec.Struct, frozen=True, kw_only=True):
    """The newest word on an order."""

    subject: str
    seq: int
    at: datetime
    word: Word

    @property
    def is_open(self) -> bool:
        """It was sent or was about to be, and is not known to be there or not."""
        return self.word.state in OPEN


class OrderOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order, as the next word will say it."""

    state: OrderState
    task_id: str | None = None
    reason: str | None = None
    tasks: tuple[str, ...] = ()


class OrderBook:
    """The newest word on every order, at hand; `reload` looks again."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, OrderNote] = {}
        self.reload()

    def reload(self) -> None:
        """Read what the log says now."""
        self._known = {note.subject: known_from(note) for note in self._ledger.notes(TOPIC)}

    def known(self, subject: str) -> OrderNote | None:
        """The newest word on an order; None where it was never placed."""
        return self._known.get(subject)

    def open(self) -> list[OrderNote]:
        """Every order that is intended or unclear, the oldest intent first."""
        found = (note for note in self._known.values() if note.is_open)
        return sorted(found, key=lambda note: (note.word.intended_at, note.seq))

    def task_ids(self) -> frozenset[str]:
        """Every task that is known to be some order's."""
        return frozenset(note.word.task_id for note in self._known.values() if note.word.task_id)

    def next_attempt(self, subjects: Iterable[str]) -> int:
        """Number the next attempt at placing these."""
        tried = (known.word.attempt for subject in subjects if (known := self.known(subject)))
        return 1 + max(tried, default=0)

    def intend(
        self, orders: Mapping[str, tuple[Order, str]], *, batch: str, attempt: int, now: datetime
    ) -> None:
        """Write down that these orders (with where each was written) are about to be sent.

        Raises OutOfDate when another run has written on one of them meanwhile.
        """
        words = {
            subject: Word(
                state=OrderState.INTENDED,
                order=order,
                attempt=attempt,
                batch=batch,
                intended_at=now,
                source=source,
            )
            for subject, (order, source) in orders.items()
        }
        self._write(words, now)

    def settle(self, verdicts: Mapping[str, OrderOutcome], now: datetime) -> None:
        """Write down what became of orders."""
        words = {}
        for subject, verdict in verdicts.items():
            words[subject] = msgspec.structs.replace(
                self._known[subject].word,
                state=verdict.state,
                task_id=verdict.task_id,
                reason=verdict.reason,
                tasks=verdict.tasks,
            )
        self._write(words, now)

    def _write(self, words: Mapping[str, Word], now: datetime) -> None:
        if not words:
            return
        last = {subject: known.seq if (known := self.known(subject)) else 0 for subject in words}
        plain = {subject: msgspec.to_builtins(word) for subject, word in words.items()}
        self._ledger.note_all(TOPIC, plain, now, last=last)
        self.reload()


def stories_of(ledger: Ledger, task_id: str) -> list[tuple[datetime, Word]]:
    """Every word on the order of which a task came, oldest first; none where it was not ours."""
    for note in ledger.notes(TOPIC):
        if note.value.get("task_id") == task_id:
            story = map(known_from, ledger.story(TOPIC, note.subject))
            return [(order.at, order.word) for order in story]
    return []


def batch_key(subjects: Sequence[str], attempt: int) -> str:
    """Make the idempotency key of a batch: the same rows at the same attempt give the same key."""
    named = "\n".join((str(attempt), *subjects))
    return f"order-{hashlib.sha256(named.encode()).hexdigest()[:48]}"


def known_from(note: LogNote) -> OrderNote:
    """Read one word of the log. Raises LedgerCorrupt for what is none."""
    try:
        word = msgspec.convert(note.value, Word)
    except msgspec.ValidationError as error:
        raise LedgerCorrupt(f"the word {note.seq} on an order cannot be read: {error}") from error
    return OrderNote(subject=note.subject, seq=note.seq, at=note.at, word=word)


# ------------------------------------------------------------------------------------------------
# Which task is which order's: from the answer to a batch, and from the list where no answer came.
#
# Theory of operation. A task shows its account, its text and the canonical address of its video. An
# order with a full address can be told apart from all others by these. One with a short link cannot be
# told from another with the same account and text, because only the platform knows where it leads. So
# whatever is told by the address goes first; of the rest, what is left over on both sides is paired
# only where one order faces one task. All else is unclear, and what is unclear is never sent again.


SLACK = timedelta(minutes=10)
"""How much earlier than its intent a task may seem to be created: the clocks of two machines."""

_Group = tuple[str, str]

_LONG_AGO = datetime.min.replace(tzinfo=UTC)

_UNSAID = "no reason was given"

_NOT_IN_ANSWER = "the answer does not say what became of it"


def answered(orders: Mapping[str, Order], placed: Placed) -> dict[str, OrderOutcome]:
    """Say of every order of a batch what a clear answer says of it."""
    batch = _Batch(orders)
    vague = [refused for refused in placed.refused if not batch.is_rejected(refused, 1)]
    spare = batch.without_those_created(placed.created)
    if not vague and len(batch.left) == len(spare):
        # Every order was taken; an answer that says little of the tasks still says that.
        for subject, task in zip(list(batch.left), spare, strict=True):
            batch.settle(subject, _created(task))
    if len(batch.left) <= len(vague):
        rest = len(batch.left)
        vague = [refused for refused in vague if not batch.is_rejected(refused, rest)]
    reasons = " or ".join(sorted({refused.reason or _UNSAID for refused in vague}))
    rejected = OrderOutcome(state=OrderState.REJECTED, reason=reasons)
    others = rejected if len(batch.left) == len(vague) else _unclear(_NOT_IN_ANSWER)
    return batch.outcomes | dict.fromkeys(batch.left, others)


class _Batch:
    """The orders of one request, and what its answer has said of them so far."""

    def __init__(self, orders: Mapping[str, Order]) -> None:
        self.left = dict(orders)
        self.outcomes: dict[str, OrderOutcome] = {}

    def settle(self, subject: str, outcome: OrderOutcome) -> None:
        self.outcomes[subject] = outcome
        del self.left[subject]

    def is_rejected(self, refused: Refused, most: int) -> bool:
        """Whether a refusal is about the first of at most so many orders that it is like."""
        alike = [subject for subject, order in self.left.items() if _is_echo(refused, order)]
        if not 1 <= len(alike) <= most:
            return False
        self.settle(alike[0], _rejected(refused))
        return True

    def without_those_created(self, created: Iterable[CommentTask]) -> list[CommentTask]:
        """Match tasks to their orders, the sure ones first; give those that match none."""
        alike_to = _by_group(self.left)
        spare = list(created)
        for fits in (_is_same, _may_be):
            for task in list(spare):
                names = [
                    name
                    for name in alike_to(task)
                    if name in self.left and fits(task, self.left[name])
                ]
                if names:
                    self.settle(names[0], _created(task))
                    spare.remove(task)
        return spare


def found(
    orders: Sequence[OrderNote], recent: RecentTasks, taken: Iterable[str], within: timedelta
) -> dict[str, OrderOutcome]:
    """Say of open orders what the list of tasks shows; VOID where it shows that one is not there.

    `taken` are tasks that are known to be other orders'; `within` is how late an order that was sent
    may still take effect.
    """
    known = frozenset(taken)
    tasks: dict[_Group, list[CommentTask]] = defaultdict(list)
    complete = recent.complete
    for task in sorted(recent.tasks, key=lambda task: task.created_at or _LONG_AGO):
        if task.saved_account_id is None or task.comment_text is None:
            complete = False
        elif task.id not in known:
            tasks[_group(task.saved_account_id, task.comment_text)].append(task)
    groups: dict[_Group, list[OrderNote]] = defaultdict(list)
    for note in orders:
        order = note.word.order
        groups[_group(order.saved_account_id, order.comment_text)].append(note)
    look = _Look(complete, within)
    verdicts: dict[str, OrderOutcome] = {}
    for group, members in groups.items():
        verdicts |= _of_group(members, tasks[group], look)
    return verdicts


def _by_group(orders: Mapping[str, Order]) -> Callable[[CommentTask], Sequence[str]]:
    """Give the way from a task to the orders with its account and text, whatever their place."""
    groups: dict[_Group, list[str]] = defaultdict(list)
    for subject, order in orders.items():
        groups[_group(order.saved_account_id, order.comment_text)].append(subject)
    return lambda task: groups.get(_group(task.saved_account_id or "", task.comment_text or ""), ())


def _group(account_id: str, text: str) -> _Group:
    return folded_id(account_id), folded(text)


def _of_group(
    orders: Sequence[OrderNote], tasks: Sequence[CommentTask], look: _Look
) -> dict[str, OrderOutcome]:
    """Judge orders of one account and text against the tasks of the same."""
    verdicts: dict[str, OrderOutcome] = {}
    pool = list(tasks)
    for note in orders:
        sure = [
            task for task in pool if _is_same(task, note.word.order) and _came_after(task, note)
        ]
        if sure:
            verdicts[note.subject] = _created(sure[0])
            pool.remove(sure[0])
    left = [note for note in orders if note.subject not in verdicts]
    likely = {note.subject: [task for task in pool if look.may_be_of(task, note)] for note in left}
    for note in left:
        mine = likely[note.subject]
        rivals = [other for other in left if any(task in likely[other.subject] for task in mine)]
        if not mine:
            verdicts[note.subject] = _NOWHERE if look.complete else _unclear(_UNREADABLE)
        elif len(mine) == len(rivals) == 1:
            verdicts[note.subject] = _created(mine[0])
        else:
            verdicts[note.subject] = _unclear(_ALIKE, tuple(task.id for task in mine))
    return verdicts


class _Look(msgspec.Struct, frozen=True):
    """One reading of the list: whether it missed nothing, and how late an order may take effect."""

    complete: bool
    within: timedelta

    def may_be_of(self, task: CommentTask, known: OrderNote) -> bool:
        """Whether a task could be what was ordered, though its place does not say so."""
        latest = known.word.intended_at + self.within + SLACK
        in_time = task.created_at is None or task.created_at <= latest
        return in_time and _came_after(task, known) and _may_be(task, known.word.order)


_NOWHERE = OrderOutcome(state=OrderState.VOID, reason="it is not in the list of tasks")

_UNREADABLE = "the list of tasks could not be read in full"

_ALIKE = "it cannot be told from others by the same account with the same text"


def _is_echo(refused: Refused, order: Order) -> bool:
    """Whether the API's echo of a refused order fits this one; it may leave fields out."""
    said = {name: refused.echo.get(name) for name in FIELDS}
    return all(text is None or text == getattr(order, name) for name, text in said.items())


def _is_same(task: CommentTask, order: Order) -> bool:
    """Whether a task is certainly what was ordered, to go by its account, text and place."""
    place = address_of(order)
    return place.resolved and place.key in _keys(task) and _is_alike(task, order)


def _may_be(task: CommentTask, order: Order) -> bool:
    """Whether a task could be what was ordered: its place, or the order's, cannot be told."""
    if not _is_alike(task, order):
        return False
    place, keys = address_of(order), _keys(task)
    if task.platform is not None and task.platform != place.platform:
        return False
    return not (place.resolved and keys) or place.key in keys


def _is_alike(task: CommentTask, order: Order) -> bool:
    if task.target_type is not None and task.target_type != order.kind:
        return False
    return (
        task.saved_account_id is not None
        and task.comment_text is not None
        and folded_id(task.saved_account_id) == folded_id(order.saved_account_id)
        and folded(task.comment_text) == folded(order.comment_text)
    )


def _keys(task: CommentTask) -> frozenset[str]:
    """Every name of the place where a task's comment is to stand; none where it cannot be told."""
    keys = set()
    is_reply = task.target_type == "comment"
    address = task.target_comment_url if is_reply else task.target_video_url
    if address:
        try:
            place = (comment_address if is_reply else video_address)(address)
        except ValueError:
            return frozenset()
        if place.resolved:
            keys.add(place.key)
    return frozenset(keys)


def _came_after(task: CommentTask, known: OrderNote) -> bool:
    return task.created_at is None or task.created_at >= known.word.intended_at - SLACK


def _created(task: CommentTask) -> OrderOutcome:
    return OrderOutcome(state=OrderState.CREATED, task_id=task.id)


def _rejected(refused: Refused) -> OrderOutcome:
    return OrderOutcome(state=OrderState.REJECTED, reason=refused.reason or _UNSAID)


def _unclear(why: str, tasks: tuple[str, ...] = ()) -> OrderOutcome:
    return OrderOutcome(state=OrderState.UNCLEAR, reason=why, tasks=tasks)
