"""`reviewbot policy guide` and `facts`: the manual, and what a rule may ask about, by words."""

from __future__ import annotations

from typing import cast

import click

from reviewbot.cli.command import command, format_option
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import UsageError
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.text import pretty
from reviewbot.policy import catalog
from reviewbot.policy.catalog import Fact
from reviewbot.policy.text_forms import listed, nearest
from reviewbot.presentation import manual
from reviewbot.presentation.on_screen import answer, contents, fact_in_full, facts_table

_PUBLISHED = (
    *("name", "type", "sentence", "low", "high", "longest", "sure", "values", "nullable"),
    *("with_attempt", "example", "doubtful"),
)
"""What `policy facts --format json` tells of a fact."""


@command
@click.argument("words", nargs=-1)
@format_option("text", "json", "markdown")
def guide(screen: Screen, words: tuple[str, ...], form: str) -> None:
    """Read the manual: its contents, or with WORDS what answers them best.

    WORDS are a question, a heading, or the name of a key, a test, a fact or a finding.

    $ reviewbot policy guide  # the table of contents
    $ reviewbot policy guide how do I not pay at weekends  # a question
    $ reviewbot policy guide decide by  # a key, with an example
    $ reviewbot policy guide P203  # what the checker said
    $ reviewbot policy guide --format markdown  # the whole of it
    """
    found = manual.find(" ".join(words)) if words else list(manual.chapters())
    if not found:
        near = manual.nearest_titles(" ".join(words))
        hint = f"did you mean {listed(near)}?" if near else "its contents:  reviewbot policy guide"
        raise UsageError(f"the guide has nothing about {' '.join(words)!r}; {hint}")
    if form == "json":
        names = ("kind", "title", "within", "text")
        screen.data(pretty([{name: getattr(entry, name) for name in names} for entry in found]))
    elif form == "markdown":
        parts = (f"## {entry.title}\n\n{entry.text}\n" for entry in found)
        screen.data(("\n".join(parts) if words else manual.guide_text()).rstrip("\n"))
    else:
        screen.data(answer(found) if words else contents(found))


@command
@click.argument("words", nargs=-1)
@click.option(
    "--review",
    type=click.Choice(["comments", "accounts"]),
    default="comments",
    show_default=True,
    help="Which kind of review.",
)
@format_option("text", "json")
def facts(screen: Screen, words: tuple[str, ...], review: str, form: str) -> None:
    """Print what a rule may ask about: each fact with its type, its range and one sentence.

    WORDS are a fact (last.verified), the word before its point (last), or a question; what answers
    it best comes first.

    $ reviewbot policy facts  # every fact, one line each
    $ reviewbot policy facts last  # all facts about the checker's last try
    $ reviewbot policy facts task.platform  # one fact in full
    $ reviewbot policy facts how many comments were read  # a question
    $ reviewbot policy facts --review accounts  # the facts of account reviews
    """
    kind = cast(ReviewKind, review)
    named = _named(" ".join(words), catalog.CATALOGUE[kind])
    chosen = named or _asked(" ".join(words), kind)
    if form == "json":
        screen.data(pretty([{name: getattr(fact, name) for name in _PUBLISHED} for fact in chosen]))
    elif words and len(chosen) == 1:
        screen.data(fact_in_full(chosen[0]))
    elif named:
        screen.data(facts_table(chosen))
    else:
        best, *others = chosen
        screen.data(f"{fact_in_full(best)}\n\n{facts_table(others, grouped=False)}")


def _named(name: str, catalogue: dict[str, Fact]) -> list[Fact]:
    return [
        fact
        for fact in catalogue.values()
        if not name or fact.name == name or fact.name.startswith(f"{name}.")
    ]


def _asked(question: str, review: ReviewKind) -> list[Fact]:
    """The facts that answer a question, best first. Raises UsageError where none does."""
    found = manual.find_facts(question, review)
    if not found:
        catalogue = catalog.CATALOGUE[review]
        families = sorted({fact.split(".")[0] for fact in catalogue})
        near = nearest(question, [*catalogue, *families], most=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {listed(families, 'and')}"
        raise UsageError(f"no fact is called or answers {question!r}; {hint}")
    return found
