"""The log on a PostgreSQL server; writers stand in line at a lock of ours.

Theory of operation. A server process that stands still (a stalled disk, a frozen machine) is neither
gone nor slow: its system acknowledges every byte, so no time-out of TCP ends the wait, and its own
`statement_timeout` stands still with it. Only who waits can count. So each wait for an answer has an
end of its own; the connection is given up then, because nobody knows what the server will still do
with what it was sent.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import psycopg
from sqlalchemy.engine import URL

from reviewbot.domain.errors import (
    LedgerBroken,
    LedgerBusy,
    LedgerCorrupt,
    LedgerError,
    LedgerUnwritable,
)
from reviewbot.domain.text import without_password
from reviewbot.ledger.engine import BUSY_TIMEOUT_MS, Backend
from reviewbot.ledger.place import busy

PATIENCE = 25.0
"""Seconds that a server may take for an answer; its own limit for a statement is shorter."""
SCRUBBING = 3600.0
"""Seconds that the server may take to write a table anew."""
NOTICEABLE, REST = 1.0, 15.0
"""Seconds that an attempt in vain takes, and then nobody tries: a pass uses the log in many places, and
would wait in each."""
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""How long a server may be silent before it counts as away; a URL that says otherwise is heard.

The system's own patience is hours, in which nothing would be decided and nobody told.
"""
_SESSION = f"""
SET synchronous_commit = on;
SET lock_timeout = {BUSY_TIMEOUT_MS};
SET statement_timeout = 20000;
SET idle_in_transaction_session_timeout = 30000;
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3;
SET tcp_user_timeout = 25000
"""
"""What the server gives up by itself: a statement, a client that went silent, or is gone without a
word, while it holds a lock of ours."""
_TAKE_LOCK = f"SELECT pg_try_advisory_lock({0x7265766965770001})"
"""The number is any of our own; it spells a name and a version."""
_SESSION_OF_OURS = (
    "SELECT pid, backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_backend_pid()"
)
_END_SESSION = (
    "SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
    " WHERE pid = %s AND backend_start = %s"
)
"""A session whose client has given it up still holds the lock, at worst for hours."""


_LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM entry WHERE key = %s"


class PostgreSQL(Backend):
    """A database on a server."""

    url = "postgresql+psycopg://"
    options: ClassVar[Mapping[str, Any]] = {"use_native_hstore": False, "paramstyle": "format"}
    begin_write = f"BEGIN; SELECT pg_advisory_xact_lock({0x7265766965770002})"
    begin_snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    errors = psycopg.Error
    conflict = psycopg.errors.UniqueViolation
    refusals = (*Backend.refusals, psycopg.DataError, psycopg.errors.ProgramLimitExceeded)

    def __init__(self, url: URL, *, read_only: bool) -> None:
        self._url = url
        self._place = without_password(url.render_as_string())
        self._read_only = read_only
        self._away: tuple[float, str] | None = None
        """Until when it is not tried again, and what it was like the last time."""
        self._held: tuple[int, Any] | None = None
        """The session in which we last were the one instance: its process, and since when."""

    def connect(self, *, lock: bool) -> Any:
        """Open a connection that commits only when told to, and then to the disk."""
        connection = self._reach()
        connection.execute(_SESSION)
        if self._read_only:
            connection.execute("SET default_transaction_read_only = on")
        if lock:
            self._take_lock(connection)
        return connection

    def _reach(self) -> PatientConnection:
        """Connect; a server that let us wait in vain is left alone for a while, and that is said at once."""
        arguments, asked = self._url.get_dialect()().create_connect_args(self._url)
        options = {"client_encoding": "utf8", **_PATIENCE, **asked}
        began = monotonic()
        if self._away is not None and began < self._away[0]:
            raise psycopg.OperationalError(self._away[1])
        try:
            connection = PatientConnection.connect(*arguments, **options, autocommit=True)
        except psycopg.Error as error:
            if monotonic() - began > NOTICEABLE:
                self._away = monotonic() + REST, str(error)
            raise
        self._away = None
        return connection

    def _take_lock(self, connection: PatientConnection) -> None:
        if connection.execute(_TAKE_LOCK).fetchone() == (True,):
            self._held = connection.execute(_SESSION_OF_OURS).fetchone()
            return
        if self._held is not None:
            connection.execute(_END_SESSION, self._held)
        connection.close()
        if self._held is None:
            raise LedgerBusy(busy(self._place))
        raise LedgerUnwritable(
            f"{self._place}: the lock that we held is not free: our own earlier session, which the"
            " server was asked to end, or another instance has it"
        )

    def explain(self, error: BaseException) -> LedgerError:
        """Damage is LedgerCorrupt, all else LedgerUnwritable."""
        if isinstance(error, psycopg.errors.DataCorrupted | psycopg.errors.IndexCorrupted):
            return LedgerCorrupt(f"{self._place}: the ledger is damaged ({error})")
        if isinstance(error, psycopg.errors.IoError):
            return LedgerBroken(f"{self._place}: the disk failed under the ledger ({error})")
        return LedgerUnwritable(f"{self._place}: the ledger cannot be used now ({error})")

    def scrub(self, driver: Any) -> None:  # noqa: ARG002  its statements end too soon
        """Write each table anew; what the server's own log and backups hold is for its operator."""
        connection = self._reach()
        connection.patience = SCRUBBING
        try:
            connection.execute(f"SET lock_timeout = {BUSY_TIMEOUT_MS}")
            for table in ("entry", "decision", "round", "kept", "heartbeat"):
                connection.execute(f"VACUUM (FULL) {table}")
        finally:
            connection.close()

    def changes_of_others(self, driver: Any, key: str, own_lines: int) -> Hashable:
        """How many lines are not ours: everything that anybody writes ends in a line."""
        (last,) = driver.execute(_LAST_SEQ, (key,)).fetchone()
        return int(last) - own_lines

    def backup(self, driver: Any, path: Path) -> None:  # noqa: ARG002  nothing is copied
        """A server's own tools do this better."""
        raise LedgerError(f"{path}: back up a PostgreSQL ledger with pg_dump")


class PatientConnection(psycopg.Connection[Any]):
    """A connection whose every wait ends after `patience` seconds, with an error and itself closed."""

    patience = PATIENCE

    def wait(self, gen: Generator[Any, Any, Any], *more: Any, **options: Any) -> Any:
        """Wait for an answer."""
        return super().wait(self._patiently(gen), *more, **options)

    def _patiently(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """The same steps, until time is up; the driver takes one several times a second."""
        until = monotonic() + self.patience
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                wanted = gen.send(ready)
                if monotonic() >= until:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(
                        f"the server has not answered for {self.patience:g} s, so the connection"
                        " was given up"
                    )
        except StopIteration as done:
            return done.value
