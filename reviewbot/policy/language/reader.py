"""What every part of the reading shares: where findings go, what is declared, how a tree is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from zoneinfo import ZoneInfo

from reviewbot.domain.review import ReviewKind
from reviewbot.policy.catalog import CATALOGUE, Fact
from reviewbot.policy.diagnostics import Finding, Fix, Severity, Span
from reviewbot.policy.language.forms import (
    ENTRIES,
    LINES,
    OF_NOTHING,
    begun,
    both_in_one,
    cure_of_empty,
    cure_of_stranger,
    fix_of,
    in_lines,
    in_quotes,
    kind_of,
    meant_key,
    one_or_more,
    only_text,
    part_of,
    several_as_one,
    text_below,
    with_own,
)
from reviewbot.policy.language.grammar import DECLARED, MAY_BE_EMPTY, GrammarSection
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree, YamlDocument
from reviewbot.policy.locales import ENGLISH
from reviewbot.policy.model import AllOf, AnyOf, NamedList, ReasonText
from reviewbot.policy.notations import plain
from reviewbot.policy.text_forms import (
    did_you_mean,
    is_name,
    letter_name,
    nearest,
    odd_letter,
    odd_space,
    only_cure,
    said_unseen,
    shape,
)
from reviewbot.policy.values import Misread, read_yes_no

Read = TypeVar("Read")

Place = Span | Scalar | tuple[Scalar, int, int]
"""A place, a text, or a part of one."""

MOST_FINDINGS = 100
"""After so many findings in one document reading stops: the first ones are to be mended first."""

_FALSE_FRIENDS = ("yes", "no", "on", "off", "true", "false", "y", "n", "null", "~", "none")
_LIKE_PIPE = ("/", "\\", "I", "l", "1", "¦", "!", ":", "-")
_ARTICLE = shape(r"^(?:the|our|my|all|die|der|das|unsere?) ")
_CURLY = "“”„‟«»"

_KIND_IN = {f"{part}:": kind for kind, part in DECLARED.items()}

Name = tuple[str, str]
"""(kind, name)."""
_CUT = "the # and what follows was read as a comment; "


class TooManyFindings(Exception):
    """The document has so many mistakes that reading on helps nobody."""


class Reading:
    """One reading. `declared` holds the names of lists, patterns, hours and reasons by kind.

    `lists`, `reasons` and `conditions` are those that were read already, for what names them.
    """

    def __init__(self, document: YamlDocument, review: ReviewKind = "comments") -> None:
        self.document = document
        self.review: ReviewKind = review
        self.zone = ZoneInfo("UTC")
        self.locale = ENGLISH
        self.declared: dict[str, tuple[str, ...]] = {}
        self.lists: dict[str, NamedList] = {}
        self.reasons: dict[str, ReasonText] = {}
        self.conditions: dict[str, AllOf | AnyOf] = {}
        self.uses: dict[Name | None, set[Name]] = {}
        """The names that are used, by what uses them: something with a name itself, or the rest."""
        self.owner: Name | None = None
        """What has a name of its own and is being read."""
        self.findings: list[Finding] = []
        self.missed: set[Name] = set()
        """Names that were reported as not declared, by kind; an empty one where a name of its kind is in doubt."""

    @property
    def facts(self) -> dict[str, Fact]:
        """The catalogue of this kind of review."""
        return CATALOGUE[self.review]

    def add(
        self,
        code: str,
        place: Place,
        message: str,
        *,
        severity: Severity = Severity.ERROR,
        under: str | None = None,
        detail: str | None = None,
        cure: str | None = None,
        see: str | None = None,
        among: Iterable[str] = (),
        replacement: str | None = None,
        whole: tuple[Scalar, str] | None = None,
        first: Scalar | None = None,
        path: str | None = None,
    ) -> None:
        """Report one finding; of a text that is known to be broken nothing more is said.

        `among` are the names of which one was probably meant in place of a text, `replacement` what
        certainly was (`whole` with a text of which it takes the place), `first` is where the same
        stands already, `path` another file.
        """
        fix = None
        if isinstance(place, Span):
            span = place
        else:
            scalar, start, end = part_of(place)
            if scalar.broken:
                return
            word = scalar.value[start:end]
            if names := tuple(among):
                replacement = only_cure(word, names)
                under = under or did_you_mean(word, names)
            if scalar.cut is not None and (cure is None or code == "P111"):
                cure = f"{_CUT}if it belongs to the text, {in_quotes(self.document, scalar)}"
            span = self.document.part(scalar, start, end)
            fix = fix_of(span, end - start, replacement, whole)
            if severity is Severity.ERROR and (odd := self._unseen(scalar)) is not None:
                code, (span, message, tidy) = "P010", odd
                under, fix = under or f"write  {tidy}", fix or Fix(scalar.span, tidy)
        if first is not None:
            under = f"the first is on line {first.span.line}"
        own = self.document.path
        finding = Finding(
            code=code,
            severity=severity,
            span=span,
            message=message,
            under=under,
            detail=detail,
            cure=cure,
            see=see,
            fix=self._on_its_line(fix),
            path=own if path is None else path,
            related=() if first is None else ((own, first.span, "the first one"),),
        )
        self._append(finding)

    def _on_its_line(self, fix: Fix | None) -> Fix | None:
        """A fix, unless its line was read otherwise than it stands."""
        return None if fix is None or fix.span.line in self.document.edited else fix

    def _unseen(self, scalar: Scalar) -> tuple[Span, str, str] | None:
        """What in a text nobody sees: its place, what it is, and the text without it."""
        text = scalar.value
        if not scalar.quoted and text[:1] in _CURLY and text[-1:] in _CURLY and len(text) > 2:
            return scalar.span, "these curly quotes are part of the text", text[1:-1].strip()
        at = odd_space(text)
        if at is None or "\n" in text:
            return None
        said = f"{said_unseen(scalar.value[at])} stands here"
        return self.document.part(scalar, at, at + 1), said, plain(scalar.value)

    def _append(self, finding: Finding) -> None:
        if len(self.findings) >= MOST_FINDINGS:
            raise TooManyFindings
        self.findings.append(finding)

    def warn(
        self, code: str, span: Span, message: str, *, cure: str, under: str | None = None
    ) -> None:
        """Report something clear but probably not meant."""
        self.add(code, span, message, severity=Severity.WARNING, under=under, cure=cure)

    def misread(
        self, scalar: Scalar, misread: Misread, *, detail: str | None = None, see: str | None = None
    ) -> None:
        """Report a text that is not what it should be."""
        self.add(
            misread.code,
            (scalar, max(0, misread.start), misread.end),
            misread.message,
            under=misread.under,
            cure=misread.cure,
            detail=detail,
            see=see,
            replacement=misread.replacement,
        )

    def empty(self, scalar: Scalar, what: str, wanted: str | None = None) -> None:
        """Report that nothing stands where something must."""
        if scalar.broken:
            return
        cure = wanted or "write behind the colon what is meant"
        cure = cure_of_empty(self.document, scalar, _CUT) or cure
        self.add("P032", scalar.span, f"{what} is empty", cure=cure)

    # Texts -----------------------------------------------------------------------------------

    def text(self, tree: Tree | None, what: str, wanted: str | None = None) -> Scalar | None:
        """Take a tree as one text that is not empty; `wanted` is what to do where it is."""
        if tree is None:
            return None
        if isinstance(tree, Scalar):
            if not tree.value.strip():
                self.empty(tree, what, wanted)
                return None
            return None if tree.broken else tree
        own = only_text(tree) or text_below(tree)
        items = [item.value for item in getattr(tree, "items", ()) if isinstance(item, Scalar)]
        self.add(
            "P031",
            first_line(tree.span),
            f"{what} is one text, not {kind_of(tree)}",
            under=f"write  {own}" if own else several_as_one(what, items),
        )
        return None

    def free_text(self, tree: Tree | None, what: str) -> Scalar | None:
        """Take a text for people, with a look at what YAML may have done to it."""
        scalar = self.text(tree, what)
        if scalar is not None:  # for a name any word will do
            look = self.look_at if "name" in what else self.look_at_word
            look(scalar)
        return scalar

    def texts(self, tree: Tree | None, what: str, *, none: bool = False) -> list[Scalar]:
        """Take a text or a list of texts; with `none` an empty list will do."""
        if isinstance(tree, Sequence) and not none:
            self.items(tree, what, "")
        scalars = [self.text(item, what) for item in one_or_more(tree)]
        return [scalar for scalar in scalars if scalar is not None]

    def read(self, scalar: Scalar | None, read: Callable[[str, int], Read]) -> Read | None:
        """Read a text by one of the readers of `values.py`; a misread becomes a finding."""
        if scalar is None:
            return None
        try:
            return read(scalar.value, 0)
        except Misread as misread:
            self.misread(scalar, misread)
            return None

    def look_at(self, scalar: Scalar) -> None:
        """Warn where a text is probably not what its author sees: cut by #, curly quotes, unseen."""
        at = None if scalar.broken else odd_space(scalar.value)
        if at is not None and not scalar.value[at].isspace():
            message = f"{said_unseen(scalar.value[at])} stands in this text"
            span = self.document.part(scalar, at, at + 1)
            self.warn("P010", span, message, cure="delete it and type the text again")
        if scalar.quoted or scalar.broken:
            return
        line = self.document.lines[scalar.span.line - 1][scalar.span.column - 1 :].strip()
        if scalar.last_line > scalar.span.line and line in _LIKE_PIPE:
            message = f"one sign  |  stands above a text of several lines, and here is  {line}"
            self.add("P012", first_line(scalar.span), message, under="write  |")
        if scalar.cut is not None and self._looks_cut(scalar.cut):
            shown = scalar.value if len(scalar.value) <= 40 else f"…{scalar.value[-38:]}"
            self.warn(
                "P310",
                scalar.cut,
                "the text stops at the #",
                under=f'the rest is read as a comment; what counts is "{shown}"',
                cure=in_quotes(self.document, scalar),
            )
        if scalar.value[:1] in _CURLY and scalar.value[-1:] in _CURLY:
            cure = f'if that is not meant, write straight ones:  "{scalar.value[1:-1]}"'
            self.warn("P311", scalar.span, "these curly quotes are part of the text", cure=cure)

    def look_at_word(self, scalar: Scalar) -> None:
        """Warn also where a single word is one that YAML tools read as yes, no or nothing."""
        self.look_at(scalar)
        if not scalar.quoted and not scalar.broken and scalar.value.casefold() in _FALSE_FRIENDS:
            other = "other tools read it as yes, no or nothing"
            message = f'"{scalar.value}" is taken as a text here; {other}'
            cure = "put quotes around it to say that the text is meant"
            self.warn("P312", scalar.span, message, cure=cure)

    def _looks_cut(self, cut: Span) -> bool:
        """A comment has a space behind its #; `#4` or `# 4` in a text was probably part of it."""
        comment = self.document.lines[cut.line - 1][cut.column :]
        return comment[:1].isalnum() or comment[1:2].isdigit()

    def is_told(self, kind: str, name: str) -> bool:
        """Whether a name may be missing for a mistake that was reported: two of one name, or none that can be one."""
        names = self.declared.get(kind, ())
        told = [each for each in self.missed if each[0] == kind and not (names and each[1])]
        return bool(told) and not nearest(name, names)

    def uses_declared(self, kind: str, name: str) -> bool:
        """Whether a name is declared; it is used then."""
        if name not in self.declared.get(kind, ()):
            return False
        self.uses.setdefault(self.owner, set()).add((kind, name))
        return True

    # Mappings and lists ----------------------------------------------------------------------

    def section(
        self, tree: Tree | None, section: GrammarSection, what: str | None = None
    ) -> MappingReader | None:
        """Take a tree as one of the grammar's sections; `what` it is called where it has a name."""
        mapping = self.mapping(tree, what or section.what, with_own(tree, section))
        return None if mapping is None else MappingReader(self, mapping, section, what)

    def mapping(self, tree: Tree | None, what: str, example: str) -> Mapping | None:
        """Take a tree as a mapping."""
        if isinstance(tree, Mapping):
            return tree
        self._refuse_form(tree, what, LINES, example)
        return None

    def items(self, tree: Tree | None, what: str, example: str) -> tuple[Tree, ...]:
        """Take a tree as a list with something in it."""
        if not isinstance(tree, Sequence):
            self._refuse_form(tree, what, ENTRIES, example)
            return ()
        if not tree.items:
            self.add("P108", tree.span, f"{what} is empty", cure=OF_NOTHING)
        return tree.items

    def _refuse_form(self, tree: Tree | None, what: str, wanted: str, example: str) -> None:
        if tree is None or (isinstance(tree, Scalar) and tree.broken):
            return
        if isinstance(tree, Scalar) and not tree.value.strip():
            self.empty(tree, what, f"write below it  {example}")
            return
        message = f"{what} takes {wanted}, not {kind_of(tree)}"
        said = tree.value if isinstance(tree, Scalar) else ""
        if wanted == LINES and (pair := shape(r"([^=:]+?) *(?:==?|->|=>) *(.+)").fullmatch(said)):
            example = f"{pair.group(1)}: {pair.group(2)}"
        is_entry = what in ("a rule", "a test", "a statement") or what.startswith("an entry")
        cure = f"write  - {example}" if is_entry else f"write below it  {example}"
        if isinstance(tree, Sequence) and wanted == LINES:
            message = f"{what} takes {wanted}, and none of them begins with a dash"
            cure = in_lines(tree)
        elif isinstance(tree, Mapping) and wanted == ENTRIES:
            cure = f"begin each entry with a dash:  - {begun(tree, example)}"
        self.add("P031", first_line(tree.span), message, cure=cure)

    def entries(self, mapping: Mapping | None) -> list[tuple[Scalar, Tree]]:
        """The entries of a mapping without doubles, which are reported."""
        seen: dict[str, Scalar] = {}
        entries = []
        for key, tree in () if mapping is None else mapping.entries:
            if key.value == "<<" and not key.quoted:
                message = "a policy takes no merge keys (<<)"
                self.add("P018", key.span, message, cure="write the lines out")
            elif seen.setdefault(key.value, key) is key:
                entries.append((key, tree))
            elif key.value in ("when", "when any", "given") and {"then", "expect"} & set(seen):
                message = f"a second  {key.value}:  stands in one entry"
                cure = "if a new one begins here write its name above it, behind a dash:  - name: …"
                self.add("P019", key.span, message, first=seen[key.value], cure=cure)
                break
            else:
                first = next(value for name, value in entries if name.value == key.value)
                message = f'"{key.value}" stands here for the second time'
                cure = both_in_one(key.value, first, tree)
                self.add("P019", key.span, message, first=seen[key.value], cure=cure)
        return entries

    def named_entries(
        self, tree: Tree | None, part: str, example: str, noun: str
    ) -> Iterator[tuple[Scalar, Tree]]:
        """The entries of a part in which each key names something of its own (`a list`)."""
        before = len(self.findings)
        entries = self.entries(self.mapping(tree, part, example))
        if len(self.findings) > before:
            self.missed.add((_KIND_IN[part], ""))
        for key, value in entries:
            self.owner = (_KIND_IN[part], key.value)
            if not is_name(key.value):
                message = f'"{key.value}" cannot be the name of {noun}'
                cure = "letters, digits, _ and - make a name"
                tidy = "_".join(shape(r"[\p{L}\p{N}_-]+").findall(key.value))
                tidy += ": |" if "|" in key.value else ""
                under = f"write  {tidy}" if tidy else None
                self.add("P034", key.span, message, under=under, cure=cure)
                self.missed.add((_KIND_IN[part], ""))
            yield key, value
            self.owner = None


