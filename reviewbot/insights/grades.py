"""Grades: what became known later of one decision, and what that proves.

Theory of operation. A rule that pays claims that the comment was there; one that sends back claims
that it was not. Both claims are about one moment, so what happens later is asked one question: was
it there *then*? The answer, where there is one, grades the live rule, the rule that wanted to act
and was held, the dry run and the shadow alike, whoever really acted.

What each later event proves stands in a table of `docs/policy-guide.md`, which the tests go through
row by row. What is missing now was not there then; what is found now proves something only where it
was posted before the decision, for whoever is sent back posts again, also who had posted before.
After an approval the task is final, so usually nothing comes back.

A person's word on the same round comes first, and then what was found comes before what was missed.
What a person decided otherwise is called overruled, not wrong: it says who differed, not who erred.
A person's word is final here; people are not graded. Of accounts nothing but people's words is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.domain.review import ReviewKind
from reviewbot.domain.task import Attempt, posted_at

QUICK = timedelta(minutes=5)
"""Sooner after a dispute nobody has read it, posted, and waited out the checker's half minute."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""How much earlier than the decision a comment must have been posted to count as earlier."""
WHOLE_PAGE = range(1, 100)
"""So many comments read are all there are; 100 may be a page that was cut."""


class Grade(StrEnum):
    """How one decision turned out."""

    RIGHT = "right"
    PROBABLY_RIGHT = "probably right"
    PROBABLY_WRONG = "probably wrong"
    OVERRULED = "overruled"
    CANNOT_KNOW = "cannot know"

    __hash__ = str.__hash__

    @property
    def against(self) -> bool:
        """Whether it speaks against the rule."""
        return self in (Grade.PROBABLY_WRONG, Grade.OVERRULED)


class RuleClaim(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule said of one round: that it is to be paid, or to be sent back.

    `voice` is empty for the policy that decides; in the shadow it is who spoke.
    """

    voice: str = ""
    rule: str
    action: Action
    review: ReviewKind
    task_id: str
    epoch: str | None
    at: datetime
    micros: int = 0
    carried_out: bool = False


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody looked at a round and ended it."""

    epoch: str | None
    at: datetime
    pays: bool
    by: str


class Aftermath(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one thing: who acted on its rounds, and every check of it."""

    acts: tuple[Act, ...] = ()
    checks: tuple[Attempt, ...] = ()


NOTHING_LATER = Aftermath()


class GradeEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it was there at the moment of a claim, on whose word, and why we think so."""

    there: bool
    person: bool
    why: str


def grade(claim: RuleClaim, found: GradeEvidence | None) -> Grade:
    """Hold a claim against what was found."""
    if found is None:
        return Grade.CANNOT_KNOW
    if claim.action.pays is found.there:
        return Grade.RIGHT if found.person else Grade.PROBABLY_RIGHT
    return Grade.OVERRULED if found.person else Grade.PROBABLY_WRONG


def find(claim: RuleClaim, later: Aftermath) -> GradeEvidence | None:
    """Was it there when the claim was made? None where nothing that came later tells."""
    for act in later.acts:
        if act.epoch == claim.epoch:
            what = "paid it" if act.pays else "sent it back"
            return GradeEvidence(there=act.pays, person=True, why=f"{act.by} {what}")
    return _by_checks(claim, later.checks) or _by_later_rounds(claim, later.acts)


def _by_checks(claim: RuleClaim, checks: Sequence[Attempt]) -> GradeEvidence | None:
    known = {check.found_comment_id for check in checks if _before(check, claim.at)}
    after = [
        check for check in checks if check.scraped_at is not None and check.scraped_at > claim.at
    ]
    for check in after:
        if check.outcome_kind == "verified" and (why := _stood_there(check, claim, known)):
            return GradeEvidence(there=True, person=False, why=why)
    for check in after:
        if why := _missing(check):
            return GradeEvidence(there=False, person=False, why=why)
    return None


def _before(check: Attempt, at: datetime) -> bool:
    found = check.found_comment_id is not None and check.scraped_at is not None
    return found and check.outcome_kind == "verified" and check.scraped_at <= at  # type: ignore[operator]


def _stood_there(check: Attempt, claim: RuleClaim, known: set[str | None]) -> str | None:
    """Why the comment that a later check found was there at the claim; None where that is open."""
    posted, scraped = posted_at(check), check.scraped_at
    assert scraped is not None
    if posted is not None:
        if posted >= claim.at - CLOCKS_DIFFER:
            return None
        return f"a check found it, posted {_before_claim(claim.at - posted)} before the decision"
    if check.found_comment_id in known:
        return "a check found the comment that a check before the decision had found"
    if claim.action.sends_back and claim.carried_out and scraped - claim.at <= QUICK:
        return "a check found it within 5 minutes, too soon for a new comment"
    return None


def _missing(check: Attempt) -> str | None:
    """Why a check shows that the ordered comment was not there; None where it shows nothing."""
    match check.outcome_kind:
        case "wrong_text":
            return "a later check found another text"
        case "wrong_account":
            return "a later check found it on another account"
        case "couldnt_verify" if check.comments_scraped in WHOLE_PAGE:
            return f"a later check read all {check.comments_scraped} comments: not there"
    return None


def _by_later_rounds(claim: RuleClaim, acts: Sequence[Act]) -> GradeEvidence | None:
    for act in acts:
        if act.at > claim.at and not act.pays:
            return GradeEvidence(there=False, person=False, why=f"{act.by} sent a later round back")
    return None


def _before_claim(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} minutes"
