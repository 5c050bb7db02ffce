"""How many simulated hours a second: real client, bot, policy and SQLite ledger over the simulator.

    python benchmarks/simulation.py [--hours 240] [--profile]

One core. Ten tasks are ordered every hour; polls are 10 minutes apart, and once more 60 s apart.
The ledger is an SQLite file with every write synced as in production, on a memory file system.
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

from reviewbot.bootstrap import build
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ReviewbotError
from reviewbot.policy.compile import compile_policy
from reviewbot.policy.parse import parse_policy
from reviewbot.service.poll import poll_once
from reviewbot.settings import Secret, Settings
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
"""The ledger lies in memory where that is possible: the disk is not what is measured."""


def _no_file(name: str) -> bytes:
    raise FileNotFoundError(name)


def run(hours: float, every: float, folder: str) -> dict[str, float]:
    """Simulate; give what was counted."""
    world = build_world("week", per_hour=10.0, retention=96 * 3600.0, effects_kept=1000)
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
        clock=world.clock,
        chance=lambda: 0.5,
    )
    passes = decisions = failed = 0
    end = world.clock.monotonic() + hours * 3600
    began = time.process_time(), time.perf_counter()
    while world.clock.monotonic() < end:
        start = world.clock.monotonic()
        try:
            summary = poll_once(app)
            decisions += summary.writes
        except ReviewbotError:
            failed += 1
        passes += 1
        world.clock.sleep(every - (world.clock.monotonic() - start))
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


def main() -> None:
    """Parse the options, run both, print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--hours", type=float, default=240.0)
    options.add_argument("--profile", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        run(6.0, 600.0, folder)
        for every in (600.0, 60.0):
            hours = chosen.hours if every == 600.0 else chosen.hours / 4
            profile = cProfile.Profile()
            if chosen.profile and every == 600.0:
                profile.enable()
            with tempfile.TemporaryDirectory(dir=MEMORY) as inner:
                found = run(hours, every, inner)
            profile.disable()
            print(f"polls every {every:g} s, {hours:g} simulated hours")
            for name, value in found.items():
                print(f"  {name:20} {value:,.1f}")
            if chosen.profile and every == 600.0:
                pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
