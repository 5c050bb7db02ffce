"""Checkpoints of the log in a file, which should lie on another disk or machine than the log.

Theory of operation. A checkpoint only adds to what the log must show, so one that stands there twice
or late harms nobody. An acceptance takes away: what was kept before it no longer counts. Added again
to the file it would make any older log whole, so it names, by a hash, all that stood in the file
when it was made, and counts in that place alone. Where a key is set, only what it has signed counts.
What no file can show is that its own end was cut off together with the log's.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hmac
import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from reviewbot.domain.errors import LedgerUnwritable
from reviewbot.domain.text import iso
from reviewbot.ports.ledger import Checkpoint, KeptCheckpoints

if TYPE_CHECKING:
    from hashlib import _Hash


_decode = msgspec.json.Decoder(Checkpoint).decode

_encode = msgspec.json.Encoder().encode


@dataclass
class _Read:
    """What a file that is only ever added to was found to say, as far as it was read."""

    text: bytes = b""
    lines: int = 0
    hashed: _Hash = field(default_factory=sha256)
    """Over all lines so far."""
    found: list[Checkpoint] = field(default_factory=list)
    unsigned: int = 0
    """How many were met that nobody signed."""
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def copy(self) -> _Read:
        """The same, to be added to on its own."""
        return dataclasses.replace(
            self,
            hashed=self.hashed.copy(),
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
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed: nobody adds in between
                between = b"" if _ends_a_line(file) else b"\n"
                checkpoint = self._signed(checkpoint, file, between)
                left = between + _encode(checkpoint) + b"\n"
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

    def _signed(self, checkpoint: Checkpoint, file: int, between: bytes) -> Checkpoint:
        """The checkpoint as it is added: an acceptance with what it accepts, signed where there is a key."""
        if checkpoint.accepted is not None:
            hashed, at = sha256(), 0
            while part := os.pread(file, 1 << 20, at):
                hashed.update(part)
                at += len(part)
            hashed.update(between)
            checkpoint = replace(checkpoint, before=hashed.hexdigest())
        if self._key is not None:
            checkpoint = replace(checkpoint, signature=signature(checkpoint, self._key))
        return checkpoint

    def read(self) -> KeptCheckpoints:
        """Every checkpoint that counts: from the newest accepted one on.

        A line that cannot be read (the disk was full, a copy was cut), and those from before there
        was a key, prove nothing and are only remarked on; a signature that does not fit or has gone,
        and an acceptance of something else than what stands before it, are problems until the next
        acceptance. Raises LedgerUnwritable where the file is there and cannot be read.
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
            lacking = "checkpoint is not" if read.unsigned == 1 else "checkpoints are not"
            so = "" if self._key is None else "; with a key, that proves nothing"
            remarks += (f"{self.path}: {read.unsigned} {lacking} signed{so}",)
        return KeptCheckpoints(
            checkpoints=tuple(read.found), problems=tuple(read.problems), remarks=remarks
        )

    def _go_on(self, read: _Read, more: bytes) -> None:
        for line in more.removesuffix(b"\n").split(b"\n") if more else ():
            read.lines += 1
            if line:
                self._take(read, line)
            read.hashed.update(line + b"\n")
        read.text += more

    def _take(self, read: _Read, line: bytes) -> None:
        try:
            checkpoint = _decode(line)
        except msgspec.MsgspecError:
            read.remarks.append(f"{self.path}:{read.lines}: this is no checkpoint")
            return
        if (problem := self._forged(checkpoint, read)) is not None:
            read.problems.append(f"{self.path}:{read.lines}: {problem}")
            return
        if checkpoint.accepted is not None:
            read.found.clear()
            read.problems.clear()
            read.unsigned = 0
        read.unsigned += checkpoint.signature is None
        if checkpoint.signature is not None or self._key is None:
            read.found.append(checkpoint)

    def _forged(self, checkpoint: Checkpoint, read: _Read) -> str | None:
        """What is wrong with a checkpoint in its place; None where it may stand there."""
        point = "checkpoint" if checkpoint.accepted is None else "acceptance"
        of = f"the {point} of {iso(checkpoint.at)}"
        if self._key is not None:
            if checkpoint.signature is None:
                needed = checkpoint.accepted is not None or read.found
                return f"{of} is not signed" if needed else None
            ours, theirs = signature(checkpoint, self._key), checkpoint.signature
            if not hmac.compare_digest(ours.encode(), theirs.encode()):
                return f"{of} was changed: its signature does not fit"
        if checkpoint.accepted is not None and checkpoint.before != read.hashed.hexdigest():
            return f"{of} was made of something else than what stands before it"
        return None


def signature(checkpoint: Checkpoint, key: bytes) -> str:
    """HMAC-SHA256 over all that a checkpoint says."""
    said = (
        "reviewbot checkpoint 2",
        checkpoint.count,
        checkpoint.head,
        iso(checkpoint.at),
        checkpoint.accepted,
        checkpoint.before,
    )
    return hmac.new(key, _encode(said), sha256).hexdigest()


def _ends_a_line(file: int) -> bool:
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"
