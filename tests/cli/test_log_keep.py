"""`reviewbot log erase` and `archive`: the log is kept for years, and can forget a person."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from tests.acceptance.house import house


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of a day."""
    folder = tmp_path_factory.mktemp("log")
    with house("backlog", ledger=f"sqlite:///{folder / 'log.db'}", tasks=12) as there:
        poll_once(there.app)
        there.poll(minutes=90)
    return folder


@pytest.fixture
def log(made: Path, tmp_path: Path, call, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that the settings name, in a folder of its own."""
    path = tmp_path / "kept" / "log.db"
    path.parent.mkdir()
    for name in ("log.db", "log.db-wal"):
        if (made / name).exists():
            shutil.copy(made / name, path.parent / name)
    monkeypatch.setenv("REVIEWBOT_LEDGER", f"sqlite:///{path}")
    return path


def comments_of(log: Path) -> dict[str, str]:
    """The comment of each task that was decided, by the task's id, of rounds that have ended."""
    with closing(open_ledger(f"sqlite:///{log}", read_only=True)) as ledger:
        ended = {ending.task_id for ending in ledger.endings()}
        return {
            one.decision.task_id: json.loads(one.decision.facts)["task"]["comment_text"]
            for one in ledger.decisions()
            if one.decision.task_id in ended
        }


def bytes_of(folder: Path) -> bytes:
    """Every byte of a folder."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_an_erased_task_is_told_without_its_words(call, log: Path) -> None:
    """Judging again counts it apart, what is exported afterwards says nothing of it, the log is whole."""
    task = next(iter(comments_of(log)))
    count = json.loads(call("log", "replay", "--format", "json").out)["replayed"]

    done = call("log", "erase", "--task", task, "--because", "they asked", "--as", "Ana")

    assert done.code == 0
    assert "of 1 task" in done.out
    replayed = json.loads(call("log", "replay", "--format", "json").out)
    assert replayed["erased"] >= 1
    assert replayed["replayed"] == count - replayed["erased"]
    assert "their texts were erased" in call("log", "replay").out
    lines = [json.loads(line) for line in call("log", "export").out.splitlines()]
    of_it = [line for line in lines if line["task_id"] == task]
    assert of_it
    assert all(line["reason"] is line["facts"] is line["trace"] is None for line in of_it)
    assert call("log", "verify").code == 0
    assert call("log", "show", "--task", task).code == 0
    again = call("log", "erase", "--task", task, "--because", "they asked", "--format", "json")
    assert json.loads(again.out)["lines"] == 0
    assert "erased before" in again.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--because", "x"), "say whose texts"),
        (("--task", "t", "--handle", "h", "--because", "x"), "say whose texts"),
        (("--handle", "@", "--because", "x"), "say whose texts"),
        (("--task", "t"), "needs its reason"),
        (("--handle", "@Ana", "--because", "ana asked"), "must not name the handle"),
    ],
)
def test_an_erasure_says_whose_and_why(call, log: Path, words: tuple[str, ...], said: str) -> None:
    """One of three, with a reason that is not what is to be forgotten."""
    done = call("log", "erase", *words)

    assert done.code == 2
    assert said in done.err
