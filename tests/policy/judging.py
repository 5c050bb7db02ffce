"""Policies as text, ready to judge, and facts to judge."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from reviewbot.domain.task import Attempt, Timeline
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.facts import NO_HISTORY, Facts, History, build_facts
from reviewbot.policy.language.parser import parse_policy
from tests.builders import CONFIRMED, an_attempt, an_item

DEADLINE = """
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay when we cannot show what is wrong.
"""


def judge_of(rules: str, *, deadline: str = DEADLINE, tests: str | None = None) -> Judge:
    """Compile a policy of which a test writes what it is about."""
    source = f"policy: tried\nlanguage: 1\ntimezone: Europe/Paris\n{rules}\n{deadline}"
    parsed = parse_policy(
        source.encode(),
        path="tried.yaml",
        read=lambda name: b"",
        tests=None if tests is None else ("tried.tests.yaml", tests.encode()),
    )
    assert parsed.policy is not None, [finding.message for finding in parsed.findings]
    return compile_policy(parsed.policy)


def facts_at(
    hours: float = 1,
    *,
    attempts: tuple[Attempt, ...] | None = (an_attempt(),),
    past: History = NO_HISTORY,
    **changes: Any,
) -> Facts:
    """The facts of a task some hours after it was confirmed; `changes` are the task's."""
    item = an_item(**changes)
    evidence = None if attempts is None else Timeline(task_id=item.id, attempts=attempts)
    now = CONFIRMED + timedelta(hours=hours)
    return build_facts(item, now=now, evidence=evidence, past=past)
