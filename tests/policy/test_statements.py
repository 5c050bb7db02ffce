"""`never:`: what it means, what is proved of it, and that neither claim nor example is made up."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, so that it repeats

import pytest
from msgspec.structs import replace

from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.domain.task import Timeline
from reviewbot.policy.diagnostics import Severity
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.engine.statements import binds
from reviewbot.policy.explain.explain import explain
from reviewbot.policy.explain.summary import read_policy
from reviewbot.policy.facts import Facts, build_facts
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.lint.policy_model import PolicyModel
from reviewbot.policy.lint.solver import TRUE, TooHardError
from reviewbot.policy.lint.statements import (
    BROKEN,
    UNCLEAR,
    UNPROVED,
    breach,
    unkept_statements,
)
from reviewbot.policy.model import Policy, Statement
from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.check import checked
from reviewbot.presentation.document import explanation_text
from tests.policy.chance import (
    ACCOUNT_FACTS,
    COMMENT_FACTS,
    a_random_item,
    a_random_policy,
    random_account_facts,
    random_attempts,
    random_facts,
)
from tests.policy.interpreter import Interpreter, all3
from tests.policy.judging import facts_at, judge_of
from tests.policy.nearby import facts_near
from tests.policy.test_analysis_twins import laid_out
from tests.tier import times


def meant(policy: Policy, facts: Facts, statement: Statement) -> bool | None:
    """What the plain interpreter says of a statement's condition."""
    return all3([part["outcome"] for part in Interpreter(policy, facts).top(statement.when)])


@pytest.mark.parametrize("kind", ["comments", "accounts"])
def test_a_statement_forbids_what_it_says_and_what_cannot_be_told(kind: str) -> None:
    """The compiled statements against the plain meaning, over random policies and facts."""
    chance = Random(23)
    tasks = kind == "comments"
    forbidden = 0
    for _ in range(times(25, 1000)):
        policy = a_random_policy(chance, COMMENT_FACTS if tasks else ACCOUNT_FACTS)
        judge = compile_policy(policy)
        for _ in range(8):
            facts = random_facts(chance) if tasks else random_account_facts(chance)
            made = judge.guarded(facts, judge.judge(facts))
            plain = Interpreter(policy, facts).guarded()
            assert (made.action, made.rule) == (plain["action"], plain["rule"])
            for action in (Action.APPROVE, Action.FINALIZE, Action.LEAVE):
                for rule, person in (("a", False), (DEADLINE, False), ("a", True)):
                    found = judge.statements.forbids(facts, action, rule, by_person=person)
                    answers = [
                        (s.name, meant(policy, facts, s))
                        for s in policy.never
                        if binds(s, action, rule, by_person=person)
                    ]
                    first = next(((n, a) for n, a in answers if a is not False), None)
                    assert (found and (found.statement, found.sure)) == (
                        first and (first[0], first[1] is True)
                    )
                    forbidden += found is not None
    assert forbidden > 100


def test_no_answer_of_a_triage_is_forbidden_by_evidence_that_nobody_fetched() -> None:
    """What was decided without evidence is forbidden, or not, whatever the evidence says."""
    chance = Random(5)
    answered = 0
    for _ in range(times(150, 2000)):
        judge = compile_policy(a_random_policy(chance))
        item, now = a_random_item(chance), random_facts(chance).now
        blind = build_facts(item, now=now)
        early = judge.triage(blind)
        if early is None or not (early.action.writes or early.action is Action.LEAVE):
            continue
        answered += 1
        wanted = judge.statements.forbids(blind, early.action, early.rule)
        for _ in range(4):
            seen = Timeline(task_id=item.id, attempts=random_attempts(chance))
            facts = build_facts(item, now=now, evidence=seen)
            assert judge.statements.forbids(facts, early.action, early.rule) == wanted
    assert answered > 10


def near_or_far(policy: Policy, chance: Random) -> Facts:
    """Facts at the edges of a policy's own tests, or any."""
    return facts_near(policy, chance) if chance.random() < 0.3 else random_facts(chance)


@pytest.mark.parametrize("start", range(0, times(40, 1000), 20))
def test_what_is_said_to_be_kept_is_never_broken(start: int) -> None:
    """Brute force: whoever does what a statement forbids was named by the check, or called unproved."""
    for seed in range(start, start + 20):
        chance = Random(seed)
        policy = a_random_policy(chance)
        said = list(unkept_statements(PolicyModel(policy), frozenset()))
        judge = compile_policy(policy)
        for _ in range(60):
            facts = near_or_far(policy, chance)
            made = judge.judge(facts)
            for statement in policy.never:
                if made.until is not None or not binds(statement, made.action, made.rule):
                    continue
                if meant(policy, facts, statement) is True:
                    assert any(statement.name in finding.message for finding in said), seed


