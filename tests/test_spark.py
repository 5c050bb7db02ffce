"""Spark, for real: what it makes of recorded reviews is what one process makes of them, byte for byte."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import msgspec
import pytest

from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import pretty
from reviewbot.history import partial
from reviewbot.history.batch import decide_files
from reviewbot.history.files import find_files
from reviewbot.history.partial import JudgingJob, MixedResults, Sums
from reviewbot.history.scores import Scores, grade_batches
from reviewbot.policy.engine.judge import Judge
from reviewbot.presentation.counted_past import backtest_form, diff_form
from reviewbot.presentation.machine_forms import Run
from reviewbot.runtime.policy_files import load_judges
from tests.builders import CONFIRMED
from tests.history.test_canonical import NEW, OLD, in_one, random_lines
from tests.history.test_scores import random_decisions

_LACKS = [
    what
    for what, place in (
        ("pyspark (pip install 'reviewbot[spark]')", importlib.util.find_spec("pyspark")),
        ("a Java runtime (17 or newer)", os.environ.get("JAVA_HOME") or shutil.which("java")),
    )
    if not place
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # Spark's own, and those of what it loads
    pytest.mark.skipif(bool(_LACKS), reason=f"Spark was not tried: {' and '.join(_LACKS)} missing"),
]
HEAD = "policy: {name}\nlanguage: 1\n"
TAIL = "deadline:\n  decide by: 3h before deadline\n  if undecided: approve\n  because: We pay.\n"
RUN = Run.of("x", "x", 1, CONFIRMED, 0.0, ())


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """A local Spark that tries a task four times."""
    from pyspark.sql import SparkSession

    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    builder = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
    found = builder.config("spark.sql.shuffle.partitions", "3").getOrCreate()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An old policy and a new one, both with limits."""
    folder = tmp_path_factory.mktemp("policies")
    for name, rules in (("old", OLD), ("new", NEW)):
        (folder / f"{name}.yaml").write_text(HEAD.format(name=name) + rules + TAIL)
    return folder / "old.yaml", folder / "new.yaml"


def judges_of(policies: tuple[Path, Path]) -> tuple[Judge, Judge]:
    """Both compiled."""
    (old,), (new,) = (load_judges([str(path)]) for path in policies)
    return old, new


def text_of(form: Any) -> str:
    """A result in its published form, without its run."""
    text, _, _ = pretty(form).partition('"run"')
    return text


@pytest.mark.parametrize("partitions", [1, 5])
def test_a_frame_comes_to_the_same(
    session: Any, policies: tuple[Path, Path], partitions: int
) -> None:
    """Back-test and diff, with limits, unreadable records and accounts, in any order."""
    from reviewbot import spark

    lines = random_lines(Random(partitions), 400)
    old, new = judges_of(policies)
    rows = [(line.decode(),) for line in lines]
    Random(1).shuffle(rows)
    df = session.createDataFrame(rows, "raw string").repartition(partitions)
    tested = spark.backtest(df, policies[1], column="raw", at=CONFIRMED)
    compared = spark.diff(df, *policies, column="raw", at=CONFIRMED)
    assert text_of(tested) == text_of(backtest_form(in_one((new, new), lines), new, RUN))
    assert text_of(compared) == text_of(diff_form(in_one((old, new), lines), old, new, (), RUN))
    assert compared.limits.new and compared.unread and compared.run.engine == "spark"


def test_answers_are_a_frame(session: Any, policies: tuple[Path, Path], tmp_path: Path) -> None:
    """One row for each record, also for one that is none."""
    from reviewbot import spark

    lines = random_lines(Random(9), 60)
    df = session.createDataFrame([(line.decode(),) for line in lines], "record string")
    found = spark.decide(df, policies[1], at=CONFIRMED).collect()
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"\n".join(lines))
    job = JudgingJob.of(judges_of(policies)[1], CONFIRMED)
    (part,) = decide_files(job, find_files(str(path)), workers=1)
    answers = part.answers.decode().splitlines()
    assert [f'"rule":"{row.rule}"' in text for row, text in zip(found, answers, strict=True)] == [
        True
    ] * 60
    assert sum(row.error is not None for row in found) == part.unread > 0
    assert all(isinstance(row.cannot_tell, list) for row in found)


