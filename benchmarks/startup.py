"""Start-up, as ratios to a bare interpreter that imports click and yaml. One command, one run.

    python benchmarks/startup.py [--runs 15] [--write]

Medians of interleaved runs. With `--write` they are kept in docs/benchmarks/startup.json.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.kept import keep

ROOT = Path(__file__).resolve().parent.parent
POLICY = ROOT / "policies" / "starter.yaml"
PYTHON = [sys.executable]
BARE = [*PYTHON, "-c", "import click, yaml"]
COMMANDS = {
    "--help": ([*PYTHON, "-m", "reviewbot", "--help"], 2.0),
    "policy check": ([*PYTHON, "-m", "reviewbot", "policy", "check", str(POLICY)], 5.0),
}
"""Each command with the most it may cost, in bare interpreters."""


def seconds(command: list[str]) -> float:
    # What is installed has its bytecode; where Python is told to write none, each run would compile anew.
    environment = {
        key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"
    }
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - began


def measure(runs: int) -> dict[str, dict[str, float]]:
    """Interleave the commands, so that a busy machine slows all of them alike."""
    taken: dict[str, list[float]] = {name: [] for name in ("bare", *COMMANDS)}
    for command in (BARE, *(command for command, _ in COMMANDS.values())):
        seconds(command)
    for _ in range(runs):
        taken["bare"].append(seconds(BARE))
        for name, (command, _) in COMMANDS.items():
            taken[name].append(seconds(command))
    bare = statistics.median(taken["bare"])
    return {
        name: {
            "milliseconds": round(1000 * statistics.median(times), 1),
            "ratio": round(statistics.median(times) / bare, 2),
        }
        for name, times in taken.items()
    }


def main() -> int:
    """Measure, print, and fail where a command costs more than it may."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=15)
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    found = measure(chosen.runs)
    for name, figures in found.items():
        limit = f" (at most {COMMANDS[name][1]:g})" if name in COMMANDS else ""
        print(f"{name:<14} {figures['milliseconds']:>7} ms   ×{figures['ratio']}{limit}")
    if chosen.write:
        print(keep("startup", {"runs": chosen.runs, "median": found}))
    return int(any(found[name]["ratio"] > limit for name, (_, limit) in COMMANDS.items()))


if __name__ == "__main__":
    sys.exit(main())
