"""The tests that a policy brings: each is judged, and a failure names the line that decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.domain.decision import DEADLINE, NO_RULE, Action
from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.engine.calendar import resolver
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.engine.templates import moment as shown_moment
from reviewbot.policy.engine.trace import Evaluation, Outcome, RuleResult, rule_results
from reviewbot.policy.explain.phrases import Wording, deciding, met_leaves
from reviewbot.policy.facts import Facts
from reviewbot.policy.lint.usual import Impossible, read_given, usual_facts
from reviewbot.policy.model import Moment, PolicyTest
from reviewbot.policy.values import Misread


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One judgement that a test asked for: at which moment, what was expected, what came."""

    facts: Facts
    evaluation: Evaluation
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
    return all(
        _agrees(result.test, look, judge.guarded(look.facts, judge.decide(look.facts)))
        for look in result.looks
    )


def _agrees(test: PolicyTest, look: Look, made: Evaluation) -> bool:
    if look.expected is not None and made.action is not look.expected:
        return False
    return not look.main or (
        test.by in (None, made.rule)
        and made.action is not test.expect_never
        and (test.reason_says is None or _says(made, test.reason_says))
        and (test.until is None or made.until == look.until)
    )


def _says(made: Evaluation, words: str) -> bool:
    return any(" ".join(words.split()) in text for text in _texts(made))


def _texts(made: Evaluation) -> list[str]:
    """What it sends, each text on one line."""
    texts = (made.reason or "", *(made.fields or {}).values())
    return [" ".join(text.split()) for text in texts if text]


def case_facts(judge: Judge, test: PolicyTest) -> Facts:
    """The facts that a test starts from, at its moment. Raises Impossible or Misread."""
    return _Runner(judge).facts(test, test.at)


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
        except Impossible as problem:
            lines = [span.line for name, _, span in test.given if name == problem.fact]
            problems.append((f"line {lines[0]}: " if lines else "") + str(problem))
        except Misread as problem:
            problems.append(problem.message)
        return CaseResult(test=test, looks=tuple(looks), problems=tuple(problems))

    def facts(self, test: PolicyTest, at: Moment | None) -> Facts:
        """The typical review with what the test gives, at a moment of it."""
        review = self._policy.applies_to.review
        given = {
            name: read_given(text, CATALOGUE[review][name], self._zone)
            for name, text, _ in test.given
        }
        if at is None:
            return usual_facts(review, given)
        start = usual_facts(review, {n: v for n, v in given.items() if n not in MOVING})
        now = self._moment(at, start)
        if now is None:
            anchors = {"comments": "task.manually_confirmed_at", "accounts": "review.waiting_for"}
            raise Impossible(anchors[review])
        return usual_facts(review, given, now)

    def _look(
        self, test: PolicyTest, at: Moment | None, expected: Action | None, *, main: bool = True
    ) -> Look:
        facts = self.facts(test, at)
        return Look(
            facts=facts,
            evaluation=self._judge.guarded(facts, self._judge.judge(facts, trace=True)),
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

    def _shown(self, at: datetime | None) -> str:
        return "no moment" if at is None else shown_moment(at, self._zone)

    def _because(self, test: PolicyTest, look: Look) -> str:
        """The line that decided, where one can be named."""
        made = look.evaluation
        if made.note is not None:
            return f": {made.note}"
        assert made.trace is not None
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
    return test.expect, test.expect_never, test.by, test.reason_says, test.until


def _named(rule: str) -> str:
    return rule if rule in (NO_RULE, DEADLINE) else f'"{rule}"'


def _answer(made: Evaluation) -> str:
    return f"{made.action} by {_named(made.rule)}"
