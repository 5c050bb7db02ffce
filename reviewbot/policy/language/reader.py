"""What every part of the reading shares: where findings go, and the names the policy declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from zoneinfo import ZoneInfo

from reviewbot.domain.review import ReviewKind
from reviewbot.policy.catalog import CATALOGUE, Fact
from reviewbot.policy.diagnostics import Finding, Fix, Severity, Span
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree, YamlDocument
from reviewbot.policy.text_forms import (
    did_you_mean,
    is_name,
    letter_name,
    listed,
    odd_letter,
    only_cure,
)
from reviewbot.policy.values import Misread

Read = TypeVar("Read")


_FALSE_FRIENDS = frozenset(
    {"yes", "no", "on", "off", "true", "false", "y", "n", "null", "~", "none"}
)


_CURLY = "“”„‟«»"


MOST_FINDINGS = 100
"""After so many findings in one document reading stops: the first ones are to be mended first."""


class TooManyFindings(Exception):
    """The document has so many mistakes that reading on helps nobody."""


class Reading:
    """One reading. `declared` holds the names of lists, patterns, hours and reasons by kind."""

    def __init__(self, document: YamlDocument, review: ReviewKind = "comments") -> None:
        self.document = document
        self.review: ReviewKind = review
        self.zone = ZoneInfo("UTC")
        self.declared: dict[str, tuple[str, ...]] = {}
        self.findings: list[Finding] = []

    @property
    def facts(self) -> dict[str, Fact]:
        """The catalogue of this kind of review."""
        return CATALOGUE[self.review]

    def add(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        severity: Severity = Severity.ERROR,
        under: str | None = None,
        detail: str | None = None,
        cure: str | None = None,
        see: str | None = None,
        fix: Fix | None = None,
        related: tuple[tuple[str, Span, str], ...] = (),
    ) -> None:
        """Report one finding in the document at hand."""
        self._found(
            Finding(
                code=code,
                severity=severity,
                span=span,
                message=message,
                under=under,
                detail=detail,
                cure=cure,
                see=see,
                fix=fix,
                path=self.document.path,
                related=related,
            )
        )

    def add_in(
        self,
        path: str,
        code: str,
        span: Span,
        message: str,
        *,
        severity: Severity,
        under: str | None,
        cure: str | None,
    ) -> None:
        """Report one finding in a file beside the document."""
        self._found(
            Finding(
                code=code,
                severity=severity,
                span=span,
                message=message,
                under=under,
                cure=cure,
                path=path,
            )
        )

    def _found(self, finding: Finding) -> None:
        if len(self.findings) >= MOST_FINDINGS:
            raise TooManyFindings
        self.findings.append(finding)

    def warn(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        under: str | None = None,
        cure: str | None = None,
    ) -> None:
        """Report something clear but probably not meant."""
        self.add(code, span, message, severity=Severity.WARNING, under=under, cure=cure)

    def add_at(
        self,
        code: str,
        scalar: Scalar,
        start: int,
        end: int,
        message: str,
        *,
        under: str | None = None,
        detail: str | None = None,
        cure: str | None = None,
        see: str | None = None,
        replacement: str | None = None,
    ) -> None:
        """Report words inside a text, unless the text is known to be broken already."""
        if scalar.broken:
            return
        if scalar.cut is not None and (cure is None or code == "P111"):
            cure = "the # and what follows was read as a comment; if it belongs to the text, put quotes around all of it"
        span = self.document.part(scalar, start, end)
        exact = span.line == span.end_line and span.end_column - span.column == end - start
        fix = Fix(span, replacement) if replacement is not None and exact else None
        self.add(code, span, message, under=under, detail=detail, cure=cure, see=see, fix=fix)

    def read(self, scalar: Scalar, read: Callable[[str, int], Read]) -> Read | None:
        """Read a text by one of the readers of `values.py`; a misread becomes a finding."""
        try:
            return read(scalar.value, 0)
        except Misread as misread:
            self.misread(scalar, misread)
            return None

    def misread(
        self, scalar: Scalar, misread: Misread, *, detail: str | None = None, see: str | None = None
    ) -> None:
        """Report a text that is not what it should be."""
        self.add_at(
            misread.code,
            scalar,
            max(0, misread.start),
            misread.end,
            misread.message,
            under=misread.under,
            cure=misread.cure,
            detail=detail,
            see=see,
            replacement=misread.replacement,
        )

    def text(self, tree: Tree | None, what: str) -> Scalar | None:
        """Take a tree as one text that is not empty."""
        if tree is None:
            return None
        if not isinstance(tree, Scalar):
            kind = "a list" if isinstance(tree, Sequence) else "a mapping"
            self.add("P031", first_line(tree.span), f"{what} is one text, not {kind}")
            return None
        if not tree.value.strip():
            self.empty(tree, what)
            return None
        return None if tree.broken else tree

    def empty(self, scalar: Scalar, what: str) -> None:
        """Report that nothing stands where something must."""
        if scalar.broken:
            return
        cure = None
        if scalar.style == ">":
            cure = "YAML takes > for the head of a long text; write  more than  instead"
        elif scalar.cut is not None:
            cure = "the # and what follows was read as a comment; put quotes around the whole text"
        self.add("P032", scalar.span, f"{what} is empty", cure=cure)

    def free_text(self, tree: Tree | None, what: str) -> Scalar | None:
        """Take a text for people, with a look at what YAML may have done to it."""
        scalar = self.text(tree, what)
        if scalar is not None:
            self.look_at(scalar)
        return scalar

    def look_at(self, scalar: Scalar) -> None:
        """Warn where a text is probably not what its author sees: cut by #, curly quotes, `no`."""
        if scalar.quoted or scalar.broken:
            return
        if scalar.cut is not None and self._looks_cut(scalar.cut):
            shown = scalar.value if len(scalar.value) <= 40 else f"…{scalar.value[-38:]}"
            self.warn(
                "P310",
                scalar.cut,
                "the text stops at the #",
                under=f'YAML reads the rest as a comment; what counts is "{shown}"',
                cure="put quotes around the whole text",
            )
        if scalar.value[:1] in _CURLY and scalar.value[-1:] in _CURLY:
            self.warn(
                "P311",
                scalar.span,
                "these curly quotes are part of the text",
                cure="YAML knows only straight quotes: \" or '",
            )

    def look_at_word(self, scalar: Scalar) -> None:
        """Warn also where a single word is one that YAML tools read as yes, no or nothing."""
        self.look_at(scalar)
        if not scalar.quoted and not scalar.broken and scalar.value.casefold() in _FALSE_FRIENDS:
            self.warn(
                "P312",
                scalar.span,
                f'"{scalar.value}" is taken as a text here; other YAML tools read it as yes, no or nothing',
                cure="put quotes around it to say that the text is meant",
            )

    def _looks_cut(self, cut: Span) -> bool:
        """A comment has a space behind its #; `#4` or `# 4` in a text was probably part of it."""
        line = self.document.lines[cut.line - 1]
        comment = line[cut.column :]
        return comment[:1].isalnum() or comment[1:2].isdigit()

    def name_of(self, kind: str, scalar: Scalar, start: int, end: int) -> str | None:
        """Check a name that must be declared; report the nearest one when it is not."""
        name = scalar.value[start:end]
        names = self.declared.get(kind, ())
        if name in names:
            return name
        cure = (
            f"the policy has {listed(names, 'and')}"
            if names
            else f"the policy declares no {_PLURALS[kind]}"
        )
        self.add_at(
            "P023",
            scalar,
            start,
            end,
            unknown(kind, name),
            under=did_you_mean(name, names),
            cure=cure if len(names) <= 12 else None,
            replacement=only_cure(name, names),
        )
        return None


