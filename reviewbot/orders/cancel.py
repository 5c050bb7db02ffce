"""Cancelling a task that nobody has begun: written down first, sent once, and told with its refund.

Theory of operation. The words are in the log, topic `cancel`, one story for each task: `intended`,
then `done`, `refused`, `void` or `unclear`. A cancellation can take effect only once, whoever sends
it, so what is unclear is settled by reading the task: cancelled is done; anything else is not done
once the quarantine is over, and may then be sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from reviewbot.domain.errors import InvalidStatus, LedgerCorrupt, NotDone, Unclear
from reviewbot.domain.fault_point import fault_point
from reviewbot.domain.task import CommentTask, Moment
from reviewbot.ports.ledger import Ledger, LogNote
from reviewbot.ports.orders import OrderWriter, TaskReader
from reviewbot.ports.queue import Clock

TOPIC = "cancel"

CANCELLABLE = "pending"

CANCELLED = "cancelled"


class CancelState(StrEnum):
    """Where a cancellation stands."""

    INTENDED = "intended"
    DONE = "done"
    REFUSED = "refused"
    VOID = "void"
    UNCLEAR = "unclear"


class CancelWord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One word on a cancellation. `credits` came back; `status` is what the task had instead."""

    state: CancelState
    attempt: int
    intended_at: Moment
    credits: float | None = None
    status: str | None = None
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        """It was sent, or was about to be, and nobody knows whether it took effect."""
        return self.state in (CancelState.INTENDED, CancelState.UNCLEAR)


class Canceller:
    """Cancels tasks, one at a time. `check` raises Halted where nothing may leave."""

    def __init__(
        self,
        *,
        desk: OrderWriter,
        tasks: TaskReader,
        ledger: Ledger,
        clock: Clock,
        quarantine: timedelta,
        check: Callable[[datetime], None] = lambda _: None,
    ) -> None:
        self._check = check
        self._desk = desk
        self._tasks = tasks
        self._ledger = ledger
        self._clock = clock
        self._quarantine = quarantine

    def done(self, task_id: str) -> CancelWord | None:
        """Give the word on a cancellation that an earlier try has done."""
        story = story_of(self._ledger, task_id)
        return story[-1][1] if story and story[-1][1].state is CancelState.DONE else None

    def cancel(self, task_id: str) -> CancelWord:
        """Cancel one task, unless an earlier try did or still may; give where that stands now.

        Raises `NotDone` where the API gives another no than about the task's status.
        """
        story = story_of(self._ledger, task_id)
        before = story[-1][1] if story else None
        if before is not None and before.state is CancelState.DONE:
            return before
        seq = story[-1][0].seq if story else 0
        if before is not None and before.is_open:
            settled = self._settled(task_id, before)
            if settled.is_open or settled.state is CancelState.DONE:
                return settled
            seq = self._ledger.story(TOPIC, task_id)[-1].seq
        return self._send(task_id, 1 + (before.attempt if before else 0), seq)

    def _send(self, task_id: str, attempt: int, seq: int) -> CancelWord:
        self._desk.ready()
        now = self._clock.now()
        self._check(now)
        intent = CancelWord(state=CancelState.INTENDED, attempt=attempt, intended_at=now)
        self._ledger.note_all(
            TOPIC, {task_id: msgspec.to_builtins(intent)}, now, last={task_id: seq}
        )
        fault_point("cancel.intended")
        try:
            refund = self._desk.cancel(task_id, _key(task_id, attempt))
        except InvalidStatus as no:
            return self._note(task_id, intent, CancelState.REFUSED, status=no.current_status)
        except NotDone as no:
            self._note(task_id, intent, CancelState.VOID, reason=str(no))
            raise
        except Unclear as silence:
            word = self._note(task_id, intent, CancelState.UNCLEAR, reason=str(silence))
            return self._settled(task_id, word)
        fault_point("cancel.answered")
        return self._note(task_id, intent, CancelState.DONE, credits=refund.credits)

    def _settled(self, task_id: str, word: CancelWord) -> CancelWord:
        """Say by reading the task what became of a cancellation that is open."""
        task = self._tasks.task(task_id)
        if task.status == CANCELLED:
            return self._note(task_id, word, CancelState.DONE, reason="found cancelled by reading")
        if self._clock.now() >= word.intended_at + self._quarantine:
            return self._note(task_id, word, CancelState.VOID, status=task.status)
        return word

    def _note(
        self,
        task_id: str,
        before: CancelWord,
        state: CancelState,
        *,
        credits: float | None = None,
        status: str | None = None,
        reason: str | None = None,
    ) -> CancelWord:
        word = CancelWord(
            state=state,
            attempt=before.attempt,
            intended_at=before.intended_at,
            credits=credits,
            status=status,
            reason=reason,
        )
        self._ledger.note(TOPIC, task_id, msgspec.to_builtins(word), self._clock.now())
        return word


def story_of(ledger: Ledger, task_id: str) -> list[tuple[LogNote, CancelWord]]:
    """Every word on the cancellation of a task, oldest first. Raises LedgerCorrupt."""
    try:
        return [
            (note, msgspec.convert(note.value, CancelWord)) for note in ledger.story(TOPIC, task_id)
        ]
    except msgspec.ValidationError as error:
        raise LedgerCorrupt(f"a word on cancelling {task_id} cannot be read: {error}") from error


def is_cancellable(task: CommentTask) -> bool:
    """Whether the API would cancel the task as it was seen."""
    return task.status == CANCELLABLE


def quarantine_ends(word: CancelWord, quarantine: timedelta) -> datetime:
    """When it is certain whether an open cancellation took effect."""
    return word.intended_at + quarantine


def _key(task_id: str, attempt: int) -> str:
    named = f"{attempt} {task_id}".encode()
    return f"cancel-{hashlib.sha256(named).hexdigest()[:48]}"
