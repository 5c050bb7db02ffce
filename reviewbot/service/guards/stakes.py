"""Stakes: who is paid by silence while something is kept back, in words for a person and for the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from reviewbot.domain.alarms import Kind
from reviewbot.domain.decision import Action, Mode
from reviewbot.domain.lifecycle import DONE, OPEN, State
from reviewbot.domain.moments import iso
from reviewbot.domain.review import ReviewKind, is_account, things
from reviewbot.ports import Ledger, Logged, Sighting
from reviewbot.service.guards import breaker, switches
from reviewbot.service.look import deadline_of

if TYPE_CHECKING:
    from reviewbot.service.app import App, Bench
    from reviewbot.service.guards.guard import Kept

NAMED = 20
"""Tasks that a sentence's facts name; the rest is counted."""
_ENDED = DONE | {State.OVERTAKEN}


class Stakes(msgspec.Struct, frozen=True, kw_only=True):
    """What silence will pay if nobody acts: how many, how much, and when it begins."""

    tasks: tuple[str, ...] = ()
    """The most urgent first, of both kinds of review; `accounts` says how many are accounts."""
    accounts: int = 0
    first_at: datetime | None = None
    amount_micros: int = 0

    def sentence(self) -> str:
        """Say it in one sentence."""
        if not self.tasks:
            return "No open task is paid by silence because of it so far."
        first = f", first at {iso(self.first_at)}" if self.first_at else ""
        money = f" ({self.amount_micros / 1_000_000:,.2f} USD)" if self.amount_micros else ""
        return f"{things(len(self.tasks), self.accounts)}{money} will be paid by silence{first}."


def at_stake(
    ledger: Ledger, now: datetime, *, word: str = switches.ALL, until: datetime | None = None
) -> Stakes:
    """What silence will pay while these actions are not sent, as far as the log knows.

    That is each open round that wants one of them, or that nobody has decided yet, and whose
    deadline comes before `until` (None: before anybody resumes).
    """
    found: list[tuple[datetime, Sighting]] = []
    reviews: tuple[ReviewKind, ...] = ("comments", "accounts")
    for review in reviews:
        sightings = ledger.unended(review)
        memories = ledger.memories(review, [one.task_id for one in sightings])
        for one in sightings:
            memory = memories.get(one.task_id)
            latest = None if memory is None else memory.latest
            deadline = deadline_of(one)
            if deadline <= now or (until is not None and deadline >= until):
                continue
            if _is_open(one, latest, word):
                found.append((deadline, one))
    found.sort(key=lambda pair: pair[0])
    return Stakes(
        tasks=tuple(one.task_id for _, one in found),
        accounts=sum(is_account(one.review) for _, one in found),
        first_at=found[0][0] if found else None,
        amount_micros=sum(one.amount_micros or 0 for _, one in found),
    )


def _is_open(one: Sighting, latest: Logged | None, word: str) -> bool:
    if latest is None or latest.decision.epoch != one.epoch:
        return True
    if latest.state in _ENDED or latest.state in OPEN:
        return False
    action = latest.decision.action
    return action is not Action.LEAVE and (not action.writes or action in switches.WORDS[word])


# At the end of a pass ------------------------------------------------------------------------


def say_stakes(app: App, bench: Bench) -> None:
    """Say what is kept back, by what, and who is paid by silence because of it."""
    if app.mode is not Mode.LIVE:
        return
    for (by, subject), those in app.guard.kept.items():
        if by in _KINDS:
            _say_kept(app, f"{bench.review} {by} {subject}", _KINDS[by], _words(by, subject), those)
    _say_pauses(app)
    _say_breakers(app, bench)


def _say_kept(app: App, subject: str, kind: Kind, what: str, those: Sequence[Kept]) -> None:
    noun = "due decision is" if len(those) == 1 else "due decisions are"
    stakes = _of(those, until_room=kind is Kind.CAP)
    _tell(app, kind, subject, f"{len(those)} {noun} held back by {what}.", stakes)


def _say_pauses(app: App) -> None:
    """A pause stops the fallback too, so everything open is at stake, due now or not."""
    now = app.clock.now()
    pauses = switches.pauses_on(app.guard.words_on(switches.TOPIC), app.guard.file, now)
    on = {one.word: one for one in pauses}
    for word in switches.WORDS:
        if word not in on:
            app.guard.said.pop(f"pause {word}", None)
            app.mended(Kind.PAUSED, f"The pause of {word} has ended.", subject=word)
        elif app.guard.is_time_to_say(app, f"pause {word}"):
            sentence = on[word].sentence()
            stakes = at_stake(app.ledger, now, word=word, until=on[word].until)
            _tell(app, Kind.PAUSED, word, f"{sentence[0].upper()}{sentence[1:]}.", stakes)


def _say_breakers(app: App, bench: Bench) -> None:
    """Each opening is told for itself: one that follows a closing at once is news."""
    words = {note.subject: note for note in app.guard.words_on(breaker.TOPIC)}
    for judge in bench.judges:
        name = judge.policy.name
        notes = [words[subject] for subject in (name, switches.ALL) if subject in words]
        note = next((note for note in notes if breaker.stands_open(note)), None)
        if note is None:
            for closed in notes:
                subject = f"{name} {closed.value.get('opened')}"
                app.mended(Kind.BREAKER, f"The breaker of {name} is closed again.", subject=subject)
        elif app.guard.is_time_to_say(app, f"breaker {name} {note.seq}"):
            stakes = at_stake(app.ledger, app.clock.now())
            what = (
                f"The breaker of {name} is open: {note.value.get('what')}. Nothing is sent until a"
                ' person says  reviewbot resume --reason "…".'
            )
            _tell(app, Kind.BREAKER, f"{name} {note.seq}", what, stakes)


def _tell(app: App, kind: Kind, subject: str, what: str, stakes: Stakes) -> None:
    app.alarm(
        kind,
        f"{what} {stakes.sentence()}",
        subject=subject,
        urgency="error" if stakes.tasks or kind is Kind.BREAKER else "warning",
        would_be_paid_by_silence=list(stakes.tasks[:NAMED]),
        tasks=len(stakes.tasks),
        first_at=stakes.first_at,
        amount_micros=stakes.amount_micros,
    )


def _of(those: Iterable[Kept], *, until_room: bool) -> Stakes:
    """Those whose deadline comes before a full cap has room again, or all of them."""
    threatened: Sequence[Kept] = sorted(
        (
            one
            for one in those
            if not until_room
            or one.deadline_at is None
            or one.room_at is None
            or one.deadline_at <= one.room_at + timedelta(minutes=1)
        ),
        key=lambda one: (one.deadline_at is None, one.deadline_at or 0),
    )
    return Stakes(
        tasks=tuple(one.task_id for one in threatened),
        first_at=threatened[0].deadline_at if threatened else None,
        amount_micros=sum(one.amount_micros or 0 for one in threatened),
    )


_KINDS = {"cap": Kind.CAP, "guardrail": Kind.CAP, "probation": Kind.PROBATION}
"""What keeps back some decisions, not all: those are counted."""


def _words(by: str, subject: str) -> str:
    return {
        "cap": f"the cap {subject!r}",
        "guardrail": f"the policy's own rule to {subject}",
        "probation": f"the probation of revision {subject}",
    }[by]
