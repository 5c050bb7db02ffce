"""The forms in which the log leaves the program, and the ways to say which part of it is meant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec

from reviewbot.domain.errors import ConfigError
from reviewbot.domain.lifecycle import State
from reviewbot.ports import Ledger, Logged


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One decision as `log show --format json` writes it; the order is that of the documented form."""

    id: str
    seq: int
    decided_at: datetime
    review: str
    task_id: str
    round: int
    epoch: str | None
    action: str
    rule: str
    reason: str | None
    policy: str
    revision: str
    mode: str
    deadline_at: datetime | None
    outcome: str
    settled_at: datetime | None
    trace: msgspec.Raw
    facts: msgspec.Raw
    deadline_is_estimate: bool | msgspec.UnsetType = msgspec.UNSET
    """There and true where the API states no deadline."""
    second_look: str | msgspec.UnsetType = msgspec.UNSET
    """There where it was decided while the checker was sick: why a person should look again."""


def log_line(logged: Logged, second_look: str | None = None) -> LogLine:
    """Put a decision into the documented form; `second_look` says why it needs one."""
    decision = logged.decision
    return LogLine(
        id=decision.id,
        seq=logged.seq,
        decided_at=decision.decided_at,
        review=decision.review,
        task_id=decision.task_id,
        round=decision.round,
        epoch=decision.epoch,
        action=decision.action.value,
        rule=decision.rule,
        reason=decision.reason,
        policy=decision.policy,
        revision=decision.revision,
        mode=decision.mode.value,
        deadline_at=decision.deadline_at,
        outcome=outcome_of(logged),
        settled_at=logged.settled_at,
        trace=msgspec.Raw(decision.trace),
        facts=msgspec.Raw(decision.facts),
        deadline_is_estimate=decision.deadline_is_estimate or msgspec.UNSET,
        second_look=second_look or msgspec.UNSET,
    )


def outcome_of(logged: Logged) -> str:
    """Name where a decision stands; an intent that nothing is known of yet is `unknown`."""
    state = State.UNKNOWN if logged.state is State.INTENT else logged.state
    return state.value


class SinceType(click.ParamType[datetime]):
    """A moment, or how long ago one was: `2026-06-02T12:00:00Z`, `24h`, `7d`."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it, or say what it looks like."""
        from reviewbot.domain.moments import parse_iso
        from reviewbot.settings import read_seconds

        if isinstance(value, datetime):
            return value
        try:
            return parse_iso(value)
        except ValueError:
            pass
        try:
            return datetime.now(UTC) - timedelta(seconds=read_seconds(value))
        except ConfigError:
            self.fail(f"{value!r} is no moment; write 2026-06-02T12:00:00Z, 24h or 7d", param, ctx)


since_option = click.option(
    "--since", type=SinceType(), help="Only what was decided since: a moment, or 24h, 7d."
)
task_option = click.option(
    "--task", metavar="ID", help="Only one task's; the beginning of its id will do."
)


def chosen(ledger: Ledger, *, task: str | None, since: datetime | None) -> Iterator[Logged]:
    """Walk over the decisions that the options mean, oldest first and a few at a time."""
    for logged in ledger.iter_decisions():
        decision = logged.decision
        if task is not None and not decision.task_id.startswith(task):
            continue
        if since is None or decision.decided_at >= since:
            yield logged
