"""Generated source becomes functions: constants are put in as values, never as text."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Mapping
from typing import Any

from reviewbot.policy.codegen import BASES, names_in
from reviewbot.policy.facts import Facts, length, plus_one, since
from reviewbot.policy.fields import Fact, FactType
from reviewbot.policy.folding import fold, nfc

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
    tree = _Constants(values).visit(ast.parse(source))
    code = compile(ast.fix_missing_locations(tree), "<policy>", "exec")
    namespace = {**_HELPERS, **values}
    exec(code, namespace)  # noqa: S102 - our own generated source, free of outside text
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


class _Constants(ast.NodeTransformer):
    """Puts plain values in place of their names, so that the compiler can fold them in."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {name: value for name, value in values.items() if _is_plain(value)}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Swap one name for its value."""
        if node.id in self._values:
            return ast.copy_location(ast.Constant(self._values[node.id]), node)
        return node


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(map(_is_plain, value))
    return type(value) in (str, int, float, bool)
