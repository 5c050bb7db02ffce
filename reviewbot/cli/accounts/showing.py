"""`reviewbot accounts show`: one account, both profiles, its story, and what can be done with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import click
import msgspec

from reviewbot.bootstrap import build
from reviewbot.cli.accounts.finding import account_round
from reviewbot.cli.accounts.story import side_by_side, story
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import logs_for, settings_with
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import due
from reviewbot.cli.zones import zones_of
from reviewbot.domain.accounts import AccountReview, Profile
from reviewbot.domain.lifecycle import DONE
from reviewbot.domain.moments import format_moment, iso
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.safetext import safe_line
from reviewbot.policy.facts import Facts, build_facts
from reviewbot.ports import Ledger
from reviewbot.service.effects import waits
from reviewbot.service.look import with_window
from reviewbot.service.records import facts_to_json
from reviewbot.service.rounds import memories_of


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot accounts show bnd_abc123", "for a person"),
        Example(
            "reviewbot accounts show bnd_abc123 --format json",
            "a record that `policy decide` reads, with the round",
        ),
    ],
)
@click.argument("account")
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def show(screen: Screen, account: str, ledger: str | None, config: str | None, form: str) -> None:
    """Show an account: what was requested and delivered, and what was asked for since. Sends nothing.

    ACCOUNT is the bundle's id; of one that the log knows as waiting, the beginning will do.
    """
    settings = settings_with(config=config, ledger=ledger)
    events = logs_for(screen, settings, least="warning")
    with closing(build(settings, judges=(), events=events, read_only=True)) as app:
        bench = app.make_bench("accounts")
        found = account_round(app, bench, account)
        item = with_window(bench, found.item)
        delivered = bench.queue.evidence(item)
        assert isinstance(delivered, Profile)
        past = memories_of(app.ledger, "accounts", [item])[item.id].history
        facts = build_facts(item, now=app.clock.now(), evidence=delivered, past=past)
        ours = _asked_by(app.ledger, item.id)
    if form == "json":
        screen.data(msgspec.json.format(msgspec.json.encode(_object(item, facts))).decode())
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
    yield from (f"  {line}" for line in _profiles(facts).split("\n"))
    yield ""
    yield styled("what was asked for", "strong")
    yield from (f"  {line}" for line in story(bundle.feedback_history, ours, zone))
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


def _profiles(facts: Facts) -> str:
    return side_by_side(facts.bundle.profile, facts.delivered)


def _asked_by(ledger: Ledger, bundle_id: str) -> dict[str, str]:
    """Who acted through this tool, by the comment that was sent; by nothing, who finalized it."""
    return {
        " ".join((decision.reason or "").split()): safe_line(decision.decided_by, 80)
        if decision.decided_by
        else f"rule {safe_line(decision.rule, 80)!r}"
        for logged in ledger.decisions(task_id=bundle_id)
        if logged.state in DONE and (decision := logged.decision)
    }
