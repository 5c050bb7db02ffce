"""`reviewbot policy read` and `facts`: a policy in plain sentences, and what a rule may ask about."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import click

from reviewbot.cli.command import command, format_option
from reviewbot.cli.opening import Opening, opens_log
from reviewbot.cli.policy import load_usable
from reviewbot.cli.screen import Screen
from reviewbot.domain.decision import DEADLINE
from reviewbot.domain.errors import ReviewbotError, UsageError
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.text import safe
from reviewbot.policy import catalog
from reviewbot.policy.catalog import Fact, described
from reviewbot.policy.explain.summary import UNDECIDED, Passage, read_change, read_policy, title_of
from reviewbot.policy.text_forms import listed, nearest
from reviewbot.presentation.format import counted
from reviewbot.presentation.style import styled

if TYPE_CHECKING:
    from reviewbot.insights.scorecard import RuleCounts
    from reviewbot.policy.model import Policy

_PUBLISHED = (
    *("name", "type", "sentence", "low", "high", "longest", "sure", "values", "nullable"),
    *("with_attempt", "example", "doubtful"),
)
"""What `policy facts --format json` tells of a fact."""
_COMES_FROM = {
    "row": "listed with the task",
    "evidence": "fetched only when a rule needs it (one request a task)",
    "history": "from our own log",
    "account": "from our own log, over 30 days",
    "fleet": "counted over all tasks",
    "clock": "worked out from the API's times",
}


@command
@click.argument("name", required=False)
@click.option(
    "--review",
    type=click.Choice(["comments", "accounts"]),
    default="comments",
    show_default=True,
    help="Which kind of review.",
)
@format_option("text", "json")
def facts(screen: Screen, name: str | None, review: str, form: str) -> None:
    """Print what a rule may ask about: each fact with its type, its range and one sentence.

    NAME is a fact (last.verified) or the word before its point (last).

    $ reviewbot policy facts  # every fact, one line each
    $ reviewbot policy facts last  # all facts about the checker's last try
    $ reviewbot policy facts task.platform  # one fact in full
    $ reviewbot policy facts --review accounts  # the facts of account reviews
    """
    chosen = _choose(name, catalog.CATALOGUE[cast(ReviewKind, review)])
    if form == "json":
        screen.data(_json([{name: getattr(fact, name) for name in _PUBLISHED} for fact in chosen]))
    elif name and len(chosen) == 1:
        screen.data(_in_full(chosen[0]))
    else:
        screen.data(_table(chosen))


def _choose(name: str | None, catalogue: dict[str, Fact]) -> list[Fact]:
    chosen = [
        fact
        for fact in catalogue.values()
        if name is None or fact.name == name or fact.name.startswith(f"{name}.")
    ]
    if not chosen:
        families = sorted({known.split(".")[0] for known in catalogue})
        near = nearest(str(name), [*catalogue, *families], most=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {listed(families, 'and')}"
        raise UsageError(f"no fact is called {name!r}; {hint}")
    return chosen


def _table(chosen: list[Fact]) -> str:
    width = max(len(fact.name) for fact in chosen)
    lines = []
    family = ""
    for fact in chosen:
        if (head := fact.name.split(".")[0]) != family:
            lines += [""] if family else []
            family = head
        lines.append(f"{styled(fact.name.ljust(width), 'strong')}  {fact.sentence}")
        lines.append(f"{'':{width}}  {styled(described(fact), 'faint')}")
    return "\n".join(lines)


def _in_full(fact: Fact) -> str:
    lines = [
        styled(fact.name, "strong"),
        f"  {fact.sentence}",
        f"  type       {described(fact)}",
        f"  may be     {'unknown' if fact.nullable else 'always known'}",
        f"  comes      {_COMES_FROM[fact.source]}",
    ]
    if fact.example:
        lines.append(f"  write      {fact.name}: {fact.example}")
    return "\n".join(lines)


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
