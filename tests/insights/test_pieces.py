"""A file in pieces: every line once, in order, wherever the cuts fall and however it is packed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.insights import batch
from reviewbot.insights.batch import every_line, lines_reader, opened

LINES = st.lists(st.text("ab\r ", max_size=9).map(str.encode), max_size=12)


def text_of(path: Path) -> tuple[bytes, int]:
    """The whole file, piece by piece, and what they say was read."""
    with opened(path) as source:
        read = lines_reader(path)
        found = [([*read(piece)], piece.read) for piece in source.pieces]
    lines = [line for lines, _ in found for line in lines]
    assert all(line.find(b"\n") == len(line) - 1 for line in lines[:-1])
    return b"".join(lines), sum(share for _, share in found)


@settings(max_examples=40, deadline=None)
@given(LINES, st.integers(1, 8), st.booleans())
def test_every_line_once(lines: list[bytes], size: int, ended: bool) -> None:
    """Cut at any size, plain and packed; the pieces say truly how much of the file they are."""
    import tempfile

    text = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "SIZE", size)
        plain, packed = Path(folder, "plain"), Path(folder, "packed.gz")
        plain.write_bytes(text)
        packed.write_bytes(gzip.compress(text))
        assert text_of(plain) == (text, len(text))
        assert text_of(packed)[0] == text
        for path in (plain, packed):
            assert b"".join(every_line(path)) == text


def test_a_packed_file_that_breaks_off_cannot_be_read(tmp_path: Path) -> None:
    """It is not taken for a shorter one."""
    path = tmp_path / "half.gz"
    path.write_bytes(gzip.compress(b"line\n" * 1000)[:-9])
    with pytest.raises(OSError, match="no whole packed file"):
        text_of(path)
