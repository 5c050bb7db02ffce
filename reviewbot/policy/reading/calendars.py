"""Named hours: when they are open, on which days they are closed."""

from __future__ import annotations

from datetime import date

from reviewbot.policy.model import Hours, NamedList, OpenRange
from reviewbot.policy.names import did_you_mean, only_cure
from reviewbot.policy.reading.context import (
    Context,
    Fields,
    mapping_of,
    named_entries,
    one_or_more,
)
from reviewbot.policy.values import Misread, read_date
from reviewbot.policy.yamltree import Mapping, Scalar, Tree

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EXAMPLE = "{open: mon-fri 09:00-18:00}"
_ALL_DAY = 24 * 60


def read_hours(
    context: Context, tree: Tree | None, lists: dict[str, NamedList]
) -> tuple[Hours, ...]:
    """Read `hours:`."""
    found = []
    for key, value in named_entries(context, tree, "hours:", f"desk: {_EXAMPLE}", "hours"):
        calendar = mapping_of(context, value, f'the hours "{key.value}"', _EXAMPLE)
        if calendar is not None:
            found.append(_calendar(context, key.value, calendar, lists))
    return tuple(found)


def _calendar(context: Context, name: str, mapping: Mapping, lists: dict[str, NamedList]) -> Hours:
    fields = Fields(context, mapping, f'the hours "{name}"', ("open", "closed"))
    tree = fields.need("open", "write it as  open: mon-fri 09:00-18:00")
    ranges: list[OpenRange] = []
    items = one_or_more(tree)
    if tree is not None and not items:
        context.add(
            "P126",
            tree.span,
            f'the hours "{name}" never open',
            cure="write it as  open: mon-fri 09:00-18:00",
        )
    for item in items:
        scalar = context.text(item, "open:")
        if scalar is None:
            continue
        try:
            ranges.append(_open_range(scalar))
        except Misread as misread:
            context.misread(scalar, misread)
    closed: list[date] = []
    closed_lists: list[str] = []
    for item in one_or_more(fields.get("closed")):
        scalar = context.text(item, "closed:")
        if scalar is not None:
            _closed(context, scalar, lists, closed, closed_lists)
    return Hours(
        name=name,
        open=tuple(ranges),
        closed=tuple(closed),
        closed_lists=tuple(closed_lists),
        span=mapping.span,
    )


def _closed(
    context: Context,
    scalar: Scalar,
    lists: dict[str, NamedList],
    days: list[date],
    names: list[str],
) -> None:
    text = scalar.value
    if not text.startswith("in list "):
        day = context.read(scalar, read_date)
        if day is not None:
            days.append(day)
        return
    name = text[8:].strip()
    if context.name_of("list", scalar, len(text) - len(name), len(text)) is None:
        return
    names.append(name)
    for entry in lists[name].entries if name in lists else ():
        try:
            read_date(entry.id, 0)
        except Misread:
            context.add(
                "P127",
                scalar.span,
                f'the list "{name}" closes hours, but "{entry.id}" in it is not a date',
                cure="dates are written as  2026-12-25",
            )
            return


def _open_range(scalar: Scalar) -> OpenRange:
    text = scalar.value
    days_text, _, times = text.rpartition(" ")
    times_at = len(text) - len(times)
    if text.replace(" ", "").count("-") and " - " in text:
        tidy = text.replace(" - ", "-")
        raise Misread(
            "P128",
            "hours are written without spaces around the -",
            0,
            len(text),
            under=f"write  {tidy}",
            replacement=tidy,
        )
    start_text, dash, end_text = times.partition("-")
    if not dash or ":" not in times:
        raise _no_hours(text, times, times_at)
    start = _minutes(start_text, times_at)
    end = _minutes(end_text, times_at + len(start_text) + 1)
    if start in (end, _ALL_DAY):
        raise Misread(
            "P126",
            "these hours begin where they end: never open, or always?",
            times_at,
            len(text),
            cure="for the whole day write  00:00-24:00",
        )
    return OpenRange(
        days=_days(days_text.strip()) if days_text.strip() else tuple(range(7)),
        start=start,
        end=end,
        span=scalar.span,
    )


def _no_hours(text: str, times: str, at: int) -> Misread:
    folded = times.casefold()
    if "am" in folded or "pm" in folded:
        return Misread(
            "P128",
            "times are written with 24 hours",
            at,
            len(text),
            cure="write it as  09:00-18:00",
        )
    pieces = times.split("-")
    if len(pieces) == 2 and all(piece.isdecimal() and int(piece[:3]) <= 24 for piece in pieces):
        written = "-".join(f"{int(piece):02d}:00" for piece in pieces)
        return Misread(
            "P128",
            "times are written with their minutes",
            at,
            len(text),
            under=f"write  {written}",
            replacement=written,
        )
    return Misread(
        "P128", f'"{text}" are no hours', 0, len(text), cure="write them as  mon-fri 09:00-18:00"
    )


def _minutes(text: str, at: int) -> int:
    hour, _, minute = text.partition(":")
    if not (hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit()):
        raise Misread(
            "P128", f'"{text}" is not a time', at, at + max(1, len(text)), cure="write it as  09:00"
        )
    minutes = int(hour[:4]) * 60 + int(minute[:4])
    if len(hour) > 2 or len(minute) != 2 or int(minute) > 59 or minutes > _ALL_DAY:
        raise Misread(
            "P128",
            f'there is no time "{text}"',
            at,
            at + len(text),
            cure="times go from 00:00 to 24:00",
        )
    return minutes


def _days(text: str) -> tuple[int, ...]:
    found: set[int] = set()
    at = 0
    for piece in text.split(","):
        start = at + len(piece) - len(piece.lstrip())
        at += len(piece) + 1
        first, dash, last = piece.strip().partition("-")
        one = _day(first.strip(), start)
        if not dash:
            found.add(one)
            continue
        other = _day(last.strip(), start + len(first) + 1)
        found.update((one + step) % 7 for step in range((other - one) % 7 + 1))
    return tuple(sorted(found))


def _day(word: str, at: int) -> int:
    if word.casefold() in DAYS:
        return DAYS.index(word.casefold())
    short = word.casefold()[:3]
    replacement = (
        DAYS[_LONG_DAYS.index(word.casefold())]
        if word.casefold() in _LONG_DAYS
        else only_cure(word, DAYS)
    )
    if replacement is None and short in DAYS and len(word) > 3:
        replacement = short
    raise Misread(
        "P128",
        f'"{word}" is not a day',
        at,
        at + max(1, len(word)),
        under=f"write  {replacement}" if replacement else did_you_mean(word, DAYS),
        cure="days are mon, tue, wed, thu, fri, sat, sun",
        replacement=replacement,
    )
