"""What stands where in a text: its parts, what a name refers to, and what may be shown beside a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from reviewbot.policy.catalog import Fact
from reviewbot.policy.diagnostics import Span
from reviewbot.policy.language import grammar
from reviewbot.policy.operators import operator_of
from reviewbot.policy.service.completion import refers
from reviewbot.policy.service.draft import Draft
from reviewbot.policy.service.outline import OutlineEntry
from reviewbot.policy.testing.cases import CaseResult


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A part with a name: a section, a rule, a test, or what the policy declares."""

    name: str
    kind: str
    span: Span
    name_span: Span
    children: tuple[Mark, ...] = ()


class NameUse(msgspec.Struct, frozen=True):
    """A name where it is used: of what kind it must be (`list`, `rule`, …), and where it stands."""

    kind: str
    name: str
    span: Span


class Inlay(msgspec.Struct, frozen=True):
    """A few words to show behind a place, which are not part of the text."""

    line: int
    column: int
    words: str


class Lens(msgspec.Struct, frozen=True):
    """A test that can be run, and what came of it when it last was."""

    name: str
    span: Span
    result: str


def symbols(draft: Draft) -> tuple[Mark, ...]:
    """The sections of a text with their rules, tests and declared names."""
    if draft.is_tests and draft.root.children[:1] and draft.root.children[0].item:
        return tuple(_named_items(draft.root, "test"))
    return tuple(
        Mark(
            name=entry.key,
            kind="section",
            span=entry.span(),
            name_span=entry.key_span,
            children=tuple(_inside(entry)),
        )
        for entry in draft.root.children
        if entry.key
    )


def _inside(section: OutlineEntry) -> Iterator[Mark]:
    key = grammar.POLICY.keys.get(section.key)
    if key is None:
        return
    if key.kind == grammar.PARTS:
        yield from _named_items(section, section.key.removesuffix("s"))
    elif key.kind == grammar.NAMED:
        for entry in section.children:
            if entry.key:
                yield Mark(name=entry.key, kind="name", span=entry.span(), name_span=entry.key_span)


def _named_items(parent: OutlineEntry, kind: str) -> Iterator[Mark]:
    for item in parent.children:
        name = item.child("name")
        if name is not None and name.value and name.value_span is not None:
            yield Mark(name=name.value, kind=kind, span=item.span(), name_span=name.value_span)


# Names -----------------------------------------------------------------------------------------


def entry_at(draft: Draft, line: int, column: int) -> OutlineEntry | None:
    """The innermost entry whose key or value stands at a place."""
    found = None
    for entry in draft.root.walk():
        spans = [entry.key_span] if entry.key else []
        spans += [entry.value_span] if entry.value_span is not None else []
        if any(_holds(span, line, column) for span in spans):
            found = entry
    return found


def _holds(span: Span, line: int, column: int) -> bool:
    return (span.line, span.column) <= (line, column) <= (span.end_line, span.end_column)


def name_used(draft: Draft, entry: OutlineEntry) -> NameUse | None:
    """The declared name that an entry asks for, in its value or, of a moment, in its key."""
    slot, span = draft.slot(entry), entry.value_span
    above = draft.slot(entry.parent) if entry.parent is not None else slot
    if entry.key and above.kind in grammar.PAIRS:
        return _formed(grammar.PAIRS[above.kind][0].named, entry.key, entry.key_span)
    if span is None:
        return None
    if slot.fact is not None:
        return None if slot.given else _asked(slot.fact, entry.value, span)
    return None if slot.kind is None else _formed(slot.kind.named, entry.value, span)


def _asked(fact: Fact, test: str, span: Span) -> NameUse | None:
    """The name that a test of a fact asks for."""
    rest = test.removeprefix("not ").lstrip()
    operator = operator_of(rest)
    kind = refers(operator, fact) if operator is not None else None
    if operator is None or kind is None:
        return None
    return _use(kind, rest.removeprefix(operator.words).strip(), test, span)


def _formed(forms: tuple[tuple[str, str], ...], text: str, span: Span) -> NameUse | None:
    """The name in a text of one of these forms."""
    for form, kind in forms:
        before, _, behind = form.partition("{}")
        if text.startswith(before) and text.endswith(behind) and len(text) >= len(form) - 2:
            return _use(kind, text[len(before) : len(text) - len(behind)], text, span)
    return None


def _use(kind: str, name: str, text: str, span: Span) -> NameUse:
    """A name with its place within the text that holds it; quotes around that move it by one."""
    quote = int(span.end_column - span.column > len(text))
    start = span.column + quote + max(0, text.rfind(name))
    return NameUse(kind, name, Span(span.line, start, span.line, start + len(name)))


def definition(draft: Draft, line: int, column: int) -> tuple[str, Span] | None:
    """Where the name at a place is declared: the path of its file and the place there."""
    entry = entry_at(draft, line, column)
    use = name_used(draft, entry) if entry is not None else None
    span = draft.names(use.kind).get(use.name) if use is not None else None
    return None if span is None else ((draft.beside or draft).path, span)


# Beside the lines ------------------------------------------------------------------------------


def inlays(draft: Draft, decided: Mapping[str, int]) -> tuple[Inlay, ...]:
    """How often each rule decided in the last 30 days, behind its name."""
    return tuple(
        Inlay(span.end_line, span.end_column, f"decided {decided.get(name, 0):,} × in 30 days")
        for name, span in draft.names("rule").items()
        if draft.beside is None
    )


def lenses(cases: Iterable[CaseResult], path: str) -> tuple[Lens, ...]:
    """The tests of a file with what came of each when they were last run."""
    return tuple(
        Lens(case.test.name, case.test.span, _result(case))
        for case in cases
        if case.test.path == path
    )


def _result(case: CaseResult) -> str:
    return "passed" if case.passed else f"failed: {'; '.join(case.problems)}"
