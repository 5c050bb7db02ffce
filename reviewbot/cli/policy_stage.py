"""`reviewbot policy stage`: where rules with a ladder stand, and a person's word on one of them."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import msgspec

from reviewbot.cli.answering import as_option, ledger_for_a_word, person_of
from reviewbot.cli.command import command, format_option, ledger_option
from reviewbot.cli.opening import ledger_at, with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.policy.ladder import step_name
from reviewbot.policy.language.ladder import read_step
from reviewbot.policy.values import Misread
from reviewbot.presentation.format import table
from reviewbot.safety import ladder


@command
@click.argument("rule", required=False)
@click.option("--hold", "act", flag_value="hold", help="Keep it on its step.")
@click.option("--release", "act", flag_value="release", help="Let it move by itself again.")
@click.option("--to", metavar="STEP", help="Put it on a step (shadow, 25%, live); there it stays.")
@click.option("--of", "policy", metavar="POLICY", help="Where two policies have a rule so called.")
@click.option("--reason", default="", metavar="TEXT", help="Why; it goes into the log.")
@with_settings(as_option, ledger_option)
@format_option("text", "json")
def stage(
    screen: Screen,
    settings: Settings,
    rule: str | None,
    act: str | None,
    to: str | None,
    policy: str | None,
    reason: str,
    form: str,
) -> None:
    """Show where every rule with a `stage:` stands; hold one, let it move again, or put it on a step.

    $ reviewbot policy stage  # each ladder, since when and why
    $ reviewbot policy stage "read and found" --hold --reason "a quiet week"  # it moves no more
    $ reviewbot policy stage "read and found" --to live --reason "we know it"  # from the next pass on
    """
    now = datetime.now(UTC)
    if rule is None:
        with ledger_at(settings) as opened:
            found = ladder.all_standings(opened)
        _show(screen, found, form)
        return
    if (act is None) == (to is None):
        raise UsageError("say one of  --hold, --release  and  --to STEP")
    with ledger_for_a_word(settings) as opened:
        standing = ladder.standing_of(opened, rule, policy)
        who = person_of(settings)
        if to is not None:
            after = ladder.put(opened, standing, _step(to), who=who, reason=reason, now=now)
        else:
            held = act == "hold"
            after = ladder.hold(opened, standing, held=held, who=who, reason=reason, now=now)
    stays = "stays there until a person lets it move" if after.held else "moves by itself again"
    screen.say(f"{safe_line(rule)!r} stands on {step_name(after.step)} and {stays}.")


def _step(text: str) -> float:
    try:
        return read_step(text, 0)
    except Misread as misread:
        raise UsageError(misread.message) from misread


def _show(screen: Screen, found: list[ladder.RuleStanding], form: str) -> None:
    if form == "json":
        for standing in found:
            plain = msgspec.structs.asdict(standing) | {"step": step_name(standing.step)}
            plain |= {"begins": step_name(standing.begins)}
            screen.data(msgspec.json.encode(plain).decode())
        return
    if not found:
        screen.say("No rule has a ladder.")
        return
    rows = [
        (
            safe_line(standing.policy, 30),
            safe_line(standing.rule, 40),
            step_name(standing.step),
            format_moment(standing.since),
            "stays" if standing.held else "moves",
            safe_line(f"{standing.who}: {standing.why}" if standing.who else standing.why, 80),
        )
        for standing in found
    ]
    screen.data(table(("policy", "rule", "step", "since", "", "why"), rows))
