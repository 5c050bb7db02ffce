"""The ladder of a rule: it watches first, then decides a share of the tasks, then all of them.

On which step a rule stands is no matter of its text: `now:` says where it begins, and the log where it
has come to. A judge is told by `Facts.stages`; without a word on a rule it stands where it begins.
"""

from __future__ import annotations

import msgspec

SHADOW, LIVE = 0.0, 1.0
MIDDLE = 0.25
"""The share of the step between, where the policy names none."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rule begins, and what moves it. A step is the share of tasks for which it decides.

    It climbs after `agreeing` decisions or `after` seconds, whichever of the two is given, and goes
    down a step where more than `overruled` of its decisions turned out wrong.
    """

    now: float
    agreeing: int | None = None
    after: float | None = None
    overruled: float | None = None

    @property
    def steps(self) -> tuple[float, ...]:
        """Every step, from the lowest."""
        return (SHADOW, self.now if SHADOW < self.now < LIVE else MIDDLE, LIVE)

    def above(self, step: float) -> float | None:
        """The next step up; None at the top."""
        return next((share for share in self.steps if share > step), None)

    def below(self, step: float) -> float | None:
        """The next step down; None at the bottom."""
        return next((share for share in reversed(self.steps) if share < step), None)


def step_name(step: float) -> str:
    """The word of the language for a step."""
    return {SHADOW: "shadow", LIVE: "live"}.get(step, f"{step * 100:g}%")
