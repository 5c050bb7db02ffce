"""A log whose files are no longer those that were opened, or that forgot what was written to it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reviewbot.domain.decision import State
from reviewbot.domain.errors import LedgerError, LedgerMoved, LedgerWentBack
from reviewbot.ledger.events import noted
from reviewbot.ledger.open import open_ledger
from tests.builders import CONFIRMED, an_item
from tests.ledger.things import a_decision, after

FILES = ("", "-wal", "-shm", ".lock")


def _remove(path: Path) -> None:
    path.unlink()


def _replace(path: Path) -> None:
    other = path.with_name("other")
    shutil.copy(path, other)
    other.replace(path)


def _writes(ledger: Any) -> dict[str, Callable[[], object]]:
    return {
        "intend": lambda: ledger.intend(a_decision(task_id="later")),
        "record": lambda: ledger.record(a_decision(task_id="later"), State.HELD),
        "mark": lambda: ledger.mark(a_decision().id, State.PERFORMED, after(hours=2)),
        "sight": lambda: ledger.sight([an_item(id="later")], CONFIRMED),
        "note": lambda: ledger.note("pause", "all", {}, CONFIRMED),
        "probe": ledger.probe,
    }


@pytest.mark.parametrize("strike", [_remove, _replace])
@pytest.mark.parametrize("end", FILES)
def test_nothing_is_written_once_a_file_is_another(
    tmp_path: Path, strike: Callable[[Path], None], end: str
) -> None:
    """Neither an intent nor anything else, however often it is tried; the message says which file."""
    path = tmp_path / "log.db"
    ledger = open_ledger(f"sqlite:///{path}", lock=True)
    ledger.intend(a_decision())
    struck = path.with_name(path.name + end)
    strike(struck)

    for _ in range(2):
        for write in _writes(ledger).values():
            with pytest.raises(LedgerMoved, match="while the log was in use") as told:
                write()
            assert str(struck) in str(told.value)
    ledger.close()


def test_put_back_as_it_was_it_is_the_log_again(tmp_path: Path) -> None:
    """The same file under its name: nothing was lost."""
    path = tmp_path / "log.db"
    ledger = open_ledger(f"sqlite:///{path}", lock=True)
    ledger.intend(a_decision())
    path.rename(tmp_path / "aside")
    with pytest.raises(LedgerMoved):
        ledger.probe()
    (tmp_path / "aside").rename(path)

    ledger.intend(a_decision(task_id="more"))
    assert len(ledger.open_intents()) == 2
    ledger.close()


def test_a_second_instance_ends_the_writes_of_the_first(tmp_path: Path) -> None:
    """Without the lock file nobody keeps it out; so the first one stops, and never both write."""
    path = tmp_path / "log.db"
    first = open_ledger(f"sqlite:///{path}", lock=True)
    first.intend(a_decision())
    (tmp_path / "log.db.lock").unlink()
    second = open_ledger(f"sqlite:///{path}", lock=True)
    second.intend(a_decision(task_id="of the second"))

    with pytest.raises(LedgerMoved):
        first.intend(a_decision(task_id="of the first"))
    first.close()
    assert second.verify().whole
    second.close()


def test_a_log_that_was_replaced_leaves_the_files_of_the_other_alone(tmp_path: Path) -> None:
    """The last to close removes what lies beside the database by name: not where it is another's."""
    path = tmp_path / "log.db"
    first = open_ledger(f"sqlite:///{path}")
    first.intend(a_decision())
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink()
    second = open_ledger(f"sqlite:///{path}")
    second.intend(a_decision(task_id="new"))

    first.close()
    second.probe()
    second.intend(a_decision(task_id="newer"))
    second.close()
    assert len(open_ledger(f"sqlite:///{path}").open_intents()) == 2


def test_a_lost_connection_never_opens_another_file(tmp_path: Path) -> None:
    """After a failed write the file is opened anew, unless it is gone: an empty one is not made."""
    path = tmp_path / "log.db"
    ledger = open_ledger(f"sqlite:///{path}", lock=True)
    ledger.intend(a_decision())
    path.unlink()
    ledger._engine._drop()  # type: ignore[union-attr]

    for _ in range(2):
        with pytest.raises(LedgerMoved):
            ledger.decisions()
    assert not path.exists()


def test_a_folder_that_cannot_be_looked_into_is_no_place(tmp_path: Path) -> None:
    """What cannot be looked at is not what was opened."""
    path = tmp_path / "state" / "log.db"
    ledger = open_ledger(f"sqlite:///{path}", lock=True)
    path.parent.rename(tmp_path / "aside")
    path.parent.write_text("a file now")
    with pytest.raises(LedgerMoved):
        ledger.intend(a_decision())


