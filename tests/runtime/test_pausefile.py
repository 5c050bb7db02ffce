"""The file PAUSE: there or not, readable or not."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewbot.config import Settings
from reviewbot.runtime.state_files import PauseFile, PauseFiles
from reviewbot.safety.pauses import file_text, pauses_on
from tests.builders import CONFIRMED


def test_what_is_written_is_read_and_can_be_removed(tmp_path: Path) -> None:
    """Round trip, with the person's name in the reason."""
    file = PauseFile(tmp_path / "deep" / "PAUSE")
    assert file.read() is None

    file.write(file_text("dispute", reason="wording: wrong", who="ana"))
    (one,) = pauses_on((), file.read(), CONFIRMED)

    assert (one.word, one.reason, one.by_file) == ("dispute", "wording: wrong (ana)", True)
    assert (file.remove(), file.remove(), file.read()) == (True, False, None)


def test_one_that_cannot_be_read_pauses_everything(tmp_path: Path) -> None:
    """A folder of that name, for one."""
    (tmp_path / "PAUSE").mkdir()

    (one,) = pauses_on((), PauseFile(tmp_path / "PAUSE").read(), CONFIRMED)

    assert one.word == "all"
    assert "cannot be read" in one.reason


def test_it_lies_beside_the_log_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    """Beside an SQLite file, in the state directory for PostgreSQL, or as named."""
    beside = Settings(ledger=f"sqlite:///{tmp_path}/a%20b/log.db")
    named = Settings(ledger=beside.ledger, pause_file=str(tmp_path / "stop"))

    assert beside.pause_path() == tmp_path / "a b" / "PAUSE"
    assert named.pause_path() == tmp_path / "stop"
    names = [
        Settings(ledger=f"postgresql+psycopg://{url}").pause_path().name
        for url in ("h/a", "h/b", "ann:one@h/b", "ann:two@h/b")
    ]
    assert all(name.startswith("PAUSE-") for name in names)
    assert (len(set(names)), names[2] == names[3]) == (3, True)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


def _circle(path: Path) -> None:
    path.symlink_to(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to(path.with_name("pipe"))


def _socket(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "make", [_pipe, _dangling, _circle, _device, _link_to_a_pipe, _socket, Path.mkdir]
)
def test_whatever_has_its_name_pauses_everything_and_nothing_is_waited_for(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    """A pipe that nobody writes to, a device without end, a link to nothing: somebody wanted a stop."""
    make(tmp_path / "PAUSE")

    (pause,) = pauses_on((), PauseFile(tmp_path / "PAUSE").read(), CONFIRMED)

    assert pause.word == "all"


def test_a_link_to_a_file_says_what_the_file_says(tmp_path: Path) -> None:
    """As where a file is mounted into a container."""
    (tmp_path / "real").write_text("dispute: wording")
    (tmp_path / "PAUSE").symlink_to(tmp_path / "real")

    assert PauseFile(tmp_path / "PAUSE").read() == "dispute: wording"


@pytest.mark.timeout(5)
def test_a_pause_is_written_whole_over_whatever_has_its_name(tmp_path: Path) -> None:
    """A pipe in its place is not waited for, and nothing else is left behind."""
    _pipe(tmp_path / "PAUSE")

    PauseFile(tmp_path / "PAUSE").write("all: now")

    assert PauseFile(tmp_path / "PAUSE").read() == "all: now"
    assert [path.name for path in tmp_path.iterdir()] == ["PAUSE"]


@pytest.mark.parametrize(
    ("common", "own", "words"),
    [
        (None, None, set()),
        ("dispute: wording", None, {"dispute"}),
        (None, "approve", {"approve"}),
        ("dispute: wording", "approve: a look", {"approve", "dispute"}),
        ("", "approve", {"all", "approve"}),
        ("what?", "approve", {"all"}),
    ],
)
def test_the_file_for_all_keys_and_that_of_one_add_up(
    tmp_path: Path, common: str | None, own: str | None, words: set[str]
) -> None:
    """Whatever either pauses is paused."""
    files = (tmp_path / "PAUSE", tmp_path / "PAUSE-acme")
    for file, text in zip(files, (common, own), strict=True):
        if text is not None:
            file.write_text(text)

    assert {pause.word for pause in pauses_on((), PauseFiles(files).read(), CONFIRMED)} == words
