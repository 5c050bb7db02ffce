"""Exposure: who is paid by silence while something is kept back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from reviewbot.core import guard_state
from reviewbot.core.context import BotContext
from reviewbot.core.guard_state import GuardState, HeldBack
from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import ReviewPipeline
from reviewbot.domain.alarm import AlarmKind
from reviewbot.domain.decision import Mode
from reviewbot.domain.review import is_account, things
from reviewbot.domain.text import format_moment
from reviewbot.foresight.future import Future
from reviewbot.foresight.gather import Foreseen, Outlook
from reviewbot.ports.queue import Clock
from reviewbot.safety import breaker
from reviewbot.safety import pauses as pauses_module

NAMED = 20
"""Tasks that a sentence's facts name; the rest is counted."""


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What silence will pay if nobody acts: how many, how much, and when it begins."""

    tasks: tuple[str, ...] = ()
    """The most urgent first, of both kinds of review; `accounts` says how many are accounts."""
    accounts: int = 0
    first_at: datetime | None = None
    amount_micros: int = 0

    def sentence(self, first: str) -> str:
        """Say it in one sentence; `first` says when it begins."""
        if not self.tasks:
            return "No open task is paid by silence because of it so far."
        begins = f", first {first}" if self.first_at else ""
        money = f" ({self.amount_micros / 1_000_000:,.2f} USD)" if self.amount_micros else ""
        return f"{things(len(self.tasks), self.accounts)}{money} will be paid by silence{begins}."


def at_stake(outlook: Outlook, *, until: datetime | None = None) -> Exposure:
    """What silence will pay, before `until` (None: ever), if nobody acts."""
    silent = (
        future
        for future in outlook.futures.values()
        if not future.is_over and (until is None or (future.at is not None and future.at < until))
    )
    return _exposure(silent)


def _exposure(futures: Iterable[Future | None]) -> Exposure:
    """Of these what silence pays, which it does at a known moment."""
    silent = [future for future in futures if future is not None and future.end == "silence"]
    first = sorted(silent, key=lambda future: future.at or datetime.max.replace(tzinfo=UTC))
    return Exposure(
        tasks=tuple(future.round.task_id for future in first),
        accounts=sum(is_account(future.round.review) for future in first),
        first_at=first[0].at if first else None,
        amount_micros=sum(future.round.amount_micros or 0 for future in first),
    )


def say_stakes(app: BotContext, bench: ReviewPipeline) -> None:
    """Say what is kept back, by what, and who is paid by silence because of it."""
    if app.mode is not Mode.LIVE:
        return
    # To look ahead takes as long as to judge all that waits: only for what would be news.
    ahead = Foreseen(app)
    for (by, subject), those in app.guard.kept.items():
        if by in _KINDS:
            _say_kept(app.notifier, bench, ahead, by, subject, those)
    _say_pauses(app.clock, app.guard, app.notifier, ahead)
    _say_breakers(app.guard, app.notifier, bench, ahead)


def _say_kept(
    notifier: Notifier,
    bench: ReviewPipeline,
    ahead: Foreseen,
    by: str,
    subject: str,
    those: Sequence[HeldBack],
) -> None:
    kind, words = _KINDS[by]
    about = f"{bench.review} {by} {subject}"
    if notifier.alarms.is_told(kind, about):
        return
    noun = "due decision is" if len(those) == 1 else "due decisions are"
    what = f"{len(those)} {noun} held back by {words.format(subject)}."
    stakes = _exposure(ahead().of(bench.review, decision.task_id) for decision in those)
    _tell(notifier, kind, about, what, stakes)


def _say_pauses(clock: Clock, guard: GuardState, notifier: Notifier, ahead: Foreseen) -> None:
    now = clock.now()
    pauses = pauses_module.pauses_on(guard.words_on(guard_state.PAUSE_TOPIC), guard.file, now)
    on = {pause.word: pause for pause in pauses}
    for word in pauses_module.WORDS:
        if word not in on:
            notifier.alarms.mended(
                AlarmKind.PAUSED, f"The pause of {word} has ended.", subject=word
            )
        elif not notifier.alarms.is_told(AlarmKind.PAUSED, word):
            sentence = on[word].sentence()
            stakes = at_stake(ahead(), until=on[word].until)
            _tell(notifier, AlarmKind.PAUSED, word, f"{sentence[0].upper()}{sentence[1:]}.", stakes)


def _say_breakers(
    guard: GuardState, notifier: Notifier, bench: ReviewPipeline, ahead: Foreseen
) -> None:
    """Each opening is told for itself: one that follows a closing at once is news."""
    words = {note.subject: note for note in guard.words_on(guard_state.BREAKER_TOPIC)}
    for judge in bench.judges:
        name = judge.policy.name
        notes = [words[subject] for subject in (name, pauses_module.ALL) if subject in words]
        note = next((note for note in notes if breaker.stands_open(note)), None)
        if note is None:
            for closed in notes:
                subject = f"{name} {closed.value.get('opened')}"
                notifier.alarms.mended(
                    AlarmKind.BREAKER, f"The breaker of {name} is closed again.", subject=subject
                )
        elif not notifier.alarms.is_told(AlarmKind.BREAKER, f"{name} {note.seq}"):
            what = (
                f"The breaker of {name} is open: {note.value.get('what')}. Nothing is sent until a"
                ' person says  reviewbot resume --reason "…".'
            )
            _tell(notifier, AlarmKind.BREAKER, f"{name} {note.seq}", what, at_stake(ahead()))


def _tell(notifier: Notifier, kind: AlarmKind, subject: str, what: str, stakes: Exposure) -> None:
    notifier.notify(
        kind,
        f"{what} {stakes.sentence(f'at {format_moment(stakes.first_at, notifier.zone())}')}",
        subject=subject,
        urgency="error" if stakes.tasks or kind is AlarmKind.BREAKER else "warning",
        would_be_paid_by_silence=list(stakes.tasks[:NAMED]),
        tasks=len(stakes.tasks),
        first_at=stakes.first_at,
        amount_micros=stakes.amount_micros,
    )


_KINDS = {
    "cap": (AlarmKind.CAP, "the cap {!r}"),
    "guardrail": (AlarmKind.CAP, "the policy's own rule to {}"),
    "statement": (AlarmKind.STATEMENT, "the statement {!r} of its policy"),
    "probation": (AlarmKind.PROBATION, "the probation of revision {}"),
}
"""What keeps back some decisions, not all: those are counted."""
