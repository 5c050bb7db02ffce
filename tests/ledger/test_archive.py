"""What ended long ago leaves the log for sealed segments: nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reviewbot.domain.decision import State
from reviewbot.domain.errors import LedgerBusy, UsageError
from reviewbot.ledger import archive, segments
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import ErasureOrder
from tests.builders import CONFIRMED, an_item
from tests.forks import end_of, fork
from tests.ledger.test_erasure import SECRET, WHO, a_review, files_of
from tests.ledger.things import a_decision, a_policy, after
from tests.tier import FULL, times

LATER = after(days=9)
BY: dict[str, Any] = {"who": "Ana"}


def some_reviews(ledger: Any, count: int = 3, start: int = 0) -> list[str]:
    """Closed rounds with words that tell them apart; the ids of the decisions."""
    return [a_review(ledger, f"t{n}", words=f"words-{n}") for n in range(start, start + count)]


def told(ledger: Any) -> list[Any]:
    """All that it tells of the past, whoever asks."""
    names = [f"t{n}" for n in range(9)]
    memories = ledger.memories("comments", names)
    return [
        ledger.decisions(),
        list(ledger.newest_first()),
        ledger.decisions(newest=2),
        ledger.decisions(task_id="t1"),
        [ledger.entries(logged.decision.id) for logged in ledger.decisions()],
        ledger.endings(),
        ledger.rounds("comments", names),
        ledger.accounts("comments", ["a1"], after(days=2)),
        {name: (memory.claimed, memory.history.disputes) for name, memory in memories.items()},
        ledger.policies(),
        ledger.notes("pause"),
    ]


def lines_of(ledger: Any) -> int:
    """How many lines are in the table."""
    with ledger._engine.reading() as driver:
        (count,) = driver.execute("SELECT count(*) FROM entry").fetchone()
    return int(count)


def test_what_ended_leaves_and_is_told_like_the_rest(ledger: Any, tmp_path: Path) -> None:
    """What is open stays, with the words and policies; the chain goes on from the seal."""
    ledger.remember_policy(a_policy(), CONFIRMED)
    some_reviews(ledger)
    ledger.sight([an_item(id="open")], CONFIRMED)
    ledger.intend(a_decision(task_id="unclear"))
    ledger.note("pause", "all", {"why": "x"}, CONFIRMED)
    checkpoint, before = ledger.checkpoint(CONFIRMED), told(ledger)

    (seal,) = ledger.archive(tmp_path / "old", LATER, LATER, **BY)

    assert (seal.lines, seal.decisions, seal.first, seal.last) == (18, 3, 1, 19)
    assert lines_of(ledger) == checkpoint.count - 18 + 1
    assert told(ledger) == before
    assert ledger.verify(checkpoint).problems == ()
    assert ledger.departure(checkpoint) is None
    assert ledger.lost() is None
    assert ledger.archive(None, LATER, LATER, **BY) == []

    some_reviews(ledger, 2, start=3)
    ledger.mark(a_decision(task_id="unclear").id, State.VOID, after(hours=5))
    (second,) = ledger.archive(None, LATER, LATER, **BY)
    assert (second.number, second.first, second.before) == (2, 20, seal.after)
    assert second.lines == 2 * 6 + 2, (
        "what was unclear has ended since, and its first line left too"
    )
    assert ledger.verify(checkpoint, ledger.checkpoint(LATER)).problems == ()
    assert [logged.decision.task_id for logged in ledger.decisions()][-1] == "t4"
    assert len(ledger.decisions()) == 6


def test_the_same_two_times_in_any_order_of_ends(ledger: Any, tmp_path: Path) -> None:
    """What ends after its neighbours leaves later; decisions are still told in the order of the log."""
    a_review(ledger, "t0")
    ledger.sight([an_item(id="t8")], CONFIRMED)
    a_review(ledger, "t1")
    before = [logged.seq for logged in ledger.decisions()]
    ledger.archive(tmp_path, LATER, LATER, **BY)
    a_review(ledger, "t8")
    ledger.archive(tmp_path, LATER, LATER, **BY)

    assert [logged.seq for logged in ledger.decisions()][:2] == before
    assert lines_of(ledger) == 2
    assert ledger.verify().problems == ()


def test_a_segment_that_is_not_at_hand_is_named(ledger: Any, tmp_path: Path) -> None:
    """The log is whole as far as it can be seen; put elsewhere with the next ones, it is found again."""
    some_reviews(ledger)
    before = told(ledger)
    checkpoint = ledger.checkpoint(CONFIRMED)
    (seal,) = ledger.archive(tmp_path / "old", LATER, LATER, **BY)
    ledger.intend(a_decision(task_id="t7"))
    (tmp_path / "old").rename(tmp_path / "away")

    found = ledger.verify(checkpoint)
    assert found.problems == ()
    (remark,) = found.remarks
    assert f"lines 1 to 18 are archived in {seal.file}, which is not at hand" in remark
    assert ledger.absent_segments() == [seal.file]
    assert [logged.decision.task_id for logged in ledger.decisions()] == ["t7"]
    assert [logged.decision.task_id for logged in ledger.newest_first()] == ["t7"]
    with pytest.raises(UsageError, match="not at hand"):
        ledger.erase(ErasureOrder(task="t1"), **WHO)

    (tmp_path / "away").rename(tmp_path / "old")
    assert ledger.absent_segments() == []
    assert told(ledger)[5:] == before[5:] or ledger.verify(checkpoint).problems == ()


def test_a_checkpoint_whose_line_has_left_is_no_departure(ledger: Any, tmp_path: Path) -> None:
    """The bot may go on; verification, which reads the segment, still holds that line against it."""
    ledger.sight([an_item(id="t0")], CONFIRMED)
    first = ledger.checkpoint(CONFIRMED)
    assert first.count == 1
    some_reviews(ledger)
    kept = ledger.checkpoint(CONFIRMED)
    other = replace(kept, head="00" * 32)
    assert "rewritten" in ledger.departure(other)

    (seal,) = ledger.archive(tmp_path / "old", LATER, LATER, **BY)

    assert kept.count <= seal.last
    assert (ledger.departure(kept), ledger.departure(other)) == (None, None)
    assert ledger.departure(first) is None
    assert "is missing" in ledger.departure(replace(kept, count=kept.count + 2))
    assert ledger.verify(kept).problems == ()
    assert "rewritten" in ledger.verify(other).problems[0]


ATTACKS = {
    "the hash of a line": ("hash", b"\x00" * 32),
    "what stays of a body": ("body", b"{}"),
    "a text": ("text", b"{}"),
    "a moment": ("at", 1),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("seq", [1, 3, 6])
def test_a_changed_segment_is_found(tmp_path: Path, name: str, seq: int) -> None:
    """In any of its rows."""
    column, value = ATTACKS[name]
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        some_reviews(ledger)
        (seal,) = ledger.archive(tmp_path / "old", LATER, LATER, **BY)
        rewrite(
            tmp_path / "old" / seal.file,
            lambda line: replace(line, **{column: value}) if line.seq == seq else line,
        )

        assert ledger.verify().problems


def rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    """Change the lines of a segment behind the log's back; None leaves one out."""
    rows = [(change(line), left) for line, left in segments.read_segment(path)]
    with parquet.ParquetFile(path) as file:
        seal = file.schema_arrow.metadata[segments.SEALED_BY]
    segments.write_segment(path, seal, [row for row in rows if row[0] is not None])


