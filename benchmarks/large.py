"""Many recorded tasks in Parquet, back-tested by one machine: time and memory, once.

    python -m benchmarks.large [--records 20000000] [--accounts 10000000] [--write]

The records are generated, each with an id of its own, of so many accounts; the policy has no limits, and
with `--limits` one that keeps back disputes, so that all of them are put in the order of time. What
comes out is checked against what was put in. With `--write` the figures are kept in
docs/benchmarks/large.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as arrow
from pyarrow import parquet

from benchmarks.evaluation import POLICY, random_facts
from benchmarks.kept import keep
from benchmarks.records import run
from reviewbot.policy.recorded_facts import facts_to_json

ROWS = 100_000
"""Records in a row group."""
FILE = 2_000_000
"""Records in a file."""
KINDS = 1_000
"""Records that differ in more than their id and account."""
LIMITS = "guardrails:\n  disputes: at most 1000 per day\n  when over: hold\n"


def templates() -> list[str]:
    """Records as text, with places for an id and an account."""
    chance, found = Random(20), []
    for _ in range(KINDS):
        record = json.loads(facts_to_json(random_facts(chance)))
        record["history"].setdefault("disputes", None)
        record["task"] |= {"id": "@ID@", "saved_account_id": "@ACCOUNT@"}
        kept = {key: record[key] for key in ("task", "attempts", "history", "at")}
        text = json.dumps(kept, ensure_ascii=False).replace("%", "%%")
        found.append(text.replace("@ID@", "task-%09d").replace("@ACCOUNT@", "account-%09d"))
    return found


def write(folder: Path, count: int, accounts: int) -> None:
    """Write records into Parquet, a row group at a time."""
    schema, forms = arrow.schema([("record", arrow.string())]), templates()
    for start in range(0, count, FILE):
        with parquet.ParquetWriter(
            folder / f"{start:010}.parquet", schema, compression="zstd"
        ) as out:
            for first in range(start, min(start + FILE, count), ROWS):
                numbers = range(first, min(first + ROWS, start + FILE, count))
                texts = [forms[n % KINDS] % (n, n % accounts) for n in numbers]
                out.write_table(arrow.table({"record": texts}, schema=schema))


def measure(count: int, accounts: int, limits: bool) -> dict[str, Any]:
    """Write, back-test and check."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "records").mkdir()
        write(folder / "records", count, accounts)
        size = sum(path.stat().st_size for path in (folder / "records").iterdir())
        policy, out = folder / "ten.yaml", folder / "out"
        policy.write_text(POLICY + (LIMITS if limits else ""))
        command = [sys.executable, "-m", "reviewbot", "policy", "backtest", str(policy)]
        spent = run([*command, "--records", str(folder / "records"), "--format", "json"], out)
        told = json.loads(out.read_text())
    if (told["read"], told["judged"], told["unread"]) != (count, count, 0):
        raise SystemExit(f"of {count:,} records {told['judged']:,} were judged")
    most = max(rule["accounts"] for rule in told["rules"])
    return {
        "records": count,
        "accounts": accounts,
        "accounts of one rule": most,
        "megabytes of Parquet": round(size / 1e6, 1),
        "parts": told["run"]["parts"],
        "seconds": round(spent.wall, 1),
        "CPU seconds": round(spent.cpu, 1),
        "megabytes of memory": round(spent.megabytes, 1),
        "records a second": round(count / spent.wall),
        "cores": len(os.sched_getaffinity(0)),
    }


def main(arguments: Sequence[str]) -> None:
    """Measure, print and, if asked, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the figures")
    parser.add_argument("--records", type=int, default=20_000_000)
    parser.add_argument("--accounts", type=int, default=10_000_000)
    parser.add_argument("--limits", action="store_true", help="by a policy with a limit")
    options = parser.parse_args(arguments)
    figures = measure(options.records, options.accounts, options.limits)
    print(json.dumps(figures, indent=2))
    if options.write:
        print(keep("large", {"with limits" if options.limits else "plain": figures}, part=True))


if __name__ == "__main__":
    main(sys.argv[1:])
