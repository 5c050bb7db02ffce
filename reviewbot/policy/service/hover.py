"""What can be said of a word under the pointer: a key, a fact, a test, an action, a rule read aloud."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.policy.catalog import Fact, described
from reviewbot.policy.diagnostics import Span
from reviewbot.policy.explain.summary import DOES, read_policy
from reviewbot.policy.language.grammar import Key
from reviewbot.policy.model import Policy
from reviewbot.policy.operators import operator_of
from reviewbot.policy.service.draft import Draft, Slot
from reviewbot.policy.service.marks import NameUse, entry_at, name_used
from reviewbot.policy.service.outline import OutlineEntry

_TITLES = {"list": "List", "pattern": "Pattern", "calendar": "Hours", "rule": "Rule"}
"""How the passage about a name begins, by what is declared."""


class Hover(msgspec.Struct, frozen=True):
    """Sentences about the words at a place, or the part of the policy that is meant."""

    title: str
    sentences: tuple[str, ...]
    span: Span
    source: str = ""


def hover(draft: Draft, line: int, column: int, policy: Policy | None = None) -> Hover | None:
    """What stands at a place; `policy` is the text as it was last usable, for what is read aloud."""
    entry = entry_at(draft, line, column)
    if entry is None:
        return None
    placeholder = _placeholder(draft, line, column)
    if placeholder is not None:
        return placeholder
    on_key = entry.key and _in(entry.key_span, line, column)
    above = draft.slot(entry.parent) if entry.parent is not None else Slot()
    use = name_used(draft, entry)
    if use is not None and _in(use.span, line, column):
        return _named(draft, use, policy)
    if entry.key == "name" and above.key is not None and above.key.name == "rules":
        return _named(draft, NameUse("rule", entry.value, entry.key_span), policy)
    if on_key:
        return _of_key(draft, entry, above, policy)
    return _of_value(draft, entry)


def _in(span: Span, line: int, column: int) -> bool:
    return span.line <= line <= span.end_line and span.column <= column <= span.end_column


def _of_key(draft: Draft, entry: OutlineEntry, above: Slot, policy: Policy | None) -> Hover | None:
    """Of a key: what the grammar or the catalogue says, or what is declared under that name."""
    if above.named and above.key is not None:
        kind = draft.kind_of(above.key.name)
        return (
            None
            if kind is None
            else _named(draft, NameUse(kind, entry.key, entry.key_span), policy)
        )
    if (fact := above.facts.get(entry.key)) is not None:
        return _of_fact(fact, entry.key_span)
    for section in above.sections:
        if (key := section.keys.get(entry.key)) is not None:
            return Hover(f"{key.name}:", tuple(_key_sentences(key)), entry.key_span)
    return None


def _key_sentences(key: Key) -> Iterator[str]:
    yield key.sentence
    yield f"Takes {key.kind.words}{', or a list of them' if key.many else ''}."
    if key.actions:
        yield f"With {' and '.join(key.actions)} only."
    yield from (f"Example: `{key.name}: {text}`" for text in key.examples or key.kind.examples)


def _of_fact(fact: Fact, span: Span) -> Hover:
    sentence = f"{fact.sentence[0].upper()}{fact.sentence[1:]}."
    known = "It may be unknown" if fact.nullable else "It is always known"
    kind = f"It is {described(fact)}."
    return Hover(
        fact.name, (sentence, kind, f"{known}.", f"Example: `{fact.name}: {fact.example}`"), span
    )


def _of_value(draft: Draft, entry: OutlineEntry) -> Hover | None:
    """Of a value: what an action does, or what the words of a test mean."""
    slot, span = draft.slot(entry), entry.value_span
    if span is None:
        return None
    if slot.fact is not None:
        operator = None if slot.given else operator_of(entry.value.removeprefix("not ").lstrip())
        if operator is None:
            return _of_fact(slot.fact, span)
        example = f"Example: `{slot.fact.name}: {operator.example}`"
        meaning = f"{operator.meaning[0].upper()}{operator.meaning[1:]}."
        return Hover(operator.words, (meaning, example), span)
    if entry.value in DOES and slot.kind is not None:
        does = DOES[Action(entry.value)]
        return Hover(entry.value, (f"{does[0].upper()}{does[1:]}.",), span)
    return None


def _named(draft: Draft, use: NameUse, policy: Policy | None) -> Hover | None:
    """What is declared under a name, read aloud where the text was usable at some time."""
    title = f'{_TITLES.get(use.kind, use.kind.capitalize())} "{use.name}"'
    if policy is not None:
        for passage in read_policy(policy):
            if passage.title == title:
                return Hover(title, passage.sentences, use.span)
    part = draft.declared(use.kind, use.name)
    return None if part is None else Hover(title, (), use.span, part)


def _placeholder(draft: Draft, line: int, column: int) -> Hover | None:
    """Of a fact in braces within a text."""
    if not 1 <= line <= len(draft.lines):
        return None
    text = draft.lines[line - 1]
    start, end = text.rfind("{", 0, column) + 1, text.find("}", column - 1)
    if not start or end < 0:
        return None
    name = text[start:end].partition(",")[0].strip()
    fact = draft.facts.get(name)
    return None if fact is None else _of_fact(fact, Span(line, start + 1, line, end + 1))
