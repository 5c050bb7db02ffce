"""`reviewbot shadow …`: a challenger policy beside the live one."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from reviewbot.cli.answering import as_option, ledger_for_a_word, person_of
from reviewbot.cli.command import Lazy, command, format_option, group, ledger_option
from reviewbot.cli.opening import ledger_at, with_settings
from reviewbot.cli.policy import load_usable
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.text import format_moment, iso, pretty, safe_line
from reviewbot.presentation.format import counted, dollars, table
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import zones_of
from reviewbot.review import shadow as shadows
from reviewbot.review.shadow import Comparison

COMMANDS = {
    "Commands": {
        "start": Lazy("shadow:start", "let a policy run beside the live one"),
        "stop": Lazy("shadow:stop", "end it; what it said stays in the log"),
        "show": Lazy("shadow:show", "what it would have done otherwise"),
    }
}


@group(COMMANDS)
def shadow() -> None:
    """Run a challenger policy beside the live one. It never acts.

    Whenever the live policy decides, the challenger is asked about the same task at the same moment,
    and its word is written into the log beside the decision.

    $ reviewbot shadow start new.yaml  # from the next poll on
    $ reviewbot shadow show  # compared with the live policy, rule by rule
    """


@command
@click.argument("file", type=click.Path())
@with_settings(as_option, ledger_option)
def start(screen: Screen, settings: Settings, file: str) -> None:
    """Let policy FILE run in the shadow. Its text goes into the log; start it anew after a change.

    $ reviewbot shadow start policies/new.yaml  # compare it with what runs
    """
    policy = load_usable(file)
    with ledger_for_a_word(settings) as log:
        shadows.start(log, policy, who=person_of(settings), now=datetime.now(UTC))
    screen.data(
        f"{policy.name} {policy.revision[:8]} runs in the shadow from the next poll on; it never acts."
    )


@command
@click.argument("policy", required=False)
@with_settings(as_option, ledger_option)
def stop(screen: Screen, settings: Settings, policy: str | None) -> None:
    """End the challenger named POLICY, or all of them.

    $ reviewbot shadow stop  # end all of them
    """
    with ledger_for_a_word(settings) as log:
        ended = shadows.stop(log, policy, who=person_of(settings), now=datetime.now(UTC))
    for challenger in ended:
        screen.data(
            f"{safe_line(challenger.name)} {challenger.revision[:8]} no longer runs in the shadow."
        )


@command
@with_settings(ledger_option)
@format_option("text", "json")
def show(screen: Screen, settings: Settings, form: str) -> None:
    """Show which policies run in the shadow, and where they would have done otherwise.

    Rules marked `shadow: yes` are compared as well.

    $ reviewbot shadow show --format json  # for a program
    """
    zone = zones_of(settings).first
    with ledger_at(settings) as log:
        running, found = shadows.challengers(log), shadows.comparisons(log)
    if form == "json":
        screen.data(_json(running, found))
        return
    for challenger in running:
        screen.data(
            f"{styled(safe_line(challenger.name), 'strong')} {challenger.revision[:8]} runs in the shadow since"
            f" {format_moment(challenger.since, zone)}, started by {safe_line(challenger.who)} ({safe_line(challenger.path)})"
        )
    if not running:
        screen.data("No policy runs in the shadow. Start one:  reviewbot shadow start FILE")
    for comparison in found:
        screen.data("\n" + _text(comparison, zone))


def _text(comparison: Comparison, zone: str) -> str:
    impact = comparison.impact
    agreed = sum(c.count for (live, says), c in impact.flips().items() if live == says)
    lines = [
        styled(f"{safe_line(comparison.who)} {comparison.revision[:8]}", "strong")
        + f" since {format_moment(comparison.since, zone)}: {counted(impact.total, 'round')},"
        f" {agreed:,} decided alike ({agreed / impact.total:.1%})"
    ]
    rows = [
        (live, says, safe_line(rule), safe_line(other), f"{cell.count:,}", dollars(cell.micros))
        for (live, says) in impact.flips()
        if live != says
        for rule, other, cell in impact.causes(live, says)
    ]
    if rows:
        lines.append(table(("live", "shadow", "live rule", "shadow rule", "rounds", "money"), rows))
    return "\n".join(lines)


def _json(running: tuple[shadows.Challenger, ...], found: tuple[Comparison, ...]) -> str:
    told = {
        "schema": "reviewbot.shadow/1",
        "running": running,
        "comparisons": [
            {
                "who": comparison.who,
                "revision": comparison.revision,
                "since": iso(comparison.since),
                "rounds": comparison.impact.total,
                "moves": [
                    {
                        "live": live[0],
                        "live_rule": live[1],
                        "shadow": says[0],
                        "shadow_rule": says[1],
                        "count": cell.count,
                        "money_usd": cell.micros / 1_000_000,
                        "samples": cell.samples,
                    }
                    for (live, says), cell in comparison.impact.moves.items()
                ],
            }
            for comparison in found
        ],
    }
    return pretty(told)
