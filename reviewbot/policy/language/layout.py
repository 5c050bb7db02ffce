"""How a policy's lines stand: what hands, a word processor or another tool made of them, and what was meant.

Theory of operation. Only a text that cannot be read is looked at here. A policy is regular: sections,
rules behind dashes, keys with a colon. So its lines are walked one by one with the columns that are
open above each, texts over several lines are left alone, and a line that fits nothing is compared
with what the grammar takes there. Each mistake gives a finding and an edit; the edited text is read
again, so that the mistakes behind the first are found in the same run. Lines are never added or
taken away, and the columns of an edited line are told as they stand in the author's file.
"""

from __future__ import annotations

from reviewbot.policy.language.grammar import CONDITION, DECLARED, POLICY
from reviewbot.policy.language.lines import (
    FACTS,
    KEYS,
    LISTS,
    OPENS,
    ROUND,
    WORDS,
    Layout,
    Level,
    behind_dashes,
    first_column,
    goes_on,
    indent_of,
    is_moment,
    is_tidy,
    line_before,
    parts_of,
)
from reviewbot.policy.language.synonyms import KEYS as OTHER
from reviewbot.policy.language.synonyms import meaning
from reviewbot.policy.language.text_lines import TextWalk
from reviewbot.policy.text_forms import shape

MOST_LINES = 3000
_SECTIONS = ("deadline", "guardrails", "given", "when", "applies to", "over time")
_OF_NAMES = (*DECLARED.values(), *_SECTIONS)
"""Keys below which each line has a name of its own, and no dash."""


def lay_out(text: str, path: str) -> Layout | None:
    """Find what is wrong with the lines of a text, and mend a copy; None where nothing is."""
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        return None
    walk = _Walk(lines, path)
    walk.run()
    if not walk.findings:
        return None
    meant = "" if walk.stopped else "\n".join(walk.lines)
    return Layout(meant, walk.with_fixes(), tuple(walk.edits))


