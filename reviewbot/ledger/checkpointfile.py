"""Checkpoints of the log in a file, which should lie on another disk or machine than the log."""

from __future__ import annotations

import dataclasses
import hmac
import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec.structs import replace

from reviewbot.domain.errors import LedgerUnwritable
from reviewbot.domain.moments import iso
from reviewbot.ports import Checkpoint, KeptCheckpoints

_decode = msgspec.json.Decoder(Checkpoint).decode
_encode = msgspec.json.Encoder().encode


@dataclass
class _Read:
    """What a file that is only ever added to was found to say, as far as it was read."""

    text: bytes = b""
    lines: int = 0
    found: list[Checkpoint] = field(default_factory=list)
    unsigned: int = 0
    """How many of those found."""
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def copy(self) -> _Read:
        """The same, to be added to on its own."""
        return dataclasses.replace(
            self,
            found=self.found.copy(),
            problems=self.problems.copy(),
            remarks=self.remarks.copy(),
        )


class CheckpointFile:
    """One checkpoint a line, only ever added to; signed where there is a key.

    Without a key whoever can write both the log and this file can make them agree. With one, they
    would need the key as well. A daemon reads the file at each poll, for years: what was read before
    is not read again as long as it still stands there.
    """

    def __init__(self, path: Path | str, key: bytes | None = None) -> None:
        self.path = Path(path)
        self._key = key
        self._read = _Read()

    @property
    def place(self) -> str:
        """Where they are, for a person."""
        return str(self.path)

    def add(self, checkpoint: Checkpoint) -> Checkpoint:
        """Sign a checkpoint, add it, and give it back as it stands there, on the disk.

        Raises LedgerUnwritable.
        """
        if self._key is not None:
            checkpoint = replace(checkpoint, signature=signature(checkpoint, self._key))
        line = _encode(checkpoint) + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                left = line if _ends_a_line(file) else b"\n" + line
                while left:  # an almost full disk takes a part, and says so only at the next write
                    left = left[os.write(file, left) :]
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise LedgerUnwritable(
                f"{self.path}: the checkpoint cannot be written ({error.strerror})"
            ) from error
        return checkpoint

    def read(self) -> KeptCheckpoints:
        """Every checkpoint that counts: from the newest accepted one on.

        A line that cannot be read (the disk was full, a copy was cut) and one that nobody signed
        prove nothing and are only remarked on; a signature that does not fit is a problem. Raises
        LedgerUnwritable where the file is there and cannot be read.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            text = b""
        except OSError as error:
            raise LedgerUnwritable(
                f"{self.path}: the checkpoints cannot be read ({error.strerror})"
            ) from error
        if not text.startswith(self._read.text):
            self._read = _Read()
        whole = text.rfind(b"\n") + 1
        self._go_on(self._read, text[len(self._read.text) : whole])
        read, rest = self._read, text[whole:]
        if rest:  # Of a last line that is not ended yet, more may come.
            read = read.copy()
            self._go_on(read, rest)
        remarks = tuple(read.remarks)
        if read.unsigned:
            many = f"{read.unsigned} of {len(read.found)}"
            remarks += (f"{self.path}: {many} checkpoints are not signed",)
        return KeptCheckpoints(
            checkpoints=tuple(read.found), problems=tuple(read.problems), remarks=remarks
        )

    def _go_on(self, read: _Read, more: bytes) -> None:
        for line in more.splitlines():
            read.lines += 1
            if not line:
                continue
            try:
                checkpoint = _decode(line)
            except msgspec.MsgspecError:
                read.remarks.append(f"{self.path}:{read.lines}: this is no checkpoint")
                continue
            if (problem := self._forged(checkpoint, read.found)) is not None:
                read.problems.append(f"{self.path}:{read.lines}: {problem}")
            elif checkpoint.accepted is not None:
                read.found.clear()
                read.unsigned = 0
            read.found.append(checkpoint)
            read.unsigned += checkpoint.signature is None
        read.text += more

    def _forged(self, checkpoint: Checkpoint, before: list[Checkpoint]) -> str | None:
        if self._key is None:
            return None
        if checkpoint.signature is None:
            needed = checkpoint.accepted is not None or any(one.signature for one in before)
            return f"the checkpoint of {iso(checkpoint.at)} is not signed" if needed else None
        if hmac.compare_digest(signature(checkpoint, self._key), checkpoint.signature):
            return None
        return f"the checkpoint of {iso(checkpoint.at)} was changed: its signature does not fit"


def signature(checkpoint: Checkpoint, key: bytes) -> str:
    """HMAC-SHA256 over all that a checkpoint says."""
    said = "\n".join(
        (
            "reviewbot checkpoint 1",
            str(checkpoint.count),
            checkpoint.head,
            iso(checkpoint.at),
            checkpoint.accepted or "",
        )
    )
    return hmac.new(key, said.encode(), sha256).hexdigest()


def _ends_a_line(file: int) -> bool:
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"
