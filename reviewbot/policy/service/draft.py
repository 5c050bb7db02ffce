"""A text that is being typed, as the service sees it: its outline, the names in it, what fits where."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import PurePath

import msgspec

from reviewbot.domain.decision import DEADLINE, NO_RULE
from reviewbot.domain.review import ReviewKind
from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact
from reviewbot.policy.diagnostics import Span
from reviewbot.policy.language import grammar
from reviewbot.policy.language.grammar import DECLARED, GrammarSection, Key, Kind, inside
from reviewbot.policy.service.outline import OutlineEntry, outline

_ANYBODY = (NO_RULE, DEADLINE)
"""Who may decide a test beside the rules."""

_TELLING = {"policy", "language", "rules"}
"""Keys that other YAML hardly has at its top."""


class Slot(msgspec.Struct, frozen=True):
    """What the grammar takes below an entry: keys of `sections`, facts, names, or a value of `kind`."""

    sections: tuple[GrammarSection, ...] = ()
    kind: Kind | None = None
    key: Key | None = None
    facts: Mapping[str, Fact] = {}
    fact: Fact | None = None
    """The fact whose test, or with `given` whose value, stands here."""
    given: bool = False
    named: bool = False
    """Whether the keys here are names of the author's own."""


class Draft:
    """One text and where it lies. `beside` is the policy of a file of tests."""

    def __init__(self, text: str, path: str = "", beside: Draft | None = None) -> None:
        self.text = normalized(text)
        self.path = path
        self.beside = beside

    @property
    def is_tests(self) -> bool:
        """Whether it is the file of tests beside a policy."""
        return is_tests(self.path)

    @property
    def is_policy(self) -> bool:
        """Whether it looks like a policy or its tests; of any other YAML nothing is to be said."""
        if self.beside is not None:
            return self.beside.is_policy and bool(self.beside.text)
        keys = {entry.key for entry in self.root.children}
        return not keys or bool(keys & _TELLING)

    @cached_property
    def lines(self) -> list[str]:
        """Its lines, as findings count them."""
        return self.text.split("\n")

    @cached_property
    def root(self) -> OutlineEntry:
        """Its outline."""
        return outline(self.text)

    @cached_property
    def review(self) -> ReviewKind:
        """Which kind of review it judges, as far as it says so by now."""
        if self.beside is not None:
            return self.beside.review
        applies = self.root.child("applies to")
        word = "" if applies is None else applies.text("review")
        return "accounts" if word.startswith("a") else "comments"

    @property
    def facts(self) -> Mapping[str, Fact]:
        """The catalogue of its kind of review."""
        return CATALOGUE[self.review]

    def names(self, kind: str) -> dict[str, Span]:
        """What the policy declares of a kind (`list`, `rule`, …), each with the place of its name."""
        if self.beside is not None:
            return self.beside.names(kind)
        if kind == "rule":
            rules = self.root.child("rules")
            found = (rule.child("name") for rule in (rules.children if rules else ()))
            return {
                name.value: name.value_span
                for name in found
                if name and name.value_span is not None
            }
        part = self.root.child(DECLARED[kind]) if kind in DECLARED else None
        return {name.key: name.key_span for name in (part.children if part else ())}

    def kind_of(self, section: str) -> str | None:
        """What is declared in a section of the policy (`list` in `lists`)."""
        return next((kind for kind, key in DECLARED.items() if key == section), None)

    def declared(self, kind: str, name: str) -> str | None:
        """The text under a declared name, as it is written."""
        if self.beside is not None:
            return self.beside.declared(kind, name)
        part = self.root.child(DECLARED[kind]) if kind in DECLARED else None
        entry = None if part is None else part.child(name)
        if entry is None:
            return None
        span = entry.span()
        return "\n".join(self.lines[span.line - 1 : span.end_line])

    def said_names(self, kind: str) -> tuple[str, ...]:
        """The names that may stand where a name of this kind is asked for."""
        return (*self.names(kind), *(_ANYBODY if kind == "rule" else ()))

    def slot(self, entry: OutlineEntry) -> Slot:
        """What may stand below an entry."""
        slot = Slot(sections=(grammar.TESTS_FILE if self.is_tests else grammar.POLICY,))
        for step in entry.path():
            slot = self._below(slot, step)
        return slot

    def _below(self, slot: Slot, entry: OutlineEntry) -> Slot:
        if entry.item:
            # The bare list of a file of tests will do as well as `tests:`.
            bare = slot.sections == (grammar.TESTS_FILE,)
            if grammar.REASON_TEXT in slot.sections:
                return Slot(sections=(grammar.TEXT_CASE, grammar.LAST_TEXT))
            return Slot(sections=(grammar.TEST,)) if bare else slot
        if slot.named and slot.key is not None:
            kind = grammar.UNDER_NAMES.get(slot.key.name, slot.key.kind)
            facts = self._facts(kind, slot)
            return Slot(sections=slot.sections, kind=kind, key=slot.key, facts=facts)
        for section in slot.sections:
            if (row := section.keys.get(entry.key)) is not None:
                return self._of(row, slot)
        if (fact := slot.facts.get(entry.key)) is not None:
            return Slot(fact=fact, given=slot.given)
        if slot.kind in grammar.PAIRS:
            return Slot(kind=grammar.PAIRS[slot.kind][1])
        if grammar.REASON_TEXT in slot.sections:  # round 2, and whatever else a variant is for
            return Slot(kind=grammar.TEMPLATE)
        return Slot()

    def _of(self, row: Key, slot: Slot) -> Slot:
        """What stands behind a key of the grammar."""
        return Slot(
            sections=inside(row),
            kind=row.kind,
            key=row,
            facts=self._facts(row.kind, slot),
            given=row.kind.facts == "given",
            named=row.kind == grammar.NAMED,
        )

    def _facts(self, kind: Kind, slot: Slot) -> Mapping[str, Fact]:
        match kind.facts:
            case "attempt":
                return ATTEMPT_FACTS
            case "review" if slot.facts is ATTEMPT_FACTS:
                return ATTEMPT_FACTS
            case "fleet":
                return {name: fact for name, fact in self.facts.items() if fact.source == "fleet"}
            case "":
                return {}
        return self.facts

    def takes(self, key: Key, slot: Slot) -> bool:
        """Whether a key has a meaning here: only conditions on a task may look at its checks."""
        return key.kind.facts != "attempt" or (
            self.review == "comments" and slot.facts is self.facts
        )


def is_tests(path: str) -> bool:
    """Whether a path is that of a file of tests."""
    return PurePath(path).stem.endswith(".tests")


def normalized(text: str) -> str:
    """A text as its findings count it: line feeds alone, and no byte order mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
