"""Hours and moments: when a calendar is open, and the points in time of a review."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from reviewbot.policy.language.declared import declared_name, unknown
from reviewbot.policy.language.forms import LINES, OF_NOTHING, one_or_more
from reviewbot.policy.language.grammar import HOURS
from reviewbot.policy.language.people import read_targets
from reviewbot.policy.language.reader import MappingReader, Reading, first_line
from reviewbot.policy.language.spoken import (
    BY_CLOCK,
    HOURS_WORDS,
    MOMENT_WORDS,
    NO_REMINDER,
    SPOKEN_OF,
    STARTS,
    as_days,
    as_hours,
    as_moment,
    as_several_dates,
    clock_in,
    moment_inside,
    no_date,
    with_a_break,
    with_exception,
)
from reviewbot.policy.language.whole_texts import WINDOW
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree
from reviewbot.policy.model import (
    BeforeDeadline,
    Fixed,
    FromConfirmed,
    Hours,
    Moment,
    OpenRange,
    Reminder,
    WhenOpens,
)
from reviewbot.policy.notations import as_duration, plain
from reviewbot.policy.text_forms import asked, fold, listed, only_cure, shape, spelt
from reviewbot.policy.values import Day, Misread, read_date, read_duration, read_when

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ALL_DAY = 24 * 60

_END = "before deadline"


def read_hours(reading: Reading, tree: Tree | None) -> tuple[Hours, ...]:
    """Read `hours:`."""
    found = []
    for key, value in reading.named_entries(tree, "hours:", f"desk: {HOURS.example}", "hours"):
        if isinstance(value, Mapping) and (days := _day_by_day(value)):
            message = "days stand behind  open:,  not in front of a colon"
            place = first_line(value.span)
            reading.add("P128", place, message, under=f"write  open: [{', '.join(days)}]")
            continue
        fields = reading.section(value, HOURS, f'the hours "{key.value}"')
        if fields is not None:
            found.append(_calendar(reading, key.value, fields))
    return tuple(found)


def _day_by_day(tree: Mapping) -> list[str]:
    """Lines such as `monday: 9-17` as texts of hours; none where they are no such lines."""
    texts = [
        f"{key.value} {getattr(value, 'value', '')}"
        for key, value in tree.entries
        if as_days(key.value)
    ]
    found = [hours for text in texts if (hours := as_hours(text)) is not None]
    return found if len(found) == len(tree.entries) else []


def _calendar(reading: Reading, name: str, fields: MappingReader) -> Hours:
    closed = fields.texts("closed")
    weekly = any(as_days(scalar.value) for scalar in closed)
    cure = "say on which days and at what times, as  open: mon-fri 00:00-24:00"
    tree = fields.peek("open") if weekly else fields.get("open", cure)
    ranges = _ranges(reading, tree) if one_or_more(tree) else []
    if tree is not None and not one_or_more(tree):
        reading.add("P126", tree.span, f"{fields.what} never open", cure=cure)
    days: list[date] = []
    names: list[str] = []
    for scalar in closed:
        if (off := as_days(scalar.value)) is not None:
            _refuse_weekdays(reading, scalar, off, has_open=tree is not None)
        elif scalar.value.startswith("in list "):
            names.extend(_closed_list(reading, scalar))
        elif (meant := _meant_list(reading, scalar.value)) is not None:
            message = "days that have a list of their own are taken from it by  in list"
            reading.add("P101", scalar, message, under=f"write  in list {meant}")
        elif (named := no_date(scalar.value)) is not None:
            reading.add("P101", scalar, f'"{scalar.value}" is not a date', cure=named)
        elif len(several := as_several_dates(scalar.value)) > 1:
            message = "several days stand in brackets, with commas"
            reading.add("P101", scalar, message, under=f"write  [{', '.join(several)}]")
        elif (day := reading.read(scalar, read_date)) is not None:
            days.append(day)
    return Hours(
        name=name,
        open=tuple(ranges),
        closed=tuple(days),
        closed_lists=tuple(names),
        span=fields.span,
    )


def _ranges(reading: Reading, tree: Tree | None) -> list[OpenRange]:
    ranges, scalars = [], reading.texts(tree, "open:")
    days = as_days(",".join(scalar.value for scalar in scalars)) if len(scalars) > 1 else None
    if days and tree is not None:
        under = f"for whole days write  {days} 00:00-24:00"
        reading.add("P128", first_line(tree.span), "these are days without times", under=under)
        return []
    if tree is not None and (both := _days_apart([scalar.value for scalar in scalars])):
        message = "days and their times stand together, without a comma between them"
        reading.add("P128", first_line(tree.span), message, under=f"write  {both}")
        return []
    for scalar in scalars:
        try:
            ranges.append(_open_range(scalar))
        except Misread as misread:
            _misread_hours(reading, scalar, misread)
    return ranges


def _days_apart(texts: list[str]) -> str | None:
    """`[mon-fri, 08:00-16:00]` with the times behind their days."""
    days = as_days(",".join(text for text in texts if as_days(text)))
    times = [as_hours(text) for text in texts if not as_days(text)]
    if days is None or not times or not all(time and time[0].isdigit() for time in times):
        return None
    ranges = ", ".join(f"{days} {time}" for time in times)
    return ranges if len(times) == 1 else f"[{ranges}]"


def _misread_hours(reading: Reading, scalar: Scalar, misread: Misread) -> None:
    """Report what are no hours, with those that were meant."""
    if shape(r"(?:[\d*,/-]+ ){4}[\w*,/-]+").fullmatch(scalar.value.strip()):
        message, cure = (
            "this is a time table of cron",
            "write days and times, as  mon-fri 09:00-18:00",
        )
        reading.add("P128", scalar, message, cure=cure)
        return
    found, sure = spelt(scalar.value, HOURS_WORDS, as_hours)
    meant = "  or  ".join(found) or with_a_break(scalar.value)
    if meant is None:
        days = (shape(r"(\p{L}{2,}) (\p{L}{2,})").sub(rf"\1{s}\2", scalar.value) for s in "-,")
        meant, sure = "  or  ".join(filter(None, map(as_hours, days))) or None, False
    if meant is None or meant == scalar.value:
        reading.misread(scalar, misread)
        return
    place = (scalar, max(0, misread.start), misread.end)
    timed = any(char.isdigit() for char in scalar.value)
    message = misread.message if timed else f'"{scalar.value}" has no times'
    under = f"write  {meant}" if timed else f"for whole days write  {meant}"
    whole = (scalar, meant) if timed and sure else None
    under = under if sure else asked(meant)
    reading.add(misread.code, place, message, under=under, whole=whole)


def _refuse_weekdays(reading: Reading, scalar: Scalar, off: str, *, has_open: bool) -> None:
    """Days of the week under `closed:`, which takes dates: they are left out of `open:`."""
    days = as_days(f"mon-sun except {off}") or "mon-fri"
    message = "closed:  takes dates; days of the week are left out of  open:"
    under = f"leave {off} out of  open:" if has_open else f"write  open: {days} 00:00-24:00"
    reading.add("P127", scalar, message, under=under)


def _meant_list(reading: Reading, text: str) -> str | None:
    """The list that a text names without the words for it."""
    names = reading.declared.get("list", ())
    found = shape(
        r"(?:in|on|from|auf|aus|the|der|our)? ?(?:the |der )?(?:lists?|liste)? ?(.+)"
    ).fullmatch(plain(text))
    return found.group(1) if found and found.group(1) in names else only_cure(found.group(1), names)


def _closed_list(reading: Reading, scalar: Scalar) -> tuple[str, ...]:
    """Read `in list NAME`; every entry of such a list must be a date."""
    name = scalar.value[8:].strip()
    if declared_name(reading, "list", scalar, len(scalar.value) - len(name)) is None:
        return ()
    for entry in reading.lists[name].entries if name in reading.lists else ():
        try:
            read_date(entry.id, 0)
        except Misread:
            message = f'the list "{name}" closes hours, but "{entry.id}" in it is not a date'
            reading.add("P127", scalar.span, message, cure="dates are written as  2026-12-25")
            break
    return (name,)


def _open_range(scalar: Scalar) -> OpenRange:
    text = scalar.value
    days_text, _, times = text.rpartition(" ")
    times_at = len(text) - len(times)
    if " - " in text:
        message = "hours are written without spaces around the -"
        raise _bad_hours(message, 0, text)
    start_text, dash, end_text = times.partition("-")
    if not dash or ":" not in times:
        raise _no_hours(text, times, times_at)
    start = _minutes(start_text, times_at)
    end = _minutes(end_text, times_at + len(start_text) + 1)
    if start in (end, _ALL_DAY):
        message = "these hours begin where they end: never open, or always?"
        cure = "for the whole day write  00:00-24:00"
        raise Misread("P126", message, times_at, len(text), cure=cure)
    return OpenRange(
        days=_days(days_text.strip()) if days_text.strip() else tuple(range(7)),
        start=start,
        end=end,
        span=scalar.span,
    )


def _no_hours(text: str, times: str, at: int) -> Misread:
    folded = times.casefold()
    if "am" in folded or "pm" in folded:
        return _bad_hours("times are written with 24 hours", at, times, "write it as  09:00-18:00")
    if times.replace("-", "").isdecimal():
        return _bad_hours("times are written with their minutes", at, times)
    cure = "write them as  mon-fri 09:00-18:00"
    return _bad_hours(f'"{text}" are no hours', 0, text, cure)


def _bad_hours(message: str, at: int, words: str, cure: str | None = None) -> Misread:
    """Words at `at` that are no hours."""
    return Misread("P128", message, at, at + max(1, len(words)), cure=cure)


def _minutes(text: str, at: int) -> int:
    hour, _, minute = text.partition(":")
    if not (hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit()):
        raise _bad_hours(f'"{text}" is not a time', at, text, "write it as  09:00")
    minutes = int(hour[:4]) * 60 + int(minute[:4])
    if len(hour) > 2 or len(minute) != 2 or int(minute) > 59 or minutes > _ALL_DAY:
        raise _bad_hours(f'there is no time "{text}"', at, text, "times go from 00:00 to 24:00")
    return minutes


def _days(text: str) -> tuple[int, ...]:
    """Read `mon-fri,sun`."""
    found: set[int] = set()
    at = 0
    for piece in text.split(","):
        start = at + len(piece) - len(piece.lstrip())
        at += len(piece) + 1
        first, dash, last = piece.strip().partition("-")
        begin = _day(first.strip(), start)
        end = _day(last.strip(), start + len(first) + 1) if dash else begin
        found.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return tuple(sorted(found))


def _day(word: str, at: int) -> int:
    folded = word.casefold()
    if folded in DAYS:
        return DAYS.index(folded)
    raise _bad_hours(f'"{word}" is not a day', at, word, f"days are {', '.join(DAYS)}")


# Moments ---------------------------------------------------------------------------------------


def read_moment(reading: Reading, tree: Tree | None, what: str) -> Moment | None:
    """Read a moment; whatever is wrong with it is reported."""
    scalar = reading.text(tree, what)
    return None if scalar is None else read_moment_text(reading, scalar)


def read_moment_text(reading: Reading, scalar: Scalar) -> Moment | None:
    """Read a moment from a text (also a key of `over time:` or `remind:`)."""
    try:
        return _moment(reading, scalar)
    except Misread as misread:
        _misread_moment(reading, scalar, misread)
        return None


def _misread_moment(reading: Reading, scalar: Scalar, misread: Misread) -> None:
    """Report what is no moment, with the one that was meant."""
    start, calendars = STARTS[reading.review], reading.declared.get("calendar", ())
    if (alone := with_exception(scalar.value, start)) is not None:
        moment, rest = alone
        message = f'"{rest}" cannot be kept: a moment is the same for every task, on all days'
        cure = "what is done on some days only is said by the rules:  act during:  with the name of hours"
        reading.add(misread.code, scalar, message, under=f"write  {moment}  alone", cure=cure)
        return
    words = (*MOMENT_WORDS, *calendars)
    found, sure = spelt(scalar.value, words, lambda said: as_moment(said, start, calendars))
    known = misread.code in ("P115", "P117") or found[:1] == (scalar.value,)
    if known or not found or not is_moment(reading, scalar, found[0]):
        if (near := _near_moment(reading, scalar, misread)) is None:
            reading.misread(scalar, misread)
        else:
            reading.add(misread.code, scalar, near[0], under=asked(near[1]))
        return
    message, said, meant = misread.message, scalar.value.casefold(), found[0]
    if meant.endswith(_END) and shape(r".* (?:after|nach|past) .*").fullmatch(said):
        message = f'"{scalar.value}" is too late: at the deadline silence has paid'
        sure = False
    place = (scalar, max(0, misread.start), misread.end)
    under, whole = (f"write  {meant}", (scalar, meant)) if sure else (asked(meant), None)
    reading.add(misread.code, place, message, under=under, whole=whole)


_THE_END = r"(?:(?:at|by|on|until|till|bis|am|zur?|bei) )?(?:the |der )?(?:deadline|frist|end|ende|fristende)"


def _near_moment(reading: Reading, scalar: Scalar, misread: Misread) -> tuple[str, str] | None:
    """What to say of several moments, of a length without its unit, and of the deadline itself."""
    text, number = scalar.value, scalar.value[misread.start : misread.end]
    inside = moment_inside(text, STARTS[reading.review], reading.declared.get("calendar", ()))
    if inside is not None and is_moment(reading, scalar, inside):
        return "one moment stands here", inside
    if misread.code == "P102":
        tried = (text.replace(number, f"{number}{unit}") for unit in ("m", "h", "d"))
        fitting = (moment for moment in tried if is_moment(reading, scalar, moment))
        return misread.message, "  or  ".join(fitting)
    start = STARTS[reading.review]
    if (known := SPOKEN_OF.get(plain(text).casefold())) is not None:
        return misread.message, known.format(start)
    is_end = shape(_THE_END).fullmatch(plain(text))
    return ("at the deadline itself silence has paid", f"1h {_END}") if is_end else None


def is_moment(reading: Reading, scalar: Scalar, text: str) -> bool:
    """Whether a text that stands where a scalar does is a moment."""
    try:
        _moment(reading, replace(scalar, value=text))
    except Misread:
        return False
    return True


def read_reminders(
    reading: Reading, tree: Tree | None, part: str = "remind:"
) -> tuple[Reminder, ...]:
    """Read `remind:`: moments, and whom to tell at each."""
    if no_moments(reading, tree, part):
        return ()
    said = tree.value if isinstance(tree, Scalar) else ""
    if isinstance(tree, Scalar) and (told := _no_reminder(reading, tree, part)) is not None:
        reading.add("P031", tree, told[0], cure=told[1])
        return ()
    found = []
    example = moment_first(reading, said) or f"6h before deadline: {said or 'lead'}"
    for key, value in reading.entries(reading.mapping(tree, part, example)):
        if (told := _moments_behind(reading, key, value)) is not None:
            reading.add("P114", key, told[0], under=told[1])
            continue
        at = read_moment_text(reading, key)
        to = read_targets(reading, value, "whom to remind")
        if at is not None and to:
            found.append(Reminder(at=at, to=to, span=key.span))
    return tuple(found)


def _no_reminder(reading: Reading, scalar: Scalar, part: str) -> tuple[str, str] | None:
    """What to say of one text where reminders stand: nobody, or a moment alone."""
    if fold(scalar.value) in NO_REMINDER.split(","):
        return f"{part} says whom to remind and when", "delete the line"
    length = as_duration(scalar.value)
    if length is not None:
        message = f"{part} says at what moment, and behind a colon whom to tell"
        return message, f"write below it  {length} {_END}:  and behind it who"
    if not is_moment(reading, scalar, scalar.value):
        return None
    message = f"{part} says at what moment, and behind a colon whom to tell"
    return message, f"write behind it who:  {scalar.value}: NAME"


def _moments_behind(reading: Reading, key: Scalar, value: Tree) -> tuple[str, str] | None:
    """What to say of moments behind the colon, and of several in front of it."""
    behind = [item.value for item in one_or_more(value) if isinstance(item, Scalar)]
    if behind and all(is_moment(reading, key, moment) for moment in behind):
        message = "the moment stands in front of the colon, whom to remind behind it"
        lines = "  and below it  ".join(f"{moment}: {key.value}" for moment in behind)
        return message, f"write  {lines}"
    several = _moments(reading, key.value) if isinstance(value, Scalar) else None
    if several is None or not isinstance(value, Scalar):
        return None
    lines = "  and below it  ".join(f"{moment}: {value.value}" for moment in several)
    return "one moment stands on a line", f"write  {lines}"


def moment_first(reading: Reading, text: str) -> str | None:
    """`Maria 6h before deadline` or `6h before deadline - Maria` with its moment in front of a colon."""
    words = plain(text.replace(":", ": ")).split(" ")
    start, calendars = STARTS[reading.review], reading.declared.get("calendar", ())
    for many in range(len(words) - 1, 0, -1):
        for at, who in ((words[:many], words[many:]), (words[-many:], words[:-many])):
            if moment := as_moment(" ".join(at).strip(" :,-"), start, calendars):
                return f"{moment}: {' '.join(who).strip(' :,->')}"
    return None


def no_moments(reading: Reading, tree: Tree | None, part: str) -> bool:
    """Whether there are none; reported where none follow, or each behind a dash without its colon."""
    if isinstance(tree, Mapping) and not tree.entries:
        reading.add("P108", tree.span, f"{part} is empty", cure=OF_NOTHING)
    items = tree.items if isinstance(tree, Sequence) else ()
    lines = [moment_first(reading, item.value) for item in items if isinstance(item, Scalar)]
    if tree is None or not lines or None in lines or len(lines) < len(items):
        return tree is None
    message = f"{part} takes {LINES}, and none of them begins with a dash"
    cure = f"write below it  {'  and  '.join(filter(None, lines))}"
    reading.add("P031", first_line(tree.span), message, cure=cure)
    return True


def _moments(reading: Reading, text: str) -> list[str] | None:
    """`6h and 12h before deadline` as two moments; None where it is not several."""
    *lengths, last = shape(" and | und |, ?| & | ?/ ?").split(plain(text))
    start = STARTS[reading.review]
    end = as_moment(last, start, ())
    if not lengths or end is None or as_moment(text, start, ()) is not None:
        return None
    words = end.partition(" ")[2]
    found = [as_duration(length) for length in lengths]
    return None if None in found else [*(f"{length} {words}" for length in found), end]


def _moment(reading: Reading, scalar: Scalar) -> Moment:
    text, span = scalar.value, scalar.span
    start = STARTS[reading.review]
    for other in STARTS.values():
        if other != start and text.endswith(other):
            message = f"reviews of {reading.review} know no  {other}"
            at, end = len(text) - len(other), len(text)
            raise Misread("P116", message, at, end, under=f"write  {start}", replacement=start)
    if text == start.removeprefix("after "):
        return FromConfirmed(seconds=0.0, text=text, span=span)
    if text.endswith(f" {start}"):
        return FromConfirmed(seconds=_length(text, start), text=text, span=span)
    if text.endswith(f" {_END}"):
        return BeforeDeadline(seconds=_length(text, _END), text=text, span=span)
    if text.startswith("when ") and text.endswith(" opens"):
        return _when_opens(reading, scalar)
    if text[:4].isdigit() and text[4:5] == "-":
        when = read_when(text, 0, reading.zone)
        if isinstance(when, Day):
            message = "a date is a whole day, and a moment is wanted"
            under = f"write  {text} 09:00  for instance"
            raise Misread("P114", message, 0, len(text), under=under)
        return Fixed(at=when, text=text, span=span)
    raise _no_moment(text, start, reading)


def _when_opens(reading: Reading, scalar: Scalar) -> WhenOpens:
    text = scalar.value
    name = text[5:-6].strip()
    if reading.uses_declared("calendar", name):
        return WhenOpens(hours=name, text=text, span=scalar.span)
    names = reading.declared.get("calendar", ())
    at = text.index(name, 5) if name else 5
    raise Misread(
        "P023",
        unknown("calendar", name),
        at,
        at + len(name) if name else len(text),
        cure=f"hours:  declares {listed(names, 'and')}" if names else "declare it under  hours:",
    )


def _length(text: str, tail: str) -> float:
    length = text[: -len(tail)].strip()
    seconds = read_duration(length, text.index(length))
    if seconds > WINDOW:
        message = "this lies outside the review: from its start to its deadline it is 72h"
        raise Misread("P117", message, 0, len(text), cure="write 72h or less")
    return seconds


def _no_moment(text: str, start: str, reading: Reading) -> Misread:
    is_length = bool(shape(r"(?:\d+[smhd])+").fullmatch(text)) or clock_in(text) is None
    length = as_duration(text) if is_length else None
    if length is None:
        names = reading.declared.get("calendar", ())
        example = f"when {names[0]} opens" if names else "2026-12-01 09:00"
        cure = f"moments are written as  6h {_END},  24h {start}  or  {example}"
        message = f'"{text}" is not a moment'
        if clock := clock_in(text):
            message = f"{message}: it counts from the review, not by the clock"
            cure += "; for this time write  when NAME opens,  and below  hours:  at the top"
            cure += f"  NAME:  with  open: mon-sun {clock}-24:00"
        elif shape(BY_CLOCK).search(text):
            message = f"{message}: it counts from the review, not by the clock"
        return Misread("P114", message, 0, len(text), cure=cure)
    message = f'"{text}" is a length of time, and a moment is wanted'
    under = f"write  {length} {start}  or  {length} {_END}"
    return Misread("P114", message, 0, len(text), under=under)