def test_a_segment_that_lacks_lines_or_is_anothers_is_found(tmp_path: Path) -> None:
    """Or is no segment at all, or was signed by somebody else."""
    key = b"k" * 32
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        some_reviews(ledger)
        (seal,) = ledger.archive(tmp_path, LATER, LATER, signing=key, **BY)
        path = tmp_path / seal.file
        whole = path.read_bytes()
        assert ledger.verify(signing=key).problems == ()
        assert "signature does not fit" in ledger.verify(signing=b"other" * 8).problems[0]

        rewrite(path, lambda line: None if line.seq == 4 else line)
        assert ledger.verify().problems
        path.write_bytes(b"nothing")
        assert "is no segment" in ledger.verify().problems[0]

        path.write_bytes(whole)
        with closing(open_ledger(f"sqlite:///{tmp_path}/other.db")) as other:
            some_reviews(other)
            (another,) = other.archive(tmp_path / "other", LATER, LATER, **BY)
            path.write_bytes((tmp_path / "other" / another.file).read_bytes())
        assert "another segment" in ledger.verify().problems[0]


def test_rows_that_left_are_still_held_against_their_lines(tmp_path: Path) -> None:
    """Changed, removed, or said to have left with another."""
    changes = (
        "UPDATE decision SET amount_micros = 1 WHERE task_id = 't1'",
        "DELETE FROM decision WHERE task_id = 't1'",
        "UPDATE decision SET archived = NULL WHERE task_id = 't1'",
        "UPDATE round SET ended_by = 'silence' WHERE task_id = 't1'",
        "DELETE FROM round WHERE task_id = 't1'",
    )
    for number, change in enumerate(changes):
        with closing(open_ledger(f"sqlite:///{tmp_path}/{number}.db")) as ledger:
            some_reviews(ledger)
            ledger.archive(tmp_path / str(number), LATER, LATER, **BY)
            with ledger._engine.writing() as driver:
                driver.execute(change)
            assert ledger.verify().problems, change


