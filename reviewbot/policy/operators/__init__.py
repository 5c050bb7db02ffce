"""The tests of values: one table of words, how each is read, what it means, how it is said.

Every test is three-valued: on an unknown value only `known` and `unknown` have an answer. A line's
value is read by the longest words at its start that are in the table; without any it is a plain
value, which the fact must equal.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.model import (
    Compare,
    Has,
    InList,
    IsKnown,
    Matches,
    NamedList,
    OneOf,
    Policy,
    Range,
    Test,
    TextTest,
    Value,
)
from reviewbot.policy.text_forms import did_you_mean, fold, listed, nfc, searcher
from reviewbot.policy.values import (
    Day,
    Misread,
    read_choice,
    read_count,
    read_duration,
    read_money,
    read_score,
    read_share,
    read_when,
    read_yes_no,
)

_NUMBERS = frozenset(
    {FactType.COUNT, FactType.SCORE, FactType.MONEY, FactType.SHARE, FactType.DURATION}
)


_TEXTS = frozenset({FactType.TEXT, FactType.CHOICE})


_ALL = frozenset(FactType)


LONGEST_TEST = 4000


_PLAIN = _ALL - {FactType.NAMES}


class Argument(msgspec.Struct, frozen=True):
    """What a test is read for: the fact, the policy's zone, and the words it is read from."""

    fact: Fact
    zone: ZoneInfo
    words: str
    """The words of the operator as written, for messages."""
    rest: str
    at: int
    """Where `rest` begins in the whole text."""
    negated: bool = False


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the table. `takes` are the types of fact it can be asked of."""

    words: str
    takes: frozenset[FactType]
    read: Callable[[Argument], Test]
    negatable: bool = False
    opposite: str | None = None
    """For a comparison: the words that say its negation."""
    meaning: str
    example: str


def read_test(text: str, fact: Fact, zone: ZoneInfo, at: int = 0) -> Test:
    """Read the test that a line's value is. Raises `Misread` with the words at fault."""
    if len(text) > LONGEST_TEST:
        raise Misread(
            "P111",
            f"a test of values has at most {LONGEST_TEST:,} characters",
            0,
            len(text),
            cure="move long lists to  lists:",
        )
    negated = False
    rest = text
    if rest == "not" or rest.startswith("not "):
        negated = True
        rest = rest[3:].lstrip(" ")
        at += len(text) - len(rest)
        if not rest:
            raise Misread(
                "P111",
                "nothing stands behind  not",
                at - 3,
                at,
                cure="write a value, or delete the line",
            )
        if rest == "not" or rest.startswith("not "):
            raise Misread("P110", "not  stands twice", at, at + 3, cure="delete both")
    operator = operator_of(rest)
    if operator is None:
        _refuse_near_operators(rest, fact, at)
        return _equals(Argument(fact, zone, "", rest, at, negated))
    words = operator.words
    behind = rest[len(words) :]
    argument = behind.lstrip(" ")
    asked = Argument(
        fact, zone, words, argument, at + len(words) + len(behind) - len(argument), negated
    )
    if fact.type not in operator.takes:
        raise _not_for(operator, fact, rest, at)
    if negated and not operator.negatable:
        raise _no_not(operator, rest, at)
    if not argument and words not in ("known", "unknown"):
        raise Misread(
            "P111",
            f"nothing stands behind  {words}",
            at,
            at + len(words),
            cure=f"write it as  {operator.example}",
        )
    return operator.read(asked)


def read_values(
    texts: tuple[tuple[str, int], ...], fact: Fact, zone: ZoneInfo
) -> tuple[tuple[Value, ...], tuple[bool, ...]]:
    """Read the plain values of a list, each with whether it is exact."""
    values: list[Value] = []
    exact: list[bool] = []
    for text, at in texts:
        value, is_exact = _value(text, at, fact, zone)
        values.append(value)
        exact.append(is_exact)
    return tuple(values), tuple(exact)


def operator_of(text: str) -> Operator | None:
    """Find the operator whose words a text begins with."""
    for operator in OPERATORS:
        words = operator.words
        if text.startswith(words):
            if words in ("known", "unknown"):
                if text == words:
                    return operator
            elif text == words or text[len(words)] == " ":
                return operator
    return None


