"""Generated source becomes functions: what a policy says is put in as values, never as text."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from reviewbot.policy.codegen import BASES
from reviewbot.policy.facts import Facts, length, plus_one, since
from reviewbot.policy.fields import Fact, FactType
from reviewbot.policy.folding import fold, nfc
from reviewbot.policy.leaves import names_in

_HELPERS = {
    "_since": since,
    "_plus_one": plus_one,
    "_length": length,
    "_fold": fold,
    "_nfc": nfc,
    "_unread": object(),
}


def load(source: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Compile functions whose free names are `values` and the helpers of facts."""
    namespace = {**_HELPERS, **values}
    exec(compile(source, "<policy>", "exec"), namespace)  # noqa: S102 - our own generated source, free of outside text
    return namespace


@functools.cache
def reader(fact: Fact) -> Callable[[Facts], Any]:
    """Make a function that reads one fact; None where it is unknown."""
    bases = sorted(names_in(fact.read) & BASES.keys())
    lines = [f"    {base} = {BASES[base]}" for base in bases]
    source = "\n".join(["def read(f):", *lines, f"    return {fact.read}"])
    read: Callable[[Facts], Any] = load(source, {})["read"]
    if fact.type is not FactType.CHOICE:
        return read
    values = frozenset(fact.values)
    return lambda f: value if (value := read(f)) in values else None


@functools.cache
def doubtful_names(fact: Fact) -> Callable[[Facts], tuple[str, ...]]:
    """Make a function that reads which names of a list are in doubt."""
    return reader(Fact(name=fact.name, type=fact.type, sentence=fact.sentence, read=fact.doubtful))
