"""What grows: the pass with the log, memory with the polls, and what a decision asks of the rate budget.

    python -m benchmarks.growth [passes memory budget] [--decisions 1000000] [--polls 10000] [--tasks 1000] [--write]

Three figures, each beside what it is compared with, in one run. The same simulated queue is worked
on with an empty log and with one that already holds two years of decisions of the same policy, pass
by pass in turn: CPU time of the passes. That past ends a month before, so that what happened lately
is the same for both. One bot then polls ten thousand times an API that is simulated in another
process: its own resident memory and open files, from when as much is open as ever will be. And a
backlog is worked off: requests per decision, and how much of the rate budget is used while there
is something to do. With `--write` the figures are kept in docs/benchmarks/growth.json.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.elsewhere import Dated, elsewhere
from benchmarks.kept import keep
from benchmarks.ledger import fill
from benchmarks.simulation import MEMORY, POLICY
from reviewbot.config import Settings
from reviewbot.domain.decision import Mode
from reviewbot.domain.text import Secret
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build, settle
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.scenarios import START
from reviewbot.tokportal.rate_limit import DEFAULT_LIMIT, SHARE
from tests.acceptance.house import KEY, house, judge_of

QUEUE: dict[str, Any] = {"per_hour": 10.0, "retention": 24 * 3600.0, "effects_kept": 100}
PAST_UNTIL = START - timedelta(days=31)
FIRST = 6
"""Passes that are not counted: they open files and fill caches."""
WARM = 5_000
"""Polls before memory counts: for more than 72 hours ever more is open, until the first rounds end."""
LONG = 20_000
"""Decisions of a log on which the database's own cache is full after a few writes, as it will be."""
EVERY = 1_000
"""Polls between two looks at memory."""


def passes(decisions: int, hours: float, folder: Path) -> dict[str, Any]:
    """The same hours of work with an empty and with a large log, pass by pass in turn."""
    path = folder / "large.db"
    size = with_a_past(path, decisions)
    with ExitStack() as stack:
        bots = {
            name: stack.enter_context(
                house("week", ledger=f"sqlite:///{folder}/{name}.db", **QUEUE)
            )
            for name in ("empty", "large")
        }
        spent: dict[str, list[float]] = {name: [] for name in bots}
        settle()
        for number in range(round(hours * 6)):
            turn = list(bots.items())
            for name, bot in turn if number % 2 else reversed(turn):
                bot.clock.sleep(600)
                began = time.process_time()
                bot.poll()
                spent[name].append(time.process_time() - began)
        writes = {name: bot.app.traffic.writes for name, bot in bots.items()}
    assert writes["empty"] == writes["large"] > 0, writes
    totals = {name: sum(seconds[FIRST:]) for name, seconds in spent.items()}
    count = len(spent["large"]) - FIRST
    return {
        "decisions": decisions,
        "bytes per decision": round(size / decisions),
        "passes": count,
        "writes": writes["large"],
        "ms of CPU per pass, empty log": round(totals["empty"] / count * 1000, 3),
        "ms of CPU per pass, large log": round(totals["large"] / count * 1000, 3),
        "ratio": round(totals["large"] / totals["empty"], 3),
    }


def with_a_past(path: Path, decisions: int) -> int:
    """Make a log that holds so many decisions; give its size."""
    ledger = open_ledger(f"sqlite:///{path}")
    assert isinstance(ledger, SqlLedger)
    fill(ledger, decisions, PAST_UNTIL, "acceptance")
    ledger.close()
    return path.stat().st_size


def memory(polls: int, folder: Path) -> dict[str, Any]:
    """Resident memory and open files of one bot that polls a minute apart, the API elsewhere."""
    clock = VirtualClock(START)
    with_a_past(folder / "polls.db", LONG)
    found: dict[int, tuple[float, int]] = {}
    with elsewhere("week", **QUEUE) as url:
        settings = Settings(
            api_key=Secret(KEY), base_url=url, mode=Mode.LIVE, ledger=f"sqlite:///{folder}/polls.db"
        )
        transport = Dated(clock)
        app = build(
            settings,
            judges=[judge_of()],
            transport=transport,
            clock=clock,
            chance=lambda: 0.5,
        )
        settle()
        for number in range(1, WARM + polls + 1):
            poll_once(app)
            clock.sleep(60)
            if number % EVERY == 0:
                gc.collect()
                found[number] = resident(), open_files()
                print(f"{number:,} polls: {found[number]}", file=sys.stderr)
        writes = app.traffic.writes
        app.close()
        transport.close()
    before, after = found[WARM], found[max(found)]
    return {
        "polls": max(found) - WARM,
        "writes": writes,
        "grown by, megabytes": round(after[0] - before[0], 1),
        "open files before": before[1],
        "most open files since": max(
            files for number, (_, files) in found.items() if number >= WARM
        ),
        "megabytes after so many polls": {
            f"{number:,}": round(megabytes, 1) for number, (megabytes, _) in found.items()
        },
    }


def resident() -> float:
    """Megabytes of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def open_files() -> int:
    """Files and sockets that this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def budget(tasks: int) -> dict[str, Any]:
    """A backlog of which every task is sent something, after a look at its evidence, until none is left."""
    with house("backlog", tasks=tasks, policy=POLICY) as bot:
        began, sent = bot.clock.monotonic(), -1
        while bot.app.traffic.writes > sent:
            sent, requests = bot.app.traffic.writes, bot.app.traffic.requests
            ended = bot.clock.monotonic()
            bot.poll()
        minutes = (ended - began) / 60
        allowed = SHARE * DEFAULT_LIMIT
    return {
        "tasks": tasks,
        "decisions sent": sent,
        "requests": requests,
        "requests per decision": round(requests / sent, 2),
        "simulated minutes": round(minutes, 1),
        "requests per minute": round(requests / minutes, 1),
        "share of the allowed rate": round(requests / minutes / allowed, 3),
    }


def main(arguments: Sequence[str]) -> None:
    """Measure what is asked for, print it and, if asked, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", nargs="*", default=["memory", "budget", "passes"])
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--hours", type=float, default=96.0)
    parser.add_argument("--polls", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=1_000)
    parser.add_argument("--write", action="store_true", help="keep the figures")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name)
        measures = {
            "memory": lambda: memory(options.polls, folder),
            "budget": lambda: budget(options.tasks),
            "passes": lambda: passes(options.decisions, options.hours, folder),
        }
        figures = {which: measures[which]() for which in options.which}
    print(json.dumps(figures, indent=2))
    if options.write:
        print(keep("growth", figures, part=True))


if __name__ == "__main__":
    main(sys.argv[1:])
