"""Recorded reviews judged again: one record in, one answer out, in the form of `policy decide`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec

from reviewbot.domain.decision import NO_RULE, Action
from reviewbot.domain.review import ReviewKind, Subject
from reviewbot.policy.evaluate import Evaluation, Judge
from reviewbot.policy.facts import Facts
from reviewbot.policy.model import AppliesTo


class Recorded(Protocol):
    """A review as it was recorded: of a comment task, or of an account."""

    @property
    def review(self) -> ReviewKind:
        """Which kind of review it is."""

    @property
    def subject(self) -> Subject:
        """The thing itself, under the API's names."""

    @property
    def amount_micros(self) -> int:
        """What an approval pays, in millionths of a US dollar; 0 where it is not known."""

    def facts(self, at: datetime) -> Facts:
        """The facts at the record's own moment, or at `at` where it carries none."""


class Answer(msgspec.Struct, frozen=True):
    """One line of `policy decide`."""

    id: str
    action: Action
    rule: str
    reason: str | None
    until: datetime | None
    cannot_tell: tuple[str, ...]


class NoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The line of `policy decide` in the place of one that could not be read: a person is asked."""

    id: None = None
    action: Action = Action.ESCALATE
    rule: str = NO_RULE
    reason: None = None
    until: None = None
    cannot_tell: tuple[str, ...] = ()
    error: str


NOT_COVERED = Evaluation(Action.ESCALATE, NO_RULE, None, "this policy does not apply to it")
"""What a policy says of a review that it does not cover."""


def opinion(judge: Judge) -> Callable[[Recorded, Facts], Evaluation]:
    """Make the function that says what a policy makes of a record and its facts."""
    scope, decide = judge.policy.applies_to, judge.decide

    def of_any(record: Recorded, facts: Facts) -> Evaluation:
        return decide(facts) if record.review == scope.review else NOT_COVERED

    def of_some(record: Recorded, facts: Facts) -> Evaluation:
        return decide(facts) if covers(scope, record.review, record.subject) else NOT_COVERED

    return of_some if scope.platform or scope.saved_account_id else of_any


def answerer(judge: Judge, at: datetime) -> Callable[[Recorded], Answer]:
    """Make the function that judges a record as it stood and answers in the published form.

    `at` serves the records that carry no moment.
    """
    says = opinion(judge)

    def answer(record: Recorded) -> Answer:
        made = says(record, record.facts(at))
        return Answer(
            record.subject.id, made.action, made.rule, made.reason, made.until, made.cannot_tell
        )

    return answer


def covers(applies_to: AppliesTo, review: ReviewKind, subject: Subject) -> bool:
    """Whether a policy's `applies to` takes this in; an unknown value fits no narrowing."""
    if applies_to.review != review:
        return False
    return (not applies_to.platform or subject.platform in applies_to.platform) and (
        not applies_to.saved_account_id or subject.saved_account_id in applies_to.saved_account_id
    )