def test_workers_of_another_version_are_refused(
    session: Any, policies: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their rows spoil no sum."""
    from reviewbot import spark

    df = session.createDataFrame([(random_lines(Random(2), 1)[0].decode(),)], "record string")
    monkeypatch.setattr(partial, "__version__", "9.9.9")
    with pytest.raises(MixedResults, match="the same must run everywhere"):
        spark.backtest(df, policies[0])


def test_accounts_come_to_the_driver_as_counts(
    session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, the rows that arrive are as many as there are kinds of answers."""
    from reviewbot import spark

    policy = tmp_path / "unlimited.yaml"
    policy.write_text(HEAD.format(name="x") + OLD.partition("guardrails:")[0] + TAIL)
    text = '{"task":{"id":"t%d","saved_account_id":"acc-%d"},"at":"2026-06-02T13:00:00Z"}'
    rows = [(text % (n, n % 900),) for n in range(2000)]
    df = session.createDataFrame(rows, "record string").repartition(4)
    arrived: list[Any] = []
    merge = Sums.merge
    monkeypatch.setattr(
        Sums, "merge", lambda self, rows: merge(self, [arrived.append(r) or r for r in rows])
    )
    found = spark.backtest(df, policy)
    assert [rule.accounts for rule in found.rules] == [900]
    assert len(arrived) < 30


def test_scorecards_are_those_of_one_process(session: Any) -> None:
    """Each thing's decisions come together, wherever they lay."""
    from reviewbot import spark

    decisions = random_decisions(Random(8), 120)
    rows = [msgspec.structs.asdict(decision) for decision in decisions]
    Random(1).shuffle(rows)
    table = arrow_table(rows)
    here = Scores()
    by_thing = sorted(rows, key=lambda row: (row["task_id"], row["seq"]))
    for some in grade_batches(arrow_table(by_thing).to_batches()):
        here.merge(some)
    found = spark.scorecards(session.createDataFrame(table).repartition(5))
    assert sorted(found.rows()) == sorted(here.rows())
    assert found.scorecard() == here.scorecard() and found.read == 120


def test_lines_of_an_exported_log_are_graded_as_its_table(session: Any) -> None:
    """Each is read by the worker; what is none is counted, also where only newer ones are asked for."""
    from reviewbot import spark

    decisions = random_decisions(Random(4), 60)
    rows = [msgspec.structs.asdict(decision) for decision in decisions]
    lines = [(msgspec.json.encode(decision).decode(),) for decision in decisions]
    since = sorted(decision.decided_at for decision in decisions)[30]
    for moment in (None, since):
        table = spark.scorecards(session.createDataFrame(arrow_table(rows)), since=moment)
        frame = session.createDataFrame([*lines, ("nonsense",)], "record string")
        found = spark.scorecards(frame.repartition(3), since=moment)
        assert found.scorecard() == table.scorecard() and found.outcomes() == table.outcomes()
        assert sum(found.unreadable().values()) == 1 and not table.unreadable()
        assert found.parts and table.parts


def test_what_cannot_be_read_is_wrong_usage(session: Any, tmp_path: Path) -> None:
    """A damaged file, a column of numbers and standard input are told in a sentence, without a fault."""
    import pyarrow
    from pyarrow import parquet

    from reviewbot import spark
    from reviewbot.cli.on_spark import scores

    with pytest.raises(UsageError, match="must hold text, and it holds bigint"):
        spark.decide(session.createDataFrame([(1,)], "record long"), "policies/starter.yaml")
    path = tmp_path / "cut.parquet"
    parquet.write_table(pyarrow.table({"x": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[:-50])
    for where, why in ((str(path), "cut.parquet cannot be read"), ("-", "no standard input")):
        with pytest.raises(UsageError, match=why):
            scores(where, None)


def arrow_table(rows: list[dict[str, Any]]) -> Any:
    """Exported decisions as a table."""
    import pyarrow

    return pyarrow.Table.from_pylist(rows)


@pytest.mark.parametrize("remote", [None, "local[2]"])
def test_commands_give_the_same_on_spark_and_over_connect(
    policies: tuple[Path, Path], tmp_path: Path, remote: str | None
) -> None:
    """`decide` byte for byte in its order, `diff` but for its run; a folder of three files and a text."""
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "readme.txt").write_text("It is not read.")
    lines = random_lines(Random(6), 90)
    for n in range(3):
        (folder / f"{n}.jsonl").write_bytes(b"\n".join(lines[n::3]) + b"\n\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    env["PYSPARK_PYTHON"] = sys.executable
    env |= {"SPARK_REMOTE": remote} if remote else {}
    records = ("--records", str(folder))
    for words in (
        ("decide", policies[1], *records, "--at", "2026-06-02T13:00:00Z"),
        ("diff", *policies, *records, "--format", "json"),
    ):
        command = [sys.executable, "-m", "reviewbot", "policy", *map(str, words)]
        here, there = (
            subprocess.run(
                [*command, "--engine", engine],
                capture_output=True,
                text=True,
                env=env,
                timeout=300,
            )
            for engine in ("local", "spark")
        )
        assert there.returncode == here.returncode == 4, there.stderr[-3000:]
        assert there.stdout.partition('"run"')[0] == here.stdout.partition('"run"')[0]
