"""The end of the chain, as one transaction adds to it.

Theory of operation. A log can lose its end while it is in use: a server fails over to a copy that
lacks the last transactions, a file is overwritten by an older one. What was forgotten may have been
sent, and would be sent again. So each transaction first makes sure that the newest line this process
has committed still stands where it stood. Mostly it is the last one, which is read anyway. Behind a
connection that was opened again the lines since this process began are counted too: none may lack. So
they are once the bot finds that a write which it sent is not in the log.
"""

from __future__ import annotations

from msgspec.structs import astuple

from reviewbot.ledger import statements
from reviewbot.ledger.chain import GENESIS, Line, digest
from reviewbot.ledger.connection import Connection


def end_of_chain(connection: Connection) -> tuple[int, bytes]:
    """The number and the hash of the last line; 0 and the hash before the first where there is none."""
    row = connection.run(statements.LAST_LINE).fetchone()
    return (row[0], bytes(row[1])) if row else (0, GENESIS)


def notice_loss(connection: Connection, count: int, head: bytes) -> None:
    """See whether the log, which ends so, still holds what we wrote; what is lost stays lost."""
    written = connection.written
    if written is None:
        connection.began, connection.counted = count, connection.opened
    if connection.lost is not None or written is None:
        return
    if connection.counted != connection.opened:
        _count_lines(connection, count)
    if written == (count, head):
        return
    seq, hash_ = written
    row = connection.run(statements.LINE, {"seq": seq}).fetchone() if seq <= count else None
    if row is None or bytes(row[-1]) != hash_:
        connection.lost = (
            f"line {seq}, which this process wrote, is not there any more"
            f" (the log ends at line {count})"
        )


def _count_lines(connection: Connection, count: int) -> None:
    """See whether all lines since this process began to write are there, the newest one aside."""
    began = connection.began
    there = connection.run(statements.LINES_SINCE, {"seq": began}).fetchone()[0]
    if there < count - began:
        connection.lost = f"lines between line {began} and line {count} are not there any more"
    connection.counted = connection.opened


class Tail:
    """Where the chain ends. Made inside `Connection.writing`, so the next number is ours."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._count, self.hash = end_of_chain(connection)
        notice_loss(connection, self._count, self.hash)

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
        self._connection.adding = (self._count, self.hash)
