"""Claims held against brute force: random policies, judged by the plain interpreter on random and chosen tasks.

`python -m tests.policy.test_brute_force 10000` examines so many policies and says what it found.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from random import Random  # noqa: TID251 - seeded, so that it repeats

import pytest
from msgspec.structs import replace

from reviewbot.domain.decision import Action
from reviewbot.policy.diagnostics import Span
from reviewbot.policy.facts import Facts
from reviewbot.policy.lint.overlaps import met_in_pairs
from reviewbot.policy.lint.policy_model import PolicyModel, Witness
from reviewbot.policy.lint.rule_checks import idle_tests, passed_unknown, unreachable_rules
from reviewbot.policy.lint.solver import FALSE, TRUE, TooHardError
from reviewbot.policy.lint.text_checks import NEVER_SENT, unproven_texts
from reviewbot.policy.lint.walks import deciding
from reviewbot.policy.model import Policy, ReasonText, Rule, Then
from tests.policy.chance import (
    ACCOUNT_FACTS,
    COMMENT_FACTS,
    a_random_policy,
    random_account_facts,
    random_facts,
)
from tests.policy.interpreter import Interpreter, all3
from tests.policy.nearby import facts_near
from tests.policy.test_analysis_claims import ODD
from tests.policy.test_analysis_twins import laid_out
from tests.policy.texts import a_text_policy
from tests.policy.trees import REASON
from tests.tier import times

BLOCK = times(50, 100)
TASKS = 12
"""Tasks of each kind on which a policy's claims are tried."""

Tally = Counter[str]


def examined(seed: int) -> tuple[Tally, list[str]]:
    """Everything that is claimed of one policy, counted, and which of it is false."""
    chance = Random(seed)
    facts = chance.choice((COMMENT_FACTS, COMMENT_FACTS, ODD, ACCOUNT_FACTS))
    policy = _with_disputes(chance, a_random_policy(chance, facts))
    world = PolicyModel(policy)
    tally, wrong = Tally(policies=1, rules=len(policy.rules)), list[str]()
    accounts = policy.applies_to.review == "accounts"
    tasks = [(random_account_facts if accounts else random_facts)(chance) for _ in range(TASKS)]
    tasks += [] if accounts else [facts_near(policy, chance) for _ in range(TASKS)]

    _, dead = unreachable_rules(world)
    tally["never matches"] += len(dead)
    idle = [(name, line, truth) for name, line, truth, sure in idle_tests(world) if sure]
    tally["always or never true"] += len(idle)
    for task in tasks:
        plain = Interpreter(policy, task)
        decided = plain.judge()["rule"]
        wrong += [f"{seed}: rule {n} decides" for n in dead if policy.rules[n].name == decided]
        for name, line, truth in idle:
            met = None if name.startswith("last.") else plain.condition(line)["outcome"]
            if met is (truth == FALSE):
                wrong.append(f"{seed}: {line.fact} {line.text} is {met}")
    never_sent = {f.span for f in unproven_texts(world, dead) if f.code == NEVER_SENT}
    tally["text never sent"] += len(never_sent)
    for task in tasks if never_sent else ():
        plain = Interpreter(policy, task)
        names = [rule.name for rule in policy.rules]
        decided = plain.judge()["rule"]
        if decided in names and (sent := _sent(policy, plain, names.index(decided))) in never_sent:
            wrong.append(f"{seed}: the text of line {sent.line if sent else 0} is sent")
    for shown, example, wanted in _shown(world, dead):
        tally[f"{shown}, shown"] += 1
        laid = laid_out(world, example)
        if laid is None:
            continue
        tally[f"{shown}, laid out"] += 1
        wrong += [
            f"{seed}: {shown}: rule {number} is {met}, not {wanted[number]}"
            for number in wanted
            if (met := _met(policy, policy.rules[number], laid)) is not wanted[number]
        ]
    return tally, wrong


