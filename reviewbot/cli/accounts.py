"""`reviewbot accounts …`: the accounts under review, and what a person does with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, TypeVar

import click
import msgspec

from reviewbot.cli.command import Lazy, command, format_option, group, ledger_option
from reviewbot.cli.health import say_health
from reviewbot.cli.opening import logs_for, with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.core.pipeline import ReviewPipeline
from reviewbot.core.questions import Round, open_rounds
from reviewbot.domain.account import (
    ACCOUNT_STATUSES,
    ACCOUNT_WAITING_STATUS,
    AccountReview,
    Profile,
)
from reviewbot.domain.decision import DONE
from reviewbot.domain.errors import NotFound, UsageError
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.round_state import waits
from reviewbot.domain.text import format_moment, iso, pretty, safe_line
from reviewbot.policy.facts import Facts, build_facts
from reviewbot.policy.recorded_facts import facts_to_json
from reviewbot.ports.ledger import Ledger, OpenRound
from reviewbot.ports.queue import Clock
from reviewbot.presentation.format import counted, due, table
from reviewbot.presentation.stories import feedback_lines, side_by_side
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import zones_of
from reviewbot.review.fetch import look_at_all, memories_of, with_window
from reviewbot.runtime.bootstrap import build, reading
from reviewbot.tokportal.accounts import rounds
from reviewbot.tokportal.pagination import read_all
from reviewbot.tokportal.shapes import DeliveredAccount


@group(
    {
        "See": {
            "list": Lazy("accounts:list_", "what waits, or was delivered"),
            "show": Lazy("accounts:show", "one account and its story"),
        },
        "Act": {
            "finalize": Lazy("answering:account_finalize", "let it go live, for good"),
            "corrections": Lazy("answering:account_corrections", "ask for corrections"),
        },
    }
)
def accounts() -> None:
    """See accounts under review, and finalize them or ask for corrections by hand.

    An act is a dry run unless --live (or REVIEWBOT_MODE=live). It goes through the same log as the
    bot's decisions and carries your name: --as NAME, REVIEWBOT_PERSON, or your login. The API states
    no deadline for accounts: the time left is counted from when this tool first saw each in review.

    $ reviewbot accounts list  # accounts in review, with the time left (estimated)
    $ reviewbot accounts list --delivered  # the accounts that can post, with their ids
    $ reviewbot accounts show bnd_abc123  # requested, delivered, and all feedback
    $ reviewbot accounts finalize bnd_abc123  # what it would do; sends nothing
    """


def account_round(
    ledger: Ledger, clock: Clock, bench: ReviewPipeline, named: str
) -> tuple[ReviewItem, Round]:
    """Read the account whose bundle's id this is, or begins so in the log, and find its open round.

    One that the log has not met begins now. Raises UsageError where there is no such account, or
    more than one begins so.
    """
    known = [round_ for round_ in open_rounds(ledger) if round_.sighting.review == bench.review]
    ids = {round_.sighting.task_id for round_ in known if round_.sighting.task_id.startswith(named)}
    if named and len(ids) > 1 and named not in ids:
        raise UsageError(
            f"several accounts begin with {safe_line(named, 60)!r}; write more of the id"
        )
    bundle_id = ids.pop() if named and len(ids) == 1 else named
    try:
        item = bench.queue.look(bundle_id)
    except NotFound as error:
        raise UsageError(
            f"the API knows no account {safe_line(named, 60)!r}; see: reviewbot accounts list"
        ) from error
    rounds = {
        round_.sighting.epoch: round_ for round_ in known if round_.sighting.task_id == bundle_id
    }
    if (item.epoch or "") not in rounds:
        sighting = OpenRound(
            review=item.review,
            task_id=item.id,
            epoch=item.epoch or "",
            first_seen_at=clock.now(),
            deadline_at=None,
        )
        rounds[sighting.epoch] = Round(sighting=sighting)
    for epoch, round_ in rounds.items():
        bench.first_seen[(bundle_id, epoch)] = round_.sighting.first_seen_at
    return item, rounds[item.epoch or ""]


ESTIMATE = "The API states no deadline: 72 h are counted from when an account was first seen here."
T = TypeVar("T")
Columns = Mapping[str, Callable[[T], str]]
"""The heads of a table, each with what stands under it."""
_ALIKE = {"corrections_requested", "pending_corrections"}
"""Two names of one status, in two generations of the API."""


class AccountLine(msgspec.Struct, frozen=True, kw_only=True):
    """One account under review, as `accounts list --format json` writes it."""

    id: str
    account_status: str | None
    platform: str | None
    username: str | None
    round: int | None
    saved_account_id: str | None
    title: str | None
    external_ref: str | None
    created_at: datetime | None
    first_seen_at: datetime | None = None
    deadline_at: datetime | None = None
    deadline_is_estimate: bool = True


@command
@click.option("--delivered", is_flag=True, help="The delivered accounts: those that can post.")
@click.option(
    "--status",
    type=click.Choice([*ACCOUNT_STATUSES, "all"]),
    default=ACCOUNT_WAITING_STATUS,
    show_default=True,
    help="Accounts in this status.",
)
@with_settings(ledger_option)
@format_option("text", "json")
def list_(screen: Screen, settings: Settings, delivered: bool, status: str, form: str) -> None:
    """List accounts under review, or those that were delivered. Sends nothing.

    $ reviewbot accounts list  # in review, most urgent first
    $ reviewbot accounts list --status finalized  # in another status; or: all
    $ reviewbot accounts list --delivered  # the accounts that can post
    """
    say_health(screen, settings, form)
    if delivered and status != ACCOUNT_WAITING_STATUS:
        raise UsageError("--delivered lists other things than --status; take one of them")
    if delivered:
        _delivered(screen, settings, form)
    elif status == ACCOUNT_WAITING_STATUS:
        _waiting(screen, settings, form)
    else:
        _in_status(screen, settings, status, form)


def _waiting(screen: Screen, settings: Settings, form: str) -> None:
    events = logs_for(screen, settings, least="warning")
    with closing(build(settings, judges=(), events=events, read_only=True)) as app:
        items, agreed = look_at_all(
            app.ledger, app.clock, app.events, app.notifier, app.make_bench("accounts"), note=False
        )
        now = app.clock.now()
    zone = zones_of(settings).of(review="accounts")
    columns: Columns[ReviewItem] = {
        "ID": lambda item: item.id,
        "PLATFORM": lambda item: item.subject.platform or "unknown",
        "USERNAME": lambda item: _line_of(item.subject).username or "unknown",
        "ROUND": lambda item: item.epoch or "unknown",
        "FINALIZED BY ITSELF": lambda item: (
            f"about {due(item.deadline_at, now, zone)}" if item.deadline_at else "unknown"
        ),
    }
    end = f"in review. {ESTIMATE if items else ''}".rstrip()
    if _is_read(screen, form, items, columns, _line_of_item, end) and not agreed:
        screen.say("The list kept changing while it was read; some may be missing.")


def _in_status(screen: Screen, settings: Settings, status: str, form: str) -> None:
    wanted = _ALIKE if status in _ALIKE else set(ACCOUNT_STATUSES) if status == "all" else {status}
    found: dict[str, AccountReview] = {}
    with reading(settings) as api:
        for word in [None] if status == "all" else sorted(wanted):
            whole = read_all(
                lambda page, per_page, word=word: api.list_bundles(  # type: ignore[misc]  # bound now
                    account_status=word, page=page, per_page=per_page
                ),
                key=lambda bundle: bundle.id,
            )
            found |= {row.id: row for row in whole.rows}
    zone = zones_of(settings).of(review="accounts")
    bundles = [row for row in found.values() if status == "all" or row.account_status in wanted]
    columns: Columns[AccountReview] = {
        "ID": lambda bundle: bundle.id,
        "STATUS": lambda bundle: bundle.account_status or "unknown",
        "PLATFORM": lambda bundle: bundle.platform or "unknown",
        "TITLE": lambda bundle: bundle.title or "",
        "ORDERED": lambda bundle: format_moment(bundle.created_at, zone),
        "ACCOUNT": lambda bundle: bundle.saved_account_id or "none yet",
    }
    end = f"{'of any status' if status == 'all' else status}."
    _is_read(screen, form, bundles, columns, _line_of, end)


def _delivered(screen: Screen, settings: Settings, form: str) -> None:
    with reading(settings) as api:
        accounts = read_all(
            lambda page, per_page: api.list_accounts(page=page, per_page=per_page),
            key=lambda account: account.id,
        ).rows
    columns: Columns[DeliveredAccount] = {
        "SAVED_ACCOUNT_ID": lambda account: account.id,
        "PLATFORM": lambda account: account.platform or "unknown",
        "USERNAME": lambda account: account.profile.username or "unknown",
        "NAME": lambda account: account.profile.visible_name or "",
        "COUNTRY": lambda account: account.country or "",
        "ADDRESS": lambda account: account.profile_url or "",
    }
    _is_read(screen, form, accounts, columns, _plain, "that can post.")


def _is_read(
    screen: Screen,
    form: str,
    accounts: Sequence[T],
    columns: Columns[T],
    line: Callable[[T], object],
    end: str,
) -> bool:
    """Print accounts as JSON lines, or as a table; give whether a person reads it."""
    if form == "json":
        for account in accounts:
            screen.data(msgspec.json.encode(line(account)).decode())
        return False
    if accounts:
        cells = [[cell(account) for cell in columns.values()] for account in accounts]
        screen.data(table(list(columns), cells))
    screen.say(f"{counted(len(accounts), 'account')} {end}")
    return True


def _plain(account: DeliveredAccount) -> dict[str, object]:
    """The fields as the API names them, the profile's among the others."""
    known = msgspec.to_builtins(account)
    profile = known.pop("profile")
    profile.pop("unset")
    return {**known, **profile}


