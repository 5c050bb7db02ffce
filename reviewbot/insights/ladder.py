"""Ladders: what a rule with a `stage:` has shown on its step, and which step is due.

Theory of operation. While it watches, a word of it agrees where the live decision on the round, or
what a person did there, was the same, and speaks against it where a person or a later check did
otherwise. While it decides, each of its decisions agrees that nothing speaks against. What came to
nothing either way counts for neither, so silence takes no rule up by decisions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from reviewbot.insights.grades import Grade, RuleClaim
from reviewbot.insights.scorecard import TOPICS, WATCHES, Graded, graded_claims
from reviewbot.policy.ladder import SHADOW, Stage
from reviewbot.policy.model import Policy
from reviewbot.ports.ledger import Ledger, LogNote
from reviewbot.review.shadow import RULE, SAYS
from reviewbot.safety.ladder import RuleStanding, staged, standings

FEWEST = 20
"""Fewer decisions count as so many, so that one of the first three makes no rule fall."""
WINDOW = timedelta(days=30)
"""How far back is looked at most."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule has shown on its step."""

    agreeing: int = 0
    against: int = 0

    @property
    def share_against(self) -> float:
        """Which share speaks against it; of few decisions as if there were 20."""
        return self.against / max(self.agreeing + self.against, FEWEST)


class DueStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step that is due, and why."""

    standing: RuleStanding
    step: float
    why: str


def shown(
    ledger: Ledger, policy: Policy, found: dict[str, RuleStanding], now: datetime
) -> dict[str, Shown]:
    """What each rule has shown since it came to its step."""
    if not found:
        return {}
    since = max(now - WINDOW, min(standing.since for standing in found.values()))
    notes = ledger.notes(*TOPICS)
    decisions = [
        logged for logged in ledger.decisions(since=since) if logged.decision.policy == policy.name
    ]
    lived = _lived(notes)
    counts = {name: [0, 0] for name in found}
    for answer in graded_claims(decisions, ledger.endings(since), notes):
        standing = found.get(answer.claim.rule)
        if standing is None or not _is_of_its_step(answer.claim, standing):
            continue
        agrees = answer.claim.carried_out or _agreed(answer, lived)
        counts[answer.claim.rule][0] += agrees and not answer.grade.against
        counts[answer.claim.rule][1] += answer.grade.against
    return {name: Shown(agreeing=yes, against=no) for name, (yes, no) in counts.items()}


def _is_of_its_step(claim: RuleClaim, standing: RuleStanding) -> bool:
    """Whether it was said since the rule came to its step, as that step says things."""
    voice = WATCHES if standing.step == SHADOW else ""
    return claim.voice == voice and claim.at >= standing.since


Lived = dict[tuple[str, str, datetime], str]
"""What was decided live where a rule watched: by task, rule and moment."""


def _lived(notes: Iterable[LogNote]) -> Lived:
    return {
        (str(note.value["task"]), str(note.value["says"][1]), note.at): str(note.value["live"][0])
        for note in notes
        if note.topic == SAYS and str(note.value["who"]).startswith(RULE)
    }


def _agreed(answer: Graded, lived: Lived) -> bool:
    """Whether what a rule only said is what was done, or what turned out."""
    claim = answer.claim
    if claim.voice != WATCHES:
        return False
    same = lived.get((claim.task_id, claim.rule, claim.at)) == claim.action.value
    return same or answer.grade in (Grade.RIGHT, Grade.PROBABLY_RIGHT)


def due_steps(ledger: Ledger, policy: Policy, now: datetime) -> list[DueStep]:
    """Which ladders of a policy move now. One that is held by a person does not."""
    moving = {
        name: standing for name, standing in standings(ledger, policy).items() if not standing.held
    }
    stages = {rule.name: rule.stage for rule in staged(policy)}
    due = []
    for name, seen in shown(ledger, policy, moving, now).items():
        stage = stages[name]
        found = None if stage is None else _due(stage, moving[name], seen, now)
        if found is not None:
            due.append(found)
    return due


def _due(stage: Stage, standing: RuleStanding, seen: Shown, now: datetime) -> DueStep | None:
    wrong = stage.overruled is not None and seen.share_against > stage.overruled
    lower, higher = stage.below(standing.step), stage.above(standing.step)
    said = f"{seen.agreeing} decisions agree, {seen.against} were overruled"
    if wrong:
        return None if lower is None else DueStep(standing=standing, step=lower, why=said)
    if higher is None:
        return None
    if stage.agreeing is not None and seen.agreeing >= stage.agreeing:
        return DueStep(standing=standing, step=higher, why=said)
    lasted = now - standing.since
    if stage.after is not None and lasted >= timedelta(seconds=stage.after) and seen.agreeing:
        return DueStep(standing=standing, step=higher, why=f"{said} in {lasted.days} days")
    return None
