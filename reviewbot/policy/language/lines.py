"""A policy's lines: their columns and keys, and what was put in place of their words."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE
from reviewbot.policy.diagnostics import Finding, Span
from reviewbot.policy.language import grammar
from reviewbot.policy.language.grammar import GrammarSection
from reviewbot.policy.operators.phrases import IS, begins
from reviewbot.policy.text_forms import shape

FACTS = frozenset(ATTEMPT_FACTS).union(*CATALOGUE.values())
_SECTIONS = tuple(
    frozenset(section.keys)
    for section in vars(grammar).values()
    if isinstance(section, GrammarSection)
)
KEYS = frozenset().union(*_SECTIONS)
WORDS = FACTS | KEYS
LISTS = frozenset({"rules", "tests", "when any", "any of", "none of"})
"""Keys under which each entry begins with a dash."""
_OPENS = (
    "rules,tests,when,given,hours,lists,conditions,patterns,reasons,deadline,guardrails,remind,never,"
    "when any,any of,none of,any check,every check,no check,over time,applies to,unless,pause disputes when,"
    "pause approvals when,where,stage,fields,reminded,limits"
)
OPENS = frozenset(_OPENS.split(","))
"""Keys under which more lines stand."""
_FREE_TEXTS = "name,question,note,because,about,comment,text,owner,reason says,regex"
FREE_TEXTS = frozenset(_FREE_TEXTS.split(","))
"""Keys behind which any text may stand."""

ROUND = r"(?:the )?(?:(\S+?)[.-]? ?(?:round|runde)|(?:round|runde|versuch|try) ?(?:no\.? |nr\.? |#)?(\S+?)\.?)"
"""A round by another name than `round 1`."""


SAID = dict.fromkeys((">=", "≥"), "at least ") | dict.fromkeys(("<=", "≤"), "at most ")
SAID |= dict.fromkeys(("!=", "<>", "≠"), "not ") | {">": "more than ", "<": "less than "}
"""The words of a test, by the sign that other tools have for them."""


class Edit(NamedTuple):
    """Words of a line (from 0), and what stands in their place."""

    line: int
    start: int
    end: int
    text: str


class Layout(NamedTuple):
    """The text as it was probably meant, what is wrong with it as it stands, and what was changed."""

    text: str
    findings: tuple[Finding, ...]
    edits: tuple[Edit, ...]

    def place(self, span: Span) -> Span:
        """Find the place in the author's text of one in the text as it was meant."""
        begins = self._back(span.line, span.column)
        ends = self._back(span.end_line, span.end_column)
        if span.line == span.end_line:
            ends = max(ends, begins + (span.end_column > span.column))
        return Span(span.line, begins, span.end_line, ends)

    def _back(self, line: int, column: int) -> int:
        at = column - 1
        for edit in reversed([edit for edit in self.edits if edit.line == line - 1]):
            shift = len(edit.text) - (edit.end - edit.start)
            if shift == 0:
                continue
            if at >= edit.start + len(edit.text):
                at -= shift
            elif at > edit.start:
                at = edit.start
        return at + 1


class Level:
    """A column in which keys (or dashes) begin, under a key of the level above."""

    def __init__(self, column: int, parent: str, *, is_list: bool) -> None:
        self.column = column
        self.parent = parent
        self.is_list = is_list
        self.keys: list[str] = []
        self._of_facts = False
        self._sections = _SECTIONS

    def add(self, key: str) -> None:
        """Note a key that stands here."""
        self.keys.append(key)
        self._of_facts = self._of_facts or (key in FACTS and key not in KEYS)
        if key in KEYS:
            self._sections = _having(self._sections, key)
        elif len(self.keys) == 1:
            self._sections = ()

    def ends_at(self, column: int, is_item: bool) -> bool:
        """Whether a line in a column ends this level."""
        return self.column > column or (self.column == column and self.is_list and not is_item)

    def takes(self, key: str) -> bool:
        """Whether a key is one of those that stand with what is there already."""
        if self._of_facts:
            return key in FACTS or key in grammar.CONDITION.keys
        return any(key in section for section in self._sections)


@cache
def _having(sections: tuple[frozenset[str], ...], key: str) -> tuple[frozenset[str], ...]:
    return tuple(section for section in sections if key in section)


_AHEAD = 40
"""Lines that are looked at below one: more than an entry has, few enough for a file of a thousand levels."""


