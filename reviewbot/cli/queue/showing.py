"""`reviewbot queue show`: one question, the evidence, and both answers ready to be copied."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from reviewbot.cli.bot import bot_of
from reviewbot.cli.evidence import evidence_lines
from reviewbot.cli.health import say_health
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import ledger_at, settings_with
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.queue.listing import Asked, line_of, zone_of
from reviewbot.cli.queue.words import claimed_by, if_you_do_nothing
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import dollars
from reviewbot.cli.zones import zones_of
from reviewbot.domain.decision import Action, Decision
from reviewbot.domain.moments import format_moment
from reviewbot.domain.safetext import safe, safe_line
from reviewbot.ports import Ledger
from reviewbot.service.outlook.gather import facts_of, outlook_of
from reviewbot.service.people.claims import holder
from reviewbot.service.people.questions import Round, find_round
from reviewbot.service.people.readymade import Texts, texts_of
from reviewbot.service.revisions import Revisions

_ANSWERS = {
    "comments": (("approve", Action.APPROVE), ("dispute", Action.DISPUTE)),
    "accounts": (("finalize", Action.FINALIZE), ("corrections", Action.REQUEST_CORRECTIONS)),
}


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: the line to copy, and what the other side would read."""

    action: str
    command: str
    text: str | None = None
    fields: dict[str, str] | None = None


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot queue show 0d8b5a3e", "the beginning of the task's id will do"),
        Example("reviewbot queue show 0d8b5a3e --format json", "for a script"),
    ],
)
@click.argument("task")
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def show(screen: Screen, task: str, ledger: str | None, config: str | None, form: str) -> None:
    """Show one question: what is asked, what was seen, both answers, and what happens otherwise."""
    now = datetime.now(UTC)
    settings = settings_with(config=config, ledger=ledger)
    say_health(screen, settings, form)
    with ledger_at(settings.ledger) as opened:
        chosen = find_round(opened, task)
        if chosen.latest is None:
            screen.say(f"{safe_line(chosen.sighting.task_id)} waits, and nothing is decided yet.")
            return
        revisions = Revisions(opened)
        chosen = msgspec.structs.replace(chosen, claim=holder(opened, chosen.decision.id, now))
        found = outlook_of(opened, now, bot_of(settings, now))
        future = found.futures[chosen.sighting.review, chosen.sighting.task_id]
        asked = Asked(round=chosen, otherwise=future)
        zone = zone_of(zones_of(settings, opened), asked)
        offered = answers(opened, chosen, revisions)
        logged = opened.decision(chosen.decision.id)
    facts = b"null" if logged is None else logged.decision.facts
    if form == "json":
        screen.data(
            msgspec.json.format(msgspec.json.encode(_object(asked, offered, facts))).decode()
        )
    else:
        screen.data("\n".join(_in_full(asked, offered, facts, now, zone)))


def texts_for(ledger: Ledger, chosen: Round, revisions: Revisions) -> Texts:
    """The policy's own texts for this round: those that can be sent, and why not the others."""
    if chosen.latest is None:
        return Texts()
    judge = revisions.judge(chosen.decision.revision)
    facts = None if chosen.latest is None else facts_of(ledger, chosen.latest)
    if judge is None or facts is None:
        return Texts()
    return texts_of(judge, facts, asked_by=chosen.decision.rule)


def answers(ledger: Ledger, chosen: Round, revisions: Revisions) -> list[Offered]:
    """Both answers as lines to copy: the one that pays, and each text that may be sent."""
    task = chosen.sighting.task_id[:8]
    (pays, paying), (returns, returning) = _ANSWERS[chosen.sighting.review]
    found = [Offered(action=paying.value, command=f"reviewbot queue {pays} {task} --live")]
    for one in texts_for(ledger, chosen, revisions).written:
        name = shlex.quote(one.name)
        command = f"reviewbot queue {returns} {task} --reason-name {name} --live"
        found.append(
            Offered(action=returning.value, command=command, text=one.text, fields=one.fields)
        )
    if len(found) == 1:
        own = f'--reason "…"{" --field NAME=TEXT" * (returns == "corrections")}'
        found.append(
            Offered(
                action=returning.value, command=f"reviewbot queue {returns} {task} {own} --live"
            )
        )
    return found


def _object(asked: Asked, offered: list[Offered], facts: bytes) -> dict[str, Any]:
    return {
        "schema": "reviewbot.question/1",
        **msgspec.structs.asdict(line_of(asked)),
        "answers": offered,
        "facts": msgspec.Raw(facts),
    }


def _in_full(
    asked: Asked, offered: list[Offered], facts: bytes, now: datetime, zone: str
) -> Iterator[str]:
    decision = asked.round.decision
    ends = if_you_do_nothing(asked.otherwise, now, zone)
    what = "account" if decision.review == "accounts" else "task"
    yield styled(
        f"{what} {safe_line(decision.task_id)}  round {decision.round}"
        f"  {dollars(decision.amount_micros)}",
        "strong",
    )
    yield f"  question   {safe(decision.reason or 'none was written').replace(chr(10), chr(10) + ' ' * 13)}"
    yield f"  asked      {format_moment(decision.decided_at, zone)} by rule {safe_line(decision.rule)!r}{_by(decision)}"
    yield f"  to         {safe_line(decision.to or 'whoever looks')}"
    yield f"  claimed    {claimed_by(asked.round.claim, zone)}"
    yield f"  {styled('if you do nothing:', 'care')} {ends}"
    yield ""
    yield styled("what was seen", "strong")
    yield from (f"  {line}" for line in evidence_lines(facts, zone))
    yield ""
    yield styled("your answer", "strong") + "  (without --live it is only rehearsed)"
    for one in offered:
        yield f"  {one.command}"
        if one.text is not None:
            yield f"      they read: {safe(one.text, 600).replace(chr(10), chr(10) + ' ' * 17)}"
        for name, words in (one.fields or {}).items():
            yield f"      {safe_line(name)}: {safe_line(words, 300)}"


def _by(decision: Decision) -> str:
    return f" of {safe_line(decision.policy)} {decision.revision[:8]}" if decision.policy else ""
