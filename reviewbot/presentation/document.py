"""A report as values: cards, tables, pictures and entries, all of it already words.

What the queue's report and the past's report have in common, and an explanation in words. Whoever
writes a document out adds no meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from textwrap import wrap
from typing import Any, Literal, NamedTuple

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.policy.engine.trace import Outcome
from reviewbot.policy.explain.explain import Branch, Explanation

Tone = Literal["plain", "good", "care", "bad"]
LINES = 12
"""An explanation in short, for a terminal."""
_WIDTH = 100
_MORE = "all of it:  --all"
_MARKS: dict[Outcome, Tone] = {
    Outcome.MET: "good",
    Outcome.NOT_MET: "plain",
    Outcome.CANNOT_TELL: "care",
}


class KeyFigure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure at the top."""

    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows under heads. `numbers` are the columns to be set to the right; `tones` one per row."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    tones: tuple[Tone, ...] = ()

    def tone(self, row: int) -> Tone:
        """How a row is to be coloured."""
        return self.tones[row] if self.tones else "plain"


class Column(NamedTuple):
    """A column of a table: its head, how a row's cell is read, and whether it holds numbers."""

    head: str
    read: Callable[[Any], str | int]
    is_number: bool = False


def number(head: str, read: Callable[[Any], str | int]) -> Column:
    """A column of counts or of money."""
    return Column(head, read, is_number=True)


def table_of(
    rows: Iterable[Any], *columns: Column, tone: Callable[[Any], Tone] | None = None
) -> Table:
    """Write values as rows; a count is written with its thousands apart."""
    values = tuple(rows)
    cells = ([column.read(value) for column in columns] for value in values)
    return Table(
        heads=tuple(column.head for column in columns),
        rows=tuple(
            tuple(f"{cell:,}" if isinstance(cell, int) else cell for cell in row) for row in cells
        ),
        numbers=frozenset(n for n, column in enumerate(columns) if column.is_number),
        tones=() if tone is None else tuple(map(tone, values)),
    )


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A chart as SVG of our own making, with what it shows in words and in figures."""

    svg: str
    words: str
    table: Table


class DetailLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an entry's details: a mark or a label, and what it says."""

    label: str
    text: str
    tone: Tone = "plain"


class DetailRow(msgspec.Struct, frozen=True, kw_only=True):
    """One reviewed thing: a row that opens to its whole explanation."""

    cells: tuple[str, ...]
    lines: tuple[DetailLine, ...]
    tone: Tone = "plain"


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part under a heading: a sentence, and any of a picture, a table and entries."""

    id: str
    title: str
    lead: str = ""
    lines: tuple[DetailLine, ...] = ()
    """Sentences; one with a label is a text that somebody will read."""
    picture: Picture | None = None
    table: Table | None = None
    heads: tuple[str, ...] = ()
    """The heads of `entries`."""
    entries: tuple[DetailRow, ...] = ()
    empty: str = ""
    """What to say where there is nothing to show."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report."""

    title: str
    lead: tuple[str, ...]
    cards: tuple[KeyFigure, ...]
    sections: tuple[Section, ...]
    foot: str
    signed: tuple[str, ...] = ()
    """What is filled in by hand at the end of a page that is signed."""


def told_lines(told: Explanation) -> Iterator[DetailLine]:
    """What the winner saw, why the rules above it did not match, and what one change would bring."""
    for seen in told.seen:
        text = f"{seen.fact} {seen.value}" + (f" ({seen.test})" if seen.test else "")
        yield DetailLine(label=seen.mark.value, text=text.strip(), tone=_MARKS[seen.mark])
    for passed in told.passed:
        yield DetailLine(
            label=passed.mark.value,
            text=f"rule {passed.number}, {passed.rule}: {passed.why}",
            tone=_MARKS[passed.mark],
        )
    if told.nearest is not None:
        yield DetailLine(label="one change away", text=told.nearest)


