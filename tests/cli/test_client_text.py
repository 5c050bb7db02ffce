"""The places of an editor and ours: UTF-16 units and characters, any line ends, a byte order mark."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

import reviewbot
from reviewbot.cli.client_text import ClientText
from reviewbot.policy.diagnostics import Span

TEXTS = st.text(st.sampled_from("ab:é😀\n\r\u2028\x0c\x85 \ud83d"), max_size=40)


def edit(
    line: int, start: int, end_line: int, end: int, text: str
) -> types.TextDocumentContentChangePartial:
    """An edit of the editor."""
    span = types.Range(types.Position(line, start), types.Position(end_line, end))
    return types.TextDocumentContentChangePartial(span, text)


def test_nothing_else_imports_what_the_server_speaks_by() -> None:
    """The import costs half a second; only `policy lsp` pays it, when it is called."""
    package = Path(reviewbot.__file__).parent
    speaking = {"language_server.py", "language_features.py", "client_text.py"}
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name in speaking:
            continue
        assert "pygls" not in text and "lsprotocol" not in text, path
        names = ("language_server", "client_text", "language_features")
        held = [name for name in names if f"reviewbot.cli.{name}" in text]
        assert not held or path.name == "policy_lsp.py", path


def test_an_emoji_counts_two_units_and_one_character() -> None:
    """Behind it the columns differ by one."""
    text = ClientText("a: 😀 b\r\nc: d\r\n")

    assert text.range(Span(1, 6, 1, 7)) == types.Range(types.Position(0, 6), types.Position(0, 7))
    assert text.place(types.Position(0, 6)) == (1, 6)
    assert text.place(types.Position(0, 4)) == (1, 4)
    assert text.place(types.Position(1, 3)) == (2, 4)
    assert text.place(types.Position(9, 9)) == (3, 1)


@pytest.mark.parametrize(("encoding", "units"), [("utf-8", 8), ("utf-16", 6), ("utf-32", 5)])
def test_the_units_are_those_agreed_on(encoding: str, units: int) -> None:
    """An editor may count bytes or characters instead."""
    text = ClientText("a: 😀 b", encoding)

    assert text.range(Span(1, 6, 1, 6)).start.character == units
    assert text.place(types.Position(0, units)) == (1, 6)


def test_a_byte_order_mark_is_no_character_of_the_policy() -> None:
    """Editors that keep it count it."""
    text = ClientText("\ufeffpolicy: a")

    assert text.place(types.Position(0, 1)) == (1, 1)
    assert text.range(Span(1, 1, 1, 7)).end.character == 7


def test_an_edit_within_a_line_end_or_behind_the_text_stays_in_it() -> None:
    """What lies behind a line is its end, what lies behind the text its end."""
    text = ClientText("ab\r\ncd")

    assert text.edited(edit(0, 9, 0, 9, "X")).text == "abX\r\ncd"
    assert text.edited(edit(7, 0, 7, 0, "X")).text == "ab\r\ncdX"
    assert text.edited(edit(0, 1, 1, 1, "")).text == "ad"


@given(text=TEXTS, line=st.integers(1, 8), column=st.integers(1, 12))
def test_a_place_goes_there_and_back(text: str, line: int, column: int) -> None:
    """Of every place that is one."""
    client = ClientText(text)
    line = min(line, len(client.lines))
    mark = line == 1 and text.startswith("\ufeff")
    column = min(column, len(client.lines[line - 1].rstrip("\r\n")) + 1 - mark)

    position = client.position(line, column)

    assert client.place(position) == (line, column)
