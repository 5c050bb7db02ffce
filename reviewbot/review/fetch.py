"""Look: get a task and its evidence before the judge's eyes, as fresh as needed and no fresher."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from reviewbot.alarms.notices import tell_count, tell_drift, tell_new_value, tell_unread
from reviewbot.core.checks import asks_a_person, fleet_now, note_checks
from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import (
    REVIEW_WINDOW,
    Background,
    Events,
    HeldEvidence,
    ReviewPipeline,
    Sight,
    _began,
)
from reviewbot.domain.errors import ApiError, KeyRefused, NotFound
from reviewbot.domain.fault_point import fault_point
from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.domain.round_state import lacks_its_end, waits
from reviewbot.domain.text import parse_iso
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.facts import (
    NO_ACCOUNT_HISTORY,
    NO_FLEET,
    NO_HISTORY,
    AccountHistory,
    Facts,
    Fleet,
    History,
    build_facts,
)
from reviewbot.policy.testing.compare import covers
from reviewbot.ports.ledger import Ledger, Memory, OpenRound, SeenRound
from reviewbot.ports.queue import Clock, Listing, Odd
from reviewbot.safety import ladder

OLDEST_EVIDENCE = 6 * 3600.0
"""Seconds that the evidence of an undecided task is kept at least."""

SECONDS_PER_HELD = 2.0
"""With many undecided tasks it is kept longer: looking again at all of them costs requests."""


def note_sights(bench: ReviewPipeline, items: Iterable[ReviewItem], at: float) -> None:
    """Keep in mind that these were seen at `at` (monotonic, from before the request)."""
    for item in items:
        bench.sights[item.id] = Sight(with_window(bench, item), at)


def with_window(bench: ReviewPipeline, item: ReviewItem) -> ReviewItem:
    """Give a thing whose window the API does not state the window counted from our first sight."""
    if item.started_at is not None or not item.deadline_is_estimate or item.epoch is None:
        return item
    first = bench.first_seen.get((item.id, item.epoch))
    if first is None:
        return item
    return replace(item, started_at=first, deadline_at=first + REVIEW_WINDOW)


def is_guessed(sighting: OpenRound) -> bool:
    """Whether its deadline is counted from our first sight, and may have been earlier."""
    return sighting.deadline_at is None and _began(sighting) is None


def see_again(clock: Clock, bench: ReviewPipeline, item: ReviewItem) -> ReviewItem | None:
    """See a thing again, by the list page that should hold it or else by itself.

    None when it no longer waits. Raises `ApiError`.
    """
    at = clock.monotonic()
    note_sights(bench, bench.queue.renew(item), at)
    sight = bench.sights[item.id]
    if sight.at < at:
        at = clock.monotonic()
        note_sights(bench, (bench.queue.look(item.id),), at)
        sight = bench.sights[item.id]
    return sight.item if waits(sight.item) else None


def fetch_now(
    clock: Clock, wait_turn: Callable[[], None] | None, bench: ReviewPipeline, task_id: str
) -> tuple[ReviewItem | None, HeldEvidence | None]:
    """A thing as it is now, None where the API no longer knows it, and what there is to see.

    The thing comes last, as it must be the freshest. Whoever asks may decide without evidence.
    Raises `ApiError`.
    """
    if wait_turn is not None:
        wait_turn()
    try:
        first = with_window(bench, bench.queue.look(task_id))
        held = evidence_for(clock, bench, first, at_most=0.0)
    except KeyRefused:
        raise
    except ApiError:
        held = None
    if wait_turn is not None:
        wait_turn()
    at = clock.monotonic()
    try:
        item = with_window(bench, bench.queue.look(task_id))
    except NotFound:
        return None, held
    note_sights(bench, (item,), at)
    return item, held


def is_conclusive(bench: ReviewPipeline, item: ReviewItem, epoch: str | None) -> bool:
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
    clock: Clock, bench: ReviewPipeline, item: ReviewItem, *, at_most: float | None = None
) -> HeldEvidence:
    """The evidence of a task in its present version, from memory where that is young enough.

    Raises `ApiError`.
    """
    held = kept_evidence(clock, bench, item, at_most=at_most)
    if held is not None:
        return held
    at = clock.monotonic()
    evidence = bench.queue.evidence(item)
    note_checks(clock, bench, evidence)
    held = HeldEvidence((item.id, item.epoch, item.version), evidence, at)
    bench.evidence[item.id] = held
    return held


def kept_evidence(
    clock: Clock, bench: ReviewPipeline, item: ReviewItem, *, at_most: float | None = None
) -> HeldEvidence | None:
    """The evidence of this version kept in memory; None where there is none, or it is too old."""
    held = bench.evidence.get(item.id)
    if held is None or held.key != (item.id, item.epoch, item.version):
        return None
    if at_most is None:
        at_most = max(OLDEST_EVIDENCE, SECONDS_PER_HELD * len(bench.evidence))
    return held if clock.monotonic() - held.at <= at_most else None


def forget_all_but(bench: ReviewPipeline, items: Iterable[ReviewItem]) -> None:
    """Drop what was kept in mind of things that no longer wait."""
    ids = {item.id for item in items}
    for store in (bench.sights, bench.evidence, bench.troubles, bench.refused):
        for gone in [key for key in store if key not in ids]:
            del store[gone]
    rounds = {item.key for item in items}
    for key in [key for key in bench.first_seen if key not in rounds]:
        del bench.first_seen[key]
    bench.reminded = {mark for mark in bench.reminded if mark[:2] in rounds}


# ------------------------------------------------------------------------------------------------
# Intake: list completely, most urgent first, and give each thing what the log knows about it.


_FAR = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


def look_at_all(
    ledger: Ledger,
    clock: Clock,
    events: Events,
    notifier: Notifier,
    bench: ReviewPipeline,
    *,
    note: bool = True,
) -> tuple[list[ReviewItem], bool]:
    """List completely, and put the most urgent first; tell whether the readings of the list agreed.

    First sights are noted in the log, unless it is only read (`note`).
    """
    at = clock.monotonic()
    listing = bench.queue.waiting()
    fault_point("pass.listed")
    if not note:  # whoever only reads begins no pass, which would have found them
        bench.stages = ladder.steps_of(ledger, bench.judges)
    _say_what_is_odd(events, notifier, bench, listing)
    unseen = [item for item in listing.items if item.epoch and item.key not in bench.first_seen]
    if unseen:
        bench.first_seen.update(_first_sights(ledger, clock, unseen, note))
    forget_all_but(bench, listing.items)
    items = [with_window(bench, item) for item in listing.items]
    note_sights(bench, items, at)
    # What is as urgent as another comes in an order that whoever looks ahead knows as well.
    return sorted(items, key=lambda item: (item.deadline_at or _FAR, item.id)), listing.agreed


def _first_sights(
    ledger: Ledger, clock: Clock, items: Sequence[ReviewItem], note: bool
) -> Mapping[tuple[str, str], datetime]:
    if note:
        return ledger.sight(items, clock.now())
    known = {
        (sighting.task_id, sighting.epoch): sighting.first_seen_at
        for sighting in ledger.unended(items[0].review)
    }
    now = clock.now()
    return {(i.id, i.epoch): known.get((i.id, i.epoch), now) for i in items if i.epoch}


def _say_what_is_odd(
    events: Events, notifier: Notifier, bench: ReviewPipeline, listing: Listing
) -> None:
    if not listing.agreed:
        about = {} if listing.counted is None else {"counted": listing.counted}
        events("list did not settle", level="warning", review=bench.review, **about)
    tell_count(notifier, bench.review, listing)
    for row in listing.unread:
        events(
            "row cannot be read",
            level="error",
            review=bench.review,
            place=row.place,
            task_id=row.id,
            error=row.why,
        )
        tell_unread(notifier, bench.review, row)
    hear(events, notifier, bench, listing.odd)


def hear(events: Events, notifier: Notifier, bench: ReviewPipeline, odd: Odd) -> None:
    """Take in what was odd in answers: for the guards, for the log and for people."""
    bench.drift, bench.drift_on = odd.drift, odd.drift_on
    for what in odd.drift:
        events("schema drift", level="error", review=bench.review, what=what)
        tell_drift(notifier, bench.review, what)
    for what in odd.new_values:
        if tell_new_value(notifier, bench.review, what):
            events("new value", level="warning", review=bench.review, what=what)


def with_memories(
    ledger: Ledger,
    clock: Clock,
    events: Events,
    bench: ReviewPipeline,
    items: Sequence[ReviewItem],
    judges: tuple[Judge, ...],
) -> Iterable[tuple[ReviewItem, Background]]:
    """Give each item what the log knows about it, read for all of them at once."""
    if not items:
        return
    memories = memories_of(ledger, bench.review, items)
    accounts = _accounts(ledger, clock, events, bench, items, judges)
    fleet = _fleet(ledger, clock, bench, items, memories, judges)
    for item in items:
        judge = judge_for(item, judges)
        yield (
            item,
            Background(
                memory=memories[item.id],
                judge=judge,
                stages=() if judge is None else bench.stages.get(judge.policy.name, ()),
                account=accounts.get(item.account_id or "", NO_ACCOUNT_HISTORY),
                fleet=fleet,
            ),
        )


def facts_alone(
    ledger: Ledger,
    clock: Clock,
    events: Events,
    bench: ReviewPipeline,
    item: ReviewItem,
    held: HeldEvidence | None,
    judge: Judge | None,
) -> Facts:
    """What is known of one thing; of all others together nothing is asked for it."""
    memory = memories_of(ledger, bench.review, [item])[item.id]
    judges = () if judge is None else (judge,)
    accounts = _accounts(ledger, clock, events, bench, [item], judges)
    return build_facts(
        item,
        now=clock.now(),
        evidence=None if held is None else held.evidence,
        past=memory.history,
        account=accounts.get(item.account_id or "", NO_ACCOUNT_HISTORY),
    )


def judge_for(item: ReviewItem, judges: Iterable[Judge]) -> Judge | None:
    """The judge whose policy covers this thing; None when none does."""
    return next(
        (judge for judge in judges if covers(judge.policy.applies_to, item.review, item.subject)),
        None,
    )


def _accounts(
    ledger: Ledger,
    clock: Clock,
    events: Events,
    bench: ReviewPipeline,
    items: Sequence[ReviewItem],
    judges: tuple[Judge, ...],
) -> dict[str, AccountHistory]:
    """What our log and the API's list say of each account, as far as a policy asks for it."""
    if not any(judge.needs_account for judge in judges):
        return {}
    ids = sorted({item.account_id for item in items if item.account_id})
    found = dict(ledger.accounts(bench.review, ids, clock.now()))
    book, now = bench.accounts, clock.now()
    if any(judge.needs_directory or judge.needs_total for judge in judges):
        book.recall(ledger)
    if bench.directory is not None and any(judge.needs_directory for judge in judges):
        book.read_cards(bench.directory, clock, events)
    return {name: book.told(name, account, now) for name, account in found.items()}


