"""The three forms of a policy (one text, entries with dashes, lines with names) in a desk's words."""

from __future__ import annotations

from functools import cache

from reviewbot.policy.diagnostics import Fix, Span
from reviewbot.policy.language.grammar import (
    NAMED,
    PART,
    PARTS,
    POLICY,
    GrammarSection,
    Key,
    inside,
)
from reviewbot.policy.language.lines import FACTS, FREE_TEXTS
from reviewbot.policy.language.repair import quoted
from reviewbot.policy.language.synonyms import KEYS, OF_OTHERS, meaning, meaning_inside
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree, YamlDocument
from reviewbot.policy.text_forms import asked, fold, listed, nearest, only_cure

_PARTS = (PART, PARTS, NAMED)
LINES = "lines below it, each with a name and a colon"
ENTRIES = "entries below it, each beginning with a dash"
OF_NOTHING = "write what is meant, or delete the line"
"""Where a list is empty: whether none or all is meant is in doubt."""


def with_own(tree: Tree | None, section: GrammarSection) -> str:
    """How a section is written that holds what stands in its place: her value behind its first key."""
    if not isinstance(tree, Scalar) or "\n" in tree.value:
        return section.example
    value, keys = tree.value.strip(), section.keys
    said = f"`{value.casefold()}`"
    fitting = [row.name for row in keys.values() if said in row.kind.words]
    needed = [row.name for row in keys.values() if row.required and row.kind not in _PARTS]
    first, _, rest = value.partition(" ")
    spelt = only_cure(first, keys) or meaning(first, KEYS, keys) if rest else None
    if spelt is not None:  # `opens mon-fri 09:00-18:00`, without its colon
        return f"{spelt}: {rest.lstrip(' :=')}"
    names = fitting or needed
    return f"{names[0]}: {value}" if names else section.example


def both_in_one(key: str, first: Tree, second: Tree) -> str:
    """What to do about a key that stands twice: both values in one list, where it takes several."""
    texts = [tree.value for tree in (first, second) if isinstance(tree, Scalar)]
    if key in _many() and len(texts) == 2:
        return f"write both in one line:  {key}: [{', '.join(texts)}]"
    return "keep one of them; other tools would silently drop one"


def in_lines(tree: Sequence) -> str:
    """What to do about a list where lines stand: `[a: 1, b: 2]`, or each behind a dash of its own."""
    pairs = [pair for item in tree.items if isinstance(item, Mapping) for pair in item.entries]
    if len({key.span.line for key, _ in pairs}) > 1 or len(pairs) < 2:
        return "remove the dashes"
    texts = (f"{key.value}: {value.value}" for key, value in pairs if isinstance(value, Scalar))
    return f"write below it, without brackets,  {'  and  '.join(texts)}"


def only_text(tree: Tree) -> str | None:
    """The one text in a list or in braces, where there is no other."""
    texts = tree.items if isinstance(tree, Sequence) else ()
    if isinstance(tree, Mapping) and len(tree.entries) == 1:
        key, value = tree.entries[0]
        texts = (key,) if isinstance(value, Scalar) and not value.value else ()
    only = texts[0] if len(texts) == 1 else None
    return only.value if isinstance(only, Scalar) else None


def one_or_more(tree: Tree | None) -> tuple[Tree, ...]:
    """Take a value or a list of values as a list."""
    if tree is None:
        return ()
    return tree.items if isinstance(tree, Sequence) else (tree,)


def names_in_braces(tree: Tree) -> str | None:
    """A list that was written as `{a, b}`, in brackets."""
    pairs = tree.entries if isinstance(tree, Mapping) else ()
    if not pairs or any(not isinstance(value, Scalar) or value.value for _, value in pairs):
        return None
    return f"[{', '.join(key.value for key, _ in pairs)}]"


def several_as_one(what: str, texts: list[str]) -> str | None:
    """What to write in place of several texts: a sentence that was cut at its commas, or one of a few."""
    if what.rstrip(":") in FREE_TEXTS and texts:
        return f"write  {', '.join(texts)}"
    return asked("  or  ".join(texts)) if 1 < len(texts) < 6 else None


def begun(tree: Mapping, example: str) -> str:
    """How the first entry would begin in a list."""
    name = tree.entries[0][0].value if tree.entries else "name"
    holds = bool(tree.entries) and isinstance(tree.entries[0][1], Mapping)
    return f"name: {name}" if holds and "name:" in example else f"{name}: …"


def kind_of(tree: Tree) -> str:
    """What stands there, in words."""
    if isinstance(tree, Scalar):
        return "a text"
    return "a list" if isinstance(tree, Sequence) else "lines with names and colons"


_MOST_WORDS = 3
"""No key of the language has more words."""
_MOST_HOMES = 3