def read_literal(text: str, fact: Fact, zone: ZoneInfo, at: int = 0) -> Value | Day:
    """Read one plain value of a fact's type, as tests and lists write it."""
    match fact.type:
        case FactType.COUNT:
            return read_count(text, at)
        case FactType.SCORE:
            return read_score(text, at)
        case FactType.MONEY:
            return read_money(text, at)
        case FactType.SHARE:
            return read_share(text, at)
        case FactType.DURATION:
            return read_duration(text, at)
        case FactType.MOMENT:
            return read_when(text, at, zone)
        case FactType.YES_NO:
            return read_yes_no(text, at)
        case FactType.CHOICE | FactType.NAMES:
            return read_choice(text, at, fact.values)
        case FactType.TEXT:
            return text


def _equals(asked: Argument) -> Test:
    fact = asked.fact
    if fact.type is FactType.NAMES:
        raise Misread(
            "P109",
            f"{fact.name} is a list of names, which a plain value cannot equal",
            asked.at,
            asked.at + len(asked.rest),
            under=f"write  contains {asked.rest}",
        )
    if asked.rest.startswith("["):
        texts = split_list(asked.rest, asked.at)
        values, exact = read_values(texts, fact, asked.zone)
        return OneOf(values=values, exact=exact, negated=asked.negated)
    value, is_exact = _whole_value(asked)
    if isinstance(value, Day):
        if asked.negated:
            raise Misread(
                "P110",
                "not  cannot stand before a whole day",
                asked.at,
                asked.at + len(asked.rest),
                cure="put the line under  none of:",
            )
        return Range(low=value.begins, high=value.ends, high_included=False)
    return OneOf(values=(value,), exact=(is_exact,), negated=asked.negated)


def _whole_value(asked: Argument) -> tuple[Value | Day, bool]:
    text, at = asked.rest, asked.at
    if asked.fact.type is FactType.TEXT:
        return _text(text, at)
    if text.startswith("exactly ") and asked.fact.type is FactType.CHOICE:
        inner = text[8:].lstrip(" ")
        return read_literal(inner, asked.fact, asked.zone, at + len(text) - len(inner)), True
    return read_literal(text, asked.fact, asked.zone, at), False


def _value(text: str, at: int, fact: Fact, zone: ZoneInfo) -> tuple[Value, bool]:
    if not text:
        raise Misread(
            "P032",
            "an empty value stands in this list",
            at,
            at + 1,
            cure="delete it, or write the value",
        )
    if fact.type is FactType.TEXT:
        if operator_of(text) is not None:
            raise _looks_like_a_test(text, at)
        return _text(text, at)
    operator = operator_of(text)
    if operator is not None or text == "not" or text.startswith("not "):
        raise Misread(
            "P109",
            "a list takes plain values, not tests",
            at,
            at + len(text),
            cure="put each test into a mapping of its own under  any of:",
        )
    asked = Argument(fact, zone, "", text, at)
    value, exact = _whole_value(asked)
    if isinstance(value, Day):
        raise Misread(
            "P109",
            "a list cannot hold whole days",
            at,
            at + len(text),
            cure="put each day into a mapping of its own under  any of:",
        )
    return value, exact


def _text(text: str, at: int) -> tuple[str, bool]:
    if text == "exactly":
        raise Misread(
            "P111", "nothing stands behind  exactly", at, at + 7, cure="write the text behind it"
        )
    if text.startswith("exactly "):
        return text[8:].lstrip(" "), True
    return text, False


def split_list(text: str, at: int) -> tuple[tuple[str, int], ...]:
    """Split `[a, "b, c"]` into its texts with their places."""
    if not text.endswith("]"):
        raise Misread(
            "P014", "this list is never closed", at, at + len(text), cure="close it with ]"
        )
    found: list[tuple[str, int]] = []
    start, inside = 1, ""
    for index, char in enumerate(text):
        if inside:
            inside = "" if char == inside else inside
        elif char in "\"'" and not text[start:index].strip():
            inside = char
        elif index and (char == "," or index == len(text) - 1):
            piece = text[start:index]
            bare = piece.strip()
            place = at + start + len(piece) - len(piece.lstrip())
            if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
                bare, place = bare[1:-1], place + 1
            found.append((bare, place))
            start = index + 1
    if len(found) == 1 and not found[0][0]:
        raise Misread(
            "P108",
            "this list is empty, so nothing is ever in it",
            at,
            at + len(text),
            cure="put values into it, or delete the line",
        )
    return tuple(found)


def _bound(low: bool, included: bool) -> Callable[[Argument], Test]:
    def read(asked: Argument) -> Test:
        value = _number(asked.rest, asked.at, asked)
        if low:
            return Range(low=value, low_included=included)
        return Range(high=value, high_included=included)

    return read


