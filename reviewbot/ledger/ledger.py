"""The decision log in a database; each method is one transaction."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from reviewbot.ledger import statements
from reviewbot.ledger.chain import GENESIS, departure
from reviewbot.ledger.decisions import DecisionLog
from reviewbot.ledger.kept import KeptLog
from reviewbot.ledger.rounds import NoteLog, RoundLog
from reviewbot.ledger.verify import verify
from reviewbot.ports.ledger import Checkpoint, Verification


class SqlLedger(DecisionLog, RoundLog, NoteLog, KeptLog):
    """The decision log over one engine, which it closes."""

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
            return departure(checkpoint, count, line.hash if line else GENESIS)

    def lost(self) -> str | None:
        """What this process wrote and the log no longer holds."""
        return self._chain.lost()

    def recount(self) -> None:
        """Count the lines since this process began when the log is next looked at."""
        self._chain.recount()

    def take_as_it_is(self) -> None:
        """Go on from where the log ends now."""
        self._chain.take_as_it_is()

    def verify(self, *checkpoints: Checkpoint) -> Verification:
        """Recompute the whole chain and every row, and hold them against checkpoints."""
        return verify(self._engine, checkpoints)

    def probe(self) -> None:
        """Rewrite the version of the schema as it is, to the disk."""
        with self._engine.reading():
            self._engine.backend.check_place()
            self._engine.run(statements.TOUCH)

    def backup(self, path: Path) -> None:
        """Copy the whole log to a new file, while it is in use."""
        self._engine.backup(path)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.close()
