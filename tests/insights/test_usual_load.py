"""A limit that an ordinary day would fill is told of, by what the log says was wanted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reviewbot.domain.decision import Action, State
from reviewbot.insights.usual_load import limits_below_load
from reviewbot.ledger.open import open_ledger
from tests.ledger.things import a_decision, after
from tests.policy.judging import judge_of

RULES = "rules:\n  - {{name: pay, always: yes, then: approve, limit: {limit}}}\n"


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("at most 5 per day", '"pay" wanted 6 a day on every second of 4 days'),
        ("at most 6 per day", None),
        ("at most 5 per calendar day", '"pay" wanted 6 a day'),
        ("at most 1 per hour", '"pay" wanted 2 in its busiest hour'),
        ("at most 2 per hour", None),
        ("at most 1.00 USD per day", '"pay" wanted 1.44 USD a day'),
        ("at most 2 per account per day", '"pay" wanted 3 for one account a day'),
        ("at most 3 per account per day", None),
    ],
)
def test_a_limit_below_the_usual_load_is_told(limit: str, told: str | None) -> None:
    """Six a day on four days, two an hour, of two accounts; what was held counts as well."""
    policy = judge_of(RULES.format(limit=limit)).policy
    ledger = open_ledger("memory:")
    for n in range(24):
        day, of_day = divmod(n, 6)
        decision = a_decision(
            Action.ESCALATE if n % 3 else Action.APPROVE,
            wanted=Action.APPROVE if n % 3 else None,
            task_id=f"t{n}",
            policy=policy.name,
            rule="pay",
            account_id=f"a{n % 2}",
            decided_at=after(days=day, hours=of_day // 2),
        )
        ledger.record(decision, State.HELD)
    now = after(days=4)

    found = limits_below_load(policy, ledger, now)

    assert len(found) == (told is not None)
    assert all(told is not None and told in finding.message for finding in found)
    assert limits_below_load(policy, ledger, now + timedelta(days=40)) == ()


def test_of_few_days_nothing_is_usual() -> None:
    """Nor does another rule's load count, or what a person did."""
    policy = judge_of(RULES.format(limit="at most 1 per day")).policy
    ledger = open_ledger("memory:")
    for n in range(8):
        changes = ({"rule": "other"}, {"decided_by": "ana"}, {"policy": "x"}, {})[n % 4]
        fields = {"rule": "pay", "policy": policy.name} | changes
        decision = a_decision(task_id=f"t{n}", decided_at=after(days=n), **fields)
        ledger.record(decision, State.HELD)
    assert limits_below_load(policy, ledger, after(days=9)) == ()