class _Walk(TextWalk):
    """The columns that are open above each line, and where those stand that fit none."""

    def run(self) -> None:
        self.mend_fences()
        self.mend_tabs()
        while self.now < len(self.lines) and not self.stopped:
            line = self.lines[self.now]
            if line and not self._goes_on(line):
                text = line.strip()
                if text.startswith("#") and self._heading(text):
                    text = line = self.lines[self.now]
                if text and text[0] != "#" and text not in ("---", "..."):
                    self._line(line)
            self.now += 1

    def _heading(self, text: str) -> bool:
        """`## rules:` as a heading of a text, with the lines of a part below it."""
        name, below = text.lstrip("# ").removesuffix(":"), self.lines[self.now + 1 : self.now + 2]
        is_part = name in OPENS and name in POLICY.keys and below and below[0][:1] == " "
        if not is_part or any(line.startswith(f"{name}:") for line in self.lines):
            return False
        end = len(self.lines[self.now])
        self.swap(0, end, f"{name}:", "a line behind # is a remark, not a heading", (0, end))
        return True

    def _goes_on(self, line: str) -> bool:
        """Pass over a line that is surely in order: one more value or key where others stand."""
        column = indent_of(line)
        if self.now in self.tabbed:
            return False
        if self.open:
            return self._first_test(line, column)
        behind = len(self.levels)
        while behind and self.levels[behind - 1].column > column:
            behind -= 1
        level = self.levels[behind - 1]
        if level.column != column:
            return False
        if level.is_list:
            if behind == len(self.levels):
                return self._are_values(line[:column])
            return level.parent in ("rules", "tests") and self._next_entry(line, column, behind)
        opens = line.endswith(":")
        key = line[column:-1] if opens else line[column : line.find(": ", column)]
        if level.keys[:1] == [key] or not self._is_key(line, key, column) or not level.takes(key):
            return False
        del self.levels[behind:]
        level.add(key)
        self.key_column, self.open = column, opens
        return True

    def _is_key(self, line: str, key: str, begins: int) -> bool:
        """Whether a key of the language begins in this column, with a plain value or none."""
        value = begins + len(key) + 2
        is_plain = key in WORDS and key != "id" and is_tidy(line, begins)
        first = line[value : value + 1]
        return is_plain and (
            first not in ("|", ">", "[", "{") or (first == "[" and line.find("]") == len(line) - 1)
        )

    def _first_test(self, line: str, column: int) -> bool:
        """Pass over the first test below `when:`."""
        key = line[column : line.find(": ", column)]
        is_below = self.above in ("when", "given") and column == self.key_column + 2
        if not is_below or key not in FACTS or not self._is_key(line, key, column):
            return False
        self.levels.append(Level(column, self.above, is_list=False))
        self.levels[-1].add(key)
        self.key_column, self.open = column, line.endswith(":")
        return True

    def _next_entry(self, line: str, column: int, behind: int) -> bool:
        """Pass over the name of the next rule or test."""
        if not line.startswith("- name: ", column) or not self._is_key(line, "name", column + 2):
            return False
        del self.levels[behind:]
        self.levels.append(Level(column + 2, self.levels[-1].parent, is_list=False))
        self.levels[-1].add("name")
        self.shift, self.key_column = None, column + 2
        return True

    def _are_values(self, indent: str) -> bool:
        """Pass over plain values behind their dashes, as most of a list are; whether this line is one."""
        dash, begins, number = f"{indent}- ", len(indent) + 2, self.now
        while number < len(self.lines) and self.lines[number].startswith(dash):
            value = self.lines[number][begins:]
            is_plain = value.isalnum() and value.isascii() and value not in WORDS
            if not is_plain or number in self.tabbed:
                break
            number += 1
        if number == self.now:
            return False
        self.now = number - 1
        self.shift, self.key_column = None, begins
        return True

    def _line(self, line: str) -> None:
        column = indent_of(line)
        begins = behind_dashes(line, column)
        if self.open or not is_tidy(line, begins):
            if self._mended():
                return
            line = self.lines[self.now]
            column = indent_of(line)
            begins = behind_dashes(line, column)
        is_item = begins > column or line[column:] == "-"
        if self._stands_twice(line, column):
            return
        key, value = parts_of(line, begins)
        if key is None and not self.open and not is_item and column > self.key_column:
            self.pass_over(line, self.key_column)
            return
        if key is None and self._dash_for_name(column, line):
            self._again()
            return
        moved = self._first_alone(column, is_item, key) or self._fit(column, is_item, key)
        if moved:
            self._again()
            return
        self._enter(column, begins, is_item, key)
        self.pass_value(key, "" if self._is_in_the_way(key, value) else value, begins)

    def _stands_twice(self, line: str, column: int) -> bool:
        """The same key twice in a row, with what belongs to it below the second."""
        above = self.lines[line_before(self.lines, self.now)] if self.now else ""
        if line != above or not line.endswith(":"):
            return False
        message, cure = "this line stands twice", "delete one of the two"
        self.say("P019", column, len(line), message, cure=cure)
        self.put(0, len(line), "")
        return True

    def _is_in_the_way(self, key: str | None, value: str) -> bool:
        """A word behind a key that has its lines below it; say whether it was put away."""
        named = self.levels[-1].parent in DECLARED.values() and self.levels[-1].parent != "reasons"
        if key is None or value[:1] in ("", "|", ">") or not (key in OPENS or named):
            return False
        if not self.next_is_deeper() or not self._begins_lines():
            return False
        at, end = self.lines[self.now].rindex(value), len(self.lines[self.now])
        if ": " in value or value.startswith("- "):
            if key not in OPENS:
                message = f"what belongs to  {key}:  begins on the line below it"
                under = f"write  {value}  on a line of its own, below  {key}:"
                self.say("P017", at, end, message, under=under)
                self.stopped = True
            return False
        message = f"lines stand below  {key}:  and so nothing stands behind its colon"
        self.say("P017", at, end, message, under=f"write  {key}:", cure="or delete those lines")
        self.put(at - 1, end, "", fixed=False)
        return True

    def _begins_lines(self) -> bool:
        """Whether the next line is a name with a colon or an entry behind a dash."""
        below = next((line for line in self.lines[self.now + 1 :] if line.strip()), "")
        return below.lstrip().startswith("- ") or parts_of(below, indent_of(below))[0] is not None

    def _mended(self) -> bool:
        """Mend the words of this line; whether it is a comment, of which no more is to be said."""
        self.mend_spaces()
        if self.mend_remark() or self.mend_joint():
            return True
        self.mend_pipe()
        self.mend_inline()
        self.mend_dash()
        self.mend_colon()
        return False

    def _again(self) -> None:
        """After a line was moved it stands in an open level."""
        line = self.lines[self.now]
        column = begins = indent_of(line)
        is_item = line.startswith("- ", column)
        begins = behind_dashes(line, begins)
        key, value = parts_of(line, begins)
        self._enter(column, begins, is_item, key)
        self.pass_value(key, value, begins)

    # Columns ---------------------------------------------------------------------------------

    def _fit(self, column: int, is_item: bool, key: str | None) -> bool:
        """Move a line to the column that it belongs in, where it stands in none; say whether it was."""
        if self.now in self.tabbed:
            return self._tabbed(column, is_item, key)
        if key is not None and self._dash_is_wrong(column, is_item, key):
            return True
        if self._begins_level(column, is_item) or self._stands(column, is_item, key):
            return False
        wanted = self._wanted(column, is_item, key)
        if wanted is None or wanted.column == column:
            return False
        is_new = self.shift != column - wanted.column
        # In the column of dashes it may as well be an entry of its own, or lack the name above it.
        doubt = not is_item and self._among_dashes(column, key, wanted)
        if is_new:
            self._say_column(column, wanted, among_dashes=doubt)
        is_own = key is not None and (wanted.takes(key) or self._rounds(key) is wanted)
        known = is_item or (is_own and not doubt)
        self.put(0, column, " " * wanted.column, fixed=known)
        self.shift = column - wanted.column
        return True

    def _first_alone(self, column: int, is_item: bool, key: str | None) -> bool:
        """Move the first line of a level to where all others of it stand, or below its key; say whether it was."""
        has_keys = bool(self.levels[-1].keys)
        wanted = self.key_column + 2 if has_keys else 0
        if self.now in self.tabbed or column == wanted or not self.open:
            return False
        is_text = self._begins_text(column, key)
        may_be = is_text or self._begins_level(column, is_item) or not has_keys
        until = self.key_column if has_keys else -1
        is_first = may_be and first_column(self.lines, self.now, wanted, until) is not None
        if not is_first and (is_item or not self._belongs_below(column, key)):
            return False
        if self.shift != column - wanted:
            self._say_column(column, Level(wanted, "", is_list=is_item), among_dashes=False)
        self.put(0, column, " " * wanted)
        self.shift = column - wanted
        return True

    def _begins_text(self, column: int, key: str | None) -> bool:
        """Whether a variant of a text, or another name, stands in the column of the name above it."""
        is_own = column == self.key_column and not self.levels[-1].takes(key or "")
        return is_own and self.lines[self.now].rstrip().endswith(("|", ">"))

    def _belongs_below(self, column: int, key: str | None) -> bool:
        """Whether a line in the column of an empty key, or left of it among its own, can only belong below that."""
        level = self.levels[-1]
        if column > self.key_column or not level.keys or key is None:
            return False
        if any(each.takes(key) for each in self.levels if each.column == column):
            return False
        below = next((line for line in self.lines[self.now + 1 :] if line.strip()), "")
        if column < self.key_column and indent_of(below) != self.key_column + 2:
            return False
        if self.above in DECLARED.values():
            return key not in WORDS
        if level.parent in DECLARED.values():
            return key in WORDS
        return self.above in OPENS - LISTS and (key in WORDS or is_moment(key))

    def _among_dashes(self, column: int, key: str | None, wanted: Level) -> bool:
        """Whether a test stands in the column of alternatives, or would be put among those of one from afar."""
        if key not in FACTS - KEYS and key not in CONDITION.keys:
            return False
        lists = [level for level in self.levels if level.is_list]
        is_far = abs(column - wanted.column) > 1
        return any(
            level.column == column or (is_far and level.column + 2 == wanted.column)
            for level in lists
            if level.parent not in ("rules", "tests", "never")
        )

    def _dash_is_wrong(self, column: int, is_item: bool, key: str) -> bool:
        return self._dash_too_many(column, key) if is_item else self._missing_dash(column, key)

    def _stands(self, column: int, is_item: bool, key: str | None) -> bool:
        """Whether a line stands in a column that is open for it."""
        fitting = [lvl for lvl in self.levels if lvl.column == column and lvl.is_list == is_item]
        if fitting and is_item:
            self.shift = None
        return bool(fitting) and not self._strays(fitting[-1], key)

    def _rounds(self, key: str | None) -> Level | None:
        """The open level of texts by round that one more of them belongs to."""
        if key is None or not shape(ROUND).fullmatch(key):
            return None
        begun = (level for level in self.levels if level.keys and not level.is_list)
        return next((level for level in begun if shape(ROUND).fullmatch(level.keys[0])), None)

    def _strays(self, level: Level, key: str | None) -> bool:
        """Whether a test stands in a column of other keys, while one of tests is open."""
        if (own := self._rounds(key)) is not None:
            return own is not level
        if key is None or key not in WORDS or not level.keys or level.takes(key):
            return False
        others = [other for other in self.levels if other is not level and other.takes(key)]
        return bool(others)

    def _dash_too_many(self, column: int, key: str) -> bool:
        """A dash in front of a key that belongs to the entry above, or of a name among names."""
        own = next((level for level in reversed(self.levels) if level.column == column), None)
        if self.open and self.above in (*LISTS, "unless"):
            return False  # entries may begin in the column of their name
        if own is not None and own.keys and own.parent in _OF_NAMES and not own.is_list:
            return self._dash_among_names(own, key)
        if column == 0 and key in POLICY.keys and key not in self.levels[0].keys:
            message = "a dash too many: the parts of a policy have none"
            self.swap(0, indent_of(self.lines[self.now], 1), "", message, (0, 1))
            return True
        for above, level in zip(self.levels, self.levels[1:], strict=False):
            if column in (above.column, level.column) and goes_on(above, level, key):
                written = self.lines[self.now].strip().removeprefix("- ")
                message = "a dash too many: this line belongs to the entry above"
                cure = f"begin it in column {level.column + 1}"
                under = f"write  {written}"
                self.say("P017", column, column + 1, message, under=under, cure=cure)
                end = indent_of(self.lines[self.now], column + 2)
                self.put(0, end, " " * level.column)
                return True
        return False

    def _dash_among_names(self, own: Level, key: str) -> bool:
        """A dash where names have none; of tests it may be that they are alternatives."""
        is_test = key in FACTS or key in CONDITION.keys
        if is_test and own.parent == "conditions":
            return False  # one of the alternatives above, too far left
        message, column = f"a dash too many: names under  {own.parent}:  have none", own.column
        self.swap(column, column + 2, "", message, (column, column + 1))
        if is_test and own.parent == "when":
            self._guessed.add(self.now)
        return True

    def _dash_for_name(self, column: int, line: str) -> bool:
        """`- |` among texts that have names."""
        own = next((level for level in self.levels if level.column == column), None)
        if line[column:].rstrip() not in ("- |", "- >") or own is None or own.is_list:
            return False
        if own.parent not in DECLARED.values() or not own.keys:
            return False
        message = f"what stands under  {own.parent}:  has a name, and no dash"
        under = "write the name, a colon and  |"
        self.say("P017", column, column + 3, message, under=under)
        self.put(column, column + 2, "unnamed: ", fixed=False)
        return True

    def _say_column(self, column: int, wanted: Level, *, among_dashes: bool) -> None:
        less = wanted.column - column
        many = f"{abs(less)} space{'s' * (abs(less) != 1)} too {'few' if less > 0 else 'many'}"
        like = f", under  {wanted.keys[0]}" if wanted.keys else ""
        like += f",  below  {wanted.parent}:" if like and wanted.parent in _SECTIONS else ""
        cure = f"begin it in column {wanted.column + 1}{like}"
        if among_dashes:
            cure += f",  or, for an entry of its own, write  - {self.lines[self.now].strip()}"
        end = len(self.lines[self.now].rstrip())
        self.say("P016", column, end, f"this line begins {many}", cure=cure)

    def _begins_level(self, column: int, is_item: bool) -> bool:
        """Whether a line in this column may begin a level below the key above it."""
        return self.open and (column > self.key_column or (is_item and column == self.key_column))

    def _tabbed(self, column: int, is_item: bool, key: str | None) -> bool:
        """Put a line that began with tabs where it belongs."""
        taking = [
            lvl
            for lvl in self.levels
            if lvl.is_list == is_item and (is_item or lvl.takes(key or ""))
        ]
        wanted = taking[-1].column if taking else column
        if self.open and not taking:
            wanted = self.key_column + 2
        self.put(0, column, " " * wanted)
        self.shift = None
        return True

    def _wanted(self, column: int, is_item: bool, key: str | None) -> Level | None:
        """The open level that a line belongs to: by its key, else the nearest."""
        levels = [level for level in self.levels if level.is_list == is_item]
        if key is None and not is_item:
            return None
        if (own := self._rounds(key)) is not None:
            return own
        taking = [level for level in levels if key is not None and level.takes(key)]
        near = [lvl for lvl in taking or levels if abs(lvl.column - column) <= 4 - (not lvl.column)]
        return min(
            near, key=lambda level: (abs(level.column - column), -level.column), default=None
        )

    def _missing_dash(self, column: int, key: str) -> bool:
        """A line that begins the next entry of a list, or the first, without its dash."""
        if self._named_alone(column, key):
            return True
        if self.open and column > self.key_column:
            return self._missing_first_dash(column, key)
        for above, level in zip(self.levels, self.levels[1:], strict=False):
            reach = range(above.column, level.column + 1 + (key == "id"))
            begins = column in reach and above.is_list and level.keys[:1] == [key]
            if begins and (key == "id" or (key in ("name", "when") and above.parent in LISTS)):
                self._say_dash(key, column)
                self.put(0, column, f"{' ' * above.column}- ")
                return True
        return False

    def _named_alone(self, column: int, key: str) -> bool:
        """`a bit different:` where  - name: a bit different  is meant."""
        lists = [lvl for lvl in self.levels if lvl.is_list and lvl.column == column]
        is_entry = bool(lists) and lists[-1].parent in ("rules", "tests", "never")
        line = self.lines[self.now].rstrip()
        if is_entry and (value := line.partition(": ")[2]) and meaning(key, OTHER, ("always",)):
            message = f"{key}:  is no rule: the last rule is written as the others are"
            under = f"write  - name: the rest  and below it  always: yes  and  then: {value}"
            self.say("P020", column, column + len(key), message, under=under)
            rule = f"- {{name: the rest, always: yes, then: {value}}}"
            self.put(column, len(line), rule, fixed=False)
            return True
        is_name = key not in WORDS and line.endswith(f"{key}:")
        if not is_entry or not is_name or not self.next_is_deeper():
            return False
        message = "an entry begins with a dash and its name"
        self.swap(column, len(line), f"- name: {key}", message, (column, len(line)))
        return True

    def _missing_first_dash(self, column: int, key: str) -> bool:
        are_named = self.above in ("rules", "tests", "never")
        if are_named and key in ("when", "when any", "always", "given"):
            message = f"{key}:  begins no entry: its name stands above it"
            self.say("P017", column, column + len(key), message, under="write above it  - name: …")
            self.stopped = True
            return False
        is_named = are_named and key == "name"
        is_listed = self.levels[-1].parent == "lists" and key == "id"
        if not (is_named or is_listed) or column < self.key_column + 2:
            return False
        self._say_dash(key, column)
        below = next((line for line in self.lines[self.now + 1 :] if line.strip()), "")
        if indent_of(below) == column + 2:
            self.put(column, column, "- ")
        else:
            self.put(column - 2, column, "- ")
        return True

    def _say_dash(self, key: str, column: int) -> None:
        message = "a dash is missing: a new entry begins here"
        written = f"write  - {self.lines[self.now].strip()}"
        self.say("P017", column, column + len(key), message, under=written)

    def _enter(self, column: int, begins: int, is_item: bool, key: str | None) -> None:
        """Close the levels that this line ends, and open those that it begins."""
        parent = self.above if self._begins_level(column, is_item) else ""
        while len(self.levels) > 1 and self.levels[-1].ends_at(column, is_item):
            self.levels.pop()
        innermost = self.levels[-1]
        if is_item:
            if not (innermost.is_list and innermost.column == column):
                self.levels.append(Level(column, parent, is_list=True))
            if key is not None:
                self.levels.append(Level(begins, self.levels[-1].parent, is_list=False))
        elif innermost.column < column:
            self.levels.append(Level(column, parent, is_list=False))
        if key is not None:
            self.levels[-1].add(key)
