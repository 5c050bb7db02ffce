"""`reviewbot queue …`: what waits for a person, and the person's answers."""

from __future__ import annotations

import shlex
import shutil
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from reviewbot.cli.command import Lazy, command, format_option, group, ledger_option
from reviewbot.cli.health import say_health
from reviewbot.cli.opening import ledger_at, with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.core.questions import Round, find_round, holder
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import Action, Decision
from reviewbot.domain.review import noun_of
from reviewbot.domain.text import format_moment, pretty, safe, safe_line
from reviewbot.foresight.gather import outlook_of
from reviewbot.insights.questions import OpenQuestion, questions_of, texts_for
from reviewbot.insights.status import LATEST
from reviewbot.ports.ledger import DEFAULT_KEY, Ledger
from reviewbot.presentation.format import counted, dollars, second_look_line
from reviewbot.presentation.phrases import claimed_by, if_you_do_nothing
from reviewbot.presentation.stories import evidence_lines
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import Zones, zones_of
from reviewbot.runtime.bot_health import bot_of
from reviewbot.safety.second_look import marked


@group(
    {
        "See": {
            "list": Lazy("queue:list_", "every open question, by deadline"),
            "show": Lazy("queue:show", "one question with all that was seen"),
            "claim": Lazy("answering:claim", "say that you look at it"),
            "release": Lazy("answering:release", "let others look at it"),
            "sealed": Lazy("sealed:sealed", "what a rule holds a while before it is sent"),
            "cancel": Lazy("sealed:cancel", "keep one of those from being sent"),
        },
        "Answer a comment task": {
            "approve": Lazy("answering:approve", "pay it, for good"),
            "dispute": Lazy("answering:dispute", "send it back with a reason"),
        },
        "Answer an account review": {
            "finalize": Lazy("answering:finalize", "let it go live, for good"),
            "corrections": Lazy("answering:corrections", "ask for corrections"),
        },
    }
)
def queue() -> None:
    """See what waits for a person, and answer. Silence pays: each line says when.

    An answer is a dry run unless --live (or REVIEWBOT_MODE=live). It works beside a running bot,
    goes through the same log as a rule's decision, and carries your name: --as NAME,
    REVIEWBOT_PERSON, or your login.

    $ reviewbot queue list  # every open question, most urgent first
    $ reviewbot queue show 0d8b5a3e  # one question with all that was seen
    $ reviewbot queue approve 0d8b5a3e  # what your answer would do; sends nothing
    $ reviewbot queue approve 0d8b5a3e --live  # answer
    """


class QueueLine(msgspec.Struct, frozen=True, kw_only=True):
    """One open question, as `queue list --format json` writes it."""

    id: str
    key: str
    review: str
    task_id: str
    round: int
    epoch: str | None
    question: str | None
    to: tuple[str, ...]
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


@command
@click.option("--to", metavar="NAME", help="Only what is asked of them.")
@click.option("--rule", metavar="NAME", help="Only what one rule asked.")
@click.option(
    "--account", metavar="ID", help="Only one account's; the beginning of its id will do."
)
@with_settings(ledger_option, every_key=True)
@format_option("text", "json")
def list_(
    screen: Screen,
    settings: Settings,
    to: str | None,
    rule: str | None,
    account: str | None,
    form: str,
) -> None:
    """List what waits for a person, most urgent first, and what happens if nobody answers.

    $ reviewbot queue list  # every open question, most urgent first
    $ reviewbot queue list --to lead --account 522c9585  # what one person is asked about one account
    $ reviewbot queue list --format json  # one object a line, for a script
    """
    now = datetime.now(UTC)
    say_health(screen, settings, form)
    questions, looks = _asked_of(settings, now)
    waiting = len(questions)
    questions = [row for row in questions if _is_meant(row[0], to, rule, account)]
    if form == "json":
        for question, _, name in questions:
            screen.data(msgspec.json.encode(line_of(question, name)).decode())
        return
    if looks:
        screen.say(second_look_line(looks))
    if not questions:
        none = f"None of {counted(waiting, 'question')}."
        screen.say(none if waiting else "Nothing waits for a person.")
        return
    width = shutil.get_terminal_size((100, 24)).columns
    for question, zone, name in questions:
        whose = name if settings.keys else ""
        screen.data("\n".join(_lines(question, now, max(40, width), zone, whose)))
    screen.say(f"{counted(len(questions), 'question')}. One in full: reviewbot queue show TASK")


def _is_meant(asked: OpenQuestion, to: str | None, rule: str | None, account: str | None) -> bool:
    decision = asked.round.decision
    return (
        (to is None or to in decision.to)
        and (rule is None or rule == decision.rule)
        and (account is None or (decision.account_id or "").startswith(account))
    )


def _asked_of(settings: Settings, now: datetime) -> tuple[list[tuple[OpenQuestion, str, str]], int]:
    """Each question with its zone and its key; and how many decisions need a second look."""
    found: list[tuple[OpenQuestion, str, str]] = []
    looks = 0
    for key in settings.each():
        with ledger_at(key) as opened:
            looks += len(marked(opened, now - LATEST))
            zones = zones_of(key, opened)
            found += [
                (question, zone_of(zones, question), key.key)
                for question in questions_of(opened, outlook_of(opened, now, bot_of(key, now)))
            ]
    return (sorted(found, key=lambda asked: _due(asked[0])) if settings.keys else found), looks