@cache
def _many() -> frozenset[str]:
    """Keys behind which several values may stand, apart from the groups of tests."""
    rows = [key for _, section in _sections() for key in section.keys.values()]
    return frozenset(row.name for row in rows) - {row.name for row in rows if not row.many}


@cache
def _homes() -> dict[str, tuple[str, ...]]:
    """Where each key of the language stands: the keys above it, and nothing for the top."""
    homes: dict[str, tuple[str, ...]] = {}
    for above, section in _sections():
        for name in section.keys:
            if above not in homes.get(name, ()):
                homes[name] = (*homes.get(name, ()), above)
    return homes


def _sections() -> list[tuple[str, GrammarSection]]:
    """Every section of the language, with what its keys stand under."""
    ahead: list[tuple[str, GrammarSection]] = [("", POLICY)]
    seen: list[GrammarSection] = []
    for above, section in ahead:
        seen.append(section)
        for key in section.keys.values():
            ahead += [(_above_of(above, key), part) for part in inside(key) if part not in seen]
    return ahead


def _above_of(above: str, key: Key) -> str:
    """What the lines below a key are said to stand under: a part of the policy, or the key itself."""
    return key.name if not above or key.kind not in _PARTS else above


def home_of(key: str, value: str | None = None) -> str | None:
    """Where a key that stands in a wrong place belongs, with her value; None where it belongs nowhere."""
    homes = _homes().get(key, ())
    if not 0 < len(homes) <= _MOST_HOMES:
        return None
    written = f"{key}: {value}" if value and "\n" not in value else f"{key}:"
    if homes[0] == "":
        return f"write  {written}  at the top of the policy, in column 1"
    places = listed(f"{home}:" for home in homes)
    return f"write  {written}  below  {places}"


def meant_key(
    said: str, tree: Tree, section: GrammarSection, free: list[str], *, alone: bool
) -> tuple[str | None, str | None, str | None]:
    """The key that one which is unknown, and perhaps `alone`, stands for: surely, likely, and how to ask for it."""
    sure = only_cure(said, free)
    meant = sure or meaning(said, KEYS, free)
    inside = meant or meaning_inside(said.replace("_", " "), KEYS, free)
    near = asked(inside) if inside else None
    rows = section.keys
    needed = [name for name in free if rows[name].required and not rows[name].actions]
    is_text = alone and isinstance(tree, Scalar)
    if meant is None and is_text and len(needed) == 1 and len(rows) < 5:
        return None, needed[0], asked(f"{needed[0]}: {getattr(tree, 'value', '')}".strip())
    return sure, meant or next(iter(nearest(said, needed)), None), near


def cure_of_stranger(key: str, tree: Tree, names: tuple[str, ...]) -> str:
    """What to do about a key that is none of these names and near to none."""
    if len(key.split()) > _MOST_WORDS:
        return f"if it is a remark write  # {key}"
    if fold(key) in ("unless", "except", "außer", "if not", "but not") and "when" in names:
        return "write below  when:  none of:  and there its lines, each behind a dash"
    said = OF_OTHERS.get(fold(key), (None,))[0] if "then" in names else None
    value = tree.value if isinstance(tree, Scalar) else None
    if key in FACTS:
        said = f"write  {key}: {value}  below  when:  of a rule" if value else None
    return said or home_of(key, value) or f"it takes {listed(names)}"


def part_of(place: Scalar | tuple[Scalar, int, int]) -> tuple[Scalar, int, int]:
    """A text with the ends of its part, which is all of it where none are named."""
    return (place, 0, len(place.value)) if isinstance(place, Scalar) else place


def fix_of(
    span: Span, length: int, replacement: str | None, whole: tuple[Scalar, str] | None
) -> Fix | None:
    """The cure of the text at a place, or of the `whole` text around it; of what stands on one line."""
    if whole is not None and whole[0].span.line == whole[0].span.end_line:
        return Fix(whole[0].span, whole[1])
    exact = span.line == span.end_line and span.end_column - span.column == length
    return Fix(span, replacement) if replacement is not None and exact else None


def in_quotes(document: YamlDocument, scalar: Scalar) -> str:
    """What to do about a # that cut a text on its line."""
    text = document.lines[scalar.span.line - 1][scalar.span.column - 1 :].strip()
    return f"put quotes around the whole text{f':  {quoted(text)}' * (len(text) <= 100)}"


def cure_of_empty(document: YamlDocument, scalar: Scalar, cut: str) -> str | None:
    """What to do where nothing stands because YAML read a sign of the text otherwise."""
    line = document.lines[scalar.span.line - 1]
    if scalar.style == ">":
        words = "at least" if "=" in line else "more than"
        return f"comparisons are words: write  {words} {line[scalar.span.column :].strip(' =')}"
    if scalar.cut is None:
        return None
    return (
        f"{cut}put quotes around the whole text:  {quoted(line[scalar.cut.column - 1 :].strip())}"
    )
