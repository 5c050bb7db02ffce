"""A text as an editor has it, and its places: theirs count UTF-16 units and lines from 0, ours characters from 1."""

from __future__ import annotations

from functools import cached_property

from lsprotocol import types

from reviewbot.policy.diagnostics import Span, lines_of

UTF8, UTF16 = types.PositionEncodingKind.Utf8, types.PositionEncodingKind.Utf16


class ClientText:
    """One text, of a version that the editor counts. Its line ends and its byte order mark stay."""

    def __init__(self, text: str, encoding: str = UTF16, version: int | None = None) -> None:
        self.text = text
        self.version = version
        self._encoding = encoding
        self._mark = int(text.startswith("\ufeff"))
        """Findings do not count the byte order mark, editors do."""

    @cached_property
    def lines(self) -> list[str]:
        """Its lines without their ends; behind the last line end there is one more."""
        lines = lines_of(self.text)
        if not lines or lines[-1].endswith(("\n", "\r")):
            lines.append("")
        return lines

    def place(self, position: types.Position) -> tuple[int, int]:
        """A place of the editor as line and column from 1, in characters."""
        line, column = self._at(position)
        return line + 1, column + 1 - (self._mark if line == 0 else 0)

    def range(self, span: Span) -> types.Range:
        """A place of ours as the editor's."""
        return types.Range(
            self.position(span.line, span.column), self.position(span.end_line, span.end_column)
        )

    def whole(self) -> types.Range:
        """All of it."""
        last = len(self.lines)
        return types.Range(types.Position(0, 0), self.position(last, len(self.lines[-1]) + 1))

    def edited(
        self, change: types.TextDocumentContentChangeEvent, version: int | None = None
    ) -> ClientText:
        """It after an edit, or what takes its place."""
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            return ClientText(change.text, self._encoding, version)
        start, end = self._offset(change.range.start), self._offset(change.range.end)
        text = self.text[:start] + change.text + self.text[max(start, end) :]
        return ClientText(text, self._encoding, version)

    def _offset(self, position: types.Position) -> int:
        line, column = self._at(position)
        return sum(map(len, self.lines[:line])) + column

    def _at(self, position: types.Position) -> tuple[int, int]:
        """Line and column from 0, in characters; what lies behind a line's end is its end."""
        if position.line >= len(self.lines):
            return len(self.lines) - 1, len(self.lines[-1])
        text = self.lines[position.line].rstrip("\r\n")
        return position.line, self._characters(text, position.character)

    def position(self, line: int, column: int) -> types.Position:
        """A place of ours as the editor's."""
        line = min(line, len(self.lines)) - 1
        before = self.lines[line].rstrip("\r\n")[: column - 1 + (self._mark if line == 0 else 0)]
        return types.Position(line, self._units(before))

    def _units(self, text: str) -> int:
        if text.isascii() or self._encoding not in (UTF8, UTF16):
            return len(text)
        if self._encoding == UTF8:
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text.encode("utf-16-le", "surrogatepass")) // 2

    def _characters(self, text: str, units: int) -> int:
        """How many characters so many units are; within one it is the place before it."""
        if text.isascii() or self._encoding not in (UTF8, UTF16):
            return min(units, len(text))
        count = 0
        for character in text:
            units -= self._units(character)
            if units < 0:
                break
            count += 1
        return count
