"""Named hours: when they are open, on which days they are closed."""

from __future__ import annotations

from datetime import date

from reviewbot.policy.language.reader import (
    MappingReader,
    Reading,
    mapping_of,
    named_entries,
    one_or_more,
    unknown,
)
from reviewbot.policy.language.yaml import Mapping, Scalar, Tree
from reviewbot.policy.model import (
    BeforeDeadline,
    Fixed,
    FromConfirmed,
    Hours,
    Moment,
    NamedList,
    OpenRange,
    WhenOpens,
)
from reviewbot.policy.text_forms import did_you_mean, listed, only_cure
from reviewbot.policy.values import Day, Misread, read_date, read_duration, read_when

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


_EXAMPLE = "{open: mon-fri 09:00-18:00}"


_ALL_DAY = 24 * 60


def read_hours(
    context: Reading, tree: Tree | None, lists: dict[str, NamedList]
) -> tuple[Hours, ...]:
    """Read `hours:`."""
    found = []
    for key, value in named_entries(context, tree, "hours:", f"desk: {_EXAMPLE}", "hours"):
        calendar = mapping_of(context, value, f'the hours "{key.value}"', _EXAMPLE)
        if calendar is not None:
            found.append(_calendar(context, key.value, calendar, lists))
    return tuple(found)


def _calendar(context: Reading, name: str, mapping: Mapping, lists: dict[str, NamedList]) -> Hours:
    fields = MappingReader(context, mapping, f'the hours "{name}"', ("open", "closed"))
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
    context: Reading,
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


# ------------------------------------------------------------------------------------------------
# Moments of a review: after its window opened, before its deadline, when hours open, or a date.


_STARTS = {"comments": "after confirmed", "accounts": "after first seen"}


_END = "before deadline"


WINDOW = 72 * 3600
"""How long silence takes to pay, in seconds."""


def read_moment(context: Reading, tree: Tree | None, what: str) -> Moment | None:
    """Read a moment; whatever is wrong with it is reported."""
    scalar = context.text(tree, what)
    return None if scalar is None else read_moment_text(context, scalar)


def read_moment_text(context: Reading, scalar: Scalar) -> Moment | None:
    """Read a moment from a text (also a key of `over time:` or `remind:`)."""
    try:
        return _moment(context, scalar)
    except Misread as misread:
        context.misread(scalar, misread)
        return None


def _moment(context: Reading, scalar: Scalar) -> Moment:
    text, span = scalar.value, scalar.span
    start = _STARTS[context.review]
    for other in _STARTS.values():
        if other != start and text.endswith(other):
            raise Misread(
                "P116",
                f"reviews of {context.review} know no  {other}",
                len(text) - len(other),
                len(text),
                under=f"write  {start}",
                replacement=start,
            )
    if text == start.removeprefix("after "):
        return FromConfirmed(seconds=0.0, text=text, span=span)
    if text.endswith(f" {start}"):
        return FromConfirmed(seconds=_length(text, start), text=text, span=span)
    if text.endswith(f" {_END}"):
        return BeforeDeadline(seconds=_length(text, _END), text=text, span=span)
    if text.startswith("when ") and text.endswith(" opens"):
        name = text[5:-6].strip()
        at = text.index(name, 5) if name else 5
        names = context.declared.get("calendar", ())
        if name not in names:
            raise Misread(
                "P023",
                unknown("calendar", name),
                at,
                at + len(name) if name else len(text),
                under=did_you_mean(name, names),
                cure=f"hours:  declares {listed(names, 'and')}"
                if names
                else "declare it under  hours:",
            )
        return WhenOpens(hours=name, text=text, span=span)
    if text[:4].isdigit() and text[4:5] == "-":
        when = read_when(text, 0, context.zone)
        if isinstance(when, Day):
            raise Misread(
                "P114",
                "a date is a whole day, and a moment is wanted",
                0,
                len(text),
                under=f"write  {text} 09:00  for instance",
            )
        return Fixed(at=when, text=text, span=span)
    raise _no_moment(text, start, context)


def _length(text: str, tail: str) -> float:
    length = text[: -len(tail)].strip()
    seconds = read_duration(length, text.index(length))
    if seconds > WINDOW:
        raise Misread(
            "P117",
            "this lies outside the review: from its start to its deadline it is 72h",
            0,
            len(text),
            cure="write 72h or less",
        )
    return seconds


def _no_moment(text: str, start: str, context: Reading) -> Misread:
    for wrong, right in (
        (" after confirmation", start),
        (" after confirm", start),
        (" from confirmed", start),
        (" after first sight", start),
        (" after seen", start),
        (" before the deadline", _END),
        (" before end", _END),
        (" to deadline", _END),
        (" until deadline", _END),
        (" before dedline", _END),
    ):
        if text.endswith(wrong):
            return Misread(
                "P114",
                f'"{wrong.strip()}" is not how a moment is written',
                len(text) - len(wrong) + 1,
                len(text),
                under=f"write  {right}",
                replacement=right,
            )
    try:
        read_duration(text, 0)
    except Misread:
        names = context.declared.get("calendar", ())
        example = f"when {names[0]} opens" if names else "2026-12-01 09:00"
        near = did_you_mean(text.lstrip("0123456789hmds "), (start, _END))
        return Misread(
            "P114",
            f'"{text}" is not a moment',
            0,
            len(text),
            under=near,
            cure=f"write it as  24h {start},  4h {_END}  or  {example}",
        )
    return Misread(
        "P114",
        f'"{text}" is a length of time, and a moment is wanted',
        0,
        len(text),
        under=f"write  {text} {start}  or  {text} {_END}",
    )
