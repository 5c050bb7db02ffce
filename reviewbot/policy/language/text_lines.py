"""A policy's texts over several lines, passed over line by line: they hold anything, and end by their column."""

from __future__ import annotations

from reviewbot.domain.task import PLATFORMS
from reviewbot.policy.language.lines import (
    FREE_TEXTS,
    KEYS,
    ROUND,
    indent_of,
    is_closed,
    line_before,
    parts_of,
)
from reviewbot.policy.language.slips import LineWalk
from reviewbot.policy.text_forms import is_name, shape


class TextWalk(LineWalk):
    """The lines that belong to the value of one above them, and those that probably do."""

    @property
    def above(self) -> str:
        """The key of the innermost level that was named last."""
        return self.levels[-1].keys[-1] if self.levels[-1].keys else ""

    def pass_value(self, key: str | None, value: str, begins: int) -> None:
        """Pass over the lines that belong to the value of this one."""
        self.key_column = begins
        self.open = key is not None and not value
        if value[:1] in ("|", ">") and shape(r"[|>][-+0-9]*(?: +#.*)?").fullmatch(value):
            self.open = False
            self._block(begins)
        elif value[:1] in ("[", "{") and not is_closed(value):
            self.pass_over(value, begins)

    def mend_pipe(self) -> None:
        """A text of several lines, one of which holds a colon, without its | behind the name."""
        column, name = indent_of(self.lines[self.now]), self.above
        is_text = name in FREE_TEXTS or (self.levels[-1].parent == "reasons" and name not in KEYS)
        if not self.open or column <= self.key_column or not is_text or not self._is_prose(column):
            return
        here, self.now = self.now, line_before(self.lines, self.now)
        above = self.lines[self.now].rstrip()
        message = "the text below has a colon in it, so it needs  |  behind its name"
        self.say("P017", self.key_column, len(above), message, under=f"write  {above.strip()} |")
        self.put(len(above), len(self.lines[self.now]), " |")
        self.open = False
        self._block(self.key_column)
        self.now = max(here, self.now)

    def _is_prose(self, column: int) -> bool:
        """Whether the lines from here on are a text in which a colon stands, not names with values."""
        line = self.lines[self.now]
        lines = [line]
        for more in self.lines[self.now + 1 :]:
            if more.strip() and indent_of(more) <= self.key_column:
                break
            lines.append(more)
        key, _ = parts_of(line, column)
        text = line.strip()
        said = text.lstrip("-*•–— ")  # also with the sign of a list, and without its space
        others = ("otherwise", "round ", "when", "locale")
        is_own = text.startswith("- ") or said.startswith((*PLATFORMS, *others))
        if is_own or _are_rounds(lines, column):
            return False
        if key is not None and (len(lines) < 2 or (key.isalpha() and key.islower())):
            return False
        return any(": " in text or text.rstrip().endswith(":") for text in lines)

    def _block(self, begins: int) -> None:
        """Pass over a text of several lines; one of its lines may stand too far left."""
        number, first = self.now + 1, self._first_of_text(begins)
        while number < len(self.lines):
            line = self.lines[number]
            if line.strip():
                indent = indent_of(line)
                if indent <= begins and not self._outdented(number, begins, first):
                    break
                if indent <= begins:
                    here, self.now = self.now, number
                    column = first if first is not None else begins + 2
                    is_told = any(f.code == "P016" and f.span.line == number for f in self.findings)
                    if not is_told and (self.shift or 0) >= 0:  # else it moves with its name
                        message = "this line belongs to the text above and begins too far left"
                        cure = f"begin it in column {column + 1}, where the text above begins"
                        self.say("P016", indent, len(line.rstrip()), message, cure=cure)
                    self.put(0, indent, " " * column)
                    self.now = here
                elif first is None:
                    first = indent
                elif indent < first:
                    if not self._outdented(number, begins, first):
                        break
                    here, self.now = self.now, number
                    self._move(first, f"begin it in column {first + 1}, where the text begins")
                    self.now = here
            number += 1
        self.now = number - 1

    def _first_of_text(self, begins: int) -> int | None:
        """The column in which a text begins: that of its other lines, where the first alone stands further right."""
        number = self.now + 1
        while number < len(self.lines) and not self.lines[number].strip():
            number += 1
        columns = []
        for line in self.lines[number:]:
            if line.strip() and indent_of(line) <= begins:
                break
            columns += [indent_of(line)] if line.strip() else []
        others = {*columns[1:]}
        if len(others) != 1 or columns[0] <= min(others) or columns[0] == begins + 2:
            return None
        (column,) = others
        here, self.now = self.now, number
        self._move(column, f"begin it in column {column + 1}, where the text goes on")
        self.now = here
        return column

    def _move(self, column: int, cure: str) -> None:
        """Begin this line of a text in another column."""
        line = self.lines[self.now]
        indent = indent_of(line)
        much = "right" if indent > column else "left"
        message = f"this line of a text begins too far {much}"
        self.say("P016", indent, len(line.rstrip()), message, cure=cure)
        self.put(0, indent, " " * column)

    def _outdented(self, number: int, begins: int, first: int | None) -> bool:
        """Whether a line behind a text can be nothing but one more line of it."""
        line = self.lines[number]
        text = line.strip()
        indent = indent_of(line)
        if (
            text.startswith(("- ", "#"))
            or (indent == 0 and first is not None)
            or (indent < begins and first is not None and first - indent > 3)
        ):
            return False
        key, value = parts_of(line, indent)
        name = text.rstrip("|>: ") if key is None else key
        is_short = is_name(name) and len(name.split(" ")) <= 3
        if key is None:
            return not (is_short and (name != text or self._is_deeper_behind(number)))
        return not is_short and not value.startswith(("|", ">"))

    def _is_deeper_behind(self, number: int) -> bool:
        here, self.now = self.now, number
        is_deeper = self.next_is_deeper()
        self.now = here
        return is_deeper

    def pass_over(self, value: str, begins: int) -> None:
        """Pass over the lines of a list in brackets, or of a plain text that goes on."""
        depth = value
        while self.now + 1 < len(self.lines):
            line = self.lines[self.now + 1]
            if (
                value[:1] not in ("[", "{")
                or is_closed(depth)
                or (line.strip() and indent_of(line) <= begins)
            ):
                break
            depth += f"\n{line}"
            self.now += 1


def _are_rounds(lines: list[str], column: int) -> bool:
    """Whether lines are texts by round, each with its own name for it."""
    keys = [parts_of(line, column)[0] for line in lines if indent_of(line) == column]
    return len(keys) > 1 and all(key and shape(ROUND).fullmatch(key) for key in keys)
