"""`reviewbot policy read`: a policy, or what changes between two, in plain sentences."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from reviewbot.cli.command import command, format_option
from reviewbot.cli.opening import Opening, opens_log
from reviewbot.cli.policy import load_usable
from reviewbot.cli.screen import Screen
from reviewbot.domain.decision import DEADLINE
from reviewbot.domain.errors import ReviewbotError, UsageError
from reviewbot.domain.text import pretty, safe
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.explain.summary import UNDECIDED, Passage, read_change, read_policy, title_of
from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.examples import examples
from reviewbot.presentation.html import as_html
from reviewbot.presentation.policy_page import as_text, passage_of_tests, policy_document

if TYPE_CHECKING:
    from reviewbot.insights.scorecard import RuleCounts
    from reviewbot.policy.model import Policy

SAME = "Both mean the same."


@command
@click.argument("file", type=click.Path())
@click.argument("new", type=click.Path(), required=False)
@opens_log
@format_option("text", "json", "html")
@click.option("--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write to a file.")
def read(
    screen: Screen, opening: Opening, file: str, new: str | None, form: str, output: str | None
) -> None:
    """Say the policy FILE in plain sentences; with NEW, only what changes from FILE to NEW.

    It is a text to sign: what each rule does, the texts as they will be sent, by a typical task, what
    becomes of the rest, and whether its tests hold. As HTML it is one page to print, with a place to
    sign. Where there is a decision log, each rule comes with how often it decided in the last 30 days,
    in whatever revision, and how often it was passed over because something was unknown.

    $ reviewbot policy read policies/starter.yaml  # the whole policy
    $ reviewbot policy read policies/starter.yaml --format html --output starter.html  # to be signed
    $ reviewbot policy read policies/starter.yaml new.yaml  # what would change
    """
    policy = load_usable(file)
    if new is not None:
        shown = _change(read_change(policy, load_usable(new)), form)
    else:
        shown = _whole(policy, _counts(policy, opening), form)
    if output is None:
        screen.data(shown)
    else:
        screen.write(output, shown)


def _change(changes: tuple[str, ...], form: str) -> str:
    if form == "html":
        raise UsageError("a change is said as text or JSON; one policy is a page")
    return pretty(changes) if form == "json" else "\n".join(map(safe, changes)) or SAME


def _whole(policy: Policy, counts: dict[str, tuple[int, int]], form: str) -> str:
    judge = compile_policy(policy)
    results = run_cases(judge)
    today = datetime.now(ZoneInfo(policy.timezone)).date()
    passages = (*read_policy(policy, examples(judge, results), today), passage_of_tests(results))
    match form:
        case "json":
            return pretty([_object(passage, counts) for passage in passages])
        case "html":
            return as_html(policy_document(policy, passages, counts, results))
    return as_text(passages, counts)


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
