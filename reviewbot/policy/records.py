"""Recorded reviews judged again: one record in, one answer out, in the form of `policy decide`."""

from __future__ import annotations

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


NOT_COVERED = Evaluation(Action.ESCALATE, NO_RULE, None, "this policy does not apply to it")
"""What a policy says of a review that it does not cover."""


def judge_record(judge: Judge, record: Recorded, at: datetime) -> Evaluation:
    """Judge a record as it stood; `at` serves the records that carry no moment."""
    return judge_facts(judge, record, record.facts(at))


def judge_facts(judge: Judge, record: Recorded, facts: Facts) -> Evaluation:
    """Judge the facts of a record; two judges can share them."""
    scope = judge.policy.applies_to
    if scope.review == record.review and not scope.platform and not scope.saved_account_id:
        return judge.decide(facts)  # A million times over, this is worth its line.
    if not covers(scope, record.review, record.subject):
        return NOT_COVERED
    return judge.decide(facts)


def answer_record(judge: Judge, record: Recorded, at: datetime) -> Answer:
    """Judge a record and give the answer in its published form."""
    made = judge_record(judge, record, at)
    return Answer(
        record.subject.id, made.action, made.rule, made.reason, made.until, made.cannot_tell
    )


def covers(applies_to: AppliesTo, review: ReviewKind, subject: Subject) -> bool:
    """Whether a policy's `applies to` takes this in; an unknown value fits no narrowing."""
    if applies_to.review != review:
        return False
    return (not applies_to.platform or subject.platform in applies_to.platform) and (
        not applies_to.saved_account_id or subject.saved_account_id in applies_to.saved_account_id
    )
