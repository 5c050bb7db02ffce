"""How a recorded decision ages: its outcomes, and which may follow which.

Theory of operation. A decision that sends nothing is `held` (or `dry-run`) and stays so until the
round ends or another decision takes its place. One that sends something is first an `intent`, on
disk before the request leaves. The answer turns it into `performed`, `refused`, `void` or `unknown`,
and only reading the API into `settled` or `overtaken`; only reading settles an `unknown`. What was
`void` or `refused` was not done, and may be tried again. At most one decision per (task, epoch) is in
a state of `CLAIMED`; the database enforces it. What the log calls done or overtaken while the list
goes on showing its round was not: reading makes it `void`, for silence would pay it all the same.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class State(StrEnum):
    """Where a decision stands; `log show` calls it the outcome (an open intent shows as `unknown`)."""

    HELD = "held"
    DRY_RUN = "dry-run"
    INTENT = "intent"
    PERFORMED = "performed"
    SETTLED = "settled"
    VOID = "void"
    OVERTAKEN = "overtaken"
    REFUSED = "refused"
    UNKNOWN = "unknown"


NEXT_STATES: dict[State | None, frozenset[State]] = {
    None: frozenset({State.HELD, State.DRY_RUN, State.INTENT}),
    State.HELD: frozenset({State.HELD, State.DRY_RUN, State.INTENT}),
    State.DRY_RUN: frozenset({State.HELD, State.DRY_RUN, State.INTENT}),
    State.INTENT: frozenset(
        {
            State.PERFORMED,
            State.REFUSED,
            State.OVERTAKEN,
            State.VOID,
            State.UNKNOWN,
            State.SETTLED,
        }
    ),
    State.UNKNOWN: frozenset({State.SETTLED, State.OVERTAKEN, State.VOID}),
    State.VOID: frozenset({State.HELD, State.DRY_RUN, State.INTENT}),
    State.REFUSED: frozenset({State.HELD, State.DRY_RUN, State.INTENT}),
    State.PERFORMED: frozenset({State.VOID}),
    State.SETTLED: frozenset({State.VOID}),
    State.OVERTAKEN: frozenset({State.VOID}),
}
"""None is a decision that is not recorded yet."""

CLAIMED = frozenset(
    {
        State.INTENT,
        State.UNKNOWN,
        State.PERFORMED,
        State.SETTLED,
        State.OVERTAKEN,
    }
)
"""The states of an intent that may have ended its round: at most one per (task, epoch)."""

OPEN = frozenset({State.INTENT, State.UNKNOWN})
"""Sent, or perhaps sent, and not yet known to be done or not done."""

DONE = frozenset({State.PERFORMED, State.SETTLED})
"""Known to be done by us."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the append-only log: a decision took on a state. Never changed afterwards."""

    seq: int
    at: datetime
    decision_id: str
    state: State
    note: str | None = None
    request_id: str | None = None
