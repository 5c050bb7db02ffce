"""What a log keeps is its owner's alone, whatever the umask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewbot.domain.errors import LedgerUnwritable
from reviewbot.ledger.checkpoints import CheckpointFile
from reviewbot.ledger.open import open_ledger
from tests.builders import CONFIRMED
from tests.ledger.things import a_decision


@pytest.fixture(autouse=True, params=[0o000, 0o022])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """One that lets everybody read, or write."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_new_files_are_the_owners_alone(tmp_path: Path) -> None:
    """The log, what lies beside it while it is open, its checkpoints, and a copy."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/log.db", lock=True)
    ledger.intend(a_decision())
    CheckpointFile(tmp_path / "points.jsonl").add(ledger.checkpoint(CONFIRMED))
    ledger.backup(tmp_path / "copy.db")

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    names = ("log.db", "log.db-wal", "log.db-shm", "log.db.lock", "points.jsonl", "copy.db")
    assert modes == dict.fromkeys(names, 0o600)
    ledger.close()


def test_a_new_folder_is_the_owners_alone(tmp_path: Path) -> None:
    """Nobody else sees which logs there are."""
    open_ledger(f"sqlite:///{tmp_path}/state/log.db").close()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_log_that_somebody_opened_to_others_stays_so(tmp_path: Path) -> None:
    """It may be meant; the doctor says it."""
    path = tmp_path / "log.db"
    open_ledger(f"sqlite:///{path}").close()
    path.chmod(0o640)
    open_ledger(f"sqlite:///{path}").close()
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_made_is_unwritable(tmp_path: Path) -> None:
    """With its path and the system's word."""
    (tmp_path / "log.db").symlink_to(tmp_path / "gone" / "log.db")
    with pytest.raises(LedgerUnwritable, match=r"log\.db: cannot be made \(No such file"):
        open_ledger(f"sqlite:///{tmp_path}/log.db")
