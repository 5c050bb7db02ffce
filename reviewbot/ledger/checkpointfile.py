"""Checkpoints of the log in a file, which should lie on another disk or machine than the log."""

from __future__ import annotations

import hmac
import os
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec.structs import replace

from reviewbot.domain.errors import LedgerUnwritable
from reviewbot.domain.moments import iso
from reviewbot.ports import Checkpoint, KeptCheckpoints

_decode = msgspec.json.Decoder(Checkpoint).decode
_encode = msgspec.json.Encoder().encode


class CheckpointFile:
    """One checkpoint a line, only ever added to; signed where there is a key.

    Without a key whoever can write both the log and this file can make them agree. With one, they
    would need the key as well.
    """

    def __init__(self, path: Path | str, key: bytes | None = None) -> None:
        self.path = Path(path)
        self._key = key

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
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            lines = []
        except OSError as error:
            raise LedgerUnwritable(
                f"{self.path}: the checkpoints cannot be read ({error.strerror})"
            ) from error
        found: list[Checkpoint] = []
        problems: list[str] = []
        remarks: list[str] = []
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                checkpoint = _decode(line)
            except msgspec.MsgspecError:
                remarks.append(f"{self.path}:{number}: this is no checkpoint")
                continue
            if (problem := self._forged(checkpoint, found)) is not None:
                problems.append(f"{self.path}:{number}: {problem}")
            elif checkpoint.accepted is not None:
                found.clear()
            found.append(checkpoint)
        unsigned = sum(one.signature is None for one in found)
        if unsigned:
            remarks.append(f"{self.path}: {unsigned} of {len(found)} checkpoints are not signed")
        return KeptCheckpoints(
            checkpoints=tuple(found), problems=tuple(problems), remarks=tuple(remarks)
        )

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
