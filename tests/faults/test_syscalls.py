"""Every system call that writes or syncs is a moment to be killed at, and one that may fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random  # noqa: TID251 - seeded chance of a test

import pytest

from tests.faults.child import Ended, Line, in_a_child
from tests.faults.disks import PATIENCE, book_of, judge, live_passes
from tests.faults.rooms import Room
from tests.faults.strace import Strace, why_not
from tests.proof import proven
from tests.tier import FULL, times

pytestmark = [
    pytest.mark.timeout(times(60, 1500)),
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

WRITES = ("pwrite64", "write", "ftruncate", "fallocate", "rename", "unlink")
SYNCS = ("fsync", "fdatasync")
OF_THE_DISK = ("pwrite64", "ftruncate", *SYNCS)
"""Those that only the log makes here: `write` is also how a child talks to us."""


def test_a_kill_at_any_write_or_sync_leaves_nothing_double_wrong_or_open(tmp_path: Path) -> None:
    """A pass on a new log, with its checkpoint: killed at each call (full tier) and gone on with."""
    calls = _enumerated(tmp_path, WRITES + SYNCS, passes=1)
    for number, (call, at) in enumerate(_some(calls, 5)):
        room = _room(tmp_path / f"{number}.db")
        ended = _disturbed(room, tmp_path, f"{call}:signal=SIGKILL:when={at}", passes=1)
        assert ended.signal == 9, (call, at, ended)
        assert room.finish(book=book_of(room)) == [], (call, at)
    proven("faults", "P1", "kills at write and sync calls of a pass on SQLite", len(calls))


@pytest.mark.parametrize("error", ["ENOSPC", pytest.param("EIO", marks=pytest.mark.slow)])
@pytest.mark.parametrize("lasting", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_call_that_fails_stops_writes_and_not_the_bot(
    tmp_path: Path, error: str, lasting: bool
) -> None:
    """Once or for two passes, at each call (full tier): unready and told; acts again by itself.

    Where a sync failed it ends instead, for what was to be written may be gone.
    """
    calls = _enumerated(tmp_path, OF_THE_DISK, passes=2)
    for number, (call, at) in enumerate(_some(calls, 2)):
        where = f"{call} {at} of {len(calls)}, {error}{' on and on' if lasting else ''}"
        room = _room(tmp_path / f"{number}.db")
        inject = f"{call}:error={error}:when={at}{'+' if lasting else ''}"
        ended = _disturbed(room, tmp_path, inject, passes=2 * PATIENCE + 1, release=lasting)
        if not ended.words("unopened"):
            seen = judge(ended)
            assert seen.problems == [], where
            if call in SYNCS and any(seen.errors):
                assert seen.fatal, f"{where}: a failed sync was lived with: {seen.errors}"
            if not seen.fatal:
                allowed = PATIENCE + 1 if lasting else 1
                assert seen.errors[-PATIENCE:] == [None] * PATIENCE, where
                assert sum(failure is not None for failure in seen.errors) <= allowed, where
        assert room.finish(book=book_of(room)) == [], where
    how = f"{error} at a call of the disk, {'lasting two passes' if lasting else 'once'}"
    proven("faults", "P21", how, len(calls))


def _room(path: Path) -> Room:
    return Room(f"sqlite:///{path}", tasks=3)


def _disturbed(
    room: Room, folder: Path, inject: str | None, *, passes: int, release: bool = False
) -> Ended:
    """A child's passes under strace; with `release`, undisturbed after the first two."""
    call = "trace" if inject is None else inject.partition(":")[0]
    trace = ",".join(WRITES + SYNCS) if inject is None else call
    strace = Strace(trace, inject=inject, output=folder / "strace")

    def work(line: Line) -> int:
        def between(number: int) -> None:
            if release and number == PATIENCE - 1:
                line.ask("release")

        line.ready()
        return live_passes(room, line, passes, between=between)

    try:
        return in_a_child(
            work, room.transport, room.clock, {"ready": strace.hold, "release": strace.release}
        )
    finally:
        strace.release()


def _enumerated(folder: Path, names: Sequence[str], *, passes: int) -> list[tuple[str, int]]:
    """Every such call of an undisturbed child: its name, and how many of its name came before."""
    room = _room(folder / "counted.db")
    ended = _disturbed(room, folder, None, passes=passes)
    assert ended.code == 0, ended
    assert room.finish(book=book_of(room)) == []
    made = Strace("none", output=folder / "strace").calls()
    return [(name, at) for name in names for at in range(1, made[name] + 1)]


def _some(calls: Sequence[tuple[str, int]], count: int) -> Sequence[tuple[str, int]]:
    """All of them, or (quick tier) a few by chance, a sync among them."""
    if FULL:
        return calls
    chance = Random(7)
    syncs = [call for call in calls if call[0] in SYNCS]
    return [chance.choice(syncs), *chance.sample(calls, count - 1)]
