"""Tests of facts as Python source, of which the engine makes functions.

Theory of operation. A three-valued test becomes two two-valued ones: `possible` (true or not known)
and `sure` (definitely true). A rule is passed over as soon as it is not possible; only where it is
possible does it matter whether it is sure or cannot tell. No text of a policy is ever part of the
source: values stand in the pool of constants and are named there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

from reviewbot.policy.catalog import Fact, FactType


class Emitted(NamedTuple):
    """A test as expressions over locals."""

    reads: tuple[str, ...]
    """The locals that it looks at."""
    possible: str
    sure: str
    outcome: str
    """True, False or None (cannot tell)."""
    slot: str = ""
    """What a trace keeps in place of the outcome, where that is not the outcome itself."""


def three_valued(local: str, test: str, negated: bool = False, *others: str) -> Emitted:
    """A two-valued test of a local that may be unknown; it looks at the `others` as well."""
    if negated:
        test = f"not ({test})"
    return Emitted(
        (local, *others),
        possible=f"({local} is None or {test})",
        sure=f"({local} is not None and {test})",
        outcome=f"None if {local} is None else {test}",
    )


def three_way(local: str, negated: bool = False) -> Emitted:
    """A local that is itself True, False or None."""
    if negated:
        outcome = f"None if {local} is None else not {local}"
        return Emitted((local,), f"{local} is not True", f"{local} is False", outcome)
    return Emitted((local,), f"{local} is not False", f"{local} is True", local)


class Pool:
    """The constants and the locals that generated source names."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.locals: dict[str, tuple[str, tuple[str, ...]]] = {}
        """By its name, what a local holds and which other locals that looks at."""
        self._constants: dict[tuple[type, Any], str] = {}
        self._locals: dict[str, str] = {}

    def constant(self, value: Any) -> str:
        """The source of a hashable value or function: a number itself, else a name; equal ones share it."""
        if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            return repr(value)
        key = (type(value), value)
        if key not in self._constants:
            self._constants[key] = name = f"_k{len(self.constants)}"
            self.constants[name] = value
        return self._constants[key]

    def local(self, source: str, *looks_at: str) -> str:
        """The local that holds what an expression gives; equal ones share it."""
        if source not in self._locals:
            self._locals[source] = name = f"v{len(self.locals)}"
            self.locals[name] = (source, looks_at)
        return self._locals[source]

    def fact(self, fact: Fact, form: Callable[[Any], Any] | None = None) -> str:
        """The local that holds a fact, in the form in which it is compared.

        A value that is none of a closed list is unknown, and has no other form.
        """
        sources, looks_at = zip(*map(self._place, fact.paths), strict=True)
        source = ", ".join(sources)
        if fact.work is not None:
            source = f"{self.constant(fact.work)}({source})"
        if fact.type is FactType.CHOICE:
            source, form = f"{self.constant(_closed(fact.values))}({source})", None
        local = self.local(source, *filter(None, looks_at))
        if form is None:
            return local
        return self.local(f"None if {local} is None else {self.constant(form)}({local})", local)

    def among(self, local: str, values: Iterable[Any]) -> str:
        """Whether a local is one of some values."""
        chosen = frozenset(values)
        if len(chosen) == 1:
            return f"{local} == {self.constant(next(iter(chosen)))}"
        return f"{local} in {self.constant(chosen)}"

    def _place(self, path: str) -> tuple[str, str]:
        """The source of an attribute of the facts, and the local it looks at."""
        part, _, field = path.partition(".")
        if part == "attempt" or not field:
            return (path if field else f"f.{part}"), ""
        local = self.local(f"f.{part}")
        return f"{local}.{field}", local


@cache
def _closed(values: tuple[str, ...]) -> Callable[[Any], Any]:
    return {value: value for value in values}.get