def test_a_task_that_is_shown_breaks_the_statement() -> None:
    """Each example that can be laid out is one that the rule takes and the statement forbids."""
    shown = 0
    for seed in range(times(40, 600)):
        policy = a_random_policy(Random(seed))
        rules = (replace(rule, rollout=None, limit=()) for rule in policy.rules)
        policy = replace(policy, rules=tuple(rules))
        world, judge = PolicyModel(policy), compile_policy(policy)
        for statement, node in zip(policy.never, world.statements, strict=True):
            for number, rule in enumerate(policy.rules):
                if rule.shadow or not binds(statement, rule.then.action, rule.name):
                    continue
                try:
                    found = breach(world, [(node, TRUE), *world.decides(number)])
                except TooHardError:
                    continue
                facts = None if found is None else laid_out(world, found)
                if facts is not None:
                    shown += 1
                    assert judge.judge(facts).rule_index in (number, None), seed
                    assert meant(policy, facts, statement) is True, seed
    assert shown > 5


LISTS = """
lists:
  watched: [lumen, {id: orbit, until: 2029-12-31}]
never:
  - name: watched accounts are not paid
    when: {task.saved_account_id: in list watched}
    then: approve%s
rules:
"""
FIRST = "  - {name: first, when: {task.saved_account_id: in list watched%s}, then: escalate}\n"
PAY = "  - {name: pay, always: yes, then: approve}\n"
KEPT = "\n    but: deadline"


def said_of(source: str) -> list[tuple[str, Severity, str]]:
    """What is said of the statements of a policy."""
    parsed = judge_of(source).policy
    found = unkept_statements(PolicyModel(parsed), frozenset())
    return [(f.code, f.severity, f.message) for f in found]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (LISTS % KEPT + FIRST % "" + PAY, []),
        (LISTS % KEPT + PAY.replace("always: yes", "always: yes, unless: {task.saved_account_id: in list watched}"), []),
        (LISTS % KEPT + PAY + FIRST % "", ['rule 1 "pay" can approve']),
        (LISTS % KEPT + FIRST % ", task.cm_payout_amount: more than 1 USD" + PAY, ['rule 2 "pay" can approve']),
        (LISTS % "" + FIRST % "" + PAY, ["the fallback (if undecided) can approve"]),
        (LISTS % KEPT + PAY.replace("approve", "dispute, reason: Please look again."), []),
    ],
)  # fmt: skip
def test_rules_that_break_a_statement_are_named(source: str, said: list[str]) -> None:
    """By their place, whether an entry of the list ends or not; a rule that could not tell stops none."""
    found = said_of(source)
    assert [message.partition(" what")[0] for _, _, message in found] == said
    assert {(code, severity) for code, severity, _ in found} <= {(BROKEN, Severity.ERROR)}


def test_a_policy_that_breaks_a_statement_is_refused() -> None:
    """With one task, and the cure."""
    text = "policy: p\nlanguage: 1\n" + (LISTS % KEPT).lstrip() + PAY
    text += "deadline: {decide by: 3h before deadline, if undecided: escalate, because: P.}\n"
    parsed = checked(parse_policy(text, path="p.yaml", read=lambda name: b""))
    assert parsed.policy is None
    (broken,) = (f for f in parsed.findings if f.code == BROKEN)
    assert broken.detail == 'for example task.saved_account_id: "lumen"'
    assert broken.cure is not None
    assert "unless:" in broken.cure


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        ("task.platform: unknown", "task.platform: unknown"),
        ("task.saved_account_id: unknown", "task.saved_account_id: unknown"),
    ],
)
def test_an_unusual_task_that_breaks_a_statement_is_shown_as_it_is(when: str, shown: str) -> None:
    """The API documents that it may come, and the example is that task and no other."""
    source = f"""
never:
  - {{name: blind, when: {{{when}}}, then: approve, but: deadline}}
rules:
  - {{name: pay, when: {{task.comment_length: at most 20}}, then: approve}}
"""
    (broken,) = unkept_statements(PolicyModel(judge_of(source).policy), frozenset())
    assert broken.code == BROKEN
    assert str(broken.detail).startswith(f"for example {shown} · task.comment_length: ")


