"""What a line's author meant by a test that nobody can read: the nearest one, with her own value.

Theory of operation. A text is taken apart as a person would read it, in English or German, with the
signs of other tools: a negation, the words of a test, one value, two ends or several values. Each
value is written as its fact's type writes it (`notations.py`), and what comes of it is read as any
test is: only what the language really takes is ever proposed.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.language.meant_texts import (
    SEVERAL,
    AskedText,
    Meant,
    on_other_lines,
    one_that_fits,
)
from reviewbot.policy.language.opposites import DENIED, SIDES, TURNING
from reviewbot.policy.language.reader import Reading
from reviewbot.policy.language.spoken import by_the_clock, day_turned, how_long_ago
from reviewbot.policy.language.synonyms import VALUES, meaning
from reviewbot.policy.notations import (
    DATE_WORDS,
    MONEY_WORDS,
    SHARE_WORDS,
    TIME_WORDS,
    as_count,
    as_duration,
    as_money,
    as_number,
    as_percent,
    as_score,
    as_share,
    as_when,
    as_yes_no,
    bare,
    plain,
)
from reviewbot.policy.operators import MOMENT_WORDS
from reviewbot.policy.operators.phrases import (
    ABOUT,
    BEHIND,
    COMPARISONS,
    IS,
    NOT,
    OPPOSITES,
    SOME,
    begins,
    ends,
    is_never,
    is_nothing,
    turned_round,
)
from reviewbot.policy.operators.words import well_spelt
from reviewbot.policy.text_forms import nearest, only_cure, same_sense, shape, spelt

_NUMBERS: dict[FactType, Callable[[str], str | None]] = {
    FactType.COUNT: as_count,
    FactType.SCORE: as_score,
    FactType.MONEY: as_money,
    FactType.SHARE: as_share,
    FactType.DURATION: as_duration,
}
_ORDERED = (*_NUMBERS, FactType.MOMENT)
_ALL = "all,any,every,everything,both,alle,jede,jeder,beliebig,egal,beide,*"
_KNOWN = "exists,present,set,given,available,there,filled,filled in,vorhanden,gesetzt,existiert"
_UNITS: dict[FactType, tuple[str, ...]] = {
    FactType.SCORE: SHARE_WORDS,
    FactType.MONEY: MONEY_WORDS,
    FactType.SHARE: SHARE_WORDS,
    FactType.DURATION: TIME_WORDS,
    FactType.MOMENT: DATE_WORDS,
}
_MORE = f"every,each,minus,{IS},{NOT},between,zwischen,and,und,known,unknown"
_TABLES = (COMPARISONS, COMPARISONS.values(), BEHIND.values(), (_MORE,))
_WORDS = tuple(word for table in _TABLES for row in table for word in row.split(","))
"""The words of a test, and those of its values by type: one that is spelt wrong is looked for among them."""
_NEAR_SCORE = Decimal("0.05")
_JOINTS = " - | to | bis | through | thru | up to | and | und |...|..|--|-|~| till | until |,| / | & | or "
_ENDS = " and | und |, ?| to | bis | or |-"
_OF_BETWEEN = (" and ", " und ", ",", " / ", " & ", " or ")
"""What joins two ends behind `between` only."""
_OF_WHAT = r"(.*\d.*?)(?:,? (?:per|each|every|in|within|during|over|last|this|diese|letzte|ago|old|of|a|pro|je|im|in den|innerhalb)(?: .*)?|/\p{L}+| (?:or so|oder so|left|remaining|übrig))"
"""A number with words behind it that its fact says already."""
_MIDDLE = r"(.+?) ?(<=?|≤) ?\p{L}+ ?(<=?|≤) ?(.+)"


def meant_test(reading: Reading, text: str, fact: Fact) -> Meant | None:
    """Find the test that a text was probably meant as; None where none comes to mind."""
    if len(text) > 300:
        return None
    calendars = reading.declared.get("calendar", ())
    if fact.name == "now" and (by_clock := by_the_clock(text, calendars)) is not None:
        return Meant(by_clock[0], sure=False, why=by_clock[1], cure=by_clock[2])
    if fact.type is FactType.MOMENT and (ago := how_long_ago(reading, text, fact)) is not None:
        why = "a moment is no length of time: how long ago it was is a fact of its own"
        return Meant("", why=why, cure=f"write  {ago}")
    asked = _Asked(reading, fact)
    if fact.type is FactType.NAMES:
        return asked.names(bare(plain(text)), asked.value)
    tidy = bare(plain(text)) if fact.type is not FactType.TEXT else plain(text)
    meant = (
        asked.text(turned_round(tidy) or well_spelt(tidy))
        if fact.type is FactType.TEXT
        else asked.spelt(tidy)
    )
    if isinstance(meant, Meant):
        return meant
    if meant is None or meant == text or not all(map(asked.is_test, meant.split("  or  "))):
        return on_other_lines(meant or "", fact)
    return Meant(meant, asked.sure, asked.why)


def meant_value(reading: Reading, text: str, fact: Fact) -> Meant | None:
    """Find the one value that a text was probably meant as."""
    asked = _Asked(reading, fact)
    tidy = bare(plain(text))
    if found := begins(tidy, IS) or begins(tidy, COMPARISONS):
        if (fitting := one_that_fits(found[0], found[2], fact)) is None:
            return None
        tidy, asked.sure = fitting, found[0] == ""
    if about := begins(tidy, ABOUT):
        tidy, asked.sure = about[2], False
    if fact.type is FactType.COUNT and tidy.casefold() in ("no", "nein", "keine", "kein", "nie"):
        return Meant("0", sure=False)
    if is_nothing(tidy) and fact.type is not FactType.TEXT:
        return Meant("0  or  unknown" if fact.type is FactType.COUNT else "unknown", sure=False)
    value = asked.value(tidy)
    if value is None or value == text or fact.type is FactType.TEXT:
        return None
    return Meant(value, asked.sure)


class _Asked(AskedText):
    """One text being taken apart for one fact: a number, a moment, a choice, or what `AskedText` reads."""

    # Numbers, moments, choices ---------------------------------------------------------------

    def _whether_known(self, text: str) -> str | None:
        """Read words that ask whether there is a value at all."""
        counts = self.fact.type is FactType.COUNT
        if counts and text.casefold() in SOME.split(","):
            self.sure = False
            return "at least 1"
        if counts and is_never(text):
            return "0"
        if is_nothing(text):
            self.sure = self.sure and not counts
            return "0  or  unknown" if counts else "unknown"
        if text.casefold() in _ALL.split(",") and not (counts or self.fact.type is FactType.YES_NO):
            self.sure, self.why = False, "without this line every value counts: delete it"
            return "known"
        if self.fact.type is FactType.CHOICE and meaning(text, VALUES, self.fact.values):
            return None
        return "known" if text.casefold() in _KNOWN.split(",") else None

    def spelt(self, text: str) -> str | None:
        """Read a test of anything but a text, also with words that are spelt wrong."""
        if (as_it_stands := self.typed(text)) is not None:
            return as_it_stands
        words = (*_WORDS, *_UNITS.get(self.fact.type, ()))
        meant, sure = spelt(text, words, self.typed)
        self.sure, self.why = self.sure and sure, "a word of this test is spelt wrong"
        return "  or  ".join(meant) or None

    def typed(self, text: str, depth: int = 0) -> str | None:
        """Read a test of anything but a text."""
        if depth > 4 or not text:
            return None
        glued = shape(r"(\p{L}[\p{L} ]*\p{L})(\d.*)").fullmatch(text) if not depth else None
        if glued is not None and begins(glued.group(1), COMPARISONS):
            text = " ".join(glued.groups())
        if called := self._called(text):
            return called
        if whether := self._whether_known(text):
            return whether
        if exact := shape(
            r"(exactly|genau|known|bekannt|only|just|nur|maybe|vielleicht) (.+)"
        ).fullmatch(text):
            self.sure = self.sure and exact.group(1) in ("exactly", "genau", "only", "just", "nur")
            return self.typed(exact.group(2), depth + 1)
        sure, why = self.sure, self.why
        ways: tuple[Callable[[str, int], str | None], ...] = (
            self.in_hours,
            self.in_month,
            self._denied,
            self._about,
            *((self._two_ends, self._range) if self.fact.type in _ORDERED else ()),
            self._since,
            self.without_unit,
            self._compared,
            self._behind,
            lambda text, _: self._thousands(text) or self._several(text, exactly=True),
            self._negated,
            self._is_so,
            lambda text, _: self.value(text),
            lambda text, _: self._several(text),
            self._with_remark,
        )
        for read in ways:
            if fact_test := read(text, depth):
                return fact_test
            self.sure, self.why = sure, why  # what was no way to read it says nothing
        return None

    def _with_remark(self, text: str, depth: int) -> str | None:
        """`less than 10 (new accounts)`: what stands in brackets is a remark."""
        found = shape(r"(.+?) ?\([^()]*\)").fullmatch(text)
        self.sure, self.why = False, "a remark stands behind a #"
        return self.typed(found.group(1), depth + 1) if found else None

    def _called(self, text: str) -> str | None:
        """`not found`, which is what one of the values is called, or `not_verified`, a value denied."""
        if self.fact.type is not FactType.CHOICE or text in self.fact.values:
            return None
        denied = shape(r"(?:un|non|not|nicht|kein)[ _-]?(.+)").fullmatch(text)
        called = meaning(text, VALUES, self.fact.values) if denied or is_nothing(text) else None
        if called is not None:
            self.sure = False
            return called
        is_value = denied is not None and denied.group(1) in self.fact.values
        return f"not {denied.group(1)}" if denied is not None and is_value else None

    def _denied(self, text: str, depth: int) -> str | None:
        """`don't wrong_account`, `verified nicht`: words that turn all the others into their opposite."""
        found = shape(DENIED).fullmatch(text)
        rest = next(filter(None, found.groups()), None) if found else None
        inner = self.typed(rest, depth + 1) if rest else None
        self.sure = self.sure and inner is not None and inner.startswith("not ")
        return None if inner is None else self._turned(inner)

    def _negated(self, text: str, depth: int) -> str | None:
        found = begins(text, NOT)
        inner = self.typed(found[2], depth + 1) if found else None
        return None if inner is None else self._turned(inner)

    def _is_so(self, text: str, depth: int) -> str | None:
        found = begins(text, IS)
        return self.typed(found[2], depth + 1) if found else None

    def _about(self, text: str, _: int) -> str | None:
        """`about 0.9`: a range around it."""
        found = begins(text, ABOUT) if self.fact.type in _NUMBERS else None
        value = None if found is None else self.value(found[2])
        number = shape(r"([\d.]+)(.*)").fullmatch(value) if value else None
        if number is None:
            return None
        self.sure, self.why = False, "a test is exact: for about so much write a range"
        middle, unit = Decimal(number.group(1)), number.group(2)
        if self.fact.type is FactType.SCORE:
            low, high = max(Decimal(0), middle - _NEAR_SCORE), min(Decimal(1), middle + _NEAR_SCORE)
        else:
            low, high = middle * 9 / 10, middle * 11 / 10
        if self.fact.type in (FactType.COUNT, FactType.DURATION):
            low, high = (end.to_integral_value() for end in (low, high))
        return f"between {low.normalize():f}{unit} and {high.normalize():f}{unit}"

    def _turned(self, inner: str) -> str | None:
        if "  or  " in inner and self.fact.type is FactType.CHOICE:
            return f"not [{inner.replace('  or  ', ', ')}]"
        if "  or  " in inner:
            return "  or  ".join(filter(None, map(self._turned, inner.split("  or  "))))
        if inner in ("known", "unknown"):
            return "known" if inner == "unknown" else "unknown"
        if inner.startswith("not "):
            return inner[4:]
        found = begins(inner, {words: words for words in OPPOSITES})
        if found is not None:
            return f"{OPPOSITES[found[0]]} {found[2]}"
        if self.fact.type is FactType.YES_NO:
            return {"yes": "no", "no": "yes"}.get(inner)
        return day_turned(inner) or f"not {inner}"

    def _range(self, text: str, _: int) -> str | None:
        """`1-99`, `80 to 95%`, `between A, B`."""
        is_between = text.casefold().startswith(("between", "zwischen", "within"))
        is_score = self.fact.type is FactType.SCORE
        joined = _OF_BETWEEN if not (is_score and shape(r"\d\d,\d\d").fullmatch(text)) else ()
        head = (
            shape("(?:between|zwischen|within|from|von|range|in)? ?(.*)").fullmatch(text).group(1)
        )
        for joint in _JOINTS.split("|"):
            at = head.casefold().find(joint)
            if at <= 0 or (joint in joined and not is_between):
                continue
            second = head[at + len(joint) :].strip().removeprefix("and ")
            unit = shape(r"[\d.,]+ ?(\D*)").fullmatch(second)
            starts = self._same_unit(head[:at].strip(), unit.group(1) if unit else "")
            ends_at = self.value(second) if second else None
            if starts is not None and ends_at is not None:
                self.why = None if is_between else "a range is written with  between"
                in_percent = is_between and "%" in text
                return f"between {' and '.join(_in_order(starts, ends_at) if in_percent else (starts, ends_at))}"
        return self._odd_ends(head) if is_between else None

    def _odd_ends(self, head: str) -> str | None:
        """What stands behind `between` and is not two ends, but three or one."""
        self.sure, ends_of = False, [self.value(end) for end in shape(_ENDS).split(head)]
        if len(ends_of) > 2 and None not in ends_of:
            self.why = "between  has two ends"
            return f"between {ends_of[0]} and {ends_of[-1]}"
        if " " in head.strip() or (only := self.value(head)) is None:
            return None
        return f"at least {only}  or  at most {only}"

    def _two_ends(self, text: str, _: int) -> str | None:
        """`>= A and <= B`, `at least A at most B`, `A < x < B`."""
        middle = shape(_MIDDLE).fullmatch(text)
        if middle is not None:
            low, first, sign, high = middle.groups()
            turned = {"<": "more than", "<=": "at least", "≤": "at least"}
            return self._between(f"{turned[first]} {low}", f"{sign} {high}")
        halves = shape(r"(.+?)(?: and | und |,| but | & | && )(.+)").fullmatch(text)
        if halves is not None:
            return self._between(halves.group(1), halves.group(2))
        spaces = [at + 1 for at, char in enumerate(text) if char == " "]
        both = (self._between(text[:at], text[at:]) for at in spaces)
        return next(filter(None, both), None)

    def _same_unit(self, text: str, unit: str) -> str | None:
        """A first end, which may leave its unit to the second: `6-12h`, `80-95%`."""
        is_bare = text.replace(".", "").replace(",", "").isdigit()
        return self.value(f"{text}{unit}" if is_bare and unit else text)

    def _between(self, first: str, second: str) -> str | None:
        """Two comparisons as one range."""
        ends_of: dict[str, str] = {}
        for half in (first, second):
            found = begins(half.strip(), COMPARISONS)
            value = None if found is None else self.value(found[2])
            if found is None or value is None:
                return None
            words, is_count = found[0], self.fact.type is FactType.COUNT and value.isdecimal()
            if is_count and words in ("more than", "less than"):
                value = str(int(value) + (1 if words == "more than" else -1))
            elif words in ("more than", "less than"):
                self.sure = False
            ends_of["low" if words in ("at least", "more than", "after") else "high"] = value
        if len(ends_of) < 2:
            return None
        self.why = "the two ends of a range stand in one test"
        return f"between {ends_of['low']} and {ends_of['high']}"

    def _compared(self, text: str, depth: int) -> str | None:
        found = begins(text, COMPARISONS)
        if found is None or text.startswith("<>"):
            return None
        words, phrase, rest = found
        if phrase in ("from", "ab", "bis", "min", "max", "since", "seit", "until", "till"):
            self.sure = False
        if equal := shape(r"(?:than )?or equals?(?: to)? (.+)").fullmatch(rest):
            words = {"more than": "at least", "less than": "at most"}.get(words, words)
            rest = equal.group(1)
        rest = rest.lstrip(": ").removeprefix("than ").removeprefix("of ")
        value = self._passed(words, rest) or self.value(rest)
        if value is None and begins(rest, COMPARISONS) and depth < 2:
            return self._compared(rest, depth + 1)
        if self.fact.type is FactType.MOMENT:
            words = MOMENT_WORDS.get(words, words)
        elif words in ("before", "after"):
            words = "less than" if words == "before" else "more than"
        if value is None or self.fact.type not in _ORDERED:
            return None
        if not phrase[:1].isalpha():
            self.why = f"comparisons are words: {phrase} is not one"
        return f"{words} {value}"

    def _passed(self, words: str, text: str) -> str | None:
        """The last day of what a moment lies after: a whole month has passed then."""
        is_after = self.fact.type is FactType.MOMENT and words in ("after", "more than")
        return next(reversed(as_when(bare(text))), None) if is_after else None

    def _since(self, text: str, _: int) -> str | None:
        """`since yesterday` of a length of time: so long at least, or no longer."""
        found = shape(r"(?:since|seit) (.+)").fullmatch(text)
        value = self.value(found.group(1)) if found else None
        if value is None or self.fact.type is not FactType.DURATION:
            return None
        self.sure = False
        return f"at least {value}  or  at most {value}"

    def _behind(self, text: str, _: int) -> str | None:
        """`3 or more`, `10+`."""
        sign = shape(r"(.+?) ?([<>])=?").fullmatch(text)
        if sign and (value := self.value(sign.group(1))) is not None:
            self.sure, self.why = False, f"comparisons are words: {sign.group(2)} is not one"
            return f"more than {value}  or  less than {value}"
        found = ends(text, BEHIND) if self.fact.type in _NUMBERS else None
        if found is None and self.fact.type in _NUMBERS and (found := ends(text, SIDES)):
            self.sure = False
        if found is None and self.fact.type is FactType.COUNT:  # 1 or more times
            found = ends(text.rpartition(" ")[0], BEHIND)
        value = self.value(found[1]) if found else None
        return None if found is None or value is None else f"{found[0]} {value}"

    def _thousands(self, text: str) -> str | None:
        """`1,000` or `0,20 USD`, which is one number and no list."""
        kinds = (FactType.COUNT, FactType.MONEY, FactType.SHARE, FactType.DURATION)
        whole = shape(r"[^\d\s,]{0,3} ?\d+(?:,\d+)+(?:\.\d+)?(?: ?[^\d\s,]{1,7})?").fullmatch(text)
        return self.value(text) if whole and self.fact.type in kinds else None

    def _several(self, text: str, *, exactly: bool = False) -> str | None:
        """`a or b`, `a, b` and `a | b` as `[a, b]`; `exactly` where none of them is a guess."""
        inner = text.removeprefix("[").removesuffix("]").strip()
        joints = f"{SEVERAL}|/" if self.fact.type is FactType.CHOICE else SEVERAL
        pieces = [piece for piece in shape(joints).split(inner) if piece]
        if set(inner.split(" ")) <= set(self.fact.values):
            pieces = inner.split(" ")
        values, turned = [], 0
        for piece in pieces if 1 < len(pieces) <= 50 else ():
            tidy = bare(piece.strip())
            for phrases in (NOT, IS):
                if found := begins(tidy, phrases):
                    turned += phrases is NOT
                    tidy = found[2]
            value = self.value(tidy)
            if value is None or (exactly and not self.sure):
                return None
            values.append(value)
        if not values or turned not in (0, len(values)):
            return None
        no, self.why = "not " if turned else "", "several values stand in brackets, with commas"
        return self._ends(values, text) or f"{no}[{', '.join(dict.fromkeys(values))}]"

    def _ends(self, values: list[str], text: str) -> str | None:
        is_score = self.fact.type is FactType.SCORE
        if self.fact.type not in _ORDERED or len(values) != 2 or begins(text, NOT):
            return None  # two values of a likeness are the ends of a range, and others may be
        if (not is_score and not shape(r".* (?:and|und) .*").fullmatch(text)) or " or " in text:
            return None
        self.sure, self.why = False, "a range is written with  between"
        both = "" if is_score else f"  or  [{', '.join(values)}]"
        return f"between {' and '.join(values)}{both}"

    def value(self, text: str) -> str | None:
        """Write one value as the fact's type writes it."""
        fact, text = self.fact, bare(text)
        if text.casefold() in ("known", "unknown"):
            return text.casefold()
        if fact.type in _NUMBERS:
            return self._number(text)
        if fact.type is FactType.MOMENT:
            days = as_when(text)
            self.sure = self.sure and len(days) == 1
            return days[0] if days else None
        if fact.type is FactType.YES_NO:
            return as_yes_no(text)
        return self._choice(text)

    def _count(self, text: str, number: str | None) -> str | None:
        percent = as_percent(text) if number is None else None
        if percent is not None or "." in text:
            self.sure = False
        return number or percent

    def _number(self, text: str) -> str | None:
        kind = self.fact.type
        if ends(text, SIDES) or shape(DENIED).fullmatch(text):
            return None  # `10 max` is no 10 of something
        number = _NUMBERS[kind](text)
        if number is None and (found := shape(_OF_WHAT).fullmatch(text)):
            self.sure = False
            return self._number(found.group(1))
        if kind is FactType.COUNT:
            return self._count(text, number)
        if kind is FactType.SCORE and number and as_percent(text) is None and number != text:
            self.sure = self.sure and float(number) == float(as_number(text) or "-1")
        if kind is FactType.DURATION and number is None and text.isdigit():
            return None
        return number

    def _choice(self, text: str) -> str | None:
        values = self.fact.values
        same = next((value for value in values if value.casefold() == text.casefold()), None)
        if same is not None or shape(DENIED).fullmatch(text):
            return same
        values = tuple(value for value in values if same_sense(text, value))
        sure = only_cure(text, values)
        words = {*text.casefold().split()}
        inside = [value for value in values if value in words]
        if sure is None and len(inside) == 1 and not words & TURNING:
            self.sure = False
            return inside[0]
        near = sure or meaning(text, VALUES, self.fact.values)
        bare_word = text.casefold().strip("_*% ")
        parts = [value for value in values if bare_word in value.split("_")]
        asked = "  or  ".join(parts) if len(parts) < 4 else ""
        near = near or asked or next(iter(nearest(text, values)), None)
        self.sure = self.sure and sure is not None
        return near


def _in_order(first: str, second: str) -> tuple[str, str]:
    """Two percentages, the smaller one first."""
    is_turned = float(first.strip("%")) > float(second.strip("%"))
    return (second, first) if is_turned else (first, second)
