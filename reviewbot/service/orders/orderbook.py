"""The order book: what the log says of each order, so that none is placed twice, by whatever run.

Theory of operation. An order is named by the digest of (account, place, text). Each step of its life
is a word in the log, topic `order`: `intended` before anything is sent, then `created`, `rejected`,
`void` (certainly not there) or `unclear` (sent, and nobody knows). Only an order of which the newest
word is `rejected` or `void`, or of which there is none, may be placed. A whole batch is intended in
one transaction that fails where another run has written meanwhile, so two runs never both send.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from reviewbot.domain.comments import Moment
from reviewbot.domain.errors import LedgerCorrupt
from reviewbot.domain.orders import Order
from reviewbot.ports import Ledger, Noted

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


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The newest word on an order."""

    subject: str
    seq: int
    at: datetime
    word: Word

    @property
    def is_open(self) -> bool:
        """It was sent or was about to be, and is not known to be there or not."""
        return self.word.state in OPEN


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order, as the next word will say it."""

    state: OrderState
    task_id: str | None = None
    reason: str | None = None
    tasks: tuple[str, ...] = ()


class OrderBook:
    """The newest word on every order, at hand; `reload` looks again."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, Known] = {}
        self.reload()

    def reload(self) -> None:
        """Read what the log says now."""
        self._known = {one.subject: known_from(one) for one in self._ledger.notes(TOPIC)}

    def known(self, subject: str) -> Known | None:
        """The newest word on an order; None where it was never placed."""
        return self._known.get(subject)

    def open(self) -> list[Known]:
        """Every order that is intended or unclear, the oldest intent first."""
        found = (one for one in self._known.values() if one.is_open)
        return sorted(found, key=lambda one: (one.word.intended_at, one.seq))

    def task_ids(self) -> frozenset[str]:
        """Every task that is known to be some order's."""
        return frozenset(one.word.task_id for one in self._known.values() if one.word.task_id)

    def next_attempt(self, subjects: Iterable[str]) -> int:
        """Number the next attempt at placing these."""
        tried = (known.word.attempt for one in subjects if (known := self.known(one)))
        return 1 + max(tried, default=0)

    def intend(
        self,
        orders: Mapping[str, tuple[Order, str]],
        *,
        batch: str,
        attempt: int,
        now: datetime,
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

    def settle(self, verdicts: Mapping[str, Verdict], now: datetime) -> None:
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
    for one in ledger.notes(TOPIC):
        if one.value.get("task_id") == task_id:
            story = map(known_from, ledger.story(TOPIC, one.subject))
            return [(known.at, known.word) for known in story]
    return []


def batch_key(subjects: Sequence[str], attempt: int) -> str:
    """Make the idempotency key of a batch: the same rows at the same attempt give the same key."""
    named = "\n".join((str(attempt), *subjects))
    return f"order-{hashlib.sha256(named.encode()).hexdigest()[:48]}"


def known_from(note: Noted) -> Known:
    """Read one word of the log. Raises LedgerCorrupt for what is none."""
    try:
        word = msgspec.convert(note.value, Word)
    except msgspec.ValidationError as error:
        raise LedgerCorrupt(f"the word {note.seq} on an order cannot be read: {error}") from error
    return Known(subject=note.subject, seq=note.seq, at=note.at, word=word)
