"""One instance writes as the daemon; readers come and go."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reviewbot.domain.decision import State
from reviewbot.domain.errors import ConfigError, LedgerBusy, LedgerUnwritable
from reviewbot.ledger.open import open_ledger
from reviewbot.ledger.place import FileLock
from tests.builders import CONFIRMED, an_item
from tests.forks import end_of, fork
from tests.ledger.things import a_decision


def test_a_second_instance_is_refused(tmp_path: Path, opened: Callable[..., Any]) -> None:
    """With the exit code of a temporary failure; once the first is gone there is room."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    first = opened(url, lock=True)
    with pytest.raises(LedgerBusy) as refused:
        opened(url, lock=True)
    assert refused.value.exit_code == 75

    first.close()
    opened(url, lock=True).record(a_decision(), State.HELD)


def test_a_reader_works_beside_the_instance(database_url: str, opened: Callable[..., Any]) -> None:
    """It sees what is written while it is open."""
    writer = opened(database_url, lock=True)
    reader = opened(database_url, read_only=True)
    writer.record(a_decision(), State.HELD)

    assert len(reader.decisions()) == 1
    assert reader.verify().whole
    with pytest.raises(LedgerUnwritable):
        reader.record(a_decision(), State.HELD)


def test_a_reader_tells_since_when_a_round_was_seen(
    database_url: str, opened: Callable[..., Any]
) -> None:
    """What nobody has seen yet it sees now, and notes nothing."""
    known, new = an_item(), an_item(id="new")
    opened(database_url).sight([known], CONFIRMED)
    reader = opened(database_url, read_only=True)
    later = CONFIRMED + timedelta(hours=1)

    assert reader.sight([known, new], later) == {known.key: CONFIRMED, new.key: later}
    assert len(reader.unended("comments")) == 1


def test_a_killed_instance_leaves_no_lock(tmp_path: Path) -> None:
    """The system frees it, however its holder ended."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    told, tell = os.pipe()

    def work() -> None:
        _holder = open_ledger(url, lock=True)
        os.write(tell, b"!")
        signal.pause()

    child = fork(work)
    os.close(tell)
    assert os.read(told, 1) == b"!"
    with pytest.raises(LedgerBusy):
        open_ledger(url, lock=True)
    os.kill(child, signal.SIGKILL)
    assert end_of(child) == -signal.SIGKILL
    os.close(told)

    open_ledger(url, lock=True).close()


def test_a_missing_file_is_not_made_by_a_reader(tmp_path: Path, opened: Callable[..., Any]) -> None:
    """Neither it nor its folder, nor a lock."""
    reader = opened(f"sqlite:///{tmp_path}/state/ledger.db", read_only=True)

    assert reader.decisions() == []
    assert list(tmp_path.iterdir()) == []


def test_without_create_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """And still is not made."""
    with pytest.raises(LedgerUnwritable, match="there is no ledger"):
        open_ledger(f"sqlite:///{tmp_path}/ledger.db", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "mysql://x/y", "sqlite:///:memory:"])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    """With the forms that are known."""
    with pytest.raises(ConfigError, match="sqlite:///PATH"):
        open_ledger(url)


def test_a_lock_that_cannot_be_made_is_unwritable(tmp_path: Path) -> None:
    """Where a folder stands in its place nobody can hold it, and nothing is written."""
    (tmp_path / "ledger.db.lock").mkdir()
    with pytest.raises(LedgerUnwritable, match=r"ledger\.db\.lock: cannot be opened"):
        open_ledger(f"sqlite:///{tmp_path}/ledger.db", lock=True)


def test_a_lock_is_held_once_and_freed_for_the_next(tmp_path: Path) -> None:
    """On a file beside the database that only its owner may read; what to do instead is said."""
    ours, theirs = FileLock(tmp_path / "ledger.db"), FileLock(tmp_path / "ledger.db")
    path = tmp_path / "ledger.db.lock"
    ours.free()
    ours.take()
    ours.take()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(LedgerBusy) as caught:
        theirs.take()
    assert str(caught.value) == (
        f"{path}: another instance holds this ledger; stop it first, or give this one its own"
        " with --ledger"
    )

    ours.free()
    ours.free()
    theirs.take()
    with pytest.raises(LedgerBusy):
        ours.take()
    theirs.free()
    ours.take()
    ours.free()
    assert path.exists()


def test_a_lock_beside_no_folder_is_unwritable(tmp_path: Path) -> None:
    """With the file and the system's own word."""
    path = tmp_path / "gone" / "ledger.db"
    with pytest.raises(LedgerUnwritable) as caught:
        FileLock(path).take()
    assert str(caught.value) == f"{path}.lock: cannot be opened (No such file or directory)"
