"""How many simulated hours a second: real client, bot, policy and SQLite ledger over the simulator.

    python benchmarks/simulation.py [--hours 120] [--runs 5] [--write] [--profile]

One core. Ten tasks are ordered every hour; polls are 10 minutes apart, and once more 60 s apart.
The ledger is an SQLite file with every write synced as in production, in a memory file system so
that the disk is not what is measured; the last line has it on the disk. The figure is hours by the
process's own CPU time, the best of the runs: whatever else the machine does only slows them.
With `--write` the figures are kept in docs/benchmarks/simulation.json.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.kept import keep
from reviewbot.config import Settings
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.text import Secret
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build, settle
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport

POLICY = """
policy: benchmark
language: 1
rules:
  - name: sent back once is enough
    when:
      task.times_disputed: at least 1
    then: approve
  - name: checker could not look
    when any:
      - last.outcome_kind: scrape_failed
      - last.comments_scraped: 0
    then: approve
  - name: looked, not there
    always: yes
    then: dispute
    reason: Our check could not find your comment. Please post it exactly as written.
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay when we cannot show what is wrong.
"""


MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A file system in memory, where there is one."""


def _no_file(name: str) -> bytes:
    raise FileNotFoundError(name)


def run(hours: float, every: float, folder: str) -> dict[str, float]:
    """Simulate; give what was counted."""
    world = build_world("week", per_hour=10.0, retention=96 * 3600.0, effects_kept=1000)
    clock = world.clock
    assert isinstance(clock, VirtualClock)
    parsed = parse_policy(POLICY, path="benchmark.yaml", read=_no_file)
    assert parsed.policy is not None, parsed.findings
    settings = Settings(
        api_key=Secret("sk_" + "0" * 64),
        mode=Mode.LIVE,
        ledger=f"sqlite:///{folder}/benchmark-{every:g}.db",
    )
    app = build(
        settings,
        judges=[compile_policy(parsed.policy)],
        transport=SimulatorTransport(world),
        clock=clock,
        chance=lambda: 0.5,
    )
    passes = decisions = failed = 0
    end = clock.monotonic() + hours * 3600
    began = time.process_time(), time.perf_counter()
    while clock.monotonic() < end:
        start = clock.monotonic()
        try:
            summary = poll_once(app)
            decisions += summary.writes
        except ReviewbotError:
            failed += 1
        passes += 1
        clock.sleep(every - (clock.monotonic() - start))
    cpu, wall = time.process_time() - began[0], time.perf_counter() - began[1]
    found = {
        "hours/s of CPU": hours / cpu,
        "hours/s of wall": hours / wall,
        "passes": passes,
        "failed": failed,
        "requests": app.traffic.requests,
        "writes": decisions,
        "ms of CPU per pass": cpu / passes * 1000,
    }
    app.close()
    return found


def best(hours: float, every: float, folder: str | None, runs: int) -> dict[str, float]:
    """The quickest of several runs, each with a new world and a new ledger."""
    found = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(dir=folder) as inner:
            found.append(run(hours, every, inner))
    return max(found, key=lambda figures: figures["hours/s of CPU"])


def main() -> None:
    """Parse the options, run all three, print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--hours", type=float, default=120.0)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--write", action="store_true")
    options.add_argument("--profile", action="store_true")
    chosen = options.parse_args()
    if chosen.profile:
        profile = cProfile.Profile()
        profile.runcall(best, chosen.hours, 600.0, MEMORY, 1)
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return
    best(6.0, 600.0, MEMORY, 1)
    settle()
    where = MEMORY or "the disk"
    figures = {
        f"polls every 10 min, ledger in {where}": best(chosen.hours, 600.0, MEMORY, chosen.runs),
        f"polls every 60 s, ledger in {where}": best(chosen.hours / 4, 60.0, MEMORY, chosen.runs),
        "polls every 10 min, ledger on the disk": best(chosen.hours, 600.0, None, chosen.runs),
    }
    for name, row in figures.items():
        print(name)
        for what, value in row.items():
            print(f"  {what:20} {value:,.1f}")
    if chosen.write:
        rounded = {
            name: {what: round(value, 1) for what, value in row.items()}
            for name, row in figures.items()
        }
        print(keep("simulation", {"hours": chosen.hours, "runs": chosen.runs, "best": rounded}))


if __name__ == "__main__":
    main()
