"""The manual: the guide by its headings, and every key, test, fact and code of the language by name.

The guide is `docs/policy-guide.md`, shipped within the package. What the tables of the program say
of a key, a test or a fact becomes an entry beside it, so that one search answers both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from textwrap import dedent
from typing import Literal

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.domain.review import ReviewKind
from reviewbot.policy import starters
from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact, described
from reviewbot.policy.diagnostics import CODES
from reviewbot.policy.language import grammar
from reviewbot.policy.language.grammar import GrammarSection, Key, keys_of
from reviewbot.policy.language.templates import FORMATS
from reviewbot.policy.operators import OPERATORS
from reviewbot.policy.text_forms import listed, nearest
from reviewbot.presentation.search import EXACT, Searchable, SearchIndex

Kind = Literal["chapter", "key", "test", "fact", "format", "code"]
FENCE = "```"
_ASKED = re.compile(r"^<!-- asked: (.*) -->$")
_MOST_LINES = 12
"""Lines of an example of a key."""
_WEIGHTS = {"chapter": 1.0, "key": 0.9, "test": 0.8, "fact": 0.8, "format": 0.6, "code": 0.45}
"""How much an entry counts beside a chapter of the guide, where nobody named it whole."""
_FAMILIES = {
    "task": "the ordered comment task",
    "last": "the checker's last check",
    "checks": "all checks of the checker in this round",
    "account": "the account's past",
    "fleet": "all tasks together",
}
ACTIONS = {
    Action.APPROVE: "the manager is paid, at once and for good; it cannot be undone",
    Action.DISPUTE: "the task goes back to the manager, who reads the reason; it may come back",
    Action.ESCALATE: "a person decides; until then nothing is sent, and `if undecided` comes in time",
    Action.WAIT: "it is looked at again at a moment, and the rule no longer matches then",
    Action.LEAVE: "nothing is done, on purpose: the manager is paid when the 72 hours are over",
    Action.FINALIZE: "the account goes live, at once and for good",
    Action.REQUEST_CORRECTIONS: "the manager is asked to correct fields of the account",
}
"""What each action does."""


def _also(name: str) -> dict[str, str]:
    rows = files("reviewbot.presentation").joinpath(name).read_text("utf-8").splitlines()
    return dict(row.split(": ", 1) for row in rows)


ALSO = _also("asked_facts.txt")
"""Words by which people ask for a fact besides those of its sentence."""
_TESTS_ALSO = _also("asked_tests.txt")
_CLOSE = 0.4
"""The share of the best score from which on an entry is worth a look."""


class ManualEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to read: a chapter of the guide, or what a name of the language means."""

    kind: Kind
    title: str
    text: str
    """In Markdown, without its heading."""
    within: str = ""
    """The chapter above a chapter of the third level."""
    asked: str = ""
    """Other words by which people ask for it."""
    names: tuple[str, ...] = ()

    @property
    def searchable(self) -> Searchable:
        """What the search looks at."""
        lines = (line for line in self.text.splitlines() if not line.startswith(FENCE))
        return Searchable(self.title, "\n".join(lines), self.asked, self.names)


@cache
def guide_text() -> str:
    """The guide as Markdown."""
    shipped = files("reviewbot.presentation").joinpath("guide.md")
    if shipped.is_file():
        return shipped.read_text("utf-8")
    # A checkout is not installed: there the page itself lies beside the package.
    return (Path(__file__).parents[2] / "docs" / "policy-guide.md").read_text("utf-8")


@cache
def chapters() -> tuple[ManualEntry, ...]:
    """The guide by its headings of the second and third level, in order."""
    found: list[ManualEntry] = []
    for level, title, lines in _headed(guide_text()):
        asked = [match[1] for line in lines if (match := _ASKED.match(line))]
        body = "\n".join(line for line in lines if not _ASKED.match(line)).strip()
        above = next((entry.title for entry in reversed(found) if not entry.within), "")
        if level > 1:
            found.append(
                ManualEntry(
                    kind="chapter",
                    title=title,
                    text=body,
                    within=above if level > 2 else "",
                    asked=" ".join(asked),
                )
            )
    return tuple(found)


