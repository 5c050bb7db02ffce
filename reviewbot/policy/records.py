"""Recorded tasks judged again: one record in, one answer out, in the form of `policy decide`."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from reviewbot.domain.comments import CommentTask
from reviewbot.domain.decision import NO_RULE, Action
from reviewbot.domain.timeline import Attempt
from reviewbot.policy.evaluate import Evaluation, Judge
from reviewbot.policy.facts import Facts, History, attempts_of_round, last_attempt, summarise
from reviewbot.policy.model import AppliesTo


class Recorded(Protocol):
    """A task as it was recorded. `attempts` None means that they are not known."""

    @property
    def task(self) -> CommentTask:
        """The task's own fields."""

    @property
    def attempts(self) -> tuple[Attempt, ...] | None:
        """Every attempt, of all rounds, in any order."""

    @property
    def history(self) -> History:
        """What the log remembered."""

    @property
    def at(self) -> datetime | None:
        """The moment to judge it at."""


class Answer(msgspec.Struct, frozen=True):
    """One line of `policy decide`."""

    id: str
    action: Action
    rule: str
    reason: str | None
    until: datetime | None
    cannot_tell: tuple[str, ...]


_NOT_COVERED = Evaluation(Action.ESCALATE, NO_RULE, None, "this policy does not apply to the task")


def facts_of_record(record: Recorded, at: datetime) -> Facts:
    """Put a record into facts; its own moment wins over `at`."""
    task, past = record.task, record.history
    attempts = None if record.attempts is None else attempts_of_round(record.attempts, past)
    return Facts(
        now=record.at or at,
        started_at=task.manually_confirmed_at,
        deadline_at=task.client_dispute_deadline_at,
        past=past,
        task=task,
        attempts=attempts,
        last=last_attempt(attempts),
        checks=summarise(attempts),
    )


def judge_record(judge: Judge, record: Recorded, at: datetime) -> Evaluation:
    """Judge a record as it stood; `at` serves the records that carry no moment."""
    if not covers(judge.policy.applies_to, record.task):
        return _NOT_COVERED
    return judge.decide(facts_of_record(record, at))


def answer_record(judge: Judge, record: Recorded, at: datetime) -> Answer:
    """Judge a record and give the answer in its published form."""
    made = judge_record(judge, record, at)
    return Answer(record.task.id, made.action, made.rule, made.reason, made.until, made.cannot_tell)


def covers(applies_to: AppliesTo, task: CommentTask) -> bool:
    """Whether a policy's `applies to` takes this task in; an unknown value fits no narrowing."""
    return (not applies_to.platform or task.platform in applies_to.platform) and (
        not applies_to.saved_account_id or task.saved_account_id in applies_to.saved_account_id
    )
