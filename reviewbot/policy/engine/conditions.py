"""Conditions as Python functions, plain and traced; and whether evidence could change an answer.

Theory of operation. A condition becomes two two-valued expressions (`source.py` says why two). A
plain function leaves a rule at the first condition that fails. A traced one asks every condition of
every rule it tries and keeps the outcomes in locals; they become one flat tuple only when a rule has
decided. What a test looks at is read once, a line before the first rule that asks for it.
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
from reviewbot.policy.ladder import Stage
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

Answer = bool | None | Literal["needs evidence"]
NEEDS: Literal["needs evidence"] = "needs evidence"
"""Evidence that is not at hand could still change the answer."""

Asked = Callable[[Facts], bool | None]
_ORDER = (False, NEEDS, None, True)


def every(answers: Iterable[Answer]) -> Answer:
    """False settles it; then evidence is needed; then it cannot be told."""
    return min(answers, key=_ORDER.index, default=True)


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
        self.lists = Lists(policy, calendars)
        subject_id = _SUBJECT_ID[policy.applies_to.review]
        self._besides = {
            rule.name: tuple(_besides(rule, calendars, subject_id)) for rule in policy.rules
        }

        self._stages = {
            rule.name: _in_stage(rule.name, rule.stage, subject_id)
            for rule in policy.rules
            if rule.stage is not None
        }

    def stage(self, rule: Rule) -> Asked | None:
        """Whether a rule that matches decides, by the step of its ladder; None for one without."""
        return self._stages.get(rule.name)

    def decides(self, rule: Rule, facts: Facts) -> bool:
        """Whether a rule that matches decides; else it only watches."""
        stage = self.stage(rule)
        return not rule.shadow and (stage is None or bool(stage(facts)))

    def besides(self, rule: Rule) -> tuple[Asked, ...]:
        """What a rule asks besides its conditions: its share of tasks, its wait not over, room."""
        return self._besides[rule.name]

    def rule(self, rule: Rule, facts: Facts) -> Answer:
        """Whether a rule matches."""
        more = (ask(facts) for ask in self.besides(rule))
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

    def known(self, condition: Condition, facts: Facts) -> bool | None:
        """Whether a condition is met; None where that cannot be told for now."""
        answer = self.answer(condition, facts)
        return None if answer == NEEDS else answer


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
    if rule.limit and rule.when_over == "skip":
        yield lambda facts: rule.name not in facts.full


def _in_stage(name: str, stage: Stage, subject_id: Callable[[Facts], str]) -> Asked:
    def asked(facts: Facts) -> bool:
        step = next((share for rule, share in facts.stages if rule == name), stage.now)
        return step > 0 and place_in_rollout(subject_id(facts), name) < step

    return asked


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


_IN = "    "


class Arm(NamedTuple):
    """A rule or a case of the fallback: what it asks, and the statement for when that is met.

    In `then` a traced function puts the tuple of outcomes in place of `OUTCOMES`. `passed` is for
    when it cannot be told. Where `stage` is not met, `watched` takes the place of `then`.
    """

    condition: Condition | None
    then: str
    passed: str = "pass"
    besides: tuple[Asked, ...] = ()
    stage: Asked | None = None
    watched: str = "pass"


class Program:
    """The functions of one policy, plain or traced."""

    def __init__(self, conditions: Conditions, *, traced: bool) -> None:
        self.conditions = conditions
        self.traced = traced
        self.pool = Pool()
        self._attempts: dict[str, str] = {}
        """By its body, the name of a function that is asked of single attempts."""
        self._functions: list[str] = []

    def add(self, name: str, arms: Iterable[Arm], end: str) -> None:
        """Add a function that tries arms in order; `end` is for when none was met."""
        body = _Function(self, self.conditions.facts).write(arms, end)
        self._functions.append(f"def {name}(f):\n{body}")

    def each_attempt(self, quantifier: str, condition: Condition) -> Emitted:
        """A test of every attempt by a function of its own."""
        outcomes = ", OUTCOMES" if self.traced else ""
        arm = Arm(condition, f"return True{outcomes}", f"return None{outcomes}")
        body = _Function(self, ATTEMPT_FACTS).write([arm], f"return False{outcomes}")
        name = self._attempts.get(body)
        if name is None:
            name = self._attempts[body] = f"attempt{len(self._attempts)}"
            self._functions.append(f"def {name}(attempt, f):\n{body}")
        each = self.pool.constant(_EACH[quantifier, self.traced])
        local = self.pool.local(f"{each}({name}, f)")
        if self.traced:
            return Emitted((local,), "", "", outcome=f"{local}[0]", slot=local)
        return three_way(local)

    @property
    def code(self) -> str:
        """All functions; constants stand in them under their names."""
        return "\n\n\n".join(self._functions)

    def load(self) -> dict[str, Any]:
        """Compile the functions: what a policy says is put in as values."""
        namespace = dict(self.pool.constants)
        exec(compile(self.code, "<policy>", "exec"), namespace)  # noqa: S102 - our own generated source, free of outside text
        return namespace


class _Function:
    """Writes the body of one function."""

    def __init__(self, program: Program, facts: Mapping[str, Fact]) -> None:
        self._program = program
        self._facts = facts
        self._lines = [f"{_IN}cant = shadow = 0"]
        self._read: set[str] = set()
        self._outcomes: dict[Emitted, str] = {}
        """The local of each test asked so far; one test is asked once, whichever rules share it."""
        self._slots: list[str] = []

    def write(self, arms: Iterable[Arm], end: str) -> str:
        """The body that tries the arms in order."""
        for arm in arms:
            pool = self._program.pool
            asked = [three_way(pool.local(f"{pool.constant(ask)}(f)")) for ask in arm.besides]
            sides = [self._sides(arm.condition), *map(self._test, asked)]
            possible, sure = _joined(sides, " and ")
            then, passed = self._ends(arm)
            if possible == sure:
                self._add(f"if {sure}:", *_inside(then))
            else:
                self._add(f"if {possible}:", f"{_IN}if {sure}:", *_inside(_inside(then)))
                self._add(f"{_IN}else:", *_inside(_inside(passed)))
        self._add(end)
        return "\n".join(self._lines)

    def _ends(self, arm: Arm) -> tuple[list[str], list[str]]:
        """What follows where an arm is met, and where that cannot be told: by its stage, if it has one."""
        if arm.stage is None:
            return [arm.then], [arm.passed]
        pool = self._program.pool
        _, decides = self._test(three_way(pool.local(f"{pool.constant(arm.stage)}(f)")))
        then = [f"if {decides}:", f"{_IN}{arm.then}", "else:", f"{_IN}{arm.watched}"]
        return then, [f"if {decides}:", f"{_IN}{arm.passed}"]

    def _add(self, *lines: str) -> None:
        outcomes = f"({''.join(f'{slot}, ' for slot in self._slots)})"
        self._lines += [_IN + line.replace("OUTCOMES", outcomes) for line in lines]

    def _sides(self, condition: Condition | None) -> tuple[str, str]:
        """Where a condition may hold and where it surely does, over locals that are read by now."""
        match condition:
            case None:
                return "True", "True"
            case Compare(fact=name, test=test):
                lists = self._program.conditions.lists
                return self._test(test.emit(self._facts[name], self._program.pool, lists))
            case EachAttempt(quantifier=quantifier, condition=inner):
                return self._test(self._program.each_attempt(quantifier, inner))
        sides = [self._sides(part) for part in condition.parts]
        if isinstance(condition, AllOf):
            return _joined(sides, " and ")
        possible, sure = _joined(sides, " or ")
        return (
            (f"not {sure}", f"not {possible}")
            if isinstance(condition, NoneOf)
            else (possible, sure)
        )

    def _test(self, test: Emitted) -> tuple[str, str]:
        for local in test.reads:
            self._read_local(local)
        if not self._program.traced:
            return test.possible, test.sure
        if test not in self._outcomes:
            self._outcomes[test] = f"c{len(self._outcomes)}"
            self._add(f"{self._outcomes[test]} = {test.outcome}")
        outcome = self._outcomes[test]
        self._slots.append(test.slot or outcome)
        return f"{outcome} is not False", outcome

    def _read_local(self, local: str) -> None:
        if local not in self._read:
            self._read.add(local)
            source, looks_at = self._program.pool.locals[local]
            for other in looks_at:
                self._read_local(other)
            self._add(f"{local} = {source}")


def _inside(lines: Iterable[str]) -> list[str]:
    return [f"{_IN}{line}" for line in lines]


def _joined(sides: Sequence[tuple[str, str]], word: str) -> tuple[str, str]:
    possible, sure = (f"({word.join(side)})" for side in zip(*sides, strict=True))
    return possible, sure


def _each(quantifier: str, ask: Callable[[Any, Facts], bool | None], facts: Facts) -> bool | None:
    if facts.attempts is None:
        return None
    answer: bool | None = _QUANTIFIERS[quantifier](
        [ask(attempt, facts) for attempt in facts.attempts]
    )
    return answer


def _each_traced(
    quantifier: str, ask: Callable[[Any, Facts], tuple[Any, ...]], facts: Facts
) -> tuple[bool | None, tuple[Any, ...]]:
    """The answer, and the outcomes of each attempt."""
    if facts.attempts is None:
        return None, ()
    asked = [ask(attempt, facts) for attempt in facts.attempts]
    answer = _QUANTIFIERS[quantifier]([answer for answer, _ in asked])
    return answer, tuple([outcomes for _, outcomes in asked])


_EACH: dict[tuple[str, bool], Callable[..., Any]] = {
    (quantifier, traced): partial(each, quantifier)
    for quantifier in _QUANTIFIERS
    for traced, each in ((False, _each), (True, _each_traced))
}