# Erasure -------------------------------------------------------------------------------------


def test_what_left_can_be_erased_like_the_rest(opened: Callable[..., Any], tmp_path: Path) -> None:
    """No byte of it is left in any file, and all is whole; a mark of an unfinished one is finished."""
    ledger = opened(f"sqlite:///{tmp_path}/ledger.db")
    a_review(ledger, "t1")
    a_review(ledger, "t2", words="Another")
    ledger.archive(tmp_path / "old", LATER, LATER, **BY)
    checkpoint = ledger.checkpoint(LATER)

    done = ledger.erase(ErasureOrder(handle=f"{SECRET}.h"), **WHO)
    assert (done.lines, done.tasks) == (5, 1)
    found = ledger.verify(checkpoint)
    assert found.problems == ()
    assert "not yet written anew" in found.remarks[0]
    assert ledger.finish_erasures()

    assert SECRET.encode() not in files_of(tmp_path)
    assert not any(SECRET in repr(line) for line in every_line(tmp_path / "old"))
    assert ledger.verify(checkpoint).problems == ()
    erased, other = ledger.decisions()
    assert (erased.erased, erased.decision.reason) == (True, None)
    assert (other.erased, other.decision.reason) == (False, "the reason Another")
    assert ledger.erase(ErasureOrder(task="t1"), **WHO).lines == 0


def every_line(folder: Path) -> Iterator[Any]:
    """Every line of every segment, details unpacked."""
    from tests.ledger.test_erasure import unpacked

    for path in folder.glob("*.parquet"):
        for line, _ in segments.read_segment(path):
            yield line, unpacked(line.detail or b"")


