"""Tamed YAML: a text becomes a tree of texts with places, within limits, or findings that say why not.

Theory of operation. libyaml's parser keeps its stack on the heap and hands out events one by one, so
caps on size, depth and number are checked while the tree is built and nothing recursive ever runs
over hostile input. Every scalar stays the text it was; what it means is for the catalogue to say.
After a syntax error with a known cure (`yamltrouble.py`) the cure is applied to a copy and reading
goes on, so that one run finds the mistakes behind the first one too.
"""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from reviewbot.policy.diagnostics import Finding, Fix, Severity, Span

# ------------------------------------------------------------------------------------------------
# What was meant where YAML stumbles: the cause in plain words, the cure, and how to read on.


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


MAX_BYTES = 1024 * 1024


MAX_NODES = 15_000


MAX_DEPTH = 20


_MAX_REPAIRS = 25


_REPAIRED_CHARACTERS = 256 * 1024
"""How much text may be read again after repairs, so that hostile input stays cheap."""


_MOST_FINDINGS = 100


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Scalar(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A text. `last_line` is where it ends in the document, `cut` the `#` comment behind it.

    `broken` marks a text that a finding already explains; whoever reads it stays silent about it.
    """

    value: str
    span: Span
    last_line: int = 0
    style: str = ""
    cut: Span | None = None
    broken: bool = False

    @property
    def quoted(self) -> bool:
        """Whether it stood in quotes."""
        return self.style in ("'", '"')


class Mapping(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Keys and what stands under them, in order, doubles included."""

    entries: tuple[tuple[Scalar, Tree], ...]
    span: Span


class Sequence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A list."""

    items: tuple[Tree, ...]
    span: Span


Tree = Scalar | Mapping | Sequence


class YamlDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One YAML text: its tree (None where there is none to read) and what is wrong with it as YAML."""

    path: str
    text: str
    lines: tuple[str, ...] = ()
    root: Tree | None
    findings: tuple[Finding, ...] = ()

    def part(self, scalar: Scalar, start: int, end: int) -> Span:
        """Find the place of `scalar.value[start:end]`, also inside block and quoted texts."""
        word = scalar.value[start:end]
        if not word or "\n" in word:
            return scalar.span
        left = scalar.value.count(word, 0, start) + 1
        column = scalar.span.column - 1
        for number in range(scalar.span.line, max(scalar.span.line, scalar.last_line) + 1):
            line = self.lines[number - 1]
            while (found := line.find(word, column)) >= 0:
                left -= 1
                column = found + len(word)
                if not left:
                    return Span(number, found + 1, number, column + 1)
            column = 0
        return scalar.span


def load_yaml(source: bytes | str, path: str = "") -> YamlDocument:
    """Read one YAML document. Raises nothing: whatever is wrong is a finding."""
    if len(source) > MAX_BYTES:
        return _refused(path, "P004", "the file is larger than 1 MiB", "a policy is a few pages")
    try:
        decoded = source.decode("utf-8") if isinstance(source, bytes) else source
    except UnicodeDecodeError as problem:
        return _not_utf8(problem, path)
    text = decoded.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") > MAX_NODES:
        return _refused(
            path, "P005", f"the file has more than {MAX_NODES:,} lines", "a policy is a few pages"
        )
    unfit = unfit_characters(text, path)
    if any(finding.code == "P010" for finding in unfit):
        return YamlDocument(path=path, text=text, root=None, findings=tuple(unfit))
    return _YamlReading(text, path).run(unfit)


class _YamlReading:
    """The reading of one text, with as many repairs as the budget of nodes allows."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.findings: list[Finding] = []
        self.budget = MAX_NODES
        self.repairs: dict[int, Repair] = {}

    def run(self, unfit: list[Finding]) -> YamlDocument:
        self.findings.extend(unfit)
        text = self.text
        for finding in unfit:
            text = text.replace("\t", " ") if finding.code == "P011" else text
        root: Tree | None = None
        allowance = _REPAIRED_CHARACTERS
        for _ in range(_MAX_REPAIRS):
            builder = _Builder(text, self)
            try:
                root = builder.build()
                self.findings.extend(builder.findings)
                break
            except _Refusal as refusal:
                self.findings += [*builder.findings, refusal.finding]
                break
            except yaml.YAMLError as problem:
                finding, repair = diagnose(text, problem, self.path, self.repairs)
                if unfit and repair is None:
                    break
                self.findings.append(finding)
                allowance -= len(text)
                if repair is None or repair.line in self.repairs or allowance < 0:
                    break
                self.repairs[repair.line] = repair
                text = repair.apply(text)
        if root is None and not self.findings:
            self.findings.append(_finding(self.path, "P003", Span(1, 1, 1, 1), "the file is empty"))
        return YamlDocument(
            path=self.path,
            text=self.text,
            lines=tuple(self.text.split("\n")),
            root=root,
            findings=tuple(self.findings),
        )


class _Refusal(Exception):
    """The text crossed a limit; reading stops at once."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding


class _Builder:
    """Builds the tree from events with a stack of its own."""

    def __init__(self, text: str, reading: _YamlReading) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.reading = reading
        self.repairs = reading.repairs
        self.remarks = "#" in text
        self.anchors: set[str] = set()
        self.findings: list[Finding] = []

    def build(self) -> Tree | None:
        stack: list[tuple[Any, list[Tree]]] = []
        root: Tree | None = None
        documents = 0
        for event in iter(_Loader(self.text).get_event, None):
            kind = type(event)
            done: Tree | None = None
            if kind is yaml.ScalarEvent:
                done = self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event, len(stack))
                stack.append((event, []))
                continue
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                start, items = stack.pop()
                done = self._close(start, event, items)
            elif kind is yaml.AliasEvent:
                done = self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self._refuse(
                        "P009",
                        event,
                        "a second document starts here (---)",
                        "put it in a file of its own",
                    )
            if done is None:
                continue
            if stack:
                stack[-1][1].append(done)
            else:
                root = done
        if isinstance(root, Scalar) and not root.value and not root.quoted:
            return None
        return root

    def _scalar(self, event: Any) -> Scalar:
        self._count(event)
        tag = event.tag
        if tag is not None or event.anchor is not None:
            self._refuse_extras(event)
        start, end = event.start_mark, event.end_mark
        line, column, last = start.line + 1, start.column + 1, end.line + 1
        style = event.style or ""
        if style == "|" or style == ">":
            span = Span(line, column, line, len(self._line(line - 1)) + 1)
        else:
            span = Span(line, column, last, end.column + 1)
        repair = self.repairs.get(line - 1) if self.repairs else None
        return Scalar(
            value=event.value,
            span=span,
            last_line=last,
            style=style,
            cut=self._cut(end.line, end.column) if self.remarks and not style else None,
            broken=bool(tag)
            or (repair is not None and style == "'" and start.column >= repair.column),
        )

    def _cut(self, line: int, column: int) -> Span | None:
        """Find a comment that follows a plain text on its line."""
        text = self._line(line)
        while text[column : column + 1] == " ":
            column += 1
        if text[column : column + 1] != "#":
            return None
        return Span(line + 1, column + 1, line + 1, len(text) + 1)

    def _open(self, event: Any, depth: int) -> None:
        self._count(event)
        self._refuse_extras(event)
        if depth >= MAX_DEPTH:
            self._refuse(
                "P006",
                event,
                f"more than {MAX_DEPTH} levels lie inside each other here",
                "a policy needs six",
            )

    def _close(self, start: Any, end: Any, items: list[Tree]) -> Tree:
        first = _place(start.start_mark)
        last = _place(end.end_mark)
        if not start.flow_style and items:
            last = (items[-1].span.end_line, items[-1].span.end_column)
        span = Span(*first, *last)
        if type(start) is yaml.SequenceStartEvent:
            return Sequence(items=tuple(items), span=span)
        entries = []
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, Scalar):
                entries.append((key, value))
                continue
            self._add(
                "P017",
                key.span,
                "a key must be a word, not a list or a mapping",
                "a text that starts with { or [ needs quotes",
            )
        return Mapping(entries=tuple(entries), span=span)

    def _alias(self, event: Any) -> Scalar:
        self._count(event)
        span = self._span(event)
        if event.anchor in self.anchors:
            self._add(
                "P007",
                span,
                "a policy takes no anchors and no aliases (& and *)",
                "write the value out in both places",
            )
        else:
            self._add(
                "P012",
                span,
                "a text cannot start with * unless it stands in quotes",
                "put quotes around the whole text",
            )
        return Scalar(value=f"*{event.anchor}", span=span, broken=True)

    def _refuse_extras(self, event: Any) -> None:
        if event.anchor is not None:
            self.anchors.add(event.anchor)
            self._add(
                "P007",
                self._first(event),
                "a policy takes no anchors and no aliases (& and *)",
                "write the value out; a text that starts with & needs quotes",
            )
        if event.tag is not None:
            self._add(
                "P008",
                self._first(event),
                "a policy takes no YAML tags (words that start with !)",
                "write  not  and the value"
                if event.tag == "!="
                else "a text that starts with ! needs quotes around the whole text",
            )

    def _count(self, event: Any) -> None:
        self.reading.budget -= 1
        if self.reading.budget < 0:
            raise _Refusal(_too_many(self.reading.path, _place(event.start_mark)))

    def _span(self, event: Any) -> Span:
        return Span(*_place(event.start_mark), *_place(event.end_mark))

    def _line(self, number: int) -> str:
        """A line by its number from 0; libyaml's marks may point one behind the last."""
        return self.lines[number] if number < len(self.lines) else ""

    def _first(self, event: Any) -> Span:
        line, column = _place(event.start_mark)
        word = self._line(line - 1)[column - 1 : column + 99].split(" ", 1)[0]
        return Span(line, column, line, column + max(1, len(word)))

    def _add(self, code: str, span: Span, message: str, cure: str) -> None:
        self.findings.append(_finding(self.reading.path, code, span, message, cure))
        if len(self.findings) > _MOST_FINDINGS:
            more = "there may be more mistakes below; mend these first"
            raise _Refusal(_finding(self.reading.path, "P036", span, more))

    def _refuse(self, code: str, event: Any, message: str, cure: str) -> None:
        line, column = _place(event.start_mark)
        raise _Refusal(
            _finding(self.reading.path, code, Span(line, column, line, column + 1), message, cure)
        )


