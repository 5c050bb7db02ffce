"""Recorded tasks, file to result, beside a hand-written loop over stdlib json: time and memory.

    python -m benchmarks.records [--records 1000000] [--rounds 3] [--write]

`policy decide` and `policy backtest` are run as whole commands in turn with the loop that does the
same by hand in one process; their results are compared first. `policy diff` judges ten thousand.
DuckDB and Polars, where they are installed, read the same file and count a slice of it: they do
not judge, and stand here for what reading alone costs elsewhere. With `--write` the figures are
kept in docs/benchmarks/records.json.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.evaluation import POLICY, random_facts
from benchmarks.kept import keep
from reviewbot.policy.recorded_facts import facts_to_json

HERE = Path(__file__).resolve().parent
DISTINCT = 100_000
"""Records that differ; a larger file repeats them."""

DUCKDB = """
import duckdb, sys
print(duckdb.execute(
    "select task.platform, count(*), sum(task.cm_payout_amount)"
    " from read_json(?, format='newline_delimited') group by 1", [sys.argv[1]]
).fetchall())
"""
POLARS = """
import polars as pl, sys
task = pl.col("task").struct
print(pl.scan_ndjson(sys.argv[1]).group_by(task.field("platform")).agg(
    pl.len(), task.field("cm_payout_amount").sum()).collect())
"""


class Spent(NamedTuple):
    """What a command took: seconds by the wall, of CPU, and its memory at most, workers included."""

    wall: float
    cpu: float
    megabytes: float


def write_records(path: Path, count: int) -> None:
    """Write recorded tasks of a realistic queue, one a line."""
    chance = Random(20)
    lines = []
    for _ in range(min(count, DISTINCT)):
        record = json.loads(facts_to_json(random_facts(chance)))
        record["history"].setdefault("disputes", None)
        kept = {key: record[key] for key in ("task", "attempts", "history", "at")}
        lines.append(json.dumps(kept, ensure_ascii=False).encode() + b"\n")
    with path.open("wb") as file:
        for start in range(0, count, len(lines)):
            file.writelines(lines[: count - start])


def as_parquet(records: Path, target: Path) -> None:
    """The same records as a column of text."""
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema([("record", pyarrow.string())])
    with parquet.ParquetWriter(target, schema) as out, records.open(encoding="utf-8") as lines:
        while some := [line.rstrip("\n") for line in islice(lines, 50_000)]:
            out.write_table(pyarrow.table({"record": some}, schema=schema))


def as_export(count: int, target: Path) -> None:
    """The same tasks as `log export` writes the first decisions of rounds: the columns that are judged again."""
    import pyarrow
    from pyarrow import parquet

    chance = Random(20)
    facts = [random_facts(chance) for _ in range(min(count, DISTINCT))]
    rows = pyarrow.table(
        {
            "review": ["comments"] * len(facts),
            "first_of_round": [True] * len(facts),
            "amount_micros": [round((f.task.cm_payout_amount or 0) * 1_000_000) for f in facts],
            "facts": [facts_to_json(seen).decode() for seen in facts],
        }
    )
    with parquet.ParquetWriter(target, rows.schema) as out:
        for start in range(0, count, len(facts)):
            out.write_table(rows.slice(0, count - start), row_group_size=50_000)


def measure(count: int, rounds: int) -> dict[str, Any]:
    """Check that ours and the loop agree, then run all in turn."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        policy, other = folder / "ten.yaml", folder / "other.yaml"
        records, few = folder / "records.jsonl", folder / "few.jsonl"
        policy.write_text(POLICY)
        other.write_text(POLICY.replace("between 0.5 and 0.9", "between 0.6 and 0.9"))
        write_records(records, count)
        parquet = folder / "records.parquet"
        as_parquet(records, parquet)
        exported = folder / "exported.parquet"
        as_export(count, exported)
        write_records(few, 10_000)
        ours = [sys.executable, "-m", "reviewbot", "policy"]
        loop = [sys.executable, str(HERE / "records_by_hand.py"), str(records)]
        backtest = [*ours, "backtest", str(policy), "--format", "json", "--records"]
        pairs = {
            "decide": (loop, [*ours, "decide", str(policy), "--records", str(records)]),
            "backtest": ([*loop, "--count"], [*backtest, str(records)]),
            "backtest of Parquet": ([*loop, "--count"], [*backtest, str(parquet)]),
            "backtest of an exported log": ([*loop, "--count"], [*backtest, str(exported)]),
        }
        gate = ["--fail-if", "more than 50% become dispute"]
        diff = [*ours, "diff", str(policy), str(other), "--records", str(few), *gate]
        agree(pairs, folder)
        same_bytes([*pairs["backtest"][1], "--workers"], folder)
        found: dict[str, list[Spent]] = {}
        for _ in range(rounds):
            for what, (by_hand, command) in pairs.items():
                found.setdefault(f"{what} by hand", []).append(run(by_hand, folder / "out"))
                found.setdefault(what, []).append(run(command, folder / "out"))
            found.setdefault("diff of 10,000", []).append(run(diff, folder / "out"))
        sliced = {
            "duckdb": a_slice("duckdb", DUCKDB, records, folder, found["backtest by hand"]),
            "polars": a_slice("polars", POLARS, records, folder, found["backtest by hand"]),
        }
        size = records.stat().st_size
    return {
        "about": "whole commands over recorded tasks, ten ordered rules; ratio: wall time beside the loop",
        "cores": len(os.sched_getaffinity(0)),
        "records": count,
        "megabytes": round(size / 1e6, 1),
        "rounds": rounds,
        "busy": round(os.getloadavg()[0], 1),
        "commands": {name: _summary(spent) for name, spent in found.items()},
        "ratio": {what: _ratio(found[what], found[f"{what} by hand"], "wall") for what in pairs},
        "cpu_ratio": {what: _ratio(found[what], found[f"{what} by hand"], "cpu") for what in pairs},
        "slices": sliced,
    }


