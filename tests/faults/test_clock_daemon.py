"""The daemon as a process whose clock is faked: time changes in four zones, and steps of days."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reviewbot.ledger.open import open_ledger
from reviewbot.simulator import scenarios
from reviewbot.simulator.clock import PacedClock
from reviewbot.simulator.world import World
from tests.acceptance.process import Bot, ledger_url, running
from tests.faults.test_clock_steps import ASKS
from tests.proof import proven

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Santiago")
EVERY = 4.0
"""Seconds between polls; a gap of half as much more is too long."""
BEFORE = 40.0
"""Seconds before the time change at which a daemon starts."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        LIBRARY is None, reason="faketime is not installed, so wrong clocks are NOT tested here"
    ),
]


@dataclass
class Case:
    """One daemon, its world, and the file that sets its clock."""

    zone: str
    change: datetime
    world: World
    clock: PacedClock
    offset: float
    file: Path
    folder: Path
    bot: Bot | None = None

    def step(self, seconds: float) -> None:
        """Set the daemon's clock so far from the world's."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{self.offset + seconds:+.3f}\n")
        new.replace(self.file)

    def polls(self) -> list[float]:
        """When the first page of the list was asked for, by the world's own clock."""
        return [line.at for line in self.world.requests if line.path.endswith("/comments")]


def test_neither_time_changes_nor_steps_move_a_poll_an_act_or_a_chore(tmp_path: Path) -> None:
    """Polls stay in step, nothing falls due early, and the hourly chore comes with the hour."""
    assert LIBRARY is not None
    cases = [_case(tmp_path, zone, change) for zone in ZONES for change in _changes(ZoneInfo(zone))]
    assert len(cases) == 8
    with ExitStack() as stack:
        for case in cases:
            env: dict[str, Any] = {
                "TZ": case.zone,
                "LD_PRELOAD": str(LIBRARY),
                "FAKETIME_TIMESTAMP_FILE": str(case.file),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "REVIEWBOT_EVERY": f"{EVERY:g}s",
                "REVIEWBOT_CLOCK_BRAKE": "30d",
            }
            case.bot = stack.enter_context(running(case.world, case.folder, "--live", **env))
        for case in cases:
            assert case.bot is not None
            case.bot.wait_for("pass")
        _wait(max(0.0, *(case.change.timestamp() - case.clock.time for case in cases)) + EVERY)
        for step in (timedelta(days=3), timedelta(days=-3), timedelta(0)):
            for case in cases:
                case.step(step.total_seconds())
            _wait(2.5 * EVERY)
        before = {case.folder: _said(case, "checkpoint") for case in cases}
        for case in cases:
            case.step(3598 - case.clock.time % 3600)
        _wait(3.0 * EVERY)

        for case in cases:
            assert case.bot is not None
            assert _said(case, "checkpoint") > before[case.folder], f"{case.zone}: no chore ran"
            case.bot.send(signal.SIGTERM)
        for case in cases:
            assert case.bot is not None
            assert case.bot.ended() == 0
    for case in cases:
        _was_right(case)
    proven("faults", "P14", "zones x time changes, with steps of 3 days each way", len(cases))


def _was_right(case: Case) -> None:
    polls = case.polls()
    gaps = [later - earlier for earlier, later in pairwise(polls)]
    assert len(polls) > 8
    assert max(gaps) <= 1.5 * EVERY, f"{case.zone} {case.change}: {gaps}"
    assert [effect for effect in case.world.effects if effect.by == "client"] == []
    ledger = open_ledger(ledger_url(case.folder), read_only=True)
    try:
        assert ledger.verify().whole
        start = datetime.fromtimestamp(case.clock.time, UTC)
        times = [logged.decision.decided_at for logged in ledger.decisions()]
        assert times
        assert all(abs(at - start) < timedelta(minutes=5) for at in times)
    finally:
        ledger.close()


def _case(folder: Path, zone: str, change: datetime) -> Case:
    place = folder / f"{zone.replace('/', '-')} {change:%B}"
    place.mkdir()
    (place / "policy.yaml").write_text(ASKS)
    start = change - timedelta(seconds=BEFORE)
    clock = PacedClock(start)
    world = scenarios.build(
        "backlog", now=start, clock=clock, tasks=3, soonest=60.0, requests_kept=None
    )
    offset = start.timestamp() - time.time() + (clock.time - start.timestamp())
    case = Case(zone, change, world, clock, offset, place / "offset", place)
    case.step(0.0)
    return case


def _changes(zone: ZoneInfo, year: int = 2026) -> list[datetime]:
    """When clocks of a zone are set within a year, to the minute, in UTC."""
    start = datetime(year, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(minutes=30 * n) for n in range(2 * 24 * 365)]
    return [
        later
        for earlier, later in pairwise(moments)
        if earlier.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset()
    ]


def _wait(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251  the daemons run in real time


def _said(case: Case, name: str) -> int:
    """How often the daemon has said something so far."""
    assert case.bot is not None
    while not case.bot.events.empty():
        case.bot.seen.append(case.bot.events.get())
    return sum(event.get("event") == name for event in case.bot.seen)
