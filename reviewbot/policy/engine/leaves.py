"""One test of one fact as Python source: may it be true, is it surely true, which of three it is."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from reviewbot.policy.catalog import Fact, FactType
from reviewbot.policy.model import Compare, Lists, Policy
from reviewbot.policy.operators import Has, InList, IsKnown, Matches, OneOf, Range, TextTest
from reviewbot.policy.text_forms import fold, nfc, searcher


class FactView(NamedTuple):
    """A way to look at a fact: the local it is kept in and the source that reads it.

    A costly one is read once at most; a plain attribute is as cheap to read again as to keep.
    """

    local: str
    source: str
    bases: frozenset[str]
    """What the source reads from, in the names that `codegen.BASES` knows."""
    costly: bool = True


class Emitted(NamedTuple):
    """A condition without parts, as templates of source over `view`."""

    view: FactView
    possible: str
    sure: str
    outcome: str
    """True, False or None (cannot tell)."""
    evidence: bool = False
    """Whether the answer needs evidence."""
    slot: str = ""
    """What the trace keeps in place of the outcome, as a template over the view's local."""


class Pool:
    """The constants and helpers that generated source names."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._names: dict[tuple[type, Any], str] = {}

    def constant(self, value: Any) -> str:
        """The source of a hashable constant: a number itself, else a name; equal ones share it."""
        if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            return repr(value)
        key = (type(value), value)
        if key not in self._names:
            self._names[key] = self.helper("k", value)
        return self._names[key]

    def shared(self, kind: str, value: Any) -> str:
        """Name a thing that several uses need; there is one of each kind."""
        self.values[f"_{kind}"] = value
        return f"_{kind}"

    def helper(self, kind: str, value: Any) -> str:
        """Name a function or another thing that only this use needs."""
        name = f"_{kind}{len(self.values)}"
        self.values[name] = value
        return name


class Leaves:
    """Makes the leaves of one policy's conditions."""

    def __init__(self, policy: Policy, pool: Pool) -> None:
        self._pool = pool
        self._lists = Lists(policy)
        self._patterns = {pattern.name: pattern for pattern in policy.patterns}
        self._searches: dict[str, str] = {}

    def leaf(self, compare: Compare, fact: Fact) -> Emitted:
        """The source of one comparison with `fact`."""
        made = self._leaf(compare, fact)
        return made._replace(evidence=fact.source == "evidence")

    def _leaf(self, compare: Compare, fact: Fact) -> Emitted:
        match compare.test:
            case IsKnown(known=known):
                return _settled(
                    self._seen(fact), "{read} is not None" if known else "{read} is None"
                )
            case OneOf() as test if fact.type is FactType.CHOICE:
                return self._choice_among(test, fact)
            case OneOf() as test if fact.type is FactType.TEXT:
                return self._text_among(test, fact)
            case OneOf(values=(bool() as value,), negated=negated):
                return three_way(raw(fact), negated=negated is value)
            case OneOf(values=values, negated=negated):
                return _three_valued(raw(fact), self._among(values), negated)
            case Range() as test:
                return _three_valued(raw(fact), self._between(test))
            case TextTest(kind=kind, text=text, exact=exact, negated=negated):
                word = self._pool.constant(nfc(text) if exact else fold(text))
                return _three_valued(self._worded(fact, exact), _TEXT_TESTS[kind](word), negated)
            case Matches(pattern=pattern, negated=negated):
                search = self._search(pattern)
                source = f"{search}({self._seen(fact).source})"
                view = FactView(f"{_local(fact)}{search}", source, _bases(fact))
                return three_way(view, negated)
            case InList(list=name, negated=negated):
                return self._in_list(name, fact, negated)
            case Has(member=member, negated=negated):
                return self._has(member, fact, negated)
        raise AssertionError(compare.test)

    def _choice_among(self, test: OneOf, fact: Fact) -> Emitted:
        """A value outside the closed list is unknown, so both sides are lists of known values."""
        named = {fold(str(value)) for value in test.values}
        chosen = frozenset(value for value in fact.values if fold(value) in named)
        others = frozenset(fact.values) - chosen
        met, unmet = (others, chosen) if test.negated else (chosen, others)
        is_met, is_unmet = self._member(met), self._member(unmet)
        return Emitted(
            raw(fact),
            possible=f"not {is_unmet.format(value='{read}')}",
            sure=is_met.format(value="{read}"),
            outcome=f"(True if {is_met.format(value='{read}')} else "
            f"False if {is_unmet.format(value='{x}')} else None)",
        )

    def _member(self, values: frozenset[str]) -> str:
        if len(values) == 1:
            return f"{{value}} == {self._pool.constant(next(iter(values)))}"
        return f"{{value}} in {self._pool.constant(values)}"

    def _text_among(self, test: OneOf, fact: Fact) -> Emitted:
        words = [(str(v), e) for v, e in zip(test.values, test.exact, strict=True)]
        exact = frozenset(nfc(word) for word, exactly in words if exactly)
        loose = frozenset(fold(word) for word, exactly in words if not exactly)
        if not exact:
            return _three_valued(self._worded(fact, exact=False), self._among(loose), test.negated)
        if not loose:
            return _three_valued(self._worded(fact, exact=True), self._among(exact), test.negated)
        either = f"({self._among(exact)} or _fold({{x}}) in {self._pool.constant(loose)})"
        return _three_valued(self._worded(fact, exact=True), either, test.negated)

    def _among(self, values: frozenset[str] | tuple[Any, ...]) -> str:
        if len(values) == 1:
            return f"{{x}} == {self._pool.constant(next(iter(values)))}"
        if any(isinstance(value, datetime) for value in values):
            return f"{{x}} in {self._pool.constant(tuple(values))}"
        return f"{{x}} in {self._pool.constant(frozenset(values))}"

    def _between(self, test: Range) -> str:
        low = high = ""
        if test.low is not None:
            low = f"{self._pool.constant(test.low)} {'<=' if test.low_included else '<'} "
        if test.high is not None:
            high = f" {'<=' if test.high_included else '<'} {self._pool.constant(test.high)}"
        return f"{low}{{x}}{high}"

    def _in_list(self, name: str, fact: Fact, negated: bool) -> Emitted:
        view = self._worded(fact, exact=False)
        if self._lists.lasts(name):
            fixed = frozenset(self._lists.entries[name])
            return _three_valued(view, f"{{x}} in {self._pool.constant(fixed)}", negated)
        holds = self._pool.helper("list", self._lists.holds)
        view = view._replace(bases=view.bases | {"now"})
        listed = self._pool.constant(name)
        return _three_valued(view, f"{holds}({listed}, {{x}}, now)", negated)

    def _has(self, member: str, fact: Fact, negated: bool) -> Emitted:
        name = self._pool.constant(member)
        if not fact.doubtful:
            return _three_valued(raw(fact), f"{name} in {{x}}", negated)
        # One name may be in doubt while the others are not.
        unclear = f"{fact.read} is None or {name} in {fact.doubtful}"
        source = f"(None if {unclear} else {name} in {fact.read})"
        return three_way(
            FactView(f"{_local(fact)}{name}", source, _bases(fact) | {fact.doubtful}), negated
        )

    def _worded(self, fact: Fact, exact: bool) -> FactView:
        """The fact as text is compared."""
        if fact.type is FactType.CHOICE:
            return self._seen(fact)
        kind = "nfc" if exact else "fold"
        return FactView(f"{_local(fact)}_{kind}", f"_{kind}({fact.read})", _bases(fact))

    def _seen(self, fact: Fact) -> FactView:
        """The fact, or None where it is none of its closed list."""
        if fact.type is not FactType.CHOICE:
            return raw(fact)
        local = _local(fact)
        values = self._pool.constant(frozenset(fact.values))
        source = f"({local} if ({local} := {fact.read}) in {values} else None)"
        return FactView(f"{local}_choice", source, _bases(fact))

    def _search(self, pattern: str) -> str:
        if pattern not in self._searches:
            search = searcher(self._patterns[pattern].regex)
            self._searches[pattern] = self._pool.helper("pattern", search)
        return self._searches[pattern]


