"""`unless:` and named conditions: what they mean, and how they are told of."""

from __future__ import annotations

import pytest

from reviewbot.domain.decision import Action
from reviewbot.policy.explain.explain import explain
from reviewbot.policy.explain.summary import read_policy
from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.coverage import mutants, survives, survivor_sentence
from reviewbot.presentation.document import explanation_text
from tests.builders import an_attempt
from tests.policy.judging import facts_at, judge_of

UNLESS = """
rules:
  - name: pay
    when: {task.platform: tiktok}
    unless: {last.comments_scraped: 0}
    then: approve
"""


@pytest.mark.parametrize(
    ("read", "rule", "unclear"),
    [(60, "pay", ()), (0, "no rule", ()), (None, "no rule", ("pay",))],
)
def test_a_rule_does_not_match_where_its_unless_holds_or_cannot_be_told(
    read: int | None, rule: str, unclear: tuple[str, ...]
) -> None:
    """Known and not so it matches; not known it could not tell."""
    made = judge_of(UNLESS).judge(facts_at(attempts=(an_attempt(comments_scraped=read),)))
    assert (made.rule, made.cannot_tell) == (rule, unclear)


@pytest.mark.parametrize("when", ["always: yes", "when any: [{task.platform: tiktok}]"])
def test_one_of_several_is_enough(when: str) -> None:
    """Beside any form of a rule's condition."""
    judge = judge_of(
        f"""
rules:
  - name: pay
    {when}
    unless:
      - {{task.times_disputed: at least 1}}
      - {{task.cm_payout_amount: more than 5 USD, task.platform: tiktok}}
    then: approve
"""
    )
    assert judge.judge(facts_at()).rule == "pay"
    assert judge.judge(facts_at(cm_payout_amount=6.0)).rule == "no rule"


def test_an_unless_is_said_and_explained() -> None:
    """Read aloud as a sentence of its own; where it stopped a rule, its line and its value are named."""
    judge = judge_of(UNLESS)
    (rule,) = (passage for passage in read_policy(judge.policy) if passage.title == 'Rule "pay"')
    assert rule.sentences[1] == (
        "But not where the number of comments that the checker read on its last try is 0,"
        " nor where that cannot be told."
    )
    told = explain(judge, facts_at(attempts=(an_attempt(comments_scraped=0),)))
    (passed,) = told.passed
    assert passed.why == "line 8 `0` was met by 0"
    assert "unless" in explanation_text(told, everything=True)


NAMED = """
conditions:
  clear miss:
    last.outcome_kind: couldnt_verify
    last.comments_scraped: between 1 and 99
  odd:
    - {task.times_disputed: at least 1}
    - {task.cm_payout_amount: more than 5 USD}
rules:
  - {name: odd ones, when: {condition: odd, task.platform: tiktok}, then: escalate}
  - name: not there
    when: {condition: [clear miss, odd]}
    then: escalate
  - name: back
    when: {any of: [{condition: clear miss}, {task.platform: instagram}]}
    unless: {condition: odd}
    then: dispute
    reason: Your comment was not among those we read.
"""


def test_named_conditions_mean_what_they_name() -> None:
    """Alone, several at once, as an alternative and under `unless`."""
    judge = judge_of(NAMED)
    assert judge.judge(facts_at()).rule == "back"
    assert judge.judge(facts_at(cm_payout_amount=6.0)).rule == "odd ones"
    assert judge.judge(facts_at(cm_payout_amount=6.0, platform="instagram")).rule == "not there"
    blind = (an_attempt(comments_scraped=0),)
    assert judge.judge(facts_at(attempts=blind)).rule == "no rule"


def test_a_named_condition_is_told_of_by_its_name_and_its_meaning() -> None:
    """Read aloud, in the trace, for the rule that decided and for the one that did not match."""
    judge = judge_of(NAMED)
    said = {passage.title: passage.sentences for passage in read_policy(judge.policy)}
    assert said['Condition "clear miss"'][0].startswith("It holds when what the checker concluded")
    assert said['Rule "not there"'][0].startswith('When "clear miss" holds, and "odd" holds: ')
    assert said['Condition "odd"'] == (
        "It holds when either the number of times that we sent it back is at least 1, or the"
        " manager's pay for this task is more than 5.00 USD.",
    )
    told = explain(judge, facts_at())
    assert told.seen[0].test == "couldnt_verify (condition clear miss)"
    assert told.passed[0].why.startswith("line 10 `at least 1` of condition odd was not met by 0")
    assert "condition clear miss" in explanation_text(told, everything=True)
    traced = judge.judge(facts_at(), trace=True)
    assert traced.trace is not None
    assert b'"condition clear miss"' in judge.trace_json(traced.trace)


MUTATED = """
tests:
  - {name: a, given: {last.comments_scraped: 99}, expect: dispute}
  - {name: b, given: {last.comments_scraped: 100}, expect: escalate, by: no rule}
"""


def test_a_fault_in_a_named_condition_is_one_fault_wherever_it_is_asked() -> None:
    """A bound of it is moved in every rule at once; `unless` can be dropped."""
    judge = judge_of(NAMED, tests=MUTATED)
    results = run_cases(judge)
    assert all(result.passed for result in results), [result.problems for result in results]
    found = list(mutants(judge.policy))
    changes = [mutant.change for mutant in found]
    assert (
        changes.count("`last.comments_scraped: between 1 and 99` becomes `between 1 and 98`") == 1
    )
    survivors = [survivor_sentence(mutant) for mutant in found if survives(mutant, results)]
    assert not any("between 1 and 98" in sentence for sentence in survivors)
    assert any("`unless` is dropped" in sentence for sentence in survivors)


def test_a_rule_that_always_matches_but_for_its_unless_is_tried_without_it() -> None:
    """There is nothing else to drop."""
    judge = judge_of("rules: [{name: r, always: yes, unless: {task.round: 1}, then: approve}]")
    assert "`unless` is dropped" in [mutant.change for mutant in mutants(judge.policy)]
    assert judge.judge(facts_at()).action is Action.ESCALATE
