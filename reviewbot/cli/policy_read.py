"""`reviewbot policy read`: a policy, or what changes between two, in plain sentences."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from reviewbot.cli.command import command, format_option
from reviewbot.cli.opening import Opening, opens_log
from reviewbot.cli.policy import load_usable
from reviewbot.cli.screen import Screen
from reviewbot.domain.decision import DEADLINE
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.text import safe
from reviewbot.policy.explain.summary import UNDECIDED, Passage, read_change, read_policy, title_of
from reviewbot.presentation.format import counted
from reviewbot.presentation.style import styled

if TYPE_CHECKING:
    from reviewbot.insights.scorecard import RuleCounts
    from reviewbot.policy.model import Policy


@command
@click.argument("file", type=click.Path())
@click.argument("new", type=click.Path(), required=False)
@opens_log
@format_option("text", "json")
def read(screen: Screen, opening: Opening, file: str, new: str | None, form: str) -> None:
    """Say the policy FILE in plain sentences; with NEW, only what changes from FILE to NEW.

    Where there is a decision log, each rule comes with how often it decided in the last 30 days, in
    whatever revision, and how often it was passed over because something was unknown.

    $ reviewbot policy read policies/starter.yaml  # the whole policy
    $ reviewbot policy read policies/starter.yaml new.yaml  # what would change
    """
    policy = load_usable(file)
    if new is not None:
        changes = read_change(policy, load_usable(new))
        sentences = "\n".join(map(safe, changes)) or "Both mean the same."
        screen.data(_json(changes) if form == "json" else sentences)
        return
    passages, counts = read_policy(policy), _counts(policy, opening)
    if form == "json":
        screen.data(_json([_object(passage, counts) for passage in passages]))
    else:
        screen.data("\n\n".join(_passage(passage, counts) for passage in passages))


def _counts(policy: Policy, opening: Opening) -> dict[str, tuple[int, int]]:
    """(decided, could not tell) by the title of the passage that says the rule, as the log knows.

    None where there is no log, or where nobody named one and it cannot be read.
    """
    from reviewbot.insights.scorecard import hits

    try:
        with opening.log() as ledger:
            found: RuleCounts = hits(ledger, policy.name, datetime.now(UTC))
    except ReviewbotError:
        if opening.ledger is not None or opening.config is not None:
            raise
        return {}
    if not found.decisions:
        return {}
    names = {title_of(rule): rule.name for rule in policy.rules} | {UNDECIDED: DEADLINE}
    return {
        title: (found.decided.get(name, 0), found.could_not_tell.get(name, 0))
        for title, name in names.items()
    }


def _object(passage: Passage, counts: dict[str, tuple[int, int]]) -> dict[str, Any]:
    plain: dict[str, Any] = {"title": passage.title, "sentences": passage.sentences}
    if passage.title in counts:
        decided, unclear = counts[passage.title]
        plain["last_30_days"] = {"decided": decided, "could_not_tell": unclear}
    return plain


def _passage(passage: Passage, counts: dict[str, tuple[int, int]]) -> str:
    title = styled(safe(passage.title), "strong")
    lines = [title, *(f"  {safe(sentence)}" for sentence in passage.sentences)]
    if passage.title in counts:
        decided, unclear = counts[passage.title]
        passed_over = f"; could not tell {counted(unclear, 'time')}" if unclear else ""
        lines.append(f"  In the last 30 days it decided {counted(decided, 'time')}{passed_over}.")
    return "\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
