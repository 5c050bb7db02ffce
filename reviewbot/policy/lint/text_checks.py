"""Texts proven before they are sent: every place known, the whole within the API's limits, an end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import product
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.policy.catalog import CATALOGUE, Fact, FactType
from reviewbot.policy.diagnostics import NOWHERE, Finding, Severity, Span
from reviewbot.policy.engine.calendar import hours_of
from reviewbot.policy.engine.templates import LONGEST, SHORTEST, formatter
from reviewbot.policy.lint.policy_model import Doubt, PolicyModel
from reviewbot.policy.lint.solver import FALSE, NOT_TRUE, TRUE, UNKNOWN, Cell, TooHardError, Wish
from reviewbot.policy.lint.walks import (
    KNOWN,
    compares_in,
    deciding,
    placeholders_in,
    sent_texts,
    wording,
)
from reviewbot.policy.lint.witnesses import example_words, realistic
from reviewbot.policy.model import Placeholder, Template, Then

PERHAPS_UNKNOWN = "P220"
TOO_LONG = "P221"
TOO_SHORT = "P222"
CASE_UNTOLD = "P223"
NEVER_SENT = "P313"
FOR_EVER = "P240"

ALL_KNOWN = "whether every place of its text is known when it is sent"
FITS = "how long its text can be"
CASE_TOLD = "whether it can always be told which case of its text it is"
ENDS = "whether it could send a task back for ever"
_WIDEST = 20
"""The widest a number, an amount or a length of time gets."""
_WIDEST_MOMENT = 60
"""No moment gets wider in any language: the widest of Babel's has 53."""
_UNITS = 2
"""UTF-16 units that one character may take."""


class SentText(msgspec.Struct, frozen=True, kw_only=True):
    """One text that can be sent, and what must hold when it is."""

    what: str
    """The rule, or the fallback, in words."""
    rule: int
    """Its number; one beyond the last for the fallback."""
    span: Span
    template: Template
    first: bool
    """Whether it is the first text of its sender."""
    by_case: bool
    """Whether a case chooses it."""
    sender_wishes: list[Wish]
    """What must hold for any of the sender's texts."""
    wishes: list[Wish]


def texts_sent(world: PolicyModel, dead: frozenset[int]) -> Iterator[SentText]:
    """Every text that can be sent, with its conditions."""
    for what, number, span, then, wishes in _senders(world, dead):
        for index, (conditions, template) in enumerate(sent_texts(then)):
            narrower = [(world.circuit(condition), truths) for condition, truths in conditions]
            yield SentText(
                what=what,
                rule=number,
                span=span,
                template=template,
                first=index == 0,
                by_case=bool(then.text_cases()),
                sender_wishes=wishes,
                wishes=[*wishes, *narrower],
            )


def _senders(
    world: PolicyModel, dead: frozenset[int]
) -> Iterator[tuple[str, int, Span, Then, list[Wish]]]:
    """The rules and fallbacks that send a review back, and what must hold for each."""
    for number, rule in enumerate(world.policy.rules):
        if number not in dead and rule.then.action.sends_back:
            wishes = world.decides(number)
            yield f'rule "{rule.name}"', number, rule.name_span, rule.then, wishes
    undecided = [
        world.none_of(
            i
            for i, rule in deciding(world.policy)
            if not (hours_of(world.policy, rule) or rule.limit)
            and rule.then.action not in (Action.ESCALATE, Action.WAIT)
        )
    ]
    for case, node in zip(world.policy.deadline.fallbacks, world.fallbacks, strict=True):
        if case.then.action.sends_back:
            number, wishes = len(world.policy.rules), [(node, TRUE), *undecided]
            yield "the deadline", number, case.span, case.then, wishes
        undecided = [*undecided, (node, NOT_TRUE)]


def unproven_texts(world: PolicyModel, dead: frozenset[int]) -> Iterator[Finding]:
    """Find places that may be unknown when their text is sent, and texts that may not fit.

    And cases of a text of which cannot be told whether they are met: a person is asked then.
    """
    for what, number, _, then, wishes in _senders(world, dead):
        yield from _untold_cases(world, what, number, then, wishes)
    for text in texts_sent(world, dead):
        if text.by_case and not _possible(world, text):
            yield Finding(
                code=NEVER_SENT,
                severity=Severity.WARNING,
                span=text.template.span,
                message=f"{text.what} never sends this text: no task is left for its case",
                cure="delete it, or ask for less in the cases above it",
                related=(("", text.span, "sends the others"),),
            )
            continue
        places = placeholders_in(text.template)
        for fact in dict.fromkeys(place.fact for place in places):
            yield from _known(world, text, next(p for p in places if p.fact == fact))
        if places:
            yield from _fits(world, text)


