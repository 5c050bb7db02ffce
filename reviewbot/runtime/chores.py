"""Chores: telling the week, once for each hour that the settings name; moving ladders; forgetting what is old."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from reviewbot.core.notifier import Notifier
from reviewbot.core.pipeline import Events, ReviewPipeline
from reviewbot.domain.alarm import EACH_TIME, AlarmKind, WeeklyHour
from reviewbot.domain.text import iso, parse_iso
from reviewbot.insights.digest import week
from reviewbot.insights.ladder import due_steps
from reviewbot.ports.ledger import Erased, ErasureOrder, Ledger
from reviewbot.presentation.digest import digest_lines
from reviewbot.safety import ladder

TOPIC = "digest"
TOO_OLD = timedelta(days=3)
"""An hour that nobody was there for is told this much later at most."""


def tell_week(ledger: Ledger, notifier: Notifier, hour: WeeklyHour | None) -> bool:
    """Tell the week where its hour has come; give whether it was told.

    A log on which nothing was told yet begins with the next hour. Raises `LedgerError`.
    """
    if hour is None:
        return False
    now, zone = notifier.clock.now(), notifier.zone()
    until = hour.latest(now, zone)
    last = next(iter(ledger.notes(TOPIC)), None)
    if last is not None and parse_iso(str(last.value["until"])) >= until:
        return False
    # Before it is told, so that a process that dies here tells no week twice.
    ledger.note(TOPIC, "week", {"until": iso(until)}, now)
    if last is None or now - until > TOO_OLD:
        return False
    for sentence, page in digest_lines(week(ledger, until), zone):
        notifier.notify(
            AlarmKind.DIGEST,
            sentence,
            subject=iso(until),
            urgency="info",
            group=iso(until),
            again=EACH_TIME,
            zone=zone,
            page=page,
        )
    return True


# ------------------------------------------------------------------------------------------------
# The chore that lets rules climb and fall by what became of their decisions.


def move_ladders(
    ledger: Ledger, events: Events, notifier: Notifier, benches: Iterable[ReviewPipeline]
) -> None:
    """Move every ladder that is due; a dry run, which sends nothing, moves none. Raises `LedgerError`."""
    for bench in benches:
        for judge in bench.judges if bench.desk is not None else ():
            if not ladder.staged(judge.policy):
                continue
            for due in due_steps(ledger, judge.policy, notifier.clock.now()):
                fell = due.step < due.standing.step
                ladder.move(ledger, events, notifier, due.standing, due.step, due.why, held=fell)


# ------------------------------------------------------------------------------------------------
# Retention: what people wrote is erased from the log once it is old enough.


BY, BECAUSE = "reviewbot", "older than the setting `retain`"
"""Who erased it, and why, as the log says it."""


def forget_old(ledger: Ledger, now: datetime, retain: float | None) -> Erased | None:
    """Erase the texts of what ended more than `retain` seconds ago; None where all is kept for ever.

    An erasure that was killed on its way is finished in any case.
    """
    done = None
    if retain is not None:
        before = now - timedelta(seconds=retain)
        done = ledger.erase(ErasureOrder(before=before), now, who=BY, because=BECAUSE)
        ledger.keep_retained(before)
    ledger.finish_erasures()
    return done