def _between(asked: Argument) -> Test:
    first, word, second = asked.rest.partition(" and ")
    if not word:
        raise _no_and(asked)
    second_at = asked.at + len(asked.rest) - len(second.lstrip(" "))
    first, second = first.strip(" "), second.strip(" ")
    if asked.fact.type is FactType.MOMENT:
        return _between_moments(asked, first, second, second_at)
    low = _number(first, asked.at, asked)
    high = _number(second, second_at, asked)
    if low > high:
        raise _swapped(asked, first, second)
    return Range(low=low, high=high)


def _between_moments(asked: Argument, first: str, second: str, second_at: int) -> Test:
    one = read_when(first, asked.at, asked.zone)
    other = read_when(second, second_at, asked.zone)
    low = one.begins if isinstance(one, Day) else one
    high = other.ends if isinstance(other, Day) else other
    if low > high or (isinstance(one, Day) and low >= high):
        raise _swapped(asked, first, second)
    return Range(low=low, high=high, high_included=not isinstance(other, Day))


def _swapped(asked: Argument, first: str, second: str) -> Misread:
    return Misread(
        "P105",
        "the first end lies above the second, so nothing is ever between them",
        asked.at,
        asked.at + len(asked.rest),
        under=f"write  between {second} and {first}",
        replacement=f"{second} and {first}",
    )


def _no_and(asked: Argument) -> Misread:
    for joint in (" to ", "..", " - ", "-", ",", " or "):
        first, word, second = asked.rest.partition(joint)
        if word and first.strip() and second.strip():
            return Misread(
                "P112",
                "the two ends of  between  are joined by  and",
                asked.at,
                asked.at + len(asked.rest),
                under=f"write  between {first.strip()} and {second.strip()}",
                replacement=f"{first.strip()} and {second.strip()}",
            )
    return Misread(
        "P112",
        "between  needs two ends",
        asked.at,
        asked.at + len(asked.rest),
        cure="write it as  between 1 and 99",
    )


def _number(text: str, at: int, asked: Argument) -> int | float:
    value = read_literal(text, asked.fact, asked.zone, at)
    if isinstance(value, str | bool | datetime | Day):
        raise Misread("P101", f'"{text}" is not a number', at, at + len(text))
    return value


def _before(asked: Argument) -> Test:
    moment = read_when(asked.rest, asked.at, asked.zone)
    return Range(high=moment.begins if isinstance(moment, Day) else moment, high_included=False)


def _after(asked: Argument) -> Test:
    moment = read_when(asked.rest, asked.at, asked.zone)
    if isinstance(moment, Day):
        return Range(low=moment.ends)
    return Range(low=moment, low_included=False)


def _part(kind: Literal["contains", "starts with", "ends with"]) -> Callable[[Argument], Test]:
    def read(asked: Argument) -> Test:
        fact = asked.fact
        if fact.type is FactType.NAMES:
            member = read_choice(asked.rest, asked.at, fact.values, "field")
            return Has(member=member, negated=asked.negated)
        text, exact = _text(asked.rest, asked.at)
        return TextTest(kind=kind, text=text, exact=exact, negated=asked.negated)

    return read


def _matches(asked: Argument) -> Test:
    return Matches(pattern=asked.rest, negated=asked.negated)


def _in_list(asked: Argument) -> Test:
    return InList(list=asked.rest, negated=asked.negated)


def _known(known: bool) -> Callable[[Argument], Test]:
    def read(_: Argument) -> Test:
        return IsKnown(known=known)

    return read


