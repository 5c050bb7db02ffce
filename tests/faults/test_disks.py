"""Disks that are full, limited, read-only or lie: what is sent always has its intent on the disk."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random  # noqa: TID251 - seeded chance of a test

import pytest
from msgspec.structs import replace

from reviewbot.core.context import BotContext
from reviewbot.domain.errors import LedgerUnwritable
from reviewbot.domain.fault_point import on_fault_point
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import Checkpoint
from reviewbot.safety.stop_conditions import accept
from tests.acceptance.test_a_pass import DECIDES_ALL
from tests.faults.child import CRASHED, Ended, Line, in_a_child
from tests.faults.disks import PATIENCE, book_of, judge, live_passes
from tests.faults.rooms import Room
from tests.faults.servers import small_disk
from tests.faults.test_every_point import LosesAnAnswer
from tests.proof import proven
from tests.tier import FULL, times

TASKS = 6
TOLD = (True, pytest.param(False, marks=pytest.mark.slow))


def _file(room: Room) -> Path:
    return Path(room.ledger.removeprefix("sqlite:///"))


def _room(folder: Path, name: str = "log") -> Room:
    folder.mkdir(parents=True, exist_ok=True)
    return Room(f"sqlite:///{folder / name}.db", tasks=TASKS, policy=DECIDES_ALL)


def _passes(
    room: Room,
    count: int,
    begun: Callable[[BotContext], None] = lambda _: None,
    between: Callable[[int], None] = lambda _: None,
    **handlers: Callable[..., object],
) -> Ended:
    def work(line: Line) -> int:
        return live_passes(room, line, count, begun=begun, between=between)

    return in_a_child(work, room.transport, room.clock, handlers)


def _lived_through(room: Room, ended: Ended) -> None:
    """Two passes failed, told and unready; then it went on by itself; and all of it was right."""
    seen = judge(ended)
    assert seen.problems == []
    assert seen.errors == ["LedgerUnwritable"] * PATIENCE + [None] * PATIENCE
    assert room.finish(book=book_of(room)) == []


def test_a_limit_on_the_size_of_files_is_lived_through(tmp_path: Path) -> None:
    """EFBIG at what the log would grow by; lifted after two passes."""
    room = _room(tmp_path)
    wal = Path(f"{_file(room)}-wal")

    def limit(_app: BotContext) -> None:
        _set_limit(wal.stat().st_size)

    def lift(number: int) -> None:
        if number == PATIENCE - 1:
            _set_limit(resource.RLIM_INFINITY)

    _lived_through(room, _passes(room, 2 * PATIENCE, limit, lift))
    proven("faults", "P21", "a limit on file size (EFBIG)", 1)


def test_a_checkpoint_that_only_partly_fits_is_not_called_kept(tmp_path: Path) -> None:
    """The system takes some bytes of it without complaint; what stands there is remarked on."""
    room = _room(tmp_path)
    book, point = book_of(room), Checkpoint(count=1, head="ab" * 32, at=room.clock.now())
    size = len(book.path.read_bytes()) if book.add(point) else 0

    def work(line: Line) -> None:
        _set_limit(size + 20)
        with pytest.raises(LedgerUnwritable):
            book.add(point)

    assert in_a_child(work, room.transport, room.clock).code == 0
    assert book.path.stat().st_size == size + 20
    book.add(replace(point, count=2))
    kept = book.read()
    assert [checkpoint.count for checkpoint in kept.checkpoints] == [1, 2]
    assert len(kept.remarks) == 2, "one is no checkpoint, none is signed"


def _set_limit(size: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.slow
def test_a_full_disk_is_lived_through() -> None:
    """A real one, without a byte left for two passes."""
    with small_disk("2m") as disk:
        room = _room(disk.path)

        def work(line: Line) -> int:
            def let_go(number: int) -> None:
                if number == PATIENCE - 1:
                    line.ask("empty")

            return live_passes(
                room, line, 2 * PATIENCE, begun=lambda _: line.ask("fill"), between=let_go
            )

        ended = in_a_child(
            work, room.transport, room.clock, {"fill": disk.fill, "empty": disk.empty}
        )
        _lived_through(room, ended)
    proven("faults", "P21", "a full disk (ENOSPC)", 1)


@pytest.mark.slow
def test_a_read_only_disk_is_no_place_to_start_on() -> None:
    """Nothing is asked of the API, let alone sent; writable again, all goes on."""
    with small_disk("2m") as disk:
        room = _room(disk.path)
        assert _passes(room, 1).code == 0
        before = len(room.world.effects)

        disk.read_only(yes=True)
        ended = _passes(room, 1)
        disk.read_only(yes=False)

        assert ended.code not in (0, CRASHED)
        assert ended.words("unopened") == [["LedgerUnwritable"]]
        assert len(room.world.effects) == before
        assert room.finish(book=book_of(room)) == []
    proven("faults", "P21", "a read-only disk", 1)


def test_flipped_bits_are_noticed_or_harmless(tmp_path: Path) -> None:
    """A log with flipped bits: the bot works or ends with a word, and does nothing twice."""
    room, chance, flips = _room(tmp_path / "first"), Random(3), times(4, 300)
    room.transport = LosesAnAnswer(room.transport)
    assert _passes(room, 1).code == 0
    for number in range(flips):
        spoiled = _room(tmp_path / str(number))
        spoiled.world, spoiled.clock, spoiled.transport = room.world, room.clock, room.transport
        _flip(_file(room), _file(spoiled), chance)
        passed = _passes(spoiled, 1)

        assert passed.signal is None
        assert passed.code != CRASHED, f"flip {number}"
        assert passed.words("unopened") or judge(passed).problems == []
        assert _doubles(room) == []
        if passed.code:
            assert passed.words("unopened") or judge(passed).fatal
    proven("faults", "P21", "logs with flipped bits", flips)


def test_a_value_that_cannot_be_read_is_damage(tmp_path: Path) -> None:
    """The database finds nothing wrong with it; the bot ends with the code of a damaged log."""
    room = _room(tmp_path)
    assert _passes(room, 1).code == 0
    with closing(sqlite3.connect(_file(room), isolation_level=None)) as connection:
        connection.execute("UPDATE entry SET detail = x'00' WHERE kind = 'policy'")
    before = len(room.world.effects)

    ended = _passes(room, 1)

    assert (ended.code, ended.words("unopened")) == (5, [["LedgerCorrupt"]])
    assert len(room.world.effects) == before


def _flip(source: Path, target: Path, chance: Random) -> None:
    data = bytearray(source.read_bytes())
    for _ in range(chance.choice((1, 1, 8, 64))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    target.write_bytes(data)


def _doubles(room: Room) -> list[tuple[str, str | None]]:
    made = Counter(
        (effect.task_id, effect.epoch) for effect in room.world.effects if effect.by == "client"
    )
    return [key for key, count in made.items() if count > 1]


@pytest.mark.parametrize("told", TOLD, ids=["with checkpoints", "without"])
def test_a_lost_journal_repeats_nothing(tmp_path: Path, told: bool) -> None:
    """The newest part of the log is gone; a checkpoint kept elsewhere stops every write at once."""
    room = _room(tmp_path)
    _killed_midway(room)
    before = len(room.world.effects)
    _without_journal(room)
    if not told:
        book_of(room).path.unlink()

    _goes_on_without_harm(room, before, stopped=told)


@pytest.mark.parametrize("told", TOLD, ids=["with checkpoints", "without"])
def test_a_restored_backup_repeats_nothing(tmp_path: Path, told: bool) -> None:
    """Copied at each point of a running pass (full tier), put back later: it stops, or finds out."""
    points, at = 1, 0
    while at < points:
        room = _room(tmp_path / str(at))
        copy = tmp_path / str(at) / "copy.db"
        found = _killed_midway(room, at, copy)
        points = found if FULL else 1
        whole, before = _lines(room), len(room.world.effects)
        _without_journal(room)
        shutil.copy(copy, _file(room))
        if not told:
            book_of(room).path.unlink()

        _goes_on_without_harm(room, before, stopped=told and _lines(room) < whole)
        at += 1
    proven("faults", "P22", f"copies put back, {'with' if told else 'without'} checkpoints", points)


def _killed_midway(room: Room, at: int = -1, copy: Path = Path()) -> int:
    """A pass that is killed with half of its writes done, right after a checkpoint.

    At its so-manieth point the log is copied; gives how many points it came to.
    """

    def work(line: Line) -> int:
        seen: list[str] = []

        def begun(app: BotContext) -> None:
            def hook(name: str) -> None:
                if len(seen) == at:
                    app.ledger.backup(copy)
                seen.append(name)
                if seen.count("outcome.committed") == TASKS // 2:
                    book_of(room).add(app.ledger.checkpoint(app.clock.now()))
                    line.tell("points", len(seen))
                    os.kill(os.getpid(), signal.SIGKILL)

            on_fault_point(hook)

        return live_passes(room, line, 1, begun=begun)

    ended = in_a_child(work, room.transport, room.clock)
    assert ended.signal == signal.SIGKILL
    assert len(room.world.effects) == TASKS // 2
    ((points,),) = ended.words("points")
    return int(points)


def _without_journal(room: Room) -> None:
    for ending in ("-wal", "-shm"):
        Path(f"{_file(room)}{ending}").unlink(missing_ok=True)


def _lines(room: Room) -> int:
    ledger = open_ledger(room.ledger, read_only=True)
    try:
        return ledger.checkpoint(room.clock.now()).count
    finally:
        ledger.close()


def _goes_on_without_harm(room: Room, before: int, *, stopped: bool) -> None:
    """Stopped until a person accepts the log; then, as without checkpoints, nothing happens twice."""
    passed = _passes(room, 2)
    told = [sentence for kind, _, sentence in passed.words("alarm") if kind == "ledger"]
    if stopped:
        assert len(room.world.effects) == before
        assert any("restored copy" in sentence for sentence in told), told
        ledger = open_ledger(room.ledger, lock=True)
        accept(ledger, book_of(room), why="restored", who="ops", at=room.clock.now())
        ledger.close()
    for _ in range(3):
        room.clock.sleep(16 * 60)
        assert _passes(room, 1).code == 0
    assert _doubles(room) == []
    assert len(room.world.effects) > before, "there was something left to do"
    ledger = open_ledger(room.ledger, read_only=True)
    assert ledger.verify().whole
    assert ledger.open_intents() == []
    ledger.close()
