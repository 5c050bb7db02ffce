"""What can be typed at a place, from the tables: keys, facts, tests, values, names, placeholders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.domain.decision import ACTIONS_OF, Action
from reviewbot.policy.catalog import Fact, FactType, described
from reviewbot.policy.diagnostics import Span
from reviewbot.policy.language import grammar
from reviewbot.policy.language.grammar import Key, Kind
from reviewbot.policy.language.parser import all_zones
from reviewbot.policy.language.spoken import STARTS
from reviewbot.policy.language.statements import is_deed
from reviewbot.policy.language.templates import FORMATS
from reviewbot.policy.operators import OPERATORS, Operator
from reviewbot.policy.operators.operator import Argument
from reviewbot.policy.service.draft import Draft, Slot
from reviewbot.policy.service.outline import OutlineEntry
from reviewbot.policy.values import Misread

OfferKind = Literal["key", "fact", "test", "value", "name", "action", "placeholder"]

_HERE = "\ue000"
"""Put into the text where it is being typed: no text holds it, and it makes a word of its own."""
_ACTIONS: dict[Kind, Callable[[Action], bool]] = {
    grammar.ACTION: bool,
    **dict.fromkeys(
        (grammar.LAST_ACTION, grammar.CASE_ACTION, grammar.FALLBACK),
        lambda action: action is not Action.WAIT,
    ),
    grammar.DEED: is_deed,
}
_TEXTS = (grammar.TEMPLATE, grammar.REASON)
_UTC = ZoneInfo("UTC")


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can stand at a place: `insert` in place of the text at `span`."""

    label: str
    kind: OfferKind
    insert: str
    span: Span
    detail: str = ""
    sentence: str = ""


class _Place(msgspec.Struct, frozen=True):
    """The place itself: the line before and behind it, and the entry that is being typed."""

    draft: Draft
    entry: OutlineEntry
    line: int
    before: str
    behind: str

    def span(self, typed: str, until: str = "") -> Span:
        """From the beginning of what was typed to the end of what belongs to it behind the place."""
        end = len(self.before) + 1
        return Span(self.line, end - len(typed), self.line, end + len(until))


def complete(draft: Draft, line: int, column: int) -> tuple[Offer, ...]:
    """What can stand at a place (line and column from 1, in characters), the likeliest first."""
    place = _place(draft, line, column)
    return () if place is None else tuple(_offers(place))


def _place(draft: Draft, line: int, column: int) -> _Place | None:
    lines = list(draft.lines)
    if not 1 <= line <= len(lines):
        return None
    before, behind = lines[line - 1][: column - 1], lines[line - 1][column - 1 :]
    lines[line - 1] = f"{before}{_HERE}{behind}"
    marked = Draft("\n".join(lines), draft.path, draft.beside)
    for entry in marked.root.walk():
        if _HERE in entry.key or _HERE in entry.value:
            return _Place(marked, entry, line, before, behind)
    return None


def _offers(place: _Place) -> Iterator[Offer]:
    entry, draft = place.entry, place.draft
    if _HERE in entry.key:
        assert entry.parent is not None
        typed, _, until = entry.key.partition(_HERE)
        yield from _keys(place, entry.parent, draft.slot(entry.parent), typed, until)
        return
    slot = draft.slot(entry)
    typed, _, until = entry.value.partition(_HERE)
    if slot.kind in _TEXTS and "{" in (last := place.before.rpartition("}")[2]):
        yield from _placeholders(place, last.rpartition("{")[2])
        return
    if entry.block:
        return
    typed, until = typed.rpartition("\n")[2], until.partition("\n")[0]
    if entry.item and not typed.strip():
        yield from _keys(place, entry, slot, typed, until)
    if slot.fact is not None:
        yield from _tests(place, slot, slot.fact, typed, until)
    else:
        yield from _values(place, slot, typed, until)


# Keys ------------------------------------------------------------------------------------------


def _keys(
    place: _Place, parent: OutlineEntry, slot: Slot, typed: str, until: str
) -> Iterator[Offer]:
    """The keys that are not there yet: facts, then those of the grammar, then moments."""
    if slot.named or slot.fact is not None:
        return
    colon = not place.behind[len(until) :].lstrip().startswith(":")
    span, draft = place.span(typed, until), place.draft
    offers = [_fact_offer(name, fact, span, ": " * colon) for name, fact in slot.facts.items()]
    keys = (key for section in slot.sections for key in section.keys.values())
    then = parent.text("then")
    offers += [
        _key_offer(key, span, colon)
        for key in keys
        if draft.takes(key, slot) and _fits(draft, key, then)
    ]
    if slot.kind in grammar.PAIRS:
        forms = _forms(draft, grammar.PAIRS[slot.kind][0])
        offers += [
            Offer(label=text, kind="key", insert=text + ": " * colon, span=span) for text in forms
        ]
    there = {child.key for child in parent.children}
    yield from {offer.label: offer for offer in offers if offer.label not in there}.values()


def _key_offer(key: Key, span: Span, colon: bool) -> Offer:
    below = key.kind in (grammar.PART, grammar.PARTS, grammar.NAMED) or key.kind.facts
    return Offer(
        label=key.name,
        kind="key",
        insert=key.name + (":" if below else ": ") * colon,
        span=span,
        detail=key.kind.words.replace("`", ""),
        sentence=key.sentence,
    )


