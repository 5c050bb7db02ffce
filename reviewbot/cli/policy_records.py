"""`--records`, `--column`, `--workers` and `--engine`: recorded reviews wherever they lie, by an engine."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import msgspec

from reviewbot.cli.command import Decorator
from reviewbot.cli.policy_impact import Counts
from reviewbot.cli.screen import Screen
from reviewbot.cli.unread import UnreadCount
from reviewbot.domain.errors import UsageError
from reviewbot.history.batch import Part, count_files, decide_files, find_in_files
from reviewbot.history.files import find_files
from reviewbot.history.partial import JudgingJob, Sums
from reviewbot.policy.testing.compare import Recorded
from reviewbot.presentation.machine_forms import Run

if TYPE_CHECKING:
    from reviewbot.history.scores import Scores

STDIN = "/dev/stdin"


class RecordedPast(msgspec.Struct, frozen=True):
    """Recorded reviews as the options name them, and how they are to be judged."""

    where: str
    column: str | None
    workers: int | None
    engine: Literal["local", "spark"]

    def decide(self, screen: Screen, job: JudgingJob, unread: UnreadCount) -> Iterator[bytes]:
        """An answer for each, as JSON lines in the order of the records. Raises UsageError."""
        if self.engine == "spark":
            from reviewbot.cli.on_spark import decide

            yield from decide(self.where, self.column, job, unread)
            return
        for part in self._worked(screen, decide_files, job, unread):
            unread.judged += part.answered
            yield part.answers

    def count(self, screen: Screen, job: JudgingJob, sums: Sums, unread: UnreadCount) -> Counts:
        """What two policies make of them, counted. Raises UsageError."""
        began = time.perf_counter()
        if self.engine == "spark":
            from reviewbot.cli.on_spark import count

            count(self.where, self.column, job, sums)
        else:
            for part in self._worked(screen, count_files, job, unread):
                sums.merge(part.sums)
        totals = sums.finish()
        unread.take(totals)
        what, took = f"recorded in {self.where}", time.perf_counter() - began
        # A cluster's workers know no file.
        places = unread.problems if self.engine == "local" else ()
        run = Run.of(what, self.engine, totals.parts, job.at, took, places)
        return Counts(totals=totals, run=run, unread=unread, find=self._find)

    def scores(
        self, screen: Screen, since: datetime | None, unread: UnreadCount
    ) -> tuple[Scores, Run]:
        """How the decisions of an exported log turned out. Raises UsageError."""
        from reviewbot.history.scores import ScoredFiles, decisions_of_files

        began, started_at, parts = time.perf_counter(), datetime.now(UTC), 0
        if self.engine == "spark":
            from reviewbot.cli.on_spark import scores

            found = scores(self.where, since)
            parts, reasons = found.parts, found.unreadable()
            unread.add_all(sum(reasons.values()), ((self.where, why) for why in reasons if why))
        else:
            gathered = ScoredFiles()
            for part in self._worked(screen, decisions_of_files, since, unread):
                gathered.take(part)
                parts += 1
            found = gathered.scores()
        unread.judged += found.read
        took = time.perf_counter() - began
        what = f"recorded in {self.where}"
        return found, Run.of(what, self.engine, parts, started_at, took, unread.problems)

    def _worked(
        self,
        screen: Screen,
        work: Callable[..., Iterator[Part]],
        about: JudgingJob | Sequence[str] | datetime | None,
        unread: UnreadCount | None = None,
    ) -> Iterator[Part]:
        """Go through the files part by part, with progress; problems go to `unread`."""
        try:
            files = find_files(STDIN if self.where == "-" else self.where)
            options: dict[str, Any] = {"workers": self.workers}
            if self.column is not None:
                options["column"] = self.column
            size, done = sum(file.size or 0 for file in files), 0
            with screen.progress() as progress:
                for part in work(about, files, lost=screen.complain, **options):
                    done += part.read
                    progress(f"judging: {done / max(size, done, 1):.0%}")
                    if unread is not None and part.unread:
                        if self.where == "-":
                            part = part._replace(path="-")
                        places = ((part.place(p), p.message) for p in part.problems)
                        unread.add_all(part.unread, places)
                    yield part
        except OSError as error:
            why = error.strerror or error
            raise UsageError(f"{self.where} cannot be read: {why}") from error

    def _find(self, names: Sequence[str]) -> Mapping[str, Recorded]:
        """Some reviews by their ids, where the records can be read once more."""
        if not names or self.engine != "local" or _is_pipe(self.where):
            return {}
        found: dict[str, Recorded] = {}
        for part in self._worked(Screen(), find_in_files, names):
            found |= part.found
            if len(found) == len(names):
                break
        return found


def _is_pipe(where: str) -> bool:
    path = Path(where)
    return where == "-" or (
        path.exists() and not stat.S_ISREG(path.stat().st_mode) and not path.is_dir()
    )


def records_options(*, required: bool = False, column: bool = True) -> Decorator:
    """Add the options that name recorded reviews; the command takes them as one `past`, or None.

    Without `column` they are those of a command that reads exported logs only.
    """
    options = [
        click.option(
            "--records",
            required=required,
            metavar="PLACE",
            help="A file, a folder, a glob or a URL (s3://, gs://, abfs://) of JSON lines (also .gz) or"
            " Parquet; - reads stdin.",
        ),
        click.option(
            "--workers", type=click.IntRange(1), help="Processes; by the size without it."
        ),
        click.option(
            "--engine",
            type=click.Choice(["local", "spark"]),
            default="local",
            show_default=True,
            help="What judges: this machine, or Spark.",
        ),
    ]
    if column:
        help_of_it = "The column with records as JSON; or record."
        options.insert(1, click.option("--column", metavar="NAME", help=help_of_it))

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(
            *args: Any,
            records: str | None,
            workers: int | None,
            engine: Any,
            column: str | None = None,
            **values: Any,
        ) -> Any:
            if records is None and (column or workers or engine != "local"):
                raise UsageError("--column, --workers and --engine go with --records")
            past = None if records is None else RecordedPast(records, column, workers, engine)
            return function(*args, past=past, **values)

        decorated: Callable[..., Any] = call
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate
