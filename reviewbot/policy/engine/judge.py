"""A judge: a compiled policy that turns facts into an evaluation, with nothing else in sight."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

import msgspec

from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.engine.calendar import Calendar, calendars_of
from reviewbot.policy.engine.conditions import Arm, Trees, load, plain_function, traced_function
from reviewbot.policy.engine.leaves import Pool
from reviewbot.policy.engine.outcome import Conclusions
from reviewbot.policy.engine.trace import Evaluation, trace_json
from reviewbot.policy.facts import Facts, Fleet
from reviewbot.policy.model import (
    BeforeDeadline,
    Condition,
    FromConfirmed,
    Placeholder,
    Policy,
    Template,
    Then,
    all_compares,
    conditions_of,
    has_checks,
)

_TRACES_KEPT = 256


class Judge:
    """One policy, ready to judge. Made by `compile.compile_policy`."""

    def __init__(
        self,
        policy: Policy,
        *,
        plain: Callable[[Facts], Evaluation],
        traced: Callable[[], Callable[[Facts], Evaluation]],
        triage: Callable[[], Callable[[Facts], Evaluation | None]],
        fallback: Callable[[Facts], Evaluation | None],
        sources: frozenset[str],
        calendars: Mapping[str, Calendar],
        code: str,
    ) -> None:
        self.policy = policy
        self.decide = plain
        """`judge` without a trace and without the price of a second call."""
        self._make_traced = traced
        self._make_triage = triage
        self.fallback = fallback
        """What `if undecided` says of something that is kept back; None before `decide by`."""
        self.needs_account = "account" in sources
        """Whether anything in the policy asks for the account's history."""
        self.needs_fleet = "fleet" in sources
        """Whether anything in the policy asks what is true of all reviews together."""
        self.ever_needs_evidence = "evidence" in sources
        """Whether anything in the policy asks for evidence that must be fetched."""
        self.trace_json = lru_cache(_TRACES_KEPT)(lambda trace: trace_json(policy, trace))
        """A trace for the decision log; a policy decides in few ways, and each is laid out once."""
        self.calendars = calendars
        self.code = code
        """The generated Python, for the curious; constants stand in it under their names."""

    def judge(self, facts: Facts, *, trace: bool = False) -> Evaluation:
        """Judge with all that can be known: evidence is at hand, or will never be."""
        return self._traced(facts) if trace else self.decide(facts)

    def triage(self, facts: Facts, *, trace: bool = False) -> Evaluation | None:
        """Judge without evidence; None where it must be fetched first.

        That is where, going down the rules, one cannot be answered, or its text not written,
        without it. Any evidence would give the same answer as the one given here.
        """
        evaluation = self._triage(facts)
        return self._traced(facts) if trace and evaluation is not None else evaluation

    @cached_property
    def _traced(self) -> Callable[[Facts], Evaluation]:
        return self._make_traced()

    @cached_property
    def _triage(self) -> Callable[[Facts], Evaluation | None]:
        return self._make_triage()


# ------------------------------------------------------------------------------------------------
# A checked policy becomes a judge: generated Python, with and without the trace, and for triage.


def compile_policy(policy: Policy) -> Judge:
    """Compile a checked policy. A policy that came through `parse_policy` without errors compiles.

    The plain function is made at once, the traced one and the triage when they are first asked for.
    """
    facts = CATALOGUE[policy.applies_to.review]
    calendars = calendars_of(policy)
    ends = Conclusions(policy, facts, calendars)
    program = _Program(policy, ends, calendars)
    sources = {facts[name].source for name in facts_named(policy) if name in facts}
    if any(map(has_checks, conditions_of(policy))):
        sources.add("evidence")
    return Judge(
        policy,
        plain=program.plain(),
        traced=program.traced,
        triage=program.triage,
        fallback=ends.fallback,
        sources=frozenset(sources),
        calendars=calendars,
        code=program.code,
    )


