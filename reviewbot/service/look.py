"""Look: get a task and its evidence before the judge's eyes, as fresh as needed and no fresher."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from reviewbot.domain.moments import parse_iso
from reviewbot.domain.review import ReviewItem
from reviewbot.ports import Sighting
from reviewbot.service.app import REVIEW_WINDOW, App, Bench, HeldEvidence, Sight
from reviewbot.service.checks import note_checks
from reviewbot.service.effects import lacks_its_end, waits

OLDEST_EVIDENCE = 6 * 3600.0
"""Seconds that the evidence of an undecided task is kept at least."""
SECONDS_PER_HELD = 2.0
"""With many undecided tasks it is kept longer: looking again at all of them costs requests."""


def note_sights(bench: Bench, items: Iterable[ReviewItem], at: float) -> None:
    """Keep in mind that these were seen at `at` (monotonic, from before the request)."""
    for item in items:
        bench.sights[item.id] = Sight(with_window(bench, item), at)


def with_window(bench: Bench, item: ReviewItem) -> ReviewItem:
    """Give a thing whose window the API does not state the window counted from our first sight."""
    if item.started_at is not None or not item.deadline_is_estimate or item.epoch is None:
        return item
    first = bench.first_seen.get((item.id, item.epoch))
    if first is None:
        return item
    return replace(item, started_at=first, deadline_at=first + REVIEW_WINDOW)


def deadline_of(sighting: Sighting) -> datetime:
    """The deadline as the API stated it, or counted from the round's beginning, or our first sight."""
    return sighting.deadline_at or (_began(sighting) or sighting.first_seen_at) + REVIEW_WINDOW


def is_guessed(sighting: Sighting) -> bool:
    """Whether its deadline is counted from our first sight, and may have been earlier."""
    return sighting.deadline_at is None and _began(sighting) is None


def _began(sighting: Sighting) -> datetime | None:
    """When the round began, where its name says so: a task's does, an account's is a number."""
    try:
        return parse_iso(sighting.epoch)
    except ValueError:
        return None


def see_again(app: App, bench: Bench, item: ReviewItem) -> ReviewItem | None:
    """See a thing again, by the list page that should hold it or else by itself.

    None when it no longer waits. Raises `ApiError`.
    """
    at = app.clock.monotonic()
    note_sights(bench, bench.queue.renew(item), at)
    sight = bench.sights[item.id]
    if sight.at < at:
        at = app.clock.monotonic()
        note_sights(bench, (bench.queue.look(item.id),), at)
        sight = bench.sights[item.id]
    return sight.item if waits(sight.item) else None


def is_conclusive(bench: Bench, item: ReviewItem, epoch: str | None) -> bool:
    """Whether what became of a round may be concluded from this answer.

    Not from the first that calls it paid and lacks its end: a single answer may have lost a field,
    and what is true for good stands in the next one as well.
    """
    known = (item.id, epoch)
    if lacks_its_end(item) and known not in bench.incomplete:
        bench.incomplete.add(known)
        return False
    bench.incomplete.discard(known)
    return True


def evidence_for(
    app: App, bench: Bench, item: ReviewItem, *, at_most: float | None = None
) -> HeldEvidence:
    """The evidence of a task in its present version, from memory where that is young enough.

    Raises `ApiError`.
    """
    held = kept_evidence(app, bench, item, at_most=at_most)
    if held is not None:
        return held
    at = app.clock.monotonic()
    evidence = bench.queue.evidence(item)
    note_checks(app, bench, evidence)
    held = HeldEvidence((item.id, item.epoch, item.version), evidence, at)
    bench.evidence[item.id] = held
    return held


def kept_evidence(
    app: App, bench: Bench, item: ReviewItem, *, at_most: float | None = None
) -> HeldEvidence | None:
    """The evidence of this version kept in memory; None where there is none, or it is too old."""
    held = bench.evidence.get(item.id)
    if held is None or held.key != (item.id, item.epoch, item.version):
        return None
    if at_most is None:
        at_most = max(OLDEST_EVIDENCE, SECONDS_PER_HELD * len(bench.evidence))
    return held if app.clock.monotonic() - held.at <= at_most else None


def forget_all_but(bench: Bench, items: Iterable[ReviewItem]) -> None:
    """Drop what was kept in mind of things that no longer wait."""
    ids = {item.id for item in items}
    for kept in (bench.sights, bench.evidence, bench.troubles, bench.refused):
        for gone in [key for key in kept if key not in ids]:
            del kept[gone]
    rounds = {item.key for item in items}
    for key in [key for key in bench.first_seen if key not in rounds]:
        del bench.first_seen[key]
    bench.reminded = {mark for mark in bench.reminded if mark[:2] in rounds}
