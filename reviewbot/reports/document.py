"""A document as values: cards, tables, pictures and entries, all of it already words.

What the queue's report and the past's report have in common. Whoever writes it out (`page.py`)
adds no meaning.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Tone = Literal["plain", "good", "care", "bad"]


class Card(msgspec.Struct, frozen=True, kw_only=True):
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


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A chart as SVG of our own making, with what it shows in words and in figures."""

    svg: str
    words: str
    table: Table


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an entry's details: a mark or a label, and what it says."""

    label: str
    text: str
    tone: Tone = "plain"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One reviewed thing: a row that opens to its whole explanation."""

    cells: tuple[str, ...]
    lines: tuple[Line, ...]
    tone: Tone = "plain"


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part under a heading: a sentence, and any of a picture, a table and entries."""

    id: str
    title: str
    lead: str = ""
    picture: Picture | None = None
    table: Table | None = None
    heads: tuple[str, ...] = ()
    """The heads of `entries`."""
    entries: tuple[Entry, ...] = ()
    empty: str = ""
    """What to say where there is nothing to show."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report."""

    title: str
    lead: tuple[str, ...]
    cards: tuple[Card, ...]
    sections: tuple[Section, ...]
    foot: str