class _Program:
    """Writes and loads the functions of one policy."""

    def __init__(
        self, policy: Policy, ends: Conclusions, calendars: Mapping[str, Calendar]
    ) -> None:
        self._policy = policy
        self._ends = ends
        self._calendars = calendars
        self.code = ""
        """The source of the plain functions."""

    def plain(self) -> Callable[[Facts], Evaluation]:
        """Facts → evaluation; a rule is left at the first condition that fails."""
        pool, trees = self._start()
        arms = self._arms(trees, lambda index: self._return(pool, index))
        cases = self._cases(trees, "return {index}")
        functions = [
            plain_function("judge", arms, self._nothing(pool)),
            plain_function("case", cases, "return -1"),
        ]
        self.code = "\n\n\n".join([*trees.sources, *functions])
        made = load(self.code, pool.values)
        self._ends.case = made["case"]
        judge: Callable[[Facts], Evaluation] = made["judge"]
        return judge

    def traced(self) -> Callable[[Facts], Evaluation]:
        """The same with the trace of every rule tried."""
        pool, trees = self._start(traced=True)
        arms = self._arms(trees, lambda index: self._traced_return(pool, index))
        cases = self._cases(trees, "return {index}, {{leaves}}")
        functions = [
            traced_function("judge", arms, self._traced_nothing(pool)),
            traced_function("case", cases, "return -1, {leaves}"),
        ]
        made = load("\n\n\n".join([*trees.sources, *functions]), pool.values)
        self._ends.traced_case = made["case"]
        judge: Callable[[Facts], Evaluation] = made["judge"]
        return judge

    def triage(self) -> Callable[[Facts], Evaluation | None]:
        """Facts without evidence → evaluation, or None where evidence could change it."""
        pool, trees = self._start()
        arms = self._arms(
            trees,
            lambda index: (
                f"return {pool.helper('rule', self._ends.triaged_rule(index))}(f, cant, shadow)"
            ),
        )
        end = pool.helper("none", self._ends.triaged_nothing)
        cases = self._cases(trees, "return {index}")
        functions = [
            plain_function("judge", arms, f"return {end}(f, cant, shadow)", triage=True),
            plain_function("case", cases, "return -1", triage=True),
        ]
        made = load("\n\n\n".join(functions), pool.values)
        self._ends.triaged_case = made["case"]
        judge: Callable[[Facts], Evaluation | None] = made["judge"]
        return judge

    def _start(self, *, traced: bool = False) -> tuple[Pool, Trees]:
        pool = Pool()
        return pool, Trees(self._policy, pool, self._calendars, traced=traced)

    def _arms(self, trees: Trees, then: Callable[[int], str]) -> list[Arm]:
        """One arm per rule; a shadow rule leaves its mark and goes on."""
        return [
            Arm(trees.rule(rule), f"shadow |= {1 << index}")
            if rule.shadow
            else Arm(trees.rule(rule), then(index), f"cant |= {1 << index}")
            for index, rule in enumerate(self._policy.rules)
        ]

    def _return(self, pool: Pool, index: int) -> str:
        constant = self._ends.steps[index].constant
        if constant is None:
            return f"return {pool.helper('rule', self._ends.rule(index))}(f, cant, shadow)"
        answer = pool.helper("answer", constant)
        settled = (
            f"{self._settled(pool)}({index}, cant, shadow, -1) if cant or shadow else {answer}"
        )
        if not constant.undecided:
            return f"return {settled}"
        return f"return {self._late(pool, index)} if {self._due(pool)} else {settled}"

    def _nothing(self, pool: Pool) -> str:
        settled = f"{self._settled(pool)}(-1, cant, shadow, -1)"
        return f"return {self._late(pool, -1)} if {self._due(pool)} else {settled}"

    def _late(self, pool: Pool, index: int) -> str:
        return f"{pool.helper('late', self._ends.late(index))}(f, cant, shadow)"

    def _traced_return(self, pool: Pool, index: int) -> str:
        slow = f"{pool.helper('rule', self._ends.traced_rule(index))}(f, cant, shadow, {{leaves}})"
        constant = self._ends.steps[index].constant
        if constant is None:
            return f"return {slow}"
        end = pool.helper("answer", self._ends.traced_constant(index))
        answer = f"{end}(cant, shadow, {{leaves}})"
        if not constant.undecided:
            return f"return {answer}"
        return f"return {slow} if {self._due(pool)} else {answer}"

    def _traced_nothing(self, pool: Pool) -> str:
        late = pool.helper("late", self._ends.traced_nothing)
        answer = pool.helper("none", self._ends.traced_in_time)
        return (
            f"return {late}(f, cant, shadow, {{leaves}}) if {self._due(pool)} else "
            f"{answer}(cant, shadow, {{leaves}})"
        )

    def _settled(self, pool: Pool) -> str:
        return pool.shared("settled", self._ends.settled)

    def _due(self, pool: Pool) -> str:
        """Whether it is time for the fallback, without a call where the moment is a difference."""
        match self._policy.deadline.decide_by:
            case BeforeDeadline(seconds=seconds):
                ahead = pool.constant(timedelta(seconds=seconds))
                return f"(due := f.deadline_at) is not None and f.now >= due - {ahead}"
            case FromConfirmed(seconds=seconds):
                after = pool.constant(timedelta(seconds=seconds))
                return f"(due := f.started_at) is not None and f.now >= due + {after}"
        return f"{pool.shared('due', self._ends.is_due)}(f)"

    def _cases(self, trees: Trees, then: str) -> list[Arm]:
        return [
            Arm(trees.condition(case.when), then.format(index=index))
            for index, case in enumerate(self._policy.deadline.fallbacks)
        ]