OPERATORS: tuple[Operator, ...] = (
    Operator(
        words="at least",
        takes=_NUMBERS,
        read=_bound(True, True),
        opposite="less than",
        meaning="the value or more",
        example="at least 50",
    ),
    Operator(
        words="at most",
        takes=_NUMBERS,
        read=_bound(False, True),
        opposite="more than",
        meaning="the value or less",
        example="at most 0.30 USD",
    ),
    Operator(
        words="more than",
        takes=_NUMBERS,
        read=_bound(True, False),
        opposite="at most",
        meaning="above the value",
        example="more than 35%",
    ),
    Operator(
        words="less than",
        takes=_NUMBERS,
        read=_bound(False, False),
        opposite="at least",
        meaning="below the value",
        example="less than 6h",
    ),
    Operator(
        words="between",
        takes=_NUMBERS | {FactType.MOMENT},
        read=_between,
        meaning="from the first to the second, both ends count",
        example="between 1 and 99",
    ),
    Operator(
        words="before",
        takes=frozenset({FactType.MOMENT}),
        read=_before,
        meaning="earlier; a date begins at midnight in the policy's zone",
        example="before 2026-12-01",
    ),
    Operator(
        words="after",
        takes=frozenset({FactType.MOMENT}),
        read=_after,
        meaning="later; a date ends at midnight in the policy's zone",
        example="after 2026-12-01 09:00",
    ),
    Operator(
        words="contains",
        takes=_TEXTS | {FactType.NAMES},
        read=_part("contains"),
        negatable=True,
        meaning="holds the text, in any letter case; a list of names holds the name",
        example="contains promo",
    ),
    Operator(
        words="starts with",
        takes=_TEXTS,
        read=_part("starts with"),
        negatable=True,
        meaning="begins with the text, in any letter case",
        example="starts with @",
    ),
    Operator(
        words="ends with",
        takes=_TEXTS,
        read=_part("ends with"),
        negatable=True,
        meaning="ends with the text, in any letter case",
        example="ends with !",
    ),
    Operator(
        words="matches pattern",
        takes=_TEXTS,
        read=_matches,
        negatable=True,
        meaning="the named regular expression finds something in it",
        example="matches pattern many_digits",
    ),
    Operator(
        words="in list",
        takes=_TEXTS,
        read=_in_list,
        negatable=True,
        meaning="is one of the named list, in any letter case",
        example="in list watched",
    ),
    Operator(
        words="known",
        takes=_ALL,
        read=_known(True),
        opposite="unknown",
        meaning="there is a value",
        example="known",
    ),
    Operator(
        words="unknown",
        takes=_ALL,
        read=_known(False),
        opposite="known",
        meaning="there is none",
        example="unknown",
    ),
)
"""Every test of a value, apart from plain values and lists of them."""


EXACTLY = "exactly"


# What is nearly a test -------------------------------------------------------------------------

_SIGNS = (
    (">=", "at least"),
    ("<=", "at most"),
    ("=>", "at least"),
    ("=<", "at most"),
    ("≥", "at least"),
    ("≤", "at most"),
    ("!=", "not"),
    ("<>", "not"),
    ("==", ""),
    (">", "more than"),
    ("<", "less than"),
    ("=", ""),
)


_SYNONYMS = {
    "greater than": "more than",
    "higher than": "more than",
    "above": "more than",
    "over": "more than",
    "fewer than": "less than",
    "lower than": "less than",
    "below": "less than",
    "under": "less than",
    "minimum": "at least",
    "min": "at least",
    "maximum": "at most",
    "max": "at most",
    "up to": "at most",
    "older than": "more than",
    "younger than": "less than",
    "equals": "",
    "equal to": "",
    "is not": "not",
    "is": "",
    "includes": "contains",
    "include": "contains",
    "contain": "contains",
    "start with": "starts with",
    "begins with": "starts with",
    "end with": "ends with",
    "matches": "matches pattern",
    "match pattern": "matches pattern",
    "in": "in list",
    "not in": "not in list",
    "one of": "",
    "since": "after",
    "until": "before",
    "atleast": "at least",
    "atmost": "at most",
    "al least": "at least",
}


_EMPTY_WORDS = ("null", "none", "nil", "empty", "missing", "~", "undefined", "n/a", '""', "set")


def _refuse_near_operators(text: str, fact: Fact, at: int) -> None:
    """Refuse a plain value that was probably meant as a test: its meaning is in doubt."""
    if fact.type is not FactType.TEXT:
        for sign, words in _SIGNS:
            if text.startswith(sign):
                written = f"{words} {text[len(sign) :].strip()}".strip()
                raise Misread(
                    "P112",
                    f"comparisons are words: {sign} is not one",
                    at,
                    at + len(text),
                    under=f"write  {written}",
                    replacement=written,
                )
    folded = text.casefold()
    for operator in OPERATORS:
        words = operator.words
        if folded == words or (
            folded.startswith(f"{words} ") and words not in ("known", "unknown")
        ):
            written = words + text[len(words) :]
            other = (
                f"; for the text itself write  exactly {text}" if fact.type is FactType.TEXT else ""
            )
            raise Misread(
                "P112",
                f"tests are written in small letters: {words}",
                at,
                at + len(words),
                under=f"write  {written}",
                cure=other.removeprefix("; ") or None,
                replacement=None if other else words,
            )
    if fact.type is FactType.TEXT:
        _refuse_half_words(text, at)
        return
    for wrong, right in _SYNONYMS.items():
        if folded.startswith(f"{wrong} "):
            rest = text[len(wrong) :].strip()
            written = f"{right} {rest}".strip()
            raise Misread(
                "P112",
                f'"{wrong}" is not a test of values',
                at,
                at + len(wrong),
                under=f"write  {written}",
                replacement=right or None,
            )
    if folded in _EMPTY_WORDS and folded not in fact.values:
        raise Misread(
            "P112",
            f'"{text}" is no value; a fact without a value is  unknown',
            at,
            at + len(text),
            under="write  unknown",
            replacement="unknown",
        )
    _refuse_mistyped_words(text, at)


