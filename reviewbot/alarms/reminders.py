"""Deadlines: which rounds nobody has decided, so that silence would pay for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from reviewbot.alarms.notices import tell_silences_again
from reviewbot.alarms.standing import otherwise, standing
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import (
    NOT_REVIEWED,
    REVIEW_WINDOW,
    Background,
    Reviewed,
    ReviewOutcome,
    ReviewPipeline,
    Undecided,
    deadline_of,
)
from reviewbot.domain.alarm import HOUR, AlarmKind, Urgency
from reviewbot.domain.decision import DONE, Action, State
from reviewbot.domain.errors import LedgerError
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.text import format_moment
from reviewbot.foresight.gather import Foreseen
from reviewbot.policy.engine.calendar import calendars_of, resolver
from reviewbot.policy.model import Reminder
from reviewbot.ports.ledger import Logged, OpenRound

if TYPE_CHECKING:
    from reviewbot.policy.engine.judge import Judge


def most_urgent_first(found: Iterable[Undecided]) -> tuple[Undecided, ...]:
    """What expires first comes first; what nobody knows the deadline of comes last."""
    return tuple(sorted(found, key=lambda one: (one.deadline_at is None, one.deadline_at or 0)))


def is_open(one: Reviewed) -> bool:
    """Whether a review left its round to silence, as things stand."""
    if one.outcome is ReviewOutcome.VANISHED:
        return False
    if one.outcome is ReviewOutcome.CLAIMED:
        # Where somebody was first while it was reviewed, nobody knows yet what becomes of that.
        return one.latest is None or one.latest.state not in DONE
    if one.verdict is None:
        return True
    return one.verdict.undecided or one.outcome in ("unknown", "void", "refused", "postponed")


def describe(one: Reviewed) -> Undecided:
    """The round of a review; where it was not judged, as its newest decision left it."""
    if one.verdict is None and one.latest is not None:
        return _as_left(unreviewed(one.item), one.latest)
    verdict = one.verdict
    return msgspec.structs.replace(
        unreviewed(one.item),
        action=None if verdict is None else verdict.action.value,
        rule=None if verdict is None else verdict.rule,
        outcome=one.outcome.value,
        policy="" if verdict is None else verdict.policy,
    )


def unreviewed(item: ReviewItem) -> Undecided:
    """The round of a thing whose turn has not come."""
    return Undecided(
        review=item.review,
        task_id=item.id,
        epoch=item.epoch,
        deadline_at=item.deadline_at,
        deadline_is_estimate=item.deadline_is_estimate,
        action=None,
        rule=None,
        outcome=NOT_REVIEWED,
        started_at=item.started_at,
        amount_micros=item.amount_micros,
    )


def from_log(sighting: OpenRound, last: Logged | None) -> Undecided | None:
    """The round as the log knows it, for when the API cannot be asked; None where it is decided."""
    if last is not None and _decided(last):
        return None
    seen = Undecided(
        review=sighting.review,
        task_id=sighting.task_id,
        epoch=sighting.epoch,
        deadline_at=deadline_of(sighting),
        deadline_is_estimate=sighting.deadline_at is None,
        action=None,
        rule=None,
        outcome=NOT_REVIEWED,
        started_at=sighting.first_seen_at,
        amount_micros=sighting.amount_micros,
    )
    return seen if last is None else _as_left(seen, last)


def _as_left(one: Undecided, last: Logged) -> Undecided:
    """A round as its newest decision left it."""
    return msgspec.structs.replace(
        one,
        action=last.decision.action.value,
        rule=last.decision.rule,
        outcome=last.state.value,
        policy=last.decision.policy,
    )


def _decided(last: Logged) -> bool:
    decision = last.decision
    if decision.action is Action.LEAVE:
        return True
    if last.state is State.DRY_RUN:
        return decision.action.writes and decision.until is None
    return last.state in (State.PERFORMED, State.SETTLED, State.OVERTAKEN)


# ------------------------------------------------------------------------------------------------
# Watch: speak of every undecided round in time, also while the API or this bot is away.
#
# Theory of operation. Each bench keeps in mind which rounds are open: those on the list whose turn has
# not come, and those whose review decided nothing. After a start it takes them from the log, so an
# outage that began before does not silence anything. When an alarm is due for one round it is given
# for all that fall due soon after as well: one message early instead of many in time.


STAGES = (
    (1, timedelta(minutes=10)),
    (6, timedelta(minutes=30)),
    (24, timedelta(hours=1)),
)
"""Hours before the deadline at which a round is spoken of, nearest first; and how much earlier it
may be, where others are due already."""
SPARE = timedelta(minutes=2)
"""A turn comes in time where so much is left after it."""
LAST_STAGE = timedelta(hours=1)
"""Nothing is said before the last stage of what has its turn before that."""
REMIND_AHEAD = timedelta(minutes=15)
EVERY = 30.0
"""Seconds between two looks at the deadlines within a long pass."""


def expect(
    app: BotContext,
    bench: ReviewPipeline,
    todo: Sequence[tuple[ReviewItem, Background]],
    missing: Sequence[OpenRound],
) -> None:
    """Keep in mind what is open on the list, before its turn comes, and what is only missing there.

    A round that vanished is forgotten once it is known how it ended: a list may be wrong.
    """
    before = bench.open_rounds or {}
    bench.open_rounds, listed = {}, set()
    seen: dict[str, OpenRound] = {}
    if any(item.deadline_at is None for item, _ in todo):
        seen = {one.task_id: one for one in app.ledger.unended(bench.review)}
    for item, known in todo:
        listed.add(item.id)
        one = before.get(item.id)
        if one is not None and item.epoch in (one.epoch, None):
            bench.open_rounds[item.id] = one
        elif item.epoch not in known.memory.claimed:
            bench.open_rounds[item.id] = _as_seen(unreviewed(item), seen.get(item.id))
    unlisted = [one for one in missing if one.task_id not in listed]
    bench.open_rounds.update(_from_log(app, bench, unlisted))


def _as_seen(one: Undecided, sighting: OpenRound | None) -> Undecided:
    """With the deadline by the log, where the API states none: it expires all the same."""
    if one.deadline_at is not None or sighting is None or one.epoch not in (sighting.epoch, None):
        return one
    opened = one.started_at or sighting.first_seen_at
    return replace(
        one,
        epoch=sighting.epoch,
        started_at=opened,
        deadline_at=sighting.deadline_at or opened + REVIEW_WINDOW,
        deadline_is_estimate=sighting.deadline_at is None,
    )


def note(bench: ReviewPipeline, reviewed: Reviewed) -> None:
    """Keep in mind how a review left its round."""
    assert bench.open_rounds is not None
    before = bench.open_rounds.pop(reviewed.item.id, None)
    if is_open(reviewed):
        bench.open_rounds[reviewed.item.id] = _as_known(describe(reviewed), before)


def _as_known(one: Undecided, before: Undecided | None) -> Undecided:
    """With what was known of its round, where the API has stopped saying so: it expires all the same."""
    if before is None or one.epoch not in (before.epoch, None) or one.deadline_at is not None:
        return one
    return replace(
        one,
        epoch=before.epoch,
        deadline_at=before.deadline_at,
        deadline_is_estimate=before.deadline_is_estimate,
    )


def now_and_then(app: BotContext) -> None:
    """Within a long pass: watch and send what has gathered, not too often."""
    now = app.clock.monotonic()
    if now - app.watched_at >= EVERY:
        watch(app)
        app.alarms.flush()


def watch(app: BotContext) -> None:
    """Tell of every open round whose moment has come. Never raises for a log that cannot be read."""
    app.watched_at = app.clock.monotonic()
    if not app.silences_retold:
        with suppress(LedgerError):
            tell_silences_again(app)
            app.silences_retold = True
    foreseen = Foreseen(app)
    for bench in app.benches:
        if bench.open_rounds is None:
            try:
                bench.open_rounds = dict(_from_log(app, bench, app.ledger.unended(bench.review)))
            except LedgerError:
                continue
        open_rounds = [one for one in bench.open_rounds.values() if one.deadline_at is not None]
        _tell_stages(app, bench, foreseen, open_rounds)
        _say_backlog(app, bench, open_rounds)
        for judge in bench.judges:
            if judge.policy.deadline.remind:
                theirs = [one for one in open_rounds if _judge_of(one, bench) is judge]
                _remind(app, bench, foreseen, judge, theirs)


def _from_log(
    app: BotContext, bench: ReviewPipeline, sightings: Sequence[OpenRound]
) -> Iterator[tuple[str, Undecided]]:
    if not sightings:
        return
    memories = app.ledger.memories(bench.review, [one.task_id for one in sightings])
    for sighting in sightings:
        memory = memories.get(sighting.task_id)
        last = None if memory is None else memory.latest
        if last is not None and last.decision.epoch != sighting.epoch:
            last = None
        if (one := from_log(sighting, last)) is not None:
            yield one.task_id, one


def _tell_stages(
    app: BotContext, bench: ReviewPipeline, foreseen: Foreseen, open_rounds: list[Undecided]
) -> None:
    now = app.clock.now()
    nearer = timedelta(0)
    for hours, ahead in STAGES:
        stage = hours * HOUR
        due, soon = [], []
        for one in open_rounds:
            left = _deadline(one) - now
            if nearer < left <= stage:
                due.append(one)
            elif stage < left <= stage + ahead:
                soon.append(one)
        news = [one for one in due if _tell_stage(app, bench, foreseen, one, hours)]
        if news:
            for one in soon:
                _tell_stage(app, bench, foreseen, one, hours)
        nearer = stage


def _tell_stage(
    app: BotContext, bench: ReviewPipeline, foreseen: Foreseen, one: Undecided, hours: int
) -> bool:
    if (turn_at := _turn_of(app, one)) is not None and turn_at + SPARE <= _deadline(one):
        return _tell_turn(app, bench, one, hours, turn_at)
    if not _first_time(bench, one, f"{hours}h"):
        return False
    deadline, zone = _deadline(one), _zone(app, one)
    urgency: Urgency = "error" if hours == 1 else "warning"
    return app.alarm(
        AlarmKind.UNDECIDED,
        f"{standing(one)}, {hours} h or less before its {_estimated(one)}deadline"
        f" ({format_moment(deadline, zone)});"
        f" otherwise {otherwise(foreseen.of(one), zone)}",
        subject=f"{_round(one)} {hours}h",
        group=f"{hours}h",
        urgency=urgency,
        again=None,
        keep_until=deadline,
        zone=zone,
        hours_left=hours,
        **_facts(one),
    )


def _turn_of(app: BotContext, one: Undecided) -> datetime | None:
    """When something that waits in the backlog has its turn, as far as the pace tells."""
    if one.outcome != NOT_REVIEWED:
        return None
    now = app.clock.monotonic()
    left = app.turns.seconds_until(one.review, one.task_id, now, app.traffic.requests)
    return None if left is None else app.clock.now() + timedelta(seconds=left)


def _tell_turn(
    app: BotContext, bench: ReviewPipeline, one: Undecided, hours: int, turn_at: datetime
) -> bool:
    """Normal work: its turn comes in time. With an hour left it is said all the same, as a warning.

    Where the pace falls, so that it no longer does, the alarm comes as if this had not been said.
    """
    deadline, zone = _deadline(one), _zone(app, one)
    if hours > 1 and turn_at + LAST_STAGE <= deadline:
        return False
    if not _first_time(bench, one, f"{hours}h turn"):
        return False
    return app.alarm(
        AlarmKind.UNDECIDED,
        f"{standing(one)}, {hours} h or less before its {_estimated(one)}deadline"
        f" ({format_moment(deadline, zone)}); its turn comes by {format_moment(turn_at, zone)}",
        subject=f"{_round(one)} {hours}h turn",
        group=f"{hours}h turn",
        urgency="warning",
        again=None,
        keep_until=deadline,
        zone=zone,
        hours_left=hours,
        turn_at=turn_at,
        **_facts(one),
    )


def _say_backlog(app: BotContext, bench: ReviewPipeline, open_rounds: list[Undecided]) -> None:
    """One line for all that waits for its turn and gets it in time."""
    turns = [turn for one in open_rounds if (turn := _turn_of(app, one)) is not None]
    if turns and app.guard.is_time(f"backlog {bench.review}", app.clock.monotonic()):
        app.events("backlog", review=bench.review, waiting=len(turns), last_turn_by=max(turns))


def _remind(
    app: BotContext,
    bench: ReviewPipeline,
    foreseen: Foreseen,
    judge: Judge,
    open_rounds: list[Undecided],
) -> None:
    calendars = calendars_of(judge.policy)
    resolved = [(one, resolver(one.at, calendars)) for one in judge.policy.deadline.remind]
    now = app.clock.now()
    for to in dict.fromkeys(reminder.to for reminder in judge.policy.deadline.remind):
        due: list[tuple[Undecided, Reminder]] = []
        soon: list[tuple[Undecided, Reminder]] = []
        for one in open_rounds:
            moments = [
                (at, reminder)
                for reminder, find in resolved
                if reminder.to == to and (at := find(one.started_at, one.deadline_at)) is not None
            ]
            passed = [pair for pair in moments if pair[0] <= now]
            coming = [pair for pair in moments if now < pair[0] <= now + REMIND_AHEAD]
            if passed and _deadline(one) > now:
                due.append((one, max(passed, key=_when)[1]))
            if coming:
                soon.append((one, min(coming, key=_when)[1]))
        news = [pair for pair in due if _tell_reminder(app, bench, foreseen, *pair)]
        if news:
            for one, reminder in soon:
                _tell_reminder(app, bench, foreseen, one, reminder)


def _when(pair: tuple[datetime, Reminder]) -> datetime:
    return pair[0]


def _tell_reminder(
    app: BotContext, bench: ReviewPipeline, foreseen: Foreseen, one: Undecided, reminder: Reminder
) -> bool:
    if not _first_time(bench, one, f"{reminder.at.text} {reminder.to}"):
        return False
    deadline, zone = _deadline(one), _zone(app, one)
    return app.alarm(
        AlarmKind.REMINDER,
        f"{standing(one)}; its {_estimated(one)}deadline is {format_moment(deadline, zone)};"
        f" otherwise {otherwise(foreseen.of(one), zone)}",
        subject=f"{_round(one)} {reminder.at.text} {reminder.to}",
        group=reminder.at.text,
        to=(reminder.to,),
        urgency="warning",
        again=None,
        keep_until=deadline,
        zone=zone,
        **_facts(one),
    )


def _first_time(bench: ReviewPipeline, one: Undecided, what: str) -> bool:
    """Whether this process has not spoken of it; saves words that would be dropped anyway."""
    mark = (one.task_id, one.epoch, what)
    if mark in bench.reminded:
        return False
    bench.reminded.add(mark)
    return True


def _judge_of(one: Undecided, bench: ReviewPipeline) -> Judge | None:
    """The judge that a round was, or will be, before: the only one where it does not say."""
    if one.policy:
        return next((judge for judge in bench.judges if judge.policy.name == one.policy), None)
    return bench.judges[0] if len(bench.judges) == 1 else None


def _zone(app: BotContext, one: Undecided) -> str:
    return app.zone(review=one.review, policy=one.policy)


def _deadline(one: Undecided) -> datetime:
    assert one.deadline_at is not None
    return one.deadline_at


def _estimated(one: Undecided) -> str:
    return "estimated " if one.deadline_is_estimate else ""


def _round(one: Undecided) -> str:
    return f"{one.task_id}@{one.epoch}"


def _facts(one: Undecided) -> dict[str, Any]:
    return {
        "review": one.review,
        "task_id": one.task_id,
        "epoch": one.epoch,
        "deadline_at": one.deadline_at,
        "deadline_is_estimate": one.deadline_is_estimate,
        "amount_micros": one.amount_micros,
        "action": one.action,
        "rule": one.rule,
        "outcome": one.outcome,
    }
