"""Rules that go by what our own log remembers, on the first day of that log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.lint.walks import compares_in
from reviewbot.policy.model import Compare, Policy, Rule

ALL_ARE_NEW = "P350"
FIRST_DAY = timedelta(days=1)


def all_accounts_are_new(policy: Policy, began: datetime, now: datetime) -> Iterator[Finding]:
    """Say of each rule on our own counts that to a log of this age every account is new."""
    if now - began >= FIRST_DAY:
        return
    for rule in policy.rules:
        line = next(_counts_asked(policy, rule), None)
        if line is None:
            continue
        yield Finding(
            code=ALL_ARE_NEW,
            severity=Severity.WARNING,
            span=line.fact_span,
            message=f'every account is new to our log, which began today: rule "{rule.name}" goes by'
            f" {line.fact}",
            under="0 for all accounts that nothing was decided for since then",
            cure="account.finalized_total  counts what the API knows of an account from before",
            path=policy.path,
        )


def goes_by_our_counts(policy: Policy) -> bool:
    """Whether a rule of the policy does."""
    return any(True for rule in policy.rules for _ in _counts_asked(policy, rule))


def _counts_asked(policy: Policy, rule: Rule) -> Iterator[Compare]:
    facts = CATALOGUE[policy.applies_to.review]
    asked = () if rule.when is None else compares_in(rule.when)
    yield from (line for name, line in asked if facts[name].source == "account")
