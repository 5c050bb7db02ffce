"""`reviewbot log show`: decisions in a table, or one with its story and its grounds."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import click
import msgspec

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.log.forms import chosen, log_line, outcome_of, since_option, task_option
from reviewbot.cli.log.story import told_in_full
from reviewbot.cli.opening import ledger_at, settings_with
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.screen import Screen
from reviewbot.cli.words import table
from reviewbot.cli.zones import Zones, zones_of
from reviewbot.domain.errors import UsageError
from reviewbot.domain.moments import format_moment
from reviewbot.ports import Ledger, Logged
from reviewbot.service.guards.secondlook import marked

NEWEST = 100


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot log show", "the newest 100 decisions"),
        Example("reviewbot log show --task 0d8b5a3e", "all decisions on one task"),
        Example("reviewbot log show --since 24h", "the last day"),
        Example("reviewbot log show 5f1c2e", "one decision: its story, its grounds, and why"),
        Example("reviewbot log show --format json --all > decisions.jsonl", "everything"),
        Example("reviewbot log show --changes", "how policies took over, and what that moved"),
    ],
)
@click.argument("decision", required=False)
@click.option("--all", "everything", is_flag=True, help="All decisions, not the newest 100.")
@click.option("--changes", is_flag=True, help="Changes of policy in place of decisions.")
@task_option
@since_option
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def show(
    screen: Screen,
    decision: str | None,
    everything: bool,
    changes: bool,
    task: str | None,
    since: datetime | None,
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Show decisions by their place in the log, oldest first; or one in full, by its id.

    With --format json each line is one JSON object, trace and facts included. --changes shows each
    take-over of a changed policy with what it would have decided otherwise.
    """
    settings = settings_with(config=config, ledger=ledger)
    with ledger_at(settings.ledger) as opened:
        zones = zones_of(settings, opened)
        if changes:
            _show_changes(screen, opened, zones, since, form)
            return
        if decision is not None:
            found: Iterable[Logged] = [_the_one(opened, decision)]
        elif everything or task or since:
            found = chosen(opened, task=task, since=since)
        else:
            found = opened.decisions(newest=NEWEST)
        if form == "json":
            encode, looks = msgspec.json.Encoder().encode, marked(opened)
            for one in found:
                screen.data(encode(log_line(one, looks.get(one.decision.id))).decode())
        elif decision is not None:
            (one,) = found
            screen.data("\n".join(told_in_full(opened, one, zone_of(zones, one))))
        else:
            _print_table(screen, list(found), marked(opened), zones)


def _show_changes(
    screen: Screen, ledger: Ledger, zones: Zones, since: datetime | None, form: str
) -> None:
    from reviewbot.cli.log.changes import change_json, change_text, changes

    found = [one for one in changes(ledger) if since is None or one[1].since >= since]
    for policy, weighed in found:
        if form == "json":
            screen.data(msgspec.json.encode(change_json(policy, weighed)).decode())
        else:
            screen.data(
                change_text(policy, weighed, zones.of(revision=weighed.revision, policy=policy))
            )
    if not found:
        screen.say("No policy has been changed yet.")


def zone_of(zones: Zones, logged: Logged) -> str:
    """The zone of the policy that decided."""
    decision = logged.decision
    return zones.of(revision=decision.revision, policy=decision.policy, review=decision.review)


def _the_one(ledger: Ledger, beginning: str) -> Logged:
    found = ledger.decision(beginning)
    if found is None:
        raise UsageError(
            f"no decision's id begins with {beginning!r}, or several do;"
            f" --task {beginning} looks for a task"
        )
    return found


def _print_table(screen: Screen, found: list[Logged], looks: Collection[str], zones: Zones) -> None:
    if not found:
        screen.say("Nothing has been decided yet.")
        return
    heads = ("seq", "id", "decided", "task", "round", "action", "rule", "outcome", "mode")
    rows = [
        (
            str(one.seq),
            one.decision.id[:8],
            format_moment(one.decision.decided_at, zone_of(zones, one)),
            one.decision.task_id[:8],
            str(one.decision.round),
            one.decision.action.value,
            one.decision.rule,
            outcome_of(one) + ", second look" * (one.decision.id in looks),
            one.decision.mode.value,
        )
        for one in found
    ]
    screen.data(table(heads, rows))
