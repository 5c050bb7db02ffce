"""Texts with facts in them: which variant is due, how facts read, and whether it may be sent.

Facts are put in as data: braces, quotes and line breaks of a comment stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from reviewbot.domain.task import PLATFORMS
from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.diagnostics import NOWHERE
from reviewbot.policy.engine.conditions import NEEDS, Arm, Conditions, Program
from reviewbot.policy.facts import Facts
from reviewbot.policy.locales import ENGLISH, date_and_time, date_words, number, percent
from reviewbot.policy.model import Placeholder, ReasonText, Template, TextCase

SHORTEST = 3
LONGEST = 500
"""What the API takes as a reason, counted in code points and in UTF-16 units."""
UNKNOWN = "(unknown)"
"""What a person reads in a question where a fact is not known."""
Format = Callable[[Any], str]


class FilledText(NamedTuple):
    """A finished text, or the sentence that says why there is none."""

    text: str | None
    problem: str | None = None


class Text:
    """One template, ready to be filled in."""

    def __init__(self, template: Template, facts: Mapping[str, Fact], zone: ZoneInfo) -> None:
        self._pieces = tuple(
            part if isinstance(part, str) else _place(template, at, facts[part.fact], zone)
            for at, part in enumerate(template.parts)
        )
        self._facts = [piece[0] for piece in self._pieces if not isinstance(piece, str)]
        self.constant = None if self._facts else "".join(map(str, template.parts)).strip()
        """The text itself, where it names no fact."""
        self.needs_evidence = any(fact.source == "evidence" for fact in self._facts)
        self.wording = (*map(_bare, template.parts), template.locale)
        """What it says, wherever it stands."""

    def fill(self, facts: Facts) -> FilledText:
        """The text with its facts, or the fact that is not known."""
        missing = self.missing(facts)
        if missing:
            return FilledText(None, f"its text could not be written: {missing[0]} is unknown")
        return FilledText(self.show(facts))

    def missing(self, facts: Facts) -> tuple[str, ...]:
        """The facts that it names and that are not known."""
        named = (fact for fact in self._facts if fact.read(facts) is None)
        return tuple(dict.fromkeys(fact.name for fact in named))

    def show(self, facts: Facts) -> str:
        """The text for a person, who can read on where a fact is not known."""
        words = [
            piece if isinstance(piece, str) else self._words(*piece, facts)
            for piece in self._pieces
        ]
        return "".join(words).strip()

    def _words(self, fact: Fact, form: Format, facts: Facts) -> str:
        value = fact.read(facts)
        return UNKNOWN if value is None else form(value)


def _place(
    template: Template, at: int, fact: Fact, zone: ZoneInfo
) -> tuple[Fact, Callable[[Any], str]]:
    """A place of a text with its fact, and how that is written there."""
    part = template.parts[at]
    assert isinstance(part, Placeholder)
    form, inside = formatter(part, fact, zone, template.locale), inner_quotes(template.parts, at)
    return fact, form if not inside else lambda value: form(value).translate(inside)


def _bare(part: str | Placeholder) -> str | Placeholder:
    return part if isinstance(part, str) else replace(part, span=NOWHERE)


class Variants:
    """A reason with its variants: by round, by platform, by cases, or for the rest.

    With cases it needs `conditions`, to make the function that asks them.
    """

    def __init__(
        self,
        reason: ReasonText,
        facts: Mapping[str, Fact],
        zone: ZoneInfo,
        conditions: Conditions | None = None,
    ) -> None:
        self.cases = reason.cases
        self._conditions = conditions
        self._by_case = [Text(case.text, facts, zone) for case in reason.cases]
        self._case: Callable[[Facts], tuple[int, int]] | None = None
        if conditions is not None and self.cases:
            self._case = _asked_in_order(self.cases, conditions)
        texts = {key: Text(template, facts, zone) for key, template in reason.variants}
        self._platforms = {key: text for key, text in texts.items() if key in PLATFORMS}
        self._rounds = sorted(
            ((int(key.split()[1]), text) for key, text in texts.items() if key not in PLATFORMS),
            key=lambda pair: pair[0],
            reverse=True,
        )
        self._otherwise = None if reason.otherwise is None else Text(reason.otherwise, facts, zone)
        self._only = self._otherwise if not texts and not self.cases else None

    @property
    def unchosen(self) -> str:
        """Why no text is due, where `choose` gives none."""
        if self.cases:
            return "it cannot be told which of its cases it is"
        return "no variant fits what is known"

    def case_of(self, facts: Facts) -> int | None:
        """The number of the case whose text is due, one beyond the last for the rest.

        None where that cannot be told: a case above it is neither met nor not, and has another text.
        """
        assert self._case is not None, "a reason with cases is made with its policy's conditions"
        number, cant = self._case(facts)
        texts = [*self._by_case, self._otherwise]
        unclear = (text for at, text in enumerate(texts) if cant >> at & 1)
        due = texts[number]
        if any(due is None or text is None or text.wording != due.wording for text in unclear):
            return None
        return number

    def needs_evidence(self, facts: Facts) -> bool:
        """Whether evidence that is not at hand may say which text is due, or stands in it."""
        for case, text in zip(self.cases, self._by_case, strict=True):
            assert self._conditions is not None
            answer = self._conditions.answer(case.when, facts)
            if answer == NEEDS:
                return True
            if answer is True:
                return text.needs_evidence
        chosen = self._otherwise if self.cases else self.choose(facts)
        return chosen is not None and chosen.needs_evidence

    def choose(self, facts: Facts) -> Text | None:
        """The text that is due; None where none is, or where that cannot be known."""
        if self.cases:
            number = self.case_of(facts)
            return None if number is None else (*self._by_case, self._otherwise)[number]
        if self._only is not None:
            return self._only
        before = facts.past.sent_back_before
        if before is not None:
            for number, text in self._rounds:
                if number <= before + 1:
                    return text
        return self._platforms.get(facts.task.platform or "", self._otherwise)


def _asked_in_order(
    cases: tuple[TextCase, ...], conditions: Conditions
) -> Callable[[Facts], tuple[int, int]]:
    """The function that finds the first case that is met, and those above it that cannot be told."""
    program = Program(conditions, traced=False)
    arms = [
        Arm(case.when, f"return {number}, cant", f"cant |= {1 << number}")
        for number, case in enumerate(cases)
    ]
    program.add("case", arms, f"return {len(cases)}, cant")
    found: Callable[[Facts], tuple[int, int]] = program.load()["case"]
    return found


def may_be_sent(text: str, facts: Facts, *, repeat: bool = False) -> str | None:
    """Say why a finished text may not be sent; None where it may."""
    units = len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
    if len(text) < SHORTEST or units > LONGEST:
        return f"its text could not be sent: it has {units} characters, {SHORTEST} to {LONGEST} fit"
    sent = facts.past.texts
    if sent and not repeat and _words(text) in map(_words, sent):
        return "its text could not be sent: the same words were sent before"
    return None


def _words(text: str) -> str:
    return " ".join(text.split())


def formatter(part: Placeholder, fact: Fact, zone: ZoneInfo, locale: str = ENGLISH) -> Format:
    """Make the function that writes a known value as the placeholder and the text's locale ask."""
    match part.format:
        case "first":
            longest = part.first or 0
            plain = _in_text(fact, zone, locale)
            return lambda value: _first(plain(value), longest)
        case "date":
            return lambda value: date_words(value.astimezone(zone).date(), locale)
        case "date iso":
            return lambda value: value.astimezone(zone).strftime("%Y-%m-%d")
        case "time":
            return lambda value: value.astimezone(zone).strftime("%H:%M")
        case "times":
            return times if locale.partition("-")[0] == ENGLISH else partial(_so_often, locale)
        case _:
            return _in_text(fact, zone, locale)