def _summary(spent: Sequence[Spent]) -> dict[str, float]:
    return {
        "seconds": round(statistics.median(cost.wall for cost in spent), 2),
        "cpu_seconds": round(statistics.median(cost.cpu for cost in spent), 2),
        "megabytes": round(max(cost.megabytes for cost in spent), 1),
    }


def _ratio(ours: Sequence[Spent], by_hand: Sequence[Spent], what: str) -> float:
    pairs = zip(ours, by_hand, strict=True)
    shares = [getattr(a, what) / getattr(b, what) for a, b in pairs]
    return round(float(statistics.median(shares)), 3)


def a_slice(
    module: str, program: str, records: Path, folder: Path, by_hand: Sequence[Spent]
) -> dict[str, Any] | str:
    """What another engine takes to read the file and count a slice; it judges nothing."""
    if importlib.util.find_spec(module) is None:
        return f"not installed: pip install {module}"
    spent = [run([sys.executable, "-c", program, str(records)], folder / "out") for _ in by_hand]
    return {
        "version": importlib.metadata.version(module),
        **_summary(spent),
        "ratio": _ratio(spent, by_hand, "wall"),
    }


def run(command: Sequence[str], output: Path) -> Spent:
    """Run a command, which must succeed; its memory is looked at every 50 ms."""
    began, used = time.perf_counter(), cpu_of_children()
    with output.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, cwd=HERE.parent)
    most = 0.0
    while True:
        try:
            code = process.wait(0.05)
            break
        except subprocess.TimeoutExpired:
            most = max(most, memory_of(process.pid))
    if code:
        raise SystemExit(f"{command} ended with {code}")
    return Spent(time.perf_counter() - began, cpu_of_children() - used, most)


def memory_of(pid: int) -> float:
    """Megabytes that a process and its children hold; what they share counts once."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        pids = [pid, *map(int, children.read_text().split())]
        return sum(map(_proportional_kb, pids)) / 1000
    except OSError:
        return 0.0


def _proportional_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def cpu_of_children() -> float:
    """Seconds of processor time that finished commands and their workers took."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def agree(pairs: dict[str, tuple[list[str], list[str]]], folder: Path) -> None:
    """Stop unless the loop and ours say the same."""
    hand, ours = folder / "hand", folder / "ours"
    for what, (by_hand, command) in pairs.items():
        run(by_hand, hand)
        run(command, ours)
        if what == "decide":
            same_lines(hand, ours)
        elif counted(json.loads(hand.read_text())) != counted(json.loads(ours.read_text())):
            raise SystemExit("the counts differ")


def same_bytes(command: list[str], folder: Path) -> None:
    """Stop unless 1, 2 and 16 processes give the same bytes, but for what belongs to one run."""
    texts = set()
    for workers in (1, 2, 16):
        run([*command, str(workers)], folder / "ours")
        texts.add((folder / "ours").read_text().partition('"run"')[0])
    if len(texts) != 1:
        raise SystemExit("the result hangs on how many processes there are")


def counted(found: dict[str, Any]) -> Any:
    """What a back-test counts, in an order that does not matter."""
    rules = [{key: row[key] for key in row if key != "samples"} for row in found["rules"]]
    return sorted(rules, key=lambda row: row["rule"] + row["action"]), found["could_not_tell"]


def same_lines(one: Path, other: Path) -> None:
    """Stop unless both files hold the same answers."""
    with one.open() as left, other.open() as right:
        for number, (a, b) in enumerate(zip(left, right, strict=True), 1):
            if json.loads(a) != json.loads(b):
                raise SystemExit(f"different answers on line {number}:\n{a}{b}")


def main(arguments: Sequence[str]) -> None:
    """Measure, print and, if asked, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the figures")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    figures = measure(options.records, options.rounds)
    print(json.dumps(figures, indent=2))
    if options.write:
        print(keep("records", figures))


if __name__ == "__main__":
    main(sys.argv[1:])
