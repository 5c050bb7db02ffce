"""What the database remembers of things and of accounts, many at a time."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from reviewbot.domain.decision import Decision
from reviewbot.domain.review import ReviewKind
from reviewbot.ledger import statements
from reviewbot.ledger.connection import Connection
from reviewbot.ledger.fitting import is_name
from reviewbot.ledger.recall import ACCOUNT_MEMORY, account_history, memory_of
from reviewbot.ledger.rows import DecisionRow, step_from_body, to_micros
from reviewbot.policy.facts import AccountHistory
from reviewbot.ports import Memory

LEAST_KEPT = 128


class _Known(NamedTuple):
    """A thing's memory, None where it has none; the lines it rests on, and when that was so."""

    version: Hashable
    lines: tuple[int, ...]
    memory: Memory | None


class Memories:
    """What is remembered of things; what a thing's decisions say is read again only once it changed.

    Each poll asks for everything that waits, and most of it has not changed. What we write ourselves
    we know (`forget`). Once somebody else wrote, the numbers of the newest lines of a thing's
    decisions tell whether its memory still holds. Twice as many are kept as were ever asked for at once.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._keep = LEAST_KEPT
        self._known: dict[tuple[str, str], _Known] = {}

    def of(self, review: ReviewKind, ids: Sequence[str]) -> dict[str, Memory]:
        """What is remembered of these things; one that is not in the log is absent."""
        self._keep = max(self._keep, 2 * len(ids))
        with self._connection.reading() as driver:
            version = self._connection.others(driver)
            known = {i: one for i in ids if (one := self._known.pop((review, i), None)) is not None}
            old = [i for i, one in known.items() if one.version != version]
            lines = self._newest_lines(review, old)
            for task_id in old:
                one = known.pop(task_id)
                if one.lines == lines.get(task_id, ()):
                    known[task_id] = one._replace(version=version)
            known |= self._read(version, review, [i for i in ids if i not in known])
            self._known |= {(review, i): one for i, one in known.items()}
            while len(self._known) > self._keep:
                del self._known[next(iter(self._known))]
        return {i: one.memory for i, one in known.items() if one.memory is not None}

    def forget(self, review: str, task_id: str) -> None:
        """Read this thing again; call it in the transaction that writes about it."""
        self._known.pop((review, task_id), None)

    def _newest_lines(self, review: ReviewKind, ids: Sequence[str]) -> dict[str, tuple[int, ...]]:
        lines: dict[str, tuple[int, ...]] = {}
        for size, names in in_chunks(ids):
            rows = self._connection.run(
                statements.newest_lines(size), {"review": review, **names}
            ).fetchall()
            for task_id, last in rows:
                lines[task_id] = (*lines.get(task_id, ()), last)
        return lines

    def _read(self, version: Hashable, review: ReviewKind, ids: Sequence[str]) -> dict[str, _Known]:
        decisions: dict[str, list[tuple[DecisionRow, Decision]]] = {i: [] for i in ids}
        for size, names in in_chunks(ids):
            rows = self._connection.run(statements.memories(size), {"review": review, **names})
            for *columns, body in rows.fetchall():
                row = DecisionRow(*columns)
                decision = step_from_body(body).decision
                assert decision is not None
                decisions[row.task_id].append((row, decision))
        return {
            task_id: _Known(
                version,
                tuple(sorted(row.last for row, _ in found)),
                memory_of(found) if found else None,
            )
            for task_id, found in decisions.items()
        }


def accounts(
    connection: Connection, review: ReviewKind, account_ids: Sequence[str], now: datetime
) -> dict[str, AccountHistory]:
    """The last 30 days of these accounts; one without decisions has counts of 0."""
    figures: dict[str, tuple[int, int, int]] = {}
    overruled: dict[str, int] = {}
    about = {"review": review, "since": to_micros(now.astimezone(UTC) - ACCOUNT_MEMORY)}
    with connection.reading():
        for size, names in in_chunks(account_ids):
            known = about | names
            for account_id, *counts in connection.run(statements.account_figures(size), known):
                approvals, disputes, paid = map(int, counts)
                figures[account_id] = (approvals, disputes, paid)
            overruled.update(connection.run(statements.account_overruled(size), known).fetchall())
    return {
        account_id: account_history(
            *figures.get(account_id, (0, 0, 0)), overruled.get(account_id, 0)
        )
        for account_id in account_ids
    }


def in_chunks(names: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Parameters for statements that ask for many names: few sizes, so that few are compiled.

    What can be no name stands nowhere, and a database would refuse the question for all of them.
    """
    names = [name for name in names if is_name(name)]
    largest = statements.CHUNK_SIZES[-1]
    for start in range(0, len(names), largest):
        chunk = names[start : start + largest]
        size = next(size for size in statements.CHUNK_SIZES if size >= len(chunk))
        filled = [*chunk, *(chunk[-1],) * (size - len(chunk))]
        yield size, {f"name{n}": name for n, name in enumerate(filled)}
