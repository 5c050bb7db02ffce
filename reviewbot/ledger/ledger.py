"""The decision log in a database; each method is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from reviewbot.ledger import statements
from reviewbot.ledger.archive import ArchiveLog
from reviewbot.ledger.chain import departure
from reviewbot.ledger.decisions import DecisionLog
from reviewbot.ledger.engine import LedgerEngine
from reviewbot.ledger.erasure import ErasureLog
from reviewbot.ledger.kept import KeptLog
from reviewbot.ledger.leases import LeaseFence
from reviewbot.ledger.rounds import NoteLog, RoundLog
from reviewbot.ledger.tables import SCHEMA_VERSION
from reviewbot.ledger.verify import verify
from reviewbot.ports.leases import Lease
from reviewbot.ports.ledger import DEFAULT_KEY, Checkpoint, Verification


class SqlLedger(DecisionLog, RoundLog, NoteLog, KeptLog, ErasureLog, ArchiveLog):
    """The decision log of one key over an engine, which it closes."""

    def __init__(
        self,
        engine: LedgerEngine,
        key: str = DEFAULT_KEY,
        *,
        close: Callable[[], None] | None = None,
    ) -> None:
        """`close` is how it lets go of an engine that is not its own."""
        super().__init__(engine, key)
        self._let_go_of = close or engine.close

    def checkpoint(self, at: datetime) -> Checkpoint:
        """State how far the log has come."""
        with self._engine.reading():
            count, head = self._chain.end()
            return Checkpoint(count=count, head=head.hex(), at=at)

    def departure(self, checkpoint: Checkpoint) -> str | None:
        """How the log departs from an earlier checkpoint, by the one line that it names."""
        # What is read first stands when the next is read: lines are only ever added.
        with self._engine.reading():
            count, _ = self._chain.end()
            line = self._chain.line(min(checkpoint.count, count))
            if line is None and 0 < checkpoint.count <= self._archive.last():
                return None  # that line has left: `verify` knows it, where its segment is at hand
            return departure(checkpoint, count, line.hash if line else self._chain.genesis)

    def lost(self) -> str | None:
        """What this process wrote and the log no longer holds."""
        return self._chain.lost()

    def recount(self) -> None:
        """Count the lines since this process began when the log is next looked at."""
        self._chain.recount()

    def take_as_it_is(self) -> None:
        """Go on from where the log ends now."""
        self._chain.take_as_it_is()

    def verify(self, *checkpoints: Checkpoint, signing: bytes | None = None) -> Verification:
        """Recompute the whole chain and every row, and hold them against checkpoints."""
        return verify(self._engine, self._run, self._chain, checkpoints, signing)

    def hold_by(self, lease: Callable[[], Lease | None]) -> None:
        """Write each intent only while the lease that this gives is held."""
        self.fence = LeaseFence(self._engine, self._key, lease, SCHEMA_VERSION).check

    def keys(self) -> Sequence[str]:
        """The names of all keys that have lines, in order; one look at an index for each."""
        found: list[str] = []
        with self._engine.reading():
            while (name := self._next_key(found[-1] if found else "")) is not None:
                found.append(name)
        return found

    def _next_key(self, after: str) -> str | None:
        (name,) = self._engine.run(statements.NEXT_KEY, {"after": after}).fetchone()
        return None if name is None else str(name)

    def probe(self) -> None:
        """Rewrite the row at which writers of this key stand in line, to the disk."""
        with self._engine.writing(self._key):
            self._run(statements.TOUCH)

    def backup(self, path: Path) -> None:
        """Copy the whole log to a new file, while it is in use."""
        self._engine.backup(path)

    def close(self) -> None:
        """Let go of the database."""
        self._let_go_of()
