"""Texts of a policy: how they are compared, searched, taken for a mistyped name, or seen at all.

They are compared in Unicode's NFC, with case folded away unless asked otherwise, and searched by
RE2 alone: linear in time whatever the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from functools import cache, lru_cache
from itertools import islice, product
from typing import Any, NamedTuple, TypeVar
from unicodedata import category, is_normalized, name, normalize

Read = TypeVar("Read")


def nfc(text: str) -> str:
    """Compose `text`, so that the two ways to write an accent are one."""
    return text if text.isascii() or is_normalized("NFC", text) else normalize("NFC", text)


def fold(text: str) -> str:
    """Compose `text` and take its case away."""
    return text.lower() if text.isascii() else nfc(nfc(text).casefold())


LONGEST_PATTERN = 1024
LONGEST_TEXT = 20_000
"""Bytes (UTF-8) that a pattern looks at; about a longer text it cannot tell."""
LARGEST_PROGRAM = 5_000
"""RE2's steps that a pattern may need for one character, at worst; repeats of repeats need most."""
_MAX_MEMORY = 8 * 1024 * 1024


class BadPattern(ValueError):
    """A regular expression that RE2 does not take; the text says why."""


def compile_pattern(regex: str) -> Any:
    """Compile a pattern: it ignores case unless it says `(?-i)`. Raises `BadPattern`."""
    import re2

    if len(regex) > LONGEST_PATTERN:
        raise BadPattern(f"it has more than {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.never_capture = True  # only whether, never where: groups cost time
    options.max_mem = _MAX_MEMORY
    try:
        tidy = normalize("NFC", regex)
        pattern = re2.compile(tidy.encode(errors="replace"), options)
    except re2.error as problem:
        raise BadPattern(problem.args[0].decode(errors="replace")) from None
    if pattern.programsize > LARGEST_PROGRAM:
        raise BadPattern("it repeats too much within what it repeats")
    return pattern


@cache
def shape(pattern: str) -> Any:
    """A form of text that we look for ourselves, in any letter case (RE2, in linear time)."""
    import re2

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return re2.compile(pattern, options)


def found_in(pattern: Any, text: str) -> bool | None:
    """Whether a compiled pattern finds something in a text; None where the text is too long."""
    data = normalize("NFC", text).encode(errors="replace")
    return None if len(data) > LONGEST_TEXT else pattern.search(data) is not None


def searcher(regex: str) -> Callable[[str | None], bool | None]:
    """Make a three-valued search of a text that may be unknown. Raises `BadPattern`."""
    pattern = compile_pattern(regex)
    return lambda text: None if text is None else found_in(pattern, text)


_LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕԁһνοαеАВЕКМНОРСТХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧɡıⅼ",
    "aeopcyxijsdhvoaeABEKMHOPCTXIJSABEZHIKMNOPTYXgil",
)
"""Cyrillic and Greek letters (and a few more) that a screen shows like Latin ones."""
_CLOSE = 0.72
_SURE = 0.84
_FOREIGN_LETTERS = 5
"""Words that differ in more letters are not compared any closer."""
_LONGEST = 80
"""Letters of a word that are looked at."""


