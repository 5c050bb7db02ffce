"""The file of checkpoints, read again at each poll for years."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.ledger.checkpoints import CheckpointFile, signature
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import in_memory, open_ledger
from reviewbot.ports.ledger import Checkpoint
from reviewbot.safety.stop_conditions import accept, departure, keep

KEY = b"a key of the place"
AT = datetime(2026, 6, 8, tzinfo=UTC)


def line_of(count: int, *, signed: bool, accepted: bool = False) -> bytes:
    """One checkpoint as it stands in the file."""
    point = Checkpoint(
        count=count,
        head="ab" * 32,
        at=datetime(2026, 6, 8, tzinfo=UTC),
        accepted="ana: restored" if accepted else None,
    )
    if signed:
        point = msgspec.structs.replace(point, signature=signature(point, KEY))
    return msgspec.json.encode(point)


LINES = st.one_of(
    st.builds(line_of, st.integers(0, 9), signed=st.booleans(), accepted=st.booleans()),
    st.sampled_from((b"", b"{", b"no checkpoint")),
)
TEXTS = st.lists(LINES, max_size=6).map(b"\n".join)


@given(texts=st.lists(st.tuples(st.booleans(), TEXTS), max_size=5), data=st.data())
def test_a_file_that_grew_or_changed_is_read_as_if_for_the_first_time(
    texts: list[tuple[bool, bytes]], data: st.DataObject
) -> None:
    """Whatever was added, torn within a line or put in its place since the last reading."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoints.jsonl"
        reader, text = CheckpointFile(path, KEY), b""
        for adds, more in texts:
            text = text + more if adds else more
            for cut in sorted({data.draw(st.integers(0, len(text))), len(text)}):
                path.write_bytes(text[:cut])

                assert reader.read() == CheckpointFile(path, KEY).read()


def test_what_was_read_is_not_decoded_again(tmp_path: Path) -> None:
    """A daemon reads a year of checkpoints at each poll, and signs none of them again."""
    path = tmp_path / "checkpoints.jsonl"
    path.write_bytes(b"".join(line_of(n, signed=True) + b"\n" for n in range(3)))
    file = CheckpointFile(path, KEY)

    first, second = file.read(), file.read()

    assert first == second
    assert all(
        one is other for one, other in zip(first.checkpoints, second.checkpoints, strict=True)
    )


# Replays -------------------------------------------------------------------------------------

Steps = st.lists(st.sampled_from(("write", "keep", "restore")), max_size=8)


def copy_of(log: SqlLedger) -> SqlLedger:
    """The same lines in another log."""
    other = in_memory()
    log._engine.driver().backup(other.driver())
    return SqlLedger(other)


def _lived(path: Path, key: bytes | None, steps: list[str]) -> tuple[SqlLedger, SqlLedger]:
    """A log with its checkpoints after some life, and an older copy of it that it has outgrown."""
    book, log = CheckpointFile(path, key), open_ledger("memory:")
    log.note("pause", "all", {"n": 0}, AT)
    keep(log, book, AT)
    copies = [copy_of(log)]
    for n, step in enumerate(steps):
        if step == "write":
            log.note("pause", "all", {"n": n}, AT)
            copies.append(copy_of(log))
        elif step == "keep":
            keep(log, book, AT)
        else:
            log = copy_of(copies[0])
            accept(log, book, why="restored", who="ana", at=AT)
            copies = [copy_of(log)]
    older = copy_of(copies[-1])
    log.note("pause", "all", {"n": "last"}, AT)
    keep(log, book, AT)
    return log, older


def _without_signature(line: bytes) -> bytes:
    return msgspec.json.encode(
        msgspec.structs.replace(msgspec.json.decode(line, type=Checkpoint), signature=None)
    )


def _as_acceptance(line: bytes) -> bytes:
    return msgspec.json.encode(
        msgspec.structs.replace(
            msgspec.json.decode(line, type=Checkpoint), accepted="eve: fine", before="00" * 32
        )
    )


def _signed_oddly(line: bytes) -> bytes:
    return msgspec.json.encode(
        msgspec.structs.replace(msgspec.json.decode(line, type=Checkpoint), signature="ü")
    )


FORGERIES = (bytes, _without_signature, _as_acceptance, _signed_oddly)


