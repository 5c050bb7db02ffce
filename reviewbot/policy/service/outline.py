"""The outline of a text that is being typed: its keys, items and values, by indentation alone.

Theory of operation. A document under somebody's fingers is mostly broken, so nothing here parses: each
line is cut into dashes, a key and a value, and its column says whose child it is. What YAML takes
over several lines (block texts, brackets, quotes) is followed as far as it goes, and left where the
indentation says that it was never closed. Nothing is refused; what is no YAML gives some outline.
"""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.diagnostics import Span

_NO_KEY = " \"'#[]{},|>%@`&*!"
"""A plain key begins with none of these; one in quotes with its quote."""

_DEEPEST = 40
"""What lies deeper is hung up here: no policy is so deep, and who walks the outline is safe."""


class OutlineEntry:
    """A key with what stands behind it, or an item of a list (`key` is empty), or the whole text.

    `value` is what stands behind it on its own lines, without quotes; `children` what lies below.
    """

    def __init__(self, parent: OutlineEntry | None, column: int, *, item: bool = False) -> None:
        while parent is not None and parent.depth >= _DEEPEST:
            parent = parent.parent
        self.parent: OutlineEntry | None = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.column = column
        self.item = item
        self.key = ""
        self.key_span = Span(1, 1, 1, 1)
        self.value = ""
        self.value_span: Span | None = None
        self.block = False
        """Whether the value is a text over several lines, begun by `|` or `>`."""
        self.children: list[OutlineEntry] = []
        if parent is not None:
            parent.children.append(self)

    def child(self, key: str) -> OutlineEntry | None:
        """The first child with this key."""
        return next((child for child in self.children if child.key == key), None)

    def text(self, key: str) -> str:
        """What stands behind a key; nothing where it is missing."""
        found = self.child(key)
        return "" if found is None else found.value

    def named(self, key: str, line: int, column: int) -> None:
        """Take a key as it stands in its line, from this column (from 0) on."""
        self.key = _unquoted(key)
        self.key_span = Span(line, column + 1, line, column + 1 + len(key))

    def valued(self, text: str, line: int, column: int) -> None:
        """Take a value that stands on one line."""
        self.value = _unquoted(text)
        self.value_span = Span(line, column + 1, line, column + 1 + len(text))

    def walk(self) -> Iterator[OutlineEntry]:
        """It and everything below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def path(self) -> list[OutlineEntry]:
        """Its ancestors from the outermost below the whole text, and itself."""
        above = [] if self.parent is None else self.parent.path()
        return above if self.parent is None else [*above, self]

    def end(self) -> tuple[int, int]:
        """The line and column behind its last character."""
        last = self.children[-1].end() if self.children else (0, 0)
        span = self.key_span if self.value_span is None else self.value_span
        return max(last, (span.end_line, span.end_column))

    def span(self) -> Span:
        """From its first character to its last."""
        return Span(self.key_span.line, self.column + 1, *self.end())


def outline(text: str) -> OutlineEntry:
    """The outline of a text whose lines end in line feeds."""
    return _Scan(text.split("\n")).run()


class _Scan:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.root = OutlineEntry(None, -1)
        self.top = self.root
        self.at = 0

    def run(self) -> OutlineEntry:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            body = line.lstrip(" \t")
            if body and not body.startswith("#") and not body.startswith(("---", "...")):
                self._line(line, len(line) - len(body))
        return self.root

    def _line(self, line: str, column: int) -> None:
        """Cut one line, from its first column on."""
        number = self.at
        while line[column : column + 1] == "-" and line[column + 1 : column + 2] in ("", " "):
            top = self._above(column, dash=True)
            self.top = OutlineEntry(top, column, item=True)
            self.top.key_span = Span(number, column + 1, number, column + 2)
            column = _behind(line, column + 1)
        if column >= len(line) or line[column] == "#":
            return
        colon = _colon(line, column)
        if colon > column:
            self.top = OutlineEntry(self._above(column), column)
            self.top.named(line[column:colon].rstrip(), number, column)
            self._value(self.top, line, _behind(line, colon + 1))
        else:
            self._loose(line, column)

    def _above(self, column: int, *, dash: bool = False) -> OutlineEntry:
        """The entry below which something at this column lies."""
        top = self.top
        while top.parent is not None and (
            top.column > column or (top.column == column and (top.item or not dash))
        ):
            top = top.parent
        return top

    def _loose(self, line: str, column: int) -> None:
        """A line without a key: the value of an item, more of a text, or a key half written."""
        above = self._above(column)
        if above.item and not above.children and above.value_span is None:
            self._value(above, line, column)
        elif above.value_span is not None and above.value_span.line < self.at:
            text = _cut(line[column:])
            above.value = f"{above.value} {text}".strip()
            start = above.value_span
            above.value_span = Span(start.line, start.column, self.at, column + 1 + len(text))
        elif line[column] in "{[":
            self._value(above, line, column)
        else:
            self.top = OutlineEntry(above, column)
            self.top.named(_cut(line[column:]), self.at, column)

    def _value(self, entry: OutlineEntry, line: str, column: int) -> None:
        """What stands behind a key or a dash, from this column on."""
        rest = line[column:]
        if not rest or rest.startswith("#"):
            return
        if rest[0] in "{[":
            _Flow(self, entry).run(column)
            return
        number = self.at
        if rest[0] in "|>" and not _cut(rest).strip("|>+-0123456789"):
            self._block_text(entry, number, column)
            return
        if rest[0] in "\"'" and _quote_end(rest, 0) < 0:
            entry.value, entry.value_span = rest, Span(number, column + 1, number, len(line) + 1)
            self._quoted_text(entry)
            return
        entry.valued(_cut(rest), number, column)

    def _block_text(self, entry: OutlineEntry, number: int, column: int) -> None:
        entry.block = True
        last = number
        while self.at < len(self.lines):
            line = self.lines[self.at]
            indent = len(line) - len(line.lstrip(" "))
            if line.strip() and indent <= max(entry.column, 0):
                break
            self.at += 1
            last = self.at if line.strip() else last
        entry.value = "\n".join(line.strip() for line in self.lines[number:last])
        width = len(self.lines[last - 1])
        entry.value_span = Span(number, column + 1, last, width + 1)

    def _quoted_text(self, entry: OutlineEntry) -> None:
        """More lines of a text in quotes, until they close or the indentation says they never do."""
        quote, start = entry.value[0], entry.value_span
        assert start is not None
        for number in range(self.at, len(self.lines)):
            line = self.lines[number]
            if line.strip() and len(line) - len(line.lstrip(" ")) <= entry.column:
                break
            if quote in line:
                self.at = number + 1
                entry.value_span = Span(start.line, start.column, self.at, line.index(quote) + 2)
                break


class _Flow:
    """A list or a mapping in brackets, also over several lines."""

    def __init__(self, scan: _Scan, entry: OutlineEntry) -> None:
        self.scan = scan
        self.entry = entry
        self.open: list[tuple[str, OutlineEntry, int, int]] = []
        """The brackets that are open: each with its entry, line and column."""
        self.pending: OutlineEntry | None = entry
        """The key or item whose value comes next."""

    def run(self, column: int) -> None:
        scan = self.scan
        line = scan.lines[scan.at - 1]
        while True:
            column = self._piece(line, column)
            if not self.open:
                return
            if column < len(line):
                continue
            if not self._goes_on():
                break
            line, column = scan.lines[scan.at], 0
            scan.at += 1
        while self.open:
            self._close(len(line))

    def _goes_on(self) -> bool:
        """Whether the next line still lies within the brackets, closed or not."""
        if self.scan.at >= len(self.scan.lines):
            return False
        line = self.scan.lines[self.scan.at]
        body = line.lstrip(" ")
        return not body or len(line) - len(body) > max(self.entry.column, 0) or body[0] in "]}"

    def _piece(self, line: str, column: int) -> int:
        """Take one bracket, comma, key or text; give where the next begins."""
        column = _behind(line, column)
        if column >= len(line) or line[column] == "#":
            return len(line)
        char = line[column]
        if char in "{[":
            holder = self.pending or self._entry(column, item=True)
            self.open.append((char, holder, self.scan.at, column + 1))
            self.pending = None
            return column + 1
        if char in "}],":
            if char != ",":
                self._close(column + 1)
            self.pending = None
            return column + 1
        end, colon = _flow_end(line, column, in_mapping=self.open[-1][0] == "{")
        text = _cut(line[column:end])
        if self.pending is None and self.open[-1][0] == "{":
            entry = self._entry(column, item=False)
            entry.named(text, self.scan.at, column)
            self.pending = entry if colon else None
            return end + colon
        if self.pending is None:
            self.pending = self._entry(column, item=True)
        self.pending.valued(text, self.scan.at, column)
        return end + colon

    def _entry(self, column: int, *, item: bool) -> OutlineEntry:
        entry = OutlineEntry(self.open[-1][1], column, item=item)
        entry.key_span = Span(self.scan.at, column + 1, self.scan.at, column + 1)
        return entry

    def _close(self, column: int) -> None:
        _, entry, line, start = self.open.pop()
        entry.value_span = Span(line, start, self.scan.at, column + 1)


def _behind(line: str, column: int) -> int:
    """Where the white space from here on ends."""
    while column < len(line) and line[column] in " \t":
        column += 1
    return column


def _quote_end(line: str, column: int) -> int:
    """Where a text that begins with a quote here has its other one; -1 where it does not."""
    quote, at = line[column], column + 1
    while at < len(line):
        if line[at] == "\\" and quote == '"':
            at += 1
        elif line[at] == quote:
            if quote == '"' or line[at + 1 : at + 2] != quote:
                return at
            at += 1
        at += 1
    return -1


def _colon(line: str, column: int) -> int:
    """Where the colon behind the key that begins here stands; -1 where there is no key."""
    if line[column] in "\"'":
        end = _quote_end(line, column)
        colon = _behind(line, end + 1) if end >= 0 else -1
        return colon if line[colon : colon + 2] in (":", ": ") and colon >= 0 else -1
    if line[column] in _NO_KEY:
        return -1
    colon, cut = line.find(": ", column), line.find(" #", column)
    if colon < 0 and line.rstrip().endswith(":"):
        colon = len(line.rstrip()) - 1
    return colon if cut < 0 or colon < cut else -1


def _flow_end(line: str, column: int, *, in_mapping: bool) -> tuple[int, bool]:
    """Where a key or text within brackets ends, and whether a colon stands there."""
    at = column
    if line[at] in "\"'":
        end = _quote_end(line, at)
        at = len(line) if end < 0 else end + 1
    while at < len(line) and line[at] not in ",{}[]":
        if line[at] == ":" and in_mapping and line[at + 1 : at + 2] in ("", " ", ",", "}", "]"):
            return at, True
        at += 1
    return max(at, column + 1), False


def _cut(text: str) -> str:
    """A plain text without the comment behind it and without white space at its end."""
    start = _quote_end(text, 0) + 1 if text[:1] in ("'", '"') else 0
    return text[: text.find(" #", start)].rstrip() if " #" in text[start:] else text.rstrip()


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]:
        return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1].replace('\\"', '"')
    return text
