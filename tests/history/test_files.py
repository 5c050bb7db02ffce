"""Files in pieces: every line and row once, wherever they lie and however large the pieces are."""

from __future__ import annotations

import gzip
import os
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.domain.errors import UsageError
from reviewbot.history import files
from reviewbot.history.batch import each_record
from reviewbot.history.files import RowRange, find_files, pieces
from reviewbot.history.records import PieceReader, columns_of

LINES = st.lists(st.text("ab\r ", max_size=9).map(str.encode), max_size=12)


def text_of(where: Path) -> tuple[bytes, int]:
    """All of it, piece by piece, and what the pieces say was read."""
    reader = PieceReader(None)
    found = list(pieces(find_files(str(where))))
    lines = [
        bytes(payload)
        for piece in found
        for source in reader.sources(piece)
        for payload in source.payloads
    ]
    assert all(line.find(b"\n") == len(line) - 1 for line in lines[:-1])
    return b"".join(lines), sum(piece.read for piece in found)


@settings(max_examples=40, deadline=None)
@given(LINES, st.integers(1, 8), st.booleans())
def test_every_line_once(lines: list[bytes], size: int, ended: bool) -> None:
    """Cut at any size, plain and packed; the pieces say truly how much of the file they are."""
    text = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "SIZE", size)
        plain, packed = Path(folder, "plain"), Path(folder, "packed.gz")
        plain.write_bytes(text)
        packed.write_bytes(gzip.compress(text))
        assert text_of(plain) == (text, len(text))
        assert text_of(packed)[0] == text


@pytest.mark.parametrize("size", [4, 9, 100])
def test_the_mark_before_a_text_is_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """What some tools put before the first line costs no record, plain or packed."""
    monkeypatch.setattr(files, "SIZE", size)
    text = "\ufeff{}\n{}\n".encode()
    plain, packed = tmp_path / "plain", tmp_path / "packed.gz"
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    assert text_of(plain)[0] == text_of(packed)[0] == b"{}\n{}\n"


def test_parquet_in_a_pipe_is_refused_in_words(tmp_path: Path) -> None:
    """It is read from its end, which a pipe has not."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_bytes, args=(b"PAR1",))
    writing.start()
    with pytest.raises(UsageError, match="this is a pipe"):
        text_of(pipe)
    writing.join()


def test_a_packed_file_that_breaks_off_cannot_be_read(tmp_path: Path) -> None:
    """It is not taken for a shorter one."""
    path = tmp_path / "half.gz"
    path.write_bytes(gzip.compress(b"line\n" * 1000)[:-9])
    with pytest.raises(OSError, match="no whole packed file"):
        text_of(path)


def test_a_large_row_group_is_cut_and_every_row_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever order its parts are asked for."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(files, "ROWS", 4096)
    path = tmp_path / "large.parquet"
    rows = [str(n) for n in range(10_000)]
    parquet.write_table(arrow.table({"record": rows}), path, row_group_size=9_000)
    found = list(pieces(find_files(str(path))))
    assert [(p.group, p.first, p.rows) for p in found if isinstance(p, RowRange)] == [
        (0, 0, 4096),
        (0, 4096, 4096),
        (0, 8192, 808),
        (1, 0, 1000),
    ]
    reader = PieceReader(None)
    for order in (found, found[::-1], found[1::2]):
        read = [
            bytes(p).decode() for piece in order for s in reader.sources(piece) for p in s.payloads
        ]
        assert len(read) == sum(piece.rows for piece in order if isinstance(piece, RowRange))
        if order is found:
            assert read == rows
        assert set(read) <= set(rows)


def test_a_folder_and_a_glob_are_read_by_name(tmp_path: Path) -> None:
    """Deep, without what is hidden or a mark of another program; a file among them need not end so."""
    table = "a/t.parquet/0.parquet"  # a table as Spark writes it
    for name in ("b.jsonl", "a/z.parquet", "a/_SUCCESS", ".c.jsonl", "d.txt", "_x/e.jsonl", table):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()

    def names(where: str) -> list[str]:
        return [str(Path(file.path).relative_to(tmp_path)) for file in find_files(where)]

    assert names(str(tmp_path)) == [table, "a/z.parquet", "b.jsonl"]
    assert names(f"{tmp_path}/*") == [table, "a/z.parquet", "b.jsonl", "d.txt"]
    assert names(f"{tmp_path}/**/*.parquet") == [table, "a/z.parquet"]
    assert names(f"{tmp_path}/a/*.parquet") == [table, "a/z.parquet"]
    assert names(f"{tmp_path}/d.txt") == ["d.txt"]
    with pytest.raises(UsageError, match="nothing to read"):
        find_files(f"{tmp_path}/*.csv")


def test_the_columns_of_a_table_are_found_or_asked_for() -> None:
    """`record`, another one that is named, or those of an exported log."""
    assert columns_of(["x", "record"], None) == ["record"]
    assert columns_of(["x", "record"], "x") == ["x"]
    assert (
        columns_of(["review", "facts", "amount_micros", "first_of_round", "y"], None)[0] == "review"
    )
    with pytest.raises(UsageError, match="no column 'raw'; there are x"):
        columns_of(["x"], "raw")
    with pytest.raises(UsageError, match="neither a column of records"):
        columns_of(["review", "facts"], None)


def test_a_column_of_any_kind_of_text_is_read(tmp_path: Path) -> None:
    """Null and empty cells are counted as no records, and other kinds of columns refused."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    text = '{"task":{"id":"t"}}'
    path = tmp_path / "a.parquet"
    plain = arrow.array([text, None, "", text])
    kinds = (arrow.string(), arrow.large_string(), arrow.binary(), arrow.string_view())
    for column in (*map(plain.cast, kinds), plain.dictionary_encode()):
        parquet.write_table(arrow.table({"record": column}), path)
        reader = PieceReader(None)
        (piece,) = pieces(find_files(str(path)))
        (source,) = reader.sources(piece)
        used: list[object] = []
        problems, unread, size = each_record(source, used.append, lambda *_: None)
        assert (len(used), unread, size, [p.number for p in problems]) == (2, 2, 4, [2, 3])
    parquet.write_table(arrow.table({"record": [1]}), path)
    with pytest.raises(UsageError, match="must hold text, and it holds int64"):
        text_of(path)
    path.write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(UsageError, match="cannot be read"):
        text_of(path)


def test_object_storage_is_read_as_folders_are(tmp_path: Path) -> None:
    """By URL, with a glob, and with what is hidden left out."""
    pytest.importorskip("pyarrow")
    for name in ("2026/06/b.jsonl", "2026/06/a.jsonl.gz", "2026/07/c.jsonl", "2026/_SUCCESS"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"{name}\n".encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    url = f"file://{tmp_path}"
    assert text_of_url(url) == b"2026/06/a.jsonl.gz\n2026/06/b.jsonl\n2026/07/c.jsonl\n"
    assert text_of_url(f"{url}/2026/06/*") == b"2026/06/a.jsonl.gz\n2026/06/b.jsonl\n"
    assert text_of_url(f"{url}/2026/07/c.jsonl") == b"2026/07/c.jsonl\n"
    with pytest.raises(UsageError):
        find_files("nowhere://bucket/x")


def text_of_url(url: str) -> bytes:
    """All that stands there."""
    reader = PieceReader(None)
    return b"".join(
        bytes(payload)
        for piece in pieces(find_files(url))
        for source in reader.sources(piece)
        for payload in source.payloads
    )