class MappingReader:
    """A mapping read key by key. Keys outside its section and doubles are reported at once."""

    def __init__(
        self, reading: Reading, mapping: Mapping, section: GrammarSection, what: str | None = None
    ) -> None:
        self.reading = reading
        self.what = what or section.what
        self.span = mapping.span
        self._section = section
        self._keys: dict[str, Scalar] = {}
        self._trees: dict[str, Tree] = {}
        strangers: list[tuple[Scalar, Tree]] = []
        for key, tree in reading.entries(mapping):
            if key.value in section.keys:
                self._keys[key.value] = key
                self._trees[key.value] = tree
            elif not key.broken:
                strangers.append((key, tree))
        self.strange = {key.value for key, _ in strangers}
        for key, tree in strangers:
            self._unknown(key, tree, alone=len(strangers) == 1)

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._trees

    def strayed(self, key: str) -> bool:
        """Whether the key stands among the lines of another one, where it was refused."""
        below = (tree for tree in self._trees.values() if isinstance(tree, Mapping))
        return any(name.value == key for tree in below for name, _ in tree.entries)

    def present(self, keys: Iterable[str]) -> list[str]:
        """Those of some keys that are there."""
        return [key for key in keys if key in self._trees]

    def peek(self, key: str) -> Tree | None:
        """See what stands under a key, without a word where it is missing."""
        return self._trees.get(key)

    def get(self, key: str, missing: str | None = None) -> Tree | None:
        """Take what stands under a key; a required one that is not there is reported."""
        tree = self._trees.get(key)
        if tree is None and (row := self._section.keys[key]).required and not row.actions:
            message = f"{self.what} has no  {key}:"
            cure = missing or f"add  {key}:  and behind it {row.kind.words.replace('`', '')}"
            self.reading.add("P030", first_line(self.span), message, cure=cure)
        return tree

    def text(self, key: str, missing: str | None = None) -> Scalar | None:
        """Take one text that is not empty."""
        tree, kind = self.get(key, missing), self._section.keys[key].kind
        own = "  or  ".join(f"{key}: {word}" for word in kind.choices)
        return self.reading.text(tree, f"{key}:", f"write  {own}" if own else None)

    def texts(self, key: str) -> list[Scalar]:
        """Take a text or a list of texts."""
        return self.reading.texts(self.get(key), f"{key}:", none=key in MAY_BE_EMPTY)

    def free_text(self, key: str) -> Scalar | None:
        """Take a text for people."""
        tree = self.get(key)
        return None if tree is None else self.reading.free_text(tree, f"{key}:")

    def words(self, key: str) -> str | None:
        """Take the words of a text for people, without outer white space."""
        scalar = self.free_text(key)
        return None if scalar is None else scalar.value.strip()

    def yes_no(self, key: str) -> bool | None:
        """Take `yes` or `no`."""
        scalar = self.text(key)
        return None if scalar is None else self.reading.read(scalar, read_yes_no)

    def key_span(self, key: str) -> Span:
        """The place of a key, or of the whole where it is missing."""
        found = self._keys.get(key)
        return first_line(self.span) if found is None else found.span

    def _unknown(self, key: Scalar, tree: Tree, *, alone: bool) -> None:
        """Report an unknown key. Where it is clear which one was meant it is read as that one."""
        names, said = tuple(self._section.keys), _ARTICLE.sub("", plain(key.value).strip("\"' "))
        free = [name for name in names if name not in self._keys]
        if "when" in self._keys and "always" in free:
            free.remove("always")
        message = f'{self.what} has no key "{key.value}"'
        odd = odd_letter(key.value)
        if odd is not None:
            message += f"; it holds a letter that only looks Latin: {letter_name(odd)}"
        sure, meant, near = meant_key(said, tree, self._section, free, alone=alone)
        cure = None if near else cure_of_stranger(key.value, tree, names)
        self.reading.add("P020", key, message, under=near, cure=cure, replacement=sure)
        if meant is not None:
            self._keys[meant] = key
            self._trees[meant] = tree


def first_line(span: Span) -> Span:
    """The first line's part of a place: enough to point at."""
    if span.line == span.end_line:
        return span
    return Span(span.line, span.column, span.line, span.column + 1)
