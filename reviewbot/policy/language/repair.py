"""What was meant where YAML stumbles: the cause in plain words, the cure, and how to read on."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec.structs import replace

from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, FactType
from reviewbot.policy.diagnostics import Finding, Fix, Severity, Span
from reviewbot.policy.language.grammar import GUARDRAILS
from reviewbot.policy.language.lines import (
    FACTS,
    FREE_TEXTS,
    KEYS,
    WORDS,
    key_before,
    line_before,
    wrong_column,
)
from reviewbot.policy.notations import plain
from reviewbot.policy.text_forms import shape

_CLOSING = {"{": "}", "[": "]"}
_SPOKEN = {"`": "a backtick", ",": "a comma"}
_WHOLE = "put quotes around the whole text"
_SHOWN = 80
"""Characters of a text that a cure may hold whole."""

_BLOCK_HEADS = frozenset(
    {"", *"123456789", *"+-"} | {f"{sign}{size}" for sign in "+-" for size in "123456789"}
) | {f"{size}{sign}" for size in "123456789" for sign in "+-"}
"""What may follow `|` or `>` at the head of a text over several lines."""

_ORDINARY = frozenset(map(chr, range(0x20, 0x7F))) | {"\n", "\t"}
"""What nearly all texts are made of, and needs no look."""

_CONTROLS = tuple(map(chr, (*range(9), *range(11, 32), 127)))
_INVISIBLE_BREAKS = "\x85\u2028\u2029"


NO_TEXTS = frozenset(
    name
    for facts in (ATTEMPT_FACTS, *CATALOGUE.values())
    for name, fact in facts.items()
    if fact.type is not FactType.TEXT
)
"""Facts of which no test begins with a sign."""


class Repair(NamedTuple):
    """A value put into quotes in a copy of the text, so that reading can go on."""

    line: int
    column: int
    quoted: str
    is_told: bool = True
    """Whether a finding explains it; else whoever reads the value finds what is wrong with it."""

    def apply(self, text: str) -> str:
        """Give the text with this one value quoted."""
        lines = text.split("\n")
        lines[self.line] = lines[self.line][: self.column] + self.quoted
        return "\n".join(lines)


def error(
    path: str,
    code: str,
    span: Span,
    message: str,
    cure: str | None = None,
    under: str | None = None,
    fix: Fix | None = None,
) -> Finding:
    """A finding that leaves no policy."""
    return Finding(
        code=code,
        severity=Severity.ERROR,
        span=span,
        message=message,
        under=under,
        cure=cure,
        fix=fix,
        path=path,
    )


def spot(line: int, column: int, length: int = 1) -> Span:
    """A place on one line, from the line and the column as YAML counts them: from 0."""
    return Span(line + 1, column + 1, line + 1, column + 1 + length)


# Characters ------------------------------------------------------------------------------------


def unfit_characters(text: str, path: str) -> list[Finding]:
    """Find characters that a policy may not hold: control characters, odd line breaks, tabs."""
    if text.isascii() and not any(char in text for char in _CONTROLS):
        return _tabs(text, path) if "\t" in text else []
    unfit = {char for char in set(text) - _ORDINARY if _is_unfit(char)}
    if unfit:
        at = min(text.index(char) for char in unfit)
        message = f"an invisible character (U+{ord(text[at]):04X}) stands here"
        line = text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0]
        under = f"write  {plain(line)}" if text[at] == "\ufeff" else None
        cure = "delete it and type the text again"
        return [error(path, "P010", _at(text, at), message, cure, under)]
    return _tabs(text, path) if "\t" in text else []


def _is_unfit(char: str) -> bool:
    code = ord(char)
    if code < 0x20:
        return char not in "\t\n"
    return (
        0x7F <= code < 0xA0
        or char in _INVISIBLE_BREAKS
        or 0xD800 <= code < 0xE000
        or code in (0xFFFE, 0xFFFF, 0xFEFF)
    )


def _tabs(text: str, path: str) -> list[Finding]:
    """Report the first tab outside whole-line comments, and say whether there are more."""
    at = text.find("\t")
    while at >= 0:
        start = text.rfind("\n", 0, at) + 1
        if not text[start:at].lstrip(" ").startswith("#"):
            more = text.count("\t", at) - 1
            message = f"a tab stands here{f' (and {more} more below)' if more else ''}"
            cure = "replace it by spaces; most editors have a setting for it"
            return [
                error(path, "P011", _at(text, at), f"{message}; a policy takes spaces only", cure)
            ]
        end = text.find("\n", at)
        at = text.find("\t", end) if end >= 0 else -1
    return []


def _at(text: str, offset: int) -> Span:
    return spot(text.count("\n", 0, offset), offset - (text.rfind("\n", 0, offset) + 1))


# Values ----------------------------------------------------------------------------------------


class _Value(NamedTuple):
    """What stands behind the key of a line."""

    path: str
    line: int
    column: int
    text: str
    key: str = ""

    @property
    def is_read_closely(self) -> bool:
        """Whether who reads this place takes only some words, and knows better what was meant."""
        return self.key in WORDS and self.key not in FREE_TEXTS

    def mistake(
        self,
        code: str,
        message: str,
        cure: str,
        *,
        at: int = 0,
        length: int = 1,
        under: str | None = None,
        fixed: bool = False,
        meant: str | None = None,
    ) -> tuple[Finding, Repair]:
        """Say what is wrong with it; to read on, quotes are put around what was `meant`.

        `fixed` says that quotes around all of it are certainly the cure.
        """
        whole = spot(self.line, self.column, len(self.text))
        fix = Fix(whole, quoted(self.text)) if fixed else None
        if fixed and len(self.text) <= _SHOWN and cure == _WHOLE:
            cure = f"{_WHOLE}:  {quoted(self.text)}"
        span = spot(self.line, self.column + at, length)
        repair = Repair(
            self.line,
            self.column,
            _single(self.text if meant is None else meant),
            is_told=not (fixed and self.is_read_closely),
        )
        return error(self.path, code, span, message, cure, under, fix), repair


def diagnose(
    text: str, problem: Any, path: str, repairs: dict[int, Repair]
) -> tuple[Finding | None, Repair | None]:
    """Explain a YAML error, and tell how to read on where one cure is known."""
    mark = getattr(problem, "problem_mark", None)
    if mark is None:
        return error(
            path, "P017", Span(1, 1, 1, 2), "this is no text that can be read as a policy"
        ), None
    lines = text.split("\n")
    line = min(mark.line, len(lines) - 1)
    context = getattr(problem, "context_mark", None)
    suspects = [line, *([] if context is None else [context.line]), line_before(lines, line)]
    in_flow = "flow" in str(getattr(problem, "context", None) or "")
    for suspect in dict.fromkeys(suspects):
        if suspect in repairs or not 0 <= suspect < len(lines):
            continue
        start = _value_start(lines[suspect])
        key = lines[suspect][:start].strip().removeprefix("- ").rstrip(": ")
        value = _Value(path, suspect, start, lines[suspect][start:].rstrip(), key)
        found = _goes_on_below(value, lines) or (
            _look_at(value, lines[suspect][:start], in_flow) if value.text else None
        )
        if found is not None:
            return found
    return _layout(lines, line, mark.column, problem, path), None


def _goes_on_below(value: _Value, lines: list[str]) -> tuple[Finding, Repair] | None:
    """A text of several lines, the first of which ends with a colon."""
    key = lines[value.line][: value.column].strip().removeprefix("- ").rstrip(": ")
    below = next((line for line in lines[value.line + 1 :] if line.strip()), "")
    is_deeper = _skip(below, 0) > _skip(lines[value.line], 0)
    at = f"{value.text} ".find(": ")
    is_quoted = value.text[:1] in ("'", '"')
    if at < 0 or is_quoted or key not in FREE_TEXTS or key == "name" or not is_deeper:
        return None
    message = "a colon stands at the end of a line of this text"
    if at < len(value.text) - 1:
        message = "a colon stands inside a text of several lines"
    cure = f"write  {key}: |  and begin the text on the line below it"
    finding, _ = value.mistake("P013", message, cure, at=at)
    tidy = f"{value.text} ".replace(": ", " ").rstrip()
    return finding, Repair(value.line, value.column, tidy)


def _look_at(value: _Value, key: str, in_flow: bool) -> tuple[Finding | None, Repair] | None:
    """Say what is wrong with the value behind a key, if it is that value."""
    text = value.text
    first = text[0]
    if _is_test(key, text):  # whoever reads the test knows better what was meant
        return None, Repair(value.line, value.column, _single(text), is_told=False)
    if first in "\"'":
        return _quotes(value)
    if first in _CLOSING:
        return _brackets(value, in_flow)
    if text.startswith("- ") and ": " in key:
        name, own = key.strip().removeprefix("- "), text.lstrip("- ")
        under = f"write  {name} {own}"
        return value.mistake(
            "P012", "a dash too many: one text stands behind a name", "", under=under, meant=own
        )
    cannot = f"a text cannot start with {_SPOKEN.get(first, first)} unless it stands in quotes"
    if first in "@`%*&!]},?":
        return value.mistake("P012", cannot, _WHOLE, fixed=True)
    row = shape(r"\| *([\p{L}\d_. ]+?) *\| *([^|]+?) *\|?").fullmatch(text)
    if row is not None and row.group(1) in WORDS:
        message = "this is a line of a table; a colon stands between a name and its value"
        own = f"{row.group(1)}: {row.group(2)}"
        return value.mistake("P012", message, "", under=f"write  {own}", length=len(text))
    if first in "|>" and not _is_block_head(text):
        return _behind_block(value, key, cannot)
    colon = text.find(": ")
    if colon < 0 and text.endswith(":") and ": " in key:
        colon = len(text) - 1
    return _colon_inside(value, key, colon) if colon > 0 else None


def _behind_block(value: _Value, key: str, cannot: str) -> tuple[Finding, Repair]:
    """Say what is wrong with a text on the line of its `|`, or with another that begins with such a sign."""
    name, behind = key.strip(), shape(r"([|>])[-+]? +([\p{L}{\"].*)").fullmatch(value.text)
    if behind is None or name.removeprefix("- ").rstrip(": ") in WORDS - FREE_TEXTS:
        return value.mistake("P012", cannot, _WHOLE)
    sign, own = behind.groups()
    under = f"write  {name} {own}" if len(own) <= _SHOWN else None
    message, cure = (
        f"a text begins on the line below  {sign}",
        f"or begin a new line behind  {sign}",
    )
    return value.mistake("P012", message, cure, under=under, meant=own)


def _colon_inside(value: _Value, key: str, colon: int) -> tuple[Finding, Repair]:
    """Say what a colon means within a value: the end of a text, a second line, or itself."""
    text = value.text
    if text.endswith(":") and text.find(": ") < 0:
        message = "a colon stands at the end of this text"
        name = key.strip().removeprefix("- ")
        cure = "if it belongs to the text, put it into quotes with the text"
        under = f"write  {name} {text[:-1].rstrip()}"
        return value.mistake("P013", message, cure, at=colon, under=under, meant=text[:-1].rstrip())
    joint, test = _second_test(key, text)
    if second := test or _second_key(key, text, colon):
        what = "test" if test else "key"
        cure = f"one {what} a line: write  {second}  on a line of its own"
        group = shape(r"(?:- )?(?:any of|none of|when any|unless): *").fullmatch(key.strip() + " ")
        if group is not None and second == test:
            first = text[: text.index(second) - len(joint)]
            cure = f"write below it  - {first}  and  - {second}"
        elif joint.strip(" ,").casefold() in ("or", "oder", "|"):
            first = f"{key.strip().removeprefix('- ')} {text[: text.index(second) - len(joint)]}"
            cure = f"where one is enough write  any of:  and below it  - {first}  and  - {second}"
            if key.lstrip().startswith("- "):
                cure = f"begin it on the next line, behind a dash:  - {second}"
        return value.mistake(
            "P013",
            f"a second {what} stands in this line",
            cure,
            at=text.index(second),
            length=len(second),
        )
    message = "a colon followed by a space stands inside a text without quotes"
    if lost := key_before(text, colon):
        cure = f"{_WHOLE}:  {quoted(text)}  or, where a line break was lost, write  {lost}  on a line of its own"
        return value.mistake("P013", message, cure, at=colon)
    return value.mistake("P013", message, _WHOLE, at=colon, fixed=True)


_TAKES_WORDS = {"then", "if undecided", "expect", "limit", "hold", "rollout", *GUARDRAILS.keys}
"""Keys behind which what is written is known better by who reads it."""


_ALONE = ("then", "if undecided", "expect", "people too", "fallback exempt")
"""Keys with one word behind them, so that a second key can only have lost its line break."""


def _is_test(key: str, text: str) -> bool:
    """Whether a value is a test that only YAML stumbles over: `> 5`, `"a" or "b"`."""
    fact = key.strip().removeprefix("- ").rstrip(": ")
    if fact in _TAKES_WORDS and text[0].isalpha():
        return fact not in _ALONE or _second_key(key, text, max(0, text.find(": "))) is None
    if text[0] in "\"'":
        rest = text.rpartition(text[0])[2].strip()
        whole = text.count(text[0]) == 2 and rest[:1] in ("", "#")
        return fact in FACTS and text.count(text[0]) > 1 and not whole
    return text[0] in ">*%&`" and fact in NO_TEXTS


def _brackets(value: _Value, in_flow: bool) -> tuple[Finding, Repair] | None:
    text = value.text
    first, closing = text[0], _CLOSING[text[0]]
    if closing not in text:
        cure = f"close it with {closing}, or put quotes around the text"
        whole = f"{text.rstrip(')}>],;')}{closing}"
        under = f"write  {whole}" if value.is_read_closely and ":" not in text else None
        return (
            value.mistake("P014", f"this {first} is never closed", cure, under=under)
            if in_flow
            else None
        )
    if _is_flow(text):
        return None
    kind = "line of names and values" if first == "{" else "list"
    needs = f"needs quotes: {first} begins a {kind}"
    return value.mistake("P012", f"a text that starts with {first} {needs}", _WHOLE, fixed=True)


def _second_key(key: str, text: str, colon: int) -> str | None:
    """A second key of the language behind the value of one that takes no sentence."""
    is_free = key.strip().removeprefix("- ").rstrip(": ") in FREE_TEXTS
    return None if is_free else key_before(text, colon)


def _second_test(key: str, text: str) -> tuple[str, str | None]:
    """A second `fact: test` behind the first one, and what joins them."""
    found = shape(
        r".*?((?:,? or|,? oder|,|;| and| und| &| &&| \+|/| \|| -| then| plus)\s*)([\p{L}_]+\.[\p{L}\p{N}_]+: .+)"
    ).fullmatch(text)
    return (found.group(1), found.group(2)) if found and ": " in key else ("", None)


def _is_block_head(text: str) -> bool:
    head, _, rest = text.replace("\t", " ").partition(" ")
    return head[1:] in _BLOCK_HEADS and rest.lstrip()[:1] in ("", "#")


def _is_flow(text: str) -> bool:
    """Whether a value that starts with a bracket is a whole flow list or mapping."""
    text = text.split(" #", 1)[0].rstrip()
    closing = _CLOSING[text[0]]
    if not text.endswith(closing) or text.count(text[0]) != text.count(closing):
        return False
    return text[0] == "[" or ":" in text


def _quotes(value: _Value) -> tuple[Finding, Repair] | None:
    text = value.text
    mark = text[0]
    close = text.find(mark, 1)
    while close > 0 and (
        text[close - 1] == "\\" if mark == '"' else text[close + 1 : close + 2] == mark
    ):
        close = text.find(mark, close + (1 if mark == '"' else 2))
    if close < 0:
        shown = f":  {text}{mark}" if len(text) <= _SHOWN else ""
        cure = f"put {mark} at the end of the text{shown}"
        return value.mistake("P015", "this quote is never closed", cure, meant=text[1:])
    rest = text[close + 1 :].strip()
    if not rest or rest.startswith(("#", ":", ",", "]", "}")):
        return None
    if (second := rest.lstrip(",; ")).partition(": ")[0] in KEYS:
        cure = f"one key a line: write  {second}  on a line of its own"
        at, own = len(text) - len(second), text[1:close]
        message = "a second key stands in this line"
        return value.mistake("P013", message, cure, at=at, length=len(second), meant=own)
    whole = text
    if text.endswith(mark) and (text.count(mark) % 2 or text[close + 1].isalnum()):
        whole = text[1:-1]  # an apostrophe within apostrophes
    fix = Fix(spot(value.line, value.column, len(text)), quoted(whole))
    finding, repair = value.mistake(
        "P015",
        "text goes on behind the closing quote",
        f"put quotes of the other kind around the whole text:  {fix.replacement}"
        if len(text) <= _SHOWN
        else "put quotes of the other kind around the whole text",
        at=len(text) - len(rest),
        length=len(rest),
        meant=whole,
    )
    return replace(finding, fix=fix), repair


def _value_start(line: str) -> int:
    """Find where the value of a line starts: behind the indentation, dashes and one key."""
    at = _skip(line, 0)
    while line.startswith("- ", at):
        at = _skip(line, at + 2)
    if line[at : at + 1] in ("'", '"'):
        close = line.find(line[at], at + 1)
        colon = line.find(": ", close) if close > 0 else -1
        return at if colon != close + 1 or close < 0 else _skip(line, colon + 2)
    colon = line.find(": ", at)
    if colon < 0 or line[at:colon][:1] in "{[@`%*&!|>#":
        return at
    return _skip(line, colon + 2)


def _skip(line: str, at: int) -> int:
    return len(line) - len(line[at:].lstrip(" "))


# Layout ----------------------------------------------------------------------------------------


def _layout(lines: list[str], line: int, column: int, problem: Any, path: str) -> Finding:
    """Explain what is wrong where no single value is to blame: indentation, brackets, the rest."""
    context = str(getattr(problem, "context", None) or "")
    opened = getattr(problem, "context_mark", None)
    bracket = _bracket(lines, opened) if opened is not None and "flow" in context else None
    if bracket is not None:
        mark = lines[bracket[0]][bracket[1]]
        cure = f"close it with {_CLOSING[mark]}, or put quotes around the text"
        return error(path, "P014", spot(*bracket), f"this {mark} is never closed", cure)
    if opened is not None and "quoted" in context:
        cure = "put the same quote at the end of the text"
        span = spot(opened.line, opened.column)
        return error(path, "P015", span, "this quote is never closed", cure)
    text = lines[line] if line < len(lines) else ""
    before = line_before(lines, line)
    if text.strip() and before >= 0:
        indent = _skip(text, 0)
        span = spot(line, indent, max(1, len(text.rstrip()) - indent))
        return error(path, "P016", span, *wrong_column(lines, line, before))
    cure = "look at this line and the one above: a missing colon, quote or bracket"
    return error(path, "P017", spot(line, column), "the file cannot be read from here on", cure)


def _bracket(lines: list[str], mark: Any) -> tuple[int, int] | None:
    """Where the bracket stands that a mark means; it may lie behind it, even behind the text."""
    if mark.line < len(lines) and lines[mark.line][mark.column : mark.column + 1] in _CLOSING:
        return mark.line, mark.column
    for number in range(min(mark.line, len(lines) - 1), -1, -1):
        column = max(map(lines[number].rfind, _CLOSING))
        if column >= 0:
            return number, column
    return None


def quoted(text: str) -> str:
    """Put a text into quotes as YAML wants them."""
    return _single(text) if '"' in text or "\\" in text else f'"{text}"'


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
