"""The written forms of values: numbers, money, shares, lengths of time, moments, days."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.policy.notations import (
    DATE_WORDS,
    MONEY_WORDS,
    SHARE_WORDS,
    TIME_WORDS,
    UNIT_OF,
    as_clock,
    as_dates,
    as_duration,
    as_money,
    as_share,
    as_when,
    as_yes_no,
    in_dollars,
    plain,
)
from reviewbot.policy.text_forms import (
    asked,
    did_you_mean,
    letter_name,
    listed,
    odd_letter,
    only_cure,
    same_sense,
    shape,
    spelt,
)

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LARGEST = Decimal("1e15")
YES = ("yes", "true")
NO = ("no", "false")


class Misread(Exception):
    """A text that is not what it should be: `start` to `end` of it are the words at fault.

    `write` is the one text that certainly was meant: it is shown, and put in place by `--fix`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        start: int,
        end: int,
        *,
        under: str | None = None,
        cure: str | None = None,
        replacement: str | None = None,
        write: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.start = start
        self.end = end
        self.under = f"write  {write}" if write else under
        self.cure = cure
        self.replacement = write or replacement


class Day(msgspec.Struct, frozen=True):
    """A date as written, which stands for the whole day in the policy's zone."""

    begins: datetime
    ends: datetime


def read_count(text: str, at: int) -> int:
    """Read a whole number."""
    if shape(r"[1-9]\d{0,2}([.]\d{3})+").fullmatch(text):
        meant = text.replace(".", "")
        under = f"did you mean  {meant}  ?"
        raise _misread("P101", f'"{text}" is not a whole number', text, at, under=under)
    number = _decimal(text, at, "a whole number")
    if number != number.to_integral_value():
        raise _misread("P101", f'"{text}" is not a whole number', text, at)
    return int(number)


def read_score(text: str, at: int) -> int | float:
    """Read a plain number."""
    if text.endswith("%"):
        share = f"{read_share(text, at):g}"
        message = "this fact is a number from 0 to 1, not a percentage"
        raise _misread("P101", message, text, at, write=share)
    number = _decimal(text, at, "a number")
    return int(number) if number == number.to_integral_value() else float(number)


def read_money(text: str, at: int) -> float:
    """Read `0.24 USD`."""
    amount, currency = text[:-3].rstrip(), text[-3:]
    if shape(r"[1-9]\d{0,2}([.]\d{3})+").fullmatch(amount):
        under = f"did you mean  {amount.replace('.', '')} USD  ?"
        raise _misread("P101", f'"{text}" may be a thousand times more', text, at, under=under)
    if currency == "USD":
        return float(_not_negative(_decimal(amount, at, "an amount of money"), text, at))
    cures = _cures(text, MONEY_WORDS, as_money)
    if (cures.get("write") or "").removesuffix(" USD") in (*shape(r"[\d.]+").findall(text),):
        raise _misread("P104", "an amount of money needs its currency", text, at, **cures)
    cure = "write the amount in dollars, then  USD"
    if not cures and (meant := as_money(in_dollars(plain(text)))) is not None:
        cure = f"write the amount in dollars; where it is as much,  {meant}"
        raise _misread("P104", "amounts are in US dollars", text, at, cure=cure)
    raise _misread(
        "P101", f'"{text}" is not an amount of money', text, at, **cures or {"cure": cure}
    )


def read_share(text: str, at: int) -> float:
    """Read `35%` or `0.35`."""
    if text.endswith("%") and "," not in text:
        return float(_not_negative(_decimal(text[:-1].rstrip(), at, "a share"), text, at) / 100)
    if not _is_number(text) and (cures := _cures(text, SHARE_WORDS, as_share)):
        raise _misread("P101", f'"{text}" is not a share', text, at, **cures)
    number = _not_negative(_decimal(text, at, "a share"), text, at)
    if number > 1:
        message = f'"{text}" has no unit: a share is written as a percentage, or from 0 to 1'
        raise _misread("P102", message, text, at, write=f"{text}%")
    return float(number)


def read_duration(text: str, at: int) -> float:
    """Read `30s`, `90m`, `6h`, `1h30m`, `2d` into seconds."""
    pieces = _pieces(text)
    compact = _compact(pieces)
    if compact is None:
        raise _bad_duration(text, at, pieces)
    if compact != text:
        message = (
            f'a length of time is written without spaces and with s, m, h or d: "{text}" is not'
        )
        raise _misread("P103", message, text, at, write=compact)
    seconds = sum(float(number) * UNITS[unit] for number, unit in pieces)
    if seconds > 3650 * 86400:
        raise _misread("P101", f'"{text}" is longer than ten years', text, at)
    return seconds


def read_when(text: str, at: int, zone: ZoneInfo) -> Day | datetime:
    """Read `2026-12-01` (a whole day) or `2026-12-01 09:00` in `zone` (or with its own offset)."""
    try:
        return _when(text, at, zone)
    except OverflowError:
        raise _misread("P101", f'"{text}" is out of reach', text, at) from None


