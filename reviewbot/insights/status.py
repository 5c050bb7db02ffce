"""Situation: all that the log knows about how the bot stands now, gathered for one screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from reviewbot.alarms.exposure import Exposure, at_stake
from reviewbot.alarms.outages import Downtime, last_away
from reviewbot.core.questions import open_questions
from reviewbot.domain.decision import ACTIONS_OF
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.text import parse_iso, safe_line
from reviewbot.foresight.future import Paid
from reviewbot.foresight.gather import Bot, outlook_of
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
    failing_channels: tuple[str, ...] = ()
    away: Downtime | None = None
    second_looks: int = 0
    """Decisions that were lately found to have been made while the checker was sick."""


def situation(ledger: Ledger, now: datetime, bot: Bot) -> BotStatus:
    """Gather it all. Raises `LedgerError`."""
    since = now - DAY
    recent = ledger.decisions(since=since)
    questions = open_questions(ledger, now)
    ahead = outlook_of(ledger, now, bot)
    first = None
    if questions:
        sighting = questions[0].sighting
        found = ahead.futures[sighting.review, sighting.task_id]
        first = DefaultOutcome(
            end=found.end,
            at=found.at,
            why=found.why,
            deadline_is_estimate=found.round.deadline_is_estimate,
        )
    holds = ahead.standing.holds
    away = last_away(ledger)
    return BotStatus(
        outcomes=Counter(one.state.value for one in recent),
        kinds=tuple(review for review in ACTIONS_OF if ledger.unended(review)),
        books=add_up(recent, ledger.endings(since)),
        questions=len(questions),
        claimed=sum(one.claim is not None for one in questions),
        next_question=first,
        unsettled=len(ledger.open_intents()),
        holds=tuple(hold.sentence for hold in holds if hold.by in ("pause", "breaker")),
        at_stake=at_stake(ahead) if holds else None,
        on_probation=tuple(_trial(one) for one in ledger.notes(PROBATION) if _on_trial(one)),
        to_accept=tuple(
            f"{_text(one, 'policy')} {one.subject[:8]}" for one in rollout.waiting(ledger)
        ),
        accepted_by={
            one.subject[:8]: f"{len(rollout.accepted_by(one.value))} of 2 have accepted"
            for one in rollout.waiting(ledger)
            if rollout.needs(one.value) > 1
        },
        changes=tuple(_changes(ledger, now)),
        not_used=not_used(ledger),
        alarms=_alarms(ledger, now),
        failing_channels=tuple(
            f"{safe_line(one.subject, 40)}: {_text(one, 'error')}"
            for one in ledger.notes(CHANNEL)
            if one.value.get("ok") is False
        ),
        away=away if away is not None and now - away.until <= LATEST else None,
        second_looks=len(second_look.marked(ledger, now - LATEST)),
    )


def _on_trial(word: LogNote) -> bool:
    value = word.value
    return value.get("over") is False and bool(value.get("before")) and bool(value.get("rules"))


def _trial(word: LogNote) -> str:
    rules = word.value.get("rules") or ()
    named = ", ".join(safe_line(str(rule), 40) for rule in rules)
    return f"{safe_line(word.subject, 40)} {_text(word, 'revision')[:8]}: {named}"


def _changes(ledger: Ledger, now: datetime) -> Iterator[str]:
    for word in ledger.notes(impact.TOPIC):
        weighed = impact.from_value(word.value)
        if weighed is not None and now - weighed.since <= LATEST:
            yield _change(word.subject, weighed, "")
    for word in rollout.waiting(ledger):
        weighed = impact.from_value(word.value.get("weighed"))
        if weighed is not None:
            yield _change(_text(word, "policy"), weighed, " (waits)")


def _change(policy: str, weighed: impact.ChangeImpact, more: str) -> str:
    name = f"{safe_line(policy, 40)} {weighed.before[:8] or 'nothing'} → {weighed.revision[:8]}"
    return f"{name}{more}: {safe_line(weighed.sentence(), 400)}"


def not_used(ledger: Ledger) -> tuple[str, ...]:
    """Why a changed policy is not used, for each that is not."""
    problems = {one.value.get("problem") for one in ledger.notes(RUNNING)}
    return tuple(sorted(safe_line(str(why), 300) for why in problems if why))


def _alarms(ledger: Ledger, now: datetime) -> tuple[StandingAlarms, ...]:
    """Alarms told in the last day that are not mended, newest first."""
    found = []
    for one in ledger.notes(ALARM):
        told = one.value.get("told")
        moments = [
            at
            for mark in (told.values() if isinstance(told, dict) else ())
            if (at := _moment(mark)) is not None and now - at <= DAY
        ]
        if moments:
            found.append(StandingAlarms(kind=one.subject, count=len(moments), at=max(moments)))
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))


def _moment(mark: object) -> datetime | None:
    text = mark.get("at") if isinstance(mark, dict) else None
    try:
        return parse_iso(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _text(word: LogNote, name: str) -> str:
    return safe_line(str(word.value.get(name) or "?"), 200)
