"""A judge: a compiled policy that turns facts into an evaluation, with nothing else in sight."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, time, timedelta
from functools import cached_property, lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.policy.catalog import CATALOGUE, FactType
from reviewbot.policy.engine.calendar import Calendar, calendars_of, resolver
from reviewbot.policy.engine.conditions import NEEDS, Arm, Asked, Conditions, Program
from reviewbot.policy.engine.outcome import NONE, Conclusions
from reviewbot.policy.engine.statements import ForbiddenAction, Statements, in_place_of
from reviewbot.policy.engine.trace import (
    Evaluation,
    Trace,
    case_results,
    hangs_on,
    rule_results,
    trace_json,
)
from reviewbot.policy.facts import Facts, Fleet
from reviewbot.policy.model import Condition, Policy, compares_of, conditions_of
from reviewbot.policy.parts import all_compares, facts_named, has_checks
from reviewbot.policy.source import Pool

_TRACES_KEPT = 256
TOTAL = "account.finalized_total"
"""The fact that costs a request for each account and day."""


class Judge:
    """One policy, ready to judge. A policy that came through `parse_policy` without errors compiles.

    The traced functions are made when they are first asked for.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.calendars = calendars_of(policy)
        self.turns = TurningMoments(policy, self.calendars)
        """When time alone may change what it says."""
        self.conditions = Conditions(policy, self.calendars)
        self.statements = Statements(policy, self.conditions)
        """What must never be done, ready to be asked of what a rule wants done."""
        self._ends = Conclusions(policy, self.calendars, self.conditions)
        facts = CATALOGUE[policy.applies_to.review]
        sources = {facts[name].source for name in facts_named(policy) if name in facts}
        self.needs_account = bool(sources & {"account", "directory", "total"})
        """Whether anything in the policy asks for the account's history, or what the API says of it."""
        self.needs_directory = "directory" in sources
        """Whether anything in the policy asks for what the API's list of accounts says."""
        self.needs_total = "total" in sources
        """Whether anything in the policy asks how many tasks of an account were finalized."""
        self.needs_fleet = "fleet" in sources
        """Whether anything in the policy asks what is true of all reviews together."""
        self.ever_needs_evidence = "evidence" in sources or any(
            map(has_checks, conditions_of(policy))
        )
        """Whether anything in the policy asks for evidence that must be fetched."""
        self.trace_json = lru_cache(_TRACES_KEPT)(partial(trace_json, policy))
        """A trace for the decision log; a policy decides in few ways, and each is laid out once."""
        self.code = ""
        """The generated Python, for the curious; constants stand in it under their names."""
        self.decide, self._ends.case = self._compile(traced=False)
        """`judge` without a trace and without the price of a second call."""
        self.fallback = self._ends.fallback
        """What `if undecided` says of something that is kept back; None before `decide by`."""

    def judge(self, facts: Facts, *, trace: bool = False) -> Evaluation:
        """Judge with all that can be known: evidence is at hand, or will never be."""
        return self._traced(facts) if trace else self.decide(facts)

    def triage(self, facts: Facts, *, trace: bool = False) -> Evaluation | None:
        """Judge without evidence; None where it must be fetched first.

        That is where, going down the rules, one cannot be answered, or its text not written,
        without it. Any evidence would give the same answer as the one given here.
        """
        return None if self._needs_evidence(facts) else self.judge(facts, trace=trace)

    def _needs_evidence(self, facts: Facts) -> bool:
        undecided = True
        for rule, ending in zip(self.policy.rules, self._ends.endings, strict=True):
            answer = self.conditions.rule(rule, facts)
            if answer == NEEDS:
                return True
            if answer and self.conditions.decides(rule, facts):
                if ending.needs_evidence(facts):
                    return True
                made = ending.make(facts)
                if self.statements.need_evidence(facts, made.action, rule.name):
                    return True
                undecided = made.undecided
                break
        if not undecided or not self._ends.is_due(facts):
            return False
        for case, ending in zip(self.policy.deadline.fallbacks, self._ends.cases, strict=True):
            answer = self.conditions.answer(case.when, facts)
            if answer:
                return (
                    answer == NEEDS
                    or ending.needs_evidence(facts)
                    or self.statements.need_evidence(facts, case.then.action, DEADLINE)
                )
        return False

    def asks_for_total(self, facts: Facts) -> bool:
        """Whether the answer hangs on how many tasks of the account were finalized, which is not known.

        That is where, going down the rules, one cannot be answered, or its text not written, without it.
        """
        if not self.needs_total or facts.account.finalized_total is not None:
            return False
        made = self.judge(facts, trace=True)
        assert made.trace is not None
        tried = (*rule_results(self.policy, made.trace), *case_results(self.policy, made.trace))
        if any(hangs_on(result, TOTAL) for result in tried):
            return True
        ends = [rule.then for rule in self.policy.rules if rule.name == made.rule]
        if made.rule == DEADLINE:
            ends = [case.then for case in self.policy.deadline.fallbacks]
        named = {
            *(part.fact for then in ends for part in then.placeholders()),
            *(
                c.fact
                for then in ends
                for case in then.text_cases()
                for c in compares_of(case.when)
            ),
            *(
                line.fact
                for statement in self.policy.never
                if statement.when is not None
                for line in compares_of(statement.when)
            ),
        }
        return TOTAL in named

    def guarded(self, facts: Facts, made: Evaluation) -> Evaluation:
        """What comes of an answer once the statements are asked: itself, or what is done instead.

        Where one of them keeps it back a person is asked, and from `decide by` on the fallback has
        its say, if nothing forbids that.
        """
        forbidden = self._forbids(facts, made)
        if forbidden is None:
            return made
        fallback = None if made.rule == DEADLINE else self.guarded_fallback(facts)
        if fallback is None or fallback.action is Action.ESCALATE:
            return in_place_of(made, forbidden)
        return replace(fallback, note=forbidden.sentence, cannot_tell=made.cannot_tell)

    def guarded_fallback(self, facts: Facts) -> Evaluation | None:
        """What `if undecided` says where no statement forbids it; a question where one does."""
        made = self.fallback(facts)
        forbidden = None if made is None else self._forbids(facts, made)
        return made if made is None or forbidden is None else in_place_of(made, forbidden)

    def _forbids(self, facts: Facts, made: Evaluation) -> ForbiddenAction | None:
        if made.until is not None:  # not due yet
            return None
        return self.statements.forbids(facts, made.action, made.rule)

    @cached_property
    def _traced(self) -> Callable[[Facts], Evaluation]:
        judge, self._ends.traced_case = self._compile(traced=True)
        return judge

    def _compile(self, *, traced: bool) -> tuple[Callable[[Facts], Any], Callable[[Facts], Any]]:
        """The function that judges, and the one that finds the case of the fallback."""
        program = Program(self.conditions, traced=traced)
        pool, outcomes = program.pool, ", OUTCOMES" if traced else ""
        arms, cases = [], []
        for index, rule in enumerate(self.policy.rules):
            besides = self.conditions.besides(rule)
            then, passed = self._end(pool, index, outcomes), f"cant |= {1 << index}"
            watched = f"shadow |= {1 << index}"
            if rule.shadow:
                then, passed = watched, "pass"
            stage = self.conditions.stage(rule)
            arms.append(Arm(rule.when, then, passed, besides, stage, watched))
        for index, case in enumerate(self.policy.deadline.fallbacks):
            cases.append(Arm(case.when, f"return {index}{outcomes}"))
        program.add("judge", arms, self._end(pool, NONE, outcomes))
        program.add("case", cases, f"return {NONE}{outcomes}")
        self.code = self.code or program.code
        if not traced:
            self.statements.add_to(program)
        functions = program.load()
        if not traced:
            self.statements.take(functions)
        return functions["judge"], functions["case"]

    def _end(self, pool: Pool, index: int, outcomes: str) -> str:
        """The statement that ends a judgement by a rule, or by none."""
        ends, after = self._ends, f"(f, {index}, cant, shadow{outcomes})"
        answer = None if index == NONE else ends.endings[index].constant
        if answer is None and index != NONE:
            return f"return {pool.constant(ends.conclude)}{after}"
        made = f"{pool.constant(ends.settled)}({index}, cant, shadow, {NONE})"
        if answer is not None:
            made = f"({made} if cant or shadow else {pool.constant(answer)})"
        if outcomes:
            trace = f"{pool.constant(Trace)}(OUTCOMES, {ends.tried(index)})"
            made = f"{pool.constant(replace)}({made}, trace={trace})"
        if answer is not None and not answer.undecided:
            return f"return {made}"
        due = f"(due := {pool.constant(ends.decide_by)}(f.started_at, f.deadline_at)) is not None"
        late = f"{pool.constant(ends.late)}{after}"
        return f"return {late} if {due} and f.now >= due else {made}"


