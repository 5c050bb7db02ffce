"""What was meant where YAML stumbles: the cause in plain words, the cure, and how to read on."""

from __future__ import annotations

from typing import Any

import msgspec

from reviewbot.policy.findings import Finding, Fix, Severity, Span

_QUOTE_NEEDED = {
    "@": "a text cannot start with @ unless it stands in quotes",
    "`": "a text cannot start with a backtick unless it stands in quotes",
    "%": "a text cannot start with % unless it stands in quotes",
    "*": "a text cannot start with * unless it stands in quotes",
    "&": "a text cannot start with & unless it stands in quotes",
    "!": "a text cannot start with ! unless it stands in quotes",
    "|": "a text cannot start with | unless it stands in quotes",
    "{": "a text that starts with { needs quotes: YAML reads { as the start of a mapping",
    "[": "a text that starts with [ needs quotes: YAML reads [ as the start of a list",
    "]": "a text cannot start with ] unless it stands in quotes",
    "}": "a text cannot start with } unless it stands in quotes",
    ",": "a text cannot start with a comma unless it stands in quotes",
    "?": "a text cannot start with ? unless it stands in quotes",
}
_BLOCK_HEADS = frozenset(
    ("", *"123456789", *(sign + size for sign in "+-" for size in ("", *"123456789")))
) | {size + sign for size in "123456789" for sign in "+-"}
"""What may follow `|` or `>` at the head of a text over several lines."""
_ORDINARY = frozenset(map(chr, range(0x20, 0x7F))) | {"\n", "\t"}
"""What nearly all texts are made of, and needs no look."""
_INVISIBLE_BREAKS = "\x85\u2028\u2029"


class Repair(msgspec.Struct, frozen=True):
    """A value put into quotes in a copy of the text, so that reading can go on."""

    line: int
    column: int
    quoted: str

    def apply(self, text: str) -> str:
        """Give the text with this one value quoted."""
        lines = text.split("\n")
        lines[self.line] = lines[self.line][: self.column] + self.quoted
        return "\n".join(lines)


def unfit_characters(text: str, path: str) -> list[Finding]:
    """Find characters that a policy may not hold: control characters, odd line breaks, tabs."""
    bad = {char for char in set(text) - _ORDINARY if _unfit(char)}
    if bad:
        at = min(text.index(char) for char in bad)
        char = text[at]
        return [
            _error(
                path,
                "P010",
                _at(text, at, 1),
                f"an invisible character (U+{ord(char):04X}) stands here",
                cure="delete it and type the text again",
            )
        ]
    return _tabs(text, path) if "\t" in text else []


def diagnose(
    text: str, problem: Any, path: str, repairs: dict[int, Repair]
) -> tuple[Finding, Repair | None]:
    """Explain a YAML error, and tell how to read on where one cure is known."""
    mark = getattr(problem, "problem_mark", None)
    lines = text.split("\n")
    if mark is None:
        return _error(path, "P017", Span(1, 1, 1, 2), "this is not YAML"), None
    line, column = min(mark.line, len(lines) - 1), mark.column
    context = getattr(problem, "context_mark", None)
    suspects = [line] if context is None else [line, context.line]
    suspects.append(_line_before(lines, line))
    for suspect in dict.fromkeys(suspects):
        if suspect in repairs or not 0 <= suspect < len(lines):
            continue
        found = _suspicious_value(lines[suspect], suspect, path, _in_flow(problem))
        if found is not None:
            return found
    return _layout(lines, line, column, problem, path), None


# The value of one line -------------------------------------------------------------------------


def _suspicious_value(
    line: str, number: int, path: str, in_flow: bool
) -> tuple[Finding, Repair | None] | None:
    start = _value_start(line)
    value = line[start:].rstrip()
    if not value:
        return None
    first = value[0]
    if first in "\"'":
        return _quotes(value, start, number, path)
    if first in "{[" and ("}" if first == "{" else "]") not in value:
        return _never_closed(value, start, number, path) if in_flow else None
    if first in "@`%*&!]},?" or (first in "{[" and not _is_flow(value)):
        return _needs_quotes(_QUOTE_NEEDED[first], value, start, number, path)
    if first in "|>" and not _is_block_head(value):
        return _sign(value, start, number, path)
    colon = value.find(": ")
    if colon < 0 and value.endswith(":") and ": " in line[:start]:
        colon = len(value) - 1
    if colon > 0 and first not in "{[":
        span = Span(number + 1, start + colon + 1, number + 1, start + colon + 2)
        finding = _error(
            path,
            "P013",
            span,
            "a colon followed by a space stands inside a text without quotes",
            cure="put quotes around the whole text",
            fix=Fix(_whole(value, start, number), quoted(value)),
        )
        return finding, Repair(number, start, _single(value))
    return None


