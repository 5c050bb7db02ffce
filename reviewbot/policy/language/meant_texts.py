"""What was meant by a test of a text, with the names of lists and patterns that it asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.language.reader import Reading
from reviewbot.policy.locales import territory_named
from reviewbot.policy.notations import as_count, as_when, bare
from reviewbot.policy.operators import read_test
from reviewbot.policy.operators.phrases import (
    COMPARISONS,
    IN_HOURS,
    IS,
    NEVER,
    NOT,
    REMARK,
    TEXTS,
    as_searched,
    begins,
    begins_denied,
    is_expression,
    is_nothing,
    is_size,
    second_test,
)
from reviewbot.policy.text_forms import asked, fold, nearest, only_cure, shape
from reviewbot.policy.values import Misread

SEVERAL = " [+] | or | oder | and | und | nor | noch |, ?| ?[|]{1,2} ?| / | ?; ?| ?&{1,2} ?"
"""What stands between several values."""
_ARTICLES = (
    "the ",
    "a ",
    "an ",
    "ein ",
    "eine ",
    "list ",
    "lists ",
    "liste ",
    "our ",
    "der ",
    "die ",
    "pattern ",
    "named ",
)


def _whether_known(text: str, negated: bool) -> str | None:
    if not is_nothing(text) and text not in ("known", "unknown"):
        return None
    return "known" if negated is (text != "known") else "unknown"


_ANY_NAME = "yes,any,anything,something,some,everything,all,ja,etwas,alles,irgendwas"


class Meant(NamedTuple):
    """What to write in place of a text; `sure` where it can have meant nothing else.

    `why` says what is wrong where that is known better than by the reader that refused it; `cure` is
    what to do where no single value says it.
    """

    text: str
    sure: bool = True
    why: str | None = None
    cure: str | None = None

    @property
    def hint(self) -> str | None:
        """How it stands beside the caret."""
        return (f"write  {self.text}" if self.sure else asked(self.text)) if self.text else None


def on_other_lines(meant: str, fact: Fact) -> Meant | None:
    """What no one test asks: `0 or unknown`, and a range denied."""
    if meant.startswith("not between "):
        why = "not  cannot stand before  between"
        line = f"- {fact.name}: {meant.removeprefix('not ')}"
        return Meant("", why=why, cure=f"write  none of:  and below it  {line}")
    values = meant.strip("[]").split(", ")
    if not meant.startswith("[") or "unknown" not in values:
        return None
    lines = "  and  ".join(f"- {fact.name}: {value}" for value in values)
    why = "unknown  is no value, so it stands on a line of its own"
    return Meant("", why=why, cure=f"write  any of:  and below it  {lines}")


def one_that_fits(comparison: str, text: str, fact: Fact) -> str | None:
    """A value that lies where a comparison asks for it: 6 for `more than 5`; None where none is near."""
    number, step = as_count(text), {"more than": 1, "less than": -1}.get(comparison, 0)
    if number is None or fact.type is not FactType.COUNT:
        return None if step else text
    return str(max(0, int(number) + step))


class AskedText:
    """One text being taken apart for one fact, as a test of texts."""

    def __init__(self, reading: Reading, fact: Fact) -> None:
        self.reading = reading
        self.fact = fact
        self.sure = True
        self.why: str | None = None

    def is_test(self, text: str) -> bool:
        """Whether a text is a test that this fact takes."""
        try:
            test = read_test(text, self.fact, self.reading.zone)
        except Misread:
            return False
        name = test.refers()
        return name is None or name[1] in self.reading.declared.get(name[0], ())

    def _size(self, comparison: str, number: str) -> Meant:
        of = f"{self.fact.name.removesuffix('_text')}_length"
        cure = f"write  {of}: {comparison} {number}" if of in self.reading.facts else None
        return Meant("", why="a text is no number: its length is a fact of its own", cure=cure)

    def text(self, text: str) -> Meant | str | None:
        """Read a test of a text."""
        negated = False
        found = begins_denied(text)
        if found is None and (turned := begins(text, NOT)) and turned[2]:
            negated, text = True, turned[2]
        while found is None and (is_so := begins(text, IS)) and is_so[2]:
            text = is_so[2]
        if whether := _whether_known(text, negated):
            return whether
        if is_size(text) and (compared := begins(text, COMPARISONS)):
            return self._size(compared[0], as_count(compared[2]) or compared[2])
        negated = negated or found is not None
        found = found or begins(text, TEXTS)
        if found is None:
            return self._plain_texts(text, negated)
        words, _, rest = found
        return self._with_words(words, rest, negated) if rest else None

    def _with_words(self, words: str, rest: str, negated: bool) -> Meant | str | None:
        if words == "in list":
            found = self._in_lists(rest, negated)
            if found is None and "." in rest and " " not in rest:
                self.sure = False
                return f"{'not ' * negated}contains {rest}"
            if found is None and self.fact.name.endswith("text"):
                self.sure = False
                return self._words_inside("contains", rest, negated)
            return found
        if words == "matches pattern":
            return self._pattern(rest, negated)
        return self._words_inside(words, rest, negated)

    def _pattern(self, rest: str, negated: bool) -> Meant | str:
        name = self.named("pattern", rest)
        if name is not None:
            return f"{'not ' * negated}matches pattern {name}"
        if is_expression(rest) and (wild := self._wild(rest, negated)) is not None:
            return wild
        self.sure = False
        return self._words_inside("contains", rest.strip("/"), negated)

    def _words_inside(self, words: str, rest: str, negated: bool) -> Meant | str:
        rest = rest.lstrip(":= ")
        rest = rest[1:-1] if rest[:1] == "(" and rest[-1:] == ")" else rest
        for word in (
            "the word ",
            "the text ",
            "the phrase ",
            "dem wort ",
            "das wort ",
            "any of ",
            "one of ",
            "either ",
        ):
            rest = rest[len(word) :] if rest.casefold().startswith(word) else rest
        rest = str(shape(rf" ?{REMARK}$").sub("", rest))
        rest = rest.strip("*%/ []").strip("\"'*%") if "%" in rest else rest.strip("* []")
        if (second := second_test(rest)) is not None:
            return self._second(words, rest, second, negated)
        pieces = _unquoted(rest, " or | oder |, ?| ?[|]{1,2} ?")
        no = "not " * negated
        if len(pieces) == 1:
            if rest.strip("\"'`") != rest:
                self.why = "quotes inside a test belong to the text that is looked for"
            return f"{no}{words} {pieces[0]}"
        lines = [f"{self.fact.name}: {words} {piece}" for piece in pieces]
        return self._lines(lines, negated, "one test looks for one text")

    def _second(self, words: str, rest: str, joint: str, negated: bool) -> Meant:
        """`contains a and not contains b`: the second test stands in a group of its own."""
        first, _, other = rest.partition(joint)
        name, own = self.fact.name, joint.casefold().split()
        test = begins(own[-1], TEXTS) or begins(" ".join(own[-2:]), TEXTS)
        line = f"- {name}: {test[0] if test else 'contains'} {other.strip()}"
        here = f"{name}: {'not ' * negated}{words} {first.strip()}"
        if own[0] in ("or", "oder"):
            cure = f"write  any of:  and below it  - {here}  and  {line}"
        else:
            group = "none of" if {"not", "nicht"} & set(own) else "any of"
            cure = f"write  {here}  and below it  {group}:  with  {line}"
        return Meant("", why="one test asks one thing", cure=cure)

    def _lines(self, lines: list[str], negated: bool, why: str) -> Meant:
        """Several tests of one fact: they stand in a list of their own."""
        group = "none of" if negated else "any of"
        cure = f"write  {group}:  and below it, one a line:  {',  '.join(f'- {line}' for line in lines)}"
        return Meant("", why=why, cure=cure)

    def names(self, text: str, choose: Callable[[str], str | None]) -> Meant | None:
        """Read a test of a list of names: one or several that it contains, any, or none at all."""
        said = found[2] if (found := begins(text, IS)) else text
        denied = begins_denied(said) or begins(said, NOT)
        said = denied[2] if denied else said
        said = found[2] if (found := begins(said, TEXTS)) and found[2] else said
        is_none = is_nothing(said) or said.casefold() in NEVER.split(",")
        pieces = [piece for piece in _unquoted(said.strip("[]"), SEVERAL) if piece]
        members = [choose(piece) for piece in pieces]
        if is_none or fold(said) in _ANY_NAME.split(","):
            members = list(self.fact.values)
        if not members or None in members:
            return None
        if len(members) == 1:
            return Meant(f"{'not ' * bool(denied)}contains {members[0]}")
        lines = [f"{self.fact.name}: contains {member}" for member in members]
        return self._lines(lines, bool(denied) is not is_none, "one test asks for one name")

    def _in_lists(self, rest: str, negated: bool) -> Meant | str | None:
        apart = (
            r",? (?:except|außer|but not|without|ohne|minus|excluding|ausgenommen)(?: for| those)? "
        )
        pieces = _unquoted(str(shape(apart).sub(" and not ", rest)), SEVERAL)
        names = [self.named("list", piece, closely=True) for piece in pieces]
        if len(pieces) > 1 and not all(names) and not negated:
            return self._lists_and_others(pieces)
        if len(pieces) == 1 or not all(names):
            name = self.named("list", rest)
            if name is not None:
                return f"{'not ' * negated}in list {name}"
        if len(pieces) > 1 and all(names):
            lines = [f"{self.fact.name}: in list {name}" for name in names]
            return self._lines(lines, negated, "one test asks one list")
        if not self.reading.declared.get("list"):
            values = f"[{', '.join(pieces)}]" if len(pieces) > 1 else pieces[0]
            return f"{'not ' * negated}{values}"
        return None

    def _lists_and_others(self, pieces: list[str]) -> Meant | None:
        """`in list a and not in list b`: the second stands under a key of its own."""
        asked = {False: list[str](), True: list[str]()}
        for piece in pieces:
            found = begins_denied(piece) or begins(piece, NOT)
            rest = found[2] if found else piece
            words = begins(rest, TEXTS)
            name = self.named("list", words[2] if words else rest, closely=True)
            if name is None:
                return None
            asked[found is not None].append(f"{self.fact.name}: in list {name}")
        if not asked[True] or len(asked[False]) != 1:
            return None
        lines = ",  ".join(f"- {line}" for line in asked[True])
        cure = f"write  {asked[False][0]}  and below it  none of:  with  {lines}"
        return Meant("", why="one test asks one list", cure=cure)

    def _plain_texts(self, text: str, negated: bool) -> Meant | str | None:
        no = "not " * negated
        if name := self.named("list", text, closely=True):
            return f"{no}in list {name}"
        if (inside := self._wild(text, negated)) is not None:
            return inside
        pieces = [piece for piece in _unquoted(text.strip("[]"), SEVERAL) if piece]
        if self.fact.name.endswith(".country"):
            pieces = [territory_named(piece) or piece for piece in pieces]
        if len(pieces) == 1:
            return f"{no}{pieces[0]}"
        self.why = "several values stand in brackets, with commas"
        stripped = [(begins(piece, NOT) or ("", "", piece))[2] for piece in pieces]
        no = no or "not " * (len(pieces) > 1 and all(begins(piece, NOT) for piece in pieces))
        return f"{no}[{', '.join(stripped)}]" if pieces else None

    def _wild(self, text: str, negated: bool) -> Meant | str | None:
        """`*promo*`, `%promo`, and what other tools search by."""
        tests, is_regex = as_searched(text), is_expression(text)
        self.sure = self.sure and not is_regex
        if len(tests) > 1:
            lines = [f"{self.fact.name}: {test}" for test in tests]
            return self._lines(lines, negated, "one test looks for one text")
        if is_regex and not tests:
            cure = "put it under  patterns:  at the top with a name of its own, and write here  matches pattern NAME"
            return Meant("", why="a regular expression has its place under  patterns:", cure=cure)
        return f"{'not ' * negated}{tests[0]}" if tests else None

    def named(self, kind: str, text: str, *, closely: bool = False) -> str | None:
        """The declared list or pattern that words mean; `closely` where they may mean no name at all."""
        names = self.reading.declared.get(kind, ())
        word = bare(text)
        for article in _ARTICLES:
            word = word.removeprefix(article)
        for end in (" list", " liste", " lists", "list", "liste"):
            word = word.removesuffix(end) if len(word) > len(end) + 2 else word
        one = fold(word).removesuffix("s")
        same = next((name for name in names if fold(name).removesuffix("s") == one), None)
        if same is not None:
            return same
        if kind == "list" and (of_file := self._by_file(fold(word))) is not None:
            return of_file
        stem = word.rpartition(".")[0] if word.casefold().endswith(".csv") else word
        if closely:
            return None
        sure = only_cure(stem, names)
        near = sure or next(iter(nearest(stem, names)), None)
        near = near or next((name for name in names if fold(name) in fold(word)), None)
        self.sure = self.sure and sure is not None
        return near

    def without_unit(self, text: str, _: int) -> str | None:
        """`mindestens 6` of a length of time, which may be hours, minutes or days."""
        found = begins(text, COMPARISONS) if self.fact.type is FactType.DURATION else None
        if found is None or found[1] == found[0] or not found[2].isdigit():
            return None
        self.sure = False
        return "  or  ".join(f"{found[0]} {found[2]}{unit}" for unit in "hmd")

    def in_hours(self, text: str, _: int) -> str | None:
        """`during desk`, or the name of the hours alone."""
        if self.fact.type is not FactType.MOMENT:
            return None
        if outside := begins(text, "outside of,outside,außerhalb von,außerhalb,not during,except"):
            name = self.named("calendar", outside[2])
            return None if name is None else f"not in hours {name}"
        found = begins(text, IN_HOURS)
        name = self.named("calendar", found[2] if found else text, closely=found is None)
        return None if name is None else f"in hours {name}"

    def in_month(self, text: str, _: int) -> str | None:
        """`im Dezember 2026`, which is from its first day to its last."""
        said = shape(r"(?:in|im|during|während|in the month of)? ?(\D.*)").fullmatch(text)
        days = as_when(said.group(1)) if said and self.fact.type is FactType.MOMENT else ()
        is_month = len(days) == 2 and days[0][:8] == days[1][:8] and days[0].endswith("-01")
        return f"between {days[0]} and {days[1]}" if is_month else None

    def _by_file(self, word: str) -> str | None:
        """The list that is read from a file of this name."""
        for named in self.reading.lists.values():
            file = fold(named.file or "")
            if file and word in (file, file.rpartition(".")[0]):
                return named.name
        return None


def _unquoted(text: str, joints: str) -> list[str]:
    """Split what stands between joints, each without its quotes."""
    return [piece.strip().strip("\"'`").strip() for piece in shape(joints).split(text)]
