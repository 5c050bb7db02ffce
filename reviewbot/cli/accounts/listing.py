"""`reviewbot accounts list`: accounts in review, in another status, or delivered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

import click
import msgspec

from reviewbot.api.accounts import rounds
from reviewbot.api.answers import DeliveredAccount
from reviewbot.api.pages import read_all
from reviewbot.bootstrap import build, reading
from reviewbot.cli.health import say_health
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import logs_for, settings_with
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.screen import Screen
from reviewbot.cli.words import counted, due, table
from reviewbot.cli.zones import zones_of
from reviewbot.domain.accounts import ACCOUNT_STATUSES, ACCOUNT_WAITING_STATUS, AccountReview
from reviewbot.domain.errors import UsageError
from reviewbot.domain.moments import format_moment
from reviewbot.domain.review import ReviewItem
from reviewbot.service.intake import look_at_all
from reviewbot.settings import Settings

ESTIMATE = "The API states no deadline: 72 h are counted from when an account was first seen here."
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


@click.command(
    "list",
    cls=Command,
    examples=[
        Example("reviewbot accounts list", "in review, most urgent first"),
        Example("reviewbot accounts list --status finalized", "in another status; or: all"),
        Example("reviewbot accounts list --delivered", "the accounts that can post"),
    ],
)
@click.option("--delivered", is_flag=True, help="The delivered accounts: those that can post.")
@click.option(
    "--status",
    type=click.Choice([*ACCOUNT_STATUSES, "all"]),
    default=ACCOUNT_WAITING_STATUS,
    show_default=True,
    help="Accounts in this status.",
)
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def list_(
    screen: Screen,
    delivered: bool,
    status: str,
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """List accounts under review, or those that were delivered. Sends nothing."""
    settings = settings_with(config=config, ledger=ledger)
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
        items, agreed = look_at_all(app, app.make_bench("accounts"), note=False)
        now = app.clock.now()
    zone = zones_of(settings).of(review="accounts")
    if form == "json":
        _as_json(screen, map(_line_of_item, items))
        return
    rows = [
        [
            item.id,
            item.subject.platform or "unknown",
            _username(item.subject),
            item.epoch or "unknown",
            f"about {due(item.deadline_at, now, zone)}" if item.deadline_at else "unknown",
        ]
        for item in items
    ]
    if rows:
        screen.data(table(["ID", "PLATFORM", "USERNAME", "ROUND", "FINALIZED BY ITSELF"], rows))
    screen.say(f"{counted(len(rows), 'account')} in review. {ESTIMATE if rows else ''}".rstrip())
    if not agreed:
        screen.say("The list kept changing while it was read; some may be missing.")


def _in_status(screen: Screen, settings: Settings, status: str, form: str) -> None:
    wanted = _ALIKE if status in _ALIKE else set(ACCOUNT_STATUSES) if status == "all" else {status}
    found: dict[str, AccountReview] = {}
    with reading(settings) as api:
        for asked in [None] if status == "all" else sorted(wanted):
            whole = read_all(
                lambda page, per_page, asked=asked: api.list_bundles(  # type: ignore[misc]  # bound now
                    account_status=asked, page=page, per_page=per_page
                ),
                key=lambda bundle: bundle.id,
            )
            found |= {row.id: row for row in whole.rows}
    zone = zones_of(settings).of(review="accounts")
    rows = [row for row in found.values() if status == "all" or row.account_status in wanted]
    if form == "json":
        _as_json(screen, map(_line_of, rows))
        return
    if rows:
        cells = [
            [
                row.id,
                row.account_status or "unknown",
                row.platform or "unknown",
                row.title or "",
                format_moment(row.created_at, zone),
                row.saved_account_id or "none yet",
            ]
            for row in rows
        ]
        heads = ["ID", "STATUS", "PLATFORM", "TITLE", "ORDERED", "ACCOUNT"]
        screen.data(table(heads, cells))
    what = "of any status" if status == "all" else status
    screen.say(f"{counted(len(rows), 'account')} {what}.")


def _delivered(screen: Screen, settings: Settings, form: str) -> None:
    with reading(settings) as api:
        rows = read_all(
            lambda page, per_page: api.list_accounts(page=page, per_page=per_page),
            key=lambda one: one.id,
        ).rows
    if form == "json":
        for row in rows:
            screen.data(msgspec.json.encode(_plain(row)).decode())
        return
    if rows:
        cells = [
            [
                row.id,
                row.platform or "unknown",
                row.profile.username or "unknown",
                row.profile.visible_name or "",
                row.country or "",
                row.profile_url or "",
            ]
            for row in rows
        ]
        heads = ["SAVED_ACCOUNT_ID", "PLATFORM", "USERNAME", "NAME", "COUNTRY", "ADDRESS"]
        screen.data(table(heads, cells))
    screen.say(f"{counted(len(rows), 'account')} that can post.")


def _plain(account: DeliveredAccount) -> dict[str, object]:
    """The fields as the API names them, the profile's among the others."""
    known = msgspec.to_builtins(account)
    profile = known.pop("profile")
    profile.pop("unset")
    return {**known, **profile}


def _as_json(screen: Screen, lines: Iterator[AccountLine]) -> None:
    for line in lines:
        screen.data(msgspec.json.encode(line).decode())


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


def _username(bundle: object) -> str:
    assert isinstance(bundle, AccountReview)
    return (bundle.profile and bundle.profile.username) or "unknown"
