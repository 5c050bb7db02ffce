"""Counting and sorting more than memory holds: what is too much waits in files that nobody else sees."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, Any, Generic, TypeVar
from zlib import crc32

import msgspec

IN_MEMORY = 100_000
"""So many entries are held; about 25 MB of accounts."""
SHARES = 64
"""Files over which accounts are spread, so that each share of them fits in memory."""
_AT_ONCE = 1 << 16
"""Bytes of a run that are read at once."""


class DistinctAccounts:
    """How many different accounts there are in each group.

    Where they are too many for memory they go to files by their hash, so that all sightings of one
    are in the same file, and the files are counted one after the other.
    """

    def __init__(self, most: int = IN_MEMORY) -> None:
        self._most = most
        self._held: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._counted: Counter[tuple[str, str]] = Counter()
        self._files: list[IO[bytes]] = []
        self._open = ExitStack()

    def add(self, group: tuple[str, str], accounts: Iterable[str]) -> None:
        """See accounts in a group."""
        self._held[group].update(accounts)
        if sum(map(len, self._held.values())) >= self._most:
            self._spill()

    def add_count(self, group: tuple[str, str], count: int) -> None:
        """Take over how many others have counted, of accounts that are not seen here."""
        self._counted[group] += count

    def counts(self) -> Counter[tuple[str, str]]:
        """How many there are in each group."""
        found = self._counted.copy()
        if not self._files:
            found.update({group: len(accounts) for group, accounts in self._held.items()})
            return found
        self._spill()
        decode = msgspec.json.Decoder(tuple[tuple[str, str], str]).decode
        for file in self._files:
            file.seek(0)
            found.update(decode(line)[0] for line in set(file))
            file.seek(0, 2)
        return found

    def close(self) -> None:
        """Let go of the files."""
        self._open.close()

    def _spill(self) -> None:
        if not self._files:
            self._files = [
                self._open.enter_context(TemporaryFile())  # noqa: SIM115 - until `close`
                for _ in range(SHARES)
            ]
        encode = msgspec.json.Encoder().encode
        for group, accounts in self._held.items():
            for account in accounts:
                line = encode((group, account))
                self._files[crc32(line) % SHARES].write(line + b"\n")
        self._held.clear()


T = TypeVar("T")


class SortedRuns(Generic[T]):
    """Entries in order, however many: sorted runs in a file, merged as they are read.

    `kind` is the tuple type of the entries; equal ones are all kept.
    """

    def __init__(self, kind: type[T], most: int = IN_MEMORY) -> None:
        self._most = most
        self._decode = msgspec.json.Decoder(kind).decode
        self._held: list[Any] = []
        self._runs: list[tuple[int, int]] = []
        self._file: IO[bytes] | None = None

    def add(self, entry: T) -> None:
        """Take an entry in."""
        self._held.append(entry)
        if len(self._held) >= self._most:
            self._spill()

    def __iter__(self) -> Iterator[T]:
        """Give every entry, the lowest first."""
        self._held.sort()
        return heapq.merge(self._held, *(self._run(*run) for run in self._runs))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._held) + len(self._runs) * self._most

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def _spill(self) -> None:
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115 - until `close`
        encode = msgspec.json.Encoder().encode
        self._held.sort()
        start = self._file.seek(0, 2)
        self._file.writelines(encode(entry) + b"\n" for entry in self._held)
        self._runs.append((start, self._file.tell()))
        self._held.clear()

    def _run(self, at: int, end: int) -> Iterator[T]:
        assert self._file is not None
        while at < end:
            self._file.seek(at)
            lines = self._file.read(min(_AT_ONCE, end - at))
            if not lines.endswith(b"\n"):
                lines += self._file.readline()
            at += len(lines)
            yield from map(self._decode, lines.splitlines())