def read_date(text: str, at: int) -> date:
    """Read `2026-12-01`."""
    day = _date(text)
    if day is None:
        stamp = shape(r"(\d{4}-\d\d-\d\d)T[\d:.]+Z?").fullmatch(text)
        whens = (stamp.group(1),) if stamp else _whens(text)
        days = tuple(dict.fromkeys(when[:10] for when in whens))
        raise _no_date(text, at, days, "a date is written as year-month-day")
    return day


_NO_END = "forever,never,always,none,unlimited,no end,open end,unbegrenzt,unbefristet,dauerhaft,permanent,bis auf weiteres,until further notice,ewig,offen,open,kein,keins,für immer,nie,-,n/a,∞"


def _no_date(
    text: str, at: int, meant: tuple[str, ...], cure: str, what: str = "a date"
) -> Misread:
    """Not a date; what it can mean is offered, and put in place where that is one day."""
    message = f'"{text}" is not {what}'
    if leap := as_dates(f"{text.rstrip('. ')} 2000") or as_dates(f"{text.rstrip('. ')}.2000"):
        cure = f"a date has its year in front: write  YEAR{leap[0][4:]}  with the year for YEAR"
    if not meant and as_clock(plain(text)) is not None and not text.isdigit():
        cure = "for a time of day declare hours, and ask  now: in hours NAME"
    if text.casefold() in _NO_END.split(","):
        cure = "without an end nothing stands there: delete it"
    if not meant and (inside := _date_inside(text)):
        return _misread("P101", message, text, at, cure=f"did you mean  {inside}  ?")
    if (impossible := _impossible(text, meant)) is not None:
        message, meant = impossible
    elif len(meant) == 1:
        return _misread("P101", message, text, at, write=meant[0])
    cure = f"did you mean  {'  or  '.join(meant)}  ?" if meant else cure
    return _misread("P101", message, text, at, cure=cure)


def _date_inside(text: str) -> str | None:
    """The one day that is named among other words: `2026-12-31 (renewed)`."""
    found = shape(r"\d{4}-\d\d-\d\d|\d{1,2}\.\d{1,2}\.\d{4}").findall(text)
    days = as_dates(found[0]) if len(found) == 1 and found != [text] else ()
    return days[0] if days else None