@pytest.mark.parametrize("scope", ["platform: tiktok", "saved_account_id: [vega, spica]"])
def test_a_statement_binds_what_the_policy_applies_to(scope: str) -> None:
    """A task that it never judges breaks nothing."""
    source = f"""
applies to: {{{scope}}}
never:
  - {{name: odd, when: {{task.platform: instagram, task.saved_account_id: lumen}}, then: approve}}
rules:
  - {{name: pay, always: yes, then: approve}}
"""
    assert said_of(source) == []
    assert said_of(source.replace("lumen", "vega").replace("tiktok", "[tiktok, instagram]")) != []


def test_what_cannot_be_proved_is_said() -> None:
    """Two patterns of which nobody can tell whether one text matches both."""
    source = """
patterns:
  bare: {regex: "b[0-9]{7}"}
  bald: {regex: "z{5}[0-9]{3}"}
never:
  - {name: no codes, when: {task.comment_text: matches pattern bare}, then: approve, but: deadline}
rules:
  - {name: pay, when: {task.comment_text: matches pattern bald}, then: approve}
"""
    ((code, severity, message),) = said_of(source)
    assert (code, severity) == (UNPROVED, Severity.WARNING)
    assert message == 'it cannot be proved that "no codes" is kept by rule 1 "pay"'


def test_tasks_of_which_nobody_can_tell_are_noted() -> None:
    """The statement looks at a try of the checker, and there may be none yet."""
    source = """
never:
  - {name: blind, when: {last.comments_scraped: 0}, then: approve, but: deadline}
rules:
  - {name: ask, when: {last.comments_scraped: 0}, then: escalate}
  - {name: odd, when: {task.platform: tiktok}, then: approve}
"""
    found = [f for f in said_of(source) if f[0] == UNCLEAR]
    assert [(severity, message) for _, severity, message in found] == [
        (
            Severity.NOTE,
            'of some tasks that rule 2 "odd" would approve it cannot be told whether "blind"'
            " forbids it: they go to a person",
        )
    ]


def test_the_fallback_breaks_nothing_before_its_moment() -> None:
    """It acts with at most 3 h left; what is forbidden only before that is kept."""
    source = """
never:
  - {name: early, when: {task.time_left: more than %s}, then: approve}
rules:
  - {name: ask, always: yes, then: escalate}
"""
    assert said_of(source % "3h") == []
    assert [code for code, _, _ in said_of(source % "2h")] == [BROKEN]


def test_what_may_not_be_left_may_come_to_the_fallback() -> None:
    """What a rule leaves on purpose the fallback never gets, unless that is forbidden as well."""
    source = """
never:
  - {name: unpaid, when: {task.platform: tiktok}, then: approve}
%s
rules:
  - {name: it is fine, always: yes, then: leave, because: Paid by silence.}
"""
    assert said_of(source % "") == []
    more = "  - {name: unleft, when: {task.round: 2}, then: leave}"
    said = {message.partition(" what")[0] for _, _, message in said_of(source % more)}
    assert said == {"the fallback (if undecided) can approve", 'rule 1 "it is fine" can leave'}


def test_statements_are_read_first_and_explained() -> None:
    """Before the rules; of a task that one forbids the explanation says so, with a test that knows it."""
    tests = """
tests:
  - name: a watched one
    given: {task.saved_account_id: lumen}
    over time:
      1h after confirmed: escalate
      70h after confirmed: approve
"""
    judge = judge_of(LISTS % KEPT + PAY, tests=tests)
    titles = [passage.title for passage in read_policy(judge.policy)]
    assert titles.index("What must never happen") < titles.index('Rule "pay"')
    (passage,) = (p for p in read_policy(judge.policy) if p.title == "What must never happen")
    assert passage.sentences[0] == (
        '"watched accounts are not paid": where the account that comments is on the list watched,'
        " no approval pays the manager, except by the deadline."
    )
    told = explain(judge, facts_at(saved_account_id="lumen"))
    assert told.action is Action.APPROVE
    assert told.kept_back == 'a statement forbids it: "watched accounts are not paid"'
    assert "kept back: a statement forbids it" in explanation_text(told)
    assert explain(judge, facts_at(saved_account_id="vega")).kept_back is None
    (result,) = run_cases(judge)
    assert result.problems == ()
