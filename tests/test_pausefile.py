"""The file PAUSE: there or not, readable or not."""

from __future__ import annotations

from pathlib import Path

from reviewbot.pausefile import PauseFile
from reviewbot.service.guards.switches import file_text, pauses_on
from reviewbot.settings import Settings
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
    assert Settings(ledger="postgresql+psycopg://h/d").pause_path().name == "PAUSE"
