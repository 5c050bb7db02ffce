"""Brakes: a log that went back and a clock far off stop every write, and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reviewbot.core.context import BotContext
from reviewbot.domain.alarm import Alarm
from reviewbot.domain.decision import State
from reviewbot.domain.errors import LedgerCorrupt, LedgerUnwritable, LedgerWentBack, ServerFault
from reviewbot.ledger.checkpoints import CheckpointFile
from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from reviewbot.safety.stop_conditions import StopConditions, accept, departure, keep, newest_at
from tests.builders import an_item
from tests.fakes import APPROVE, START, HandClock, World, always, an_app, said


@pytest.fixture
def book(tmp_path: Path) -> CheckpointFile:
    """The second place."""
    return CheckpointFile(tmp_path / "points.jsonl")


@pytest.fixture
def world() -> World:
    """One task waits."""
    world = World()
    world.add(an_item())
    return world


def braked(world: World, book: CheckpointFile | None) -> tuple[BotContext, StopConditions]:
    """A bot on a new log with its brakes."""
    app = an_app(world, always(APPROVE))
    brakes = StopConditions(app, book)
    app.guard.brake = brakes
    return app, brakes


def went_back(book: CheckpointFile) -> None:
    """Keep a checkpoint of a log that is longer than the one the bot finds."""
    log = open_ledger("memory:")
    for n in range(9):
        log.note("pause", "all", {"n": n}, START)
    keep(log, book, START)


def test_nothing_is_sent_on_a_log_that_went_back(world: World, book: CheckpointFile) -> None:
    """The pass goes on: it lists, judges, and writes the held decision down."""
    went_back(book)
    app, brakes = braked(world, book)

    brakes.check()
    summary = poll_once(app)

    assert world.sent == []
    assert summary.reviewed == 1
    assert "line 9 is missing" in str(brakes())
    assert any("--accept" in str(about) for about in app.events.named("alarm"))  # type: ignore[attr-defined]


def test_it_gets_no_checkpoint_that_would_hide_it(world: World, book: CheckpointFile) -> None:
    """Also not once it has grown beyond the old one."""
    went_back(book)
    app, brakes = braked(world, book)
    for n in range(12):
        app.ledger.note("pause", "all", {"other": n}, START)

    with pytest.raises(LedgerCorrupt, match="rewritten"):
        keep(app.ledger, book, START)
    brakes.check()
    assert brakes() is not None


def test_a_person_who_accepts_it_lets_it_act_again(world: World, book: CheckpointFile) -> None:
    """With the reason in the log and in the checkpoint; later ones go on from there."""
    went_back(book)
    app, brakes = braked(world, book)
    brakes.check()

    point = accept(app.ledger, book, why="restored on purpose", who="ann", at=START)
    brakes.check()
    poll_once(app)

    assert brakes() is None
    assert len(world.sent) == 1
    assert point.accepted == "ann: restored on purpose"
    (note,) = app.ledger.notes("checkpoint")
    assert (note.value["who"], note.value["why"]) == ("ann", "restored on purpose")
    keep(app.ledger, book, START)
    assert len(book.read().checkpoints) == 2


def test_a_log_that_goes_on_from_its_checkpoint_acts(world: World, book: CheckpointFile) -> None:
    """The usual case, and the first start of all."""
    app, brakes = braked(world, book)
    brakes.check()
    poll_once(app)
    keep(app.ledger, book, START)
    brakes.check()

    assert brakes() is None
    assert len(world.sent) == 1


@pytest.mark.parametrize(
    ("minutes", "sent", "told"),
    [(-4, 1, []), (6, 1, ["warning"]), (-29, 1, ["warning"]), (31, 0, ["error"]), (-90, 0, ["error"])],
)  # fmt: skip
def test_a_clock_that_is_off_is_told_and_then_stops_it(
    world: World, minutes: int, sent: int, told: list[str]
) -> None:
    """Told beyond 5 minutes, stopped beyond 30, in both directions; mended by itself."""
    app, brakes = braked(world, None)
    app.skew = lambda: timedelta(minutes=minutes)
    levels: list[str] = []
    app.notifier.alarms.tell = lambda alarm: bool(levels.append(alarm.urgency))  # type: ignore[method-assign]

    brakes.check()
    poll_once(app)

    assert len(world.sent) == sent
    assert [level for level in levels if level in ("warning", "error")][: len(told)] == told
    app.skew = lambda: timedelta(0)
    assert brakes() is None


def test_a_skew_heard_within_a_pass_stops_it_there(world: World) -> None:
    """The first answer of all already tells, before the first write."""
    app, _ = braked(world, None)
    app.skew = lambda: timedelta(hours=1) if "waiting" in world.calls else None

    poll_once(app)

    assert world.sent == []


def test_a_torn_line_is_remarked_on_and_proves_nothing(book: CheckpointFile) -> None:
    """A disk that was full leaves half a line; the next checkpoint stands on a line of its own."""
    log = open_ledger("memory:")
    keep(log, book, START)
    with book.path.open("ab") as file:
        file.write(b'{"count":3,"he')
    log.note("pause", "all", {}, START)

    keep(log, book, START)

    kept = book.read()
    assert [point.count for point in kept.checkpoints] == [0, 1]
    assert any("no checkpoint" in remark for remark in kept.remarks)


def test_a_log_that_cannot_be_read_is_told_and_brakes_nothing_by_itself(
    world: World, book: CheckpointFile
) -> None:
    """The pass itself stops at such a log; the brake says what it could not look at."""
    app, brakes = braked(world, book)
    keep(app.ledger, book, START)

    def unreadable(checkpoint: object) -> None:
        raise LedgerUnwritable("the disk is away")

    app.ledger.departure = unreadable  # type: ignore[method-assign, assignment]
    brakes.check()

    assert brakes() is None
    assert [alarm["sentence"] for alarm in app.events.named("alarm")] == ["the disk is away"]  # type: ignore[attr-defined]


def test_the_age_of_checkpoints_that_cannot_be_read_is_unknown(book: CheckpointFile) -> None:
    """As it is where none was ever kept; whoever only asks for it, as a bot that starts, is not stopped."""
    assert newest_at(book) is None
    keep(open_ledger("memory:"), book, START)
    assert newest_at(book) == START
    book.path.unlink()
    book.path.mkdir()

    with pytest.raises(LedgerUnwritable, match="cannot be read"):
        book.read()
    assert newest_at(book) is None


# To the letter -------------------------------------------------------------------------------


def alarms(app: BotContext) -> list[tuple[object, ...]]:
    """What people were told: kind, subject, urgency, sentence, and whether that is over."""
    heard = said(app)
    levels = [level for event, level in heard.levels if event == "alarm"]
    return [
        (alarm["kind"], alarm["subject"], level, alarm["sentence"], alarm["mended"])
        for alarm, level in zip(heard.named("alarm"), levels, strict=True)
    ]


def test_a_log_that_went_back_is_told_and_mended_in_words(
    world: World, book: CheckpointFile
) -> None:
    """What was found, and what a person is to do."""
    went_back(book)
    app, brakes = braked(world, book)
    brakes.check()
    found = departure(app.ledger, book)
    why = f"the log is not the one that was last checkpointed: {found}"
    assert brakes() == why
    told = (
        f"Nothing is sent: {why}. It may be a restored copy; find out why, then"
        "  reviewbot log checkpoint --accept REASON"
    )
    assert alarms(app) == [("ledger", "restored", "error", told, False)]

    accept(app.ledger, book, why="restored on purpose", who="ann", at=START)
    brakes.check()
    brakes.check()
    assert brakes() is None
    assert alarms(app)[1:] == [
        ("ledger", "restored", "info", "The log fits its checkpoints again; it acts.", True)
    ]


def test_a_log_that_cannot_be_read_is_told_as_a_warning(world: World, book: CheckpointFile) -> None:
    """A brake that was on stays on meanwhile."""
    went_back(book)
    app, brakes = braked(world, book)
    brakes.check()
    before = brakes()

    def unreadable(checkpoint: object) -> None:
        raise LedgerUnwritable("the disk is away")

    app.ledger.departure = unreadable  # type: ignore[method-assign, assignment]
    brakes.check()
    assert alarms(app)[1:] == [("ledger", "checkpoints", "warning", "the disk is away", False)]
    assert brakes() == before


@pytest.mark.parametrize(
    ("skew", "level", "sentence"),
    [
        (timedelta(minutes=5), None, ""),
        (timedelta(minutes=-5), None, ""),
        (
            timedelta(minutes=5, microseconds=1),
            "warning",
            "this machine's clock is 5 minutes behind the API's.",
        ),
        (
            timedelta(minutes=-30),
            "warning",
            "this machine's clock is 30 minutes ahead of the API's.",
        ),
        (
            timedelta(minutes=30, seconds=40),
            "error",
            "this machine's clock is 31 minutes behind the API's; nothing is sent until it is set.",
        ),
    ],
)
def test_a_clock_that_is_off_is_told_by_how_much(
    world: World, skew: timedelta, level: str | None, sentence: str
) -> None:
    """To which side, and whether it stops the bot; once it is right again that is said."""
    app, brakes = braked(world, None)
    app.skew = lambda: skew
    brakes.check()
    assert alarms(app) == ([("clock", "", level, sentence, False)] if level else [])
    stops = level == "error"
    assert brakes() == (sentence.split(";")[0] if stops else None)
    if level:
        assert said(app).named("alarm")[0]["facts"] == {"skew_seconds": round(skew.total_seconds())}
        app.skew = lambda: None
        brakes.check()
        right = "This machine's clock and the API's agree again."
        assert alarms(app)[1:] == [("clock", "", "info", right, True)]


def test_a_log_that_forgot_our_write_sends_nothing_until_a_person_accepts(
    world: World, book: CheckpointFile, tmp_path: Path
) -> None:
    """The intent of an unclear write is gone: it is not sent again, by this pass or a later one."""
    url = f"sqlite:///{tmp_path}/log.db"
    ledger = open_ledger(url, lock=True)
    accept(ledger, book, why="an older word", who="ann", at=START)
    clock = HandClock()
    app = an_app(world, always(APPROVE), ledger=ledger, clock=clock)
    app.guard.brake = brakes = StopConditions(app, book)
    brakes.check()
    world.trouble["perform"] = [ServerFault("no answer", status=500)]
    poll_once(app)
    with sqlite3.connect(tmp_path / "log.db") as other:
        other.execute("DELETE FROM decision")
        other.execute("DELETE FROM entry WHERE kind IN ('intent', 'unknown')")
    other.close()
    asked = world.calls.count("perform")

    with pytest.raises(LedgerWentBack):
        poll_once(app)
    for _ in range(2):
        brakes.check()
        assert "the log went back: line" in str(brakes())
        poll_once(app)
    assert world.calls.count("perform") == asked == 1
    assert ("ledger", "restored", "error") in [alarm[:3] for alarm in alarms(app)]

    with open_ledger_of(url) as desk:
        accept(desk, book, why="failed over", who="ann", at=START)
    brakes.check()
    assert brakes() is None
    poll_once(app)
    assert world.calls.count("perform") == 1, "a word of a person ends no quarantine"
    clock.forward(minutes=16)
    for _ in range(2):
        poll_once(app)
    assert world.calls.count("perform") == 2
    ledger.close()


def test_what_vanished_from_amidst_the_log_is_not_sent_again(
    world: World, book: CheckpointFile, tmp_path: Path
) -> None:
    """The connection stays open and newer lines stand, but the process itself knows what it sent."""
    url = f"sqlite:///{tmp_path}/log.db"
    ledger = open_ledger(url, lock=True)
    clock = HandClock()
    app = an_app(world, always(APPROVE), ledger=ledger, clock=clock)
    app.guard.brake = brakes = StopConditions(app, book)
    world.trouble["perform"] = [ServerFault("no answer", status=500)]
    poll_once(app)
    (lost,) = ledger.open_intents()
    ledger.note("alarm", "a newer line", {}, START)
    with sqlite3.connect(tmp_path / "log.db") as other:
        other.execute("DELETE FROM decision")
        other.execute("DELETE FROM entry WHERE kind IN ('intent', 'unknown')")
    other.close()

    for _ in range(2):
        poll_once(app)
        brakes.check()
        assert "lines between line 0 and line" in str(brakes())
    assert world.keys == [lost.decision.id]
    (again,) = ledger.open_intents()
    assert (again.decision, again.state) == (lost.decision, State.UNKNOWN)
    assert again.note == "sent before, and forgotten by the log"
    assert ("ledger", "restored", "error") in [alarm[:3] for alarm in alarms(app)]

    with open_ledger_of(url) as desk:
        accept(desk, book, why="looked at it", who="ann", at=START)
    brakes.check()
    clock.forward(minutes=16)
    for _ in range(2):
        poll_once(app)
    assert world.keys == [lost.decision.id, f"{lost.decision.id}-2"]
    ledger.close()


def test_the_quarantine_of_a_later_try_that_the_log_forgot_is_counted_on(
    world: World, tmp_path: Path
) -> None:
    """Its first try is forgotten too; and somebody sets the machine's clock, which ends nothing."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/log.db", lock=True)
    clock = HandClock()
    app = an_app(world, always(APPROVE), ledger=ledger, clock=clock)
    world.trouble["perform"] = [ServerFault("no answer", status=500)] * 2
    poll_once(app)
    clock.forward(minutes=16)
    for _ in range(2):
        poll_once(app)
    (lost,) = ledger.open_intents()
    assert world.keys == [lost.decision.id, f"{lost.decision.id}-2"]
    ledger.note("alarm", "a newer line", {}, START)
    with sqlite3.connect(tmp_path / "log.db") as other:
        other.execute("DELETE FROM decision")
        other.execute("DELETE FROM entry WHERE kind IN ('intent', 'unknown', 'void')")
    other.close()

    for _ in range(2):
        poll_once(app)
    clock.start += timedelta(hours=1)
    for _ in range(2):
        clock.forward(minutes=7)
        poll_once(app)
        assert [again.state for again in ledger.open_intents()] == [State.UNKNOWN]
    assert len(world.keys) == 2
    ledger.take_as_it_is()
    clock.forward(minutes=2)
    for _ in range(2):
        poll_once(app)
    assert ledger.open_intents() == []
    assert len(world.keys) == 3
    ledger.close()


@contextmanager
def open_ledger_of(url: str) -> Iterator[Any]:
    """The log as a command opens it, beside the bot."""
    opened = open_ledger(url)
    yield opened
    opened.close()


def test_checkpoints_that_are_gone_are_told_once_and_it_goes_on(
    world: World, book: CheckpointFile
) -> None:
    """A file that is removed or cut while the bot runs; more of them, or a person's word, is none."""
    app, brakes = braked(world, book)
    heard: list[Alarm] = []
    app.notifier.alarms.tell = lambda alarm: bool(heard.append(alarm))  # type: ignore[method-assign]

    def told() -> int:
        brakes.check()
        return sum("Checkpoints are gone" in alarm.sentence for alarm in heard)

    assert told() == 0
    keep(app.ledger, book, app.clock.now())
    assert told() == 0
    poll_once(app)
    keep(app.ledger, book, app.clock.now())
    assert told() == 0
    lines = book.path.read_bytes()
    book.path.unlink()
    assert (told(), told(), brakes()) == (1, 1, None)
    book.path.write_bytes(lines)
    assert told() == 1
    accept(app.ledger, book, why="a look", who="ana", at=app.clock.now())
    assert told() == 1
