"""The end of the chain, as one transaction adds to it."""

from __future__ import annotations

from msgspec.structs import astuple

from reviewbot.ledger import statements
from reviewbot.ledger.chain import GENESIS, Line, digest
from reviewbot.ledger.connection import Connection


def end_of_chain(connection: Connection) -> tuple[int, bytes]:
    """The number and the hash of the last line; 0 and the hash before the first where there is none."""
    row = connection.run(statements.LAST_LINE).fetchone()
    return (row[0], bytes(row[1])) if row else (0, GENESIS)


class Tail:
    """Where the chain ends. Made inside `Connection.writing`, so the next number is ours."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._count, self.hash = end_of_chain(connection)

    @property
    def next(self) -> int:
        """The number of the next line."""
        return self._count + 1

    def add(self, line: Line) -> None:
        """Append a line that was made for `next`."""
        self.hash = digest(self.hash, line)
        self._count = line.seq
        *content, _ = astuple(line)
        self._connection.run(statements.ADD_LINE, (*content, self.hash))
