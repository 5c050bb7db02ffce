"""What happened, line by line and in order: calls, effects, words of the log, and what people were told.

Every level of test writes the same lines (the simulation, a process that is killed), and one checker
reads them. A line is a plain value, so a history can be kept as NDJSON and checked again elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

R = TypeVar("R", bound="Record")
Kind = Literal["bot", "person"]
How = Literal["stop", "crash", "fatal", "kill"]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """One line. `at` is in POSIX seconds of the API's own clock."""

    at: float


class Scene(Record, frozen=True, kw_only=True):
    """What the checker must know about a run: polls every so many seconds, caps of the policies."""

    every: float
    limit: int = 120
    quarantine: float = 900.0
    freshness: float = 60.0
    decide_by: float = 3 * 3600.0
    caps: dict[str, int] = {}
    """approvals per hour, disputes per hour, millionths of a dollar per day, by the cap's name."""
    pays: tuple[str, ...] = ()
    """The policies whose fallback pays what nobody decided."""
    holds: dict[str, float] = {}
    """For how many seconds a rule's decisions lie sealed before they are sent, by its name."""


class Born(Record, frozen=True, kw_only=True):
    """A process began: the bot, or a person's command beside it."""

    who: int
    kind: Kind


class Gone(Record, frozen=True, kw_only=True):
    """A process ended: in order, by a crash at a point, or by itself with an exit code."""

    who: int
    how: How
    point: str | None = None


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """A task as a client read it."""

    task: str
    epoch: str | None
    status: str | None = None
    version: str | None = None


class Skewed(Record, frozen=True, kw_only=True):
    """For a time the API's clock, or that of some of its nodes, is off by so many seconds.

    Or the `machine`'s: that the bot must see through, except where a process left only its word.
    """

    start: float
    end: float
    skew: float
    machine: bool = False


class Truth(msgspec.Struct, frozen=True, array_like=True):
    """What was true of a task when a write about it left: its newest check, and its past.

    Of an account: how often it was sent back, and the fields in which it `differs`. `checked_at`: when
    that check was made; it says nothing of a round if an earlier one ended later.
    """

    outcome: str | None
    scraped: int | None
    disputes: int
    deadline: float | None
    differs: tuple[str, ...] | None = None
    checked_at: float | None = None


class Sent(Record, frozen=True, kw_only=True):
    """A request left a process. The rest is for writes on one task."""

    who: int
    call: int
    method: str
    path: str
    task: str | None = None
    action: str | None = None
    key: str | None = None
    truth: Truth | None = None


class Heard(Record, frozen=True, kw_only=True):
    """What came back. `clear`: a whole answer that says what became of the request."""

    who: int
    call: int
    clear: bool = False
    status: int | None = None
    error: str | None = None
    retry_after: float | None = None
    shows: tuple[Shown, ...] = ()


class Effect(Record, frozen=True, kw_only=True):
    """The API changed a task because somebody asked for it."""

    task: str
    epoch: str | None
    action: str
    by: str
    key: str | None = None


class Wrote(Record, frozen=True, kw_only=True):
    """A word of the decision log, committed."""

    who: int
    verb: Literal["record", "intend", "mark", "sight", "end", "note"]
    task: str | None = None
    epoch: str | None = None
    id: str | None = None
    action: str | None = None
    state: str | None = None
    rule: str | None = None
    policy: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    amount: int | None = None
    evidence: bool = False
    held_by: str | None = None
    until: datetime | None = None
    by: str | None = None
    topic: str | None = None
    subject: str | None = None
    value: dict[str, Any] | None = None


class PauseFile(Record, frozen=True, kw_only=True):
    """Somebody put the file PAUSE there, or took it away."""

    word: str | None


class LogMoved(Record, frozen=True, kw_only=True):
    """Somebody took the log's files away, or put others in their place; or put them back."""

    away: bool


class Acted(Record, frozen=True, kw_only=True):
    """Somebody interfered: a person, another tool, or what goes wrong."""

    deed: str


class Said(Record, frozen=True, kw_only=True):
    """What a screen said would become of a round: how it ends, and when."""

    screen: str
    task: str
    epoch: str
    end: str
    due: float | None


class Passed(Record, frozen=True, kw_only=True):
    """A pass ended, well or not."""

    who: int
    began: float
    stopped: str | None = None
    error: str | None = None
    braked: bool = False
    faults: int = 0
    """How many of its calls met a fault that may have hurt all of it."""
    lists: int = 0
    """How many of these were lists that contradicted their own count."""
    spoiled: tuple[str, ...] = ()
    """The things that absurd values hit in it; they may hurt nothing else."""


class Told(Record, frozen=True, kw_only=True):
    """An alarm arrived."""

    kind: str
    task: str | None = None
    epoch: str | None = None
    hours: int | None = None


class Answered(Record, frozen=True, kw_only=True):
    """A person answered a round, and no call of that met a fault.

    `late`: the person was told to be too late; `waits`: the round waited, before and after.
    """

    task: str
    epoch: str
    late: bool
    waits: bool


class Round(Record, frozen=True, kw_only=True):
    """A round as it really was, told at the end; `by` is None while it waits."""

    task: str
    epoch: str
    began: float
    deadline: float
    by: str | None
    policy: str
    estimated: bool = False
    """Whether the API does not say the deadline: the bot counts from when it first saw the round."""
    account: str | None = None
    """Whose comment it is."""


class Log(Record, frozen=True, kw_only=True):
    """What the log said of itself at the end."""

    problems: tuple[str, ...] = ()
    disagree: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    decisions: int = 0


class History(list[Record]):
    """The lines of one run, in the order in which they happened."""

    def of(self, kind: type[R]) -> Iterator[tuple[int, R]]:
        """Every line of a kind, with its place."""
        for place, line in enumerate(self):
            if isinstance(line, kind):
                yield place, line

    def dump(self, path: Path) -> None:
        """Keep it as NDJSON."""
        path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in self))

    @classmethod
    def load(cls, path: Path) -> History:
        """Read it back."""
        lines = path.read_bytes().splitlines()
        return cls(msgspec.json.decode(line, type=_ANY) for line in lines)


_ANY: Any = (
    Scene
    | Skewed
    | Born
    | Gone
    | Sent
    | Heard
    | Effect
    | Wrote
    | PauseFile
    | LogMoved
    | Acted
    | Said
    | Passed
    | Told
    | Answered
    | Round
    | Log
)
