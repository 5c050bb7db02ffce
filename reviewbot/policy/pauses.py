"""The pauses of a policy: `pause disputes when:` and `pause approvals when:`, asked of the fleet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from reviewbot.policy.assemble import load
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.facts import Facts, Fleet
from reviewbot.policy.functions import Arm, plain_function
from reviewbot.policy.leaves import Pool
from reviewbot.policy.model import Condition
from reviewbot.policy.trees import Trees

Asked = Callable[[Facts], bool | None]


class Pauses(msgspec.Struct, frozen=True):
    """What a policy pauses while something is true of all tasks together; None where it never does."""

    disputes: Asked | None
    approvals: Asked | None


def compile_pauses(judge: Judge) -> Pauses:
    """Compile both conditions of a policy; each answers True, False or None (cannot tell)."""
    rails = judge.policy.guardrails
    return Pauses(
        _asked(judge, rails.pause_disputes_when), _asked(judge, rails.pause_approvals_when)
    )


def fleet_facts(fleet: Fleet, now: datetime) -> Facts:
    """The facts that a pause may look at."""
    return Facts(now=now, started_at=None, deadline_at=None, fleet=fleet)


def _asked(judge: Judge, condition: Condition | None) -> Asked | None:
    if condition is None:
        return None
    pool = Pool()
    trees = Trees(judge.policy, pool, judge.calendars)
    arm = Arm(trees.condition(condition), "return True", passed="return None")
    source = "\n\n\n".join([*trees.sources, plain_function("asked", [arm], "return False")])
    asked: Asked = load(source, pool.values)["asked"]
    return asked
