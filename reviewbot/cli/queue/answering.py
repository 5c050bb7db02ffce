"""`reviewbot queue approve|dispute|finalize|corrections`: a person's answer, rehearsed or sent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import ledger_for_reading, logs_for, settings_with
from reviewbot.cli.options import config_option, ledger_option
from reviewbot.cli.queue.claiming import (
    as_option,
    ledger_for_a_word,
    person_of,
    take_over_option,
)
from reviewbot.cli.queue.showing import texts_for
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import WHAT, dollars
from reviewbot.domain.accounts import CORRECTABLE_FIELDS
from reviewbot.domain.decision import Action, Decision, Mode
from reviewbot.domain.errors import UsageError
from reviewbot.domain.safetext import safe, safe_line
from reviewbot.ports import Ledger
from reviewbot.service.people.answers import Answered, Reply, answer, how_it_ended
from reviewbot.service.people.questions import Round, find_round
from reviewbot.service.people.readymade import ReadyMade, Texts
from reviewbot.service.revisions import Revisions
from reviewbot.settings import Settings

LONG_AGO = timedelta(days=30)
"""How far back the end of a round is told to somebody who answers too late."""

reason_option = click.option("--reason", metavar="TEXT", help="What the other side reads.")
reason_name_option = click.option(
    "--reason-name", metavar="NAME", help="A text of the policy, by its name."
)
repeat_option = click.option(
    "--repeat", is_flag=True, help="Although the same words were sent before."
)


def answer_options(thing: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The argument that names the thing, and the options that every answer takes."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in (
            click.pass_obj,
            config_option,
            ledger_option,
            take_over_option,
            as_option,
            click.option("--live", is_flag=True, help="Send it. Without it nothing is sent."),
            click.argument(thing),
        ):
            command = option(command)
        return command

    return add


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot queue approve 0d8b5a3e", "what it would do; sends nothing"),
        Example("reviewbot queue approve 0d8b5a3e --live --as ana", "pay it, as ana"),
    ],
)
@answer_options("task")
def approve(screen: Screen, task: str, **about: Any) -> None:
    """Approve a task: pays the manager, and cannot be undone. A dry run without --live."""
    _answer(screen, task, Action.APPROVE, **about)


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot queue dispute 0d8b5a3e --reason-name not_found", "by a policy's text"),
        Example('reviewbot queue dispute 0d8b5a3e --reason "…" --live', "in your own words, sent"),
    ],
)
@repeat_option
@reason_name_option
@reason_option
@answer_options("task")
def dispute(screen: Screen, task: str, **about: Any) -> None:
    """Send a task back with a reason that the manager reads. A dry run without --live.

    No text is picked for you: without one, that of the rule that asked is taken, where it names one.
    """
    _answer(screen, task, Action.DISPUTE, **about)


@click.command(
    cls=Command,
    examples=[Example("reviewbot queue finalize 5c1e7a90 --live", "let the account go live")],
)
@answer_options("task")
def finalize(screen: Screen, task: str, **about: Any) -> None:
    """Finalize an account: it goes live, and that cannot be undone. A dry run without --live."""
    _answer(screen, task, Action.FINALIZE, **about)


@click.command(
    cls=Command,
    examples=[
        Example(
            'reviewbot queue corrections 5c1e7a90 --reason "One thing." --field username="No digits."',
            "ask for one correction; sends nothing without --live",
        ),
    ],
)
@repeat_option
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=TEXT",
    help=f"What to correct: {', '.join(CORRECTABLE_FIELDS)}.",
)
@reason_name_option
@reason_option
@answer_options("task")
def corrections(screen: Screen, task: str, **about: Any) -> None:
    """Ask for corrections of an account, field by field. A dry run without --live."""
    _answer(screen, task, Action.REQUEST_CORRECTIONS, **about)


def _answer(
    screen: Screen,
    task: str,
    action: Action,
    *,
    live: bool,
    name: str | None,
    take_over: bool,
    ledger: str | None,
    config: str | None,
    reason: str | None = None,
    reason_name: str | None = None,
    fields: tuple[str, ...] = (),
    repeat: bool = False,
) -> None:
    settings = settings_with(
        config=config, ledger=ledger, person=name, mode="live" if live else None
    )
    who = person_of(settings)
    opening = (
        ledger_for_a_word(settings)
        if settings.mode is Mode.LIVE
        else ledger_for_reading(ledger=ledger, config=config)
    )
    with opening as opened:
        chosen = _find(opened, task)
        text, corrected = reason, corrected_fields(fields)
        if action.sends_back and reason is None:
            made = _ready_made(opened, chosen, reason_name)
            text, corrected = made.text, corrected or made.fields
        reply = Reply(
            action=action,
            who=who,
            text=text,
            fields=corrected,
            take_over=take_over,
            repeat=repeat,
        )
        told = _send(screen, settings, opened, chosen, reply)
    tell_answer(screen, chosen, told, live=settings.mode is Mode.LIVE)


def _find(ledger: Ledger, task: str) -> Round:
    """The open round; where there is none, how the last one ended."""
    try:
        return find_round(ledger, task)
    except UsageError:
        ended = how_it_ended(ledger, task, datetime.now(UTC) - LONG_AGO)
        if ended is None:
            raise
        raise UsageError(f"too late: {ended}") from None


def _ready_made(ledger: Ledger, chosen: Round, name: str | None) -> ReadyMade:
    """The policy's text of that name; without one, the text that the rule that asked names."""
    texts = texts_for(ledger, chosen, Revisions(ledger))
    wanted = name or texts.asked_for
    for one in texts.written:
        if one.name == wanted:
            return one
    if wanted is None:
        what = "no text is chosen, and the rule that asked names none"
    elif wanted in texts.unwritten:
        what = f"{safe_line(wanted, 60)!r} cannot be sent for this task: {texts.unwritten[wanted]}"
    else:
        what = f"no such text: {safe_line(wanted, 60)!r}"
    raise UsageError(f"{what}. {_choices(texts)}")