def _possible(world: PolicyModel, text: SentText) -> bool:
    """Whether any task at all is sent a text; where that cannot be told, it may be."""
    try:
        return world.possible(text.wishes)
    except TooHardError:
        return True


def _untold_cases(
    world: PolicyModel, what: str, rule: int, then: Then, wishes: list[Wish]
) -> Iterator[Finding]:
    """Find the first case of a text that may be neither met nor not, while another text is near."""
    cases = then.text_cases()
    assert then.reason is not None or not cases
    for number, case in enumerate(cases):
        assert then.reason is not None
        later = [*(c.text for c in cases[number + 1 :]), *filter(None, [then.reason.otherwise])]
        if all(wording(text) == wording(case.text) for text in later):
            continue
        doubt = Doubt(CASE_TOLD, rule)
        above = [(world.circuit(c.when), FALSE) for c in cases[:number]]
        found = world.surely([*wishes, *above, (world.circuit(case.when), UNKNOWN)], doubt)
        if found is None or not realistic(world, found):
            continue
        facts = list(dict.fromkeys(name for name, _ in compares_in(case.when)))
        missing = [fact for fact in facts if found.facts.get(fact, ...) is None]
        yield Finding(
            code=CASE_UNTOLD,
            severity=Severity.WARNING,
            span=case.span,
            message=f"it may not be told whether {what} sends this text or one below it;"
            " then a person is asked in place of sending one",
            detail=example_words(world, found, facts),
            cure=f"put a case before it that says what is sent then:  - when: {{{missing[0]}: unknown}}"
            if missing
            else "put a case before it for what is not known",
        )
        return


def _known(world: PolicyModel, text: SentText, place: Placeholder) -> Iterator[Finding]:
    doubt = Doubt(ALL_KNOWN, text.rule)
    found = world.surely([*text.wishes, (world.meets(place.fact, KNOWN), FALSE)], doubt)
    if found is not None and not realistic(world, found):
        world.doubts.append(doubt)
    elif found is not None:
        beside = ["checks.count"] if world.fact(place.fact).source == "evidence" else []
        yield Finding(
            code=PERHAPS_UNKNOWN,
            severity=Severity.ERROR,
            span=_place_of(text, place),
            message=f"{place.fact} may be unknown when {text.what} sends this text",
            detail=example_words(world, found, [place.fact, *beside]),
            cure=f"add  {place.fact}: known  to the rule, or leave it out of the text",
            see=f"reviewbot policy facts {place.fact}",
            related=(("", text.span, "sends it"),),
        )


def _fits(world: PolicyModel, text: SentText) -> Iterator[Finding]:
    lengths = _measured(world, text, exact=False)
    # Over all values; now over those that can be, and moments as they are written, which takes long.
    if lengths.longest > LONGEST or lengths.shortest < SHORTEST:
        lengths = _measured(world, text, exact=True)
    room = lengths.room
    bounded = lengths.longest < math.inf
    extent = f"can reach {lengths.longest} characters" if bounded else "is not bounded"
    if lengths.longest > LONGEST:
        yield Finding(
            code=TOO_LONG,
            severity=Severity.ERROR,
            span=_place_of(text, lengths.widest),
            message=f"this text {extent}; the API takes {SHORTEST} to {LONGEST}",
            detail="an emoji counts as two characters there",
            cure=f"cut it: {{{lengths.widest.fact}, first {room}}}"
            if room > 0
            else "shorten the text",
            related=(("", text.span, "sends it"),),
        )
    if lengths.shortest < SHORTEST:
        yield Finding(
            code=TOO_SHORT,
            severity=Severity.ERROR,
            span=text.template.span,
            message=f"this text can be as short as {lengths.shortest} characters; "
            f"the API takes {SHORTEST} to {LONGEST}",
            cure="say what is wrong and what to do",
        )


def _place_of(text: SentText, place: Placeholder) -> Span:
    return text.template.span if place.span == NOWHERE else place.span


class Lengths(NamedTuple):
    """How short and how long a text can be, over all tasks that it can be sent to.

    Lengths are counted as the API may count them: in code points for the shortest, in UTF-16 units
    (an emoji is two) for the longest.
    """

    shortest: int
    longest: float
    widest: Placeholder
    room: int
    """Characters that the widest place may have for the text to fit."""


def _measured(world: PolicyModel, text: SentText, *, exact: bool) -> Lengths:
    """Add up the parts of a text with places, over all values or over those that can be."""
    plain = "".join(part for part in text.template.parts if isinstance(part, str))
    units = _units(plain)
    places = placeholders_in(text.template)
    extents = [_extent(world, text, place, exact=exact) for place in places]
    highs = [high for _, high in extents]
    at = highs.index(max(highs))
    others = units + sum(h for i, h in enumerate(highs) if i != at and h < math.inf)
    return Lengths(
        shortest=len(plain.strip()) + sum(low for low, _ in extents),
        longest=units + sum(highs),
        widest=places[at],
        room=int(LONGEST - others - 1) // _UNITS,
    )


