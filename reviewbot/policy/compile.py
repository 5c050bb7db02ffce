"""A checked policy becomes a judge: generated Python, with and without the trace, and for triage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reviewbot.policy.assemble import load
from reviewbot.policy.calendar import calendars_of
from reviewbot.policy.conclude import Conclusions
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.fields import CATALOGUE
from reviewbot.policy.functions import Arm, plain_function, traced_function
from reviewbot.policy.leaves import Pool
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Checks,
    Compare,
    Condition,
    NoneOf,
    Placeholder,
    Policy,
    Template,
    Then,
)
from reviewbot.policy.trees import Trees


def compile_policy(policy: Policy) -> Judge:
    """Compile a checked policy. A policy that came through `parse_policy` without errors compiles."""
    facts = CATALOGUE[policy.applies_to.review]
    calendars = calendars_of(policy)
    pool = Pool()
    trees = Trees(policy, pool, calendars)
    ends = Conclusions(policy, facts, calendars)
    functions = [
        *_rule_functions(policy, pool, trees, ends),
        *_case_functions(policy, trees),
    ]
    code = "\n\n\n".join([*trees.sources, *functions])
    made = load(code, pool.values)
    ends.case, ends.traced_case = made["case"], made["traced_case"]
    ends.triaged_case = made["triaged_case"]
    return Judge(
        policy,
        plain=made["judge"],
        traced=made["traced"],
        triage=made["triage"],
        sources=frozenset(facts[name].source for name in facts_named(policy) if name in facts)
        | ({"evidence"} if any(map(_has_checks, _conditions(policy))) else frozenset()),
        calendars=calendars,
        code=code,
    )


def _rule_functions(policy: Policy, pool: Pool, trees: Trees, ends: Conclusions) -> Iterator[str]:
    plain: list[Arm] = []
    traced: list[Arm] = []
    triage: list[Arm] = []
    for index, rule in enumerate(policy.rules):
        tree, traced_tree = trees.rule(rule), trees.rule(rule, traced=True)
        bit = 1 << index
        if rule.shadow:
            for arms, shape in ((plain, tree), (traced, traced_tree), (triage, tree)):
                arms.append(Arm(shape, f"shadow |= {bit}"))
            continue
        passed = f"cant |= {bit}"
        plain.append(Arm(tree, _return(pool, ends, index), passed))
        then = pool.helper("traced", ends.traced_rule(index))
        traced.append(Arm(traced_tree, f"return {then}(f, cant, shadow, {{leaves}})", passed))
        then = pool.helper("triaged", ends.triaged_rule(index))
        triage.append(Arm(tree, f"return {then}(f, cant, shadow)", passed))
    none, traced_none, triaged_none = (
        pool.helper("none", end)
        for end in (ends.nothing, ends.traced_nothing, ends.triaged_nothing)
    )
    yield plain_function("judge", plain, f"return {none}(f, cant, shadow)")
    yield traced_function("traced", traced, f"return {traced_none}(f, cant, shadow, {{leaves}})")
    yield plain_function("triage", triage, f"return {triaged_none}(f, cant, shadow)", triage=True)


def _return(pool: Pool, ends: Conclusions, index: int) -> str:
    end = f"{pool.helper('rule', ends.rule(index))}(f, cant, shadow)"
    constant = ends.steps[index].constant
    if constant is None:
        return f"return {end}"
    return f"return {end} if cant or shadow else {pool.helper('answer', constant)}"


def _case_functions(policy: Policy, trees: Trees) -> Iterator[str]:
    cases = policy.deadline.fallbacks
    plain = [Arm(trees.condition(case.when), f"return {index}") for index, case in enumerate(cases)]
    traced = [
        Arm(trees.condition(case.when, traced=True), f"return {index}, {{leaves}}")
        for index, case in enumerate(cases)
    ]
    yield plain_function("case", plain, "return -1")
    yield traced_function("traced_case", traced, "return -1, {leaves}")
    yield plain_function("triaged_case", plain, "return -1", triage=True)


# What a policy asks for ----------------------------------------------------------------------


def facts_named(policy: Policy) -> frozenset[str]:
    """Every fact that a rule, the fallback, a text or a pause of the policy names."""
    conditions = {
        compare.fact for condition in _conditions(policy) for compare in _compares(condition)
    }
    texts = {
        part.fact
        for template in _templates(policy)
        for part in template.parts
        if isinstance(part, Placeholder)
    }
    return frozenset(conditions | texts)


def _conditions(policy: Policy) -> Iterator[Condition]:
    whens = [
        *(rule.when for rule in policy.rules),
        *(case.when for case in policy.deadline.fallbacks),
        policy.guardrails.pause_disputes_when,
        policy.guardrails.pause_approvals_when,
    ]
    yield from (when for when in whens if when is not None)


def _compares(condition: Condition) -> Iterator[Compare]:
    """Every comparison of a fact by its full name; those inside check quantifiers are of attempts."""
    match condition:
        case Compare():
            yield condition
        case AllOf(parts=parts) | AnyOf(parts=parts) | NoneOf(parts=parts):
            for part in parts:
                yield from _compares(part)


def _has_checks(condition: Condition) -> bool:
    match condition:
        case Checks():
            return True
        case AllOf(parts=parts) | AnyOf(parts=parts) | NoneOf(parts=parts):
            return any(map(_has_checks, parts))
    return False


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