def _line_of_item(item: ReviewItem) -> AccountLine:
    line = _line_of(item.subject)
    return msgspec.structs.replace(
        line, first_seen_at=item.started_at, deadline_at=item.deadline_at
    )


def _line_of(bundle: object) -> AccountLine:
    assert isinstance(bundle, AccountReview)
    return AccountLine(
        id=bundle.id,
        account_status=bundle.account_status,
        platform=bundle.platform,
        username=None if bundle.profile is None else bundle.profile.username,
        round=rounds(bundle),
        saved_account_id=bundle.saved_account_id,
        title=bundle.title,
        external_ref=bundle.external_ref,
        created_at=bundle.created_at,
    )


@command
@click.argument("account")
@with_settings(ledger_option)
@format_option("text", "json")
def show(screen: Screen, settings: Settings, account: str, form: str) -> None:
    """Show an account: what was requested and delivered, and what was asked for since. Sends nothing.

    ACCOUNT is the bundle's id; of one that the log knows as waiting, the beginning will do.

    $ reviewbot accounts show bnd_abc123  # for a person
    $ reviewbot accounts show bnd_abc123 --format json
      # a record that `policy decide` reads, with the round
    """
    events = logs_for(screen, settings, least="warning")
    with closing(build(settings, judges=(), events=events, read_only=True)) as app:
        bench = app.make_bench("accounts")
        item = with_window(bench, account_round(app.ledger, app.clock, bench, account)[0])
        delivered = bench.queue.evidence(item)
        assert isinstance(delivered, Profile)
        past = memories_of(app.ledger, "accounts", [item])[item.id].history
        facts = build_facts(item, now=app.clock.now(), evidence=delivered, past=past)
        ours = _asked_by(app.ledger, item.id)
    if form == "json":
        screen.data(pretty(_object(item, facts)))
    else:
        zone = zones_of(settings).of(review="accounts")
        screen.data("\n".join(_lines(item, facts, ours, zone)))


