"""The three forms of a policy (one text, entries with dashes, lines with names) in a desk's words."""

from __future__ import annotations

from reviewbot.policy.language.grammar import NAMED, PART, PARTS, GrammarSection
from reviewbot.policy.language.synonyms import OF_OTHERS
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree
from reviewbot.policy.text_forms import fold, listed

_PARTS = (PART, PARTS, NAMED)
LINES = "lines below it, each with a name and a colon"
ENTRIES = "entries below it, each beginning with a dash"


def with_own(tree: Tree | None, section: GrammarSection) -> str:
    """How a section is written that holds what stands in its place: her value behind its first key."""
    if not isinstance(tree, Scalar) or "\n" in tree.value:
        return section.example
    value, keys = tree.value.strip(), section.keys
    said = f"`{value.casefold()}`"
    fitting = [row.name for row in keys.values() if said in row.kind.words]
    needed = [row.name for row in keys.values() if row.required and row.kind not in _PARTS]
    names = fitting or needed
    return f"{names[0]}: {value}" if names else section.example


def only_text(tree: Tree) -> str | None:
    """The one text in a list or in braces, where there is no other."""
    texts = tree.items if isinstance(tree, Sequence) else ()
    if isinstance(tree, Mapping) and len(tree.entries) == 1:
        key, value = tree.entries[0]
        texts = (key,) if isinstance(value, Scalar) and not value.value else ()
    only = texts[0] if len(texts) == 1 else None
    return only.value if isinstance(only, Scalar) else None


def kind_of(tree: Tree) -> str:
    """What stands there, in words."""
    if isinstance(tree, Scalar):
        return "a text"
    return "a list" if isinstance(tree, Sequence) else "lines with names and colons"


_AT_THE_TOP = (
    "never",
    "deadline",
    "guardrails",
    "hours",
    "lists",
    "conditions",
    "reasons",
    "tests",
)
_MOST_WORDS = 3
"""No key of the language has more words."""


def cure_of_stranger(key: str, names: tuple[str, ...]) -> str:
    """What to do about a key that is none of these names and near to none."""
    if len(key.split()) > _MOST_WORDS:
        return f"if it is a remark write  # {key}"
    if key in _AT_THE_TOP and "rules" not in names:
        return f"{key}:  stands at the top of the policy, in column 1"
    of_others = (said for said, words in OF_OTHERS.items() if fold(key) in words.split(", "))
    said = next(of_others, None) if "then" in names else None
    return said or f"it takes {listed(names)}"