def _refuse_half_words(text: str, at: int) -> None:
    """A text that begins like a list or pattern test is one with a word too few."""
    for start, right in (
        ("matches ", "matches pattern NAME"),
        ("start with ", "starts with TEXT"),
        ("end with ", "ends with TEXT"),
        ("not in ", "not in list NAME"),
    ):
        if text.startswith(start):
            raise Misread(
                "P112",
                f'"{text}" looks like a test of values and is none',
                at,
                at + len(start) - 1,
                under=f"write  {right}",
                cure=f"for the text itself write  exactly {text}",
            )


def _refuse_mistyped_words(text: str, at: int) -> None:
    words = text.split(" ")
    for operator in OPERATORS:
        length = operator.words.count(" ") + 1
        start = " ".join(words[:length])
        if len(words) > length and did_you_mean(start, (operator.words,)):
            raise Misread(
                "P112",
                f'there is no test "{start}"',
                at,
                at + len(start),
                under=f"did you mean  {operator.words}  ?",
                replacement=operator.words,
            )


def _looks_like_a_test(text: str, at: int) -> Misread:
    return Misread(
        "P109",
        "a list takes plain values, not tests",
        at,
        at + len(text),
        under=f"for the text itself write  exactly {text}",
        cure="put each test into a mapping of its own under  any of:",
    )


def _not_for(operator: Operator, fact: Fact, text: str, at: int) -> Misread:
    words = operator.words
    takes = [other.words for other in OPERATORS if fact.type in other.takes]
    under = None
    if fact.type is FactType.MOMENT and words in ("at least", "more than"):
        under = "did you mean  after  ?"
    elif fact.type is FactType.MOMENT and words in ("at most", "less than"):
        under = "did you mean  before  ?"
    elif fact.type in _NUMBERS and words == "before":
        under = "did you mean  less than  ?"
    elif fact.type in _NUMBERS and words == "after":
        under = "did you mean  more than  ?"
    elif fact.type is FactType.TEXT:
        under = f"for the text itself write  exactly {text}"
    return Misread(
        "P109",
        f"{words}  cannot be asked of {fact.name}, which is {described(fact)}",
        at,
        at + len(words),
        under=under,
        cure=f"it takes a plain value, {listed(takes)}",
    )


def _no_not(operator: Operator, text: str, at: int) -> Misread:
    words = operator.words
    if operator.opposite is None:
        return Misread(
            "P110",
            f"not  cannot stand before  {words}",
            at,
            at + len(words),
            cure="put the line under  none of:",
        )
    written = operator.opposite + text[len(words) :]
    return Misread(
        "P110",
        f"not  cannot stand before  {words}",
        at - 4,
        at + len(text),
        under=f"write  {written}",
        replacement=written,
    )


def described(fact: Fact) -> str:
    """Say a fact's type with its range or values, for a sentence."""
    if fact.type is FactType.CHOICE:
        return f"one of {listed(fact.values)}"
    words = str(fact.type)
    if fact.low is not None and fact.high is not None:
        return f"{words}, {fact.low:g} to {fact.high:g}"
    if fact.type is FactType.DURATION:
        return f"{words} such as 6h"
    if fact.type is FactType.MONEY:
        return f"{words} such as 0.24 USD"
    if fact.type is FactType.SHARE:
        return f"{words} such as 35%"
    return words


