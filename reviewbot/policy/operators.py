"""The tests of values: one table of words, how each is read, what it means, how it is said.

Every test is three-valued: on an unknown value only `known` and `unknown` have an answer. A line's
value is read by the longest words at its start that are in the table; without any it is a plain
value, which the fact must equal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.policy.fields import Fact, FactType
from reviewbot.policy.model import (
    Has,
    InList,
    IsKnown,
    Matches,
    OneOf,
    Range,
    Test,
    TextTest,
    Value,
)
from reviewbot.policy.names import did_you_mean, listed
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


class Asked(msgspec.Struct, frozen=True):
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
    read: Callable[[Asked], Test]
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
        return _equals(Asked(fact, zone, "", rest, at, negated))
    words = operator.words
    behind = rest[len(words) :]
    argument = behind.lstrip(" ")
    asked = Asked(
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


# Equality --------------------------------------------------------------------------------------


def _equals(asked: Asked) -> Test:
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


def _whole_value(asked: Asked) -> tuple[Value | Day, bool]:
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
    asked = Asked(fact, zone, "", text, at)
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


# Comparisons -----------------------------------------------------------------------------------


def _bound(low: bool, included: bool) -> Callable[[Asked], Test]:
    def read(asked: Asked) -> Test:
        value = _number(asked.rest, asked.at, asked)
        if low:
            return Range(low=value, low_included=included)
        return Range(high=value, high_included=included)

    return read


def _between(asked: Asked) -> Test:
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


def _between_moments(asked: Asked, first: str, second: str, second_at: int) -> Test:
    one = read_when(first, asked.at, asked.zone)
    other = read_when(second, second_at, asked.zone)
    low = one.begins if isinstance(one, Day) else one
    high = other.ends if isinstance(other, Day) else other
    if low > high or (isinstance(one, Day) and low >= high):
        raise _swapped(asked, first, second)
    return Range(low=low, high=high, high_included=not isinstance(other, Day))


def _swapped(asked: Asked, first: str, second: str) -> Misread:
    return Misread(
        "P105",
        "the first end lies above the second, so nothing is ever between them",
        asked.at,
        asked.at + len(asked.rest),
        under=f"write  between {second} and {first}",
        replacement=f"{second} and {first}",
    )


def _no_and(asked: Asked) -> Misread:
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


def _number(text: str, at: int, asked: Asked) -> int | float:
    value = read_literal(text, asked.fact, asked.zone, at)
    if isinstance(value, str | bool | datetime | Day):
        raise Misread("P101", f'"{text}" is not a number', at, at + len(text))
    return value


def _before(asked: Asked) -> Test:
    moment = read_when(asked.rest, asked.at, asked.zone)
    return Range(high=moment.begins if isinstance(moment, Day) else moment, high_included=False)


def _after(asked: Asked) -> Test:
    moment = read_when(asked.rest, asked.at, asked.zone)
    if isinstance(moment, Day):
        return Range(low=moment.ends)
    return Range(low=moment, low_included=False)


# Texts, lists, knowledge -----------------------------------------------------------------------


def _part(kind: Literal["contains", "starts with", "ends with"]) -> Callable[[Asked], Test]:
    def read(asked: Asked) -> Test:
        fact = asked.fact
        if fact.type is FactType.NAMES:
            member = read_choice(asked.rest, asked.at, fact.values, "field")
            return Has(member=member, negated=asked.negated)
        text, exact = _text(asked.rest, asked.at)
        return TextTest(kind=kind, text=text, exact=exact, negated=asked.negated)

    return read


def _matches(asked: Asked) -> Test:
    return Matches(pattern=asked.rest, negated=asked.negated)


def _in_list(asked: Asked) -> Test:
    return InList(list=asked.rest, negated=asked.negated)


def _known(known: bool) -> Callable[[Asked], Test]:
    def read(_: Asked) -> Test:
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


# Saying a test ---------------------------------------------------------------------------------


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