_TEXT_TESTS: dict[str, Callable[[str], str]] = {
    "contains": lambda word: f"{word} in {{x}}",
    "starts with": lambda word: f"{{x}}.startswith({word})",
    "ends with": lambda word: f"{{x}}.endswith({word})",
}


def raw(fact: Fact) -> FactView:
    """The fact as it is."""
    return FactView(_local(fact), fact.read, _bases(fact), costly="(" in fact.read)


def _local(fact: Fact) -> str:
    return fact.name.replace(".", "_")


@cache
def _bases(fact: Fact) -> frozenset[str]:
    return names_in(fact.read)


def _three_valued(view: FactView, test: str, negated: bool = False) -> Emitted:
    if negated:
        test = f"not ({test})"
    return Emitted(
        view,
        possible=f"({{read}} is None or {test})",
        sure=f"({{read}} is not None and {test})",
        outcome=f"(None if {{read}} is None else {test})",
    )


def three_way(view: FactView, negated: bool = False) -> Emitted:
    """A leaf over a value that is itself True, False or None."""
    if negated:
        return Emitted(
            view,
            possible="{read} is not True",
            sure="{read} is False",
            outcome="(None if {read} is None else not {x})",
        )
    return Emitted(view, possible="{read} is not False", sure="{read} is True", outcome="{read}")


def _settled(view: FactView, test: str) -> Emitted:
    return Emitted(view, possible=test, sure=test, outcome=f"({test})")


def settled(view: FactView) -> Emitted:
    """A leaf over a value that is always True or False."""
    return _settled(view, "{read}")


def not_yet(view: FactView) -> Emitted:
    """A leaf over a moment: true until it has come."""
    return _three_valued(view._replace(bases=view.bases | {"now"}), "now < {x}")


def names_in(source: str) -> frozenset[str]:
    """Every name that an expression mentions."""
    tree = ast.parse(source, mode="eval")
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