def say(test: Test, fact: Fact | None = None) -> str:
    """Say a test in the words of the policy language; with the fact its values carry their units."""
    match test:
        case OneOf():
            shown = [
                _with_exactly(value, exact, fact)
                for value, exact in zip(test.values, test.exact, strict=True)
            ]
            text = shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"
            return f"not {text}" if test.negated else text
        case Range():
            return _say_range(test, fact)
        case TextTest():
            return _not(test.negated, f"{test.kind} {'exactly ' if test.exact else ''}{test.text}")
        case Matches():
            return _not(test.negated, f"matches pattern {test.pattern}")
        case InList():
            return _not(test.negated, f"in list {test.list}")
        case Has():
            return _not(test.negated, f"contains {test.member}")
        case IsKnown():
            return "known" if test.known else "unknown"


def say_value(value: Value, fact: Fact | None = None) -> str:
    """Say a value with the unit of the fact it belongs to."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return (
            f"{value:%Y-%m-%d %H:%M} UTC" if not value.second else f"{value:%Y-%m-%d %H:%M:%S} UTC"
        )
    if isinstance(value, str):
        return value
    kind = fact.type if fact is not None else None
    if kind is FactType.DURATION:
        return say_duration(value)
    if kind is FactType.MONEY:
        return (
            f"{value:.2f} USD" if round(value, 2) == value else f"{value:.6f}".rstrip("0") + " USD"
        )
    if kind is FactType.SHARE:
        return f"{round(value * 100, 6):g}%"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def say_duration(seconds: float) -> str:
    """Write seconds as `1h30m`."""
    rest = round(abs(seconds))
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if unit == "d" and rest < 2 * size:
            continue
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if seconds < 0 else "") + ("".join(parts) or "0s")


def _say_range(test: Range, fact: Fact | None) -> str:
    low, high = test.low, test.high
    moment = isinstance(low, datetime) or isinstance(high, datetime)
    if low is not None and high is not None:
        return f"between {say_value(low, fact)} and {say_value(high, fact)}"
    if low is not None:
        word = "after" if moment else ("at least" if test.low_included else "more than")
        return f"{word} {say_value(low, fact)}"
    if high is not None:
        word = "before" if moment else ("at most" if test.high_included else "less than")
        return f"{word} {say_value(high, fact)}"
    return "known"


def _with_exactly(value: Value, exact: bool, fact: Fact | None) -> str:
    shown = say_value(value, fact)
    return f"exactly {shown}" if exact else shown


def _not(negated: bool, text: str) -> str:
    return f"not {text}" if negated else text


# ------------------------------------------------------------------------------------------------
# One test of one fact as Python source: may it be true, is it surely true, which of three it is.
#
# Theory of operation. A three-valued test becomes two two-valued ones: `possible` (true or not known)
# and `sure` (definitely true). A rule is passed over as soon as it is not possible; only where it is
# possible does it matter whether it is sure or cannot tell. In the templates `{read}` is the first
# mention of the value, which reads it if need be, and `{x}` every later one. No text of a policy is
# ever part of the source: values stand in the pool of constants and are named there.


class FactView(NamedTuple):
    """A way to look at a fact: the local it is kept in and the source that reads it.

    A costly one is read once at most; a plain attribute is as cheap to read again as to keep.
    """

    local: str
    source: str
    bases: frozenset[str]
    """What the source reads from, in the names that `codegen.BASES` knows."""
    costly: bool = True


class Emitted(NamedTuple):
    """A condition without parts, as templates of source over `view`."""

    view: FactView
    possible: str
    sure: str
    outcome: str
    """True, False or None (cannot tell)."""
    evidence: bool = False
    """Whether the answer needs evidence."""
    slot: str = ""
    """What the trace keeps in place of the outcome, as a template over the view's local."""


