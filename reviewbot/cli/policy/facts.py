"""`reviewbot policy facts`: the catalogue of what a rule may ask about."""

from __future__ import annotations

import json

import click
import msgspec

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.options import format_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.domain.errors import UsageError
from reviewbot.policy import fields
from reviewbot.policy.fields import Fact
from reviewbot.policy.names import listed, nearest
from reviewbot.policy.operators import described


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy facts", "every fact, one line each"),
        Example("reviewbot policy facts last", "all facts about the checker's last try"),
        Example("reviewbot policy facts task.platform", "one fact in full"),
        Example("reviewbot policy facts --review accounts", "the facts of account reviews"),
    ],
)
@click.argument("name", required=False)
@click.option(
    "--review",
    type=click.Choice(["comments", "accounts"]),
    default="comments",
    show_default=True,
    help="Which kind of review.",
)
@format_option("text", "json")
@click.pass_obj
def facts(screen: Screen, name: str | None, review: str, form: str) -> None:
    """Print what a rule may ask about: each fact with its type, its range and one sentence.

    NAME is a fact (last.verified) or the word before its point (last).
    """
    chosen = _choose(name, review)
    if form == "json":
        rows = [msgspec.to_builtins(fact) for fact in chosen]
        public = [{key: row[key] for key in row if key not in ("read", "source")} for row in rows]
        screen.data(json.dumps(public, indent=2, ensure_ascii=False))
    elif name and len(chosen) == 1:
        screen.data(_in_full(chosen[0]))
    else:
        screen.data(_table(chosen))


def _choose(name: str | None, review: str) -> list[Fact]:
    catalogue = fields.CATALOGUE[review]  # type: ignore[index]  # click allows no other word
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
    where = {
        "row": "listed with the task",
        "evidence": "fetched only when a rule needs it (one request a task)",
        "history": "from our own log",
        "account": "from our own log, over 30 days",
        "fleet": "counted over all tasks",
        "clock": "worked out from the API's times",
    }[fact.source]
    lines = [
        styled(fact.name, "strong"),
        f"  {fact.sentence}",
        f"  type       {described(fact)}",
        f"  may be     {'unknown' if fact.nullable else 'always known'}",
        f"  comes      {where}",
    ]
    if fact.example:
        lines.append(f"  write      {fact.name}: {fact.example}")
    return "\n".join(lines)
