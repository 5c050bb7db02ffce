"""Tamed YAML: a text becomes a tree of texts with places, within limits, or findings that say why not.

Theory of operation. libyaml's parser keeps its stack on the heap and hands out events one by one, so
caps on size, depth and number are checked while the tree is built and nothing recursive ever runs
over hostile input. Every scalar stays the text it was; what it means is for the catalogue to say.
After a syntax error with a known cure (`repair.py`) the cure is applied to a copy and reading goes
on, so that one run finds the mistakes behind the first one too. The rules that were read before the
error are kept, and their lines are not read a second time.
"""

from __future__ import annotations

from typing import Any

import msgspec
import yaml
from msgspec.structs import replace

from reviewbot.policy.diagnostics import Finding, Fix, Span
from reviewbot.policy.language.foreign import foreign_file
from reviewbot.policy.language.layout import lay_out
from reviewbot.policy.language.lines import FACTS, Layout, behind_dashes, indent_of, is_tidy
from reviewbot.policy.language.repair import (
    Repair,
    diagnose,
    error,
    quoted,
    spot,
    unfit_characters,
)

MAX_BYTES = 1024 * 1024
MAX_NODES = 40_000
MAX_DEPTH = 20

_MAX_REPAIRS = 25
_REPAIRED_CHARACTERS = 256 * 1024
"""How much text may be read again after repairs, so that hostile input stays cheap."""
_MOST_FINDINGS = 100
_FEW = 10
"""Fewer entries are read again faster than they are kept."""

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


class WholeEntries(msgspec.Struct, frozen=True):
    """Entries of the list under a key at the top that were read to their end before an error, and their lines (from 0)."""

    key: str
    items: tuple[Tree, ...]
    first: int
    behind: int

    def without(self, text: str) -> str:
        """A text with nothing on their lines."""
        lines = text.split("\n")
        lines[self.first : self.behind] = [""] * (self.behind - self.first)
        return "\n".join(lines)

    def back_in(self, root: Tree | None) -> Tree | None:
        """A tree of the rest with them in their place; None where it has none for them."""
        if not isinstance(root, Mapping):
            return None
        entries = list(root.entries)
        for number, (key, tree) in enumerate(entries):
            if key.value == self.key and isinstance(tree, Sequence):
                begins, span = self.items[0].span, tree.span
                span = Span(begins.line, begins.column, span.end_line, span.end_column)
                entries[number] = (key, Sequence(items=self.items + tree.items, span=span))
                return Mapping(entries=tuple(entries), span=root.span)
        return None


class YamlDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One YAML text: its tree (None where there is none to read) and what is wrong with it as YAML."""

    path: str
    text: str
    lines: tuple[str, ...] = ()
    root: Tree | None
    findings: tuple[Finding, ...] = ()
    edited: frozenset[int] = frozenset()
    """Lines that were read otherwise than they stand, so that no words of them can be replaced."""
    whole: WholeEntries | None = None
    """What was read in front of the error that ended the reading."""

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
        return _refused(path, "P004", "the file is larger than 1 MiB")
    if isinstance(source, bytes) and (kind := foreign_file(source)) is not None:
        return _refused(path, "P002", *kind)
    try:
        decoded = source.decode("utf-8") if isinstance(source, bytes) else source
    except UnicodeDecodeError as problem:
        return _not_utf8(problem, path)
    text = decoded.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") > MAX_NODES:
        return _refused(path, "P005", f"the file has more than {MAX_NODES:,} lines")
    unfit = unfit_characters(text, path)
    if any(finding.code == "P010" for finding in unfit):
        return YamlDocument(path=path, text=text, root=None, findings=tuple(unfit))
    return _YamlReading(text, path).run(unfit)


def reload_yaml(document: YamlDocument, whole: WholeEntries | None = None) -> YamlDocument | None:
    """Read a document that has mistakes once more, as its lines were probably meant; None where they stand well.

    With the `whole` entries of the first reading only the lines of the others are looked at.
    """
    text = document.text if whole is None else whole.without(document.text)
    layout = lay_out(text, document.path) if document.lines else None
    if layout is None:
        return None
    again = _YamlReading(document.text, document.path, layout).run([])
    if whole is None:
        return again
    root = whole.back_in(again.root)
    return None if root is None else replace(again, root=root)


def stands_well(document: YamlDocument, span: Span) -> bool:
    """Whether a mistake lies in what a line says, and cannot come from its form."""
    line = document.lines[span.line - 1]
    return is_tidy(line, behind_dashes(line, indent_of(line)))


class _YamlReading:
    """The reading of one text, with as many repairs as the budget of nodes allows."""

    def __init__(self, text: str, path: str, layout: Layout | None = None) -> None:
        self.text = text
        self.path = path
        self.layout = layout
        self.edited = frozenset(edit.line + 1 for edit in (layout.edits if layout else ()))
        self.budget = MAX_NODES
        self.repairs: dict[int, Repair] = {}

    def place(self, span: Span) -> Span:
        """Find a place in the author's text."""
        if self.layout is None or not (span.line in self.edited or span.end_line in self.edited):
            return span
        return self.layout.place(span)

    def run(self, unfit: list[Finding]) -> YamlDocument:
        findings: list[Finding] = []
        text = self.layout.text if self.layout else self.text.replace("\t", " ")
        root: Tree | None = None
        whole: WholeEntries | None = None
        allowance = _REPAIRED_CHARACTERS
        for _ in range(_MAX_REPAIRS):
            builder = _Builder(text, self)
            try:
                root = builder.build()
                findings += builder.findings
                break
            except _Refusal as refusal:
                findings += [*builder.findings, refusal.finding]
                break
            except yaml.YAMLError as problem:
                finding, repair = diagnose(text, problem, self.path, self.repairs)
                if unfit and repair is None and self.layout is None:
                    break
                findings += [] if finding is None else [finding]
                allowance -= len(text)
                if repair is None or repair.line in self.repairs or allowance < 0:
                    whole = builder.whole_entries()
                    break
                self.repairs[repair.line] = repair
                text = repair.apply(text)
        findings = [*unfit, *self._placed(findings)]
        if root is None and not findings:
            cure = "start one:  reviewbot policy new"
            findings.append(error(self.path, "P003", Span(1, 1, 1, 1), "the file is empty", cure))
        return YamlDocument(
            path=self.path,
            text=self.text,
            lines=tuple(self.text.split("\n")),
            root=root,
            findings=tuple(findings),
            edited=self.edited,
            whole=whole,
        )

    def _placed(self, findings: list[Finding]) -> list[Finding]:
        """Findings in the author's text, behind those on how its lines stand."""
        if self.layout is None:
            return findings
        placed = (replace(finding, span=self.place(finding.span), fix=None) for finding in findings)
        return [*self.layout.findings, *placed]


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
        self.edited = reading.edited
        self.is_plain = not reading.repairs and "#" not in text
        """Whether each text is as it stands: none was put into quotes by us, and no comment cuts one."""
        self.anchors: set[str] = set()
        self.findings: list[Finding] = []
        self.stack: list[tuple[Any, list[Tree]]] = []
        """What is open: how each began, and what was read in it so far."""

    def whole_entries(self) -> WholeEntries | None:
        """The entries of the open list at the top, without the last two: the mistake may begin there."""
        if len(self.stack) < 2 or type(self.stack[1][0]) is not yaml.SequenceStartEvent:
            return None
        (_, top), (_, items) = self.stack[:2]
        lines = [item.span.line - 1 for item in items]
        if (
            self.findings
            or self.reading.repairs
            or len(items) < _FEW
            or not isinstance(top[-1], Scalar)
            or not all(self._line(at).lstrip().startswith("- ") for at in (lines[0], lines[-2]))
        ):
            return None
        return WholeEntries(top[-1].value, tuple(items[:-2]), lines[0], lines[-2])

    def build(self) -> Tree | None:
        stack = self.stack
        root: Tree | None = None
        documents = 0
        next_event = _Loader(self.text).get_event
        while (event := next_event()) is not None:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                done: Tree = self._negation(event) or self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event, len(stack))
                stack.append((event, []))
                continue
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                start, items = stack.pop()
                done = self._close(start, event, items)
            elif kind is yaml.AliasEvent:
                done = self._alias(event)
            else:
                if kind is yaml.DocumentStartEvent:
                    documents += 1
                    if documents > 1:
                        message = "a second document starts here (---)"
                        self._refuse("P009", event, message, "put it in a file of its own")
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
        start, end = event.start_mark, event.end_mark
        style, line, column, last = (
            event.style or "",
            start.line + 1,
            start.column + 1,
            end.line + 1,
        )
        span, broken = Span(line, column, last, end.column + 1), False
        if self.is_plain and event.tag is None and style not in ("|", ">"):
            if self.edited and (line in self.edited or last in self.edited):
                span = self.reading.place(span)
            return Scalar(value=event.value, span=span, last_line=last, style=style)
        if style == "|" or style == ">":
            span = Span(line, column, line, len(self._line(line - 1)) + 1)
        repair = self.reading.repairs.get(line - 1)
        if repair is not None and style == "'" and start.column >= repair.column:  # our quotes
            style, span = "", Span(line, column, line, column + len(event.value))
            broken = repair.is_told
        return Scalar(
            value=event.value,
            span=self.reading.place(span),
            last_line=last,
            style=style,
            cut=self._cut(end.line, end.column) if not event.style else None,
            broken=broken or bool(event.tag),
        )

    def _cut(self, line: int, column: int) -> Span | None:
        """Find a comment that follows a plain text on its line."""
        text = self._line(line)
        while text[column : column + 1] == " ":
            column += 1
        if text[column : column + 1] != "#":
            return None
        return spot(line, column, len(text) - column)

    def _open(self, event: Any, depth: int) -> None:
        self._count(event)
        if depth >= MAX_DEPTH:
            message = f"more than {MAX_DEPTH} levels lie inside each other here"
            self._refuse("P006", event, message, "a policy needs six")

    def _close(self, start: Any, end: Any, items: list[Tree]) -> Tree:
        last = end.end_mark.line + 1, end.end_mark.column + 1
        if not start.flow_style and items:
            last = items[-1].span.end_line, items[-1].span.end_column
        begins = self.reading.place(
            Span(start.start_mark.line + 1, start.start_mark.column + 1, *last)
        )
        span = Span(begins.line, begins.column, *last)
        if type(start) is yaml.SequenceStartEvent:
            return Sequence(items=tuple(items), span=span)
        entries = []
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, Scalar):
                entries.append((key, value))
            else:
                message = "a key must be a word, not a list or a mapping"
                self._add("P017", key.span, message, "a text that starts with { or [ needs quotes")
        return Mapping(entries=tuple(entries), span=span)

    def _alias(self, event: Any) -> Scalar:
        start, end = event.start_mark, event.end_mark
        span = Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        if event.anchor in self.anchors:
            self._add("P007", span, _NO_ANCHORS, "write the value out in both places")
        else:
            message = "a text cannot start with * unless it stands in quotes"
            cure = f"put quotes around the whole text:  {quoted(f'*{event.anchor}')}"
            self._add("P012", span, message, cure)
        return Scalar(value=f"*{event.anchor}", span=span, broken=True)

    def _negation(self, event: Any) -> Scalar | None:
        """A test that begins with `!`: whoever reads the test knows what was meant."""
        if event.tag is None:
            return None
        mark, line = event.start_mark, self._line(event.start_mark.line)
        said = line[mark.column : event.end_mark.column].strip()
        key = line[: mark.column].strip().removeprefix("- ").rstrip(": ")
        if key not in FACTS:
            return None
        self.reading.budget -= 1
        span = self.reading.place(spot(mark.line, mark.column, len(said)))
        return Scalar(value=said, span=span, last_line=mark.line + 1)

    def _refuse_extras(self, event: Any) -> None:
        mark = event.start_mark
        word = self._line(mark.line)[mark.column : mark.column + 100].split(" ", 1)[0]
        span = spot(mark.line, mark.column, max(1, len(word)))
        if event.anchor is not None:
            self.anchors.add(event.anchor)
            cure = "write the value out; a text that starts with & needs quotes"
            self._add("P007", span, _NO_ANCHORS, cure)
        if event.tag is not None:
            rest = self._line(mark.line)[mark.column :].strip()
            message = "a text cannot begin with ! unless it stands in quotes"
            cure = f"put quotes around the whole text:  {quoted(rest)}"
            self._add("P008", span, message, cure)

    def _count(self, event: Any) -> None:
        self.reading.budget -= 1
        if self.reading.budget < 0:
            message = f"the file holds more than {MAX_NODES:,} values"
            cure = "move long lists to a CSV file beside the policy"
            self._refuse("P005", event, message, cure)
        if event.anchor is not None or event.tag is not None:
            self._refuse_extras(event)

    def _line(self, number: int) -> str:
        """A line by its number from 0; libyaml's marks may point one behind the last."""
        return self.lines[number] if number < len(self.lines) else ""

    def _add(self, code: str, span: Span, message: str, cure: str, fix: Fix | None = None) -> None:
        path = self.reading.path
        self.findings.append(error(path, code, span, message, cure, fix=fix))
        if len(self.findings) > _MOST_FINDINGS:
            more = "there may be more mistakes below; mend these first"
            raise _Refusal(error(path, "P036", span, more))

    def _refuse(self, code: str, event: Any, message: str, cure: str) -> None:
        mark = event.start_mark
        span = spot(mark.line, mark.column)
        raise _Refusal(error(self.reading.path, code, span, message, cure))


_NO_ANCHORS = "a policy takes no anchors and no aliases (& and *)"


def _refused(
    path: str, code: str, message: str, cure: str = "a policy is a few pages"
) -> YamlDocument:
    finding = error(path, code, Span(1, 1, 1, 1), message, cure)
    return YamlDocument(path=path, text="", root=None, findings=(finding,))


def _not_utf8(problem: UnicodeDecodeError, path: str) -> YamlDocument:
    source = problem.object
    before = source[: problem.start].decode("utf-8", "replace").replace("\r\n", "\n")
    span = spot(before.count("\n"), len(before) - (before.rfind("\n") + 1))
    message = f"the file is not UTF-8: byte 0x{source[problem.start]:02x} stands here"
    near = source[max(0, problem.start - 10) : problem.start + 10].decode("cp1252", "replace")
    word = next((word for word in near.split() if not word.isascii()), "")
    cure = 'save it again with the encoding "UTF-8"'
    under = f"probably  {word}  in the encoding Windows-1252" if word else None
    finding = error(path, "P002", span, message, cure, under)
    text = source.decode("utf-8", "replace").replace("\r\n", "\n")
    return YamlDocument(path=path, text=text, root=None, findings=(finding,))
