"""The written forms of values: what is read, and what a person is told of all else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reviewbot.policy.values import (
    Day,
    Misread,
    read_choice,
    read_count,
    read_date,
    read_duration,
    read_money,
    read_score,
    read_share,
    read_when,
    read_yes_no,
)

Reader = Callable[[str, int], Any]

PARIS = ZoneInfo("Europe/Paris")
PLATFORMS = ("tiktok", "instagram")
when: Reader = partial(read_when, zone=PARIS)
platform: Reader = partial(read_choice, values=PLATFORMS, what="platform")
plain_value: Reader = partial(read_choice, values=PLATFORMS)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (read_count, "5", 5),
        (read_count, "-5", -5),
        (read_count, "5.0", 5),
        (read_count, "1000000000000000", 10**15),
        (read_count, "5.", 5),
        (read_score, "5", 5),
        (read_score, "5.5", 5.5),
        (read_score, "-0.25", -0.25),
        (read_money, "0.24 USD", 0.24),
        (read_money, "0 USD", 0.0),
        (read_money, "12USD", 12.0),
        (read_share, "35%", 0.35),
        (read_share, "35 %", 0.35),
        (read_share, "150%", 1.5),
        (read_share, "0.35", 0.35),
        (read_share, "1", 1.0),
        (read_share, "0", 0.0),
        (read_duration, "30s", 30.0),
        (read_duration, "1h30m", 5400.0),
        (read_duration, "1d2h3m4s", 93784.0),
        (read_duration, "3650d", 315360000.0),
        (read_date, "2026-12-01", date(2026, 12, 1)),
        (read_yes_no, "yes", True),
        (read_yes_no, "true", True),
        (read_yes_no, "no", False),
        (read_yes_no, "false", False),
        (plain_value, "tiktok", "tiktok"),
        (plain_value, "InstaGram", "instagram"),
        (when, "2026-12-01 09:00", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        (when, "2026-12-01 09:00+05:30", datetime(2026, 12, 1, 3, 30, tzinfo=UTC)),
        (when, "2026-03-29 03:00", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (
            when,
            "2026-03-29",
            Day(datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ),
    ],
)
def test_a_value_is_read(read: Reader, text: str, value: object) -> None:
    """In the type that is compared later: whole numbers whole, moments in UTC, days as long as theirs."""
    found = read(text, 3)
    assert found == value
    assert type(found) is type(value)
    moments = [found.begins, found.ends] if isinstance(found, Day) else [found]
    assert all(moment.tzinfo is UTC for moment in moments if isinstance(moment, datetime))


FORM_OF_A_LENGTH = "write it as  30s, 90m, 6h, 1h30m  or  2d"
FALLING = 'the units of "{}" must fall: days, hours, minutes, seconds, each once'
TWO_UNITS = "write it in two units, as  1h30m"
IN_DOLLARS = "write the amount in dollars, then  USD"
AS_MUCH = "write the amount in dollars; where it is as much,  0.24 USD"
DOLLARS = ("P104", "amounts are in US dollars", None, AS_MUCH, None)
WEEKS = "lengths of time are in s, m, h or d"
COMPACT = 'a length of time is written without spaces and with s, m, h or d: "{}" is not'
NO_CURRENCY = "an amount of money needs its currency"
A_DATE = "a date is written as year-month-day"
A_MOMENT = "a day is written as year-month-day, a moment with its time behind it"
A_TIME = "for a time of day declare hours, and ask  now: in hours NAME"
OTHER_TIME = "write another time, or one with its offset, as  2026-12-01 09:00+01:00"
CYRILLIC = '"tikt\u043ek" holds a letter that only looks Latin: Cyrillic small letter o'


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (read_count, "5.5", ("P101", '"5.5" is not a whole number', None, None, None)),
        (read_count, "--5", ("P101", '"--5" is not a whole number', None, None, None)),
        (read_count, ".5", ("P101", '".5" is not a whole number', None, None, None)),
        (read_count, "1e3", ("P101", '"1e3" is not a whole number', None, None, None)),
        (read_count, "\u0663", ("P101", '"\u0663" is not a whole number', None, None, None)),
        (
            read_count,
            "1,000",
            ("P101", '"1,000" is not a whole number', "write  1000", None, "1000"),
        ),
        (read_count, "", ("P101", "a whole number is missing here", None, None, None)),
        (read_count, "1000000000000001", ("P101", "this number is too large", None, None, None)),
        (read_count, "-1000000000000001", ("P101", "this number is too large", None, None, None)),
        (read_score, "1_000", ("P101", '"1_000" is not a number', "write  1000", None, "1000")),
        (
            read_score,
            "1,5",
            (
                "P101",
                '"1,5" is not a number: fractions are written with a dot',
                "write  1.5",
                None,
                None,
            ),
        ),
        (
            read_score,
            "35%",
            (
                "P101",
                "this fact is a number from 0 to 1, not a percentage",
                "write  0.35",
                None,
                "0.35",
            ),
        ),
        (read_money, "$0.24", ("P104", NO_CURRENCY, "write  0.24 USD", None, "0.24 USD")),
        (read_money, "0.24", ("P104", NO_CURRENCY, "write  0.24 USD", None, "0.24 USD")),
        (read_money, "0.24 usd", ("P104", NO_CURRENCY, "write  0.24 USD", None, "0.24 USD")),
        (read_money, "12 dollars", ("P104", NO_CURRENCY, "write  12 USD", None, "12 USD")),
        (read_money, "1 dollar", ("P104", NO_CURRENCY, "write  1 USD", None, "1 USD")),
        (read_money, "USD 0.24", ("P104", NO_CURRENCY, "write  0.24 USD", None, "0.24 USD")),
        (
            read_money,
            "$123456789012345",
            ("P104", NO_CURRENCY, "write  123456789012345 USD", None, "123456789012345 USD"),
        ),
        *(
            (
                read_money,
                text,
                (
                    "P101",
                    f'"{text}" is not an amount of money',
                    None,
                    IN_DOLLARS,
                    None,
                ),
            )
            for text in ("$1234567890123456", "$1.2.3", "$")
        ),
        *((read_money, text, DOLLARS) for text in ("\u20ac0.24", "0.24\u20ac", "\u00a30.24")),
        (read_money, "0.24\u00a3", DOLLARS),
        (read_money, "0.24 EUR", DOLLARS),
        (
            read_money,
            "much",
            ("P101", '"much" is not an amount of money', None, IN_DOLLARS, None),
        ),
        (
            read_money,
            "0.24 E_R",
            ("P101", '"0.24 E_R" is not an amount of money', None, IN_DOLLARS, None),
        ),
        (read_money, "-1 USD", ("P101", '"-1 USD" is below zero', None, None, None)),
        (read_share, "-1%", ("P101", '"-1%" is below zero', None, None, None)),
        (read_share, "-1", ("P101", '"-1" is below zero', None, None, None)),
        (read_share, "x", ("P101", '"x" is not a share', None, None, None)),
        (
            read_share,
            "1.01",
            (
                "P102",
                '"1.01" has no unit: a share is written as a percentage, or from 0 to 1',
                "write  1.01%",
                None,
                "1.01%",
            ),
        ),
        (
            read_duration,
            "1 h 30 Min",
            ("P103", COMPACT.format("1 h 30 Min"), "write  1h30m", None, "1h30m"),
        ),
        (read_duration, "2 hrs", ("P103", COMPACT.format("2 hrs"), "write  2h", None, "2h")),
        (
            read_duration,
            "90",
            ("P102", '"90" has no unit', "did you mean  90h,  90m  or  90d  ?", None, None),
        ),
        (
            read_duration,
            "6h30",
            (
                "P103",
                '"6h30" mixes a number with a unit and one without',
                "write  6h30m",
                None,
                "6h30m",
            ),
        ),
        (read_duration, "1w", ("P103", WEEKS, "write  7d", None, "7d")),
        (read_duration, "1 week", ("P103", WEEKS, "write  7d", None, "7d")),
        (read_duration, "2 Weeks", ("P103", WEEKS, "write  14d", None, "14d")),
        (
            read_duration,
            "1.5w",
            ("P103", '"1.5w" holds a fraction', "write  10d12h", None, "10d12h"),
        ),
        (
            read_duration,
            "999999w",
            ("P101", '"999999w" is not a length of time', None, FORM_OF_A_LENGTH, None),
        ),
        (
            read_duration,
            "90 mnts",
            (
                "P101",
                '"90 mnts" is not a length of time',
                "did you mean  2700d  or  90m  ?",
                None,
                None,
            ),
        ),
        (read_duration, "1.2.3", ("P103", '"1.2.3" holds a fraction', None, TWO_UNITS, None)),
        (read_duration, "1.5h", ("P103", '"1.5h" holds a fraction', "write  1h30m", None, "1h30m")),
        (
            read_duration,
            "30m1h",
            ("P103", FALLING.format("30m1h"), "write  1h30m", None, "1h30m"),
        ),
        (
            read_duration,
            "1h1h",
            ("P103", FALLING.format("1h1h"), None, "write it as  1d2h30m", None),
        ),
        (
            read_duration,
            "soon",
            ("P101", '"soon" is not a length of time', None, FORM_OF_A_LENGTH, None),
        ),
        (
            read_duration,
            "-1h",
            ("P101", '"-1h" is not a length of time', None, FORM_OF_A_LENGTH, None),
        ),
        (read_duration, "", ("P101", '"" is not a length of time', None, FORM_OF_A_LENGTH, None)),
        (
            read_duration,
            "3650d1s",
            ("P101", '"3650d1s" is longer than ten years', None, None, None),
        ),
        (read_duration, "3651d", ("P101", '"3651d" is longer than ten years', None, None, None)),
        (
            read_duration,
            "9999999999s",
            ("P101", '"9999999999s" is longer than ten years', None, None, None),
        ),
        (
            read_date,
            "2026-12-1",
            ("P101", '"2026-12-1" is not a date', "write  2026-12-01", None, "2026-12-01"),
        ),
        (
            read_date,
            "2026-13-01",
            ("P101", "there is no month 13", None, "did you mean  2026-01-13  ?", None),
        ),
        (
            read_date,
            "2026-W05-1",
            ("P101", '"2026-W05-1" is not a date', None, A_DATE, None),
        ),
        (when, "9:00", ("P101", '"9:00" is not a date or a moment', None, A_TIME, None)),
        (when, "soon", ("P101", '"soon" is not a date or a moment', None, A_MOMENT, None)),
        (
            when,
            "20261201",
            (
                "P101",
                '"20261201" is not a date or a moment',
                "write  2026-12-01",
                None,
                "2026-12-01",
            ),
        ),
        (
            when,
            "2026-03-29 02:30",
            (
                "P115",
                'the clock in Europe/Paris skips "2026-03-29 02:30"',
                None,
                OTHER_TIME,
                None,
            ),
        ),
        (
            when,
            "2026-10-25 02:30",
            (
                "P115",
                'the clock in Europe/Paris shows twice "2026-10-25 02:30"',
                None,
                OTHER_TIME,
                None,
            ),
        ),
        *(
            (when, text, ("P101", f'"{text}" is out of reach', None, None, None))
            for text in (
                "9999-12-31",
                "0001-01-01",
                "0001-01-01 00:05",
                "0001-01-01 00:00+05:00",
                "9999-12-31 23:00-05:00",
            )
        ),
        (read_yes_no, "YES", ("P101", '"YES" is neither yes nor no', "write  yes", None, "yes")),
        (read_yes_no, "y", ("P101", '"y" is neither yes nor no', "write  yes", None, "yes")),
        (read_yes_no, "On", ("P101", '"On" is neither yes nor no', "write  yes", None, "yes")),
        (read_yes_no, "No", ("P101", '"No" is neither yes nor no', "write  no", None, "no")),
        (read_yes_no, "n", ("P101", '"n" is neither yes nor no', "write  no", None, "no")),
        (read_yes_no, "OFF", ("P101", '"OFF" is neither yes nor no', "write  no", None, "no")),
        (
            read_yes_no,
            "maybe",
            ("P101", '"maybe" is neither yes nor no', "write  yes  or  no", None, None),
        ),
        (
            plain_value,
            "tiktock",
            ("P022", 'there is no value "tiktock"', "did you mean  tiktok  ?", None, "tiktok"),
        ),
        (
            platform,
            "blue",
            (
                "P022",
                'there is no platform "blue"',
                None,
                "it is one of tiktok or instagram",
                None,
            ),
        ),
        (plain_value, "tikt\u043ek", ("P022", CYRILLIC, "did you mean  tiktok  ?", None, "tiktok")),
    ],
)
def test_what_cannot_be_read_is_named_with_its_cure(
    read: Reader, text: str, said: tuple[str | None, ...]
) -> None:
    """The code, the sentence, the hint under it, the form to write and what `fmt` may put instead."""
    with pytest.raises(Misread) as met:
        read(text, 3)
    found = met.value
    assert (found.code, found.message, found.under, found.cure, found.replacement) == said
    assert str(found) == found.message
    assert (found.start, found.end) == (3, 3 + len(text))


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_money, "x USD", '"x" is not an amount of money'),
        (read_share, "x%", '"x" is not a share'),
        (read_score, "x%", '"x" is not a share'),
    ],
)
def test_a_good_unit_is_not_at_fault(read: Reader, text: str, message: str) -> None:
    """Only the words before it are underlined."""
    with pytest.raises(Misread) as met:
        read(text, 3)
    assert (met.value.message, met.value.start, met.value.end) == (message, 3, 4)
