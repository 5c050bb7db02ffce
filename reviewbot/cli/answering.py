"""`reviewbot queue approve|dispute|finalize|corrections`: a person's answer, rehearsed or sent."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from reviewbot.cli.accounts import account_round
from reviewbot.cli.command import Command, Example, config_option, ledger_option
from reviewbot.cli.opening import ledger_for_reading, logs_for, settings_with
from reviewbot.cli.queue import texts_for
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.core import questions
from reviewbot.core.questions import Round, answered_in, find_round
from reviewbot.core.recorded_facts import Revisions
from reviewbot.core.remote_state import waits
from reviewbot.domain.account import CORRECTABLE_FIELDS
from reviewbot.domain.decision import Action, Decision, Mode
from reviewbot.domain.errors import UsageError
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.text import format_moment, safe, safe_line
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import Ledger
from reviewbot.presentation.format import WHAT, dollars
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import zones_of
from reviewbot.review.answer import (
    AnswerResult,
    CannedReply,
    PersonAnswer,
    Texts,
    answer,
    how_it_ended,
    name_of,
    who_was_first,
)
from reviewbot.runtime.bootstrap import build

# ------------------------------------------------------------------------------------------------
# `reviewbot queue claim` and `release`: who looks at which question.


as_option = click.option(
    "--as",
    "name",
    metavar="NAME",
    help="Your name in the log; else REVIEWBOT_PERSON, else your login.",
)

take_over_option = click.option(
    "--take-over", is_flag=True, help="Although somebody else has claimed it."
)


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot queue claim 0d8b5a3e", "yours for 15 minutes; again: 15 more"),
        Example("reviewbot queue claim 0d8b5a3e --take-over", "from whoever has it"),
    ],
)
@click.argument("task")
@as_option
@take_over_option
@ledger_option
@config_option
@click.pass_obj
def claim(
    screen: Screen,
    task: str,
    name: str | None,
    take_over: bool,
    ledger: str | None,
    config: str | None,
) -> None:
    """Say that you look at a question, so that nobody else does. It writes to our log only."""
    settings = settings_with(config=config, ledger=ledger, person=name)
    now = datetime.now(UTC)
    with ledger_for_a_word(settings) as opened:
        chosen = find_round(opened, task)
        if chosen.latest is None:
            raise UsageError("nothing is decided on it yet, so there is no question to claim")
        zone = zones_of(settings, opened).of(
            revision=chosen.decision.revision, policy=chosen.decision.policy
        )
        mine = questions.claim(
            opened, chosen.decision.id, person_of(settings), now, take_over=take_over
        )
    screen.say(
        f"{safe_line(chosen.sighting.task_id)} is yours until {format_moment(mine.until, zone)}."
    )


@click.command(
    cls=Command, examples=[Example("reviewbot queue release 0d8b5a3e", "others may look at it now")]
)
@click.argument("task")
@as_option
@ledger_option
@config_option
@click.pass_obj
def release(
    screen: Screen, task: str, name: str | None, ledger: str | None, config: str | None
) -> None:
    """Let go of a question that you claimed."""
    settings = settings_with(config=config, ledger=ledger, person=name)
    now = datetime.now(UTC)
    with ledger_for_a_word(settings) as opened:
        chosen = find_round(opened, task)
        who = person_of(settings)
        held = None if chosen.latest is None else questions.holder(opened, chosen.decision.id, now)
        if held is None or held.who != who:
            raise UsageError(f"{safe_line(who)} has not claimed it")
        questions.let_go(opened, chosen.decision.id, who, now)
    screen.say(f"{safe_line(chosen.sighting.task_id)} is free again.")


def person_of(settings: Settings) -> str:
    """Whose answer it is: as asked for, or whoever is logged in."""
    if settings.person:
        return name_of(settings.person)
    try:
        return name_of(getpass.getuser())
    except (OSError, KeyError) as error:
        raise UsageError("your login has no name; say who you are with --as NAME") from error


@contextmanager
def ledger_for_a_word(settings: Settings) -> Iterator[Ledger]:
    """Open the log for writing beside a running bot: without its lock, for a moment.

    The bot holds its lock against other bots. What two writers could do to one round is kept apart
    by the log's own transactions and its unique intents.
    """
    from reviewbot.ledger.open import open_ledger

    opened = open_ledger(settings.ledger, create=False, lock=False)
    try:
        yield opened
    finally:
        opened.close()


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
        reply = PersonAnswer(
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


def _ready_made(ledger: Ledger, chosen: Round, name: str | None) -> CannedReply:
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
    screen: Screen, settings: Settings, ledger: Ledger, chosen: Round, reply: PersonAnswer
) -> AnswerResult:
    from reviewbot.runtime.bootstrap import build

    events = logs_for(screen, settings, least="warning")
    app = build(settings, judges=(), ledger=ledger, events=events)
    with closing(app):
        return answer(app, chosen, reply)


def tell_answer(screen: Screen, chosen: Round, told: AnswerResult, *, live: bool) -> None:
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


# ------------------------------------------------------------------------------------------------
# `reviewbot accounts finalize|corrections`: a person's act on an account, rehearsed or sent.


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot accounts finalize bnd_abc123", "what it would do; sends nothing"),
        Example("reviewbot accounts finalize bnd_abc123 --live", "the account goes live, for good"),
    ],
)
@answer_options("account")
def account_finalize(screen: Screen, account: str, **about: Any) -> None:
    """Finalize an account: it goes live, and that cannot be undone. A dry run without --live."""
    _act(screen, account, Action.FINALIZE, **about)


@click.command(
    cls=Command,
    examples=[
        Example(
            'reviewbot accounts corrections bnd_abc123 --comment "One thing to mend."'
            ' --field username="Please drop the digits."',
            "what it would send; sends nothing without --live",
        ),
    ],
)
@click.option("--repeat", is_flag=True, help="Although the same words were sent before.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=TEXT",
    help=f"What to correct, once per field: {', '.join(CORRECTABLE_FIELDS)}.",
)
@click.option("--comment", metavar="TEXT", help="What they read first.")
@answer_options("account")
def account_corrections(
    screen: Screen, account: str, comment: str | None, fields: tuple[str, ...], **about: Any
) -> None:
    """Ask for corrections of an account, field by field. A dry run without --live."""
    if not (comment or "").strip():
        raise UsageError('say what is wrong: --comment "…"')
    named = corrected_fields(fields)
    if not named:
        raise UsageError(
            f'name at least one field to correct: --field NAME="…", one of'
            f" {', '.join(CORRECTABLE_FIELDS)}"
        )
    _act(screen, account, Action.REQUEST_CORRECTIONS, text=comment, fields=named, **about)


def _act(
    screen: Screen,
    account: str,
    action: Action,
    *,
    live: bool,
    name: str | None,
    take_over: bool,
    ledger: str | None,
    config: str | None,
    text: str | None = None,
    fields: dict[str, str] | None = None,
    repeat: bool = False,
) -> None:
    settings = settings_with(
        config=config, ledger=ledger, person=name, mode="live" if live else None
    )
    sends = settings.mode is Mode.LIVE
    reply = PersonAnswer(
        action=action,
        who=person_of(settings),
        text=text,
        fields=fields,
        take_over=take_over,
        repeat=repeat,
    )
    events = logs_for(screen, settings, least="warning")
    # Beside a running bot: no lock. What both could do is kept apart by the log's unique intents.
    with (
        closing(open_ledger(settings.ledger, read_only=not sends)) as opened,
        closing(build(settings, judges=(), ledger=opened, events=events)) as app,
    ):
        bench = app.make_bench("accounts")
        item, chosen = account_round(app, bench, account)
        if not waits(item):
            raise UsageError(_why_not(app.ledger, item))
        if item.epoch is None:
            raise UsageError(
                f"the round of {safe_line(item.id)} cannot be told from what the API says of its feedback, so"
                " nothing is sent for it"
            )
        if sends:
            app.ledger.sight([item], app.clock.now())
        told = answer(app, chosen, reply)
    tell_answer(screen, chosen, told, live=sends)


def _why_not(ledger: Ledger, item: ReviewItem) -> str:
    """Say what an account is instead of in review, and who was first where our log knows."""
    stands = f"{safe_line(item.id)} is {safe_line(item.status or 'in a status nobody knows')}"
    first = answered_in(ledger, item.id, item.epoch)
    who = "" if first is None else f": {who_was_first(ledger, first)}"
    return f"{stands}, not in review{who}"
