"""The tests that a policy brings: each is judged, and a failure names the line that decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from reviewbot.domain.decision import DEADLINE, NO_RULE, Action
from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.engine.calendar import Calendar, resolver
from reviewbot.policy.engine.judge import Judge, compile_pauses
from reviewbot.policy.engine.templates import moment as shown_moment
from reviewbot.policy.engine.trace import Evaluation, Outcome, RuleResult, rule_results
from reviewbot.policy.explain.phrases import Wording, deciding, met_leaves
from reviewbot.policy.facts import Facts
from reviewbot.policy.lint.usual import Impossible, narrowed, read_given, usual_facts, usual_value
from reviewbot.policy.model import Moment, Policy, PolicyTest, Reminder
from reviewbot.policy.text_forms import listed
from reviewbot.policy.values import Misread


class TestedAnswer(NamedTuple):
    """What comes of a judgement: the answer, and where it is not sent one of `WHY_NOT`."""

    made: Evaluation
    because: str | None = None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One judgement that a test asked for: at which moment, what was expected, what came."""

    facts: Facts
    evaluation: Evaluation
    because: str | None = None
    expected: Action | None = None
    at: str | None = None
    until: datetime | None = None
    """The moment that the test's `until:` names."""
    main: bool = True
    """Whether `by:`, `reason says:` and `until:` are about this judgement."""


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one test went. `problems` are sentences; none means that it passed."""

    test: PolicyTest
    looks: tuple[Look, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.problems


def run_cases(judge: Judge) -> tuple[CaseResult, ...]:
    """Run every test that the policy brings."""
    runner = _Runner(judge)
    return tuple(runner.run(test) for test in judge.policy.tests)


def still_passes(judge: Judge, result: CaseResult) -> bool:
    """Whether another judge gives every answer that this test expects."""
    test = result.test
    return all(
        _agrees(test, look, tested_answer(judge, test, look.facts)) for look in result.looks
    ) and not any(_Runner(judge).unreminded(test))


def _agrees(test: PolicyTest, look: Look, effect: TestedAnswer) -> bool:
    made = effect.made
    if look.expected is not None and made.action is not look.expected:
        return False
    return not look.main or (
        test.by in (None, made.rule)
        and made.action is not test.expect_never
        and (test.reason_says is None or _says(made, test.reason_says))
        and (test.until is None or made.until == look.until)
        and (not test.to or {*test.to} == {*made.to})
        and test.because in (None, effect.because)
    )


def tested_answer(
    judge: Judge, test: PolicyTest, facts: Facts, *, trace: bool = False
) -> TestedAnswer:
    """What comes of it under the limits and pauses that a test gives, as the daemon would have it.

    What a limit or a pause of the policy keeps back gets the fallback from `decide by` on.
    """
    judged = judge.judge(facts, trace=trace)
    made = replace(judge.guarded(facts, judged), trace=judged.trace)
    if not made.action.writes:
        return TestedAnswer(made, made.kept_by)
    if made.until is not None:
        return TestedAnswer(made, "hours")
    because = _held_because(judge, test, made, facts)
    rule = None if made.rule_index is None else judge.policy.rules[made.rule_index]
    over = None if rule is None or because != "limit" else rule.when_over
    if over == "skip":
        below = replace(facts, full=(*facts.full, made.rule))
        return tested_answer(judge, test, below, trace=trace)
    by_rule = because is not None and made.rule != DEADLINE
    instead = judge.guarded_fallback(facts) if by_rule else None
    if instead is not None and instead.action is not Action.ESCALATE:
        return TestedAnswer(replace(instead, trace=made.trace))
    if over == "escalate":
        made = replace(made, action=Action.ESCALATE, reason=None, fields=None)
    return TestedAnswer(made, because)


def _held_because(judge: Judge, test: PolicyTest, made: Evaluation, facts: Facts) -> str | None:
    exempt = made.rule == DEADLINE and judge.policy.guardrails.fallback_exempt
    what, pauses = "disputes" if made.action.sends_back else "approvals", compile_pauses(judge)
    asked = pauses.disputes if made.action.sends_back else pauses.approvals
    given = asked is not None and any(name.startswith("fleet.") for name, _, _ in test.given)
    if not exempt and (what in test.paused or (given and asked and asked(facts))):
        return "pause"
    rule = None if made.rule_index is None else judge.policy.rules[made.rule_index]
    return "limit" if rule is not None and rule.limit and rule.name in test.full else None


def _says(made: Evaluation, words: str) -> bool:
    return any(" ".join(words.split()) in text for text in _texts(made))


def _texts(made: Evaluation) -> list[str]:
    """What it sends, each text on one line."""
    texts = (made.reason or "", *(made.fields or {}).values())
    return [" ".join(text.split()) for text in texts if text]


def case_facts(
    policy: Policy, calendars: Mapping[str, Calendar], test: PolicyTest, at: Moment | None
) -> Facts:
    """The typical review with what a test gives, at a moment of it. Raises Impossible or Misread."""
    facts = _facts_at(policy, calendars, test, at)
    if test.stage is None:
        return facts
    staged = tuple((rule.name, test.stage) for rule in policy.rules if rule.stage is not None)
    return replace(facts, stages=staged)


def _facts_at(
    policy: Policy, calendars: Mapping[str, Calendar], test: PolicyTest, at: Moment | None
) -> Facts:
    review, zone = policy.applies_to.review, ZoneInfo(policy.timezone)
    given = {  # the typical review is one that the policy applies to
        name: fact.values[0]
        for name, fact in narrowed(policy.applies_to).items()
        if usual_value(fact) not in fact.values
    }
    given |= {name: read_given(text, CATALOGUE[review][name], zone) for name, text, _ in test.given}
    if at is None:
        return usual_facts(review, given)
    start = usual_facts(review, {n: v for n, v in given.items() if n not in MOVING})
    now = resolver(at, calendars)(start.started_at, start.deadline_at)
    if now is None:
        anchors = {"comments": "task.manually_confirmed_at", "accounts": "review.waiting_for"}
        raise Impossible(anchors[review])
    return usual_facts(review, given, now)


class _Runner:
    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._policy = judge.policy
        self._zone = ZoneInfo(judge.policy.timezone)
        self._wording = Wording(judge.policy)

    def run(self, test: PolicyTest) -> CaseResult:
        """Judge at every moment the test names, and hold the answers against it."""
        looks: list[Look] = []
        problems: list[str] = []
        try:
            if any(claim is not None for claim in _claims_now(test)):
                look = self._look(test, test.at, test.expect)
                looks.append(look)
                problems += self._problems(test, look)
            for expectation in test.over_time:
                look = self._look(test, expectation.at, expectation.action, main=False)
                looks.append(look)
                problems += self._problems(test, look)
            problems += self.unreminded(test)
        except Impossible as problem:
            lines = [span.line for name, _, span in test.given if name == problem.fact]
            problems.append((f"line {lines[0]}: " if lines else "") + str(problem))
        except Misread as problem:
            problems.append(problem.message)
        return CaseResult(test=test, looks=tuple(looks), problems=tuple(problems))

    def _look(
        self, test: PolicyTest, at: Moment | None, expected: Action | None, *, main: bool = True
    ) -> Look:
        facts = case_facts(self._policy, self._judge.calendars, test, at)
        effect = tested_answer(self._judge, test, facts, trace=True)
        return Look(
            facts=facts,
            evaluation=effect.made,
            because=effect.because,
            expected=expected,
            at=at.text if at is not None else None,
            until=self._moment(test.until, facts) if test.until is not None else None,
            main=main,
        )

    def _moment(self, at: Moment, facts: Facts) -> datetime | None:
        return resolver(at, self._judge.calendars)(facts.started_at, facts.deadline_at)

    def _problems(self, test: PolicyTest, look: Look) -> Iterator[str]:
        """Every claim of a test that an answer does not keep."""
        made, got = look.evaluation, _answer(look.evaluation)
        by = None if test.by is None or not look.main else _named(test.by)
        if look.expected is not None and made.action is not look.expected:
            at = f"{look.at}: " if look.at is not None else ""
            named = f" by {by}" if by is not None else ""
            yield f"{at}expected {look.expected}{named}, got {got}{self._because(test, look)}"
        elif by is not None and made.rule != test.by:
            yield f"expected it by {by}, got {got}{self._because(test, look)}"
        if look.main:
            yield from self._other_problems(test, look)

    def _other_problems(self, test: PolicyTest, look: Look) -> Iterator[str]:
        """What a test claims besides the action and who decides."""
        made, got = look.evaluation, _answer(look.evaluation)
        if test.expect_never is not None and made.action is test.expect_never:
            yield f"expected never {test.expect_never}, got {got}"
        if test.reason_says is not None and not _says(made, test.reason_says):
            wanted = " ".join(test.reason_says.split())
            found = "; ".join(f'it says "{text}"' for text in _texts(made)) or "it has none"
            yield f'expected the reason to say "{wanted}", {found}'
        if test.until is not None and look.until != made.until:
            yield f"expected it until {self._shown(look.until)}, got {self._shown(made.until)}"

        if test.to and {*test.to} != {*made.to}:
            asked = listed(made.to, "and") or "whoever looks"
            yield f"expected {listed(test.to, 'and')} to be asked, got {asked}"
        if test.because not in (None, look.because):
            found = look.because or (
                "it is sent" if made.action.writes else "nothing is to be sent"
            )
            yield f"expected it not to be sent because of {test.because}, got {found}"

    def unreminded(self, test: PolicyTest) -> Iterator[str]:
        """Who is expected to be reminded of this review at some moment, and is not."""
        for wanted in test.reminded:
            facts = case_facts(self._policy, self._judge.calendars, test, wanted.at)
            made, because = tested_answer(self._judge, test, facts)
            for to in wanted.to:
                if not (made.undecided or because):
                    yield f"{wanted.at.text}: expected {to} to be reminded, got {_answer(made)}"
                elif to not in (told := self._reminded(facts, made)):
                    words = f"of {listed(told, 'and')}" if told else "of nobody"
                    yield f"{wanted.at.text}: expected {to} to be reminded, got a reminder {words}"

    def _reminded(self, facts: Facts, made: Evaluation) -> list[str]:
        """Whom the policy reminds of this review at its moment."""
        policy, questions = self._policy, list[Reminder]()
        if made.action is Action.ESCALATE and made.rule_index is not None:
            questions += policy.rules[made.rule_index].then.remind
        due = (
            reminder
            for reminder in (*policy.deadline.remind, *questions)
            if self._moment(reminder.at, facts) == facts.now
        )
        return list(dict.fromkeys(to for reminder in due for to in reminder.to))

    def _shown(self, at: datetime | None) -> str:
        return "no moment" if at is None else shown_moment(at, self._zone)

    def _because(self, test: PolicyTest, look: Look) -> str:
        """The line that decided, where one can be named."""
        made = look.evaluation
        if made.note is not None:
            return f": {made.note}"
        if made.trace is None:
            return ""
        results = rule_results(self._policy, made.trace)
        wanted = self._wanted_rule(test, look, results)
        if wanted is not None and (line := deciding(wanted)) is not None:
            return f": {self._wording.why(line, look.facts)}"
        if made.rule_index is not None:
            winner = results[made.rule_index]
            lines = [self._wording.why(line, look.facts) for line in met_leaves(winner.parts)]
            return f": {', '.join(lines)}" if lines else ""
        return ""

    def _wanted_rule(
        self, test: PolicyTest, look: Look, results: tuple[RuleResult, ...]
    ) -> RuleResult | None:
        """The rule that should have decided: the one named, else the nearest with the action."""
        tried = [
            result
            for result in results
            if result.index != look.evaluation.rule_index
            and (
                result.rule == test.by
                if test.by not in (None, NO_RULE, DEADLINE)
                else self._policy.rules[result.index].then.action is look.expected
            )
        ]
        return min(
            tried,
            key=lambda result: sum(part.outcome is not Outcome.MET for part in result.parts),
            default=None,
        )


MOVING = frozenset(
    {"now", "task.waiting_for", "task.time_left", "review.waiting_for", "review.time_left"}
)
"""Facts that state the present moment, which `at` and `over time` state themselves."""


def _claims_now(test: PolicyTest) -> tuple[object, ...]:
    says = test.expect, test.expect_never, test.by, test.reason_says, test.until, test.because
    return *says, test.to or None


def _named(rule: str) -> str:
    return rule if rule in (NO_RULE, DEADLINE) else f'"{rule}"'


def _answer(made: Evaluation) -> str:
    return f"{made.action} by {_named(made.rule)}"