def test_an_erasure_killed_at_any_step_is_finished_by_the_next(tmp_path: Path) -> None:
    """Also between a segment and the log: whole at every moment, and clean at the end."""

    def a_log(folder: Path) -> str:
        folder.mkdir()
        url = f"sqlite:///{folder}/ledger.db"
        with closing(open_ledger(url)) as ledger:
            a_review(ledger, "t1")
            ledger.archive(folder / "old", LATER, LATER, **BY)
            a_review(ledger, "t2")
        return url

    def erase(ledger: Any) -> None:
        ledger.erase(ErasureOrder(handle=f"{SECRET}.h"), **WHO)
        ledger.finish_erasures()

    with closing(open_ledger(a_log(tmp_path / "count"))) as ledger:
        deadly = Deadly(ledger._engine, 10_000)
        erase(ledger)
        steps = 10_000 - deadly.left

    for step in range(0 if FULL else steps - 12, steps, 1 if FULL else 4):
        url = a_log(tmp_path / str(step))

        def erase_and_die(url: str = url, step: int = step) -> None:
            ledger = open_ledger(url)
            Deadly(ledger._engine, step)
            erase(ledger)

        assert end_of(fork(erase_and_die)) == -signal.SIGKILL
        with closing(open_ledger(url)) as ledger:
            assert ledger.verify().problems == ()
            erase(ledger)
            assert ledger.verify().problems == ()
            assert [logged.erased for logged in ledger.iter_decisions()] == [True, True]
        assert SECRET.encode() not in files_of(tmp_path / str(step))
        assert not any(SECRET in repr(line) for line in every_line(tmp_path / str(step) / "old"))


# In use, and killed --------------------------------------------------------------------------


