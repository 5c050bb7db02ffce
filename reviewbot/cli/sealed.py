"""`reviewbot queue sealed` and `cancel`: what a rule holds a while before it is sent, and a person's stop."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import msgspec

from reviewbot.cli.answering import as_option, ledger_for_a_word, person_of
from reviewbot.cli.command import command, format_option, ledger_option
from reviewbot.cli.opening import ledger_at, with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.core.questions import Round, find_round
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.presentation.format import dollars, length, table
from reviewbot.presentation.zones import Zones, zones_of
from reviewbot.safety import seal


class SealedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed decision, as `queue sealed --format json` writes it."""

    id: str
    review: str
    task_id: str
    round: int
    action: str
    rule: str
    policy: str
    until: datetime | None
    deadline_at: datetime | None
    amount_micros: int | None


@command
@with_settings(ledger_option)
@format_option("text", "json")
def sealed(screen: Screen, settings: Settings, form: str) -> None:
    """List the decisions that lie sealed, by when they are sent.

    $ reviewbot queue sealed  # what goes out soon, and when
    $ reviewbot queue sealed --format json  # one object a line, for a script
    """
    now = datetime.now(UTC)
    with ledger_at(settings) as opened:
        zones = zones_of(settings, opened)
        rounds = sorted(seal.sealed_rounds(opened), key=lambda found: found.decision.until or now)
    if form == "json":
        for round_ in rounds:
            screen.data(msgspec.json.encode(_line(round_)).decode())
        return
    if not rounds:
        screen.say("Nothing is sealed.")
        return
    head = ("task", "does", "amount", "rule", "sent", "at")
    screen.data(table(head, [_row(round_, now, zones) for round_ in rounds]))
    screen.say("Keep one from being sent: reviewbot queue cancel TASK --reason WHY")


def _line(found: Round) -> SealedLine:
    decision = found.decision
    return SealedLine(
        id=decision.id,
        review=decision.review,
        task_id=decision.task_id,
        round=decision.round,
        action=decision.action.value,
        rule=decision.rule,
        policy=decision.policy,
        until=decision.until,
        deadline_at=decision.deadline_at,
        amount_micros=decision.amount_micros,
    )


def _row(found: Round, now: datetime, zones: Zones) -> tuple[str, ...]:
    decision = found.decision
    until = decision.until or now
    zone = zones.of(revision=decision.revision, policy=decision.policy, review=decision.review)
    return (
        safe_line(decision.task_id[:8]),
        decision.action.value,
        dollars(decision.amount_micros),
        safe_line(decision.rule, 40),
        f"in {length(until - now)}" if until > now else "by the next pass",
        format_moment(until, zone),
    )


@command
@click.argument("task")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it goes into the log.")
@with_settings(as_option, ledger_option)
def cancel(screen: Screen, settings: Settings, task: str, reason: str) -> None:
    """Keep a sealed decision from being sent; a person is asked in its place. It writes to our log only.

    $ reviewbot queue cancel 0d8b5a3e --reason "the account is watched"  # nobody is paid by that rule
    """
    now, who = datetime.now(UTC), person_of(settings)
    with ledger_for_a_word(settings) as opened:
        chosen = find_round(opened, task)
        seal.cancel(opened, chosen, who=who, reason=reason, now=now)
    name = safe_line(chosen.sighting.task_id)
    screen.say(f"{name} is not sent by its rule; the bot asks a person at its next pass.")
