"""The heartbeat: whose it is, how old it is, and whether its bot still lives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import PassSummary
from reviewbot.domain.errors import LedgerUnwritable
from reviewbot.insights.heartbeat import (
    Beat,
    Heart,
    beat_path,
    beating_poll,
    born,
    heart_of,
    is_gone,
    newest_beat,
    read_beat,
    room,
)
from reviewbot.ledger.open import open_ledger
from reviewbot.presentation.status import lines
from reviewbot.review.poll import Polling
from reviewbot.runtime.bot_health import health_of
from tests.fakes import APPROVE, HandClock, World, always, an_app


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is told otherwise."""
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    yield child
    child.kill()
    child.communicate()


def a_beat(pid: int, *, ago: float = 1.0, **more: Any) -> Beat:
    """A bot in this room that went through a pass not long ago."""
    at = datetime.now(UTC) - timedelta(seconds=ago)
    fields: dict[str, Any] = {"room": room(), "born": born(pid), "mode": "live", "every": 60.0}
    return Beat(at=at, good_at=at, pid=pid, **(fields | more))


def healthy(beat: Beat) -> tuple[bool, bool]:
    """Healthy, and alive."""
    now = datetime.now(UTC)
    return beat.is_healthy(now), beat.is_alive(now)


def test_a_dead_process_is_not_healthy_from_the_moment_it_died(
    sleeper: subprocess.Popen[bytes],
) -> None:
    """Killed with -9 it can say nothing itself; one pass that ended as it should is judged by its age."""
    beat, once = a_beat(sleeper.pid), a_beat(sleeper.pid, once=True)
    assert (healthy(beat), healthy(once)) == ((True, True), (True, True))
    sleeper.kill()
    sleeper.wait()
    assert (healthy(beat), healthy(once)) == ((False, False), (True, True))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"born": 1}, False),
        ({"born": None}, True),
        ({"room": "another machine pid:[1]", "born": 1}, True),
        ({"room": None, "born": 1}, True),
    ],
)
def test_a_number_means_a_process_in_its_own_room_and_time(
    more: dict[str, Any], expected: bool
) -> None:
    """Another process under the number is not the bot; of another machine's nothing can be told."""
    assert healthy(a_beat(os.getpid(), **more)) == (expected, expected)


def test_what_is_known_of_processes() -> None:
    """Ours lives; the number of none does not."""
    assert born(os.getpid()) == born(os.getpid()) != None  # noqa: E711
    assert born(2**22 + 5) is None
    assert is_gone(2**22 + 5, None)
    assert not is_gone(1, None)


def _app(clock: HandClock | None = None, ledger: Any = None) -> Any:
    return an_app(World(), always(APPROVE), clock=clock, ledger=ledger)