def indent_of(line: str, at: int = 0) -> int:
    """The column (from 0) of the first character from `at` on that is no space."""
    if at == 0:
        return len(line) - len(line.lstrip(" "))
    # Without a copy of the rest: a line may hold half a million dashes.
    while line.startswith(" ", at):
        at += 1
    return at


def first_column(lines: list[str], number: int, wanted: int, until: int) -> int | None:
    """Where the first line of a level belongs that stands in another column than `wanted`; None where it stands well.

    It alone is wrong where those that belong beside it, or below its dash, stand where they are wanted. The
    level ends with a line that begins in column `until` or further left.
    """
    column, text = indent_of(lines[number]), lines[number].strip()
    is_item, opens = text.startswith("-"), text.endswith(":")
    below = _of_level(lines, number, wanted, until)
    first = below[0] if below else (column, is_item)
    if is_item and first == (wanted + 2, False):
        return wanted
    if opens and not is_item and first == (wanted, False) and column < wanted:
        return None
    beside = [at for at, item in below[opens and first == (column, is_item) :] if item == is_item]
    found = next((at for at in beside if at in (wanted, column)), None)
    return wanted if found == wanted else None


def _of_level(lines: list[str], number: int, wanted: int, until: int) -> list[tuple[int, bool]]:
    """The columns of the lines that may belong below a key with this one, and whether each begins with a dash."""
    text, column = lines[number].strip(), indent_of(lines[number])
    found = []
    for line in lines[number + 1 : number + 1 + _AHEAD]:
        said, at = line.strip(), indent_of(line)
        if not said or said.startswith("#"):
            continue
        is_item = said.startswith("-")
        if at <= until and not (is_item and at == until and text.startswith("-")):
            break
        if not text.endswith(("|", ">")) or at < max(column, wanted + 1):
            found.append((at, is_item))  # what stands deeper is a text
    return found


def goes_on(above: Level, level: Level, key: str) -> bool:
    """Whether a key behind a dash belongs to the rule or test that is being written."""
    begun = above.is_list and above.parent in ("rules", "tests") and level.keys[:1] == ["name"]
    return begun and key not in ("name", *level.keys) and level.takes(key)


def is_moment(key: str) -> bool:
    """Whether a key is a moment: `6h before deadline`."""
    return shape(r"\d+[smhd]\w* (?:before|after) \w+").fullmatch(key) is not None


def key_before(text: str, colon: int) -> str | None:
    """The key or the moment in front of a colon within a value, with what stands behind it."""
    words = text[:colon].split(" ")
    for many in (3, 2, 1):
        second = " ".join(words[-many:])
        if len(words) > many and (second in KEYS or is_moment(second)):
            return f"{second}{text[colon:]}"
    return None


def behind_dashes(line: str, at: int) -> int:
    """The column behind the dashes that begin here; no more are looked at than levels may lie inside each other."""
    for _ in range(25):
        if not line.startswith("- ", at):
            break
        at = indent_of(line, at + 2)
    return at


def word_of(text: str) -> str | None:
    """The fact or key of the language with which a text begins."""
    end = next((at for at, char in enumerate(text) if not (char.isalnum() or char in "_.- ")), None)
    words = text[:end].split(" ")
    for many in (3, 2, 1):
        word = " ".join(words[:many]).rstrip(".")
        if word in WORDS:
            return word
    return None


def parts_of(line: str, begins: int) -> tuple[str | None, str]:
    """The key of a line and its value; no key where there is no colon."""
    rest = line[begins:]
    if rest[:1] in ("'", '"'):
        close = rest.find(rest[0], 1)
        if close < 0 or rest[close + 1 : close + 2] != ":":
            return None, rest
        return rest[1:close], rest[close + 2 :].strip()
    colon = rest.find(": ")
    if colon < 0 and rest.rstrip().endswith(":"):
        colon = len(rest.rstrip()) - 1
    if colon < 0 or rest[:1] in ("[", "{"):
        return None, rest
    value = rest[colon + 1 :].strip()
    if value.startswith("#"):
        value = ""
    return rest[:colon].strip(), value


def is_closed(text: str) -> bool:
    """Whether every bracket in a text is closed."""
    return text.count("[") <= text.count("]") and text.count("{") <= text.count("}")


_FOREIGN_COMMENTS = (" //", " --", " /*", " ;;")