def _too_many(path: str, place: tuple[int, int]) -> Finding:
    line, column = place
    span = Span(line, column, line, column + 1)
    message = f"the file holds more than {MAX_NODES:,} values"
    return _finding(path, "P005", span, message, "move long lists to a CSV file beside the policy")


def _place(mark: Any) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _finding(path: str, code: str, span: Span, message: str, cure: str | None = None) -> Finding:
    return Finding(
        code=code, severity=Severity.ERROR, span=span, message=message, cure=cure, path=path
    )


def _refused(path: str, code: str, message: str, cure: str) -> YamlDocument:
    finding = _finding(path, code, Span(1, 1, 1, 1), message, cure)
    return YamlDocument(path=path, text="", root=None, findings=(finding,))


def _not_utf8(problem: UnicodeDecodeError, path: str) -> YamlDocument:
    source = problem.object
    before = source[: problem.start].decode("utf-8", "replace").replace("\r\n", "\n")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    if source[:2] in (b"\xff\xfe", b"\xfe\xff"):
        message = "the file is UTF-16, not UTF-8"
    else:
        message = f"the file is not UTF-8: byte 0x{source[problem.start]:02x} stands here"
    finding = _finding(
        path,
        "P002",
        Span(line, column, line, column + 1),
        message,
        'save it again with the encoding "UTF-8"',
    )
    text = source.decode("utf-8", "replace").replace("\r\n", "\n")
    return YamlDocument(path=path, text=text, root=None, findings=(finding,))