def test_a_clock_that_the_api_sets_tells_no_age(tmp_path: Path) -> None:
    """The API's clock is ten minutes ahead: the last good pass is not in the future."""
    path = tmp_path / "log.db.status.json"
    ahead = HandClock(datetime.now(UTC) + timedelta(minutes=10))
    beating_poll(Heart(path=path), 60.0, Polling())(_app(ahead))

    beat = read_beat(path)
    assert beat is not None and beat.good_at is not None and beat.looked_until is not None
    assert timedelta(0) <= datetime.now(UTC) - beat.good_at < timedelta(minutes=1)
    assert beat.looked_until == ahead.now()
    assert beat.is_healthy(datetime.now(UTC))


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Whatever the umask, and whatever lay there before."""
    path = tmp_path / "log.db.status.json"
    path.with_name(path.name + ".new").write_text("left over")
    before = os.umask(0)
    try:
        beating_poll(Heart(path=path), 60.0, Polling())(_app())
    finally:
        os.umask(before)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600


def test_bots_on_different_servers_keep_their_own_words(tmp_path: Path) -> None:
    """One state directory, two ledgers: each has a file of its own; a password makes no difference."""
    a, b = (beat_path(f"postgresql+psycopg://h/{name}", tmp_path) for name in "ab")
    assert a != b
    assert beat_path("postgresql+psycopg://ann:x@h/a", tmp_path) == beat_path(
        "postgresql://ann:y@h/a", tmp_path
    )
    assert beat_path(f"sqlite:///{tmp_path}/x.db", tmp_path) == tmp_path / "x.db.status.json"


def test_a_server_tells_of_its_own_bot_from_everywhere(
    postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two bots, one state directory: each log has its own bot's word; another machine sees it too."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "here"))
    settings = {name: Settings(ledger=postgres.new_database()) for name in "ab"}
    for name, side in settings.items():
        ledger = open_ledger(side.ledger, lock=True)
        beating_poll(heart_of(side, once=False), {"a": 61.0, "b": 62.0}[name], Polling())(
            _app(ledger=ledger)
        )
        lines = ledger.checkpoint(datetime.now(UTC)).count
        for _ in range(3):
            ledger.beat(ledger.last_beat()[0])  # type: ignore[index]
        assert ledger.checkpoint(datetime.now(UTC)).count == lines
        assert ledger.verify().whole
        ledger.close()
    for folder in ("here", "elsewhere"):
        monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / folder))
        found = {name: newest_beat(side) for name, side in settings.items()}
        assert {name: beat.every for name, beat in found.items() if beat} == {"a": 61.0, "b": 62.0}


def test_the_age_on_a_server_is_told_by_its_clock(
    postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine that left it was an hour ahead of the one that reads it."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    settings = Settings(ledger=postgres.new_database())
    ledger = open_ledger(settings.ledger)
    ahead = a_beat(1, ago=-3600.0, room="another machine")
    ledger.beat(msgspec.json.encode(ahead))
    ledger.close()

    beat = newest_beat(settings)
    assert beat is not None and beat.good_at == beat.at
    assert timedelta(seconds=-5) < datetime.now(UTC) - beat.at < timedelta(seconds=30)


def test_without_the_server_the_file_is_left_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says why the pass failed; the server is not waited for once more."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    settings = Settings(ledger=f"postgresql+psycopg://postgres@/x?host={tmp_path}")
    app = _app()
    app.ledger.beat = lambda text: pytest.fail("asked again")

    def fail(_app: Any) -> Any:
        raise LedgerUnwritable("the server is away")

    with pytest.raises(LedgerUnwritable):
        beating_poll(heart_of(settings, once=False), 60.0, fail)(app)
    beat = newest_beat(settings)
    assert beat is not None and beat.error == "the server is away"
    assert beat.good_at is None


def test_a_bot_that_cannot_use_its_log_is_not_healthy_at_once(tmp_path: Path) -> None:
    """However short ago its last good pass was: nothing is sent meanwhile; the next one mends it."""
    app, polling, lost = _app(), Polling(), True

    def make(app: BotContext) -> PassSummary:
        if lost:
            raise LedgerUnwritable("it was removed while in use")
        return polling(app)

    poll = beating_poll(Heart(path=tmp_path / "x.json"), 60.0, make)
    lost = False
    poll(app)
    lost = True
    with pytest.raises(LedgerUnwritable):
        poll(app)
    beat, now = read_beat(tmp_path / "x.json"), datetime.now(UTC)
    found = health_of(beat, None, now)
    assert (found.word, found.why) == (
        "not healthy",
        ("nothing is sent: it was removed while in use",),
    )
    assert "\n".join(lines(beat, found, None, [], now, None)).count("it was removed") == 1

    lost = False
    poll(app)
    assert health_of(read_beat(tmp_path / "x.json"), None, now).word == "healthy"


def test_a_heartbeat_that_cannot_be_left_is_only_said(tmp_path: Path) -> None:
    """The bot goes on without."""
    (tmp_path / "file").write_text("")
    app = _app()
    beating_poll(Heart(path=tmp_path / "file" / "x.json"), 60.0, Polling())(app)
    assert app.events.named("heartbeat not written")
