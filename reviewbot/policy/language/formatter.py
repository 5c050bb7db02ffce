"""One layout for every policy, with its comments kept and its meaning untouched.

Theory of operation. The text is read into its tree and written out anew: two spaces per level, lists
one level in, a blank line between sections and between rules, at most one blank line where the
author had some. Words are never rewritten, only moved. Comments belong to the line they follow or
precede. In the end both texts are read and compared; a layout that changed anything is not given.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from reviewbot.policy.language.grammar import PARTS, POLICY
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree, YamlDocument, load_yaml

WIDEST = 100


_STEP = 2


_SPACED = tuple(name for name, key in POLICY.keys.items() if key.kind == PARTS)
"""Sections whose items stand apart."""


_PART_OF_HEAD = "applies to"


class UnreadableError(Exception):
    """The text cannot be laid out: it is not readable YAML, or its comments would be lost."""


def format_policy(source: str | bytes) -> str:
    """Lay out a policy or a file of tests. Raises UnreadableError; `policy check` says where and why."""
    document = load_yaml(source)
    if document.root is None or any(finding.code < "P100" for finding in document.findings):
        raise UnreadableError("the text has mistakes: run  reviewbot policy check  first")
    text = _Layout(document).write()
    again = load_yaml(text)
    if again.root is None or _meaning(again.root) != _meaning(document.root):
        raise UnreadableError("this text has a form that cannot be laid out without changing it")
    if sorted(_comments(again).values()) != sorted(_comments(document).values()):
        raise UnreadableError("a comment stands in a place where it cannot be kept")
    return text


class _Comment(NamedTuple):
    alone: bool
    """Whether it has its line to itself."""
    text: str


class _Layout:
    def __init__(self, document: YamlDocument) -> None:
        self.root = document.root
        self.lines = document.text.split("\n")
        self.comments = _comments(document)
        self.done = 0
        """Lines of the source that are dealt with."""
        self.out: list[str] = []

    def write(self) -> str:
        assert self.root is not None
        if isinstance(self.root, Mapping):
            self._mapping(self.root, 0)
        elif isinstance(self.root, Sequence):
            self._sequence(self.root, 0)
        else:
            self._line(self._text(self.root), self.root)
        self._lead(len(self.lines) + 1, 0, apart=False)
        return "\n".join(self.out).rstrip("\n") + "\n"

    def _mapping(self, mapping: Mapping, indent: int, start: str | None = None) -> None:
        """Write a mapping; its first key may stand behind a dash that is written already."""
        blocks = [self._is_block(value) for _, value in mapping.entries]
        for number, (key, value) in enumerate(mapping.entries):
            if number or start is None:
                section = blocks[number] and key.value != _PART_OF_HEAD
                apart = indent == 0 and number > 0 and (section or blocks[number - 1])
                self._lead(key.span.line, indent, apart=apart)
                start = " " * indent
            head = f"{start}{self._raw(key)}:"
            self._value(head, key, value, indent, apart=indent == 0 and key.value in _SPACED)

    def _sequence(self, sequence: Sequence, indent: int, *, apart: bool = False) -> None:
        for number, item in enumerate(sequence.items):
            self._lead(item.span.line, indent, apart=apart and number > 0)
            self._value(f"{' ' * indent}-", item, item, indent)

    def _value(
        self, head: str, key: Tree, value: Tree, indent: int, *, apart: bool = False
    ) -> None:
        """Write what stands behind a key or, where the key is the value, behind a dash."""
        if isinstance(value, Scalar) and value.style in ("|", ">"):
            self._block(head, value, indent)
        elif not self._is_block(value):
            text = self._inline(value)
            self._line(f"{head} {text}" if text else head, value if text else key)
        elif isinstance(value, Mapping) and key is value:
            self._mapping(value, indent + _STEP, f"{head} ")
        else:
            if key is value:
                self.out.append(head)
            else:
                self._line(head, key)
            if isinstance(value, Mapping):
                self._mapping(value, indent + _STEP)
            elif isinstance(value, Sequence):
                self._sequence(value, indent + _STEP, apart=apart)

    def _block(self, head: str, value: Scalar, indent: int) -> None:
        """Write a text over several lines, moved as a whole."""
        header = self.lines[value.span.line - 1][value.span.column - 1 :].split(" #")[0].rstrip()
        self._line(f"{head} {header}", value)
        body = _body(self.lines, value)
        margin = min(
            (len(line) - len(line.lstrip(" ")) for line in body if line.strip()), default=0
        )
        self.out += [(" " * (indent + _STEP) + line[margin:]).rstrip() for line in body]
        self.done = max(self.done, value.span.line + len(body))

    # Lines and comments ------------------------------------------------------------------

    def _line(self, text: str, tree: Tree) -> None:
        """Write a line and the comment that follows the source's."""
        line = (
            tree.span.line
            if isinstance(tree, Scalar) and tree.style in ("|", ">")
            else tree.span.end_line
        )
        comment = self.comments.pop(line, None)
        self.out.append(f"{text}  {comment.text}" if comment and not comment.alone else text)
        self.done = max(self.done, line)

    def _lead(self, line: int, indent: int, *, apart: bool) -> None:
        """Write the comments and the blank line that stand before a line of the source."""
        blank = apart
        for number in range(self.done + 1, min(line, len(self.lines) + 1)):
            comment = self.comments.pop(number, None)
            if comment is not None:
                self._blank(blank)
                self.out.append(" " * indent + comment.text)
                blank = False
            elif not self.lines[number - 1].strip():
                blank = True
        self._blank(blank)
        self.done = max(self.done, line - 1)

    def _blank(self, wanted: bool) -> None:
        if wanted and self.out and self.out[-1]:
            self.out.append("")

    # Values ------------------------------------------------------------------------------

    def _is_block(self, tree: Tree) -> bool:
        """Whether a mapping or list goes on lines of its own."""
        if isinstance(tree, Scalar):
            return False
        if not self._is_flow(tree):
            return True
        lines = range(tree.span.line, tree.span.end_line)
        return any(n in self.comments for n in lines) or len(self._inline(tree)) > WIDEST - 30

    def _is_flow(self, tree: Mapping | Sequence) -> bool:
        return self.lines[tree.span.line - 1][tree.span.column - 1 : tree.span.column] in ("{", "[")

    def _inline(self, tree: Tree) -> str:
        if isinstance(tree, Mapping):
            pairs = (
                f"{self._raw(key)}: {self._inline(value)}".rstrip() for key, value in tree.entries
            )
            return "{" + ", ".join(pairs) + "}"
        if isinstance(tree, Sequence):
            return "[" + ", ".join(map(self._inline, tree.items)) + "]"
        return self._text(tree)

    def _text(self, scalar: Scalar) -> str:
        """A value on one line, as its author wrote it where that was one line."""
        if scalar.span.line == scalar.span.end_line:
            return self._raw(scalar)
        if "\n" in scalar.value or scalar.quoted:
            return json.dumps(scalar.value, ensure_ascii=False)
        return scalar.value

    def _raw(self, scalar: Scalar) -> str:
        span = scalar.span
        return self.lines[span.line - 1][span.column - 1 : span.end_column - 1]


