"""Conditions as Python functions, plain and traced; and whether evidence could change an answer.

Theory of operation. A condition becomes a small tree of tests, and that tree becomes two-valued
expressions (`source.py` says why two). A plain function leaves a rule at the first condition that
fails. A traced one asks every condition of every rule it tries and keeps the outcomes in locals;
they become one flat tuple only when a rule has decided. What a test looks at is read once, a line
before the first rule that asks for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from reviewbot.domain.review import ReviewKind
from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact
from reviewbot.policy.engine.calendar import Calendar, resolver
from reviewbot.policy.facts import Facts
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    EachAttempt,
    Lists,
    Moment,
    NoneOf,
    Policy,
    Rule,
)
from reviewbot.policy.source import Emitted, Pool, three_way

_IN = "    "


class All(NamedTuple):
    """Every part must hold."""

    parts: tuple[Tree, ...]


class Or(NamedTuple):
    """One part is enough."""

    parts: tuple[Tree, ...]


class Not(NamedTuple):
    """The part must not hold."""

    part: Tree


Tree = Emitted | All | Or | Not


class Arm(NamedTuple):
    """A rule or a case of the fallback: its condition, and the statement for when it is met.

    In `then` a traced function puts the tuple of outcomes in place of `LEAVES`. `passed` is for
    when it cannot be told.
    """

    tree: Tree
    then: str
    passed: str = "pass"


class Function:
    """Writes one function that tries arms in order."""

    def __init__(self, name: str, pool: Pool, *, traced: bool, arguments: str = "f") -> None:
        self._lines = [f"def {name}({arguments}):", f"{_IN}cant = shadow = 0"]
        self._pool = pool
        self._traced = traced
        self._read: set[str] = set()
        self._outcomes: dict[Emitted, str] = {}
        """The local of each test asked so far; one test is asked once, whichever rules share it."""
        self._slots: list[str] = []

    def write(self, arms: Iterable[Arm], end: str) -> str:
        """The source of the whole function; `end` is for when no arm was met."""
        for arm in arms:
            for test in _tests(arm.tree):
                self._ask(test)
            possible, sure = self._sides(arm.tree)
            if possible == sure:
                self._add(f"if {sure}:", f"{_IN}{arm.then}")
            else:
                self._add(f"if {possible}:", f"{_IN}if {sure}:", f"{_IN * 2}{arm.then}")
                self._add(f"{_IN}else:", f"{_IN * 2}{arm.passed}")
        self._add(end)
        return "\n".join(self._lines)

    def _add(self, *lines: str) -> None:
        leaves = f"({''.join(f'{slot}, ' for slot in self._slots)})"
        self._lines += [_IN + line.replace("LEAVES", leaves) for line in lines]

    def _ask(self, test: Emitted) -> None:
        for local in test.reads:
            self._read_local(local)
        if not self._traced:
            return
        if test not in self._outcomes:
            self._outcomes[test] = local = f"c{len(self._outcomes)}"
            self._add(f"{local} = {test.outcome}")
        self._slots.append(test.slot or self._outcomes[test])

    def _read_local(self, local: str) -> None:
        if local not in self._read:
            self._read.add(local)
            source, looks_at = self._pool.locals[local]
            for other in looks_at:
                self._read_local(other)
            self._add(f"{local} = {source}")

    def _sides(self, tree: Tree) -> tuple[str, str]:
        """Where it may hold, and where it surely does."""
        match tree:
            case Emitted(possible=possible, sure=sure):
                local = self._outcomes.get(tree)
                return (possible, sure) if local is None else (f"{local} is not False", local)
            case Not(part=part):
                possible, sure = self._sides(part)
                return f"not {sure}", f"not {possible}"
            case All(parts=parts):
                word, empty = " and ", "True"
            case Or(parts=parts):
                word, empty = " or ", "False"
        sides = zip(*map(self._sides, parts), strict=True) if parts else ((empty,), (empty,))
        possible, sure = (f"({word.join(side)})" for side in sides)
        return possible, sure


def _tests(tree: Tree) -> Iterator[Emitted]:
    """Every test, from left to right."""
    match tree:
        case Emitted():
            yield tree
        case Not(part=part):
            yield from _tests(part)
        case All(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from _tests(part)


def load(source: str, constants: Mapping[str, Any]) -> dict[str, Any]:
    """Compile functions whose free names are constants: what a policy says is put in as values."""
    namespace = dict(constants)
    exec(compile(source, "<policy>", "exec"), namespace)  # noqa: S102 - our own generated source, free of outside text
    return namespace


class Trees:
    """Makes the trees of one policy; the functions of single attempts gather in `functions`."""

    def __init__(self, conditions: Conditions, pool: Pool, *, traced: bool) -> None:
        self._conditions = conditions
        self._pool = pool
        self._traced = traced
        self._attempts: dict[tuple[str, Tree], Emitted] = {}
        self.functions: list[str] = []

    def rule(self, rule: Rule) -> Tree:
        """All that makes a rule match: its conditions, its share of tasks, its wait not over."""
        more = (self._asked(asked) for asked in self._conditions.besides(rule))
        return All((self.condition(rule.when), *more))

    def condition(self, condition: Condition | None) -> Tree:
        """The tree of a condition; None (always) is a tree without parts."""
        facts = self._conditions.facts
        return All(()) if condition is None else self._tree(condition, facts)

    def _tree(self, condition: Condition, facts: Mapping[str, Fact]) -> Tree:
        match condition:
            case Compare(fact=name, test=test):
                return test.emit(facts[name], self._pool, self._conditions.lists)
            case EachAttempt(quantifier=quantifier, condition=inner):
                return self._each_attempt(quantifier, self._tree(inner, ATTEMPT_FACTS))
        parts = tuple(self._tree(part, facts) for part in condition.parts)
        match condition:
            case AllOf():
                return All(parts)
            case AnyOf():
                return Or(parts)
            case NoneOf():
                return Not(Or(parts))

    def _each_attempt(self, quantifier: str, tree: Tree) -> Emitted:
        key = (quantifier, tree)
        if key not in self._attempts:
            name = f"attempt{len(self._attempts)}"
            function = Function(name, self._pool, traced=self._traced, arguments="attempt, f")
            then, passed, end = (
                f"return {answer}{', LEAVES' if self._traced else ''}"
                for answer in (True, None, False)
            )
            self.functions.append(function.write([Arm(tree, then, passed)], end))
            each = self._pool.constant(partial(_EACH[self._traced], quantifier))
            local = self._pool.local(f"{each}({name}, f.attempts, f)")
            self._attempts[key] = (
                Emitted((local,), "", "", outcome=f"{local}[0]", slot=local)
                if self._traced
                else three_way(local)
            )
        return self._attempts[key]

    def _asked(self, asked: Asked) -> Emitted:
        return three_way(self._pool.local(f"{self._pool.constant(asked)}(f)"))


def _each(
    quantifier: str, ask: Callable[[Any, Facts], bool | None], attempts: Any, facts: Facts
) -> bool | None:
    if attempts is None:
        return None
    answer: bool | None = _QUANTIFIERS[quantifier]([ask(attempt, facts) for attempt in attempts])
    return answer


def _each_traced(
    quantifier: str, ask: Callable[[Any, Facts], tuple[Any, ...]], attempts: Any, facts: Facts
) -> tuple[bool | None, tuple[Any, ...]]:
    """The answer, and the outcomes of each attempt."""
    if attempts is None:
        return None, ()
    asked = [ask(attempt, facts) for attempt in attempts]
    answer = _QUANTIFIERS[quantifier]([answer for answer, _ in asked])
    return answer, tuple([outcomes for _, outcomes in asked])


_EACH: dict[bool, Callable[..., Any]] = {False: _each, True: _each_traced}


# ------------------------------------------------------------------------------------------------
# The same conditions as a walk, for those who have no evidence yet.


Answer = bool | None | Literal["needs evidence"]
NEEDS: Literal["needs evidence"] = "needs evidence"
"""Evidence that is not at hand could still change the answer."""

Asked = Callable[[Facts], bool | None]


def every(answers: Iterable[Answer]) -> Answer:
    """False settles it; then evidence is needed; then it cannot be told."""
    found = set()
    for answer in answers:
        if answer is False:
            return False
        found.add(answer)
    return NEEDS if NEEDS in found else None if None in found else True


def some(answers: Iterable[Answer]) -> Answer:
    """True settles it; then evidence is needed; then it cannot be told."""
    return turned(every(map(turned, answers)))


def turned(answer: Answer) -> Answer:
    """The answer under `not`."""
    return answer if answer is None or answer == NEEDS else not answer


_QUANTIFIERS: dict[str, Callable[[Sequence[bool | None]], Any]] = {
    "any": some,
    "every": lambda answers: every(answers) if answers else False,
    "no": lambda answers: turned(some(answers)),
}
"""Over the attempts of a round; without any there is none, nor are there any that all pass."""


class Conditions:
    """The conditions of one policy, ready to be asked of facts without evidence."""

    def __init__(self, policy: Policy, calendars: Mapping[str, Calendar]) -> None:
        self.facts = CATALOGUE[policy.applies_to.review]
        self.lists = Lists(policy)
        subject_id = _SUBJECT_ID[policy.applies_to.review]
        self._besides = {
            rule.name: tuple(_besides(rule, calendars, subject_id)) for rule in policy.rules
        }

    def besides(self, rule: Rule) -> tuple[Asked, ...]:
        """What a rule asks besides its conditions: its share of tasks, its wait not over."""
        return self._besides[rule.name]

    def rule(self, rule: Rule, facts: Facts) -> Answer:
        """Whether a rule matches."""
        more = (asked(facts) for asked in self.besides(rule))
        return every([self.answer(rule.when, facts), *more])

    def answer(self, condition: Condition | None, facts: Facts) -> Answer:
        """Whether a condition is met; None is one that always is."""
        match condition:
            case None:
                return True
            case EachAttempt():
                return NEEDS
            case Compare(fact=name, test=test):
                fact = self.facts[name]
                if fact.source == "evidence":
                    return NEEDS
                return test.matches(fact.read(facts), self.lists, facts.now)
        answers = (self.answer(part, facts) for part in condition.parts)
        match condition:
            case AllOf():
                return every(answers)
            case AnyOf():
                return some(answers)
            case NoneOf():
                return turned(some(answers))


_SUBJECT_ID: dict[ReviewKind, Callable[[Facts], str]] = {
    "comments": attrgetter("task.id"),
    "accounts": attrgetter("bundle.id"),
}


def _besides(
    rule: Rule, calendars: Mapping[str, Calendar], subject_id: Callable[[Facts], str]
) -> Iterator[Asked]:
    share = rule.rollout
    if share is not None:
        yield lambda facts: place_in_rollout(subject_id(facts), rule.name) < share
    if rule.then.until is not None:
        yield _not_over(rule.then.until, calendars)


def _not_over(moment: Moment, calendars: Mapping[str, Calendar]) -> Asked:
    resolve = resolver(moment, calendars)

    def asked(facts: Facts) -> bool | None:
        until = resolve(facts.started_at, facts.deadline_at)
        return None if until is None else facts.now < until

    return asked


def place_in_rollout(subject_id: str, rule: str) -> float:
    """Where a subject stands among all, 0 to 1: always the same for a rule, whatever its share."""
    digest = hashlib.sha256(f"{subject_id}\x1f{rule}".encode(errors="replace")).digest()
    return int.from_bytes(digest[:8]) / 2**64
