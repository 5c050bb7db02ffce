"""The week: what was paid on whose word, which rules slipped, what nobody answered, and what changes moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from reviewbot.insights.scorecard import TOPICS, PayoutTotals, RuleScore, add_up, scorecard
from reviewbot.ports.ledger import Ending, Ledger, Logged
from reviewbot.safety import impact, ladder
from reviewbot.safety.impact import ChangeImpact
from reviewbot.safety.ladder import RuleStanding

WEEK = timedelta(days=7)
BEFORE = timedelta(days=30)
"""What a rule's week is held against."""
FEWEST_AGAINST = 2
"""One that was overruled says nothing yet."""


class SlippedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of whose decisions more turned out wrong than in the days before, beyond chance."""

    now: RuleScore
    before: RuleScore | None


class DigestWeek(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, from `since` up to `until`."""

    since: datetime
    until: datetime
    books: PayoutTotals
    slipped: tuple[SlippedRule, ...] = ()
    changes: tuple[tuple[str, ChangeImpact], ...] = ()
    """Each change of a policy, by its name, with what it moves."""
    steps: tuple[RuleStanding, ...] = ()
    """Each step of a rule with a ladder."""


def week(ledger: Ledger, until: datetime) -> DigestWeek:
    """The seven days up to a moment. Raises `LedgerError`."""
    since = until - WEEK
    decisions = [
        logged
        for logged in ledger.decisions(since=since - BEFORE)
        if logged.decision.decided_at < until
    ]
    endings = [ending for ending in ledger.endings(since - BEFORE) if ending.at < until]
    lately = [logged for logged in decisions if logged.state_at >= since]
    return DigestWeek(
        since=since,
        until=until,
        books=add_up(lately, [ending for ending in endings if ending.at >= since]),
        slipped=tuple(_slipped(ledger, since, decisions, endings)),
        changes=tuple(_changes(ledger, since, until)),
        steps=tuple(_steps(ledger, since, until)),
    )


def _slipped(
    ledger: Ledger, since: datetime, decisions: Sequence[Logged], endings: Sequence[Ending]
) -> list[SlippedRule]:
    notes = ledger.notes(*TOPICS)
    parts = (
        [logged for logged in decisions if logged.decision.decided_at >= since],
        [logged for logged in decisions if logged.decision.decided_at < since],
    )
    now, before = (
        {
            (card.rule, card.action): card
            for card in scorecard(part, endings, notes).cards
            if not card.voice
        }
        for part in parts
    )
    found = []
    for key, card in now.items():
        old = before.get(key)
        usual = 0.0 if old is None or not old.answered else old.against / old.answered
        if card.against >= FEWEST_AGAINST and card.interval[0] > usual:
            found.append(SlippedRule(now=card, before=old))
    return found


def _changes(ledger: Ledger, since: datetime, until: datetime) -> list[tuple[str, ChangeImpact]]:
    found = []
    for newest in ledger.notes(impact.TOPIC):
        for note in ledger.story(impact.TOPIC, newest.subject):
            change = impact.from_value(note.value)
            if change is not None and since <= change.since < until:
                found.append((note.subject, change))
    return found


def _steps(ledger: Ledger, since: datetime, until: datetime) -> list[RuleStanding]:
    found = []
    for standing in ladder.all_standings(ledger):
        story = ladder.story(ledger, standing.policy, standing.rule)
        moves = [
            after
            for before, after in zip([None, *story], story, strict=False)
            if before is not None and before.step != after.step
        ]
        found += [move for move in moves if since <= move.since < until]
    return found
