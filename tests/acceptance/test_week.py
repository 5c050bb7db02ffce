"""A week of bad weather: nothing is paid by silence that could have been decided, nothing unsaid."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from reviewbot.domain.alarm import AlarmKind
from reviewbot.ledger.open import open_ledger
from reviewbot.simulator.clock import HOUR
from tests.acceptance.checker import violations
from tests.acceptance.week import WINDOW, Week
from tests.proof import proven

SLOW = pytest.mark.slow
STAGES = (24, 6, 1)
Stages = Mapping[tuple[str, str | None, int], list[float]]
OUTAGES = {5.0: 1.0, 16.0: 6.0, 40.0: 24.0, 90.0: 48.0}
"""Hours from the start of the week, and how long each lasts."""


@pytest.mark.parametrize(
    ("tasks", "every"),
    [
        pytest.param(150, 1800.0, id="some", marks=SLOW),
        pytest.param(10_000, 900.0, id="ten thousand", marks=[SLOW, pytest.mark.timeout(1500)]),
    ],
)
def test_nobody_is_paid_by_silence_that_could_have_been_decided(
    tmp_path: Path, tasks: int, every: float
) -> None:
    """Away for 1, 6, 24 and 48 hours, storms and restarts: all is decided or told at 24, 6 and 1."""
    began = time.process_time()
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    week = Week(url, tasks=tasks, hours=168, outages=OUTAGES, every=every)
    week.live_through(restart_every=8.0)

    silent, stages = week.silent(), told_stages(week)
    print(figures(week, time.process_time() - began))
    assert [(task.id, what) for task in silent if (what := week.could_have_decided(task))] == []
    assert len(silent) > tasks / 50
    assert unsaid(week, stages) == []
    assert repeated(week) <= week.cuts
    assert sorted(
        letter.alarm.facts["task_id"] for letter in week.alarms(AlarmKind.SILENCE)
    ) == sorted(task.id for task in silent)

    ledger = open_ledger(url, read_only=True)
    by = {ending.task_id for ending in ledger.endings() if ending.by == "silence"}
    assert by == {task.id for task in silent}
    found = violations(week.world, ledger, strangers=True)
    ledger.close()
    assert [sentence for sentence in found if "silence paid" not in sentence] == []
    proven(
        "loop",
        "P10",
        "tasks of a week with outages to 48 h, paid by silence though they could have been decided",
        f"0 of {len(week.world.tasks):,}",
    )
    proven(
        "loop",
        "P10",
        "tasks of that week that nobody decided, not told of at 24, 6 and 1 hours",
        f"0 of {len(silent):,}",
    )


def repeated(week: Week) -> int:
    """How often the same was told of a round at the same stage once more.

    Told that its turn comes in time, people hear of it again where that is no longer known to be so.
    """
    said = Counter(
        (facts["task_id"], facts["epoch"], facts["hours_left"], facts.get("turn_at") is None)
        for facts in (told.alarm.facts for told in week.alarms(AlarmKind.UNDECIDED))
    )
    return said.total() - len(said)


def told_stages(week: Week) -> Stages:
    """When each round was spoken of, at each stage."""
    found: dict[tuple[str, str | None, int], list[float]] = defaultdict(list)
    for alarm, at in week.alarms(AlarmKind.UNDECIDED):
        facts = alarm.facts
        found[facts["task_id"], facts["epoch"], facts["hours_left"]].append(at)
    return found


def unsaid(week: Week, stages: Stages) -> list[str]:
    """The moments at which nobody was told of a round that silence paid, or too late."""
    found = []
    for task in week.silent():
        assert task.confirmed_at is not None
        seen = week.seen_from(task.confirmed_at)
        for hours in STAGES:
            due = max(seen, task.confirmed_at + WINDOW - hours * HOUR)
            times = stages.get((task.id, week.world.epoch(task), hours))
            if not times or times[0] > due + 2 * week.every + 60:
                found.append(f"{task.id} {hours} h: due {due}, told {times}")
    return found


def figures(week: Week, seconds: float) -> str:
    """What the week was like, for whoever runs it with -s."""
    disturbed = week.weather.faults.seen
    there = max(
        (week.there(task) for task in week.silent() if task.account.platform == "tiktok"),
        default=0.0,
    )
    return (
        f"{len(week.world.tasks)} tasks, {len(week.world.effects)} effects,"
        f" {len(week.world.requests)} requests, {sum(disturbed.values())} faults {dict(disturbed)},"
        f" {week.passes} passes ({week.failed} failed), {week.cuts} cuts at {dict(week.points)},"
        f" {len(week.silent())} silent (with the API there for {there:.0f} s at most),"
        f" {len(week.alarms(AlarmKind.UNDECIDED))} stage alarms in {week.inbox.letters} letters,"
        f" {seconds:.0f} s of CPU"
    )
