"""Where `backtest` and `diff` get their reviews from: a file of records, the decision log, or its export."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from reviewbot.cli.log.parquet import is_parquet, read_parquet
from reviewbot.cli.opening import ledger_for_reading
from reviewbot.cli.screen import Screen
from reviewbot.cli.tasks.progress import Progress
from reviewbot.cli.unread import UNREADABLE, Unread
from reviewbot.cli.words import counted
from reviewbot.domain.errors import UsageError
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.impact import Impact, counter
from reviewbot.policy.records import Recorded
from reviewbot.ports import Logged
from reviewbot.service.outlook.limited import KeptBack, hold_against_limits

_PAST = re.compile(r"(\d+)\s*(h|d|w)")
_HOURS = {"h": 1, "d": 24, "w": 168}
_EVER = datetime.min.replace(tzinfo=UTC)
SHOWN = 1_000
"""So often, in reviews, a terminal hears how far it is."""


class PastType(click.ParamType[timedelta]):
    """A length of time back from now: `30d`, `12h`, `2w`."""

    name = "length"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read the length, or say what one looks like."""
        if isinstance(value, timedelta):
            return value
        found = _PAST.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no length of time; write 30d, 12h or 2w", param, ctx)
        return timedelta(hours=int(found[1]) * _HOURS[found[2]])


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted, over what, and how to find one review of it again."""

    impact: Impact
    what: str
    unread: Unread
    kept: tuple[tuple[KeptBack, ...], tuple[KeptBack, ...]]
    """What the limits of the old and of the new policy kept back."""
    find: Callable[[str], Recorded | None]


def count(
    screen: Screen,
    judges: tuple[Judge, Judge],
    *,
    records: str | None,
    over: timedelta,
    ledger: str | None,
    config: str | None,
) -> Counts:
    """Judge the past by an old and a new policy; the same one twice is a back-test."""
    if records is None:
        with ledger_for_reading(ledger=ledger, config=config) as log:
            days = f"{over.days} d" if over.days else f"{over.seconds // 3600} h"
            since = datetime.now(UTC) - over
            return _count_decisions(
                screen, judges, log.iter_decisions(), since, f"decided in the last {days}"
            )
    path = Path(records)
    try:
        if is_parquet(path):
            unread = Unread(screen)
            decisions = read_parquet(path, lambda row, why: unread.add(f"{path}, row {row}", why))
            what = f"exported to {path}"
            return _count_decisions(screen, judges, decisions, _EVER, what, unread)
        return _count_records(screen, judges, path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error


def _count_records(screen: Screen, judges: tuple[Judge, Judge], path: Path) -> Counts:
    """Count a file of recorded reviews, one a line."""
    from reviewbot.api.narrow import decoder_for
    from reviewbot.recorded.judged import count_records

    now = datetime.now(UTC)
    impact, unread = Impact(), Unread(screen)
    with _bytes_bar(screen, path.stat().st_size) as advance:
        for part in count_records(judges, path, at=now, decoder_for=decoder_for):
            impact.take(part.impact)
            advance(part.read)
            for problem in part.problems:
                unread.add(f"{path}:{problem.line}", problem.message)
    kept = hold_against_limits(impact, *judges)
    unread.judged = impact.total
    return Counts(
        impact=impact,
        what=f"recorded in {path}",
        unread=unread,
        kept=kept,
        find=partial(_find_line, path),
    )


def _find_line(path: Path, thing: str) -> Recorded | None:
    from reviewbot.api.records import decode_record
    from reviewbot.recorded.pieces import every_line

    wanted = thing.encode()
    for line in every_line(path):
        if wanted in line:
            with suppress(ValueError):
                if (record := decode_record(line)).subject.id == thing:
                    return record
    return None


def _count_decisions(
    screen: Screen,
    judges: tuple[Judge, Judge],
    decisions: Iterable[Logged],
    since: datetime,
    what: str,
    unread: Unread | None = None,
) -> Counts:
    """Count the rounds that some decisions of the log are about, each by its first one."""
    from reviewbot.service.outlook.past import past_reviews

    impact, unread = Impact(), unread or Unread(screen)
    judged = counter(impact, *judges, datetime.now(UTC), limits=True)
    examples: dict[str, Recorded] = {}
    progress = Progress(screen)

    def cannot_read(logged: Logged) -> None:
        unread.add(f"decision {logged.decision.id[:8]}", UNREADABLE)

    for number, review in enumerate(past_reviews(decisions, since, cannot_read), 1):
        moved = judged(review)
        if moved and len(examples) < 1000:
            examples[review.subject.id] = review
        if number % SHOWN == 0:
            progress(f"{counted(number, 'review')} judged")
    progress.done()
    kept = hold_against_limits(impact, *judges)
    unread.judged = impact.total
    return Counts(impact=impact, what=what, unread=unread, kept=kept, find=examples.get)


@contextmanager
def _bytes_bar(screen: Screen, size: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal for a large file; nothing elsewhere."""
    if size < 1 << 24 or not screen.is_terminal() or screen.verbosity < 0:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, no_color=not screen.wants_color())
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("judging", total=size)
        yield lambda done: bar.update(task, advance=done)
