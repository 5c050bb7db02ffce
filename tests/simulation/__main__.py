"""Simulate seeds from the command line, each fully determined by its number.

    python -m tests.simulation --seed 123 --hours 200            one seed; says what it breaks
    python -m tests.simulation --seed 123 --history run.ndjson   and keeps all that happened
    python -m tests.simulation --first 1 --runs 300 --record FILE  many, two at a time; goes on
                                                                 where an earlier one was stopped
    python -m tests.simulation --minutes 10                      new seeds for so long
    python -m tests.simulation --replicas 3 --runs 20 --hours 1000  several bots on one ledger, their
                                                                 leases lost at every point

A seed that breaks a promise is written into seeds.txt, which the full tier replays.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count, repeat, takewhile
from pathlib import Path

import msgspec

from tests.proof import keep
from tests.simulation.checker import PROMISES
from tests.simulation.figures import Figures
from tests.simulation.replicas import simulate_replicas
from tests.simulation.simulate import Simulated, keep_seed, simulate, simulate_lightly

HOURS = 200.0
MOST_SHOWN = 10


class Shard(msgspec.Struct):
    """One seed's line in a record."""

    seed: int
    figures: Figures


def main() -> int:
    """Run; exit 1 where a promise was broken."""
    options = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--seed", type=int)
    options.add_argument("--hours", type=float, default=HOURS)
    options.add_argument("--comments-alone", action="store_true", help="without any account")
    options.add_argument("--history", type=Path)
    options.add_argument("--first", type=int, default=1)
    options.add_argument("--runs", type=int, default=0)
    options.add_argument("--minutes", type=float, default=0.0)
    options.add_argument("--record", type=Path)
    options.add_argument("--replicas", type=int, default=0, help="bots on one ledger, with leases")
    options.add_argument(
        "--keep-proof", action="store_true", help="write docs/proof/simulation.json"
    )
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = options.parse_args()
    if chosen.replicas:
        return replicated(chosen)
    if chosen.seed is not None:
        one = simulate(chosen.seed, chosen.hours, accounts=not chosen.comments_alone)
        if chosen.history is not None:
            one.history.dump(chosen.history)
        print(one.figures.sentence())
        return say(one)
    return many(chosen)


def replicated(chosen: argparse.Namespace) -> int:
    """The same with several replicas."""
    first, runs = (chosen.first, chosen.runs) if chosen.seed is None else (chosen.seed, 1)
    seeds, total, code = range(first, first + max(1, runs)), Figures(), 0
    with ProcessPoolExecutor(chosen.jobs) as pool:
        hours, replicas = repeat(chosen.hours), repeat(chosen.replicas)
        for result in pool.map(simulate_replicas, seeds, hours, replicas):
            total.add(result.figures)
            for sentence in result.wrong[:MOST_SHOWN]:
                print(f"seed {result.seed}: {sentence}")
            if result.wrong:
                print(
                    f"seed {result.seed}: {len(result.wrong)} violations; again: {result.replay}",
                    flush=True,
                )
                code = 1
    print(total.sentence())
    if chosen.keep_proof:
        what = f"simulated hours with {chosen.replicas} replicas, leases lost at every point"
        keep("simulation", "P17", what, round(total.hours), "full")
        keep("simulation", "P17", "violations in them", total.violations, "full")
    return code


def many(chosen: argparse.Namespace) -> int:
    """Many seeds, each in one of a few processes, with a line for each in the record."""
    total, known = Figures(), read(chosen.record)
    for figures in known.values():
        total.add(figures)
    seeds: Iterable[int] = range(chosen.first, chosen.first + chosen.runs)
    if chosen.minutes:
        end = time.monotonic() + 60 * chosen.minutes
        first = chosen.first if chosen.first > 1 else int(time.time())
        seeds = takewhile(lambda _: time.monotonic() < end, count(first))
    code = 0
    for result in simulated((seed for seed in seeds if seed not in known), chosen):
        total.add(result.figures)
        code |= say(result)
        if chosen.record is not None:
            with chosen.record.open("ab") as file:
                file.write(msgspec.json.encode(Shard(result.seed, result.figures)) + b"\n")
    print(total.sentence())
    if chosen.keep_proof:
        keep_proof(total)
    return code


def keep_proof(total: Figures) -> None:
    """Keep the figures for the table of docs/proof.md, as the full tier's."""
    beside = "with accounts: " if total.accounts else ""
    accounts = (("accounts in them", total.accounts),) if total.accounts else ()
    for what, figure in (
        ("simulated hours, polls every ten minutes, every fault of the API", round(total.hours)),
        ("tasks in them", total.tasks),
        *accounts,
        ("writes in them that took effect", total.effects),
        ("faults in them", sum(total.faults.values())),
        ("crashes in them, at every named point of the loop", sum(total.crashes.values())),
        ("acts of people in them: answers, pauses, policies, restarts", total.acts),
        (f"violations in them, of {len(PROMISES)} promises", total.violations),
    ):
        keep("simulation", "P1", beside + what, figure, "full")
    keep_held(total)


def keep_held(total: Figures) -> None:
    """What lay held in them."""
    what = "decisions that a rule held, none sent before its while; cancelled, none sent"
    figure = f"{total.sealed:,}; {total.cancelled:,} in {round(total.hours):,} hours"
    keep("simulation", "P30", what, figure, "full")


def simulated(seeds: Iterator[int], chosen: argparse.Namespace) -> Iterator[Simulated]:
    """Live through seeds, as many at a time as there are jobs, in their order."""
    with ProcessPoolExecutor(chosen.jobs, max_tasks_per_child=50) as pool:
        waiting = []
        for seed in seeds:
            accounts = not chosen.comments_alone
            waiting.append(pool.submit(simulate_lightly, seed, chosen.hours, accounts))
            if len(waiting) > chosen.jobs:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def read(record: Path | None) -> dict[int, Figures]:
    """What an earlier run got done."""
    if record is None or not record.exists():
        return {}
    shards = (msgspec.json.decode(line, type=Shard) for line in record.read_bytes().splitlines())
    return {shard.seed: shard.figures for shard in shards}


def say(result: Simulated) -> int:
    """Say what a seed broke, and how to see it again; keep the seed."""
    for violation in result.violations[:MOST_SHOWN]:
        print(f"seed {result.seed}: {violation.promise}: {violation.sentence}")
    if result.violations:
        print(
            f"seed {result.seed}: {len(result.violations)} violations; again: {result.replay}",
            flush=True,
        )
        keep_seed(result)
    return int(bool(result.violations))


if __name__ == "__main__":
    sys.exit(main())