_PLURALS = {
    "list": "lists",
    "pattern": "patterns",
    "calendar": "hours",
    "reason": "reasons",
    "rule": "rules",
}


class MappingReader:
    """A mapping read key by key. Keys outside `known` and doubles are reported at once."""

    def __init__(self, context: Reading, mapping: Mapping, what: str, known: Iterable[str]) -> None:
        self.context = context
        self.what = what
        self.span = mapping.span
        self.known = tuple(known)
        self.keys: dict[str, Scalar] = {}
        self._trees: dict[str, Tree] = {}
        strangers = []
        for key, tree in entries_of(context, mapping):
            if key.value in self.known:
                self.keys[key.value] = key
                self._trees[key.value] = tree
            elif not key.broken:
                strangers.append((key, tree))
        for key, tree in strangers:
            self._unknown(key, tree)

    def get(self, key: str) -> Tree | None:
        """Take what stands under a key, if it is there."""
        return self._trees.get(key)

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._trees

    def need(self, key: str, cure: str | None = None) -> Tree | None:
        """Take what stands under a key, and report it when the key is missing."""
        tree = self._trees.get(key)
        if tree is None:
            self.context.add(
                "P030", first_line(self.span), f"{self.what} has no  {key}:", cure=cure
            )
        return tree

    def key_span(self, key: str) -> Span:
        """The place of a key, or of the whole where it is missing."""
        found = self.keys.get(key)
        return found.span if found is not None else first_line(self.span)

    def _unknown(self, key: Scalar, tree: Tree) -> None:
        """Report an unknown key. Where it is clear which one was meant it is read as that one."""
        free = [name for name in self.known if name not in self.keys]
        odd = odd_letter(key.value)
        message = f'{self.what} has no key "{key.value}"'
        if odd is not None:
            message += f"; it holds a letter that only looks Latin: {letter_name(odd)}"
        near = did_you_mean(key.value, free) or did_you_mean(key.value, self.known)
        meant = only_cure(key.value, free)
        self.context.add_at(
            "P020",
            key,
            0,
            len(key.value),
            message,
            under=near,
            cure=None if near else f"it takes {listed(self.known)}",
            replacement=meant,
        )
        if meant is not None:
            self.keys[meant] = key
            self._trees[meant] = tree


