"""Compiled policies mean what the plain interpreter says, on random policies and random facts."""

from __future__ import annotations

import json
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import msgspec
import pytest

from reviewbot.domain.task import Timeline
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.engine.trace import Evaluation, trace_json
from reviewbot.policy.facts import build_facts
from reviewbot.policy.parts import facts_named
from tests.policy.chance import (
    ACCOUNT_FACTS,
    COMMENT_FACTS,
    a_random_account,
    a_random_item,
    a_random_policy,
    a_random_profile,
    random_account_facts,
    random_attempts,
    random_facts,
)
from tests.policy.interpreter import Interpreter
from tests.policy.judging import judge_of
from tests.tier import times

POLICIES, FACTS_EACH = times(14, 1000), 12


def shown(evaluation: Evaluation) -> dict[str, Any]:
    """The parts of an evaluation that the interpreter states too."""
    return {
        "action": evaluation.action.value,
        "rule": evaluation.rule,
        "until": evaluation.until,
        "cannot_tell": list(evaluation.cannot_tell),
        "shadow": [(name, action.value) for name, action in evaluation.shadow],
    }


KINDS = {
    "comments": (COMMENT_FACTS, random_facts),
    "accounts": (ACCOUNT_FACTS, random_account_facts),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_compiled_and_interpreted_agree_on_answers_and_traces(seed: int, kind: str) -> None:
    """Both readings of a random policy give the same answer, and tried the same with the same outcome."""
    chance = Random(seed)
    named, make = KINDS[kind]
    for _ in range(POLICIES):
        policy = a_random_policy(chance, named)
        judge = compile_policy(policy)
        for _ in range(FACTS_EACH):
            facts = make(chance)
            expected = Interpreter(policy, facts).judge()
            trace = expected.pop("trace")
            traced = judge.judge(facts, trace=True)
            assert shown(judge.judge(facts)) == expected
            assert shown(traced) == expected
            assert traced.trace is not None
            assert json.loads(trace_json(policy, traced.trace)) == trace


def test_a_triage_that_answers_is_right_whatever_the_evidence() -> None:
    """What is decided without evidence stays decided so with any evidence, word for word."""
    chance = Random(7)
    answered = 0
    for _ in range(120):
        judge = compile_policy(a_random_policy(chance))
        item = a_random_item(chance)
        now = random_facts(chance).now
        early = judge.triage(build_facts(item, now=now))
        if early is None:
            continue
        answered += 1
        for _ in range(5):
            timeline = Timeline(task_id=item.id, attempts=random_attempts(chance))
            assert judge.judge(build_facts(item, now=now, evidence=timeline)) == early
    assert answered > 10


def test_a_triage_of_accounts_is_right_whatever_was_delivered() -> None:
    """What is decided before the delivered profile was read stays decided so."""
    chance = Random(17)
    answered = 0
    for _ in range(150):
        judge = compile_policy(a_random_policy(chance, ACCOUNT_FACTS))
        item, now = a_random_account(chance), random_account_facts(chance).now
        early = judge.triage(build_facts(item, now=now))
        if early is None:
            continue
        answered += 1
        for _ in range(5):
            delivered = a_random_profile(chance)
            assert judge.judge(build_facts(item, now=now, evidence=delivered)) == early
    assert answered > 30


def test_a_triage_asks_for_evidence_only_where_it_can_change_the_answer() -> None:
    """A policy without evidence facts is always answered at once."""
    chance = Random(11)
    rows = tuple(fact for fact in COMMENT_FACTS if fact.source != "evidence")
    policies = [a_random_policy(chance, rows) for _ in range(40)]
    for judge in map(compile_policy, policies):
        assert not judge.ever_needs_evidence
        facts = random_facts(chance)
        bare = msgspec.structs.replace(facts, attempts=None)
        assert judge.triage(bare) == judge.judge(facts)


def test_the_generated_code_holds_no_text_of_the_policy() -> None:
    """Names and values of a policy never become source."""
    chance = Random(3)
    for _ in range(40):
        code = compile_policy(a_random_policy(chance)).code
        assert not any(word in code for word in ("promo", "Straße", "rule 0", "Promo", "[0-9]"))


def test_the_facts_a_policy_names_are_those_of_its_conditions_its_texts_and_its_pauses() -> None:
    """Of rules, of checks, of the fallback, of every variant of a reason and of the guardrails."""
    comments = judge_of(
        """
rules:
  - name: back
    when: {task.platform: tiktok}
    then: dispute
    reason: not_there
  - name: ask
    when: {task.times_disputed: at least 1}
    then: escalate
    question: What of {task.target_video_url}?
reasons:
  not_there:
    round 1: We read {task.comment_text} and it was not there.
    otherwise: Again we looked for {task.target_author_handle} and found nothing.
guardrails:
  pause disputes when: {fleet.escalated: at least 9}
""",
        deadline="""
deadline:
  decide by: 3h before deadline
  if undecided:
    - when: {account.disputes_30d: at least 3}
      then: dispute
      reason: In {task.round} rounds it was not there.
    - otherwise: approve
  because: The deadline is near.
""",
    )
    assert facts_named(comments.policy) == {
        "task.platform",
        "task.times_disputed",
        "task.target_video_url",
        "task.comment_text",
        "task.target_author_handle",
        "fleet.escalated",
        "account.disputes_30d",
        "task.round",
    }
    assert (comments.needs_account, comments.needs_fleet) == (True, True)
    assert not comments.ever_needs_evidence
    accounts = judge_of(
        """
applies to: {review: accounts}
rules:
  - name: fix
    when: {profile.username: contains lumen}
    then: request corrections
    comment: Please change {profile.visible_name} as ordered.
    fields: {username: "Please drop {profile.biography}"}
""",
        deadline="deadline: {decide by: 3h before deadline, if undecided: escalate, because: P.}",
    )
    assert facts_named(accounts.policy) == {
        "profile.username",
        "profile.visible_name",
        "profile.biography",
    }


def test_a_test_of_each_attempt_needs_evidence() -> None:
    """Though it names no fact of the catalogue that does."""
    judge = judge_of("rules: [{name: r, when: {no check: {comments_scraped: 0}}, then: escalate}]")
    assert judge.ever_needs_evidence