def _is_block_head(value: str) -> bool:
    head, _, rest = value.replace("\t", " ").partition(" ")
    return head[1:] in _BLOCK_HEADS and rest.lstrip()[:1] in ("", "#")


def _in_flow(problem: Any) -> bool:
    return "flow" in str(getattr(problem, "context", None) or "")


def _value_start(line: str) -> int:
    """Find where the value of a line starts: behind the indentation, dashes and one key."""
    at = len(line) - len(line.lstrip(" "))
    while line.startswith("- ", at):
        at += 2
        at += len(line[at:]) - len(line[at:].lstrip(" "))
    if line[at : at + 1] in ("'", '"'):
        close = line.find(line[at], at + 1)
        colon = line.find(": ", close) if close > 0 else -1
        return at if colon != close + 1 or close < 0 else _skip(line, colon + 2)
    colon = line.find(": ", at)
    key = line[at:colon]
    if colon < 0 or key[:1] in "{[@`%*&!|>#":
        return at
    return _skip(line, colon + 2)


def _skip(line: str, at: int) -> int:
    return at + len(line[at:]) - len(line[at:].lstrip(" "))


def _is_flow(value: str) -> bool:
    """Whether a value that starts with a bracket is a whole flow list or mapping."""
    value = value.split(" #", 1)[0].rstrip()
    closing = "}" if value[0] == "{" else "]"
    if not value.endswith(closing) or value.count(value[0]) != value.count(closing):
        return False
    return value[0] == "[" or ":" in value


def _needs_quotes(
    message: str, value: str, start: int, number: int, path: str
) -> tuple[Finding, Repair]:
    finding = _error(
        path,
        "P012",
        Span(number + 1, start + 1, number + 1, start + 2),
        message,
        cure="put quotes around the whole text",
        fix=Fix(_whole(value, start, number), quoted(value)),
    )
    return finding, Repair(number, start, _single(value))


def _never_closed(value: str, start: int, number: int, path: str) -> tuple[Finding, Repair]:
    closing = "}" if value[0] == "{" else "]"
    finding = _error(
        path,
        "P014",
        Span(number + 1, start + 1, number + 1, start + 2),
        f"this {value[0]} is never closed",
        cure=f"close it with {closing}, or put quotes around the text",
    )
    return finding, Repair(number, start, _single(value))


def _sign(value: str, start: int, number: int, path: str) -> tuple[Finding, Repair]:
    under = None
    if value[0] == ">":
        rest = value[1:].strip()
        if rest.startswith("="):
            under = f"write  at least {rest[1:].strip()}"
        elif rest[:1].isdigit():
            under = f"write  more than {rest}"
    finding = _error(
        path,
        "P012",
        Span(number + 1, start + 1, number + 1, start + 2),
        f"a text cannot start with {value[0]} unless it stands in quotes",
        under=under,
        cure="comparisons are words: at least, at most, more than, less than"
        if value[0] == ">"
        else "put quotes around the whole text",
    )
    return finding, Repair(number, start, _single(value))


def _quotes(value: str, start: int, number: int, path: str) -> tuple[Finding, Repair | None] | None:
    mark = value[0]
    close = value.find(mark, 1)
    while close > 0 and (
        value[close - 1] == "\\" if mark == '"' else value[close + 1 : close + 2] == mark
    ):
        close = value.find(mark, close + (1 if mark == '"' else 2))
    if close < 0:
        finding = _error(
            path,
            "P015",
            Span(number + 1, start + 1, number + 1, start + 2),
            "this quote is never closed",
            cure=f"put {mark} at the end of the text",
        )
        return finding, Repair(number, start, _single(value[1:]))
    rest = value[close + 1 :].strip()
    if rest and not rest.startswith(("#", ":", ",", "]", "}")):
        finding = _error(
            path,
            "P015",
            Span(
                number + 1, start + len(value) - len(rest) + 1, number + 1, start + len(value) + 1
            ),
            "text goes on behind the closing quote",
            cure="put quotes of the other kind around the whole text",
            fix=Fix(_whole(value, start, number), quoted(value)),
        )
        return finding, Repair(number, start, _single(value))
    return None


# The layout of the lines -----------------------------------------------------------------------


