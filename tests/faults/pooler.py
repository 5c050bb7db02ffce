"""A real PgBouncer between a ledger and its PostgreSQL, in transaction mode: sessions are lent for one transaction."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.ledger.server import Server

PORT = 6432
"""Only part of a socket's name: no port is opened."""


class Pooler:
    """PgBouncer before a server, with fewer sessions than the ledger has connections."""

    def __init__(self, program: str, server: Server, sessions: int = 2) -> None:
        self._program, self._server, self._sessions = program, server, sessions
        self.home = Path(tempfile.mkdtemp(prefix="pgb"))
        self._made = 0
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._as = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.home, "postgres")
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = self.home / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={self._server.home} user=postgres\n"
            f"[pgbouncer]\npool_mode = transaction\nauth_type = any\nlisten_port = {PORT}\n"
            f"unix_socket_dir = {self.home}\ndefault_pool_size = {self._sessions}\n"
            "max_client_conn = 200\nserver_lifetime = 2\nserver_login_retry = 0.2\n"
        )
        with (self.home / "log").open("wb") as log:
            self._running = subprocess.Popen(
                [self._program, settings],
                stdout=log,
                stderr=log,
                cwd=self.home,
                env={"PATH": os.environ["PATH"]},
                **self._as,
            )
        until = time.monotonic() + 10
        while not (self.home / f".s.PGSQL.{PORT}").exists():
            assert time.monotonic() < until, (self.home / "log").read_text()
            time.sleep(0.01)  # noqa: TID251  another process is starting

    def stop(self) -> None:
        """End it."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def new_database(self) -> str:
        """The URL, by way of the pooler, of an empty ledger: it lends no session that has a schema set."""
        self._made += 1
        name = f"pooled{self._made}"
        place = f"postgresql://postgres@/postgres?host={self._server.home}"
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://postgres@/{name}?host={self.home}&port={PORT}"


def a_pooler(server: Server, sessions: int = 2) -> Iterator[Pooler]:
    """A pooler before a server; skips where there is none."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed, so the ledger is NOT tested behind one here")
    made = Pooler(program, server, sessions)
    made.start()
    try:
        yield made
    finally:
        made.stop()
