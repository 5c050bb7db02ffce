"""`reviewbot log erase` and `archive`: the log is kept for years, and can forget a person."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

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
            logged.decision.task_id: json.loads(logged.decision.facts)["task"]["comment_text"]
            for logged in ledger.decisions()
            if logged.decision.task_id in ended
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
    told = call("log", "show", of_it[0]["id"])
    assert (told.code, "were erased, so it cannot be explained" in told.out) == (0, True)
    explained = call("policy", "explain", task)
    assert (explained.code, "were erased" in explained.err) == (2, True)
    again = call("log", "erase", "--task", task, "--because", "they asked", "--format", "json")
    assert json.loads(again.out)["lines"] == 0
    assert "erased before" in again.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--because", "x"), "say whose texts"),
        (("--task", "t", "--handle", "h", "--because", "x"), "say whose texts"),
        (("--handle", "@", "--because", "x"), "say whose texts"),
        (("--task", "t", "--before", "2y", "--because", "x"), "say whose texts"),
        (("--task", "t"), "needs its reason"),
        (("--handle", "@Ana", "--because", "ana asked"), "must not name the handle"),
    ],
)
def test_an_erasure_says_whose_and_why(call, log: Path, words: tuple[str, ...], said: str) -> None:
    """One of three, with a reason that is not what is to be forgotten."""
    done = call("log", "erase", *words)

    assert done.code == 2
    assert said in done.err


def test_all_that_is_old_can_be_erased_at_once(call, log: Path) -> None:
    """By hand, where no bot runs on Sundays."""
    done = call("log", "erase", "--before", "1s", "--because", "our retention", "--format", "json")

    assert done.code == 0
    assert json.loads(done.out)["tasks"] >= len(comments_of_nobody(log))
    assert call("log", "verify").code == 0


def comments_of_nobody(log: Path) -> list[str]:
    """The tasks whose rounds have ended and that no longer have a text."""
    with closing(open_ledger(f"sqlite:///{log}", read_only=True)) as ledger:
        ended = {ending.task_id for ending in ledger.endings()}
        found = [logged for logged in ledger.decisions() if logged.decision.task_id in ended]
        assert all(logged.erased for logged in found)
        return sorted({logged.decision.task_id for logged in found})


# Archive -------------------------------------------------------------------------------------


def every(call) -> dict[str, Any]:
    """What is told of the whole past."""
    return {
        "export": call("log", "export").out,
        "show": call("log", "show", "--all").out,
        "replay": call("log", "replay").out,
        "backtest": {
            name: part
            for name, part in json.loads(
                call("policy", "backtest", "policies/starter.yaml", "--format", "json").out
            ).items()
            if name != "run"
        },
    }


def test_what_is_archived_is_read_like_the_rest(call, log: Path, tmp_path: Path) -> None:
    """Exported, shown, judged again and back-tested; the folder is remembered, and its place is free."""
    folder = tmp_path / "archive"
    before = every(call)

    done = call("log", "archive", "--before", "1s", "--to", str(folder), "--as", "Ana")
    assert done.code == 0
    assert "archived" in done.out
    assert list(folder.glob("segment-default-*.parquet"))
    assert every(call) == before
    verified = call("log", "verify")
    assert verified.code == 0
    assert "not at hand" not in verified.err
    again = call("log", "archive", "--before", "1s", "--format", "json")
    assert (again.code, again.out) == (0, "")
    assert "Nothing that is still in the log" in again.err

    (segment,) = folder.glob("*.parquet")
    segment.rename(tmp_path / segment.name)
    verified = call("log", "verify")
    assert verified.code == 0
    assert segment.name in verified.err
    for words in (("show",), ("replay",)):
        assert segment.name in call("log", *words).err
    assert segment.name in call("policy", "backtest", "policies/starter.yaml").err
    exported = call("log", "export")
    assert segment.name in exported.err
    assert len(exported.out.splitlines()) < len(before["export"].splitlines())


def test_no_byte_of_what_is_erased_is_left_anywhere(call, log: Path, tmp_path: Path) -> None:
    """Neither in the log nor in a segment, an export made afterwards, or what the commands print."""
    folder = log.parent / "archive"
    comments = comments_of(log)
    archived, live = sorted(comments)[:2]
    call("log", "archive", "--before", "1s", "--to", str(folder))
    said = ""
    for task in (archived, live):
        done = call("log", "erase", "--task", task, "--because", "they asked")
        assert done.code == 0
        said += done.out + done.err
    call("log", "export", "--format", "parquet", "--output", str(log.parent / "after.parquet"))
    assert (log.parent / "after.parquet").stat().st_mode & 0o777 == 0o600
    said += call("log", "export").out + call("log", "show", "--all", "--format", "json").out

    whole = bytes_of(log.parent) + said.encode() + b"".join(unpacked(folder, log))
    for task in (archived, live):
        words = comments[task]
        alone = [name for name, text in comments.items() if words in text] == [task]
        assert alone, "a comment of its own"
        assert words.encode() not in whole
    assert call("log", "verify").code == 0


def unpacked(folder: Path, log: Path) -> list[bytes]:
    """The details of all lines, which are packed."""
    with closing(open_ledger(f"sqlite:///{log}", read_only=True)) as ledger:
        return [logged.decision.facts + logged.decision.trace for logged in ledger.decisions()]


def test_an_age_is_a_length_or_a_moment(call, log: Path, tmp_path: Path) -> None:
    """Anything else is wrong usage."""
    for age in ("soon", "90", "0s", "101y"):
        done = call("log", "archive", "--before", age, "--to", str(tmp_path / "a"))
        assert done.code == 2
    for age in ("2y", "26w", "2020-01-01T00:00:00Z"):
        assert call("log", "archive", "--before", age, "--to", str(tmp_path / "a")).code == 0