def _extent(
    world: PolicyModel, text: SentText, place: Placeholder, *, exact: bool
) -> tuple[int, float]:
    fact = world.fact(place.fact)
    extents = [
        (1, _WIDEST_MOMENT)
        if fact.type is FactType.MOMENT and not exact
        else _cell_extent(fact, place, cell, text.template.locale)
        for cell in _cells(world, text, place.fact, exact=exact)
    ]
    low = min((low for low, _ in extents), default=0)
    high = max((high for _, high in extents), default=0)
    if fact.name == "task.comment_text" and exact and extents:
        lengths = [cell.high for cell in _cells(world, text, "task.comment_length", exact=True)]
        longest = max((math.inf if end is None else end for end in lengths), default=math.inf)
        high = min(high, _UNITS * longest)
    if place.format == "first" and place.first is not None:
        low, high = min(low, place.first), min(high, _UNITS * place.first + 1)
    return low, high


def _cells(world: PolicyModel, text: SentText, fact: str, *, exact: bool) -> list[Cell]:
    """The cells that the fact may lie in; where that cannot be told a cell is left out, and noted."""
    doubt = Doubt(FITS, text.rule)
    return [
        cell
        for i, cell in enumerate(world.cells_of(fact))
        if cell.documented
        and cell.value is not None
        and (not exact or world.surely([*text.wishes, (world.lies_in(fact, 1 << i), TRUE)], doubt))
    ]


def _cell_extent(fact: Fact, place: Placeholder, cell: Cell, locale: str) -> tuple[int, float]:
    match fact.type:
        case FactType.TEXT:
            longest = cell.high if cell.high is not None else fact.longest
            return int(cell.low or 0), math.inf if longest is None else _UNITS * int(longest)
        case FactType.MOMENT:
            return _moment_widths(place.format, locale)
        case FactType.COUNT | FactType.CHOICE | FactType.YES_NO:
            plain = place.format == "first"
            shown = msgspec.structs.replace(place, format="plain") if plain else place
            write = formatter(shown, fact, ZoneInfo("UTC"), locale)
            ends = [cell.low, cell.high] if fact.type is FactType.COUNT else []
            widths = [
                _units(write(v)) for v in (*(int(e) for e in ends if e is not None), cell.value)
            ]
            endless = fact.type is FactType.COUNT and cell.high is None
            return min(widths), max(*widths, _WIDEST if endless else 0)
        case FactType.NAMES:
            return 0, len(", ".join(fact.values))
    return 1, _WIDEST


@cache
def _moment_widths(form: str, locale: str) -> tuple[int, int]:
    """How short and how long a moment gets: each month, short and long days, each hour of the day."""
    fact = CATALOGUE["comments"]["task.created_at"]
    place = Placeholder(fact=fact.name, format=cast(Any, form))
    write = formatter(place, fact, ZoneInfo("UTC"), locale)
    hours = range(24) if form in ("plain", "date and time") else (12,)
    days = product(range(1, 13), (5, 25), hours)
    texts = [write(datetime(2026, month, day, hour, 5, tzinfo=UTC)) for month, day, hour in days]
    return min(map(len, texts)), max(map(_units, texts))


def _units(text: str) -> int:
    """UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def endless_rounds(world: PolicyModel, dead: frozenset[int]) -> Iterator[Finding]:
    """Find what sends a review back however often that has been done before."""
    cells = world.cells_of(world.returns)
    beyond = sum(1 << i for i, c in enumerate(cells) if c.value is not None and c.high is None)
    late: Wish = (world.lies_in(world.returns, beyond), TRUE)
    endless = [
        text
        for text in texts_sent(world, dead)
        if text.first
        and world.surely([*text.sender_wishes, late], Doubt(ENDS, text.rule)) is not None
    ]
    if not endless:
        return
    first, *others = endless
    repeating = {number for number, rule in enumerate(world.policy.rules) if rule.repeat}
    changing = any(text.rule in repeating or placeholders_in(text.template) for text in endless)
    whom = "a manager" if world.policy.applies_to.review == "comments" else "an account"
    yield Finding(
        code=FOR_EVER,
        severity=Severity.WARNING,
        span=first.span,
        message=f"{first.what} can send {whom} back again and again: no rule ends it",
        detail=None
        if changing
        else "its words never change, so from the second time on a person is asked instead",
        cure=f"put a rule before it such as  {world.returns}: at least 2  →  then: escalate",
        related=tuple(("", other.span, "can do so too") for other in others),
    )