def test_a_bot_in_use_notices_nothing(tmp_path: Path) -> None:
    """What it wrote itself has left, and it goes on."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with closing(open_ledger(url, lock=True)) as bot, closing(open_ledger(url)) as other:
        some_reviews(bot)
        bot.memories("comments", ["t1"])
        other.archive(tmp_path / "old", LATER, LATER, **BY)
        bot._engine._drop()
        bot.recount()

        assert bot.lost() is None
        assert bot.intend(a_decision(task_id="t5"))
        assert bot.memories("comments", ["t1"])["t1"].claimed
        assert bot.verify().problems == ()


def test_what_is_written_on_meanwhile_stays(tmp_path: Path, monkeypatch: Any) -> None:
    """The next run takes it."""
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        name, *_ = some_reviews(ledger)
        real = archive.write_segment

        def and_somebody_writes(*words: Any) -> None:
            real(*words)
            ledger.mark(name, State.VOID, after(days=1))

        monkeypatch.setattr(archive, "write_segment", and_somebody_writes)
        assert ledger.archive(tmp_path / "old", LATER, LATER, **BY) == []
        assert list((tmp_path / "old").glob("*.parquet")) == []
        monkeypatch.undo()
        assert len(ledger.archive(tmp_path / "old", LATER, LATER, **BY)) == 1
        assert ledger.verify().problems == ()


def test_two_runs_do_not_meet(tmp_path: Path) -> None:
    """The second is told so."""
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        some_reviews(ledger)
        with segments.alone(tmp_path / "old"), pytest.raises(LedgerBusy, match="another run"):
            ledger.archive(tmp_path / "old", LATER, LATER, **BY)
        with pytest.raises(UsageError, match="--to FOLDER"):
            ledger.archive(None, LATER, LATER, **BY)


def test_a_copy_of_a_log_writes_over_nothing(tmp_path: Path) -> None:
    """Nor does another key, or another log: each file has a name that was never used."""
    logs = [
        (tmp_path / name, key) for name, key in (("a", "acme"), ("a", "acme-000001"), ("b", "acme"))
    ]
    for _ in range(2):
        for path, key in logs:
            with closing(open_ledger(f"sqlite:///{path}.db", key=key)) as ledger:
                count = len(ledger.decisions())
                some_reviews(ledger, 2, start=count)
                ledger.archive(tmp_path / "old", LATER, LATER, **BY)
    (tmp_path / "c.db").write_bytes((tmp_path / "b.db").read_bytes())
    logs.append((tmp_path / "c", "acme"))
    for path, key in logs[2:]:
        with closing(open_ledger(f"sqlite:///{path}.db", key=key)) as ledger:
            some_reviews(ledger, 1, start=4)
            ledger.archive(tmp_path / "old", LATER, LATER, **BY)

    for path, key in logs:
        with closing(open_ledger(f"sqlite:///{path}.db", key=key)) as ledger:
            found = ledger.verify()
            assert (found.problems, found.remarks) == ((), ())
            assert ledger.absent_segments() == []


def test_files_are_their_owners_whatever_the_umask(tmp_path: Path) -> None:
    """Folder and segments; nobody else reads what people wrote."""
    before = os.umask(0)
    try:
        with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
            some_reviews(ledger)
            ledger.archive(tmp_path / "a" / "old", LATER, LATER, **BY)
    finally:
        os.umask(before)

    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a" / "old").iterdir()
    }
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "a" / "old").stat().st_mode) == 0o700


class Deadly:
    """A driver that dies before its so-manieth statement."""

    def __init__(self, engine: Any, left: int) -> None:
        self._driver, self.left = engine.driver(), left
        engine._driver = self

    def execute(self, *words: Any) -> Any:
        """Run it, or die."""
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        return self._driver.execute(*words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)


def a_year(folder: Path, monkeypatch: Any) -> tuple[str, list[Any]]:
    """A ledger to archive in two segments, and what it tells."""
    monkeypatch.setattr(archive, "GROUP", 2)
    url = f"sqlite:///{folder}/ledger.db"
    with closing(open_ledger(url)) as ledger:
        some_reviews(ledger, 3)
        return url, told(ledger)


def test_archiving_killed_at_any_step_loses_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    """Before each statement, and between writing a file and giving it its name; the next run goes on."""
    (tmp_path / "count").mkdir()
    url, _ = a_year(tmp_path / "count", monkeypatch)
    with closing(open_ledger(url)) as ledger:
        deadly = Deadly(ledger._engine, 10_000)
        ledger.archive(tmp_path / "count" / "old", LATER, LATER, **BY)
        steps = 10_000 - deadly.left
    assert steps > 40

    for step in range(0, steps, 1 if FULL else 11):
        folder = tmp_path / str(step)
        folder.mkdir()
        url, before = a_year(folder, monkeypatch)

        def archive_and_die(url: str = url, step: int = step, folder: Path = folder) -> None:
            ledger = open_ledger(url)
            Deadly(ledger._engine, step)
            ledger.archive(folder / "old", LATER, LATER, **BY)

        assert end_of(fork(archive_and_die)) == -signal.SIGKILL
        with closing(open_ledger(url)) as ledger:
            assert told(ledger) == before
            assert ledger.verify().problems == ()
            ledger.archive(folder / "old", LATER, LATER, **BY)
            assert told(ledger) == before
            assert ledger.verify().problems == ()
            named = {segment.seal.file for segment in ledger._archive.segments()}
        assert {path.name for path in (folder / "old").glob("segment*")} == named


@settings(max_examples=times(12, 200), deadline=None)
@given(data=st.data())
def test_whatever_is_written_archived_and_erased_the_chain_is_whole(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In any order; and as many decisions are told as were made."""
    folder = tmp_path_factory.mktemp("any")
    with closing(open_ledger("memory:")) as ledger:
        made = 0
        for step in data.draw(st.lists(st.sampled_from("rrroaaeh"), min_size=2, max_size=14)):
            task = f"t{made}"
            if step == "r":
                a_review(ledger, task, words=f"w{made}")
                made += 1
            elif step == "o":
                ledger.record(a_decision(task_id=task, decided_at=after(hours=1)), State.HELD)
                ledger.sight([an_item(id=task)], CONFIRMED)
                made += 1
            elif step == "a":
                ledger.archive(folder, LATER, LATER, **BY)
            elif made:
                number = data.draw(st.integers(0, made - 1))
                named = {"task": f"t{number}"} if step == "e" else {"handle": f"w{number}.h"}
                ledger.erase(ErasureOrder(**named), **WHO)
                if data.draw(st.booleans()):
                    ledger.finish_erasures()
            assert ledger.verify().problems == ()
        assert len(ledger.decisions()) == made
