"""The log on a PostgreSQL server; writers about a key stand in line at its row.

Theory of operation. Nothing rests on a session (no setting, no lock, no prepared statement), so it
works behind a pooler that lends sessions for one transaction. A server process that stands still (a stalled disk, a frozen machine) is neither
gone nor slow: its system acknowledges every byte, so no time-out of TCP ends the wait, and its own
`statement_timeout` stands still with it. Only who waits can count. So each wait for an answer has an
end of its own; the connection is given up then, because nobody knows what the server will still do
with what it was sent.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import psycopg
from psycopg.sql import Literal
from sqlalchemy.engine import URL

from reviewbot.domain.errors import LedgerBroken, LedgerCorrupt, LedgerError, LedgerUnwritable
from reviewbot.domain.text import without_password
from reviewbot.ledger.engine import BUSY_TIMEOUT_MS, Backend

PATIENCE = 25.0
"""Seconds that a server may take for an answer; its own limit for a statement is shorter."""
LONG = 3600.0
"""The same for one step of a migration, or to write a table anew."""
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
_LIMITS = f"SET LOCAL statement_timeout = 20000; SET LOCAL lock_timeout = {BUSY_TIMEOUT_MS}"
"""What the server gives up by itself. For one transaction each time: behind a pooler that lends its
sessions for that long, what is set for a session is set for somebody else."""
_BEGIN = (
    f"BEGIN; {_LIMITS}; SET LOCAL synchronous_commit = on;"
    " SET LOCAL idle_in_transaction_session_timeout = 5000"
)
"""Who stands still within a transaction holds up all who write about the same key."""
_START = "SELECT pg_catalog.pg_postmaster_start_time()"
_NEW_TURN = "INSERT INTO turn (key) VALUES (%s) ON CONFLICT DO NOTHING"
_LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM entry WHERE key = %s"


class PostgreSQL(Backend):
    """A database on a server."""

    url = "postgresql+psycopg://"
    options: ClassVar[Mapping[str, Any]] = {"use_native_hstore": False, "paramstyle": "format"}
    connections = 4
    begin_snapshot = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_LIMITS}"
    clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    errors = psycopg.Error
    conflict = psycopg.errors.UniqueViolation
    refusals = (*Backend.refusals, psycopg.DataError, psycopg.errors.ProgramLimitExceeded)

    def __init__(self, url: URL, *, patience: float | None = None) -> None:
        """`patience` is how many seconds the server may take, where that is less than usual."""
        self._url = url
        self._patience = patience
        self._place = without_password(url.render_as_string())
        self._away: tuple[float, str] | None = None
        """Until when it is not tried again, and what it was like the last time."""

    def connect(self, *, lock: bool) -> Any:  # noqa: ARG002  a lease says who acts (`leases.py`)
        """Open a connection that commits only when told to, and knows nothing of the one before."""
        arguments, asked = self._url.get_dialect()().create_connect_args(self._url)
        options = {"client_encoding": "utf8", **_PATIENCE, **asked}
        if self._patience is not None:
            options["connect_timeout"] = max(2, int(self._patience))
        connection = self._reach(
            arguments, {**options, "autocommit": True, "prepare_threshold": None}
        )
        connection.patience = self._patience or PatientConnection.patience
        return connection

    def begin(self, driver: PatientConnection, key: str | None) -> Hashable:
        """Writers about a key stand in line at its row."""
        if key is None:
            driver.execute(_BEGIN)
            return None
        name = Literal(key).as_string(driver)
        turn = f"{_START} FROM turn WHERE key = {name} FOR UPDATE"
        found = driver.execute(f"{_BEGIN}; {turn}")
        while found.nextset():
            pass
        row = found.fetchone()
        if row is None:
            driver.execute(_NEW_TURN, (key,))
            row = driver.execute(turn).fetchone()
        assert row is not None, "it was just put there"
        return str(row[0])

    def start_of(self, driver: PatientConnection) -> Hashable:
        """When the server began: a copy that takes its place began at another moment."""
        row = driver.execute(_START).fetchone()
        return str(row and row[0])

    def read(self, driver: PatientConnection, text: str, values: Sequence[Any]) -> Any:
        """One statement with its limits, in one journey."""
        return driver.read(text, values)

    def begin_upgrade(self, driver: PatientConnection, *, is_new: bool) -> None:
        """A large log takes minutes."""
        driver.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        driver.patience = LONG
        if not is_new:
            driver.execute("LOCK TABLE alembic_version IN SHARE ROW EXCLUSIVE MODE")

    def _reach(self, arguments: Sequence[Any], options: Mapping[str, Any]) -> PatientConnection:
        """Connect; a server that let us wait in vain is left alone for a while, and that is said at once."""
        began = monotonic()
        if self._away is not None and began < self._away[0]:
            raise psycopg.OperationalError(self._away[1])
        try:
            connection = PatientConnection.connect(*arguments, **options)
        except psycopg.Error as error:
            if self._patience is None and monotonic() - began > NOTICEABLE:
                self._away = monotonic() + REST, str(error)
            raise
        self._away = None
        return connection

    def explain(self, error: BaseException) -> LedgerError:
        """Damage is LedgerCorrupt, all else LedgerUnwritable."""
        if isinstance(error, psycopg.errors.DataCorrupted | psycopg.errors.IndexCorrupted):
            return LedgerCorrupt(f"{self._place}: the ledger is damaged ({error})")
        if isinstance(error, psycopg.errors.IoError):
            return LedgerBroken(f"{self._place}: the disk failed under the ledger ({error})")
        return LedgerUnwritable(f"{self._place}: the ledger cannot be used now ({error})")

    def scrub(self, driver: Any) -> None:  # noqa: ARG002  its statements end too soon
        """Write each table anew; what the server's own log and backups hold is for its operator."""
        connection = self.connect(lock=False)
        connection.patience = LONG
        try:
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

    def read(self, text: str, values: Sequence[Any]) -> psycopg.Cursor[Any]:
        """Run one statement with the server's limits on it; give the cursor at its rows."""
        cursor = psycopg.ClientCursor(self)
        cursor.execute(f"{_LIMITS}; SET LOCAL transaction_read_only = on; {text}", values)
        while cursor.nextset():
            pass
        return cursor

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
