"""Checks: how well the verifier does, by all that was lately seen of its tries on videos.

Theory of operation. What a pass reads of one task's evidence says something of the verifier, and so
of all tasks. Each try of the last hour counts once. The tries stand in the log as well, those that a
stretch of a pass has seen in one note, so that a restart and a bot that starts for each pass know
them. They are written there only where a policy asks for them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from reviewbot.domain.review import Evidence, ReviewKind
from reviewbot.domain.task import Timeline
from reviewbot.domain.text import iso, parse_iso
from reviewbot.policy.facts import Fleet
from reviewbot.ports.ledger import Ledger
from reviewbot.ports.queue import Clock

if TYPE_CHECKING:
    from reviewbot.core.pipeline import ReviewPipeline
    from reviewbot.ports.ledger import Ledger, LogNote


Tries = dict[tuple[str, datetime], bool]
"""Whether a try failed to read the video, by task and moment."""


TOPIC = "checks"
"""The topic of the log under which the tries of an hour stand, by kind of review and hour."""


HOUR = timedelta(hours=1)


MANY_CHECKS = 500
"""Tries that are remembered before the old ones are looked for, where no policy asks."""


def note_checks(clock: Clock, bench: ReviewPipeline, evidence: Evidence) -> None:
    """Keep in mind what the verifier tried, as far as this evidence tells."""
    if not isinstance(evidence, Timeline):
        return
    if len(bench.checks_seen) > MANY_CHECKS:
        _forget_old(clock, bench)
    for attempt in evidence.attempts:
        if attempt.scraped_at is not None and attempt.outcome_kind is not None:
            key = (evidence.task_id, attempt.scraped_at)
            if key not in bench.checks_seen:
                bench.checks_seen[key] = attempt.outcome_kind == "scrape_failed"
                bench.checks_unwritten.append(key)


def failed_share(ledger: Ledger, clock: Clock, bench: ReviewPipeline) -> float | None:
    """The share of the last hour's tries that could not read the video; None where none is known."""
    if not bench.checks_recalled and any(judge.needs_fleet for judge in bench.judges):
        _recall(ledger, clock, bench)
    _forget_old(clock, bench)
    return share_of(bench.checks_seen, clock.now())


def fleet_now(
    ledger: Ledger, clock: Clock, bench: ReviewPipeline, waiting: int, escalated: int
) -> Fleet:
    """What is true of all reviews together at this moment."""
    return Fleet(
        open_tasks=waiting,
        scrape_failed_share_1h=failed_share(ledger, clock, bench),
        escalated=escalated,
    )


def write_down(ledger: Ledger, clock: Clock, bench: ReviewPipeline) -> None:
    """Put what was seen since the last time into the log, where a policy asks for it."""
    _forget_old(clock, bench)
    new = [key for key in bench.checks_unwritten if key in bench.checks_seen]
    bench.checks_unwritten.clear()
    if new and any(judge.needs_fleet for judge in bench.judges):
        now = clock.now()
        tries = [[task_id, iso(at), bench.checks_seen[task_id, at]] for task_id, at in new]
        ledger.note(TOPIC, _subject(bench.review, now), {"tries": tries}, now)


def tries_on(ledger: Ledger, review: ReviewKind, now: datetime) -> Tries:
    """The tries of the last hour that the log knows of. Raises `LedgerError`."""
    found: Tries = {}
    for hour in (now - HOUR, now):
        for note in ledger.story(TOPIC, _subject(review, hour)):
            found = _tries(note) | found
    return found


def share_of(tries: Tries, now: datetime) -> float | None:
    """The share of those of the last hour that could not read the video; None where there are none."""
    failed = [tries[key] for key in tries if key[1] > now - HOUR]
    return sum(failed) / len(failed) if failed else None


def _recall(ledger: Ledger, clock: Clock, bench: ReviewPipeline) -> None:
    """Take over what earlier processes saw. What stood in mind already is the same or newer."""
    bench.checks_recalled = True
    bench.checks_seen = tries_on(ledger, bench.review, clock.now()) | bench.checks_seen


def _tries(note: LogNote) -> Tries:
    tries: list[list[Any]] = note.value["tries"]
    return {(task_id, parse_iso(at)): failed for task_id, at, failed in tries}


def _subject(review: ReviewKind, at: datetime) -> str:
    return f"{review} {at.astimezone(UTC):%Y-%m-%dT%H}"


def _forget_old(clock: Clock, bench: ReviewPipeline) -> None:
    oldest = clock.now() - HOUR
    for key in [key for key in bench.checks_seen if key[1] <= oldest]:
        del bench.checks_seen[key]