def _fleet(
    ledger: Ledger,
    clock: Clock,
    bench: ReviewPipeline,
    items: Sequence[ReviewItem],
    memories: Mapping[str, Memory],
    judges: tuple[Judge, ...],
) -> Fleet:
    if not any(judge.needs_fleet for judge in judges):
        return NO_FLEET
    known = ((item, memories.get(item.id)) for item in items)
    escalated = sum(memory is not None and asks_a_person(memory, i.epoch) for i, memory in known)
    return fleet_now(ledger, clock, bench, waiting=len(items), escalated=escalated)


# ------------------------------------------------------------------------------------------------
# Rounds: what came before this one, whoever ended it.
#
# The API has no history of a task. That it waits again, in another epoch than one that the log saw
# waiting before, says that somebody sent it back meanwhile: we, somebody in the dashboard, another
# tool. What the verifier scraped until then is about what was posted then.


NEW = Memory(history=NO_HISTORY)
"""The memory of a thing that the log has not met."""


def memories_of(
    ledger: Ledger, review: ReviewKind, items: Sequence[ReviewItem]
) -> Mapping[str, Memory]:
    """What is remembered of each of these, as seen from the round that it is in now."""
    ids = [item.id for item in items]
    memories, rounds = ledger.memories(review, ids), ledger.rounds(review, ids)
    return {
        item.id: in_round(memories.get(item.id, NEW), item.epoch, rounds.get(item.id, ()))
        for item in items
    }