def is_tidy(line: str, begins: int) -> bool:
    """Whether no slip of the hand can stand in a line whose text begins in this column: most are so."""
    if not line.isascii():
        return False
    colon = line.find(":", begins)
    key = line[begins:] if colon < 0 else line[begins:colon]
    behind = line[colon + 1 :]
    if colon < 0 or behind[-1:] == ":" or behind[:1] not in ("", " "):
        return False
    if key not in WORDS:
        return _is_name(key) and "-" not in line[:begins] and behind[1:2] not in "|>"
    if not behind or key in OPENS:
        return not behind
    if behind[1:2] in ("", " ", ":", "#") or line.count("- ", 0, begins) > 1:
        return False
    return not any(sign in behind for sign in _FOREIGN_COMMENTS)


def _is_name(key: str) -> bool:
    return key[:1].isalnum() and key.replace("_", "").replace("-", "").isalnum()


def without_is(value: str) -> str:
    """A value without the `is` or `equals` in front of it."""
    found = begins(value, IS)
    return found[2] if found is not None and found[2] else value


def tests_in(text: str) -> list[str]:
    """The tests that stand in one line, each as a line of its own."""
    lines: list[str] = []
    for word in text.split(" "):
        if word.removesuffix(":") in FACTS and word.endswith(":") and lines:
            while lines[-1].rpartition(" ")[2].casefold() in ("and", "und", "&", "&&", ","):
                lines[-1] = lines[-1].rpartition(" ")[0]
            lines[-1] = lines[-1].rstrip(",;")
            lines.append(word)
        else:
            lines[-1:] = [f"{lines[-1]} {word}" if lines else word]
    return lines


_IN_BRACKETS = r"[{\[<(]+ *([\p{L}\d_.]+) *[}\])>]+ *: *(.*)"
_WHOLE = r"[\"'\[(]([\p{L}\d_. ]+): ([^\"'{}\[\](),]+)[\"'\])],?"
_OF_JSON = r"\"([\w. ]+)\" *: *\"?([^\"]+)\"?,"


def wrapped(text: str) -> tuple[str, str] | None:
    """The name and the value of a line with brackets or quotes around it or its name, or as JSON has it."""
    forms = (shape(form).fullmatch(text) for form in (_IN_BRACKETS, _WHOLE, _OF_JSON))
    found = next(filter(None, forms), None)
    return found.groups() if found and found.group(1) in WORDS else None


_AND_FACT = r" (?:and|und) ([\p{L}_]+\.[\p{L}\d_]+):? (?:is |==? ?)?"


def condition_in(text: str) -> tuple[str, str | None, str, str] | None:
    """The fact, the sign, the value and the action of `if last.outcome_kind == wrong_account then dispute`."""
    found = shape(
        r"(?:if|when|wenn|falls|and|und)[: (]+([\p{L}\d_.]+) *(==?|is|:|ist)? *(.+?)[:)]*"
    ).fullmatch(text)
    if found is None or found.group(1) not in FACTS:
        return None
    fact, sign, value = found.groups()
    spoken = shape(r"(.+?)[,:]? (?:then|dann):? (.+)").fullmatch(value)
    value, then = spoken.groups() if spoken else (value, "")
    return fact, sign, str(shape(_AND_FACT).sub("  and  \\1: ", value)), then


def line_before(lines: list[str], line: int) -> int:
    """The nearest line above that says something."""
    for number in range(min(line, len(lines)) - 1, -1, -1):
        text = lines[number].strip()
        if text and not text.startswith("#"):
            return number
    return -1


def wrong_column(lines: list[str], line: int, before: int) -> tuple[str, str]:
    """What is wrong with the indentation of a line, and the cure."""
    here, above = indent_of(lines[line]), indent_of(lines[before])
    if here > above:
        message = "the line above lacks a colon, or this line is indented too far"
        if ":" in lines[before]:
            has_value = "which has its value already"
            message = f"this line is indented deeper than line {before + 1}, {has_value}"
        like = "like the line above, or finish the line above first"
        return message, f"begin it in column {above + 1}, {like}"
    cure = "names that belong together begin in the same column and end with a colon"
    if here == above:
        what = "a colon, a dash or spaces are missing"
        return f"this line does not fit the lines above it: {what}", cure
    fitting = sorted({indent_of(text) for text in lines[:line] if text.strip()} - {here})
    if fitting:
        nearest = min(fitting, key=lambda column: abs(column - here))
        cure = f"begin it in column {nearest + 1}, like the lines it belongs to"
    return "the indentation of this line fits no line above it", cure
