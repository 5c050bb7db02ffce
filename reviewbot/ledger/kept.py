"""What is kept beside the chain, by kind and name: people, sessions, answers on their way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reviewbot.ledger import events, statements, tables
from reviewbot.ledger.chain import LogPart
from reviewbot.ledger.mapping import from_micros
from reviewbot.ledger.tables import KeptRow
from reviewbot.ports.ledger import KeptValue


class KeptLog(LogPart):
    """Values by kind and name that are no part of the chain."""

    def keep(self, kind: str, name: str, value: bytes, at: datetime, *, new: bool = False) -> bool:
        """Keep a value; with `new` only where there is none. Gives whether it is kept now."""
        events.check(f"the {kind}", kind=kind, name=name)
        with self._engine.writing():
            before = self._first(KeptRow, statements.KEPT_ROW, {"kind": kind, "name": name})
            if new and before is not None:
                return False
            self._put(tables.kept, KeptRow(kind, name, events.to_micros(at), value), before)
            return True

    def kept(self, kind: str) -> Sequence[KeptValue]:
        """Every value of a kind, oldest first."""
        with self._engine.reading():
            rows = self._run(statements.KEPT, {"kind": kind})
            return [_kept(KeptRow(*row)) for row in rows]

    def kept_one(self, kind: str, name: str) -> KeptValue | None:
        """One value; None where there is none."""
        with self._engine.reading():
            row = self._first(KeptRow, statements.KEPT_ROW, {"kind": kind, "name": name})
            return None if row is None else _kept(row)

    def let_go(self, kind: str, name: str) -> bool:
        """Let go of a value; gives whether it was there, which of several askers only one is told."""
        with self._engine.writing():
            asked = {"kind": kind, "name": name}
            return bool(self._run(statements.UNKEEP, asked).rowcount)


def _kept(row: KeptRow) -> KeptValue:
    return KeptValue(name=row.name, at=from_micros(row.at), value=bytes(row.value))