def entries_of(context: Reading, mapping: Mapping) -> list[tuple[Scalar, Tree]]:
    """The entries of a mapping without doubles, which are reported."""
    seen: dict[str, Scalar] = {}
    entries = []
    for key, tree in mapping.entries:
        if key.value == "<<" and not key.quoted:
            context.add(
                "P018", key.span, "a policy takes no merge keys (<<)", cure="write the lines out"
            )
            continue
        first = seen.setdefault(key.value, key)
        if first is not key:
            context.add(
                "P019",
                key.span,
                f'"{key.value}" stands here for the second time',
                under=f"the first is on line {first.span.line}",
                cure="keep one of them; YAML tools would silently drop the other",
                related=((context.document.path, first.span, "the first one"),),
            )
            continue
        entries.append((key, tree))
    return entries


def mapping_of(context: Reading, tree: Tree | None, what: str, example: str) -> Mapping | None:
    """Take a tree as a mapping."""
    if isinstance(tree, Mapping):
        return tree
    if tree is None or (isinstance(tree, Scalar) and tree.broken):
        return None
    if isinstance(tree, Scalar) and not tree.value.strip():
        context.empty(tree, what)
        return None
    kind = "a list" if isinstance(tree, Sequence) else "a text"
    context.add(
        "P031",
        first_line(tree.span),
        f"{what} must be a mapping, not {kind}",
        cure=f"write it as  {example}",
    )
    return None


def named_entries(
    context: Reading, tree: Tree | None, part: str, example: str, one: str
) -> Iterator[tuple[Scalar, Tree]]:
    """The entries of a part in which each key names something of its own (`a list`)."""
    mapping = mapping_of(context, tree, part, example)
    for key, value in () if mapping is None else entries_of(context, mapping):
        if not is_name(key.value):
            context.add(
                "P034",
                key.span,
                f'"{key.value}" cannot be the name of {one}',
                cure="letters, digits, _ and - make a name",
            )
        yield key, value


def items_of(context: Reading, tree: Tree | None, what: str, example: str) -> tuple[Tree, ...]:
    """Take a tree as a list with something in it."""
    if isinstance(tree, Sequence):
        if not tree.items:
            context.add("P108", tree.span, f"{what} is empty")
        return tree.items
    if tree is None or (isinstance(tree, Scalar) and tree.broken):
        return ()
    if isinstance(tree, Scalar) and not tree.value.strip():
        context.empty(tree, what)
        return ()
    kind = "a mapping" if isinstance(tree, Mapping) else "a text"
    context.add(
        "P031",
        first_line(tree.span),
        f"{what} must be a list, not {kind}",
        cure=f"write it as  {example}",
    )
    return ()


def one_or_more(tree: Tree | None) -> tuple[Tree, ...]:
    """Take a value or a list of values as a list."""
    if tree is None:
        return ()
    return tree.items if isinstance(tree, Sequence) else (tree,)


def unknown(kind: str, name: str) -> str:
    """Say that a name is not declared."""
    return f'there is no {kind} "{name}"' if name else f"the name of a {kind} is missing here"


def first_line(span: Span) -> Span:
    """The first line's part of a place: enough to point at."""
    if span.line == span.end_line:
        return span
    return Span(span.line, span.column, span.line, span.column + 1)
