"""Statements: what a policy says must never be done, asked once more of what a rule wants done.

The checker proves them over all tasks; this is for the task at hand. Where it cannot be told whether
a statement is about it, it counts as if it were: nothing is paid because something is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.policy.engine.conditions import NEEDS, Arm, Conditions, Program
from reviewbot.policy.engine.trace import Evaluation
from reviewbot.policy.facts import Facts
from reviewbot.policy.model import Policy, Statement

FORBIDS = "a statement forbids it: "
UNCLEAR = "it cannot be told whether a statement forbids it: "
"""How the words begin that say which statement keeps an action back."""


class ForbiddenAction(msgspec.Struct, frozen=True):
    """An action that may not be carried out; `sure` is False where that cannot be told."""

    statement: str
    sure: bool

    @property
    def sentence(self) -> str:
        """What keeps it back, in words."""
        return f'{FORBIDS if self.sure else UNCLEAR}"{self.statement}"'


def binds(statement: Statement, action: Action, rule: str, *, by_person: bool = False) -> bool:
    """Whether a statement is about this action of this rule, of the deadline or of a person."""
    exempt = "people" if by_person else "deadline" if rule == DEADLINE else ""
    return action in statement.actions and exempt not in statement.but


class Statements:
    """The statements of one policy, ready to be asked."""

    def __init__(self, policy: Policy, conditions: Conditions) -> None:
        self._statements = policy.never
        self._conditions = conditions
        self._asked: list[Callable[[Facts], bool | None]] = []

    def add_to(self, program: Program) -> None:
        """Add a function for each statement."""
        for number, statement in enumerate(self._statements):
            arm = Arm(statement.when, "return True", "return None")
            program.add(f"statement{number}", [arm], "return False")

    def take(self, functions: Mapping[str, Any]) -> None:
        """Take the functions once they are there."""
        self._asked = [functions[f"statement{n}"] for n in range(len(self._statements))]

    def forbids(
        self, facts: Facts, action: Action, rule: str, *, by_person: bool = False
    ) -> ForbiddenAction | None:
        """The first statement that keeps an action from being carried out on these facts."""
        for statement, ask in zip(self._statements, self._asked, strict=True):
            if binds(statement, action, rule, by_person=by_person):
                answer = ask(facts)
                if answer is not False:
                    return ForbiddenAction(statement.name, answer is True)
        return None

    def need_evidence(self, facts: Facts, action: Action, rule: str) -> bool:
        """Whether evidence that is not at hand could still say whether one of them forbids this."""
        return any(
            binds(statement, action, rule)
            and self._conditions.answer(statement.when, facts) == NEEDS
            for statement in self._statements
        )


def in_place_of(made: Evaluation, forbidden: ForbiddenAction) -> Evaluation:
    """The question for a person in the place of an answer that may not be carried out."""
    text = f': "{made.reason}"' if made.action.sends_back and made.reason else ""
    return replace(
        made,
        action=Action.ESCALATE,
        reason=f"{forbidden.sentence}; the rule says {made.action}{text}",
        fields=None,
        note=forbidden.sentence,
        kept_by="statement",
    )
