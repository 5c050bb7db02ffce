"""`reviewbot policy read`: a policy, or the change between two, in plain sentences."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import ledger_for_reading
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.policy.files import load_usable
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import counted
from reviewbot.domain.decision import DEADLINE
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.safetext import safe
from reviewbot.policy.read_aloud import UNDECIDED, Passage, read_change, read_policy, title_of

if TYPE_CHECKING:
    from reviewbot.policy.model import Policy
    from reviewbot.service.outlook.hits import Hits


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy read policies/starter.yaml", "the whole policy"),
        Example("reviewbot policy read policies/starter.yaml new.yaml", "what would change"),
    ],
)
@click.argument("file", type=click.Path())
@click.argument("new", type=click.Path(), required=False)
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def read(
    screen: Screen, file: str, new: str | None, ledger: str | None, config: str | None, form: str
) -> None:
    """Say the policy FILE in plain sentences; with NEW, only what changes from FILE to NEW.

    Where there is a decision log, each rule comes with how often it decided in the last 30 days, in
    whatever revision, and how often it was passed over because something was unknown.
    """
    policy = load_usable(file)
    if new is not None:
        changes = read_change(policy, load_usable(new))
        said = "\n".join(map(safe, changes)) or "Both mean the same."
        screen.data(_json(changes) if form == "json" else said)
        return
    passages, found = read_policy(policy), _hits(policy, ledger, config)
    numbers = {} if found is None else _numbers(policy, found)
    if form == "json":
        screen.data(_json([_object(one, numbers) for one in passages]))
    else:
        screen.data("\n\n".join(_passage(one, numbers) for one in passages))


def _hits(policy: Policy, ledger: str | None, config: str | None) -> Hits | None:
    """What the log knows; None where there is none, or where nobody named one and it cannot be read."""
    from reviewbot.service.outlook.hits import hits

    try:
        with ledger_for_reading(ledger=ledger, config=config) as opened:
            found = hits(opened, policy.name, datetime.now(UTC))
    except ReviewbotError:
        if ledger is not None or config is not None:
            raise
        return None
    return found if found.decisions else None


def _numbers(policy: Policy, found: Hits) -> dict[str, tuple[int, int]]:
    """(decided, could not tell) by the title of the passage that says the rule."""
    names = {title_of(rule): rule.name for rule in policy.rules} | {UNDECIDED: DEADLINE}
    return {
        title: (found.decided.get(name, 0), found.could_not_tell.get(name, 0))
        for title, name in names.items()
    }


def _object(passage: Passage, numbers: dict[str, tuple[int, int]]) -> dict[str, Any]:
    plain: dict[str, Any] = {"title": passage.title, "sentences": passage.sentences}
    if passage.title in numbers:
        decided, unclear = numbers[passage.title]
        plain["last_30_days"] = {"decided": decided, "could_not_tell": unclear}
    return plain


def _passage(passage: Passage, numbers: dict[str, tuple[int, int]]) -> str:
    title = styled(safe(passage.title), "strong")
    lines = [title, *(f"  {safe(sentence)}" for sentence in passage.sentences)]
    if passage.title in numbers:
        decided, unclear = numbers[passage.title]
        passed_over = f"; could not tell {counted(unclear, 'time')}" if unclear else ""
        lines.append(f"  In the last 30 days it decided {counted(decided, 'time')}{passed_over}.")
    return "\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
