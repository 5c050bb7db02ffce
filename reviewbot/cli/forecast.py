"""`reviewbot forecast`: will anything be paid although nobody has read it?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec

from reviewbot.cli import each_key
from reviewbot.cli.command import command, format_option, ledger_option, policy_option
from reviewbot.cli.each_key import for_each_key
from reviewbot.cli.health import say_health
from reviewbot.cli.opening import ledger_at, with_settings
from reviewbot.cli.report import planned_queue
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.review import noun_of
from reviewbot.domain.text import format_moment, pretty, safe_line
from reviewbot.foresight.gather import outlook_of
from reviewbot.insights.forecast import Forecast, ResponseTimes, Unread, pace
from reviewbot.insights.forecast import forecast as look_ahead
from reviewbot.ports.ledger import DEFAULT_KEY
from reviewbot.presentation.format import counted, dollars, due, length, table
from reviewbot.presentation.phrases import cap_line
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import Zones, zones_by_judges, zones_of
from reviewbot.runtime.bot_health import bot_of

WILL_BE_PAID_UNREAD = 4
PATIENCE = 8.0
"""Seconds that evidence is fetched for; what is not read by then counts as not reviewed."""
SHOWN = 12

WHY = {
    "people": "nobody answers in time",
    "budget": "too many are due at once",
    "held": "held back",
    "policy": "no rule decides it",
    "refused": "the API refused our answer",
    "unreadable": "it could not be judged",
}


@command
@click.option("--fresh", is_flag=True, help="Read the whole queue and its evidence from the API.")
@with_settings(policy_option, ledger_option, every_key=True)
@format_option("text", "json")
def forecast(screen: Screen, settings: Settings, fresh: bool, form: str) -> None:
    """Say which open tasks will be paid unread: by silence or by the fallback, on nobody's word.

    It follows the policy over time, its limits, the request budget, what is paused or stopped, and how
    fast people answered lately; it takes for granted that no new tasks come. Where a bot has passed
    lately it looks at the decision log alone and asks the API nothing. Sends nothing.

    $ reviewbot forecast  # exit code 4 when a task will be paid unread, else 0
    $ reviewbot forecast --format json  # for a script
    $ reviewbot forecast --fresh  # by the API instead of the log of a running bot
    """
    say_health(screen, settings, form)
    told: list[tuple[str, Forecast]] = []

    def of_one(key: Settings) -> None:
        found, zones = _forecast_of(screen, key, fresh=fresh)
        told.append((key.key, found))
        if form == "text":
            screen.data("\n".join(_lines(found, zones)))
        if found.unread:
            raise click.exceptions.Exit(WILL_BE_PAID_UNREAD)

    try:
        for_each_key(screen, settings, of_one, heads=form == "text")
    finally:
        if form == "json" and told:
            screen.data(_as_json(told, alone=len(settings.each()) == 1))


def _as_json(told: list[tuple[str, Forecast]], *, alone: bool) -> str:
    if alone:
        return forecast_json(told[0][1], told[0][0])
    firsts = [
        at for _, outlook in told if outlook.unread and (at := outlook.unread[0].at) is not None
    ]
    return each_key.as_json(
        [_object(outlook, key) for key, outlook in told],
        will_be_paid_unread=sum(len(outlook.unread) for _, outlook in told),
        first_at=min(firsts, default=None),
        micros=sum(outlook.micros for _, outlook in told),
    )


def _forecast_of(screen: Screen, settings: Settings, *, fresh: bool) -> tuple[Forecast, Zones]:
    """The forecast of one key, by its log where a bot has passed lately, else by the API."""
    now = datetime.now(UTC)
    with ledger_at(settings) as opened:
        bot = bot_of(settings, now)
        found, zones = None, zones_of(settings)
        by_flag = settings.origins["policy"] == "--policy"
        if not fresh and not by_flag and bot.passed_lately(opened, now):
            ahead = outlook_of(opened, now, bot)
            found = look_ahead(tuple(ahead.futures.values()), ahead.standing, pace(opened, now))
    if found is None:
        return _asked(screen, settings, patience=math.inf if fresh else PATIENCE)
    return found, zones


def _asked(screen: Screen, settings: Settings, *, patience: float) -> tuple[Forecast, Zones]:
    """The forecast from the queue as the API lists it now."""
    with planned_queue(screen, settings, patience=patience, recall=True) as (queue, app):
        ahead = [planned.future for planned in queue.planned]
        pace_now = pace(app.ledger, queue.at)
        found = look_ahead(ahead, queue.standing, pace_now, unreadable=queue.failed)
        return found, zones_by_judges(judge for bench in app.benches for judge in bench.judges)


def headline(found: Forecast, zones: Zones) -> str:
    """The forecast in a sentence: `7 of 143 open tasks will be paid unread, first at 04:10`."""
    number = f"{len(found.unread)} of {counted(found.open_tasks, f'open {noun_of(found.kinds)}')}"
    if not found.unread:
        return styled(f"{number} will be paid unread", "good")
    first = _when(found.unread[0], found, zones)
    return styled(f"{number} will be paid unread, first at {first}", "bad")


def _lines(found: Forecast, zones: Zones) -> Iterator[str]:
    yield headline(found, zones)
    if found.unread:
        by: Counter[str] = Counter(task.by for task in found.unread)
        parts = [
            f"{by[ground]} by {name}"
            for ground, name in (("fallback", "the policy's fallback"), ("silence", "silence"))
            if by[ground]
        ]
        yield f"          {', '.join(parts)}; {dollars(found.micros)} in all"
    yield f"people    {_people(found)}"
    if found.more_people is not None:
        more = found.more_people
        yield (
            f"          {counted(more.count, 'more person', 'more people')} before"
            f" {format_moment(more.before, zones.first)} would bring it to {more.left}"
        )
    yield f"bot       {counted(found.decisions, 'decision')} to send{_work(found)}"
    if found.not_reviewed:
        what = counted(found.not_reviewed, noun_of(found.kinds))
        yield f"          {what} not reviewed yet: what is decided then cannot be told"
    for sentence in found.holds:
        yield f"held      {styled(safe_line(sentence, 200), 'care')}"
    for cap in found.caps:
        yield cap_line(cap, found.at, zones)
    if found.unread:
        yield ""
        heads = (noun_of(found.kinds), "paid on", "by", "why")
        yield table(heads, [_row(task, found, zones) for task in found.unread[:SHOWN]], 70)
        if len(found.unread) > SHOWN:
            yield f"… and {len(found.unread) - SHOWN} more (--format json has all)"


def _work(found: Forecast) -> str:
    if found.decisions_per_minute is None:
        return ""
    minutes = found.decisions / found.decisions_per_minute
    span = length(timedelta(minutes=minutes))
    return f" at {found.decisions_per_minute:.0f} a minute: {span} of work"


def _people(found: Forecast) -> str:
    to_come = f", {found.questions_to_come} to come" if found.questions_to_come else ""
    return f"{counted(found.questions, 'question')} now{to_come}; {_pace(found.pace)}"


def _pace(known: ResponseTimes) -> str:
    if not known.answers:
        return "nobody has answered in the last 7 days"
    return (
        f"{counted(known.answers, 'answer')} in the last 7 days by"
        f" {counted(len(known.people), 'person', 'people')}, {known.per_hour:.1f} an hour while a"
        " question stood open"
    )


def _row(task: Unread, found: Forecast, zones: Zones) -> tuple[str, ...]:
    why = WHY[task.why] + (f": {task.note}" if task.note else "")
    return (task.task_id[:8], _when(task, found, zones), task.by, why)


def _when(task: Unread, found: Forecast, zones: Zones) -> str:
    about = "about " * task.deadline_is_estimate
    return about + due(task.at, found.at, zones.of(review=task.review))


def forecast_json(found: Forecast, key: str = DEFAULT_KEY) -> str:
    """The documented form."""
    return pretty(_object(found, key))


def _object(found: Forecast, key: str) -> dict[str, Any]:
    known = msgspec.to_builtins(found)
    known["pace"] |= {"answers_per_hour": found.pace.per_hour, "people": len(found.pace.people)}
    known["pace"]["open_for"] = found.pace.open_for.total_seconds()
    return {
        "schema": "reviewbot.forecast/1",
        "key": key,
        "will_be_paid_unread": len(found.unread),
        "first_at": found.unread[0].at if found.unread else None,
        "micros": found.micros,
        **known,
    }
