"""A connection to PostgreSQL that waits so long for an answer and no longer.

Theory of operation. A server process that stands still (a stalled disk, a frozen machine) is neither
gone nor slow: its system acknowledges every byte, so no time-out of TCP ends the wait, and its own
`statement_timeout` stands still with it. Only who waits can count. So each wait for an answer has an
end of its own; the connection is given up then, because nobody knows what the server will still do
with what it was sent.
"""

from __future__ import annotations

from collections.abc import Generator
from time import monotonic
from typing import Any

import psycopg

PATIENCE = 25.0
"""Seconds that a server may take for an answer; its own limit for a statement is shorter."""


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