def _with_disputes(chance: Random, policy: Policy) -> Policy:
    """Let some of the rules that ask a person send back instead, with one text or with cases."""
    rules = tuple(
        replace(rule, then=Then(action=Action.DISPUTE, reason=_reason(chance, policy, number)))
        if rule.then.action is Action.ESCALATE and chance.random() < 0.5
        else rule
        for number, rule in enumerate(policy.rules)
    )
    return replace(policy, rules=rules)


def _reason(chance: Random, policy: Policy, rule: int) -> ReasonText:
    """A text; of a task's it may have cases, each on a line of its own."""
    if policy.applies_to.review == "accounts" or chance.random() < 0.3:
        return REASON
    reason = a_text_policy(chance).rules[0].then.reason
    assert reason is not None and reason.otherwise is not None
    texts = [*(case.text for case in reason.cases), reason.otherwise]
    lines = [replace(text, span=_line(rule, number)) for number, text in enumerate(texts)]
    cases = zip(reason.cases, lines, strict=False)
    return replace(
        reason,
        cases=tuple(replace(case, text=text, span=text.span) for case, text in cases),
        otherwise=lines[-1],
    )


def _line(rule: int, case: int) -> Span:
    return Span(100 * (rule + 1) + case, 1, 100 * (rule + 1) + case, 2)


def _sent(policy: Policy, plain: Interpreter, rule: int) -> Span | None:
    """Where the text stands that a rule sends, by the plain meaning of its cases; None where untold."""
    reason = policy.rules[rule].then.reason
    for case in () if reason is None else reason.cases:
        met = plain.condition(case.when)["outcome"]
        if met is not False:
            return case.text.span if met else None
    return None if reason is None or reason.otherwise is None else reason.otherwise.span


def _shown(
    world: PolicyModel, dead: frozenset[int]
) -> Iterator[tuple[str, Witness, dict[int, bool | None]]]:
    """Every task that is shown, and what rules come to on it."""
    for pair in met_in_pairs(world, dead):
        yield "a pair", pair.found, {pair.first: True, pair.later: True}
    for i, j, example in passed_unknown(world, dead):
        yield "past a rule", example, {i: True, j: None}
    try:
        found = world.example([world.none_of(i for i, _ in deciding(world.policy))])
    except TooHardError:
        return
    if found is not None:
        above = [i for i, r in deciding(world.policy) if r.rollout is None and not r.limit]
        still = [i for i in above if r_until(world.policy.rules[i]) is None]
        yield (
            "no rule",
            found,
            {i: met for i in still if (met := _value(world, i, found)) is not True},
        )


def r_until(rule: Rule) -> object:
    """The moment until which a rule waits."""
    return rule.then.until


def _value(world: PolicyModel, number: int, found: Witness) -> bool | None:
    truths = world.rules[number].value(list(found.live))
    return True if truths == TRUE else False if truths == FALSE else None


def _met(policy: Policy, rule: Rule, task: Facts) -> bool | None:
    """Whether a rule's conditions hold, whatever its share, its limit or its wait."""
    return all3([part["outcome"] for part in Interpreter(policy, task).top(rule.when)])


@pytest.mark.parametrize("block", range(times(1, 100)))
def test_no_claim_is_false_and_every_task_that_is_shown_is_real(block: int) -> None:
    """No false never, always or unreachable; what is shown is as the plain meaning of the rules says."""
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        _, wrong = examined(seed)
        assert not wrong, wrong


def main(policies: int) -> None:
    """Examine so many policies and print what was claimed and what of it was false."""
    total, wrong = Tally(), list[str]()
    for seed in range(policies):
        tally, found = examined(seed)
        total += tally
        wrong += found
        if seed % 1000 == 999:
            print(seed + 1, dict(total), f"{len(wrong)} false", wrong[:5], flush=True)
    print(dict(total), f"{len(wrong)} false", wrong[:20])


if __name__ == "__main__":
    main(int(sys.argv[1]))
