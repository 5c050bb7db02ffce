"""The PostgreSQL that the tests start themselves: one for each process that runs tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest


class Server:
    """A PostgreSQL of this test run, on a socket of its own, without care for the disk."""

    def __init__(self, tools: Path, home: Path) -> None:
        self._tools, self.home, self._made = tools, home, 0
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(home, "postgres")

    def start(self) -> None:
        """Make the cluster and wait until it answers."""
        self._run(
            "initdb", "--no-sync", "--encoding=UTF8", "--auth=trust", "-U", "postgres", "-D", "data"
        )
        self.go_on()

    def go_on(self) -> None:
        """Start it, and wait until it answers."""
        fast = "-c fsync=off -c listen_addresses='' -c max_connections=40 -c shared_buffers=16MB"
        options = f"{fast} -c unix_socket_directories={self.home}"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        """End it at once; nothing is kept."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "stop")

    def new_database(self) -> str:
        """The URL of an empty ledger: a schema of its own, which is made faster than a database."""
        self._made += 1
        place = f"postgresql://postgres@/postgres?host={self.home}"
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA ledger{self._made}")
        path = f"options=-csearch_path%3Dledger{self._made}"
        return f"postgresql+psycopg://postgres@/postgres?host={self.home}&{path}"

    def _run(self, tool: str, *arguments: str) -> None:
        subprocess.run(
            [self._tools / tool, *arguments],
            cwd=self.home,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            **self._as,
        )


def _tools() -> Path | None:
    """Where PostgreSQL's programs are: the newest installed version, or those on the path."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = installed[-1] if installed else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _why_not(tools: Path | None) -> str | None:
    if tools is None:
        return "PostgreSQL is not installed (no initdb), so its ledger is NOT tested here"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "root may not run PostgreSQL and there is no user `postgres`: NOT tested here"
    return None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for the whole run."""
    tools = _tools()
    reason = _why_not(tools)
    if reason is not None or tools is None:
        pytest.skip(str(reason))
    home = Path(tempfile.mkdtemp(prefix="pg"))
    home.chmod(0o755)
    server = Server(tools, home)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
