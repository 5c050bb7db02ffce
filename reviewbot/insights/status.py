"""Situation: all that the log knows about how the bot stands now, gathered for one screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from reviewbot.alarms.exposure import Exposure, at_stake
from reviewbot.alarms.mutes import mutes_on
from reviewbot.alarms.outages import Downtime, last_away
from reviewbot.core.questions import open_questions
from reviewbot.domain.decision import ACTIONS_OF
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.text import iso, parse_iso, safe_line
from reviewbot.foresight.future import Paid
from reviewbot.foresight.gather import Bot, Outlook, outlook_of
from reviewbot.insights.scorecard import PayoutTotals, add_up
from reviewbot.ports.ledger import Ledger, LogNote
from reviewbot.safety import impact, rollout, second_look
from reviewbot.safety.probation import TOPIC as PROBATION

DAY = timedelta(days=1)
LATEST = timedelta(days=3)
"""How long a look back over an absence stays on the screen."""
RUNNING, ALARM, CHANNEL = "running", "alarm", "channel"


class StandingAlarms(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms of one kind that stand: how many, and when the newest was told."""

    kind: str
    count: int
    at: datetime


class DefaultOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a question ends if nobody answers, and when; `why` says what keeps the policy from it."""

    end: Paid
    at: datetime | None
    why: str | None = None
    deadline_is_estimate: bool = False


class BotStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the log says of now and of the last 24 hours."""

    outcomes: dict[str, int]
    books: PayoutTotals
    questions: int
    claimed: int
    next_question: DefaultOutcome | None = None
    """What happens to the most urgent question if nobody answers."""
    kinds: tuple[ReviewKind, ...] = ()
    """The kinds of review of which something waits."""
    unsettled: int = 0
    holds: tuple[str, ...] = ()
    at_stake: Exposure | None = None
    """What silence pays while something is held back."""
    on_probation: tuple[str, ...] = ()
    to_accept: tuple[str, ...] = ()
    accepted_by: dict[str, str] = {}
    """How many have accepted what waits for two people, by the beginning of its revision."""
    changes: tuple[str, ...] = ()
    """What the policies that lately took over, or wait to, would have decided otherwise."""
    not_used: tuple[str, ...] = ()
    """Why a changed policy is not used, for each that is not."""
    alarms: tuple[StandingAlarms, ...] = ()
    muted: tuple[str, ...] = ()
    """What people have acknowledged or silenced, each with its end."""
    failing_channels: tuple[str, ...] = ()
    away: Downtime | None = None
    second_looks: int = 0
    """Decisions that were lately found to have been made while the checker was sick."""


def situation(ledger: Ledger, now: datetime, bot: Bot, ahead: Outlook | None = None) -> BotStatus:
    """Gather it all; `ahead` is what becomes of what is open, where the caller knows. Raises `LedgerError`."""
    since = now - DAY
    recent = ledger.decided(None, since)
    questions = open_questions(ledger, now)
    ahead = ahead or outlook_of(ledger, now, bot)
    first = None
    if questions:
        sighting = questions[0].sighting
        future = ahead.futures[sighting.review, sighting.task_id]
        estimate = future.round.deadline_is_estimate
        first = DefaultOutcome(
            end=future.end, at=future.at, why=future.why, deadline_is_estimate=estimate
        )
    holds, waiting = ahead.standing.holds, rollout.waiting(ledger)
    away = last_away(ledger)
    return BotStatus(
        outcomes=Counter(logged.state.value for logged in recent),
        kinds=tuple(review for review in ACTIONS_OF if ledger.unended(review)),
        books=add_up(recent, ledger.endings(since)),
        questions=len(questions),
        claimed=sum(question.claim is not None for question in questions),
        next_question=first,
        unsettled=len(ledger.open_intents()),
        holds=tuple(hold.sentence for hold in holds if hold.by in ("pause", "breaker")),
        at_stake=at_stake(ahead) if holds else None,
        on_probation=tuple(_on_probation(ledger)),
        to_accept=tuple(f"{_text(note, 'policy')} {note.subject[:8]}" for note in waiting),
        accepted_by={
            note.subject[:8]: f"{len(rollout.accepted_by(note.value))} of 2 have accepted"
            for note in waiting
            if rollout.needs(note.value) > 1
        },
        changes=tuple(_changes(ledger, waiting, now)),
        not_used=not_used(ledger),
        alarms=_alarms(ledger, now),
        muted=tuple(
            f"{safe_line(mute.name, 80)} until {iso(mute.until)}" for mute in mutes_on(ledger, now)
        ),
        failing_channels=tuple(
            f"{safe_line(note.subject, 40)}: {_text(note, 'error')}"
            for note in ledger.notes(CHANNEL)
            if note.value.get("ok") is False
        ),
        away=away if away is not None and now - away.until <= LATEST else None,
        second_looks=len(second_look.marked(ledger, now - LATEST)),
    )


def _on_probation(ledger: Ledger) -> Iterator[str]:
    for note in ledger.notes(PROBATION):
        rules = note.value.get("rules")
        if note.value.get("over") is False and note.value.get("before") and rules:
            named = ", ".join(safe_line(str(rule), 40) for rule in rules)
            yield f"{safe_line(note.subject, 40)} {_text(note, 'revision')[:8]}: {named}"


def _changes(ledger: Ledger, waiting: Iterable[LogNote], now: datetime) -> Iterator[str]:
    for note in ledger.notes(impact.TOPIC):
        weighed = impact.from_value(note.value)
        if weighed is not None and now - weighed.since <= LATEST:
            yield _change(note.subject, weighed, "")
    for note in waiting:
        weighed = impact.from_value(note.value.get("weighed"))
        if weighed is not None:
            yield _change(_text(note, "policy"), weighed, " (waits)")


def _change(policy: str, weighed: impact.ChangeImpact, more: str) -> str:
    name = f"{safe_line(policy, 40)} {weighed.before[:8] or 'nothing'} → {weighed.revision[:8]}"
    return f"{name}{more}: {safe_line(weighed.sentence(), 400)}"


def not_used(ledger: Ledger) -> tuple[str, ...]:
    """Why a changed policy is not used, for each that is not."""
    problems = {note.value.get("problem") for note in ledger.notes(RUNNING)}
    return tuple(sorted(safe_line(str(why), 300) for why in problems if why))


def _alarms(ledger: Ledger, now: datetime) -> tuple[StandingAlarms, ...]:
    """Alarms told in the last day that are not mended, newest first."""
    found = []
    for note in ledger.notes(ALARM):
        told = note.value.get("told")
        marks = told.values() if isinstance(told, dict) else ()
        moments = [at for at in map(_moment, marks) if at is not None and now - at <= DAY]
        if moments:
            found.append(StandingAlarms(kind=note.subject, count=len(moments), at=max(moments)))
    return tuple(sorted(found, key=lambda standing: standing.at, reverse=True))


def _moment(mark: object) -> datetime | None:
    text = mark.get("at") if isinstance(mark, dict) else None
    try:
        return parse_iso(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _text(note: LogNote, name: str) -> str:
    return safe_line(str(note.value.get(name) or "?"), 200)