def nearest(word: str, candidates: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Give the valid names most like `word`, best first; none when none is close."""
    return tuple(candidate for _, candidate in _close(word[:_LONGEST], tuple(candidates))[:most])


def only_cure(word: str, candidates: Iterable[str]) -> str | None:
    """Give the one name that was certainly meant; None when none or several could be."""
    close = _close(word[:_LONGEST], tuple(candidates))
    if not close or close[0][0] < _SURE:
        return None
    if len(close) > 1 and close[0][0] - close[1][0] < 0.03:
        return None
    return close[0][1]


def asked(name: str) -> str:
    """Say the one name that was meant, as a question."""
    return f"did you mean  {name}  ?"


JOINTS = r",? (?:or|and|oder|und|then) |[,;/|+&]+"
"""What joins several names."""


def asked_of(text: str, names: Iterable[str]) -> str | None:
    """Ask which one of several names was meant, where a text is nothing but names joined by words or signs."""
    by_fold = {fold(name): name for name in names}
    pieces = shape(JOINTS).split(text)
    found = [by_fold.get(fold(piece.strip(" [](){}\"'"))) for piece in pieces]
    if len(found) < 2 or None in found:
        return None
    return asked("  or  ".join(dict.fromkeys(filter(None, found))))


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """Ask for the one valid name that was certainly meant, else for the nearest; None when none is close."""
    names = tuple(candidates)
    sure = only_cure(word, names)
    near = (sure,) if sure else nearest(word, names)
    return asked("  or  ".join(near)) if near else None


def spelt(
    text: str, words: tuple[str, ...], read: Callable[[str], Read | None]
) -> tuple[tuple[Read, ...], bool]:
    """Read a text as it stands, or else with its words spelt like those that are known there.

    Gives what it may mean, likeliest first, and whether nothing of that is a guess.
    """
    if (found := read(text)) is not None:
        return (found,), True
    pieces = shape(r"\p{L}+|[^\p{L}]+").findall(text) if len(text) <= _LONGEST else []
    spellings = [_spellings(piece, words) for piece in pieces]
    tried = islice(product(*(choice for choice, _ in spellings)), 9)
    readings = [read(spelling) for spelling in map("".join, tried) if spelling != text] or [None]
    sure = readings[0] is not None and all(is_sure for _, is_sure in spellings)
    meant = tuple(dict.fromkeys(reading for reading in readings if reading is not None))
    return meant[: 1 if sure else 2], sure


def _spellings(piece: str, words: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """What a piece of a text may have been meant as, the likeliest first, and whether that is sure."""
    single = _single(words)
    if len(piece) < 2 or not piece[0].isalpha() or fold(piece) in single:
        return (piece,), True
    names = (*single, *words)  # `perday` is two of them
    near = nearest(piece, names, most=2)
    return (*near, piece), not near or only_cure(piece, names) is not None


@cache
def _single(words: tuple[str, ...]) -> dict[str, None]:
    """The words of phrases, each by itself."""
    return dict.fromkeys(word for phrase in words for word in phrase.split(" "))


_FAILS = r".*(?:\b(?:not|cannot|no|nicht|kein\p{L}*|without|ohne|(?:do|does|did|is|was|wo|ca|must|should|could|has)n['’]?t)\b|couldnt|\bun\p{L}|fail|fehl).*"
_WRONG, _RIGHT = (
    r".*(?:wrong|other|different|falsch|ander|fremd).*",
    r".*(?:right|correct|same|richtig|own|eigen).*",
)


def same_sense(text: str, value: str) -> bool:
    """Whether a word is not the opposite of a value that is spelt much like it: `could verify`, `right account`."""
    denies = [shape(_FAILS).fullmatch(said) is not None for said in (text, value)]
    return denies[0] is denies[1] and not (
        shape(_WRONG).fullmatch(value)
        and shape(_RIGHT).fullmatch(text)
        and not shape(_WRONG).fullmatch(text)
    )


def listed(words: Iterable[str], last: str = "or") -> str:
    """Write `a, b or c`."""
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def latin(text: str) -> str:
    """Replace letters that only look like Latin ones, and full-width ones, by the Latin ones."""
    return normalize("NFKC", text).translate(_LOOK_ALIKES)


def odd_letter(text: str) -> str | None:
    """Find the first letter that only looks like a Latin one in a text that is otherwise Latin."""
    if text.isascii() or not any(char.isascii() and char.isalpha() for char in text):
        return None
    for char in text:
        if not char.isascii() and char.isalpha() and latin(char).isascii():
            return char
    return None


def letter_name(char: str) -> str:
    """Name a letter for a person, such as `Cyrillic small letter a`."""
    return name(char, f"U+{ord(char):04X}").capitalize()


def is_name(text: str) -> bool:
    """Whether `text` can be the name of a list, a pattern, hours or a reason."""
    words = text.split(" ")
    return 0 < len(text) <= 80 and all(
        word and all(char.isalnum() or char in "_-" for char in word) for word in words
    )


@lru_cache(maxsize=256)
def _close(word: str, candidates: tuple[str, ...]) -> tuple[tuple[float, str], ...]:
    """The candidates that are like `word`, each with how much, best first."""
    wanted = _word(word)
    scored = ((_likeness(wanted, _word(name)), name) for name in dict.fromkeys(candidates))
    close = (pair for pair in scored if pair[0] >= _CLOSE)
    return tuple(sorted(close, key=lambda pair: (-pair[0], pair[1])))


class _Word(NamedTuple):
    """A name as it is compared: without what a person may well write otherwise."""

    text: str
    joined: str
    tail: str
    letters: frozenset[str]


@lru_cache(maxsize=2048)
def _word(name: str) -> _Word:
    text = latin(name[:_LONGEST]).casefold().replace("_", " ").replace("-", " ").strip()
    return _Word(text, text.replace(" ", ""), text.rpartition(".")[2], frozenset(text))


def _likeness(one: _Word, other: _Word) -> float:
    if one.text == other.text:
        return 1.0
    if one.joined == other.joined:
        return 0.99
    likeness = 0.9 if one.text and one.tail == other.tail else 0.0
    short, long = sorted((len(one.text), len(other.text)))
    # What the lengths and the letters forbid is not compared: it would cost time for nothing.
    if (
        2 * short >= _CLOSE * (short + long)
        and len(one.letters ^ other.letters) <= _FOREIGN_LETTERS
    ):
        matcher = SequenceMatcher(None, one.text, other.text, autojunk=False)
        likeness = max(likeness, matcher.ratio())
        if one.letters == other.letters and sorted(one.text) == sorted(other.text):
            likeness = max(likeness, _SURE)  # letters in another order: `dya` for day
    return likeness


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control and format characters (zero-width, bidirectional), odd line breaks, and no characters."""
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u2800\u3164\uffa0")
"""Letters and marks that show nothing, whatever their category."""


def first_unseen(text: str) -> int | None:
    """Where the first invisible character stands; None where every one can be seen."""
    if text.isascii() and text.isprintable():
        return None
    return next((at for at, char in enumerate(text) if _is_unseen(char)), None)


def said_unseen(char: str) -> str:
    """Name an invisible character, or a space that is none, as a person can look it up."""
    if char in "\n\r":
        return "a line break"
    if char == "\xa0":
        return "a non-breaking space (as word processors and web pages have it)"
    called = name(char, "").casefold()
    if category(char) == "Zs":
        return f"a space of another kind ({called})"
    return f"an invisible character ({called or f'U+{ord(char):04X}'})"


_MARKS = frozenset("\u200b\u2060\ufeff\u00ad\u200e\u200f") | {
    chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
_JOINERS = "\u200c\u200d"


def odd_space(text: str) -> int | None:
    """Where the first space of another kind or a character without width stands; None without any.

    What joins the parts of an emoji or the letters of a script is none of these.
    """
    if text.isascii():
        return None
    for at, char in enumerate(text):
        if char in _MARKS or (char != " " and category(char) == "Zs"):
            return at
        if char in _JOINERS and (text[max(0, at - 1) : at] + text[at + 1 : at + 2]).isascii():
            return at
    return None


def _is_unseen(char: str) -> bool:
    return category(char) in _UNSEEN or char in _BLANK
