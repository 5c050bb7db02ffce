"""Files of orders: every bad row by number and reason, and no file that nobody can be sure of."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.cli.order_rows import Rows, read_csv, read_jsonl
from reviewbot.domain.errors import UsageError
from reviewbot.domain.order import FIELDS

HEAD = "saved_account_id,target_video_url,comment_text\n"
URL = "tiktok.com/@a/video/1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the files of all these tests."""
    return tmp_path_factory.mktemp("orders")


def from_csv(folder: Path, content: str | bytes) -> Rows:
    """Read a CSV of this content."""
    path = folder / "in.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path)


def from_jsonl(folder: Path, *lines: str) -> Rows:
    """Read JSON lines."""
    path = folder / "in.jsonl"
    path.write_bytes("\n".join(lines).encode())
    return read_jsonl(path)


def test_rows_are_counted_as_a_spreadsheet_counts_them(folder: Path) -> None:
    """The header is row 1, an empty row counts, a text of two lines is one row."""
    rows = from_csv(folder, f'{HEAD}a,{URL},"one\ntwo"\n\n b , {URL} , three \n')
    found = [(row.number, row.order.saved_account_id, row.order.comment_text) for row in rows.good]
    assert found == [(2, "a", "one\ntwo"), (4, "b", " three ")]
    assert rows.good[0].source == "in.csv row 2"
    assert rows.bad == ()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_spreadsheets_write_is_read(
    folder: Path, separator: str, mark: bytes, end: str
) -> None:
    """With a byte-order mark, with semicolons or tabs, with either line end."""
    lines = [HEAD.strip().split(","), ["a", URL, "Grüße 👀"]]
    text = end.join(separator.join(line) for line in lines) + end
    (row,) = from_csv(folder, mark + text.encode()).good
    assert row.order.comment_text == "Grüße 👀"


def test_bad_rows_are_named_and_good_ones_stay(folder: Path) -> None:
    """A wrong number of cells, a wrong byte, a fault of the order: each by number and reason."""
    content = f"{HEAD}a,{URL},fine\na,{URL}\na,{URL},too,many\na,{URL},\na,{URL},".encode()
    rows = from_csv(folder, content + b"caf\xe9\n")

    assert [row.number for row in rows.good] == [2]
    reasons = {bad.number: bad.reason for bad in rows.bad}
    assert reasons[3].startswith("has 2 cells where the header has 3")
    assert reasons[4].startswith("has 4 cells")
    assert reasons[5] == "comment_text is empty"
    assert "byte 0xE9, which is not UTF-8" in reasons[6]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\xff\xfea\x00", "is UTF-16"),
        (f'{HEAD}a,{URL},"open\nb,{URL},x\n', "row 2 is not well quoted"),
        (f'{HEAD}a,{URL},"open" x\n', "row 2 is not well quoted"),
        (
            f"saved_account_id,target_video_url,comment_txt\na,{URL},x\n",
            "did you mean  comment_text",
        ),
        (f"saved_account_id,target_video_url,comment_text,\na,{URL},x,\n", "column 4, ''"),
        (f"{HEAD.strip()},comment_text\n", "column 4 is 'comment_text' once more"),
        ("saved_account_id,target_video_url\n", "there is no column comment_text"),
        ("saved_account_id,comment_text\n", "there is no column target_video_url"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(
    folder: Path, content: str | bytes, why: str
) -> None:
    """Behind an open quote nobody knows where rows begin; an unknown column may be a mistyped one."""
    with pytest.raises(UsageError) as refused:
        from_csv(folder, content)
    assert why in str(refused.value)


def test_a_file_that_is_not_there_is_a_plain_error(folder: Path) -> None:
    """With its name."""
    with pytest.raises(UsageError, match=r"nowhere\.csv: cannot be read"):
        read_csv(folder / "nowhere.csv")


def test_json_lines_are_read_and_bad_ones_named(folder: Path) -> None:
    """By the number of the line."""
    good = {"saved_account_id": "a", "target_video_url": URL, "comment_text": "x", "brief_id": None}
    rows = from_jsonl(
        folder,
        json.dumps(good),
        "",
        "[1]",
        "{",
        json.dumps(good | {"coment_text": "x"}),
        json.dumps(good | {"comment_text": 5}),
        '{"comment_text": "a", "comment_text": "b"}',
    )
    assert [row.number for row in rows.good] == [1]
    reasons = {bad.number: bad.reason for bad in rows.bad}
    assert reasons[3] == "is no JSON object"
    assert reasons[4].startswith("is no JSON object (")
    assert "did you mean  comment_text" in reasons[5]
    assert reasons[6] == "comment_text must be a text, not 5"
    assert "stands there twice" in reasons[7]


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30) | st.sampled_from(
    ["a", URL, "vm.tiktok.com/x", "=1+1", '"', "a,b", "two\nlines", "  ", "x" * 151]
)


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=6))
def test_what_a_csv_writer_wrote_is_read_back_row_by_row(
    folder: Path, cells: list[tuple[str, str, str]]
) -> None:
    """Every filled row comes back, good or bad, under its own number, with its own text."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEAD.strip().split(","))
    writer.writerows(cells)

    rows = from_csv(folder, text.getvalue())

    numbers = {row.number: row.order.comment_text for row in rows.good}
    numbers |= {bad.number: bad.cells["comment_text"] for bad in rows.bad}
    expected = {
        number: row[2] for number, row in enumerate(cells, start=2) if any(map(str.strip, row))
    }
    assert numbers == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_a_plain_refusal(folder: Path, content: bytes) -> None:
    """No file makes the reader fall over."""
    for head in (b"", HEAD.encode(), ",".join(FIELDS).encode() + b"\n"):
        try:
            rows = from_csv(folder, head + content)
        except UsageError:
            continue
        assert all(bad.reason for bad in rows.bad)
    path = folder / "any.jsonl"
    path.write_bytes(content)
    try:
        assert all(bad.reason for bad in read_jsonl(path).bad)
    except UsageError as refused:
        assert "any.jsonl" in str(refused)


def test_the_first_rows_are_those_of_the_file(tmp_path: Path) -> None:
    """Bad ones count, so that a limit means what a spreadsheet shows."""
    path = tmp_path / "rows.jsonl"
    good = '{"saved_account_id": "a", "target_video_url": "tiktok.com/@a/video/1", "comment_text": "x"}'
    path.write_text("\n".join(["{", good, good]))
    rows = read_jsonl(path).first(2)
    assert ([row.number for row in rows.good], [row.number for row in rows.bad]) == ([2], [1])
    assert rows.first(9) == rows
