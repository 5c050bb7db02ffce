"""The chore that tells the week, once for each hour that the settings name."""

from __future__ import annotations

from datetime import timedelta

from reviewbot.core.notifier import Notifier
from reviewbot.domain.alarm import EACH_TIME, AlarmKind, WeeklyHour
from reviewbot.domain.text import iso, parse_iso
from reviewbot.insights.digest import week
from reviewbot.ports.ledger import Ledger
from reviewbot.presentation.digest import digest_lines

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