def _forget(url: str, ledger: Any, lines: int) -> None:
    """Take the newest lines away as a copy without them would, behind the back of who has it open."""
    statements = (
        f"DELETE FROM entry WHERE seq > {lines}",
        f"DELETE FROM decision WHERE recorded > {lines}",
    )
    if url.startswith("sqlite"):
        other: Any = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    else:
        other = ledger._engine.backend.connect(lock=False)
    for statement in statements:
        other.execute(statement)
    other.close()


@pytest.mark.parametrize("others", [0, 3])
def test_no_intent_is_taken_once_the_log_forgot_ours(
    database_url: str, opened: Callable[..., Any], others: int
) -> None:
    """Not even when others have written past the place since; until it is taken as it is."""
    ledger = opened(database_url, lock=True)
    ledger.record(a_decision(task_id="before"), State.HELD)
    ledger.intend(a_decision())
    assert ledger.lost() is None
    _forget(database_url, ledger, lines=1)
    beside = opened(database_url)
    for n in range(others):
        beside.record(a_decision(task_id=f"other{n}"), State.HELD)

    for _ in range(2):
        with pytest.raises(LedgerWentBack, match="line 2, which this process wrote"):
            ledger.intend(a_decision())
        ledger.record(a_decision(task_id="held"), State.HELD)
    assert "line 2" in ledger.lost()
    ledger.take_as_it_is()
    assert ledger.lost() is None
    ledger.intend(a_decision())
    assert ledger.verify().whole


def test_lines_of_others_are_no_loss(database_url: str, opened: Callable[..., Any]) -> None:
    """Commands write beside the bot all the time."""
    ledger, other = opened(database_url, lock=True), opened(database_url)
    for n in range(3):
        ledger.intend(a_decision(task_id=f"ours{n}"))
        other.record(a_decision(task_id=f"theirs{n}"), State.HELD)
        assert (ledger.lost(), other.lost()) == (None, None)


def test_what_was_rolled_back_is_not_missed(database_url: str, opened: Callable[..., Any]) -> None:
    """Only what was committed must still be there."""
    ledger = opened(database_url)
    ledger.intend(a_decision())
    with pytest.raises(LedgerError), ledger._chain.adding() as end:
        end.add(noted("pause", "all", {}, CONFIRMED, end.next, 0))
        raise LedgerError("undone")
    assert ledger.lost() is None
    ledger.intend(a_decision(task_id="more"))


def test_a_server_that_failed_over_gets_no_second_write(
    postgres: Any, opened: Callable[..., Any]
) -> None:
    """The session ends, and the copy that takes over lacks the newest lines."""
    url = postgres.new_database()
    ledger = opened(url, lock=True)
    ledger.intend(a_decision())
    (pid,) = ledger._engine.driver().execute("SELECT pg_backend_pid()").fetchone()
    _forget(url, ledger, lines=0)
    other = ledger._engine.backend.connect(lock=False)
    other.execute(f"SELECT pg_terminate_backend({pid})")
    other.close()

    with pytest.raises(LedgerError):
        ledger.intend(a_decision())
    with pytest.raises(LedgerWentBack):
        ledger.intend(a_decision())


@pytest.mark.parametrize("look_again", [lambda log: log._engine._drop(), lambda log: log.recount()])
def test_lines_that_vanished_from_amidst_are_missed_behind_a_new_connection_or_when_asked(
    database_url: str, opened: Callable[..., Any], look_again: Callable[[Any], None]
) -> None:
    """What came after them, an alarm that was told for one, is still there and hides nothing."""
    ledger = opened(database_url, lock=True)
    ledger.record(a_decision(task_id="before"), State.HELD)
    ledger.intend(a_decision())
    ledger.record(a_decision(task_id="after"), State.HELD)
    _remove(database_url, ledger, "DELETE FROM entry WHERE kind = 'intent'")
    ledger.record(a_decision(task_id="unseen as yet"), State.HELD)
    look_again(ledger)

    for _ in range(2):
        with pytest.raises(LedgerWentBack, match="between line 0 and line 4"):
            ledger.intend(a_decision())
    ledger.take_as_it_is()
    assert ledger.lost() is None
    look_again(ledger)
    assert ledger.lost() is None, "what was taken as it is is no news"


def _remove(url: str, ledger: Any, statement: str) -> None:
    if url.startswith("sqlite"):
        other: Any = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    else:
        other = ledger._engine.backend.connect(lock=False)
    other.execute(statement)
    other.execute("DELETE FROM decision WHERE state = 'intent'")
    other.close()
