"""`reviewbot policy decide`: judge recorded reviews, without network and without a decision log."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from reviewbot.cli.command import (
    Command,
    Example,
    MomentType,
    config_option,
    format_option,
    ledger_option,
)
from reviewbot.cli.log_export import is_parquet, read_parquet
from reviewbot.cli.opening import UNREADABLE, ProgressLine, UnreadCount, ledger_for_reading
from reviewbot.cli.policy import load_usable
from reviewbot.cli.policy_impact import Counts, backtest_json, backtest_text, diff_json, diff_text
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import quiet_bytes
from reviewbot.insights.batch import decide_records
from reviewbot.insights.limited import hold_against_limits
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.testing.compare import Impact, Recorded, counter, read_gate
from reviewbot.ports.ledger import Logged
from reviewbot.presentation.format import counted
from reviewbot.tokportal.records import decode_record

STDIN = Path("/dev/stdin")


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy decide policies/starter.yaml --records tasks.jsonl", "judge all"),
        Example(
            "reviewbot policy decide policies/starter.yaml --records tasks.jsonl"
            " --at 2026-06-02T12:00:00Z",
            "as of that moment, where a record names none",
        ),
    ],
)
@click.argument("file", type=click.Path())
@click.option("--records", required=True, type=click.Path(), help="JSON lines; - reads stdin.")
@click.option("--at", type=MomentType(), help="The moment to judge at; a record's own wins.")
@click.option("--workers", type=click.IntRange(1), help="Processes; by the file's size without it.")
@click.pass_obj
def decide(
    screen: Screen, file: str, records: str, at: datetime | None, workers: int | None
) -> None:
    """Judge recorded reviews by policy FILE: one line of JSON each, in order.

    A record is {"task": {…API fields…}, "attempts": [{…}], "history": {"disputes": 0,
    "last_dispute_at": null}, "at": "2026-06-02T12:00:00Z"}; history and at may be left out. Of an
    account it is {"bundle": {…API fields, "account": {…}}, "delivered": {…profile…}, "first_seen":
    "2026-06-02T12:00:00Z", "history": {…}, "at": …}; all but the bundle may be left out. A line that
    is no record is answered in its place with why ("error"), and counted; the exit code is 4 where
    more than 0.1 % of the lines are none.
    """
    judge = compile_policy(load_usable(file))
    path = STDIN if records == "-" else Path(records)
    unread = UnreadCount(screen)
    try:
        batches = decide_records(
            judge, path, at=at or datetime.now(UTC), decode=decode_record, workers=workers
        )
        for batch in batches:
            sys.stdout.buffer.write(quiet_bytes(batch.answers))
            unread.judged += batch.judged
            for problem in batch.problems:
                unread.add(f"{records}:{problem.line}", problem.message)
    except OSError as error:
        raise UsageError(f"{records} cannot be read: {error.strerror or error}") from error
    sys.stdout.buffer.flush()
    unread.end()


# ------------------------------------------------------------------------------------------------
# Where `backtest` and `diff` get their reviews from: a file of records, the decision log, or its export.


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
            unread = UnreadCount(screen)
            decisions = read_parquet(path, lambda row, why: unread.add(f"{path}, row {row}", why))
            what = f"exported to {path}"
            return _count_decisions(screen, judges, decisions, _EVER, what, unread)
        return _count_records(screen, judges, path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error


def _count_records(screen: Screen, judges: tuple[Judge, Judge], path: Path) -> Counts:
    """Count a file of recorded reviews, one a line."""
    from reviewbot.insights.batch import count_records
    from reviewbot.tokportal.records import decode_record

    now = datetime.now(UTC)
    impact, unread = Impact(), UnreadCount(screen)
    with _bytes_bar(screen, path.stat().st_size) as advance:
        for part in count_records(judges, path, at=now, decode=decode_record):
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
    from reviewbot.insights.batch import every_line
    from reviewbot.tokportal.records import decode_record

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
    unread: UnreadCount | None = None,
) -> Counts:
    """Count the rounds that some decisions of the log are about, each by its first one."""
    from reviewbot.core.replay import past_reviews

    impact, unread = Impact(), unread or UnreadCount(screen)
    judged = counter(impact, *judges, datetime.now(UTC), limits=True)
    examples: dict[str, Recorded] = {}
    progress = ProgressLine(screen)

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


# ------------------------------------------------------------------------------------------------
# `reviewbot policy backtest`: what a policy would have said of the past.


@click.command(
    cls=Command,
    examples=[
        Example(
            "reviewbot policy backtest policies/starter.yaml", "over the last 30 days of the log"
        ),
        Example(
            "reviewbot policy backtest policies/starter.yaml --records tasks.jsonl",
            "over recorded reviews, see  policy decide",
        ),
    ],
)
@click.argument("file", type=click.Path())
@click.option(
    "--records",
    type=click.Path(),
    help="Recorded reviews: JSON lines (also .gz), or a log exported as Parquet.",
)
@click.option("--over", type=PastType(), default="30d", show_default=True, help="How far back.")
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def backtest(
    screen: Screen,
    file: str,
    records: str | None,
    over: timedelta,
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Judge the past by policy FILE and count: by rule, in reviews, money and accounts.

    Each round of the log counts once, with the facts of its first decision. Sends nothing and writes
    nothing.
    """
    judge = compile_policy(load_usable(file))
    counts = count(screen, (judge, judge), records=records, over=over, ledger=ledger, config=config)
    screen.data((backtest_json if form == "json" else backtest_text)(counts, judge))
    counts.unread.end()


# ------------------------------------------------------------------------------------------------
# `reviewbot policy diff`: what a change of policy would have changed.


FOUND = 4
"""The exit code of a check that found something."""


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy diff old.yaml new.yaml", "over the last 30 days of the log"),
        Example(
            'reviewbot policy diff old.yaml new.yaml --fail-if "more than 2% become dispute"',
            "as a gate before a merge: exit code 4 when it does",
        ),
        Example(
            "reviewbot policy diff old.yaml new.yaml --records tasks.jsonl --format json",
            "over recorded reviews, for a program",
        ),
    ],
)
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path())
@click.option(
    "--records",
    type=click.Path(),
    help="Recorded reviews: JSON lines (also .gz), or a log exported as Parquet.",
)
@click.option("--over", type=PastType(), default="30d", show_default=True, help="How far back.")
@click.option(
    "--fail-if", "gates", multiple=True, metavar="CONDITION", help="End with code 4 if so."
)
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def diff(
    screen: Screen,
    old: str,
    new: str,
    records: str | None,
    over: timedelta,
    gates: tuple[str, ...],
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Judge the past by policies OLD and NEW and show what moves from which action to which.

    In reviews, money and accounts, with the pairs of rules that cause it and an example explained by
    both. A condition for --fail-if is  more than 2% become dispute,  more than 10 become approve,
    more than 5 USD become approve,  any become approve  or  more than 5% change.
    """
    try:
        read = [read_gate(text) for text in gates]
    except ValueError as error:
        raise UsageError(str(error)) from error
    before, after = compile_policy(load_usable(old)), compile_policy(load_usable(new))
    if before.policy.applies_to.review != after.policy.applies_to.review:
        raise UsageError(f"{old} and {new} judge different kinds of review")
    counts = count(
        screen, (before, after), records=records, over=over, ledger=ledger, config=config
    )
    broken = [text for gate in read if (text := gate.broken(counts.impact)) is not None]
    screen.data((diff_json if form == "json" else diff_text)(counts, before, after, broken))
    counts.unread.end()
    if broken:
        raise click.exceptions.Exit(FOUND)