def _object(item: ReviewItem, facts: Facts) -> dict[str, Any]:
    return {
        "schema": "reviewbot.account/1",
        **msgspec.json.decode(facts_to_json(facts)),
        "round": None if item.epoch is None else int(item.epoch),
        "waits": waits(item),
        "deadline_at": None if item.deadline_at is None else iso(item.deadline_at),
        "deadline_is_estimate": True,
        "differs": facts.differs,
        "cannot_compare": facts.uncompared,
    }


def _lines(item: ReviewItem, facts: Facts, ours: dict[str, str], zone: str) -> Iterator[str]:
    bundle = facts.bundle
    waiting = waits(item)
    yield styled(
        f"account {safe_line(bundle.id)}  {safe_line(bundle.account_status or 'status unknown')}"
        f"  round {item.epoch or 'unknown'}",
        "strong",
    )
    for name, value in _about(bundle, zone):
        yield f"  {name:<12} {safe_line(value, 80)}"
    if waiting and item.deadline_at is not None:
        yield f"  {'first seen':<12} {format_moment(item.started_at, zone)}"
        yield (
            f"  {styled('if you do nothing:', 'care')} finalized by itself about"
            f" {due(item.deadline_at, facts.now, zone)}, an estimate: the API states no deadline"
        )
    yield ""
    yield styled("profile", "strong")
    profiles = side_by_side(facts.bundle.profile, facts.delivered)
    yield from (f"  {line}" for line in profiles.split("\n"))
    yield ""
    yield styled("what was asked for", "strong")
    yield from (f"  {line}" for line in feedback_lines(bundle.feedback_history, ours, zone))
    if waiting:
        yield ""
        yield styled("your answer", "strong") + "  (without --live it is only rehearsed)"
        yield f"  reviewbot accounts finalize {safe_line(bundle.id)} --live"
        fields = [name for name in facts.differs or () if name != "link_in_bio"] or ["username"]
        named = " ".join(f'--field {name.removesuffix("_url")}="…"' for name in fields)
        yield f'  reviewbot accounts corrections {safe_line(bundle.id)} --comment "…" {named} --live'


def _about(bundle: AccountReview, zone: str) -> Iterator[tuple[str, str]]:
    known = {
        "platform": bundle.platform,
        "country": bundle.country,
        "title": bundle.title,
        "reference": bundle.external_ref,
        "ordered": format_moment(bundle.created_at, zone) if bundle.created_at else None,
        "account id": bundle.saved_account_id or "none yet",
        "finalized": format_moment(bundle.finalized_at, zone) if bundle.finalized_at else None,
    }
    return ((name, value) for name, value in known.items() if value)


def _asked_by(ledger: Ledger, bundle_id: str) -> dict[str, str]:
    """Who acted through this tool, by the comment that was sent; by nothing, who finalized it."""
    return {
        " ".join((decision.reason or "").split()): safe_line(decision.decided_by, 80)
        if decision.decided_by
        else f"rule {safe_line(decision.rule, 80)!r}"
        for logged in ledger.decisions(task_id=bundle_id)
        if logged.state in DONE and (decision := logged.decision)
    }
