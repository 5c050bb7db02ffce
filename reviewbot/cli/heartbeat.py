"""The heartbeat: after each pass the running bot says in a small file how it is; `status` reads it.

A file and not the decision log: nothing of it has to be kept, and it must be readable when the
log is not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from reviewbot.domain.errors import ReviewbotError

if TYPE_CHECKING:
    from reviewbot.service.app import App
    from reviewbot.service.poll import PassSummary

MISSED = 5
"""Polls without a good pass after which the bot is not healthy."""
LEAST_PATIENCE = timedelta(minutes=5)


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that judges now."""

    name: str
    revision: str
    path: str


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """How the bot was after its newest pass."""

    at: datetime
    pid: int
    mode: str
    every: float
    policies: tuple[Running, ...] = ()
    brake: str | None = None
    """Why nothing may be sent, whatever the policy says."""
    error: str | None = None
    """Why the newest pass failed or ended early."""
    good_at: datetime | None = None
    """When a pass last went through."""
    waiting: int = 0
    left: int = 0
    """How many of those the pass under way has not reviewed yet."""
    undecided: int = 0
    first_deadline_at: datetime | None = None
    first_deadline_is_estimate: bool = False
    """The next moment at which silence would pay for an undecided task."""
    in_quarantine: int = 0
    failing: int = 0
    """Things whose review failed when it was last tried."""
    dead_letters: int = 0
    """How many of those fail again and again."""
    unheard: dict[str, int] = {}
    """Alarms of the last day that no channel has taken, by kind."""
    requests: int = 0
    writes: int = 0
    remaining: int | None = None
    """Requests that the API last said are left on the key."""

    def is_healthy(self, now: datetime) -> bool:
        """Whether a pass went through not long ago."""
        return self.good_at is not None and now - self.good_at <= self._patience

    def is_alive(self, now: datetime) -> bool:
        """Whether a pass was made not long ago, also one that failed."""
        return now - self.at <= self._patience

    @property
    def _patience(self) -> timedelta:
        return max(MISSED * timedelta(seconds=self.every), LEAST_PATIENCE)


def beat_path(ledger: str, state_folder: Path) -> Path:
    """Where the heartbeat of the bot on this ledger lies: beside an SQLite file, or by itself."""
    if ledger.startswith("sqlite:///"):
        return Path(unquote(ledger.removeprefix("sqlite:///")) + ".status.json")
    return state_folder / "reviewbot.status.json"


def read_beat(path: Path) -> Beat | None:
    """Read the newest heartbeat; None where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Beat)
    except (OSError, msgspec.DecodeError):
        return None


def beating_poll(
    path: Path, every: float, make: Callable[[App], PassSummary]
) -> Callable[[App], PassSummary]:
    """Make a pass, or a stretch of one, that leaves a heartbeat, also when it fails."""
    before = read_beat(path)
    good_at = None if before is None else before.good_at
    summary: PassSummary | None = None

    def poll(app: App) -> PassSummary:
        nonlocal good_at, summary
        try:
            summary = make(app)
        except ReviewbotError as error:
            _write(path, _beat(app, every, good_at, str(error), summary), app)
            raise
        if summary.stopped is None:
            good_at = summary.ended_at
        _write(path, _beat(app, every, good_at, summary.stopped, summary), app)
        return summary

    return poll


def _beat(
    app: App,
    every: float,
    good_at: datetime | None,
    error: str | None,
    summary: PassSummary | None,
) -> Beat:
    """How the bot is now; what waits is as the newest pass that could list it has seen it."""
    from reviewbot.service.judging import DEAD_LETTER
    from reviewbot.service.poll import undecided

    tries = [trouble.tries for bench in app.benches for trouble in bench.troubles.values()]
    policies = tuple(
        Running(name=judge.policy.name, revision=judge.policy.revision, path=judge.policy.path)
        for bench in app.benches
        for judge in bench.judges
    )
    open_now = undecided(app.benches)
    return Beat(
        at=app.clock.now(),
        pid=os.getpid(),
        mode=app.mode.value,
        every=every,
        policies=policies,
        brake=app.brake(),
        error=error,
        good_at=good_at,
        requests=app.traffic.requests,
        writes=app.traffic.writes,
        remaining=app.traffic.remaining,
        waiting=max(0 if summary is None else summary.waiting, len(open_now)),
        left=0 if summary is None else summary.left,
        undecided=len(open_now),
        first_deadline_at=next((one.deadline_at for one in open_now), None),
        first_deadline_is_estimate=any(one.deadline_is_estimate for one in open_now[:1]),
        in_quarantine=0 if summary is None else summary.in_quarantine,
        failing=len(tries),
        dead_letters=sum(count >= DEAD_LETTER for count in tries),
        unheard=dict(app.alarms.unheard()),
    )


def _write(path: Path, beat: Beat, app: App) -> None:
    """Replace the file as a whole, so that a reader never sees half of it."""
    new = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(msgspec.json.encode(beat))
        new.replace(path)
    except OSError as error:
        app.events("heartbeat not written", level="warning", error=str(error))