def facts_named(policy: Policy) -> frozenset[str]:
    """Every fact that a rule, the fallback, a text or a pause of the policy names."""
    conditions = {compare.fact for compare in all_compares(policy)}
    texts = {
        part.fact
        for template in _templates(policy)
        for part in template.parts
        if isinstance(part, Placeholder)
    }
    return frozenset(conditions | texts)


def _templates(policy: Policy) -> Iterator[Template]:
    for rule in policy.rules:
        yield from _templates_of(rule.then)
    for case in policy.deadline.fallbacks:
        yield from _templates_of(case.then)


def _templates_of(then: Then) -> Iterator[Template]:
    if then.reason is not None:
        yield from (template for _, template in then.reason.variants)
    texts: list[Any] = [
        then.reason.otherwise if then.reason is not None else None,
        then.comment,
        then.question,
        *(template for _, template in then.fields),
    ]
    yield from (text for text in texts if text is not None)


# ------------------------------------------------------------------------------------------------
# The pauses of a policy: `pause disputes when:` and `pause approvals when:`, asked of the fleet.


Asked = Callable[[Facts], bool | None]


class Pauses(msgspec.Struct, frozen=True):
    """What a policy pauses while something is true of all tasks together; None where it never does."""

    disputes: Asked | None
    approvals: Asked | None


def compile_pauses(judge: Judge) -> Pauses:
    """Compile both conditions of a policy; each answers True, False or None (cannot tell)."""
    rails = judge.policy.guardrails
    return Pauses(
        _asked(judge, rails.pause_disputes_when), _asked(judge, rails.pause_approvals_when)
    )


def fleet_facts(fleet: Fleet, now: datetime) -> Facts:
    """The facts that a pause may look at."""
    return Facts(now=now, started_at=None, deadline_at=None, fleet=fleet)


def _asked(judge: Judge, condition: Condition | None) -> Asked | None:
    if condition is None:
        return None
    pool = Pool()
    trees = Trees(judge.policy, pool, judge.calendars)
    arm = Arm(trees.condition(condition), "return True", passed="return None")
    source = "\n\n\n".join([*trees.sources, plain_function("asked", [arm], "return False")])
    asked: Asked = load(source, pool.values)["asked"]
    return asked
