"""A person's word on one thing: a claim, or an answer that is rehearsed or sent.

`reviewbot queue` answers the question that the log holds, `reviewbot accounts` what the API shows.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec

from reviewbot.cli.accounts import account_round
from reviewbot.cli.command import Decorator, command, ledger_option
from reviewbot.cli.opening import logs_for, with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.core import questions
from reviewbot.core.context import BotContext
from reviewbot.core.questions import Round, answered_in, find_round
from reviewbot.core.revisions import Revisions
from reviewbot.domain.account import CORRECTABLE_FIELDS
from reviewbot.domain.decision import Action, Decision, Mode
from reviewbot.domain.errors import UsageError
from reviewbot.domain.review import ReviewItem, noun_of
from reviewbot.domain.round_state import waits
from reviewbot.domain.text import format_moment, safe, safe_line
from reviewbot.insights.questions import texts_for
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import Ledger
from reviewbot.presentation.format import dollars
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

LONG_AGO = timedelta(days=30)
"""How far back the end of a round is told to somebody who answers too late."""

as_option = click.option(
    "--as",
    "person",
    metavar="NAME",
    help="Your name in the log; else REVIEWBOT_PERSON, else your login.",
)
take_over_option = click.option(
    "--take-over", is_flag=True, help="Although somebody else has claimed it."
)
reason_option = click.option("--reason", metavar="TEXT", help="What the other side reads.")
reason_name_option = click.option(
    "--reason-name", metavar="NAME", help="A text of the policy, by its name."
)
repeat_option = click.option(
    "--repeat", is_flag=True, help="Although the same words were sent before."
)


def person_of(settings: Settings) -> str:
    """Whose answer it is: as asked for, or whoever is logged in."""
    if settings.person:
        return name_of(settings.person)
    try:
        return name_of(getpass.getuser())
    except (OSError, KeyError) as error:
        raise UsageError("your login has no name; say who you are with --as NAME") from error


@contextmanager
def ledger_for_a_word(settings: Settings) -> Iterator[SqlLedger]:
    """Open the log for writing beside a running bot: without its lock, for a moment.

    The bot holds its lock against other bots. What two writers could do to one round is kept apart
    by the log's own transactions and its unique intents.
    """
    with closing(open_ledger(settings.ledger, key=settings.key, create=False)) as opened:
        yield opened


@command
@click.argument("task")
@with_settings(as_option, take_over_option, ledger_option)
def claim(screen: Screen, settings: Settings, task: str, take_over: bool) -> None:
    """Say that you look at a question, so that nobody else does. It writes to our log only.

    $ reviewbot queue claim 0d8b5a3e  # yours for 15 minutes; again: 15 more
    $ reviewbot queue claim 0d8b5a3e --take-over  # from whoever has it
    """
    now = datetime.now(UTC)
    with ledger_for_a_word(settings) as opened:
        chosen = find_round(opened, task)
        if chosen.latest is None:
            raise UsageError("nothing is decided on it yet, so there is no question to claim")
        decision = chosen.decision
        zone = zones_of(settings, opened).of(revision=decision.revision, policy=decision.policy)
        mine = questions.claim(opened, decision.id, person_of(settings), now, take_over=take_over)
    screen.say(
        f"{safe_line(chosen.sighting.task_id)} is yours until {format_moment(mine.until, zone)}."
    )


@command
@click.argument("task")
@with_settings(as_option, ledger_option)
def release(screen: Screen, settings: Settings, task: str) -> None:
    """Let go of a question that you claimed.

    $ reviewbot queue release 0d8b5a3e  # others may look at it now
    """
    now = datetime.now(UTC)
    with ledger_for_a_word(settings) as opened:
        chosen = find_round(opened, task)
        who = person_of(settings)
        held = None if chosen.latest is None else questions.holder(opened, chosen.decision.id, now)
        if held is None or held.who != who:
            raise UsageError(f"{safe_line(who)} has not claimed it")
        questions.let_go(opened, chosen.decision.id, who, now)
    screen.say(f"{safe_line(chosen.sighting.task_id)} is free again.")


# The answers ------------------------------------------------------------------------------------


def answer_options(thing: str) -> Decorator:
    """The argument that names the thing, and the options that every answer takes."""

    def add(command: Callable[..., None]) -> Callable[..., Any]:
        live = click.option("--live", is_flag=True, help="Send it. Without it nothing is sent.")
        options = with_settings(live, as_option, take_over_option, ledger_option)
        argument: Decorator = click.argument(thing)
        return argument(options(command))

    return add


def field_option(more: str = "") -> Decorator:
    """Make `--field`."""
    return click.option(
        "--field",
        "fields",
        multiple=True,
        metavar="NAME=TEXT",
        help=f"What to correct{more}: {', '.join(CORRECTABLE_FIELDS)}.",
    )


@command
@answer_options("task")
def approve(screen: Screen, settings: Settings, task: str, take_over: bool) -> None:
    """Approve a task: pays the manager, and cannot be undone. A dry run without --live.

    $ reviewbot queue approve 0d8b5a3e  # what it would do; sends nothing
    $ reviewbot queue approve 0d8b5a3e --live --as ana  # pay it, as ana
    """
    _answer(screen, settings, task, _reply(settings, Action.APPROVE, take_over=take_over))


@command
@repeat_option
@reason_name_option
@reason_option
@answer_options("task")
def dispute(
    screen: Screen,
    settings: Settings,
    task: str,
    take_over: bool,
    reason: str | None,
    reason_name: str | None,
    repeat: bool,
) -> None:
    """Send a task back with a reason that the manager reads. A dry run without --live.

    No text is picked for you: without one, that of the rule that asked is taken, where it names one.

    $ reviewbot queue dispute 0d8b5a3e --reason-name not_found  # by a policy's text
    $ reviewbot queue dispute 0d8b5a3e --reason "…" --live  # in your own words, sent
    """
    reply = _reply(settings, Action.DISPUTE, reason, take_over=take_over, repeat=repeat)
    _answer(screen, settings, task, reply, reason_name)


@command
@answer_options("task")
def finalize(screen: Screen, settings: Settings, task: str, take_over: bool) -> None:
    """Finalize an account: it goes live, and that cannot be undone. A dry run without --live.

    $ reviewbot queue finalize 5c1e7a90 --live  # let the account go live
    """
    _answer(screen, settings, task, _reply(settings, Action.FINALIZE, take_over=take_over))


@command
@repeat_option
@field_option()
@reason_name_option
@reason_option
@answer_options("task")
def corrections(
    screen: Screen,
    settings: Settings,
    task: str,
    take_over: bool,
    reason: str | None,
    reason_name: str | None,
    fields: tuple[str, ...],
    repeat: bool,
) -> None:
    """Ask for corrections of an account, field by field. A dry run without --live.

    $ reviewbot queue corrections 5c1e7a90 --reason "One thing." --field username="No digits."
      # ask for one correction; sends nothing without --live
    """
    action = Action.REQUEST_CORRECTIONS
    reply = _reply(settings, action, reason, fields, take_over=take_over, repeat=repeat)
    _answer(screen, settings, task, reply, reason_name)


@command
@answer_options("account")
def account_finalize(screen: Screen, settings: Settings, account: str, take_over: bool) -> None:
    """Finalize an account: it goes live, and that cannot be undone. A dry run without --live.

    $ reviewbot accounts finalize bnd_abc123  # what it would do; sends nothing
    $ reviewbot accounts finalize bnd_abc123 --live  # the account goes live, for good
    """
    _act(screen, settings, account, _reply(settings, Action.FINALIZE, take_over=take_over))


@command
@repeat_option
@field_option(", once per field")
@click.option("--comment", metavar="TEXT", help="What they read first.")
@answer_options("account")
def account_corrections(
    screen: Screen,
    settings: Settings,
    account: str,
    take_over: bool,
    comment: str | None,
    fields: tuple[str, ...],
    repeat: bool,
) -> None:
    """Ask for corrections of an account, field by field. A dry run without --live.

    $ reviewbot accounts corrections bnd_abc123 --comment "One thing to mend." --field username="Please drop the digits."
      # what it would send; sends nothing without --live
    """
    if not (comment or "").strip():
        raise UsageError('say what is wrong: --comment "…"')
    if not corrected_fields(fields):
        raise UsageError(
            f'name at least one field to correct: --field NAME="…", one of'
            f" {', '.join(CORRECTABLE_FIELDS)}"
        )
    action = Action.REQUEST_CORRECTIONS
    reply = _reply(settings, action, comment, fields, take_over=take_over, repeat=repeat)
    _act(screen, settings, account, reply)


def _reply(
    settings: Settings,
    action: Action,
    text: str | None = None,
    fields: tuple[str, ...] = (),
    *,
    take_over: bool,
    repeat: bool = False,
) -> PersonAnswer:
    return PersonAnswer(
        action=action,
        who=person_of(settings),
        text=text,
        fields=corrected_fields(fields),
        take_over=take_over,
        repeat=repeat,
    )


def corrected_fields(given: tuple[str, ...]) -> dict[str, str] | None:
    """Read each NAME=TEXT; None where there is none. Raises UsageError for a name that is no field."""
    fields = {}
    for argument in given:
        name, equals, text = argument.partition("=")
        if not equals or name not in CORRECTABLE_FIELDS:
            raise UsageError(
                f"{safe_line(argument, 60)!r} is no field and its text; write --field NAME=TEXT with"
                f" one of {', '.join(CORRECTABLE_FIELDS)}"
            )
        fields[name] = text
    return fields or None


def _answer(
    screen: Screen,
    settings: Settings,
    task: str,
    reply: PersonAnswer,
    reason_name: str | None = None,
) -> None:
    """Answer the question that the log holds of a task or an account."""
    sends = settings.mode is Mode.LIVE
    with closing(
        open_ledger(settings.ledger, key=settings.key, create=False, read_only=not sends)
    ) as ledger:
        chosen = _find(ledger, task)
        if reply.action.sends_back and reply.text is None:
            canned = _canned_reply(ledger, chosen, reason_name)
            fields = reply.fields or canned.fields
            reply = msgspec.structs.replace(reply, text=canned.text, fields=fields)
        with _bot_beside(screen, settings, ledger) as app:
            result = answer(app, chosen, reply)
    _print_answer(screen, chosen, result, live=sends)


def _act(screen: Screen, settings: Settings, account: str, reply: PersonAnswer) -> None:
    """Answer what the API shows of an account, whether or not the log has met it."""
    sends = settings.mode is Mode.LIVE
    with (
        closing(open_ledger(settings.ledger, key=settings.key, read_only=not sends)) as ledger,
        _bot_beside(screen, settings, ledger) as app,
    ):
        item, chosen = account_round(app.ledger, app.clock, app.make_bench("accounts"), account)
        if not waits(item):
            raise UsageError(_why_not(ledger, item))
        if item.epoch is None:
            raise UsageError(
                f"the round of {safe_line(item.id)} cannot be told from what the API says of its feedback, so"
                " nothing is sent for it"
            )
        if sends:
            ledger.sight([item], app.clock.now())
        result = answer(app, chosen, reply)
    _print_answer(screen, chosen, result, live=sends)


def _bot_beside(screen: Screen, settings: Settings, ledger: Ledger) -> closing[BotContext]:
    """A bot that judges nothing and sends one answer."""
    events = logs_for(screen, settings, least="warning")
    return closing(build(settings, judges=(), ledger=ledger, events=events))


def _find(ledger: Ledger, task: str) -> Round:
    """The open round; where there is none, how the last one ended."""
    try:
        return find_round(ledger, task)
    except UsageError:
        ended = how_it_ended(ledger, task, datetime.now(UTC) - LONG_AGO)
        if ended is None:
            raise
        raise UsageError(f"too late: {ended}") from None


def _why_not(ledger: Ledger, item: ReviewItem) -> str:
    """Say what an account is instead of in review, and who was first where our log knows."""
    stands = f"{safe_line(item.id)} is {safe_line(item.status or 'in a status nobody knows')}"
    first = answered_in(ledger, item.id, item.epoch)
    who = "" if first is None else f": {who_was_first(ledger, first)}"
    return f"{stands}, not in review{who}"


def _canned_reply(ledger: Ledger, chosen: Round, name: str | None) -> CannedReply:
    """The policy's text of that name; without one, the text that the rule that asked names."""
    texts = texts_for(ledger, chosen, Revisions(ledger))
    wanted = name or texts.asked_for
    for text in texts.written:
        if text.name == wanted:
            return text
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
    can = ", ".join(safe_line(text.name, 60) for text in texts.written)
    rest = f"; of the others {cannot}" if cannot else ""
    return f"Choose with --reason-name NAME: {can}{rest}. Or {own}"


