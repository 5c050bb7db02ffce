"""Where `backtest` and `diff` get their reviews from: a file of records, or the decision log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from reviewbot.cli.opening import ledger_for_reading
from reviewbot.cli.screen import Screen
from reviewbot.cli.words import counted
from reviewbot.domain.errors import UsageError
from reviewbot.domain.safetext import safe_line
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.impact import Impact
from reviewbot.policy.records import Recorded, judge_record

_PAST = re.compile(r"(\d+)\s*(h|d|w)")
_HOURS = {"h": 1, "d": 24, "w": 168}


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
    unread: int
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
    if records is not None:
        return _count_file(screen, judges, Path(records))
    return _count_log(screen, judges, over, ledger, config)


def _count_file(screen: Screen, judges: tuple[Judge, Judge], path: Path) -> Counts:
    from reviewbot.api.narrow import decoder_for
    from reviewbot.api.records import decode_record
    from reviewbot.recorded.judged import count_records

    now = datetime.now(UTC)
    impact, unread = Impact(), 0
    try:
        with _bytes_bar(screen, path.stat().st_size) as advance:
            for part in count_records(judges, path, at=now, decoder_for=decoder_for):
                impact.take(part.impact)
                advance(part.read)
                unread += len(part.problems)
                for problem in part.problems[:5]:
                    screen.complain(f"{path}:{problem.line}: {safe_line(problem.message)}")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error

    def find(thing: str) -> Recorded | None:
        wanted = thing.encode()
        with path.open("rb") as lines:
            for line in lines:
                if wanted in line and (record := decode_record(line)).subject.id == thing:
                    return record
        return None

    return Counts(impact=impact, what=f"recorded in {path}", unread=unread, find=find)


def _count_log(
    screen: Screen,
    judges: tuple[Judge, Judge],
    over: timedelta,
    ledger: str | None,
    config: str | None,
) -> Counts:
    from reviewbot.service.past import past_reviews

    now = datetime.now(UTC)
    old, new = judges
    impact, unread = Impact(), 0
    kept: dict[str, Recorded] = {}

    def cannot_read(_: object) -> None:
        nonlocal unread
        unread += 1

    with ledger_for_reading(ledger=ledger, config=config) as log:
        for review in past_reviews(log, now - over, cannot_read):
            before, after = judge_record(old, review, now), judge_record(new, review, now)
            for rule in after.cannot_tell:
                impact.could_not_tell[rule] = impact.could_not_tell.get(rule, 0) + 1
            thing = review.subject.id
            impact.add(
                (before.action, before.rule),
                (after.action, after.rule),
                thing,
                review.subject.saved_account_id,
                review.amount_micros,
            )
            if before.action != after.action and len(kept) < 1000:
                kept[thing] = review
    days = f"{over.days} d" if over.days else f"{over.seconds // 3600} h"
    if unread:
        screen.complain(f"{counted(unread, 'decision')} of the log could not be read")
    return Counts(impact=impact, what=f"decided in the last {days}", unread=unread, find=kept.get)


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