@given(steps=Steps, data=st.data())
def test_nothing_that_was_ever_signed_makes_an_older_log_whole(
    steps: list[str], data: st.DataObject
) -> None:
    """Whoever lacks the key adds lines of the file again, as they were or changed, in any order."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoints.jsonl"
        log, older = _lived(path, KEY, steps)
        assert departure(log, CheckpointFile(path, KEY)) is None
        lines = path.read_bytes().splitlines()
        again = data.draw(
            st.lists(st.tuples(st.sampled_from(lines), st.sampled_from(FORGERIES)), max_size=5)
        )
        reader = CheckpointFile(path, KEY)
        reader.read()
        with path.open("ab") as file:
            file.write(b"".join(forge(line) + b"\n" for line, forge in again))

        for book in (reader, CheckpointFile(path, KEY)):
            assert departure(older, book) is not None


@pytest.mark.parametrize("key", [None, KEY], ids=["no key", "key"])
def test_an_acceptance_counts_only_where_it_was_made(tmp_path: Path, key: bytes | None) -> None:
    """Added again it is a problem, which a new one of a person ends; so do lines cut from before it."""
    path = tmp_path / "checkpoints.jsonl"
    log, older = _lived(path, key, ["restore", "write", "keep"])
    lines = path.read_bytes().splitlines(keepends=True)
    acceptance = next(line for line in lines if b"accepted" in line)

    path.write_bytes(b"".join(lines) + acceptance)
    book = CheckpointFile(path, key)
    assert "was made of something else than what stands before it" in str(departure(older, book))
    assert departure(log, book) is not None
    accept(log, book, why="somebody played", who="ana", at=AT)
    assert departure(log, book) is None
    assert departure(older, book) is not None

    path.write_bytes(b"".join(line for line in lines[1:]))
    assert "something else" in str(departure(log, CheckpointFile(path, key)))


def test_with_a_key_only_what_it_signed_counts(tmp_path: Path) -> None:
    """What stands there from before there was a key proves nothing; afterwards it is a problem."""
    path = tmp_path / "checkpoints.jsonl"
    log = open_ledger("memory:")
    keep(log, CheckpointFile(path), AT)
    log.note("pause", "all", {}, AT)
    book = CheckpointFile(path, KEY)
    kept = book.read()
    assert (kept.checkpoints, kept.problems) == ((), ())
    assert kept.remarks == (f"{path}: 1 checkpoint is not signed; with a key, that proves nothing",)

    keep(log, book, AT)
    CheckpointFile(path).add(log.checkpoint(AT))
    (problem,) = book.read().problems
    assert problem == f"{path}:3: the checkpoint of 2026-06-08T00:00:00Z is not signed"
    assert len(book.read().checkpoints) == 1


def test_an_acceptance_after_a_torn_line_counts(tmp_path: Path) -> None:
    """The disk was full when the line before was added: what stands there is what was accepted."""
    path = tmp_path / "checkpoints.jsonl"
    log = open_ledger("memory:")
    book = CheckpointFile(path, KEY)
    keep(log, book, AT)
    with path.open("ab") as file:
        file.write(b'{"count":')
    accept(log, book, why="a full disk", who="ana", at=AT)

    kept = CheckpointFile(path, KEY).read()
    assert (len(kept.checkpoints), kept.problems) == (1, ())
    assert kept.checkpoints[0].accepted == "ana: a full disk"


def test_an_acceptance_made_to_fit_its_place_lacks_its_signature(tmp_path: Path) -> None:
    """Whoever lacks the key can compute what stands before it, and still not sign that."""
    path = tmp_path / "checkpoints.jsonl"
    _, older = _lived(path, KEY, ["restore", "write", "keep"])
    text = path.read_bytes()
    acceptance = next(line for line in text.splitlines() if b"accepted" in line)
    fitted = msgspec.structs.replace(
        msgspec.json.decode(acceptance, type=Checkpoint), before=sha256(text).hexdigest()
    )
    path.write_bytes(text + msgspec.json.encode(fitted) + b"\n")

    assert "its signature does not fit" in str(departure(older, CheckpointFile(path, KEY)))


def test_an_old_checkpoint_added_again_hides_nothing(tmp_path: Path) -> None:
    """It is as true as ever, and says less than the one that it follows."""
    path = tmp_path / "checkpoints.jsonl"
    log, older = _lived(path, KEY, ["write", "keep"])
    text = path.read_bytes()
    path.write_bytes(text + text.splitlines(keepends=True)[0])

    book = CheckpointFile(path, KEY)
    assert departure(log, book) is None
    assert "is missing" in str(departure(older, book))
