"""`--engine spark`: what lies somewhere as a data frame of the cluster, local Spark or Spark Connect."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.cli.unread import UnreadCount
from reviewbot.domain.errors import UsageError
from reviewbot.history.files import ENDINGS, find_files
from reviewbot.history.partial import JudgingJob, Sums
from reviewbot.history.records import COLUMN
from reviewbot.history.scores import Scores
from reviewbot.spark import PLACE, count_frame, decide_in_order, scorecards

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TABLE = "table:"
_DAMAGED = re.compile(r"\[FAILED_READ_FILE[^\]]*\] ([^\n]*)")
_LINES = (".jsonl", ".ndjson", ".json", ".txt", ".gz")
_ELSEWHERE = ("SPARK_REMOTE", "SPARK_MASTER", "MASTER", "SPARK_CONF_DIR", "PYSPARK_GATEWAY_PORT")
"""Where any of these is set, somebody has said which Spark to use."""
SIZE = 8 << 20
"""Bytes of files in a partition here; well-packed Parquet would come in too few by Spark's own 128 MB."""


def count(where: str, column: str | None, job: JudgingJob, sums: Sums) -> None:
    """Add up what the policies of a job make of records. Raises UsageError."""
    with _reading(where):
        count_frame(_frame(where, column), job, sums, column)


def decide(where: str, column: str | None, job: JudgingJob, unread: UnreadCount) -> Iterator[bytes]:
    """The answer to each record as a JSON line: files by name, then rows. Raises UsageError."""
    with _reading(where):
        lines = decide_in_order(_frame(where, column), job, column)
        for answer, error in lines.toLocalIterator():
            if error is None:
                unread.judged += 1
            else:
                unread.add(where, error)
            yield answer.encode() + b"\n"


def scores(where: str, since: datetime | None) -> Scores:
    """How the decisions of an exported log turned out. Raises UsageError."""
    with _reading(where):
        return scorecards(_frame(where, None), since=since)


@contextmanager
def _reading(where: str) -> Iterator[None]:
    """Say of what cannot be read that it cannot; PySpark's and Py4J's errors have no common root."""
    try:
        yield
    except Exception as error:
        from pyspark.errors import AnalysisException

        damaged = _DAMAGED.search(str(error))
        if damaged is None and not isinstance(error, AnalysisException):
            raise
        why = damaged[1] if damaged else str(error)
        raise UsageError(f"{where} cannot be read: {why}") from error


def _frame(where: str, column: str | None) -> DataFrame:
    """The records of a table (`table:NAME`), or of files, with where each row stands."""
    from pyspark.sql import functions as f

    if where == "-":
        raise UsageError("Spark reads no standard input: name a file, a folder or table:NAME")
    session = _session()
    if where.startswith(TABLE):
        return session.table(where.removeprefix(TABLE))
    reader = session.read.option("recursiveFileLookup", "true")
    if Path(where).is_dir():
        reader = reader.option("pathGlobFilter", f"*{{{','.join(ENDINGS)}}}")
    if _is_lines(where):
        lines = reader.text(where).where(f.col("value").rlike(r"\S"))  # a blank line is no record
        frame = lines.withColumnRenamed("value", column or COLUMN)
    else:
        frame = reader.parquet(where)
    place = (f.col(f"_metadata.{name}").cast("string").alias(name) for name in PLACE)
    return frame.select("*", *place)


def _session() -> SparkSession:
    """The Spark that somebody has named, or one of this machine's own."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise UsageError(
            "Spark is not installed: pip install 'reviewbot[spark]', and a Java runtime (17 or newer)"
        ) from error
    builder = SparkSession.builder.appName("reviewbot")
    if not any(os.environ.get(name) for name in _ELSEWHERE):
        # Its workers are this Python, and it listens to no other machine; a task is tried again; small
        # files make enough parts.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        builder = builder.master("local[*,4]").config("spark.ui.enabled", "false")
        builder = builder.config("spark.ui.showConsoleProgress", "false")
        builder = builder.config("spark.sql.files.maxPartitionBytes", str(SIZE))
    session = builder.getOrCreate()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return session


def _is_lines(where: str) -> bool:
    """Whether a place holds JSON lines and not Parquet; files here are looked at, others by name."""
    if "://" in where or where.endswith((*_LINES, ".parquet")):
        return where.endswith(_LINES)
    try:
        kinds = {file.path.endswith(".parquet") for file in find_files(where)}
    except OSError as error:
        raise UsageError(f"{where} cannot be read: {error.strerror or error}") from error
    if len(kinds) > 1:
        raise UsageError(f"{where} holds Parquet and JSON lines: Spark reads one kind at a time")
    return kinds == {False}
