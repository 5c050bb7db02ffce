"""Checks: how well the verifier does, by all that was lately seen of its tries on videos.

Theory of operation. What a pass reads of one task's evidence says something of the verifier, and so
of all tasks. Each try of the last hour counts once. The tries stand in the log as well, those that a
stretch of a pass has seen in one note, so that a restart and a bot that starts for each pass know
them. They are written there only where a policy asks for them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from reviewbot.core.pipeline import CheckerTry, ReviewPipeline
from reviewbot.domain.decision import Action, State
from reviewbot.domain.review import Evidence, ReviewKind
from reviewbot.domain.task import PLATFORMS, Timeline
from reviewbot.domain.text import iso, parse_iso
from reviewbot.policy.facts import Fleet
from reviewbot.ports.ledger import Ledger, LogNote, Memory
from reviewbot.ports.queue import Clock

Tries = dict[tuple[str, datetime], CheckerTry]
"""The tries by task and moment."""

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
                failed = attempt.outcome_kind == "scrape_failed"
                blind = failed or attempt.comments_scraped == 0
                bench.checks_seen[key] = CheckerTry(failed, blind, attempt.platform)
                bench.checks_unwritten.append(key)


def checker_shares(ledger: Ledger, clock: Clock, bench: ReviewPipeline) -> dict[str, float | None]:
    """How the last hour's tries went, under the names of the fleet's facts; None where none is known."""
    if not bench.checks_recalled and any(judge.needs_fleet for judge in bench.judges):
        _recall(ledger, clock, bench)
    _forget_old(clock, bench)
    return shares_of(bench.checks_seen, clock.now())


def fleet_now(
    ledger: Ledger, clock: Clock, bench: ReviewPipeline, waiting: int, escalated: int
) -> Fleet:
    """What is true of all reviews together at this moment."""
    return Fleet(open_tasks=waiting, escalated=escalated, **checker_shares(ledger, clock, bench))


def fleet_again(
    ledger: Ledger, clock: Clock, bench: ReviewPipeline, fleet: Fleet, *, count: bool
) -> Fleet:
    """The same right before a write: what was seen of the verifier since counts at once.

    With `count` the log is asked as well which of all that was listed waits still, and for whom.
    """
    if count and bench.sights:
        waiting, escalated = 0, 0
        memories = ledger.memories(bench.review, list(bench.sights))
        for item_id, sight in bench.sights.items():
            memory, epoch = memories.get(item_id), sight.item.epoch
            if memory is None or not _is_sent(memory, epoch):
                waiting += 1
                escalated += memory is not None and asks_a_person(memory, epoch)
        fleet = replace(fleet, open_tasks=waiting, escalated=escalated)
    return replace(fleet, **checker_shares(ledger, clock, bench))


def _is_sent(memory: Memory, epoch: str | None) -> bool:
    """Whether an answer to a round has left; one that is about to leave waits still."""
    latest = memory.latest
    return epoch in memory.claimed and latest is not None and latest.state is not State.INTENT


def asks_a_person(memory: Memory, epoch: str | None) -> bool:
    """Whether a round stands as a question for a person."""
    latest = memory.latest
    if latest is None or latest.decision.epoch != epoch:
        return False
    return latest.decision.action is Action.ESCALATE


def write_down(ledger: Ledger, clock: Clock, bench: ReviewPipeline) -> None:
    """Put what was seen since the last time into the log, where a policy asks for it."""
    _forget_old(clock, bench)
    new = [key for key in bench.checks_unwritten if key in bench.checks_seen]
    bench.checks_unwritten.clear()
    if new and any(judge.needs_fleet for judge in bench.judges):
        now = clock.now()
        tries = [[task_id, iso(at), *bench.checks_seen[task_id, at]] for task_id, at in new]
        ledger.note(TOPIC, _subject(bench.review, now), {"tries": tries}, now)


def tries_on(ledger: Ledger, review: ReviewKind, now: datetime) -> Tries:
    """The tries of the last hour that the log knows of. Raises `LedgerError`."""
    found: Tries = {}
    for hour in (now - HOUR, now):
        for note in ledger.story(TOPIC, _subject(review, hour)):
            found = _tries(note) | found
    return found


def shares_of(tries: Tries, now: datetime) -> dict[str, float | None]:
    """The shares of those of the last hour, on all platforms and on each; None where there are none."""
    recent = [check for (_, at), check in tries.items() if at > now - HOUR]
    shares: dict[str, float | None] = {}
    for platform in (None, *PLATFORMS):
        those = [check for check in recent if platform in (None, check.platform)]
        suffix = "" if platform is None else f"_{platform}"
        shares[f"scrape_failed_share_1h{suffix}"] = _share([check.failed for check in those])
        shares[f"blind_share_1h{suffix}"] = _share([check.blind for check in those])
    return shares


def _share(answers: list[bool]) -> float | None:
    return sum(answers) / len(answers) if answers else None


def _recall(ledger: Ledger, clock: Clock, bench: ReviewPipeline) -> None:
    """Take over what earlier processes saw. What stood in mind already is the same or newer."""
    bench.checks_recalled = True
    bench.checks_seen = tries_on(ledger, bench.review, clock.now()) | bench.checks_seen


def _tries(note: LogNote) -> Tries:
    tries: list[list[Any]] = note.value["tries"]
    return {(task_id, parse_iso(at)): CheckerTry(*how) for task_id, at, *how in tries}


def _subject(review: ReviewKind, at: datetime) -> str:
    return f"{review} {at.astimezone(UTC):%Y-%m-%dT%H}"


def _forget_old(clock: Clock, bench: ReviewPipeline) -> None:
    oldest = clock.now() - HOUR
    for key in [key for key in bench.checks_seen if key[1] <= oldest]:
        del bench.checks_seen[key]
