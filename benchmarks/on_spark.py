"""A back-test on Spark beside one process here: CPU per record, all of Spark's processes counted.

    python -m benchmarks.on_spark [--records 1000000] [--rounds 3] [--write]

Both judge the same Parquet; the results are compared byte for byte first. Spark runs locally with two
cores; its session is started, and the same frame judged, before anything is measured, so that what is
compared is the judging. Of each call Spark takes about a second to plan, whatever the records. With `--write` the figures are kept in docs/benchmarks/on_spark.json.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.evaluation import POLICY
from benchmarks.kept import keep
from benchmarks.records import as_parquet, write_records
from reviewbot.domain.text import pretty
from reviewbot.history.batch import count_files
from reviewbot.history.files import find_files
from reviewbot.history.partial import JudgingJob, Sums
from reviewbot.presentation.counted_past import backtest_form
from reviewbot.presentation.machine_forms import Run
from reviewbot.runtime.policy_files import load_judges

AT = datetime(2026, 6, 2, 13, tzinfo=UTC)


def cpu_of_tree(pid: int) -> float:
    """Seconds of processor time that a process and all that came of it have taken."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = "".join(p.read_text() for p in Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return 0.0
    own = sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_of_tree(int(child)) for child in children.split())


def measure(count: int, rounds: int) -> dict[str, Any]:
    """Compare, then time in turn."""
    from pyspark.sql import SparkSession

    from reviewbot import spark

    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    builder = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    with TemporaryDirectory() as name:
        lines, path, policy = Path(name, "lines"), Path(name, "r.parquet"), Path(name, "ten.yaml")
        policy.write_text(POLICY)
        write_records(lines, count)
        as_parquet(lines, path)
        (judge,) = load_judges([str(policy)])
        run = Run.of("", "", 0, AT, 0.0, ())

        def here() -> str:
            sums = Sums((judge, judge))
            for part in count_files(JudgingJob.of(judge, AT), find_files(str(path)), workers=1):
                sums.merge(part.sums)
            return pretty(backtest_form(sums.finish(), judge, run))

        def there() -> str:
            return pretty(spark.backtest(session.read.parquet(str(path)), policy, at=AT))

        texts = [make().partition('"run"')[0] for make in (here, there)]
        if texts[0] != texts[1]:
            raise SystemExit("Spark gives another result")
        found: dict[str, list[float]] = {"plain": [], "spark": []}
        for _ in range(rounds):
            for word, make in (("plain", here), ("spark", there)):
                found[word].append(_spent(make) / count * 1e6)
    session.stop()
    return {
        "about": "one policy of ten rules over Parquet; microseconds of CPU a record",
        "records": count,
        "pyspark": importlib.metadata.version("pyspark"),
        "cpu": {word: round(statistics.median(times), 2) for word, times in found.items()}
        | {
            "ratio": round(statistics.median(found["spark"]) / statistics.median(found["plain"]), 2)
        },
    }


def _spent(make: Callable[[], str]) -> float:
    before = cpu_of_tree(os.getpid())
    make()
    time.sleep(0.2)  # noqa: TID251 - what Spark tidies up belongs to it
    return cpu_of_tree(os.getpid()) - before


def main(arguments: Sequence[str]) -> None:
    """Measure, print and, if asked, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the figures")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    java = os.environ.get("JAVA_HOME") or shutil.which("java")
    if importlib.util.find_spec("pyspark") is None or not java:
        print(
            "NOT MEASURED: it needs pip install 'reviewbot[spark]' and a Java runtime (17 or newer)"
        )
        return
    figures = measure(options.records, options.rounds)
    print(json.dumps(figures, indent=2))
    if options.write:
        print(keep("on_spark", figures))


if __name__ == "__main__":
    main(sys.argv[1:])