def compile_policy(policy: Policy) -> Judge:
    """Compile a checked policy."""
    return Judge(policy)


class Pauses(msgspec.Struct, frozen=True):
    """What a policy pauses while something is true of all tasks together; None where it never does."""

    disputes: Asked | None
    approvals: Asked | None


def compile_pauses(judge: Judge) -> Pauses:
    """Make both conditions ready; each answers True, False or None (cannot tell)."""

    def asked(condition: Condition | None) -> Asked | None:
        return None if condition is None else partial(judge.conditions.known, condition)

    rails = judge.policy.guardrails
    return Pauses(asked(rails.pause_disputes_when), asked(rails.pause_approvals_when))


def fleet_facts(fleet: Fleet, now: datetime) -> Facts:
    """The facts that a pause may look at."""
    return Facts(now=now, started_at=None, deadline_at=None, fleet=fleet)


# ------------------------------------------------------------------------------------------------
# Turning moments: the moments at which what a policy says may change though all facts stay as
# they are.
#
# Between two of them nothing that depends on time can change: the moments of waits and of the
# deadline, the bounds of tests on lengths of time, the hours' turning points, the last days of
# list entries. So the policy is judged at each and, for bounds, a moment after it, nowhere
# else, and what it says there is all that it will ever say.


_INSTANT = timedelta(microseconds=1)


