"""The past judged by Spark: `backtest(df, policy)`, `diff(df, old, new)`, `decide(df, policy)`, `scorecards(df)`.

A data frame holds recorded reviews as JSON in a column (`record`, or the one named), or an exported log.
Its partitions are judged by the function that judges files here, and what they come to is added up
by the same sums: the result is the same, byte for byte. Workers need this package in the driver's
version, and compile the policy from its text. Nothing but the returned rows leaves a task, so a task
that is tried again, or twice, counts once. Works on a cluster, locally and over Spark Connect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import quiet_bytes
from reviewbot.history.batch import count_batches, decide_batches
from reviewbot.history.partial import COLUMNS, JudgingJob, PastTotals, Sums
from reviewbot.history.records import COLUMN, columns_of
from reviewbot.history.scores import GRADED, SCORED, Scores, grade_batches
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.testing.compare import RecordedAnswer, UnansweredRecord
from reviewbot.presentation.counted_past import backtest_form, diff_form
from reviewbot.presentation.machine_forms import BackTest, Diff, Run
from reviewbot.runtime.policy_files import load_judges

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_NUMBERS = ("count", "micros", "sample_hash", "errors")
PARTIAL = ", ".join(f"{name} {'long' if name in _NUMBERS else 'string'}" for name in COLUMNS)
"""The schema of partial sums."""
ANSWER = (
    "id string, action string, rule string, reason string, until timestamp,"
    " cannot_tell array<string>, error string"
)
"""The schema of answers."""
_ORDER = "review string, task_id string, seq long, decided_at timestamp"
PLACE = ("file_path", "file_block_start")
"""The columns that say where the rows of a file begin, as texts."""
Policy = str | Path
"""The file of a policy."""
Batches = Iterable[Any]


def backtest(
    df: DataFrame, policy: Policy, *, column: str | None = None, at: datetime | None = None
) -> BackTest:
    """What the policy in a file makes of recorded reviews. `at` serves records that carry no moment.

    Raises PolicyInvalid for one that is not usable, UsageError where the frame holds no records, and
    MixedResults where workers run another version.
    """
    (judge,) = load_judges([str(policy)])
    totals, run = _counted(df, (judge, judge), column, at)
    return backtest_form(totals, judge, run)


def diff(
    df: DataFrame,
    old: Policy,
    new: Policy,
    *,
    column: str | None = None,
    at: datetime | None = None,
) -> Diff:
    """What moves from the old policy to the new one; otherwise as `backtest`."""
    (before,), (after,) = load_judges([str(old)]), load_judges([str(new)])
    totals, run = _counted(df, (before, after), column, at)
    return diff_form(totals, before, after, (), run)


def _counted(
    df: DataFrame, judges: tuple[Judge, Judge], column: str | None, at: datetime | None
) -> tuple[PastTotals, Run]:
    began, started_at = time.perf_counter(), datetime.now(UTC)
    sums = Sums(judges)
    try:
        count_frame(df, JudgingJob.of(judges[1], at or started_at, judges[0]), sums, column)
        totals = sums.finish()
    finally:
        sums.close()
    took = time.perf_counter() - began
    return totals, Run.of("a data frame", "spark", totals.parts, started_at, took, ())


def decide(
    df: DataFrame, policy: Policy, *, column: str | None = None, at: datetime | None = None
) -> DataFrame:
    """An answer for each record (`ANSWER`), in no promised order; `error` says why one is none."""
    (judge,) = load_judges([str(policy)])
    job = JudgingJob.of(judge, at or datetime.now(UTC))
    return _mapped(df, column, _deciding(job, column), ANSWER)


def count_frame(df: DataFrame, job: JudgingJob, sums: Sums, column: str | None) -> None:
    """Add up what the policies of a job make of recorded reviews."""
    from pyspark.sql import functions as f

    rows = _mapped(df, column, _counting(job, column), PARTIAL)
    added = ("count", "micros", "errors")
    keys = [name for name in COLUMNS if name not in added]
    sums_of = [f.sum(name).alias(name) for name in added]
    is_many = (f.col("kind") == "accounts") & (f.col("count") == 0)
    names = f.when(is_many, f.from_json("sample_id", "array<string>"))
    rows = rows.withColumn("sample_id", f.explode(names.otherwise(f.array("sample_id"))))
    rows = rows.withColumn("kind", f.when(is_many, f.lit("account")).otherwise(f.col("kind")))
    found = rows.groupBy(*keys).agg(*sums_of)
    if not sums.has_limits:
        # Now every account is there once: how many there are is all that comes to the driver. What
        # limits keep back is counted there, and may be of the same accounts.
        is_account = f.col("kind") == "account"
        counted = f.when(is_account, f.lit(1)).otherwise(f.col("count"))
        name = f.when(is_account, f.lit("")).otherwise(f.col("sample_id"))
        found = found.withColumn("count", counted).withColumn("sample_id", name)
        found = found.groupBy(*keys).agg(*sums_of)
    found = found.select(*COLUMNS)
    sums.merge(tuple(row) for row in found.toLocalIterator())


def scorecards(df: DataFrame, *, since: datetime | None = None) -> Scores:
    """How the decisions of an exported log turned out, rule by rule (`Scores.scorecard`).

    The frame holds the columns of the export, or its JSON lines as the column `record`. Raises
    UsageError where it lacks one.
    """
    from pyspark.sql import functions as f

    missing = [name for name in SCORED if name not in df.columns]
    if COLUMN in df.columns:
        # Read by the worker, as files are here; Spark reads what it puts them in order by.
        df = df.select(COLUMN, f.from_json(COLUMN, _ORDER).alias("read")).select(COLUMN, "read.*")
    elif missing:
        raise UsageError(f"the frame is no exported log: the column {missing[0]!r} is missing")
    thing = ("review", "task_id")
    rows = df if COLUMN in df.columns else df.select(*SCORED)
    if since is not None:
        moment = f.col("decided_at")
        rows = rows.where(moment.isNull() | (moment >= f.lit(since)))  # what has none is told
    rows = rows.repartition(*thing).sortWithinPartitions(*thing, "seq")
    graded = rows.mapInArrow(_grading, ", ".join(f"{name} {kind}" for name, kind in GRADED))
    words = [name for name, kind in GRADED if kind == "string"]
    sums_of = [f.sum(name).alias(name) for name, kind in GRADED if kind == "long"]
    found = Scores()
    added = graded.groupBy(*words).agg(*sums_of).select(*(name for name, _ in GRADED))
    found.merge(tuple(row) for row in added.toLocalIterator())
    return found


def _grading(batches: Batches) -> Iterator[Any]:
    from pyarrow import RecordBatch

    names = [name for name, _ in GRADED]
    for rows in grade_batches(batches):
        cells = map(list, zip(*rows, strict=True))
        yield RecordBatch.from_pydict(dict(zip(names, cells, strict=True)))


def _mapped(
    df: DataFrame, column: str | None, work: Callable[[Batches], Iterator[Any]], schema: str
) -> DataFrame:
    return df.select(*_columns(df, column)).mapInArrow(work, schema)


def _columns(df: DataFrame, column: str | None) -> list[str]:
    """The columns that are read. A wrong kind would be found by a worker, and tried again and again."""
    chosen = columns_of([name for name in df.columns if name not in PLACE], column)
    kind = df.schema[chosen[0]].dataType.simpleString()
    if len(chosen) == 1 and not kind.startswith(("string", "binary", "varchar", "char")):
        raise UsageError(f"the column of records must hold text, and it holds {kind}")
    return chosen


def _counting(job: JudgingJob, column: str | None) -> Callable[[Batches], Iterator[Any]]:
    def work(batches: Batches) -> Iterator[Any]:
        from pyarrow import RecordBatch

        for rows in count_batches(job, column, batches):
            cells = zip(*rows, strict=True)
            yield RecordBatch.from_pydict(dict(zip(COLUMNS, map(list, cells), strict=True)))

    return work


def decide_in_order(df: DataFrame, job: JudgingJob, column: str | None) -> DataFrame:
    """Answers as JSON lines (`answer`), and `error`: files by name, then rows.

    The frame holds the columns `PLACE` beside the records; where it does not, its own order is kept.
    """
    from pyspark.sql import functions as f

    places = [name for name in PLACE if name in df.columns]
    chosen = [*_columns(df, column), *places]
    frame = df.select(*chosen, f.monotonically_increasing_id().alias("number"))
    schema = ", ".join(("answer string, error string", *(f"{name} string" for name in places)))
    kept = (*places, "number")
    lines = frame.mapInArrow(_lines(job, column, kept), f"{schema}, number long")
    placed = (f.col(name).cast("long") if name == PLACE[1] else name for name in kept)
    return lines.where("answer is not null").orderBy(*placed).select("answer", "error")


def _lines(
    job: JudgingJob, column: str | None, kept: Sequence[str]
) -> Callable[[Batches], Iterator[Any]]:
    def work(batches: Batches) -> Iterator[Any]:
        import pyarrow as arrow

        encode = msgspec.json.Encoder().encode
        for batch, answers in decide_batches(job, column, batches):
            texts = [None if a is None else quiet_bytes(encode(a)).decode() for a in answers]
            errors = [getattr(answer, "error", None) for answer in answers]
            cells = [arrow.array(values, arrow.string()) for values in (texts, errors)]
            places = [batch.column(name) for name in kept]
            yield arrow.RecordBatch.from_arrays([*cells, *places], ["answer", "error", *kept])

    return work


def _deciding(job: JudgingJob, column: str | None) -> Callable[[Batches], Iterator[Any]]:
    def work(batches: Batches) -> Iterator[Any]:
        import pyarrow as arrow

        text, moment = arrow.string(), arrow.timestamp("us", "UTC")
        kinds = (text, text, text, text, moment, arrow.list_(text), text)
        schema = arrow.schema(list(zip(RecordedAnswer.__struct_fields__, kinds, strict=False)))
        schema = schema.append(arrow.field("error", text))
        for _, answers in decide_batches(job, column, batches):
            rows = [_cells(answer) for answer in answers if answer is not None]
            yield arrow.RecordBatch.from_pylist(rows, schema=schema)

    return work


def _cells(answer: RecordedAnswer | UnansweredRecord) -> dict[str, Any]:
    error = answer.error if isinstance(answer, UnansweredRecord) else None
    return {
        "id": answer.id,
        "action": answer.action.value,
        "rule": answer.rule,
        "reason": answer.reason,
        "until": answer.until,
        "cannot_tell": list(answer.cannot_tell),
        "error": error,
    }