def _body(lines: list[str], scalar: Scalar) -> list[str]:
    """The lines of a block text, without blank ones at its end."""
    body: list[str] = []
    margin: int | None = None
    outer = len(lines[scalar.span.line - 1]) - len(lines[scalar.span.line - 1].lstrip(" -"))
    for line in lines[scalar.span.line :]:
        indent = len(line) - len(line.lstrip(" "))
        if line.strip():
            margin = indent if margin is None else margin
            if indent < margin or (margin == indent and not body and indent < outer):
                break
        body.append(line)
    while body and not body[-1].strip():
        body.pop()
    return body if scalar.value.strip() else []


def _comments(document: YamlDocument) -> dict[int, _Comment]:
    """Every comment of a text by its line."""
    lines = document.text.split("\n")
    taken: dict[int, list[tuple[int, int]]] = {}
    if document.root is not None:
        _cover(document.root, lines, taken)
    found: dict[int, _Comment] = {}
    for number, line in enumerate(lines, 1):
        for column, char in enumerate(line):
            if char != "#" or (column and line[column - 1] not in " \t"):
                continue
            if not any(start <= column < end for start, end in taken.get(number, ())):
                found[number] = _Comment(not line[:column].strip(), line[column:].rstrip())
                break
    return found


def _cover(tree: Tree, lines: list[str], taken: dict[int, list[tuple[int, int]]]) -> None:
    """Note which columns of which lines are words of the policy."""
    if isinstance(tree, Mapping):
        for key, value in tree.entries:
            _cover(key, lines, taken)
            _cover(value, lines, taken)
    elif isinstance(tree, Sequence):
        for item in tree.items:
            _cover(item, lines, taken)
    elif tree.style in ("|", ">"):
        for number in range(1, len(_body(lines, tree)) + 1):
            taken.setdefault(tree.span.line + number, []).append((0, 1 << 30))
    else:
        span = tree.span
        for number in range(span.line, span.end_line + 1):
            start = span.column - 1 if number == span.line else 0
            end = span.end_column - 1 if number == span.end_line else 1 << 30
            taken.setdefault(number, []).append((start, end))


def _meaning(tree: Tree) -> object:
    """A tree without places and styles."""
    if isinstance(tree, Scalar):
        return tree.value.rstrip("\n") if tree.style in ("|", ">") else tree.value
    if isinstance(tree, Sequence):
        return [_meaning(item) for item in tree.items]
    return [(key.value, _meaning(value)) for key, value in tree.entries]