def _fits(draft: Draft, key: Key, then: str) -> bool:
    """Whether a key belongs to the action that stands there, or without one to any of this review."""
    allowed = ACTIONS_OF[draft.review]
    if then in allowed:
        allowed = (Action(then),)
    return not key.actions or bool({*key.actions} & {*allowed})


def _fact_offer(name: str, fact: Fact, span: Span, behind: str, kind: OfferKind = "fact") -> Offer:
    return Offer(
        label=name,
        kind=kind,
        insert=name + behind,
        span=span,
        detail=described(fact),
        sentence=f"{fact.sentence[0].upper()}{fact.sentence[1:]}.",
    )


# Values ----------------------------------------------------------------------------------------


def _values(place: _Place, slot: Slot, typed: str, until: str) -> Iterator[Offer]:
    """What may stand behind a key of the grammar."""
    kind, span = slot.kind, place.span(typed, until)
    if kind is None or (slot.named and not place.entry.key):
        return
    words = kind.choices or _actions(place.draft, kind)
    if words:
        yield from _all(words, "value" if kind.choices else "action", span)
        return
    forms = [*_forms(place.draft, kind), *(slot.key.examples if slot.key else ())]
    if not typed.strip():
        forms += [] if slot.named or (kind.named and forms) else kind.examples
        forms += [section.example for section in slot.sections if kind == grammar.NAMED]
    yield from _all(dict.fromkeys(forms), "name" if kind.named else "value", span)


def _all(texts: Iterable[str], kind: OfferKind, span: Span) -> Iterator[Offer]:
    yield from (Offer(label=text, kind=kind, insert=text, span=span) for text in texts)


def _actions(draft: Draft, kind: Kind) -> tuple[str, ...]:
    fits = _ACTIONS.get(kind)
    return tuple(action.value for action in ACTIONS_OF[draft.review] if fits and fits(action))


def _forms(draft: Draft, kind: Kind) -> Iterator[str]:
    """The forms of a value of this kind, with the names that are declared."""
    if kind == grammar.ZONE:
        yield from all_zones()
    if kind == grammar.MOMENT:
        start = STARTS[draft.review]
        yield from (f"1h {start}", f"24h {start}", "3h before deadline")
    for form, declared in kind.named:
        yield from (form.format(name) for name in draft.said_names(declared) if _HERE not in name)


# Tests of a fact -------------------------------------------------------------------------------


def _tests(place: _Place, slot: Slot, fact: Fact, typed: str, until: str) -> Iterator[Offer]:
    """The tests that a fact takes; behind the words of one, what it asks for."""
    plain = _plain(fact)
    if slot.given or place.entry.item:
        plain += ("unknown",) * slot.given
        yield from _all(plain, "value", place.span(typed, until))
        return
    rest = typed.removeprefix("not ")
    negated = rest != typed
    operators = [operator for operator in OPERATORS if fact.type in operator.takes]
    for operator in operators:
        if operator.behind and rest.startswith(f"{operator.words} "):
            span = place.span(rest[len(operator.words) + 1 :], until)
            yield from _all(_arguments(place.draft, operator, fact), "name", span)
            return
    span = place.span(rest, until)
    yield from _all(plain, "value", span)
    for operator in operators:
        if operator.negatable:
            yield from _operator(operator, "" if negated else "not ", span)
        if not negated:
            yield from _operator(operator, "", span)
    yield from _all(() if negated else (fact.example,), "test", span)


def _operator(operator: Operator, before: str, span: Span) -> Iterator[Offer]:
    words = before + operator.words
    yield Offer(
        label=words,
        kind="test",
        insert=words + " " * bool(operator.behind),
        span=span,
        detail=before + operator.example,
        sentence=operator.meaning,
    )


def _plain(fact: Fact) -> tuple[str, ...]:
    """The values of a closed list."""
    if fact.type is FactType.YES_NO:
        return ("yes", "no")
    return fact.values if fact.type is FactType.CHOICE else ()


def _arguments(draft: Draft, operator: Operator, fact: Fact) -> Iterator[str]:
    """What stands behind the words of a test: a declared name, a value, or the example's."""
    declared = refers(operator, fact)
    if declared is not None:
        yield from (name for name in draft.said_names(declared) if _HERE not in name)
    elif fact.values:
        yield from fact.values
    elif fact.example.startswith(f"{operator.words} "):
        yield fact.example.removeprefix(f"{operator.words} ")


def refers(operator: Operator, fact: Fact) -> str | None:
    """What must be declared under the name that a test asks for; None where it asks for none."""
    try:
        found = operator.parse(Argument(fact, _UTC, "x", 0)).refers()
    except Misread:
        return None
    return None if found is None else found[0]


# Texts -----------------------------------------------------------------------------------------


def _placeholders(place: _Place, typed: str) -> Iterator[Offer]:
    """What stands in braces within a text: a fact, and behind a comma a format that it takes."""
    closing = "" if place.behind.lstrip().startswith(("}", ",")) else "}"
    name, comma, form = typed.partition(",")
    facts = place.draft.facts
    if not comma:
        span = place.span(typed)
        for fact in facts.values():
            yield _fact_offer(fact.name, fact, span, closing, "placeholder")
    elif (known := facts.get(name.strip())) is not None:
        fitting = (form for form, types in FORMATS.items() if known.type in types)
        span = place.span(form.lstrip())
        for word in fitting:
            text = f"{word} 60" if word == "first" else word
            yield Offer(label=text, kind="placeholder", insert=f"{text}{closing}", span=span)
