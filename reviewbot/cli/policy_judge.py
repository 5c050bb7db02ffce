"""`reviewbot policy decide`, `backtest` and `diff`: recorded reviews judged, by one policy or two."""

from __future__ import annotations

import re
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec

from reviewbot.cli.command import FOUND, Decorator, MomentType, command, format_option
from reviewbot.cli.log_export import name_absent
from reviewbot.cli.opening import Opening, opens_log
from reviewbot.cli.policy import load_usable
from reviewbot.cli.policy_impact import (
    MOST_EXPLAINED,
    Counts,
    backtest_json,
    backtest_text,
    diff_json,
    diff_text,
)
from reviewbot.cli.policy_records import RecordedPast, records_options
from reviewbot.cli.screen import Screen
from reviewbot.cli.unread import UNREADABLE, UnreadCount
from reviewbot.core.replay import past_reviews
from reviewbot.domain.errors import UsageError
from reviewbot.history.partial import Counting, JudgingJob, Sums
from reviewbot.insights.peoples_word import beside_people
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.testing.compare import read_gate
from reviewbot.ports.ledger import Ledger, Logged
from reviewbot.presentation.format import counted
from reviewbot.presentation.machine_forms import Run

SHOWN = 1_000
"""So often, in reviews, a terminal hears how far it is."""
_PAST = re.compile(r"(\d+)\s*(h|d|w)")
_HOURS = {"h": 1, "d": 24, "w": 168}


@command
@click.argument("file", type=click.Path())
@click.option("--at", type=MomentType(), help="The moment to judge at; a record's own wins.")
@records_options(required=True)
def decide(screen: Screen, file: str, at: datetime | None, past: RecordedPast) -> None:
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
    $ reviewbot policy decide policies/starter.yaml --records 's3://lake/tasks/*.parquet' --column raw
      # Parquet with a record as JSON in the column raw
    """
    unread = UnreadCount(screen)
    job = JudgingJob.of(compile_policy(load_usable(file)), at or datetime.now(UTC))
    for answers in past.decide(screen, job, unread):
        sys.stdout.buffer.write(answers)
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


over_option: Decorator = click.option(
    "--over", type=PastType(), default="30d", show_default=True, help="How far back."
)


@command
@click.argument("file", type=click.Path())
@records_options()
@over_option
@opens_log
@format_option("text", "json")
def backtest(
    screen: Screen,
    opening: Opening,
    file: str,
    past: RecordedPast | None,
    over: timedelta,
    form: str,
) -> None:
    """Judge the past by policy FILE and count: by rule, in reviews, money and accounts.

    Each round of the log counts once, with the facts of its first decision. Sends nothing and writes
    nothing.

    $ reviewbot policy backtest policies/starter.yaml  # over the last 30 days of the log
    $ reviewbot policy backtest policies/starter.yaml --records tasks.jsonl
      # over recorded reviews, see  policy decide
    $ reviewbot policy backtest policies/starter.yaml --records exported/ --format json
      # over a folder of Parquet or JSON lines, for a program
    """
    judge = compile_policy(load_usable(file))
    counts = _count(screen, (judge, judge), past, over, opening)
    screen.data((backtest_json if form == "json" else backtest_text)(counts, judge))
    counts.unread.end()


@command
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path())
@records_options()
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
    past: RecordedPast | None,
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
    counts = _count(screen, (before, after), past, over, opening)
    broken = [text for gate in read if (text := gate.broken(counts.totals.impact)) is not None]
    screen.data((diff_json if form == "json" else diff_text)(counts, before, after, broken))
    counts.unread.end()
    if broken:
        raise click.exceptions.Exit(FOUND)


def _count(
    screen: Screen,
    judges: tuple[Judge, Judge],
    past: RecordedPast | None,
    over: timedelta,
    opening: Opening,
) -> Counts:
    """Judge the past by an old and a new policy; the same one twice is a back-test."""
    unread = UnreadCount(screen)
    job = JudgingJob.of(judges[1], datetime.now(UTC), judges[0])
    sums = Sums(judges)
    try:
        if past is not None:
            return past.count(screen, job, sums, unread)
        with opening.log() as log:
            days = f"{over.days} d" if over.days else f"{over.seconds // 3600} h"
            what = f"decided in the last {days}"
            return _count_decisions(screen, job, sums, log, job.at - over, what, unread)
    finally:
        sums.close()


def _count_decisions(
    screen: Screen,
    job: JudgingJob,
    sums: Sums,
    log: Ledger,
    since: datetime,
    what: str,
    unread: UnreadCount,
) -> Counts:
    """Count the rounds that some decisions of the log are about, each by its first one."""
    began, counting = time.perf_counter(), Counting(job)

    def cannot_read(logged: Logged) -> None:
        unread.add(f"decision {logged.decision.id[:8]}", UNREADABLE)
        counting.give_up(logged.decision.facts, UNREADABLE)

    name_absent(screen, log)
    with screen.progress() as progress:
        reviews = past_reviews(log.iter_decisions(since), since, cannot_read)
        for number, review in enumerate(reviews, 1):
            counting.count(review)
            if number % SHOWN == 0:
                progress(f"{counted(number, 'review')} judged")
                sums.merge(counting.rows())
    sums.merge(counting.rows())
    totals = sums.finish()
    unread.take(totals)
    took, (old, new) = time.perf_counter() - began, sums.judges
    run = Run.of(what, "local", totals.parts, job.at, took, unread.problems)
    examples = {
        review.subject.id: review
        for name in totals.examples(MOST_EXPLAINED)
        for review in past_reviews(log.decisions(task_id=name), since, lambda _: None)
    }
    days = (job.at - since).total_seconds() / 86_400
    people = None if old is new else beside_people(log.iter_decisions(since), since, (old, new))
    found = Counts(totals=totals, run=run, unread=unread, find=lambda _: examples)
    return msgspec.structs.replace(found, days=days, people=people)