class Pool:
    """The constants and helpers that generated source names."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._names: dict[tuple[type, Any], str] = {}

    def constant(self, value: Any) -> str:
        """The source of a hashable constant: a number itself, else a name; equal ones share it."""
        if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            return repr(value)
        key = (type(value), value)
        if key not in self._names:
            self._names[key] = self.helper("k", value)
        return self._names[key]

    def shared(self, kind: str, value: Any) -> str:
        """Name a thing that several uses need; there is one of each kind."""
        self.values[f"_{kind}"] = value
        return f"_{kind}"

    def helper(self, kind: str, value: Any) -> str:
        """Name a function or another thing that only this use needs."""
        name = f"_{kind}{len(self.values)}"
        self.values[name] = value
        return name


class Lists:
    """The named lists as sets of folded values, each as of a moment."""

    def __init__(self, policy: Policy) -> None:
        self._zone = ZoneInfo(policy.timezone)
        self._lists: Mapping[str, NamedList] = {named.name: named for named in policy.lists}

    def fixed(self, name: str) -> frozenset[str] | None:
        """The values of a list whose entries never expire, else None."""
        if any(entry.until is not None for entry in self._lists[name].entries):
            return None
        return frozenset(fold(entry.id) for entry in self._lists[name].entries)

    def at(self, name: str) -> Callable[[datetime], frozenset[str]]:
        """A function from the present moment to the values that count then."""
        entries = [(fold(entry.id), entry.until) for entry in self._lists[name].entries]
        by_day: dict[Any, frozenset[str]] = {}

        def current(now: datetime) -> frozenset[str]:
            today = now.astimezone(self._zone).date()
            if today not in by_day:
                by_day.clear()
                by_day[today] = frozenset(
                    value for value, until in entries if until is None or today <= until
                )
            return by_day[today]

        return current


class Leaves:
    """Makes the leaves of one policy's conditions."""

    def __init__(self, policy: Policy, pool: Pool) -> None:
        self._pool = pool
        self._lists = Lists(policy)
        self._patterns = {pattern.name: pattern for pattern in policy.patterns}
        self._searches: dict[str, str] = {}

    def leaf(self, compare: Compare, fact: Fact) -> Emitted:
        """The source of one comparison with `fact`."""
        made = self._leaf(compare, fact)
        return made._replace(evidence=fact.source == "evidence")

    def _leaf(self, compare: Compare, fact: Fact) -> Emitted:
        match compare.test:
            case IsKnown(known=known):
                return _settled(
                    self._seen(fact), "{read} is not None" if known else "{read} is None"
                )
            case OneOf() as test if fact.type is FactType.CHOICE:
                return self._choice_among(test, fact)
            case OneOf() as test if fact.type is FactType.TEXT:
                return self._text_among(test, fact)
            case OneOf(values=(bool() as value,), negated=negated):
                return three_way(raw(fact), negated=negated is value)
            case OneOf(values=values, negated=negated):
                return _three_valued(raw(fact), self._among(values), negated)
            case Range() as test:
                return _three_valued(raw(fact), self._between(test))
            case TextTest(kind=kind, text=text, exact=exact, negated=negated):
                word = self._pool.constant(nfc(text) if exact else fold(text))
                return _three_valued(self._worded(fact, exact), _TEXT_TESTS[kind](word), negated)
            case Matches(pattern=pattern, negated=negated):
                search = self._search(pattern)
                source = f"{search}({self._seen(fact).source})"
                view = FactView(f"{_local(fact)}{search}", source, _bases(fact))
                return three_way(view, negated)
            case InList(list=name, negated=negated):
                return self._in_list(name, fact, negated)
            case Has(member=member, negated=negated):
                return self._has(member, fact, negated)

    def _choice_among(self, test: OneOf, fact: Fact) -> Emitted:
        """A value outside the closed list is unknown, so both sides are lists of known values."""
        named = {fold(str(value)) for value in test.values}
        chosen = frozenset(value for value in fact.values if fold(value) in named)
        others = frozenset(fact.values) - chosen
        met, unmet = (others, chosen) if test.negated else (chosen, others)
        is_met, is_unmet = self._member(met), self._member(unmet)
        return Emitted(
            raw(fact),
            possible=f"not {is_unmet.format(value='{read}')}",
            sure=is_met.format(value="{read}"),
            outcome=f"(True if {is_met.format(value='{read}')} else "
            f"False if {is_unmet.format(value='{x}')} else None)",
        )

    def _member(self, values: frozenset[str]) -> str:
        if len(values) == 1:
            return f"{{value}} == {self._pool.constant(next(iter(values)))}"
        return f"{{value}} in {self._pool.constant(values)}"

    def _text_among(self, test: OneOf, fact: Fact) -> Emitted:
        words = [(str(v), e) for v, e in zip(test.values, test.exact, strict=True)]
        exact = frozenset(nfc(word) for word, exactly in words if exactly)
        loose = frozenset(fold(word) for word, exactly in words if not exactly)
        if not exact:
            return _three_valued(self._worded(fact, exact=False), self._among(loose), test.negated)
        if not loose:
            return _three_valued(self._worded(fact, exact=True), self._among(exact), test.negated)
        either = f"({self._among(exact)} or _fold({{x}}) in {self._pool.constant(loose)})"
        return _three_valued(self._worded(fact, exact=True), either, test.negated)

    def _among(self, values: frozenset[str] | tuple[Any, ...]) -> str:
        if len(values) == 1:
            return f"{{x}} == {self._pool.constant(next(iter(values)))}"
        if any(isinstance(value, datetime) for value in values):
            return f"{{x}} in {self._pool.constant(tuple(values))}"
        return f"{{x}} in {self._pool.constant(frozenset(values))}"

    def _between(self, test: Range) -> str:
        low = high = ""
        if test.low is not None:
            low = f"{self._pool.constant(test.low)} {'<=' if test.low_included else '<'} "
        if test.high is not None:
            high = f" {'<=' if test.high_included else '<'} {self._pool.constant(test.high)}"
        return f"{low}{{x}}{high}"

    def _in_list(self, name: str, fact: Fact, negated: bool) -> Emitted:
        view = self._worded(fact, exact=False)
        fixed = self._lists.fixed(name)
        if fixed is not None:
            return _three_valued(view, f"{{x}} in {self._pool.constant(fixed)}", negated)
        current = self._pool.helper("list", self._lists.at(name))
        view = view._replace(bases=view.bases | {"now"})
        return _three_valued(view, f"{{x}} in {current}(now)", negated)

    def _has(self, member: str, fact: Fact, negated: bool) -> Emitted:
        name = self._pool.constant(member)
        if not fact.doubtful:
            return _three_valued(raw(fact), f"{name} in {{x}}", negated)
        # One name may be in doubt while the others are not.
        unclear = f"{fact.read} is None or {name} in {fact.doubtful}"
        source = f"(None if {unclear} else {name} in {fact.read})"
        return three_way(
            FactView(f"{_local(fact)}{name}", source, _bases(fact) | {fact.doubtful}), negated
        )

    def _worded(self, fact: Fact, exact: bool) -> FactView:
        """The fact as text is compared."""
        if fact.type is FactType.CHOICE:
            return self._seen(fact)
        kind = "nfc" if exact else "fold"
        return FactView(f"{_local(fact)}_{kind}", f"_{kind}({fact.read})", _bases(fact))

    def _seen(self, fact: Fact) -> FactView:
        """The fact, or None where it is none of its closed list."""
        if fact.type is not FactType.CHOICE:
            return raw(fact)
        local = _local(fact)
        values = self._pool.constant(frozenset(fact.values))
        source = f"({local} if ({local} := {fact.read}) in {values} else None)"
        return FactView(f"{local}_choice", source, _bases(fact))

    def _search(self, pattern: str) -> str:
        if pattern not in self._searches:
            search = searcher(self._patterns[pattern].regex)
            self._searches[pattern] = self._pool.helper("pattern", search)
        return self._searches[pattern]