def in_round(memory: Memory, epoch: str | None, rounds: Iterable[SeenRound]) -> Memory:
    """The memory of a thing as seen from one of its rounds."""
    if epoch is None:
        return memory
    earlier = [round_ for round_ in rounds if _order(round_.epoch) < _order(epoch)]
    if not earlier:
        return memory
    newest = max(earlier, key=lambda round_: _order(round_.epoch))
    return replace(memory, history=_history(memory, epoch, newest, len(earlier)))


def _history(memory: Memory, epoch: str, newest: SeenRound, count: int) -> History:
    return replace(
        memory.history,
        rounds_before=count,
        round_before_until=_until(newest, memory.judged_at.get(newest.epoch), _moment(epoch)),
    )


def _until(
    before: SeenRound, judged_at: datetime | None, began_at: datetime | None
) -> datetime | None:
    """Until when a round lasted at least: it waited whenever we saw it.

    Of our own disputes the history has the moment. That somebody else ended it we notice a little
    later; where that was only after the next round had begun, the moment says nothing.
    """
    known = [before.first_seen_at, judged_at, _moment(before.epoch)]
    ended_at = before.ended_at if before.by != "ours" else None
    if ended_at is not None and began_at is not None and ended_at < began_at:
        known.append(ended_at)
    return max(moment for moment in known if moment is not None)


def _order(epoch: str) -> tuple[int, str]:
    """What sorts moments of one form, and counts."""
    return len(epoch), epoch


def _moment(epoch: str) -> datetime | None:
    """When a round began, where its name says so."""
    try:
        return parse_iso(epoch)
    except ValueError:
        return None
