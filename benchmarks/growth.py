"""What grows: the pass with the log, memory with the polls, and what a decision asks of the rate budget.

    python -m benchmarks.growth [--decisions 1000000] [--polls 10000] [--tasks 1000] [--write]

Three figures, each beside what it is compared with, in one run. The same simulated queue is worked
on with an empty log and with one that already holds the decisions of two years, pass by pass in
turn: CPU time of the passes. One bot then polls ten thousand times: resident memory, that of the
simulator in it included, after a tenth of the polls and at the end. And a backlog is worked off:
requests per decision, and how much of the rate budget is used while there is something to do.
With `--write` the figures are kept in docs/benchmarks/growth.json.
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

from msgspec.structs import replace

from benchmarks.kept import keep
from benchmarks.ledger import a_decision
from benchmarks.simulation import POLICY
from reviewbot.api.bucket import DEFAULT_LIMIT, SHARE
from reviewbot.domain.lifecycle import State
from reviewbot.ledger import events, statements
from reviewbot.ledger.database import DatabaseLedger
from reviewbot.ledger.opening import open_ledger
from reviewbot.ledger.tail import appending
from reviewbot.simulator.scenarios import START
from tests.acceptance.house import House, house

YEARS = timedelta(days=730)
BATCH = 20_000
QUEUE = {"per_hour": 10.0, "retention": 24 * 3600.0, "effects_kept": 100}


def fill(url: str, decisions: int) -> None:
    """Put performed decisions into a log, the oldest two years old and the newest of today."""
    ledger = open_ledger(url)
    assert isinstance(ledger, DatabaseLedger)
    connection = ledger._connection
    for start in range(0, decisions, BATCH):
        with appending(connection, "decisions") as tail:
            for number in range(start, min(start + BATCH, decisions)):
                at = START - YEARS * (1 - number / decisions)
                decision = replace(a_decision(f"past-{number}"), decided_at=at)
                line, row = events.recorded(decision, State.INTENT, tail.next, None)
                tail.add(line)
                line, row = events.marked(
                    decision.id, row, State.PERFORMED, at, tail.next, None, "req-0123456789"
                )
                tail.add(line)
                values = {name: getattr(row, name) for name in row.__struct_fields__}
                connection.run(statements.ADD_DECISION, values)
    ledger.close()


def passes(decisions: int, hours: float, folder: Path) -> dict[str, Any]:
    """The same hours of work with an empty and with a large log, pass by pass in turn."""
    large = f"sqlite:///{folder}/large.db"
    fill(large, decisions)
    size = (folder / "large.db").stat().st_size
    with ExitStack() as stack:
        bots = {
            "empty": stack.enter_context(
                house("week", ledger=f"sqlite:///{folder}/empty.db", **QUEUE)
            ),
            "large": stack.enter_context(house("week", ledger=large, **QUEUE)),
        }
        spent = dict.fromkeys(bots, 0.0)
        gc.freeze()
        for number in range(round(hours * 6)):
            turn = list(bots.items())
            for name, bot in turn if number % 2 else reversed(turn):
                bot.clock.sleep(600)
                began = time.process_time()
                bot.poll()
                # The first passes open files and fill caches.
                if number >= 6:
                    spent[name] += time.process_time() - began
        writes = {name: bot.app.traffic.writes for name, bot in bots.items()}
    assert writes["empty"] == writes["large"] > 0, writes
    count = round(hours * 6) - 6
    return {
        "decisions": decisions,
        "bytes per decision": round(size / decisions),
        "passes": count,
        "writes": writes["large"],
        "ms of CPU per pass, empty log": round(spent["empty"] / count * 1000, 3),
        "ms of CPU per pass, large log": round(spent["large"] / count * 1000, 3),
        "ratio": round(spent["large"] / spent["empty"], 3),
    }


def memory(polls: int, folder: Path) -> dict[str, Any]:
    """Resident memory while one bot polls a minute apart."""
    with house("week", ledger=f"sqlite:///{folder}/polls.db", **QUEUE) as bot:
        # Until the world itself holds as much as it ever will.
        settle(bot, polls // 10 + 3 * 24 * 60)
        before = resident()
        settle(bot, polls)
        after = resident()
    return {
        "polls": polls,
        "megabytes before": round(before, 1),
        "megabytes after": round(after, 1),
        "grown by, megabytes": round(after - before, 1),
    }


def settle(bot: House, polls: int) -> None:
    """Poll so often, a minute apart."""
    for _ in range(polls):
        bot.poll(minutes=1)
        bot.events.clear()
    gc.collect()


def resident() -> float:
    """Megabytes of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


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
    """Measure, print and, if asked, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--hours", type=float, default=96.0)
    parser.add_argument("--polls", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=1_000)
    parser.add_argument("--write", action="store_true", help="keep the figures")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {
            "rate budget": budget(options.tasks),
            "memory": memory(options.polls, folder),
            "passes": passes(options.decisions, options.hours, folder),
        }
    print(json.dumps(figures, indent=2))
    if options.write:
        print(keep("growth", figures))


if __name__ == "__main__":
    main(sys.argv[1:])