def _due(asked: OpenQuestion) -> datetime:
    return asked.round.decision.deadline_at or datetime.max.replace(tzinfo=UTC)


def zone_of(zones: Zones, asked: OpenQuestion) -> str:
    """The zone of the policy that asks."""
    decision = asked.round.decision
    return zones.of(revision=decision.revision, policy=decision.policy, review=decision.review)


def line_of(asked: OpenQuestion, key: str = DEFAULT_KEY) -> QueueLine:
    """Put a question about the work of a key into the documented form."""
    decision, claim = asked.round.decision, asked.round.claim
    return QueueLine(
        key=key,
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


def _lines(asked: OpenQuestion, now: datetime, width: int, zone: str, whose: str) -> Iterator[str]:
    decision = asked.round.decision
    ends = if_you_do_nothing(asked.otherwise, now, zone)
    head = f"{whose}{'  ' * bool(whose)}{safe_line(decision.task_id[:8])}  round {decision.round}"
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


@command
@click.argument("task")
@with_settings(ledger_option)
@format_option("text", "json")
def show(screen: Screen, settings: Settings, task: str, form: str) -> None:
    """Show one question: what is asked, what was seen, both answers, and what happens otherwise.

    $ reviewbot queue show 0d8b5a3e  # the beginning of the task's id will do
    $ reviewbot queue show 0d8b5a3e --format json  # for a script
    """
    now = datetime.now(UTC)
    say_health(screen, settings, form)
    with ledger_at(settings) as opened:
        chosen = find_round(opened, task)
        if chosen.latest is None:
            screen.say(f"{safe_line(chosen.sighting.task_id)} waits, and nothing is decided yet.")
            return
        revisions = Revisions(opened)
        chosen = msgspec.structs.replace(chosen, claim=holder(opened, chosen.decision.id, now))
        outlook = outlook_of(opened, now, bot_of(settings, now))
        future = outlook.futures[chosen.sighting.review, chosen.sighting.task_id]
        asked = OpenQuestion(round=chosen, otherwise=future)
        zone = zone_of(zones_of(settings, opened), asked)
        offered = answers(opened, chosen, revisions, settings.key if settings.keys else "")
        logged = opened.decision(chosen.decision.id)
    facts = b"null" if logged is None else logged.decision.facts
    if form == "json":
        screen.data(pretty(_object(asked, offered, facts, settings.key)))
    else:
        screen.data("\n".join(_in_full(asked, offered, facts, now, zone)))


def answers(ledger: Ledger, chosen: Round, revisions: Revisions, key: str = "") -> list[Offered]:
    """Both answers as lines to copy: the one that pays, and each text that may be sent."""
    task = chosen.sighting.task_id[:8] + (f" --key {key}" if key else "")
    (pays, paying), (returns, returning) = _ANSWERS[chosen.sighting.review]
    back = f"reviewbot queue {returns} {task}"
    own = f'--reason "…"{" --field NAME=TEXT" * (returns == "corrections")}'
    texts = [
        Offered(
            action=returning.value,
            command=f"{back} --reason-name {shlex.quote(text.name)} --live",
            text=text.text,
            fields=text.fields,
        )
        for text in texts_for(ledger, chosen, revisions).written
    ]
    return [
        Offered(action=paying.value, command=f"reviewbot queue {pays} {task} --live"),
        *(texts or [Offered(action=returning.value, command=f"{back} {own} --live")]),
    ]


def _object(asked: OpenQuestion, offered: list[Offered], facts: bytes, key: str) -> dict[str, Any]:
    return {
        "schema": "reviewbot.question/1",
        **msgspec.structs.asdict(line_of(asked, key)),
        "answers": offered,
        "facts": msgspec.Raw(facts),
    }


def _in_full(
    asked: OpenQuestion, offered: list[Offered], facts: bytes, now: datetime, zone: str
) -> Iterator[str]:
    decision = asked.round.decision
    ends = if_you_do_nothing(asked.otherwise, now, zone)
    yield styled(
        f"{noun_of([decision.review])} {safe_line(decision.task_id)}  round {decision.round}"
        f"  {dollars(decision.amount_micros)}",
        "strong",
    )
    yield f"  question   {safe(decision.reason or 'none was written').replace(chr(10), chr(10) + ' ' * 13)}"
    yield f"  asked      {format_moment(decision.decided_at, zone)} by rule {safe_line(decision.rule)!r}{_by(decision)}"
    yield f"  to         {safe_line(', '.join(decision.to) or 'whoever looks')}"
    yield f"  claimed    {claimed_by(asked.round.claim, zone)}"
    yield f"  {styled('if you do nothing:', 'care')} {ends}"
    yield ""
    yield styled("what was seen", "strong")
    yield from (f"  {line}" for line in evidence_lines(facts, zone))
    yield ""
    yield styled("your answer", "strong") + "  (without --live it is only rehearsed)"
    for answer in offered:
        yield f"  {answer.command}"
        if answer.text is not None:
            yield f"      they read: {safe(answer.text, 600).replace(chr(10), chr(10) + ' ' * 17)}"
        for name, words in (answer.fields or {}).items():
            yield f"      {safe_line(name)}: {safe_line(words, 300)}"


def _by(decision: Decision) -> str:
    return f" of {safe_line(decision.policy)} {decision.revision[:8]}" if decision.policy else ""
