"""Builders of decisions: each makes a valid one, and a test changes what it is about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from reviewbot.domain.decision import Action, Decision, Mode, decision_id
from reviewbot.policy.model import BeforeDeadline, Deadline, Fallback, Policy, Then
from tests.builders import CONFIRMED

EPOCH = "2026-06-02T12:00:00Z"


def after(**time: float) -> datetime:
    """So long after the round's window opened."""
    return CONFIRMED + timedelta(**time)


def a_decision(action: Action = Action.APPROVE, **changes: Any) -> Decision:
    """An approval of the first round of task `t1` by a rule."""
    fields: dict[str, Any] = {
        "review": "comments",
        "task_id": "t1",
        "round": 1,
        "epoch": EPOCH,
        "action": action,
        "rule": "posted as asked",
        "policy": "comments",
        "revision": "c0ffee" * 10,
        "mode": Mode.LIVE,
        "decided_at": after(hours=1),
        "account_id": "a1",
        "amount_micros": 240_000,
        "trace": b'[{"rule":"posted as asked"}]',
        "facts": b'{"task":{"id":"t1"}}',
    }
    fields |= changes
    name = decision_id(fields["review"], fields["task_id"], fields["epoch"], action)
    return Decision(**({"id": name} | fields))


def a_policy(**changes: Any) -> Policy:
    """A policy that leaves everything to a person."""
    fields: dict[str, Any] = {
        "name": "comments",
        "language": 1,
        "path": "policies/comments.yaml",
        "source": "policy: comments\n",
        "revision": "c0ffee" * 10,
        "rules": (),
        "deadline": Deadline(
            decide_by=BeforeDeadline(seconds=3600.0),
            fallbacks=(Fallback(when=None, then=Then(action=Action.ESCALATE)),),
        ),
        "files": (("vip.txt", "one\ntwo\n"),),
    }
    return Policy(**(fields | changes))
