"""`reviewbot status`: how the bot is doing, on one screen; `--probe` is the health check."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec

from reviewbot.cli.heartbeat import Beat, Running, beat_path, read_beat
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import ledger_for_reading, settings_with, state_folder
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import clock_time, counted, dollars, due, length
from reviewbot.domain.lifecycle import OPEN
from reviewbot.domain.safetext import safe_line
from reviewbot.ports import Ledger

NOT_HEALTHY = 1
DAY = timedelta(days=1)


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision log says of the last 24 hours, and of now."""

    outcomes: dict[str, int]
    endings: dict[str, int]
    silence_micros: int
    questions: int
    unsettled: int
    refused: tuple[str, ...] = ()
    """Why a changed policy is not used, for each that is not."""


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot status", "one screen"),
        Example("reviewbot status --probe", "exit code 0: healthy; 1: not (for a health check)"),
    ],
)
@click.option("--probe", is_flag=True, help="Only say whether the running bot is healthy.")
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def status(screen: Screen, probe: bool, ledger: str | None, config: str | None, form: str) -> None:
    """Show how the bot is doing: its last pass, its policies, what waits, what was paid by silence."""
    settings = settings_with(config=config, ledger=ledger)
    now = datetime.now(UTC)
    beat = read_beat(beat_path(settings.ledger, state_folder()))
    healthy = beat is not None and beat.is_healthy(now)
    if probe:
        screen.say(_health(beat, healthy, now))
    else:
        from reviewbot.service.questions import open_questions

        with ledger_for_reading(ledger=ledger, config=config) as opened:
            books = _books(opened, len(open_questions(opened, now)), now)
        if form == "json":
            screen.data(json.dumps(_as_object(beat, healthy, books), indent=2))
        else:
            screen.data("\n".join(_lines(beat, healthy, books, now)))
    if probe and not healthy:
        raise click.exceptions.Exit(NOT_HEALTHY)


def _books(ledger: Ledger, questions: int, now: datetime) -> Books:
    endings = ledger.endings(now - DAY)
    silent = [ending for ending in endings if ending.by == "silence"]
    return Books(
        outcomes=Counter(one.state.value for one in ledger.decisions(since=now - DAY)),
        endings=Counter(ending.by for ending in endings),
        silence_micros=sum(ending.amount_micros or 0 for ending in silent),
        questions=questions,
        unsettled=sum(one.state in OPEN for one in ledger.open_intents()),
        refused=tuple({why for note in ledger.notes("running") if (why := note.value["problem"])}),
    )


def _health(beat: Beat | None, healthy: bool, now: datetime) -> str:
    if beat is None:
        return styled("not running", "bad") + ": no pass has ever been made on this decision log"
    last = "never" if beat.good_at is None else f"{length(now - beat.good_at)} ago"
    word = styled("healthy", "good") if healthy else styled("not healthy", "bad")
    error = f"; {safe_line(beat.error, 200)}" if beat.error else ""
    return f"{word}: last good pass {last}, {beat.mode}, one every {beat.every:g} s{error}"


def _lines(beat: Beat | None, healthy: bool, books: Books, now: datetime) -> list[str]:
    lines = [_health(beat, healthy, now)]
    if beat is not None and beat.brake is not None:
        lines.append(styled("nothing is sent: ", "bad") + safe_line(beat.brake, 300))
    if beat is not None:
        lines += [f"policy      {_policy(running)}" for running in beat.policies]
    lines += [styled(f"not used    {safe_line(why, 300)}", "bad") for why in books.refused]
    if beat is not None:
        lines.append(
            f"waiting     {counted(beat.waiting, 'task')}, {beat.undecided} of them undecided"
            f" ({clock_time(beat.at)})"
        )
        if beat.first_deadline_at is not None:
            lines.append(f"deadline    the first undecided: {due(beat.first_deadline_at, now)}")
    lines.append(f"questions   {counted(books.questions, 'task')} with a person")
    if books.unsettled:
        lines.append(f"quarantine  {counted(books.unsettled, 'write')} not known to be done or not")
    lines.append(f"last 24 h   {_in_words(books.outcomes) or 'nothing decided'}")
    lines.append(f"ended       {_in_words(books.endings) or 'nothing'}")
    silent = books.endings.get("silence", 0)
    paid = f"silence     {counted(silent, 'task')}, {dollars(books.silence_micros)} in 24 h"
    lines.append(styled(paid, "bad" if silent else "good"))
    return lines


def _policy(running: Running) -> str:
    """Name the running revision, and say where the file on disk differs."""
    on_disk = _revision_on_disk(running.path)
    text = f"{safe_line(running.name)} {running.revision[:8]}"
    if on_disk == running.revision:
        return text
    found = "cannot be used" if on_disk is None else f"is {on_disk[:8]}"
    return text + styled(f"; the file {safe_line(running.path)} {found}", "care")


def _revision_on_disk(path: str) -> str | None:
    from reviewbot.policyfiles import PolicyFile

    policy = PolicyFile(path).load().policy
    return None if policy is None else policy.revision


def _in_words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _as_object(beat: Beat | None, healthy: bool, books: Books) -> dict[str, Any]:
    return {
        "schema": "reviewbot.status/1",
        "healthy": healthy,
        "heartbeat": None if beat is None else msgspec.to_builtins(beat),
        "last_24h": msgspec.to_builtins(books),
    }
