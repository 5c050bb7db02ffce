"""Moments, lengths of time, money, counts, ends and tables, in words for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from reviewbot.domain.text import format_moment, safe_line
from reviewbot.foresight.future import Paid
from reviewbot.presentation.style import styled

ENDS: dict[Paid, str] = {
    "rule": "paid by rule",
    "fallback": "paid by fallback",
    "left": "paid, left on purpose",
    "silence": "paid by silence",
    "sent back": "sent back",
    "acted on": "acted on already",
    "unknown": "deadline unknown",
}


def span(left: timedelta) -> str:
    """`2 d 3 h`, `5 h 12 m`, `40 m`; `over` where it is past."""
    minutes = int(left.total_seconds() // 60)
    if minutes < 0:
        return "over"
    if minutes >= 1440:
        return f"{minutes // 1440} d {minutes % 1440 // 60} h"
    return f"{minutes // 60} h {minutes % 60:02} m" if minutes >= 60 else f"{minutes} m"


def due(moment: datetime | None, now: datetime, zone: str) -> str:
    """Write a moment and how far off it is: `Fri 05 Jun 09:56 CEST (Europe/Berlin), in 41 h`."""
    if moment is None:
        return "unknown"
    left = moment - now
    distance = f"in {length(left)}" if left >= timedelta(0) else f"{length(-left)} ago"
    return f"{format_moment(moment, zone)}, {distance}"


def ago(moment: datetime, now: datetime, zone: str = "UTC") -> str:
    """How long ago something was; never less than nothing, whoever's clock is wrong."""
    if moment <= now:
        return f"{length(now - moment)} ago"
    if moment - now < timedelta(seconds=5):
        return "just now"
    return f"at {format_moment(moment, zone)}, which by this machine's clock is yet to come"


def length(span: timedelta) -> str:
    """Write a length of time in its two largest units: `2 d 3 h`, `5 h 12 m`, `40 s`."""
    seconds = int(span.total_seconds())
    for size, unit, smaller, name in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{seconds // 60} m" if seconds >= 60 else f"{seconds} s"


def dollars(micros: int | None) -> str:
    """Write millionths of a dollar as money."""
    return "unknown" if micros is None else f"{micros / 1_000_000:,.2f} USD"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun: `1 task`, `3 tasks`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], longest: int = 60) -> str:
    """Align rows under their heads; every cell is one safe line of at most `longest` characters."""
    cells = [[safe_line(cell, longest) for cell in row] for row in rows]
    widths = [
        max(len(head), *(len(row[i]) for row in cells), 0) if cells else len(head)
        for i, head in enumerate(heads)
    ]

    def line(row: Sequence[str]) -> str:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        return "  ".join(padded).rstrip()

    return "\n".join([styled(line(list(heads)), "strong"), *map(line, cells)])


def second_look_line(count: int) -> str:
    """Say how many decisions a person should look at again, and where they are."""
    verb = "was" if count == 1 else "were"
    return (
        f"{counted(count, 'decision')} {verb} made while the checker was sick; look again:"
        " reviewbot log show"
    )
