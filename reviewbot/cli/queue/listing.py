"""`reviewbot queue list`: every open question, most urgent first."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime

import click
import msgspec

from reviewbot.cli.bot import bot_of
from reviewbot.cli.health import say_health
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import ledger_at, settings_with
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.queue.words import claimed_by, if_you_do_nothing
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import counted, dollars, second_look_line
from reviewbot.cli.zones import Zones, zones_of
from reviewbot.domain.safetext import safe_line
from reviewbot.ports import Ledger
from reviewbot.service.guards.secondlook import marked
from reviewbot.service.outlook.future import Future
from reviewbot.service.outlook.gather import Outlook, outlook_of
from reviewbot.service.outlook.situation import LATEST
from reviewbot.service.people.questions import Round, open_questions


class QueueLine(msgspec.Struct, frozen=True, kw_only=True):
    """One open question, as `queue list --format json` writes it."""

    id: str
    review: str
    task_id: str
    round: int
    epoch: str | None
    question: str | None
    to: str | None
    rule: str
    policy: str
    decided_at: datetime
    deadline_at: datetime | None
    deadline_is_estimate: bool
    amount_micros: int | None
    otherwise: str
    """How it ends if nobody answers: fallback, rule, silence, left, sent back, acted on or unknown."""
    otherwise_at: datetime | None
    claimed_by: str | None
    claimed_until: datetime | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question and what happens if nobody answers."""

    round: Round
    otherwise: Future


@click.command(
    "list",
    cls=Command,
    examples=[
        Example("reviewbot queue list", "every open question, most urgent first"),
        Example("reviewbot queue list --format json", "one object a line, for a script"),
    ],
)
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def list_(screen: Screen, ledger: str | None, config: str | None, form: str) -> None:
    """List what waits for a person, most urgent first, and what happens if nobody answers."""
    now = datetime.now(UTC)
    settings = settings_with(config=config, ledger=ledger)
    say_health(screen, settings, form)
    with ledger_at(settings.ledger) as opened:
        looks = len(marked(opened, now - LATEST))
        zones = zones_of(settings, opened)
        asked = [
            (one, zone_of(zones, one))
            for one in all_asked(opened, outlook_of(opened, now, bot_of(settings, now)))
        ]
    if form == "json":
        for one, _ in asked:
            screen.data(msgspec.json.encode(line_of(one)).decode())
        return
    if looks:
        screen.say(second_look_line(looks))
    if not asked:
        screen.say("Nothing waits for a person.")
        return
    width = shutil.get_terminal_size((100, 24)).columns
    for one, zone in asked:
        screen.data("\n".join(_lines(one, now, max(40, width), zone)))
    screen.say(f"{counted(len(asked), 'question')}. One in full: reviewbot queue show TASK")


def all_asked(ledger: Ledger, found: Outlook) -> Iterator[Asked]:
    """Every open question with what happens otherwise."""
    for one in open_questions(ledger, found.at):
        future = found.of(one.sighting.review, one.sighting.task_id)
        if future is not None:
            yield Asked(round=one, otherwise=future)


def zone_of(zones: Zones, asked: Asked) -> str:
    """The zone of the policy that asks."""
    decision = asked.round.decision
    return zones.of(revision=decision.revision, policy=decision.policy, review=decision.review)


def line_of(asked: Asked) -> QueueLine:
    """Put a question into the documented form."""
    decision, claim = asked.round.decision, asked.round.claim
    return QueueLine(
        id=decision.id,
        review=decision.review,
        task_id=decision.task_id,
        round=decision.round,
        epoch=decision.epoch,
        question=decision.reason,
        to=decision.to,
        rule=decision.rule,
        policy=decision.policy,
        decided_at=decision.decided_at,
        deadline_at=decision.deadline_at,
        deadline_is_estimate=decision.deadline_is_estimate,
        amount_micros=decision.amount_micros,
        otherwise=asked.otherwise.end,
        otherwise_at=asked.otherwise.at,
        claimed_by=None if claim is None else claim.who,
        claimed_until=None if claim is None else claim.until,
    )


def _lines(asked: Asked, now: datetime, width: int, zone: str) -> Iterator[str]:
    decision = asked.round.decision
    ends = if_you_do_nothing(asked.otherwise, now, zone)
    head = f"{safe_line(decision.task_id[:8])}  round {decision.round}"
    money = f"  {dollars(decision.amount_micros)}" if decision.amount_micros is not None else ""
    yield f"{styled(head, 'strong')}{money}  asked by {safe_line(decision.rule, 60)!r}"
    yield f"  {styled('if you do nothing:', 'care')} {ends}"
    question = safe_line(decision.reason or "no question was written", 400)
    yield textwrap.fill(
        question, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
    if asked.round.claim is not None:
        yield f"  {styled('claimed by', 'faint')} {claimed_by(asked.round.claim, zone)}"
    yield ""
