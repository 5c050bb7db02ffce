"""`reviewbot policy decide`, `backtest` and `diff`: recorded reviews judged, by one policy or two."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from reviewbot.cli.command import FOUND, Decorator, MomentType, command, format_option
from reviewbot.cli.log_export import SHOWN, is_parquet, read_parquet
from reviewbot.cli.opening import Opening, opens_log
from reviewbot.cli.policy import load_usable
from reviewbot.cli.policy_impact import Counts, backtest_json, backtest_text, diff_json, diff_text
from reviewbot.cli.screen import Screen
from reviewbot.cli.unread import UNREADABLE, UnreadCount
from reviewbot.core.replay import past_reviews
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import quiet_bytes
from reviewbot.insights.batch import count_records, decide_records, every_line
from reviewbot.insights.limited import hold_against_limits
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.testing.compare import Impact, Recorded, counter, read_gate
from reviewbot.ports.ledger import Logged
from reviewbot.presentation.format import counted
from reviewbot.tokportal.records import decode_record

STDIN = Path("/dev/stdin")
_PAST = re.compile(r"(\d+)\s*(h|d|w)")
_HOURS = {"h": 1, "d": 24, "w": 168}
_EVER = datetime.min.replace(tzinfo=UTC)
_MOST_EXAMPLES = 1000


@command
@click.argument("file", type=click.Path())
@click.option("--records", required=True, type=click.Path(), help="JSON lines; - reads stdin.")
@click.option("--at", type=MomentType(), help="The moment to judge at; a record's own wins.")
@click.option("--workers", type=click.IntRange(1), help="Processes; by the file's size without it.")
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

    $ reviewbot policy decide policies/starter.yaml --records tasks.jsonl  # judge all
    $ reviewbot policy decide policies/starter.yaml --records tasks.jsonl --at 2026-06-02T12:00:00Z
      # as of that moment, where a record names none
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


records_option: Decorator = click.option(
    "--records",
    type=click.Path(),
    help="Recorded reviews: JSON lines (also .gz), or a log exported as Parquet.",
)
over_option: Decorator = click.option(
    "--over", type=PastType(), default="30d", show_default=True, help="How far back."
)


@command
@click.argument("file", type=click.Path())
@records_option
@over_option
@opens_log
@format_option("text", "json")
def backtest(
    screen: Screen, opening: Opening, file: str, records: str | None, over: timedelta, form: str
) -> None:
    """Judge the past by policy FILE and count: by rule, in reviews, money and accounts.

    Each round of the log counts once, with the facts of its first decision. Sends nothing and writes
    nothing.

    $ reviewbot policy backtest policies/starter.yaml  # over the last 30 days of the log
    $ reviewbot policy backtest policies/starter.yaml --records tasks.jsonl
      # over recorded reviews, see  policy decide
    """
    judge = compile_policy(load_usable(file))
    counts = _count(screen, (judge, judge), records, over, opening)
    screen.data((backtest_json if form == "json" else backtest_text)(counts, judge))
    counts.unread.end()


@command
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path())
@records_option
@over_option
@click.option(
    "--fail-if", "gates", multiple=True, metavar="CONDITION", help="End with code 4 if so."
)
@opens_log
@format_option("text", "json")
def diff(
    screen: Screen,
    opening: Opening,
    old: str,
    new: str,
    records: str | None,
    over: timedelta,
    gates: tuple[str, ...],
    form: str,
) -> None:
    """Judge the past by policies OLD and NEW and show what moves from which action to which.

    In reviews, money and accounts, with the pairs of rules that cause it and an example explained by
    both. A condition for --fail-if is  more than 2% become dispute,  more than 10 become approve,
    more than 5 USD become approve,  any become approve  or  more than 5% change.

    $ reviewbot policy diff old.yaml new.yaml  # over the last 30 days of the log
    $ reviewbot policy diff old.yaml new.yaml --fail-if "more than 2% become dispute"
      # as a gate before a merge: exit code 4 when it does
    $ reviewbot policy diff old.yaml new.yaml --records tasks.jsonl --format json
      # over recorded reviews, for a program
    """
    try:
        read = [read_gate(text) for text in gates]
    except ValueError as error:
        raise UsageError(str(error)) from error
    before, after = compile_policy(load_usable(old)), compile_policy(load_usable(new))
    if before.policy.applies_to.review != after.policy.applies_to.review:
        raise UsageError(f"{old} and {new} judge different kinds of review")
    counts = _count(screen, (before, after), records, over, opening)
    broken = [text for gate in read if (text := gate.broken(counts.impact)) is not None]
    screen.data((diff_json if form == "json" else diff_text)(counts, before, after, broken))
    counts.unread.end()
    if broken:
        raise click.exceptions.Exit(FOUND)


def _count(
    screen: Screen,
    judges: tuple[Judge, Judge],
    records: str | None,
    over: timedelta,
    opening: Opening,
) -> Counts:
    """Judge the past by an old and a new policy; the same one twice is a back-test."""
    unread = UnreadCount(screen)
    if records is None:
        with opening.log() as log:
            days = f"{over.days} d" if over.days else f"{over.seconds // 3600} h"
            what = f"decided in the last {days}"
            since = datetime.now(UTC) - over
            return _count_decisions(screen, judges, log.iter_decisions(), since, what, unread)
    path = Path(records)
    try:
        if is_parquet(path):
            decisions = read_parquet(path, lambda row, why: unread.add(f"{path}, row {row}", why))
            return _count_decisions(screen, judges, decisions, _EVER, f"exported to {path}", unread)
        return _count_records(screen, judges, path, unread)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error


def _count_records(
    screen: Screen, judges: tuple[Judge, Judge], path: Path, unread: UnreadCount
) -> Counts:
    """Count a file of recorded reviews, one a line."""
    impact, done, size = Impact(), 0, path.stat().st_size
    parts = count_records(judges, path, at=datetime.now(UTC), decode=decode_record)
    with screen.progress() as progress:
        for part in parts:
            impact.take(part.impact)
            done += part.read
            progress(f"judging: {done / max(size, done, 1):.0%}")
            for problem in part.problems:
                unread.add(f"{path}:{problem.line}", problem.message)
    kept = hold_against_limits(impact, *judges)
    unread.judged = impact.total
    find = partial(_find_line, path)
    return Counts(impact=impact, what=f"recorded in {path}", unread=unread, kept=kept, find=find)


def _find_line(path: Path, subject: str) -> Recorded | None:
    wanted = subject.encode()
    for line in every_line(path):
        if wanted in line:
            with suppress(ValueError):
                if (record := decode_record(line)).subject.id == subject:
                    return record
    return None


def _count_decisions(
    screen: Screen,
    judges: tuple[Judge, Judge],
    decisions: Iterable[Logged],
    since: datetime,
    what: str,
    unread: UnreadCount,
) -> Counts:
    """Count the rounds that some decisions of the log are about, each by its first one."""
    impact = Impact()
    judged = counter(impact, *judges, datetime.now(UTC), limits=True)
    examples: dict[str, Recorded] = {}

    def cannot_read(logged: Logged) -> None:
        unread.add(f"decision {logged.decision.id[:8]}", UNREADABLE)

    with screen.progress() as progress:
        for number, review in enumerate(past_reviews(decisions, since, cannot_read), 1):
            moved = judged(review)
            if moved and len(examples) < _MOST_EXAMPLES:
                examples[review.subject.id] = review
            if number % SHOWN == 0:
                progress(f"{counted(number, 'review')} judged")
    kept = hold_against_limits(impact, *judges)
    unread.judged = impact.total
    return Counts(impact=impact, what=what, unread=unread, kept=kept, find=examples.get)
