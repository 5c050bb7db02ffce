"""A PostgreSQL of one test, which may be struck; and disks of its own, which may be full."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.ledger.server import Server, _tools, _why_not

FROZEN_FOR = 0.4
"""Seconds that a server stands still."""
PATIENCE = 30.0


class OwnServer(Server):
    """A server that can be restarted, killed in parts, and stopped for a while."""

    @property
    def place(self) -> str:
        """Where it answers."""
        return f"postgresql://postgres@/postgres?host={self.home}"

    def restart(self) -> None:
        """As after a crash: whatever runs is cut off."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")
        self.go_on()

    def remember(self) -> None:
        """Keep what it holds now, as a replica does that hears nothing from then on."""
        self._run("pg_ctl", "-D", "data", "-m", "fast", "-w", "stop")
        subprocess.run(["cp", "-a", "data", "replica"], cwd=self.home, check=True)
        self.go_on()

    def promote(self) -> None:
        """The server is lost, and the replica takes its place and its address."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")
        (self.home / "data").rename(self.home / "lost")
        (self.home / "replica").rename(self.home / "data")
        self.go_on()

    def terminate_backends(self) -> None:
        """End every session but ours."""
        with psycopg.connect(self.place, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )

    def kill_a_backend(self) -> None:
        """kill -9 of the process of a session; the server then restarts all of them."""
        with psycopg.connect(self.place, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
        children = set(self._pids()[1:])
        _signal([pid for (pid,) in rows], signal.SIGKILL)
        until = time.monotonic() + PATIENCE
        while rows and children & set(self._pids()) and time.monotonic() < until:
            time.sleep(0.01)  # noqa: TID251  until the first process has noticed

    def freeze(self) -> None:
        """Let every process of it stand still for a while."""
        with self.standing_still():
            time.sleep(FROZEN_FOR)  # noqa: TID251  the server's time, not ours

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Every process of it stands still for as long as the block lasts."""
        pids = self._pids()
        _signal(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(pids, signal.SIGCONT)

    def wait(self) -> None:
        """Return when it answers; start it where it has given up."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(self.place, connect_timeout=2).close()
            except psycopg.Error:
                assert time.monotonic() < until, "the server did not come back"
                if not self._pids():
                    with suppress(subprocess.CalledProcessError):
                        self.go_on()
                time.sleep(0.05)  # noqa: TID251  another process is starting
            else:
                return

    def _pids(self) -> list[int]:
        """The server's processes: the first one and its children."""
        try:
            first = int((self.home / "data" / "postmaster.pid").read_text().split()[0])
            children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        except (FileNotFoundError, IndexError):
            return []
        return [first, *(int(pid) for pid in children)]


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@contextmanager
def a_server(home: Path) -> Iterator[OwnServer]:
    """A server of our own in a folder that is ours; skips where there can be none."""
    tools = _tools()
    reason = _why_not(tools)
    if reason is not None or tools is None:
        pytest.skip(str(reason))
    server = OwnServer(tools, home)
    server.start()
    try:
        yield server
    finally:
        with suppress(subprocess.CalledProcessError):
            server.stop()


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    """A server that no other test uses."""
    home = Path(tempfile.mkdtemp(prefix="pg"))
    home.chmod(0o755)
    try:
        with a_server(home) as server:
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


class SmallDisk:
    """A file system of its own in memory, which can be filled and made read-only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Leave no byte."""
        with (self.path / "filler").open("wb", buffering=0) as filler:
            block = bytes(4096)
            with suppress(OSError):
                while True:
                    filler.write(block)

    def empty(self) -> None:
        """Make room again."""
        (self.path / "filler").unlink()

    def read_only(self, *, yes: bool) -> None:
        """Mount it anew."""
        _mount("-o", f"remount,{'ro' if yes else 'rw'}", str(self.path))


@contextmanager
def small_disk(size: str) -> Iterator[SmallDisk]:
    """A disk of so many bytes; skips where none can be mounted."""
    path = Path(tempfile.mkdtemp(prefix="disk"))
    try:
        if os.geteuid() or not _mount(
            "-t", "tmpfs", "-o", f"size={size},mode=755", "disk", str(path)
        ):
            pytest.skip("no file system can be mounted here, so a full one is NOT tested")
        try:
            yield SmallDisk(path)
        finally:
            subprocess.run(["umount", "-l", str(path)], check=False)
    finally:
        path.rmdir()


def _mount(*words: str) -> bool:
    tool = shutil.which("mount")
    if tool is None:
        return False
    return subprocess.run([tool, *words], check=False, capture_output=True).returncode == 0