def _choices(texts: Texts) -> str:
    """What a person may send instead."""
    own = "write your own with --reason TEXT"
    cannot = "; ".join(
        f"{safe_line(name, 60)} cannot ({safe_line(why, 200)})"
        for name, why in texts.unwritten.items()
    )
    if not texts.written:
        return f"Of the policy's texts {cannot}; {own}" if cannot else f"The policy has none; {own}"
    can = ", ".join(safe_line(one.name, 60) for one in texts.written)
    rest = f"; of the others {cannot}" if cannot else ""
    return f"Choose with --reason-name NAME: {can}{rest}. Or {own}"


def corrected_fields(given: tuple[str, ...]) -> dict[str, str] | None:
    """Read each NAME=TEXT; None where there is none. Raises UsageError for a name that is no field."""
    found = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or name not in CORRECTABLE_FIELDS:
            raise UsageError(
                f"{safe_line(one, 60)!r} is no field and its text; write --field NAME=TEXT with one"
                f" of {', '.join(CORRECTABLE_FIELDS)}"
            )
        found[name] = text
    return found or None


def _send(
    screen: Screen, settings: Settings, ledger: Ledger, chosen: Round, reply: Reply
) -> Answered:
    from reviewbot.bootstrap import build

    events = logs_for(screen, settings, least="warning")
    app = build(settings, judges=(), ledger=ledger, events=events)
    with closing(app):
        return answer(app, chosen, reply)


def tell_answer(screen: Screen, chosen: Round, told: Answered, *, live: bool) -> None:
    """Say what became of an answer. Raises UsageError where it was not done."""
    if told.too_late:
        raise UsageError(f"too late: {told.sentence}")
    decision = told.decision
    assert decision is not None
    if not told.done and live:
        raise UsageError(told.sentence)
    screen.data("\n".join(_told(decision, chosen, live=live)))
    if not live:
        screen.say(styled("Dry run: nothing was sent.", "care") + " Send it with --live.")


def _told(decision: Decision, chosen: Round, *, live: bool) -> list[str]:
    who, task = safe_line(decision.decided_by or ""), safe_line(decision.task_id)
    did = _DONE[decision.action] if live else _WOULD[decision.action]
    money = dollars(decision.amount_micros)
    what = WHAT[decision.review]
    lines = [f"{styled(did.format(money=money), 'strong')}  {what} {task}  round {decision.round}"]
    if decision.reason:
        lines.append(f"  they read: {safe(decision.reason)}")
    for name, text in (decision.fields or {}).items():
        lines.append(f"    {safe_line(name)}: {safe_line(text)}")
    asked = "" if chosen.latest is None else f", asked by {safe_line(decision.rule)!r}"
    lines.append(f"  {'logged' if live else 'it would be logged'} as {who}'s answer{asked}")
    return lines


_DONE = {
    Action.APPROVE: "approved: {money} paid, for good",
    Action.DISPUTE: "sent back",
    Action.FINALIZE: "finalized, for good",
    Action.REQUEST_CORRECTIONS: "corrections asked for",
}
_WOULD = {
    Action.APPROVE: "would approve: {money} paid, for good",
    Action.DISPUTE: "would send back",
    Action.FINALIZE: "would finalize, for good",
    Action.REQUEST_CORRECTIONS: "would ask for corrections",
}
