"""Recorded tasks as a policy sees them: nothing but the record, no log and no network."""

from __future__ import annotations

from datetime import datetime

from reviewbot.api.wire import Record
from reviewbot.domain.moments import iso
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.timeline import Timeline
from reviewbot.policy.facts import Facts, build_facts


def facts_of(record: Record, default_at: datetime) -> Facts:
    """Freeze what a record says; `default_at` serves where it names no moment."""
    task = record.task
    confirmed = task.manually_confirmed_at
    evidence = (
        None
        if record.attempts is None
        else Timeline(task_id=task.id, status=task.status, attempts=record.attempts)
    )
    item = ReviewItem(
        review="comments",
        id=task.id,
        epoch=iso(confirmed) if confirmed else None,
        status=task.status,
        started_at=confirmed,
        deadline_at=task.client_dispute_deadline_at,
        account_id=task.saved_account_id,
        subject=task,
    )
    return build_facts(item, now=record.at or default_at, evidence=evidence, past=record.history)