def _headed(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """The level, title and lines of every heading that stands outside an example."""
    head, lines, fenced = (0, ""), [], False
    for line in text.splitlines():
        fenced ^= line.startswith(FENCE)
        marks, _, title = line.partition(" ")
        if fenced or not marks or marks.strip("#") or len(marks) > 3:
            lines.append(line)
            continue
        if head[0]:
            yield *head, lines
        head, lines = (len(marks), title.strip()), []
    yield *head, lines


def find(question: str, most: int = 8) -> list[ManualEntry]:
    """The entries that answer a question best, best first; a name given whole comes first."""
    found = [
        (score if score >= EXACT else score * _WEIGHTS[entry.kind], entry)
        for score, entry in _index().search(question)
    ]
    found.sort(key=lambda pair: -pair[0])
    best = max((score for score, _ in found if score < EXACT), default=0.0)
    return [entry for score, entry in found if score >= best * _CLOSE][:most]


@cache
def _index() -> SearchIndex[ManualEntry]:
    return SearchIndex(entries(), lambda entry: entry.searchable)


def find_facts(question: str, review: ReviewKind, most: int = 8) -> list[Fact]:
    """The facts of a kind of review that answer a question best, best first."""
    index = SearchIndex(CATALOGUE[review].values(), _fact_searched)
    found = index.search(question)
    best = max((score for score, _ in found if score < EXACT), default=0.0)
    return [fact for score, fact in found if score >= best * _CLOSE][:most]


def _fact_searched(fact: Fact) -> Searchable:
    """A fact as the search reads it: its sentence and its values count like a heading."""
    family = fact.name.partition(".")[0]
    own = fact.name.removeprefix("last.")
    asked = f"{fact.sentence} {ALSO.get(own, '')} {' '.join(fact.values)}"
    return Searchable(fact.name, f"{_FAMILIES.get(family, '')} {fact.type} {fact.example}", asked)


def nearest_titles(words: str) -> tuple[str, ...]:
    """The headings and names most like some words, for whoever finds nothing."""
    every = [name for entry in entries() for name in (entry.title, *entry.names)]
    return nearest(words, every)


@cache
def entries() -> tuple[ManualEntry, ...]:
    """The whole manual: the guide's chapters, then what the tables say."""
    return (*chapters(), *_actions(), *_keys(), *_tests(), *_facts(), *_formats(), *_codes())


def _actions() -> Iterator[ManualEntry]:
    for action, meaning in ACTIONS.items():
        keys = [f"`{key}`" for key in keys_of(action)]
        takes = f" It takes {listed(keys, 'and')}." if keys else ""
        example = _rule_that(action) or f"then: {action}"
        yield ManualEntry(
            kind="key",
            title=str(action),
            text=f"An action: {meaning}.{takes}\n\n{FENCE}yaml\n{example}\n{FENCE}",
            asked="what does it mean",
        )


def _keys() -> Iterator[ManualEntry]:
    """An entry for each name of a key, with every place where it stands."""
    places: dict[str, list[tuple[GrammarSection, Key]]] = {}
    for section in vars(grammar).values():
        if isinstance(section, GrammarSection):
            for key in section.keys.values():
                places.setdefault(key.name, []).append((section, key))
    for name, rows in places.items():
        said: dict[Key, list[str]] = {}
        for section, key in rows:
            said.setdefault(key, []).append(section.what.rstrip(":"))
        parts = [_key(key, listed(where, "and")) for key, where in said.items()]
        example = _example(name) or _examples_of(rows[0][1])
        parts.append(f"{FENCE}yaml\n{example}\n{FENCE}")
        yield ManualEntry(kind="key", title=f"{name}:", text="\n\n".join(parts), names=(name,))


def _key(key: Key, where: str) -> str:
    actions = f", with {listed(f'`{action}`' for action in key.actions)}" if key.actions else ""
    must = ", required" if key.required else ""
    kind = key.kind.words.replace(": see below", "") + (", or a list" if key.many else "")
    examples = key.examples or key.kind.examples
    such = f", for example {listed(f'`{example}`' for example in examples)}" if examples else ""
    return f"**In {where}{actions}{must}.** {key.sentence} What stands there: {kind}{such}."


def _examples_of(key: Key) -> str:
    examples = key.examples or key.kind.examples
    return f"{key.name}: {examples[0] if examples else '…'}"


@cache
def _sources() -> tuple[str, ...]:
    """Every policy that is known to be sound, whole or in part: the guide's and the templates."""
    fenced = re.findall(
        rf"^{FENCE}yaml (?:policy|part|rule)\n(.*?)^{FENCE}", guide_text(), re.M | re.S
    )
    templates = [starters.read(name) for name in starters.names()]
    return (*fenced, *(text for starter in templates for text in (starter.policy, starter.tests)))


def _rule_that(action: Action) -> str | None:
    """The shortest rule that takes an action."""
    rules = (
        dedent(match[0]).rstrip()
        for source in _sources()
        for match in re.finditer(r"^( *)- name: .*\n(?:\1  .*\n)+", source, re.M)
    )
    return min((rule for rule in rules if f"\n  then: {action}" in rule), key=len, default=None)


def _example(name: str) -> str | None:
    """How the key is really written, with what belongs to it; the first one that is short enough."""
    begins = re.compile(rf"^(\s*)(- )?{re.escape(name)}:")
    shortest: str | None = None
    for source in _sources():
        lines = source.splitlines()
        for at, line in enumerate(lines):
            if (match := begins.match(line)) is None:
                continue
            depth = len(match[1]) + len(match[2] or "")
            end = at + 1
            while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > depth):
                end += 1
            block = [" " * depth + line.lstrip().removeprefix("- "), *lines[at + 1 : end]]
            example = dedent("\n".join(block)).rstrip()
            if example.count("\n") < _MOST_LINES:
                return example
            shortest = shortest or example
    if shortest is None:
        return None
    return "\n".join([*shortest.splitlines()[:_MOST_LINES], "  …"])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _tests() -> Iterator[ManualEntry]:
    for operator in OPERATORS:
        types = [str(kind) for kind in sorted(operator.takes)]
        takes = "any fact" if len(types) > 8 else listed(types)
        negated = " `not` may stand before it." if operator.negatable else ""
        text = f"A test: {operator.meaning}. It is asked of {takes}.{negated}\n\n{FENCE}yaml\n{operator.example}\n{FENCE}"
        asked = _TESTS_ALSO.get(operator.words, "")
        yield ManualEntry(kind="test", title=operator.words, text=text, asked=asked)


def _facts() -> Iterator[ManualEntry]:
    every: dict[str, Fact] = {}
    for facts in (*CATALOGUE.values(), ATTEMPT_FACTS):
        every.update(facts)
    for name, fact in every.items():
        values = f" Its values are {listed(fact.values)}." if fact.values else ""
        unknown = " It may be unknown." if fact.nullable else ""
        text = (
            f"A fact: {fact.sentence}. It is {described(fact)}.{unknown}{values}\n\n"
            f"{FENCE}yaml\n{name}: {fact.example}\n{FENCE}"
        )
        yield ManualEntry(kind="fact", title=name, text=text, asked=_fact_searched(fact).asked)


def _formats() -> Iterator[ManualEntry]:
    for form, types in FORMATS.items():
        more = " 60" if form == "first" else ""
        text = f"How a text writes {listed(map(str, types))}.\n\n{FENCE}yaml\n{{FACT, {form}{more}}}\n{FENCE}"
        yield ManualEntry(kind="format", title=f"{{…, {form}}}", text=text, names=(form,))


def _codes() -> Iterator[ManualEntry]:
    for code, meaning in CODES.items():
        yield ManualEntry(
            kind="code", title=code, text=f"What the checker says with {code}: {meaning}."
        )
