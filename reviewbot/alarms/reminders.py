"""Reminders: speak of every undecided round in time, also while the API or this bot is away.

Theory of operation. Each bench keeps in mind which rounds are open: those on the list whose turn has
not come, and those whose review decided nothing. After a start it takes them from the log, so an
outage that began before does not silence anything. When an alarm is due for one round it is given
for all that fall due soon after as well: one message early instead of many in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

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
from reviewbot.domain.alarm import HOUR, AlarmKind, Urgency, round_name
from reviewbot.domain.decision import DEADLINE, DONE, Action, State
from reviewbot.domain.errors import LedgerError
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.text import format_moment
from reviewbot.foresight.gather import Foreseen
from reviewbot.policy.engine.calendar import Resolver, calendars_of, resolver
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.model import Reminder
from reviewbot.ports.ledger import Ledger, Logged, OpenRound

T = TypeVar("T")
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

# Which rounds are open --------------------------------------------------------------------------


def most_urgent_first(rounds: Iterable[Undecided]) -> tuple[Undecided, ...]:
    """What expires first comes first; what nobody knows the deadline of comes last."""
    return tuple(sorted(rounds, key=lambda seen: (seen.deadline_at is None, seen.deadline_at or 0)))


def is_open(reviewed: Reviewed) -> bool:
    """Whether a review left its round to silence, as things stand."""
    if reviewed.outcome is ReviewOutcome.VANISHED:
        return False
    if reviewed.outcome is ReviewOutcome.CLAIMED:
        # Where somebody was first while it was reviewed, nobody knows yet what becomes of that.
        return reviewed.latest is None or reviewed.latest.state not in DONE
    verdict, unsure = reviewed.verdict, ("unknown", "void", "refused", "postponed")
    return verdict is None or verdict.undecided or reviewed.outcome in unsure


def describe(reviewed: Reviewed) -> Undecided:
    """The round of a review; where it was not judged, as its newest decision left it."""
    seen, verdict = unreviewed(reviewed.item), reviewed.verdict
    if verdict is None and reviewed.latest is not None:
        return _as_left(seen, reviewed.latest)
    if verdict is None:
        return replace(seen, outcome=reviewed.outcome.value)
    return replace(
        seen,
        action=verdict.action.value,
        rule=verdict.rule,
        outcome=reviewed.outcome.value,
        policy=verdict.policy,
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


def _as_left(seen: Undecided, last: Logged) -> Undecided:
    """A round as its newest decision left it."""
    decision = last.decision
    return replace(
        seen,
        action=decision.action.value,
        rule=decision.rule,
        outcome=last.state.value,
        policy=decision.policy,
    )


def _decided(last: Logged) -> bool:
    decision = last.decision
    if decision.action is Action.LEAVE:
        return True
    if last.state is State.DRY_RUN:
        return decision.action.writes and decision.until is None
    return last.state in (State.PERFORMED, State.SETTLED, State.OVERTAKEN)


def expect(
    ledger: Ledger,
    bench: ReviewPipeline,
    todo: Sequence[tuple[ReviewItem, Background]],
    missing: Sequence[OpenRound],
) -> None:
    """Keep in mind what is open on the list, before its turn comes, and what is only missing there.

    A round that vanished is forgotten once it is known how it ended: a list may be wrong.
    """
    before = bench.open_rounds or {}
    bench.open_rounds, listed = {}, set()
    sightings: dict[str, OpenRound] = {}
    if any(item.deadline_at is None for item, _ in todo):
        sightings = {sighting.task_id: sighting for sighting in ledger.unended(bench.review)}
    for item, background in todo:
        listed.add(item.id)
        kept = before.get(item.id)
        if kept is not None and item.epoch in (kept.epoch, None):
            bench.open_rounds[item.id] = kept
        elif item.epoch not in background.memory.claimed:
            bench.open_rounds[item.id] = _as_seen(unreviewed(item), sightings.get(item.id))
    unlisted = [sighting for sighting in missing if sighting.task_id not in listed]
    bench.open_rounds.update(_from_log(ledger, bench, unlisted))


def _as_seen(seen: Undecided, sighting: OpenRound | None) -> Undecided:
    """With the deadline by the log, where the API states none: it expires all the same."""
    if seen.deadline_at is not None or sighting is None or seen.epoch not in (sighting.epoch, None):
        return seen
    opened = seen.started_at or sighting.first_seen_at
    return replace(
        seen,
        epoch=sighting.epoch,
        started_at=opened,
        deadline_at=sighting.deadline_at or opened + REVIEW_WINDOW,
        deadline_is_estimate=sighting.deadline_at is None,
    )


def note(bench: ReviewPipeline, reviewed: Reviewed) -> None:
    """Keep in mind how a review left its round."""
    assert bench.open_rounds is not None
    before = bench.open_rounds.pop(reviewed.item.id, None)
    if not is_open(reviewed):
        return
    seen = describe(reviewed)
    if before is not None and seen.epoch in (before.epoch, None) and seen.deadline_at is None:
        # The API has stopped saying so; it expires all the same.
        seen = replace(
            seen,
            epoch=before.epoch,
            deadline_at=before.deadline_at,
            deadline_is_estimate=before.deadline_is_estimate,
        )
    bench.open_rounds[reviewed.item.id] = seen


def _from_log(
    ledger: Ledger, bench: ReviewPipeline, sightings: Sequence[OpenRound]
) -> Iterator[tuple[str, Undecided]]:
    if not sightings:
        return
    memories = ledger.memories(bench.review, [sighting.task_id for sighting in sightings])
    for sighting in sightings:
        memory = memories.get(sighting.task_id)
        last = None if memory is None else memory.latest
        if last is not None and last.decision.epoch != sighting.epoch:
            last = None
        if (seen := from_log(sighting, last)) is not None:
            yield seen.task_id, seen


# What is said of them, and when -----------------------------------------------------------------


def now_and_then(app: BotContext) -> None:
    """Within a long pass: watch and send what has gathered, not too often."""
    if app.clock.monotonic() - app.watched_at >= EVERY:
        watch(app)
        app.notifier.alarms.flush()


def watch(app: BotContext) -> None:
    """Tell of every open round whose moment has come. Never raises for a log that cannot be read."""
    app.watched_at = app.clock.monotonic()
    if not app.silences_retold:
        with suppress(LedgerError):
            tell_silences_again(app.ledger, app.clock, app.notifier)
            app.silences_retold = True
    foreseen = Foreseen(app)
    for bench in app.benches:
        if bench.open_rounds is None:
            try:
                bench.open_rounds = dict(
                    _from_log(app.ledger, bench, app.ledger.unended(bench.review))
                )
            except LedgerError:
                continue
        _Watch(app, bench, foreseen).look()


class _Watch:
    """One look at the open rounds of one kind of review."""

    def __init__(self, app: BotContext, bench: ReviewPipeline, foreseen: Foreseen) -> None:
        self._app, self._bench, self._foreseen = app, bench, foreseen
        self._now = app.clock.now()
        rounds = (bench.open_rounds or {}).values()
        self._open = [seen for seen in rounds if seen.deadline_at is not None]

    def look(self) -> None:
        """Tell what is due of each."""
        app, bench = self._app, self._bench
        self._stages()
        turns = [turn for seen in self._open if (turn := self._turn_of(seen)) is not None]
        if turns and app.guard.is_time(f"backlog {bench.review}", app.clock.monotonic()):
            # One line for all that waits for its turn and gets it in time.
            app.events("backlog", review=bench.review, waiting=len(turns), last_turn_by=max(turns))
        for judge in bench.judges:
            self._remind(judge)

    def _stages(self) -> None:
        nearer = timedelta(0)
        for hours, ahead in STAGES:
            stage = hours * HOUR
            left = [(_deadline(seen) - self._now, seen) for seen in self._open]
            due = [(seen, hours) for span, seen in left if nearer < span <= stage]
            soon = [(seen, hours) for span, seen in left if stage < span <= stage + ahead]
            self._together(self._stage, due, soon)
            nearer = stage

    def _stage(self, seen: Undecided, hours: int) -> bool:
        turn_at, deadline = self._turn_of(seen), _deadline(seen)
        left = f", {hours} h or less before its {_estimated(seen)}deadline"
        if turn_at is not None and turn_at + SPARE <= deadline:
            # Normal work: its turn comes in time. With an hour left it is said all the same. Where
            # the pace falls, so that it no longer does, the alarm comes as if this had not been said.
            if hours > 1 and turn_at + LAST_STAGE <= deadline:
                return False
            return self._tell(
                seen,
                f"{hours}h turn",
                lambda zone: (
                    f"{left} ({format_moment(deadline, zone)}); its turn comes by"
                    f" {format_moment(turn_at, zone)}"
                ),
                hours_left=hours,
                turn_at=turn_at,
            )
        return self._tell(
            seen,
            f"{hours}h",
            lambda zone: (
                f"{left} ({format_moment(deadline, zone)});"
                f" otherwise {otherwise(self._foreseen.of(seen), zone)}"
            ),
            urgency="error" if hours == 1 else "warning",
            hours_left=hours,
        )

    def _turn_of(self, seen: Undecided) -> datetime | None:
        """When something that waits in the backlog has its turn, as far as the pace tells."""
        if seen.outcome != NOT_REVIEWED:
            return None
        app, now = self._app, self._app.clock.monotonic()
        left = app.turns.seconds_until(seen.review, seen.task_id, now, app.traffic.requests)
        return None if left is None else app.clock.now() + timedelta(seconds=left)

    def _remind(self, judge: Judge) -> None:
        reminders = _reminders(judge)
        now = self._now
        theirs = [seen for seen in self._open if self._judge_of(seen) is judge]
        for to in dict.fromkeys(to for _, reminder, _ in reminders for to in reminder.to):
            due: list[tuple[Undecided, tuple[Reminder, str]]] = []
            soon: list[tuple[Undecided, tuple[Reminder, str]]] = []
            for seen in theirs:
                moments = {
                    at: reminder
                    for asking, reminder, find in reversed(reminders)
                    if to in reminder.to
                    and (asking is None or (asking, Action.ESCALATE) == (seen.rule, seen.action))
                    and (at := find(seen.started_at, seen.deadline_at)) is not None
                }
                passed = max((at for at in moments if at <= now), default=None)
                coming = min((at for at in moments if now < at <= now + REMIND_AHEAD), default=None)
                if passed is not None and _deadline(seen) > now:
                    due.append((seen, (moments[passed], to)))
                if coming is not None:
                    soon.append((seen, (moments[coming], to)))
            self._together(self._reminder, due, soon)

    @staticmethod
    def _together(
        tell: Callable[[Undecided, T], bool],
        due: Iterable[tuple[Undecided, T]],
        soon: Iterable[tuple[Undecided, T]],
    ) -> None:
        """Tell what is due; where any of that was news, what is due soon as well."""
        news = [tell(seen, what) for seen, what in due]
        if any(news):
            for seen, what in soon:
                tell(seen, what)

    def _reminder(self, seen: Undecided, what: tuple[Reminder, str]) -> bool:
        reminder, to = what
        return self._tell(
            seen,
            f"{reminder.at.text} {to}",
            lambda zone: (
                f"; its {_estimated(seen)}deadline is {format_moment(_deadline(seen), zone)};"
                f" otherwise {otherwise(self._foreseen.of(seen), zone)}"
            ),
            kind=AlarmKind.REMINDER,
            group=reminder.at.text,
            to=(to,),
        )

    def _tell(
        self,
        seen: Undecided,
        mark: str,
        ending: Callable[[str], str],
        *,
        kind: AlarmKind = AlarmKind.UNDECIDED,
        group: str | None = None,
        to: tuple[str, ...] = (),
        urgency: Urgency = "warning",
        **facts: Any,
    ) -> bool:
        """Tell of a round, unless this process has; saves words that would be dropped anyway."""
        known = (seen.task_id, seen.epoch, mark)
        if known in self._bench.reminded:
            return False
        self._bench.reminded.add(known)
        zone = self._app.notifier.zone(review=seen.review, policy=seen.policy)
        return self._app.notifier.notify(
            kind,
            f"{standing(seen)}{ending(zone)}",
            subject=f"{round_name(seen.task_id, seen.epoch)} {mark}",
            group=mark if group is None else group,
            to=to,
            urgency=urgency,
            again=None,
            keep_until=seen.deadline_at,
            zone=zone,
            **facts,
            review=seen.review,
            task_id=seen.task_id,
            epoch=seen.epoch,
            deadline_at=seen.deadline_at,
            deadline_is_estimate=seen.deadline_is_estimate,
            amount_micros=seen.amount_micros,
            action=seen.action,
            rule=seen.rule,
            outcome=seen.outcome,
        )

    def _judge_of(self, seen: Undecided) -> Judge | None:
        """The judge that a round was, or will be, before: the only one where it does not say."""
        judges = self._bench.judges
        if seen.policy:
            return next((judge for judge in judges if judge.policy.name == seen.policy), None)
        return judges[0] if len(judges) == 1 else None


def _reminders(judge: Judge) -> list[tuple[str | None, Reminder, Resolver]]:
    """Each reminder with the rule of whose questions alone it speaks, and how to find its moment."""
    policy, deadline = judge.policy, judge.policy.deadline
    calendars = calendars_of(policy)
    found: list[tuple[str | None, Reminder]] = [(None, reminder) for reminder in deadline.remind]
    found += [(rule.name, reminder) for rule in policy.rules for reminder in rule.then.remind]
    found += [(DEADLINE, reminder) for case in deadline.fallbacks for reminder in case.then.remind]
    return [(asking, reminder, resolver(reminder.at, calendars)) for asking, reminder in found]


def _deadline(seen: Undecided) -> datetime:
    assert seen.deadline_at is not None
    return seen.deadline_at


def _estimated(seen: Undecided) -> str:
    return "estimated " if seen.deadline_is_estimate else ""
