"""A policy on disk: its text, its `NAME.tests.yaml` and its list files, read as one."""

from __future__ import annotations

import os
import stat
from datetime import date
from pathlib import Path

from reviewbot.policy.findings import Finding, Severity, Span
from reviewbot.policy.parse import Parsed, parse_policy
from reviewbot.policy.yamltree import MAX_BYTES

MAX_LIST_BYTES = 8 * 1024 * 1024
_ATTEMPTS = 3
_ENDINGS = (".yaml", ".yml")

Seen = tuple[tuple[str, tuple[int, ...] | None], ...]


class PolicyFile:
    """One policy file. Reading it raises nothing: what is wrong is a finding."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._typed = str(path)
        self._lists: tuple[str, ...] = ()
        self._loaded: Seen | None = None

    @property
    def tests_path(self) -> Path:
        """Where the tests beside the policy lie, if there are any."""
        return self.path.with_name(f"{self.path.stem}.tests{self.path.suffix}")

    def load(self, *, today: date | None = None) -> Parsed:
        """Read and check the policy with all that belongs to it.

        A file replaced while we read (an editor, a swapped symlink) is read again, so that the parts
        belong together.
        """
        self._loaded = None
        for _ in range(_ATTEMPTS):
            before = self.stamps()
            parsed = self._load(today)
            if self.stamps() == before:
                self._loaded = before
                break
        return parsed

    def changed(self) -> bool:
        """Whether any of its files was touched, swapped, taken away or forbidden since `load`."""
        return self.stamps() != self._loaded

    def stamps(self) -> Seen:
        """What the disk says of its files now; two equal answers mean that nobody writes to them."""
        return tuple((path.name, _stamp(path)) for path in self._files())

    def _load(self, today: date | None) -> Parsed:
        if self.path.stem.endswith(".tests"):
            return self._unreadable(
                "this file holds the tests of a policy, not a policy", self._policy_beside()
            )
        try:
            source = read_capped(self.path, MAX_BYTES)
        except OSError as problem:
            return self._unreadable(f"the policy cannot be read: {_why(problem)}", None)
        tests: tuple[str, bytes] | None = None
        try:
            tests = (self._beside(self.tests_path.name), read_capped(self.tests_path, MAX_BYTES))
        except FileNotFoundError:
            pass
        except OSError as problem:
            return self._unreadable(f"{self.tests_path.name} cannot be read: {_why(problem)}", None)
        asked: list[str] = []

        def read(name: str) -> bytes:
            if "\0" in name:
                raise OSError("no file has such a name")
            asked.append(name)
            return read_capped(self.path.with_name(name), MAX_LIST_BYTES)

        parsed = parse_policy(source, path=self._typed, read=read, tests=tests, today=today)
        self._lists = tuple(asked)
        return parsed

    def _unreadable(self, message: str, cure: str | None) -> Parsed:
        finding = Finding(
            code="P001",
            severity=Severity.ERROR,
            span=Span(1, 1, 1, 1),
            message=message,
            cure=cure,
            path=self._typed,
        )
        return Parsed(None, (finding,))

    def _policy_beside(self) -> str:
        return f"check  {self.path.stem.removesuffix('.tests')}{self.path.suffix}:  its tests are read with it"

    def _beside(self, name: str) -> str:
        return self._typed[: len(self._typed) - len(self.path.name)] + name

    def _files(self) -> tuple[Path, ...]:
        lists = (self.path.with_name(name) for name in self._lists)
        return (self.path, self.tests_path, *lists)


def policy_paths(path: Path) -> tuple[Path, ...]:
    """The policies that a path means: itself, or every policy file of a folder."""
    if not path.is_dir():
        return (path,)
    found = (
        one for one in path.iterdir() if one.suffix in _ENDINGS and not one.stem.endswith(".tests")
    )
    return tuple(sorted(found))


def read_capped(path: Path, most: int) -> bytes:
    """Read a regular file of at most `most` bytes (one more, so that the reader can tell).

    A pipe or a device is refused rather than waited for. Raises OSError.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(22, "it is not a regular file")
        return file.read(most + 1)


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _why(problem: OSError) -> str:
    return (problem.strerror or str(problem)).lower()
