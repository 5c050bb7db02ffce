"""What `policy decide` costs, file to answers, beside a hand-written loop over stdlib json.

Run `python -m benchmarks.records` to print, with `--write` to keep the figures in
docs/benchmarks/records.json. Both are started as commands and timed by the wall, in turn; their
answers are compared line by line first.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.evaluation import POLICY, random_facts
from reviewbot.service.records import facts_to_json

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent / "docs" / "benchmarks" / "records.json"
OURS = "reviewbot policy decide"
BY_HAND = "stdlib json loop, one process"


def write_records(path: Path, count: int) -> None:
    """Write recorded tasks of a realistic queue, one a line."""
    chance = Random(20)
    with path.open("wb") as file:
        for _ in range(count):
            record = json.loads(facts_to_json(random_facts(chance)))
            record["history"].setdefault("disputes", None)
            kept = {key: record[key] for key in ("task", "attempts", "history", "at")}
            file.write(json.dumps(kept, ensure_ascii=False).encode() + b"\n")


def measure(count: int, rounds: int) -> dict[str, Any]:
    """Check that both give the same answers, then time them in turn."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        policy, records = folder / "ten.yaml", folder / "records.jsonl"
        policy.write_text(POLICY)
        write_records(records, count)
        decide = [sys.executable, "-m", "reviewbot", "policy", "decide", str(policy)]
        commands = {
            BY_HAND: [sys.executable, str(HERE / "records_by_hand.py"), str(records)],
            OURS: [*decide, "--records", str(records)],
        }
        for name, command in commands.items():
            run(command, folder / name.split()[0])
        same_answers(folder / BY_HAND.split()[0], folder / OURS.split()[0])
        times: dict[str, list[float]] = {name: [] for name in commands}
        cpu: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                started, spent = time.perf_counter(), cpu_of_children()
                run(command, folder / "answers")
                times[name].append(time.perf_counter() - started)
                cpu[name].append(cpu_of_children() - spent)
        size = records.stat().st_size
    ratios = [ours / hand for ours, hand in zip(times[OURS], times[BY_HAND], strict=True)]
    return {
        "about": "recorded tasks, file to answers, ten ordered rules; wall time of whole commands",
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "records": count,
        "megabytes": round(size / 1e6, 1),
        "rounds": rounds,
        "seconds": {name: round(statistics.median(found), 2) for name, found in times.items()},
        "cpu_seconds": {name: round(statistics.median(found), 2) for name, found in cpu.items()},
        "ratio": round(statistics.median(ratios), 3),
    }


def cpu_of_children() -> float:
    """Seconds of processor time that finished commands and their workers took."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(command: list[str], answers: Path) -> None:
    """Run one of the two; it must succeed."""
    with answers.open("wb") as out:
        subprocess.run(command, stdout=out, check=True, cwd=HERE.parent)


def same_answers(one: Path, other: Path) -> None:
    """Stop unless both files hold the same answers."""
    with one.open() as left, other.open() as right:
        for number, (a, b) in enumerate(zip(left, right, strict=True), 1):
            if json.loads(a) != json.loads(b):
                raise SystemExit(f"different answers on line {number}:\n{a}{b}")


def main(arguments: list[str]) -> None:
    """Measure, print and, if asked, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {OUTPUT.name}")
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    figures = json.dumps(measure(options.records, options.rounds), indent=2)
    print(figures)
    if options.write:
        OUTPUT.parent.mkdir(parents=True, exist_ok=True)
        OUTPUT.write_text(figures + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
