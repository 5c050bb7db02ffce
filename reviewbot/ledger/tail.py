"""The end of the chain, as one transaction adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reviewbot.ledger import statements
from reviewbot.ledger.chain import Line, digest
from reviewbot.ledger.connection import Connection, Part


class Tail:
    """Where the chain ends. It is locked while this exists, so the next number is ours."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        row = connection.run(statements.LOCK_HEAD).fetchone()
        self.count: int = row[0]
        self._hash = bytes(row[1])

    @property
    def next(self) -> int:
        """The number of the next line."""
        return self.count + 1

    def add(self, line: Line) -> None:
        """Append a line that was made for `next`."""
        self._hash = digest(self._hash, line)
        self.count = line.seq
        self._connection.run(
            statements.ADD_LINE,
            {
                "seq": line.seq,
                "at": line.at,
                "kind": line.kind,
                "subject": line.subject,
                "prior": line.prior,
                "body": line.body,
                "detail": line.detail,
                "hash": self._hash,
            },
        )

    def settle(self) -> None:
        """Say where the chain ends now."""
        self._connection.run(
            statements.MOVE_HEAD, {"new_count": self.count, "new_hash": self._hash}
        )


@contextmanager
def appending(connection: Connection, part: Part) -> Iterator[Tail]:
    """One transaction that adds lines: all of them are on disk when the block has ended, or none."""
    with connection.writing(part):
        tail = Tail(connection)
        before = tail.count
        yield tail
        if tail.count != before:
            tail.settle()