# What became of it ------------------------------------------------------------------------------

_DONE = {
    Action.APPROVE: ("approved: {money} paid, for good", "would approve: {money} paid, for good"),
    Action.DISPUTE: ("sent back", "would send back"),
    Action.FINALIZE: ("finalized, for good", "would finalize, for good"),
    Action.REQUEST_CORRECTIONS: ("corrections asked for", "would ask for corrections"),
}
"""What a sent answer did, and what a rehearsed one would do."""


def _print_answer(screen: Screen, chosen: Round, result: AnswerResult, *, live: bool) -> None:
    """Say what became of an answer. Raises UsageError where it was not done."""
    if result.too_late:
        raise UsageError(f"too late: {result.sentence}")
    decision = result.decision
    assert decision is not None
    if not result.done and live:
        raise UsageError(result.sentence)
    screen.data("\n".join(_outcome(decision, chosen, live=live)))
    if not live:
        screen.say(styled("Dry run: nothing was sent.", "care") + " Send it with --live.")


def _outcome(decision: Decision, chosen: Round, *, live: bool) -> Iterator[str]:
    sent, rehearsed = _DONE[decision.action]
    did = (sent if live else rehearsed).format(money=dollars(decision.amount_micros))
    thing = f"{noun_of([decision.review])} {safe_line(decision.task_id)}"
    yield f"{styled(did, 'strong')}  {thing}  round {decision.round}"
    if decision.reason:
        yield f"  they read: {safe(decision.reason)}"
    for name, text in (decision.fields or {}).items():
        yield f"    {safe_line(name)}: {safe_line(text)}"
    asked = "" if chosen.latest is None else f", asked by {safe_line(decision.rule)!r}"
    who = safe_line(decision.decided_by or "")
    yield f"  {'logged' if live else 'it would be logged'} as {who}'s answer{asked}"
