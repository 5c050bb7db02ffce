"""A rule with a `stage:`: its lowest step is `shadow: yes`, its highest none, and what is in a group stays in."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.policy import model as m
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.policy.explain.explain import explain
from reviewbot.policy.explain.summary import read_policy
from reviewbot.policy.facts import Facts
from reviewbot.policy.ladder import LIVE, SHADOW, Stage
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.recorded_facts import facts_from_json, facts_to_json
from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.check import analyse
from tests.policy.chance import a_random_policy, random_facts
from tests.policy.judging import facts_at
from tests.tier import times

HEAD = "policy: ladder\nlanguage: 1\nrules:\n"
TAIL = """
  - name: the rest
    always: yes
    then: escalate
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: In time.
"""


def judge_of(*lines: str, tests: str = "") -> Judge:
    """A policy whose first rule has these lines."""
    rule = "".join(f"    {line}\n" for line in lines)
    text = f"{HEAD}  - name: pay\n    always: yes\n    then: approve\n{rule}{TAIL}{tests}"
    parsed = parse_policy(text, path="p.yaml", read=lambda name: b"")
    assert parsed.policy is not None, parsed.findings
    return compile_policy(parsed.policy)


def without_trace(made: Evaluation) -> Evaluation:
    """What was said, whatever was tried for it."""
    return replace(made, trace=None)


def policy_with(policy: m.Policy, **changes: Any) -> m.Policy:
    """The same policy with every rule changed so."""
    rules = tuple(
        replace(rule, **({"rollout": None, "shadow": False} | changes)) for rule in policy.rules
    )
    return replace(policy, rules=rules)


def test_its_ends_are_those_of_a_shadow_and_of_a_plain_rule() -> None:
    """Random policies and facts: watching is `shadow: yes` to the word, live is as if there were no ladder."""
    chance = Random(7)
    for _ in range(times(30, 1_500)):
        policy = a_random_policy(chance)
        shadow = compile_policy(policy_with(policy, shadow=True))
        plain = compile_policy(policy_with(policy))
        ladder = compile_policy(policy_with(policy, stage=Stage(now=0.5)))
        for facts in [random_facts(chance) for _ in range(4)]:
            at = {
                step: replace(facts, stages=tuple((rule.name, step) for rule in policy.rules))
                for step in (SHADOW, LIVE)
            }
            for trace in (False, True):
                for step, twin in ((SHADOW, shadow), (LIVE, plain)):
                    made = without_trace(ladder.judge(at[step], trace=trace))
                    assert made == without_trace(twin.judge(facts, trace=trace))
                assert ladder.triage(at[LIVE]) == plain.triage(facts)


def test_a_larger_share_keeps_who_is_in_and_a_round_changes_no_group() -> None:
    """The group hangs on the task and the rule alone."""
    judge = judge_of("stage: 25%")
    groups = [
        {n for n in range(400) if judge.judge(a_task_of(n, share, round)).rule == "pay"}
        for share in (0.1, 0.25, 0.6)
        for round in (0, 3)
    ]

    assert groups[0] == groups[1] and groups[2] == groups[3]
    assert groups[0] < groups[2] < groups[4]
    assert 70 < len(groups[2]) < 130


def a_task_of(number: int, share: float, disputes: int) -> Facts:
    """A task with its own id, sent back so often, where the rule stands on a step."""
    facts = facts_at()
    task = replace(facts.task, id=f"task-{number}")
    past = replace(facts.past, disputes=disputes)
    return replace(facts, task=task, past=past, stages=(("pay", share),))


def test_the_log_keeps_on_which_step_it_was_judged() -> None:
    """So that replay says the same, wherever the rule stands by then."""
    facts = a_task_of(1, 0.25, 0)

    assert facts_from_json(facts_to_json(facts)).stages == (("pay", 0.25),)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("stage: shadow",), "begins watching only"),
        (("stage: {now: 10%, promote after: 7d}",), "begins with 10% of the tasks"),
        (
            ("stage: {now: shadow, promote after: 200 decisions agreeing,",
             "  demote when overruled: more than 5%}"),
            "after 200 decisions that agree, and a step down when more than 5% are overruled",
        ),
    ],
)  # fmt: skip
def test_it_is_read_aloud(lines: tuple[str, ...], says: str) -> None:
    """Where it begins, and what moves it."""
    judge = judge_of(*lines)

    assert any(says in line for part in read_policy(judge.policy) for line in part.sentences)
    assert not analyse(judge.policy)


def test_a_rule_that_its_stage_does_not_take_is_explained() -> None:
    """It watches, and the page says why it did not decide."""
    made = explain(judge_of("stage: shadow"), a_task_of(1, SHADOW, 0))

    assert made.rule == "the rest"
    (passed,) = made.passed
    assert passed.rule == "pay" and "its stage takes it" in passed.why


def test_a_test_may_say_that_ladders_are_climbed() -> None:
    """Without a word each rule stands where it begins."""
    tests = """
tests:
  - name: it watches
    expect: escalate
    by: the rest
  - name: and later pays
    given: {stage: live}
    expect: approve
    by: pay
"""
    results = run_cases(judge_of("stage: shadow", tests=tests))

    assert [result.problems for result in results] == [(), ()]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("stage: soon", "no step"),
        ("stage: 150%", "between 0% and 100%"),
        ("stage: {promote after: 7d}", "now"),
        ("stage: {now: shadow, promote after: 200 decisions}", "decisions agreeing"),
        ("stage: {now: shadow, promote after: 0 decisions agreeing}", "at once"),
        ("stage: {now: shadow, demote when overruled: 5%}", "more than"),
        ("stage: {now: shadow, demote when overruled: more than 100%}", "never"),
        ("stage: shadow\n    shadow: yes", "both say"),
        ("stage: 25%\n    rollout: 10%", "both say"),
    ],
)
def test_what_is_no_ladder_is_refused(lines: str, says: str) -> None:
    """With what was meant."""
    text = f"{HEAD}  - name: pay\n    always: yes\n    then: approve\n    {lines}\n{TAIL}"
    parsed = parse_policy(text, path="p.yaml", read=lambda name: b"")

    assert parsed.policy is None
    assert any(says in finding.message for finding in parsed.findings), parsed.findings