def _layout(lines: list[str], line: int, column: int, problem: Any, path: str) -> Finding:
    """Explain what is wrong where no single value is to blame: indentation, brackets, the rest."""
    context = str(getattr(problem, "context", None) or "")
    opened = getattr(problem, "context_mark", None)
    bracket = _bracket(lines, opened) if opened is not None and "flow" in context else None
    if bracket is not None:
        mark = lines[bracket[0]][bracket[1]]
        closing = "}" if mark == "{" else "]"
        span = Span(bracket[0] + 1, bracket[1] + 1, bracket[0] + 1, bracket[1] + 2)
        return _error(
            path,
            "P014",
            span,
            f"this {mark} is never closed",
            cure=f"close it with {closing}, or put quotes around the text",
        )
    if opened is not None and "quoted" in context:
        span = Span(opened.line + 1, opened.column + 1, opened.line + 1, opened.column + 2)
        return _error(
            path,
            "P015",
            span,
            "this quote is never closed",
            cure="put the same quote at the end of the text",
        )
    text = lines[line] if line < len(lines) else ""
    before = _line_before(lines, line)
    indent = len(text) - len(text.lstrip(" "))
    if text.strip() and before >= 0:
        span = Span(line + 1, indent + 1, line + 1, max(indent + 2, len(text.rstrip()) + 1))
        return _error(
            path,
            "P016",
            span,
            _indentation(lines, line, before),
            cure=_indent_cure(lines, line, before),
        )
    span = Span(line + 1, column + 1, line + 1, column + 2)
    return _error(
        path,
        "P017",
        span,
        "YAML cannot be read from here on",
        cure="look at this line and the one above: a missing colon, quote or bracket",
    )


def _bracket(lines: list[str], mark: Any) -> tuple[int, int] | None:
    """Where the bracket stands that a mark means; it may lie behind it, even behind the text."""
    if mark.line < len(lines) and lines[mark.line][mark.column : mark.column + 1] in {"[", "{"}:
        return mark.line, mark.column
    for number in range(min(mark.line, len(lines) - 1), -1, -1):
        column = max(lines[number].rfind("["), lines[number].rfind("{"))
        if column >= 0:
            return number, column
    return None


def _indentation(lines: list[str], line: int, before: int) -> str:
    here, above = _indent(lines[line]), _indent(lines[before])
    if here > above:
        if ":" not in lines[before]:
            return "the line above lacks a colon, or this line is indented too far"
        return f"this line is indented deeper than line {before + 1}, which has its value already"
    if here < above:
        return "the indentation of this line fits no line above it"
    return "this line does not fit the lines above it: a colon, a dash or spaces are missing"


def _indent_cure(lines: list[str], line: int, before: int) -> str:
    here, above = _indent(lines[line]), _indent(lines[before])
    if here > above:
        return (
            f"begin it in column {above + 1}, like the line above, or finish the line above first"
        )
    fitting = sorted({_indent(text) + 1 for text in lines[:line] if text.strip()} - {here + 1})
    if here < above and fitting:
        nearest = min(fitting, key=lambda column: abs(column - here - 1))
        return f"begin it in column {nearest}, like the lines it belongs to"
    return "keys of one mapping begin in the same column and end with a colon"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _line_before(lines: list[str], line: int) -> int:
    for number in range(min(line, len(lines)) - 1, -1, -1):
        text = lines[number].strip()
        if text and not text.startswith("#"):
            return number
    return -1


def _tabs(text: str, path: str) -> list[Finding]:
    """Report the first tab outside whole-line comments, and say whether there are more."""
    at = text.find("\t")
    while at >= 0:
        start = text.rfind("\n", 0, at) + 1
        if not text[start:at].lstrip(" ").startswith("#"):
            break
        end = text.find("\n", at)
        at = text.find("\t", end) if end >= 0 else -1
    if at < 0:
        return []
    more = text.count("\t", at) - 1
    return [
        _error(
            path,
            "P011",
            _at(text, at, 1),
            f"a tab stands here{f' (and {more} more below)' if more else ''}; YAML wants spaces",
            cure="replace it by spaces; most editors have a setting for it",
        )
    ]


# Small things ----------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """Put a text into quotes as YAML wants them."""
    if '"' in text or "\\" in text:
        return _single(text)
    return f'"{text}"'


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _whole(value: str, start: int, number: int) -> Span:
    return Span(number + 1, start + 1, number + 1, start + len(value) + 1)


def _unfit(char: str) -> bool:
    code = ord(char)
    if code < 0x20:
        return char not in "\t\n"
    return (
        code == 0x7F
        or 0x80 <= code < 0xA0
        or char in _INVISIBLE_BREAKS
        or 0xD800 <= code < 0xE000
        or code in (0xFFFE, 0xFFFF, 0xFEFF)
    )


def _at(text: str, offset: int, length: int) -> Span:
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return Span(line, column, line, column + length)


def _error(
    path: str,
    code: str,
    span: Span,
    message: str,
    *,
    under: str | None = None,
    cure: str | None = None,
    fix: Fix | None = None,
) -> Finding:
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