def _impossible(text: str, meant: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """What is wrong with a day that no month has, and which were meant."""
    turned = shape(r"(\d{1,2})\.(\d{1,2})\.(\d{4})").fullmatch(text) if not meant else None
    found = turned or shape(r"(\d{4})-(\d\d)-(\d\d)").fullmatch(text)
    if found is None:
        return None
    year, month, day = map(int, found.groups()[::-1] if turned else found.groups())
    last = monthrange(year, month)[1] if 1 <= month <= 12 and year else 0
    if last:
        day = min(max(day, 1), last)
        return f"that month has {last} days", (f"{year:04}-{month:02}-{day:02}",)
    if turned and day <= 12:  # with the month in front, as some countries write
        meant = as_dates(f"{year:04}-{day:02}-{month:02}")
    return f"there is no month {month}", meant


def read_yes_no(text: str, at: int) -> bool:
    """Read `yes` or `no` (also `true`, `false`)."""
    if text in YES:
        return True
    if text in NO:
        return False
    message = f'"{text}" is neither yes nor no'
    raise _misread("P101", message, text, at, under="write  yes  or  no", write=as_yes_no(text))


def read_choice(text: str, at: int, values: tuple[str, ...], what: str = "value") -> str:
    """Read one of `values`, in any letter case. A plain value's message lists them with the fact."""
    for value in values:
        if value.casefold() == text.casefold():
            return value
    message = f'there is no {what} "{text}"'
    near = tuple(value for value in values if same_sense(text, value))
    if (odd := odd_letter(text)) is not None:
        message = f'"{text}" holds a letter that only looks Latin: {letter_name(odd)}'
    raise _misread(
        "P022",
        message,
        text,
        at,
        under=did_you_mean(text, near),
        cure=None if what == "value" else f"it is one of {listed(values)}",
        replacement=only_cure(text, near),
    )


def _pieces(text: str) -> list[tuple[str, str]]:
    """Split `1h 30 min` into numbers and words; nothing when it holds anything else."""
    pieces: list[tuple[str, str]] = []
    number = word = ""
    for char in f"{text} ":
        is_digit = char.isascii() and (char.isdigit() or char == ".")
        if not is_digit and not char.isalpha() and char != " ":
            return []
        if word and (is_digit or (number and char == " ")):
            pieces.append((number, word))
            number = word = ""
        if is_digit:
            number += char
        elif char != " ":
            word += char
    return [*pieces, (number, word)] if number or word else pieces


def _compact(pieces: list[tuple[str, str]]) -> str | None:
    """Write the pieces as `1h30m`; None when they are not a length of time in falling units."""
    parts = [(number, UNIT_OF.get(word.casefold(), "")) for number, word in pieces]
    sizes = [UNITS[unit] for number, unit in parts if unit in UNITS and number.isdecimal()]
    if not sizes or len(sizes) < len(parts) or sizes != sorted(set(sizes), reverse=True):
        return None
    return "".join(f"{number}{unit}" for number, unit in parts)


def _bad_duration(text: str, at: int, pieces: list[tuple[str, str]]) -> Misread:
    if _is_number(text):
        under = f"did you mean  {text}h,  {text}m  or  {text}d  ?"
        return _misread("P102", f'"{text}" has no unit', text, at, under=under)
    units = [UNIT_OF.get(word.casefold()) for _, word in pieces]
    code, cure = "P103", "write it as  1d2h30m"
    if len(pieces) > 1 and any(not word for _, word in pieces):
        message = f'"{text}" mixes a number with a unit and one without'
    elif any("." in number for number, _ in pieces):
        message, cure = f'"{text}" holds a fraction', "write it in two units, as  1h30m"
    elif units == ["w"] and len(pieces[0][0]) < 6:
        message = "lengths of time are in s, m, h or d"
    elif as_clock(plain(text).removeprefix("until ").removeprefix("bis ")) is not None:
        message = f'"{text}" is a time of day, and a length of time is wanted'
    elif units and all(units) and units != ["w"]:
        message = f'the units of "{text}" must fall: days, hours, minutes, seconds, each once'
    else:
        code, message = "P101", f'"{text}" is not a length of time'
        cure = "write it as  30s, 90m, 6h, 1h30m  or  2d"
    meant = _cures(text, TIME_WORDS, as_duration)
    return _misread(code, message, text, at, **(meant or {"cure": cure}))


def _cures(
    text: str, words: tuple[str, ...], read: Callable[[str], str | None]
) -> dict[str, str | None]:
    """Say how a value is written that people write otherwise, or spell wrong; nothing where none is seen."""
    meant, sure = spelt(plain(text), words, read)
    if not meant or sure:
        return {"write": meant[0]} if meant else {}
    return {"under": asked("  or  ".join(meant))}


def _when(text: str, at: int, zone: ZoneInfo) -> Day | datetime:
    day = _date(text)
    if day is not None:
        return Day(_midnight(day, zone), _midnight(day + timedelta(days=1), zone))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or ":" not in text:
        cure = "a day is written as year-month-day, a moment with its time behind it"
        raise _no_date(text, at, _whens(text), cure, "a date or a moment")
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    return _local(moment, zone, text, at)


def _whens(text: str) -> tuple[str, ...]:
    """The days or moments that a text can mean."""
    meant, _ = spelt(plain(text), DATE_WORDS, lambda said: as_when(said) or None)
    return meant[0] if meant else ()


def _date(text: str) -> date | None:
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _local(moment: datetime, zone: ZoneInfo, text: str, at: int) -> datetime:
    """Give a local time its zone; refuse one that the clock change skips or repeats."""
    early, late = moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, fold=1)
    chosen = early.astimezone(UTC)
    if early.utcoffset() == late.utcoffset():
        return chosen
    skipped = chosen.astimezone(zone).replace(tzinfo=None) != moment
    message = f'the clock in {zone.key} {"skips" if skipped else "shows twice"} "{text}"'
    cure = "write another time, or one with its offset, as  2026-12-01 09:00+01:00"
    raise _misread("P115", message, text, at, cure=cure)


def _decimal(text: str, at: int, what: str) -> Decimal:
    whole, _, fraction = text.removeprefix("-").partition(".")
    digits = whole + fraction
    if whole and digits.isascii() and digits.isdecimal():
        number = Decimal(text)
        if abs(number) > _LARGEST:
            raise _misread("P101", "this number is too large", text, at)
        return number
    if not text:
        raise _misread("P101", f"{what} is missing here", text, at)
    message = f'"{text}" is not {what}'
    tidy = text.replace("_", "").replace(",", "")
    if tidy == text or not _is_number(tidy):
        raise _misread("P101", message, text, at)
    if "," in text and len(text.rpartition(",")[2]) != 3:
        under = f"write  {text.replace(',', '.')}"
        message = f"{message}: fractions are written with a dot"
        raise _misread("P101", message, text, at, under=under)
    raise _misread("P101", message, text, at, write=tidy)


def _not_negative(number: Decimal, text: str, at: int) -> Decimal:
    if number < 0:
        raise _misread("P101", f'"{text}" is below zero', text, at)
    return number


def _is_number(text: str) -> bool:
    digits = text.replace(".", "", 1)
    return digits.isascii() and digits.isdigit() and len(digits) < 16


def _misread(code: str, message: str, text: str, at: int, **cures: str | None) -> Misread:
    return Misread(code, message, at, at + len(text), **cures)
