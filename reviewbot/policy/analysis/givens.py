"""Tests that a policy brings whose facts cannot occur together: they would prove nothing."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.cases import case_facts
from reviewbot.policy.compile import compile_policy
from reviewbot.policy.findings import Finding, Severity
from reviewbot.policy.model import Policy, PolicyTest
from reviewbot.policy.typical import Impossible
from reviewbot.policy.values import Misread

IMPOSSIBLE = "P139"


def impossible_tests(policy: Policy) -> Iterator[Finding]:
    """Find each test for whose facts there is no task."""
    if not policy.tests:
        return
    judge = compile_policy(policy)
    for test in policy.tests:
        try:
            case_facts(judge, test)
        except Impossible as problem:
            yield _finding(test, problem.fact)
        except Misread:
            continue  # reading the policy has told of it


def _finding(test: PolicyTest, fact: str) -> Finding:
    spans = [span for name, _, span in test.given if name == fact]
    others = [f"{name}: {text}" for name, text, _ in test.given if name != fact]
    return Finding(
        code=IMPOSSIBLE,
        severity=Severity.ERROR,
        span=spans[0] if spans else test.span,
        path=test.path,
        message=f"the facts of this test cannot occur together: {fact} never comes with the others",
        under=f"beside  {' · '.join(others)}" if others else None,
        cure="give only what matters; the rest follows from it",
    )