class TurningMoments:
    """What of a policy the clock alone changes, gathered once: a look ahead asks it of every open round."""

    def __init__(self, policy: Policy, calendars: Mapping[str, Calendar]) -> None:
        named = [rule.then.until for rule in policy.rules if rule.then.until is not None]
        self._moments = [
            resolver(moment, calendars) for moment in (*named, policy.deadline.decide_by)
        ]
        self._calendars = tuple(calendars.values())
        self._fixed: set[datetime] = set()
        self._lengths: dict[str, tuple[Callable[[Facts], Any], set[float]]] = {}
        facts = CATALOGUE[policy.applies_to.review]
        for compare in all_compares(policy):
            fact = facts.get(compare.fact)
            if compare.fact == "now":
                self._fixed.update(compare.test.boundaries())
            elif fact is not None and fact.type is FactType.DURATION:
                _, bounds = self._lengths.setdefault(compare.fact, (fact.read, set()))
                bounds.update(compare.test.boundaries())
        zone = ZoneInfo(policy.timezone)
        for listed in policy.lists:
            self._fixed |= {
                datetime.combine(entry.until + timedelta(days=1), time(), zone)
                for entry in listed.entries
                if entry.until is not None
            }

    def between(self, facts: Facts, end: datetime) -> list[datetime]:
        """Every moment after that of the facts and before `end` at which the answer may change, in order."""
        found: set[datetime] = set()
        for moment in self._bounds(facts):
            found |= {moment, moment + _INSTANT}
        for calendar in self._calendars:  # which are open from their very moment on, or not
            found.update(calendar.turning_points(facts.now, end))
        return sorted(moment for moment in found if facts.now < moment < end)

    def _bounds(self, facts: Facts) -> Iterator[datetime]:
        yield from self._fixed
        for moment in self._moments:
            at = moment(facts.started_at, facts.deadline_at)
            if at is not None:
                yield at
        for name, (read, bounds) in self._lengths.items():
            value = read(facts)
            if value is None:
                continue
            # It grows, or runs down, to each bound of its tests.
            grows = not name.endswith("time_left")
            for bound in bounds:
                yield facts.now + timedelta(seconds=bound - value if grows else value - bound)
