"""On the first day of a log every account is new to it, and the checker says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reviewbot.policy.diagnostics import Severity
from reviewbot.policy.lint.attempt_checks import all_accounts_are_new, goes_by_our_counts
from tests.policy.judging import judge_of

BEGAN = datetime(2026, 6, 2, 9, 0, tzinfo=UTC)
RULES = """
rules:
  - name: new accounts go to a person
    when: {account.decisions_ever: less than 5}
    then: escalate
  - name: known to the API
    when: {account.finalized_total: less than 5}
    then: escalate
"""


def test_each_rule_on_our_own_counts_is_named_on_the_first_day() -> None:
    """Not one that goes by what the API counts, and not on the second day."""
    policy = judge_of(RULES).policy

    (found,) = all_accounts_are_new(policy, BEGAN, BEGAN + timedelta(hours=23))
    assert found.severity is Severity.WARNING
    assert "new accounts go to a person" in found.message
    assert found.span.line == 7
    assert list(all_accounts_are_new(policy, BEGAN, BEGAN + timedelta(days=1))) == []
    assert goes_by_our_counts(policy)
