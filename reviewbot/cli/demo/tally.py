"""What a week came to: how each task ended, who decided it, and what that paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from reviewbot.domain.decision import DEADLINE, Action, Decision
from reviewbot.domain.lifecycle import DONE, State
from reviewbot.ports import Ending, Logged


class Paid(msgspec.Struct, kw_only=True):
    """How many tasks were paid on one ground, and how much."""

    tasks: int = 0
    micros: int = 0

    def add(self, micros: int | None) -> None:
        """Count one payment."""
        self.tasks += 1
        self.micros += micros or 0


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """A week in figures, with one decision of each kind as an example."""

    by_rule: Paid
    by_fallback: Paid
    by_person: Paid
    by_silence: Paid
    rules: tuple[tuple[str, Action, int], ...]
    """How often each rule decided: (rule, action, decisions), most frequent first."""
    actions: dict[Action, int]
    """Decisions by action; a task may be decided several times, once in each round or more."""
    examples: tuple[Decision, ...]

    @property
    def shows_everything(self) -> bool:
        """Whether tasks were really approved, disputed, waited for and escalated, and none slipped."""
        wanted = (Action.APPROVE, Action.DISPUTE, Action.WAIT, Action.ESCALATE)
        return all(self.actions.get(action) for action in wanted) and not self.by_silence.tasks


def tally(decisions: Iterable[Logged], endings: Iterable[Ending]) -> Tally:
    """Sum up a log."""
    paid = {name: Paid() for name in ("rule", "fallback", "person", "silence")}
    rules: Counter[tuple[str, Action]] = Counter()
    examples: dict[Action, Decision] = {}
    for logged in decisions:
        decision = logged.decision
        if logged.state not in DONE | {State.HELD}:
            continue
        rules[decision.rule, decision.action] += 1
        examples.setdefault(decision.action, decision)
        if logged.state in DONE and decision.action.pays:
            paid[_ground(decision)].add(decision.amount_micros)
    for ending in endings:
        if ending.status == "finalized" and ending.by in ("other", "silence"):
            paid["person" if ending.by == "other" else "silence"].add(ending.amount_micros)
    actions: Counter[Action] = Counter()
    for (_, action), count in rules.items():
        actions[action] += count
    return Tally(
        by_rule=paid["rule"],
        by_fallback=paid["fallback"],
        by_person=paid["person"],
        by_silence=paid["silence"],
        rules=tuple((rule, action, count) for (rule, action), count in rules.most_common()),
        actions=dict(actions),
        examples=tuple(examples[action] for action in Action if action in examples),
    )


def _ground(decision: Decision) -> str:
    if decision.decided_by is not None:
        return "person"
    return "fallback" if decision.rule == DEADLINE else "rule"