_TEXT_TESTS: dict[str, Callable[[str], str]] = {
    "contains": lambda word: f"{word} in {{x}}",
    "starts with": lambda word: f"{{x}}.startswith({word})",
    "ends with": lambda word: f"{{x}}.endswith({word})",
}


def raw(fact: Fact) -> FactView:
    """The fact as it is."""
    return FactView(_local(fact), fact.read, _bases(fact), costly="(" in fact.read)


def _local(fact: Fact) -> str:
    return fact.name.replace(".", "_")


@cache
def _bases(fact: Fact) -> frozenset[str]:
    return names_in(fact.read)


def _three_valued(view: FactView, test: str, negated: bool = False) -> Emitted:
    if negated:
        test = f"not ({test})"
    return Emitted(
        view,
        possible=f"({{read}} is None or {test})",
        sure=f"({{read}} is not None and {test})",
        outcome=f"(None if {{read}} is None else {test})",
    )


def three_way(view: FactView, negated: bool = False) -> Emitted:
    """A leaf over a value that is itself True, False or None."""
    if negated:
        return Emitted(
            view,
            possible="{read} is not True",
            sure="{read} is False",
            outcome="(None if {read} is None else not {x})",
        )
    return Emitted(view, possible="{read} is not False", sure="{read} is True", outcome="{read}")


def _settled(view: FactView, test: str) -> Emitted:
    return Emitted(view, possible=test, sure=test, outcome=f"({test})")


def settled(view: FactView) -> Emitted:
    """A leaf over a value that is always True or False."""
    return _settled(view, "{read}")


def not_yet(view: FactView) -> Emitted:
    """A leaf over a moment: true until it has come."""
    return _three_valued(view._replace(bases=view.bases | {"now"}), "now < {x}")


def names_in(source: str) -> frozenset[str]:
    """Every name that an expression mentions."""
    tree = ast.parse(source, mode="eval")
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
