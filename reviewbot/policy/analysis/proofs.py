"""Texts proven before they are sent: every place known, and the whole within the API's limits."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.analysis.attempts import realistic
from reviewbot.policy.analysis.lengths import Lengths, lengths_in
from reviewbot.policy.analysis.paths import Path, sending_paths
from reviewbot.policy.analysis.reads import placeholders_in
from reviewbot.policy.analysis.truth import FALSE
from reviewbot.policy.analysis.words import say_example
from reviewbot.policy.analysis.world import Doubt, World
from reviewbot.policy.fields import Fact
from reviewbot.policy.findings import NOWHERE, Finding, Severity, Span
from reviewbot.policy.model import Placeholder
from reviewbot.policy.texts import LONGEST, SHORTEST

PERHAPS_UNKNOWN = "P220"
TOO_LONG = "P221"
TOO_SHORT = "P222"

ALL_KNOWN = "whether every place of its text is known when it is sent"


def unproven_texts(world: World, dead: frozenset[int]) -> Iterator[Finding]:
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


def _known(world: World, path: Path, place: Placeholder) -> Iterator[Finding]:
    doubt = Doubt(ALL_KNOWN, path.rule)
    found = world.surely([*path.wishes, (world.known(place.fact), FALSE)], doubt)
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
        detail="for example " + say_example(world, found, [place.fact, *_neighbours(fact)]),
        cure=f"add  {place.fact}: known  to the rule, or leave it out of the text",
        see=f"reviewbot policy facts {place.fact}",
        related=(("", path.span, "sends it"),),
    )


def _neighbours(fact: Fact) -> tuple[str, ...]:
    return ("checks.count",) if fact.source == "evidence" else ()


def _fits(world: World, path: Path) -> Iterator[Finding]:
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
