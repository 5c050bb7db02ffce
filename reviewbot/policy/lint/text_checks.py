"""Texts proven before they are sent: every place known, the whole within the API's limits, an end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.diagnostics import NOWHERE, Finding, Severity, Span
from reviewbot.policy.engine.templates import LONGEST, SHORTEST, formatter
from reviewbot.policy.lint.circuits import FALSE, NOT_TRUE, TRUE, Cell
from reviewbot.policy.lint.policy_model import KNOWN, Doubt, PolicyModel
from reviewbot.policy.lint.solver import Wish
from reviewbot.policy.lint.walks import deciding, placeholders_in, sent_texts, variant_test
from reviewbot.policy.lint.witnesses import example_words, realistic
from reviewbot.policy.model import Placeholder, Template, Then

PERHAPS_UNKNOWN = "P220"
TOO_LONG = "P221"
TOO_SHORT = "P222"
FOR_EVER = "P240"

ALL_KNOWN = "whether every place of its text is known when it is sent"
FITS = "how long its text can be"
ENDS = "whether it could send a task back for ever"
_WIDEST = 20
"""The widest a number, an amount or a length of time gets."""
_UNITS = 2
"""UTF-16 units that one character may take."""


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """One text and what must hold when it is sent."""

    what: str
    """The rule, or the fallback, in words."""
    rule: int
    """Its number; one beyond the last for the fallback."""
    span: Span
    template: Template
    variant_index: int
    any_variant: tuple[Wish, ...]
    """What must hold for any of its texts."""
    wishes: tuple[Wish, ...]
    repeats: bool = False


def sending_paths(world: PolicyModel, dead: frozenset[int]) -> Iterator[Path]:
    """Every text that can be sent, with its conditions."""
    for number, rule in enumerate(world.policy.rules):
        if number in dead:
            continue
        wishes = tuple(world.decides(number))
        what = f'rule "{rule.name}"'
        yield from _paths(
            world, rule.then, wishes, (what, number), rule.name_span, repeats=rule.repeat
        )
    undecided = tuple(
        (world.rules[i], NOT_TRUE)
        for i, rule in deciding(world.policy)
        if rule.act_during is None and rule.then.action not in (Action.ESCALATE, Action.WAIT)
    )
    for fallback, node in zip(world.policy.deadline.fallbacks, world.fallbacks, strict=True):
        sender = ("the deadline", len(world.policy.rules))
        yield from _paths(world, fallback.then, ((node, TRUE), *undecided), sender, fallback.span)
        undecided = (*undecided, (node, NOT_TRUE))


def _paths(
    world: PolicyModel,
    then: Then,
    wishes: tuple[Wish, ...],
    sender: tuple[str, int],
    span: Span,
    *,
    repeats: bool = False,
) -> Iterator[Path]:
    if not then.action.sends_back:
        return
    for index, (variant, template) in enumerate(sent_texts(then)):
        asked = variant_test(then.reason, variant) if then.reason is not None else None
        narrower = () if asked is None else ((world.meets(*asked), TRUE),)
        yield Path(
            what=sender[0],
            rule=sender[1],
            span=span,
            template=template,
            variant_index=index,
            any_variant=wishes,
            wishes=(*wishes, *narrower),
            repeats=repeats,
        )


def unproven_texts(world: PolicyModel, dead: frozenset[int]) -> Iterator[Finding]:
    """Find places that may be unknown when their text is sent, and texts that may not fit."""
    for path in sending_paths(world, dead):
        places = placeholders_in(path.template)
        seen: set[str] = set()
        for place in places:
            if place.fact not in seen:
                seen.add(place.fact)
                yield from _known(world, path, place)
        if places:
            yield from _fits(world, path)


def _known(world: PolicyModel, path: Path, place: Placeholder) -> Iterator[Finding]:
    doubt = Doubt(ALL_KNOWN, path.rule)
    found = world.surely([*path.wishes, (world.meets(place.fact, KNOWN), FALSE)], doubt)
    if found is not None and not realistic(world, found):
        world.doubts.append(doubt)
        found = None
    if found is None:
        return
    fact = world.fact(place.fact)
    yield Finding(
        code=PERHAPS_UNKNOWN,
        severity=Severity.ERROR,
        span=_place_of(path, place),
        message=f"{place.fact} may be unknown when {path.what} sends this text",
        detail=example_words(world, found, [place.fact, *_neighbours(fact)]),
        cure=f"add  {place.fact}: known  to the rule, or leave it out of the text",
        see=f"reviewbot policy facts {place.fact}",
        related=(("", path.span, "sends it"),),
    )


def _neighbours(fact: Fact) -> tuple[str, ...]:
    return ("checks.count",) if fact.source == "evidence" else ()


def _fits(world: PolicyModel, path: Path) -> Iterator[Finding]:
    lengths = lengths_in(world, path)
    if lengths.longest is None or lengths.longest > LONGEST:
        yield _too_long(path, lengths)
    if lengths.shortest < SHORTEST:
        yield Finding(
            code=TOO_SHORT,
            severity=Severity.ERROR,
            span=path.template.span,
            message=f"this text can be as short as {lengths.shortest} characters; "
            f"the API takes {SHORTEST} to {LONGEST}",
            cure="say what is wrong and what to do",
        )


def _too_long(path: Path, lengths: Lengths) -> Finding:
    place, room = lengths.widest, lengths.room
    extent = (
        "is not bounded" if lengths.longest is None else f"can reach {lengths.longest} characters"
    )
    assert place is not None
    return Finding(
        code=TOO_LONG,
        severity=Severity.ERROR,
        span=_place_of(path, place),
        message=f"this text {extent}; the API takes {SHORTEST} to {LONGEST}",
        detail="an emoji counts as two characters there",
        cure=f"cut it: {{{place.fact}, first {room}}}" if room > 0 else "shorten the text",
        related=(("", path.span, "sends it"),),
    )


def _place_of(path: Path, place: Placeholder) -> Span:
    return path.template.span if place.span == NOWHERE else place.span


# How short and how long a text can be, over all tasks that it can be sent to. Lengths are counted as
# the API may count them: in code points for the shortest, in UTF-16 units (an emoji is two) for the
# longest.

Extent = tuple[int, int | None]


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """The shortest and longest a text can be (None: without end), and its widest place."""

    shortest: int
    longest: int | None
    widest: Placeholder | None
    room: int
    """Characters that the widest place may have for the text to fit."""


def lengths_in(world: PolicyModel, path: Path) -> Lengths:
    """Measure a text, first over all values and, where that does not fit, over those that can be."""
    lengths = _add_up(world, path, exact=False)
    if lengths.longest is not None and lengths.longest <= LONGEST:
        return lengths
    return _add_up(world, path, exact=True)


def _add_up(world: PolicyModel, path: Path, *, exact: bool) -> Lengths:
    plain = "".join(part for part in path.template.parts if isinstance(part, str))
    shortest, fixed = len(plain.strip()), len(plain.encode("utf-16-le", "surrogatepass")) // 2
    extents = [(p, _extent(world, path, p, exact=exact)) for p in placeholders_in(path.template)]
    shortest += sum(low for _, (low, _) in extents)
    widths = [high for _, (_, high) in extents]
    total = None if None in widths else fixed + sum(w for w in widths if w is not None)
    widest = max(extents, key=lambda e: LONGEST * 100 if e[1][1] is None else e[1][1], default=None)
    others = fixed + sum(e[1][1] or 0 for e in extents if e is not widest)
    room = (LONGEST - others - 1) // _UNITS
    return Lengths(
        shortest=shortest, longest=total, widest=widest[0] if widest else None, room=room
    )


def _extent(world: PolicyModel, path: Path, place: Placeholder, *, exact: bool) -> Extent:
    fact = world.fact(place.fact)
    cells = [c for c in _cells(world, path, place.fact, exact=exact) if c.value is not None]
    if not cells:
        return 0, 0
    extents = [_cell_extent(world, fact, place, cell) for cell in cells]
    low = min(low for low, _ in extents)
    highs = [high for _, high in extents]
    high = None if None in highs else max(h for h in highs if h is not None)
    if fact.name == "task.comment_text" and exact:
        lengths = [c.high for c in _cells(world, path, "task.comment_length", exact=True)]
        if None not in lengths and lengths and high is not None:
            high = min(high, _UNITS * int(max(h for h in lengths if h is not None)))
    if place.format == "first" and place.first is not None:
        cut = _UNITS * place.first + 1
        high = cut if high is None else min(high, cut)
        low = min(low, place.first)
    return low, high


def _cells(world: PolicyModel, path: Path, fact: str, *, exact: bool) -> list[Cell]:
    """The cells that the fact may lie in; where that cannot be told a cell is left out, and noted."""
    cells = [cell if cell.documented else None for cell in world.cells_of(fact)]
    doubt = Doubt(FITS, path.rule)
    return [
        cell
        for i, cell in enumerate(cells)
        if cell is not None
        and (
            not exact
            or (
                cell.value is not None
                and world.surely([*path.wishes, (world.lies_in(fact, 1 << i), TRUE)], doubt)
            )
        )
    ]


def _cell_extent(world: PolicyModel, fact: Fact, place: Placeholder, cell: Cell) -> Extent:
    if fact.type is FactType.TEXT:
        longest = cell.high if cell.high is not None else fact.longest
        return int(cell.low or 0), None if longest is None else _UNITS * int(longest)
    say = _sayer(world, fact, place)
    if fact.type in (FactType.COUNT, FactType.MOMENT, FactType.CHOICE, FactType.YES_NO):
        ends = [cell.low, cell.high] if fact.type is FactType.COUNT else []
        said = [len(say(int(end))) for end in ends if end is not None] + [len(say(cell.value))]
        endless = fact.type is FactType.COUNT and cell.high is None
        return min(said), max(*said, _WIDEST if endless else 0)
    if fact.type is FactType.NAMES:
        return 0, len(", ".join(fact.values))
    return 1, _WIDEST


def _sayer(world: PolicyModel, fact: Fact, place: Placeholder) -> Callable[[Any], str]:
    zone = ZoneInfo(world.policy.timezone)
    plain = msgspec.structs.replace(place, format="plain") if place.format == "first" else place
    return formatter(plain, fact, zone)


def endless_rounds(world: PolicyModel, dead: frozenset[int]) -> Iterator[Finding]:
    """Find what sends a review back however often that has been done before."""
    cells = world.cells_of(world.returns)
    beyond = sum(1 << i for i, c in enumerate(cells) if c.value is not None and c.high is None)
    late: Wish = (world.lies_in(world.returns, beyond), TRUE)
    endless = [
        path
        for path in sending_paths(world, dead)
        if path.variant_index == 0
        and world.surely([*path.any_variant, late], Doubt(ENDS, path.rule)) is not None
    ]
    if endless:
        yield _round_finding(world, endless)


def _round_finding(world: PolicyModel, endless: list[Path]) -> Finding:
    path = endless[0]
    changing = any(p.repeats or placeholders_in(p.template) for p in endless)
    what = "a manager" if world.policy.applies_to.review == "comments" else "an account"
    return Finding(
        code=FOR_EVER,
        severity=Severity.WARNING,
        span=path.span,
        message=f"{path.what} can send {what} back again and again: no rule ends it",
        detail=None
        if changing
        else "its words never change, so from the second time on a person is asked instead",
        cure=f"put a rule before it such as  {world.returns}: at least 2  →  then: escalate",
        related=tuple(("", other.span, "can do so too") for other in endless[1:]),
    )