def explanation_text(told: Explanation, *, everything: bool = False) -> str:
    """The explanation in at most `LINES` lines, and the moments to come if it holds them."""
    zone = told.timezone
    head = [told.subject, _answer(told)]
    if told.kept_back is not None:
        head.append(f"kept back: {safe_line(told.kept_back, 200)}")
    seen = list(_seen(told))
    said = list(_said(told, zone))
    tail = [] if told.nearest is None else [f"one change away: {safe_line(told.nearest, 200)}"]
    if everything:
        passed = ["", *(line for branch in told.tree for line in _branch(branch, 0))]
    else:
        room = LINES - len(head) - len(said) - len(tail)
        passed = _passed(told)
        seen = _cut(seen, max(2, room - min(len(passed), 3)))
        passed = _cut(passed, max(1, room - len(seen)))
    return "\n".join([*head, *seen, *said, *passed, *tail, *_later(told, zone)])


def _answer(told: Explanation) -> str:
    by = told.rule if told.number is None else f'rule {told.number} "{safe_line(told.rule, 80)}"'
    place = told.path if told.line is None else f"{told.path}:{told.line}"
    first = "" if told.instead is None else f"{told.instead.upper()} in place of "
    return f"{first}{told.action.upper()} by {by}   {safe_line(place)}   revision {told.revision}"


def _seen(told: Explanation) -> Iterator[str]:
    facts = max((len(seen.fact) for seen in told.seen), default=0)
    values = [safe_line(seen.value, 60) for seen in told.seen]
    width = min(24, max(map(len, values), default=0))
    for seen, value in zip(told.seen, values, strict=True):
        test = "" if seen.test == value else safe_line(seen.test, 80)
        yield f"  {seen.mark:<11}  {seen.fact:<{facts}}  {value:<{width}}  {test}".rstrip()


def _said(told: Explanation, zone: str) -> Iterator[str]:
    if told.reason is not None:
        yield f"  says  {safe_line(told.reason, 160)}"
    if told.case is not None:
        yield f"        {safe_line(told.case, 160)}"
    if told.until is not None:
        moment = format_moment(told.until, zone)
        if told.action is Action.WAIT:
            yield f"waits until {moment}"
        else:
            hours = f" (act during {told.held_by_hours})" if told.held_by_hours else ""
            yield f"held until {moment}{hours}"
    if told.note is not None:
        yield safe_line(told.note, 240)


def _passed(told: Explanation) -> list[str]:
    if not told.passed:
        return []
    matched = any(branch.mark is Outcome.MET for branch in told.tree)
    head = "rules that did not match: " if matched else "no rule matched: "
    if told.number is not None:
        head = "rules above did not match: "
    each = [
        f"{passed.number} {'cannot tell: ' if passed.mark is Outcome.CANNOT_TELL else ''}"
        f"{safe_line(passed.short, 100)}"
        for passed in told.passed
    ]
    return wrap(head + " · ".join(each), _WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _cut(lines: list[str], most: int) -> list[str]:
    """At most so many lines, the last of them saying that there is more."""
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"  … {_MORE}"]


def _branch(branch: Branch, depth: int) -> Iterator[str]:
    value = "" if branch.value is None else f"   it is {safe_line(branch.value, 60)}"
    line = "" if branch.line is None else f"   line {branch.line}"
    words = safe_line(branch.words, 100)
    yield f"  {branch.mark:<11}  {'  ' * depth}{words}{value}{line}"
    for part in branch.parts:
        yield from _branch(part, depth + 1)


def _later(told: Explanation, zone: str) -> Iterator[str]:
    if not told.later:
        return
    yield "if the facts stay as they are:"
    for later in told.later:
        held = "" if later.until is None else f", held until {format_moment(later.until, zone)}"
        by = later.rule if later.rule in ("no rule", "deadline") else f'"{later.rule}"'
        clock = f"   ({safe_line(', '.join(later.clock), 80)})" if later.clock else ""
        yield f"  from {format_moment(later.at, zone)}  {later.action.upper()} by {safe_line(by, 80)}{held}{clock}"
