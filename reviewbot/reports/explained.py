"""An explanation as the lines of an entry."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.explain import Explanation
from reviewbot.policy.trace import Outcome
from reviewbot.reports.document import Line, Tone

_MARKS: dict[Outcome, Tone] = {
    Outcome.MET: "good",
    Outcome.NOT_MET: "plain",
    Outcome.CANNOT_TELL: "care",
}


def told_lines(told: Explanation) -> Iterator[Line]:
    """What the winner saw, why the rules above it did not match, and what one change would bring."""
    for seen in told.seen:
        text = f"{seen.fact} {seen.value}" + (f" ({seen.test})" if seen.test else "")
        yield Line(label=seen.mark.value, text=text.strip(), tone=_MARKS[seen.mark])
    for passed in told.passed:
        yield Line(
            label=passed.mark.value,
            text=f"rule {passed.number}, {passed.rule}: {passed.why}",
            tone=_MARKS[passed.mark],
        )
    if told.nearest is not None:
        yield Line(label="one change away", text=told.nearest)
