"""How the bot stands, in lines for one screen: what is bad comes first, and every line fits."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from datetime import datetime

import click

from reviewbot.alarms.outages import Downtime
from reviewbot.config import Settings
from reviewbot.domain.review import noun_of, things
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.insights.heartbeat import Beat, Health
from reviewbot.insights.scorecard import GROUNDS, PayoutTotals
from reviewbot.insights.status import BotStatus
from reviewbot.presentation.format import ago, counted, dollars, due, second_look_line
from reviewbot.presentation.style import styled

_LABEL = 11


def health_line(beat: Beat | None, health: Health, now: datetime) -> str:
    """Say whether it runs, how, and since when not."""
    if beat is None:
        return styled("not running", "bad") + ": no pass has ever been made on this decision log"
    last = "never" if beat.good_at is None else ago(beat.good_at, now, beat.zone)
    if beat.is_gone():
        return styled("not running", "bad") + f": its process has ended; last good pass {last}"
    word = styled(health.word, "bad" if not health.ok else "care" if health.why else "good")
    mode = "LIVE" if beat.mode == "live" else "dry run, nothing is sent"
    return f"{word}: {mode}, last good pass {last}, one every {beat.every:g} s"


OVERVIEW = ("key", "owner", "health", "mode", "last good pass", "waiting", "undecided", "next")


def overview(settings: Settings, beat: Beat | None, health: Health, now: datetime) -> list[str]:
    """One line on a key, in the columns of `OVERVIEW`."""
    head = [settings.key, settings.owner, health.word]
    if beat is None:
        return [*head, settings.mode.value, "never", "", "", ""]
    first = beat.first_deadline_at
    return [
        *head,
        beat.mode,
        "never" if beat.good_at is None else ago(beat.good_at, now, beat.zone),
        str(beat.waiting),
        str(beat.undecided),
        "" if first is None else due(first, now, beat.zone),
    ]


def lines(
    beat: Beat | None,
    health: Health,
    found: BotStatus | None,
    policies: list[str],
    now: datetime,
    size: tuple[int, int] | None,
) -> list[str]:
    """Every line of the screen; `found` is None where the log cannot be read.

    `size` is the terminal's (columns, lines): a long line goes on below while there is room for
    that, and is cut where there is none. None is no terminal, and nothing is cut.
    """
    rows = [health_line(beat, health, now)]
    for label, text, style in _rows(beat, found, policies, now):
        rows.append(f"{label:<{_LABEL}} {styled(text, style) if style else text}")
    return rows if size is None else _fitted(rows, *size)


def _rows(
    beat: Beat | None, found: BotStatus | None, policies: list[str], now: datetime
) -> Iterator[tuple[str, str, str]]:
    """(label, text, style), the most pressing first."""
    zone = "UTC" if beat is None else beat.zone
    yield from _trouble(beat, found, policies, now, zone)
    if beat is not None:
        yield from _work(beat, found, now, zone)
    if found is not None:
        yield from _people(found, now, zone)
        yield from _alarms(found, zone)
        yield from _away(found.away, zone)
        yield from _paid(found.books)
        done = ", ".join(f"{count} {name}" for name, count in sorted(found.outcomes.items()))
        back = f"; {found.books.sent_back} sent back" if found.books.sent_back else ""
        yield "decided 24h", f"{done or 'nothing'}{back}", ""


def _trouble(
    beat: Beat | None, found: BotStatus | None, policies: list[str], now: datetime, zone: str
) -> Iterator[tuple[str, str, str]]:
    if beat is not None and beat.brake is not None:
        yield "STOPPED", f"nothing is sent: {safe_line(beat.brake, 300)}", "bad"
    if beat is not None and beat.error and beat.error != beat.brake:
        yield "last pass", f"{safe_line(beat.error, 300)} ({format_moment(beat.at, zone)})", "bad"
    if found is not None:
        yield from _held(found, now, zone)
        for name in found.failing_channels:
            yield "channel", f"FAILS: {name}", "bad"
    if beat is not None and beat.unheard:
        kinds = ", ".join(f"{kind} {count}" for kind, count in beat.unheard.items())
        yield "not told", f"alarms that no channel took: {kinds}", "bad"
    for text in policies:
        yield "policy", text, "care" if ";" in text else ""
    if found is not None:
        yield from _policy_trouble(found)


def _held(found: BotStatus, now: datetime, zone: str) -> Iterator[tuple[str, str, str]]:
    for sentence in found.holds:
        yield "HELD", safe_line(sentence, 300), "bad"
    stakes = found.at_stake
    if stakes is not None and stakes.tasks:
        what = f"{things(len(stakes.tasks), stakes.accounts)} ({dollars(stakes.amount_micros)})"
        first = "" if stakes.first_at is None else f", first {due(stakes.first_at, now, zone)}"
        yield "", f"silence will pay {what}{first}", "bad"
    for trial in found.on_probation:
        yield "probation", f"25 approvals an hour for {trial}", "care"


def _policy_trouble(found: BotStatus) -> Iterator[tuple[str, str, str]]:
    for what in found.to_accept:
        revision = what.split()[-1]
        so_far = f" ({found.accepted_by[revision]})" if revision in found.accepted_by else ""
        yield "accept?", f"{what} waits: reviewbot policy accept {revision}{so_far}", "care"
    for change in found.changes:
        yield "change", change, ""
    for why in found.not_used:
        yield "not used", why, "bad"


def _work(
    beat: Beat, found: BotStatus | None, now: datetime, zone: str
) -> Iterator[tuple[str, str, str]]:
    noun = noun_of(() if found is None else found.kinds)
    waiting = f"{counted(beat.waiting, noun)}, {beat.undecided} of them undecided"
    if beat.left:
        waiting += f", {beat.left:,} not reviewed yet"
    if beat.first_deadline_at is not None:
        about = "about " * beat.first_deadline_is_estimate
        waiting += f", first {about}{due(beat.first_deadline_at, now, zone)}"
    yield "waiting", waiting, ""
    if beat.failing:
        kept = f", {beat.dead_letters} of them again and again" if beat.dead_letters else ""
        yield "failing", f"{counted(beat.failing, 'review')} could not be made{kept}", "bad"
    left = "" if beat.remaining is None else f"; {beat.remaining} left this minute"
    yield "requests", f"{beat.requests:,} since its start, {beat.writes:,} of them writes{left}", ""


def _people(found: BotStatus, now: datetime, zone: str) -> Iterator[tuple[str, str, str]]:
    if found.questions:
        with_people = f"{found.questions} with people"
        claimed = f", {found.claimed} claimed" if found.claimed else ""
        yield "questions", f"{with_people}{claimed}{_first_end(found, now, zone)}", ""
    else:
        yield "questions", "none", ""
    if found.unsettled:
        text = f"{counted(found.unsettled, 'write')} not known to be done or not"
        yield "quarantine", text, "care"
    if found.second_looks:
        yield "second look", second_look_line(found.second_looks), "care"


def _first_end(found: BotStatus, now: datetime, zone: str) -> str:
    first = found.next_question
    if first is None or first.at is None:
        return ""
    what = "sent back" if first.end == "sent back" else "PAID"
    whose = {"silence": " by silence", "fallback": " by the fallback"}.get(first.end, "")
    about = "about " * first.deadline_is_estimate
    return f"; the first {what} {about}{due(first.at, now, zone)}{whose}"


def _alarms(found: BotStatus, zone: str) -> Iterator[tuple[str, str, str]]:
    if found.alarms:
        told = ", ".join(
            f"{safe_line(alarm.kind, 20)} {alarm.count} ({format_moment(alarm.at, zone)})"
            for alarm in found.alarms
        )
        yield "alarms 24h", told, "care"
    for muted in found.muted:
        yield "muted", muted, "care"


def _away(away: Downtime | None, zone: str) -> Iterator[tuple[str, str, str]]:
    if away is None:
        return
    span = f"{format_moment(away.since, zone)} to {format_moment(away.until, zone)}"
    parts = [f"silence {away.silence} ({dollars(away.silence_micros)})"]
    parts += [f"others {away.others}"] if away.others else []
    parts += [f"nearly late {away.nearly_late}"] if away.nearly_late else []
    yield "while away", f"{span}: {', '.join(parts)}", "bad" if away.silence else ""


def _paid(books: PayoutTotals) -> Iterator[tuple[str, str, str]]:
    parts = [
        f"{name} {books.paid[name].tasks} ({dollars(books.paid[name].micros)})"
        for name in GROUNDS
        if name != "silence"
    ]
    if books.outside.tasks:
        parts.append(f"outside {books.outside.tasks} ({dollars(books.outside.micros)})")
    yield "paid 24h", " · ".join(parts), ""
    silent = books.paid["silence"]
    text = f"{things(silent.tasks, silent.accounts)} paid by silence, {dollars(silent.micros)}"
    yield "silence", text, "bad" if silent.tasks else "good"
    if books.nobody_answered:
        asked = counted(books.nobody_answered, "question")
        yield "unanswered", f"{asked} that nobody answered before the round ended", "care"


def _fitted(rows: list[str], columns: int, screen: int) -> list[str]:
    """Wrap what is too long as far as the screen has lines for it, and cut the rest."""
    room = screen - 1 - len(rows)
    fitted: list[str] = []
    for row in rows:
        text = click.unstyle(row)
        if len(text) <= columns:
            fitted.append(row)
            continue
        parts = textwrap.wrap(text, columns, subsequent_indent=" " * (_LABEL + 1))
        if len(parts) - 1 > max(0, room):
            parts = [parts[0][: columns - 1] + "…"]
        room -= len(parts) - 1
        # Each part in the row's own colour.
        mark = re.search(r"\x1b\[[\d;]*m", row)
        fitted += parts if mark is None else [f"{mark.group()}{part}\x1b[0m" for part in parts]
    return fitted