def _in_text(fact: Fact, zone: ZoneInfo, locale: str) -> Format:
    """Make the function that writes a value in a text where no format is asked for."""
    match fact.type:
        case FactType.MOMENT:
            return lambda value: date_and_time(value.astimezone(zone), locale)
        case FactType.COUNT:
            return lambda value: number(value, locale)
        case FactType.SCORE:
            return lambda value: number(value, locale, figures=2)
        case FactType.MONEY:
            return lambda value: f"{number(value, locale, figures=2)} USD"
        case FactType.SHARE:
            return lambda value: percent(value, locale)
    return plain_format(fact, zone)


def _so_often(locale: str, count: int) -> str:
    """3×, which says so in every language."""
    return f"{number(count, locale)}×"


def plain_format(fact: Fact, zone: ZoneInfo) -> Format:
    """Make the function that writes a known value of this fact where no format is asked for."""
    if fact.type is FactType.MOMENT:
        return lambda value: value.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    return _PLAIN.get(fact.type, str)


def _first(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "…"


def times(count: int) -> str:
    """once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def money(amount: float) -> str:
    """0.24 USD; more decimals only where there are some."""
    return f"{_decimals(amount, at_least=2)} USD"


def score(value: float) -> str:
    """0.31; more decimals only where there are some."""
    return _decimals(value, at_least=2)


def share(value: float) -> str:
    """35% or 12.5%."""
    return f"{_decimals(value * 100, at_least=0)}%"


def duration(seconds: float) -> str:
    """2d, 1h30m, 45s: the units of the language, down to minutes from an hour on."""
    left = round(abs(seconds))
    if left >= 3600:
        left -= left % 60
    words = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count}{unit}")
    return ("-" if seconds < 0 else "") + ("".join(words) or "0s")


def yes_no(value: bool) -> str:
    """The words of the language."""
    return "yes" if value else "no"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Wed 2026-06-03 09:00 in a zone."""
    return at.astimezone(zone).strftime("%a %Y-%m-%d %H:%M")


def _decimals(value: float, at_least: int) -> str:
    text = f"{value:.6f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    decimals = decimals.ljust(at_least, "0")
    return f"{whole}.{decimals}" if decimals else whole


_PLAIN: dict[FactType, Format] = {
    FactType.SCORE: score,
    FactType.MONEY: money,
    FactType.SHARE: share,
    FactType.DURATION: duration,
    FactType.YES_NO: yes_no,
    FactType.NAMES: ", ".join,
}


# ------------------------------------------------------------------------------------------------
# Quotation marks of a text, so that what is put between them cannot end the quotation.
#
# A manager's comment may hold the marks that the text has put around it, and go on in our name.
# So within a pair of marks those of that kind in the data become their other form: double ones
# single, and the reverse.


_KINDS = {'"': "'", "“”„": "‘’‚", "«»": "‹›", "‹›": "«»", "「」": "『』", "‘’‚": "'',", "'": "’"}
"""The marks of each kind, and what stands for each in a quotation of that kind."""
_APOSTROPHES = "'’"
_HERE = "\0"


def inner_quotes(parts: Sequence[object], at: int) -> dict[int, str]:
    """What to replace in the data at a place of a text, as a table for `str.translate`."""
    pieces = [part if isinstance(part, str) else _HERE for part in parts]
    before, text = "".join(pieces[:at]), "".join(pieces)
    table: dict[int, str] = {}
    for marks, others in _KINDS.items():
        if _is_inside(text, len(before), marks):
            table |= {ord(mark): other for mark, other in zip(marks, others, strict=True)}
    return table


def _is_inside(text: str, place: int, marks: str) -> bool:
    """Whether a quotation by these marks is open at a place and ends behind it."""
    opened = False
    for here, char in enumerate(text):
        if here == place and not opened:
            return False
        if char not in marks or (char in _APOSTROPHES and _is_apostrophe(text, here, opened)):
            continue
        if here > place:
            return True
        opened = not opened
    return False


def _is_apostrophe(text: str, here: int, opened: bool) -> bool:
    """Whether such a mark belongs to a word: it opens nothing behind a letter, and ends nothing before one."""
    beside = text[here + 1 : here + 2] if opened else text[max(0, here - 1) : here]
    return beside.isalnum()
