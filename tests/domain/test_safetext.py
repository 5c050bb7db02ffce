"""Text from outside is harmless on a screen and in a spreadsheet."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reviewbot.domain.text import quiet, quiet_bytes, safe, safe_cell, safe_line


@given(st.text())
def test_no_control_or_format_character_is_left(text: str) -> None:
    """Whatever comes in, a screen gets nothing that could command it."""
    assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in safe(text))


@given(st.text())
def test_a_safe_line_is_one_line(text: str) -> None:
    """Line breaks of any kind become spaces."""
    assert len(safe_line(text).splitlines()) <= 1


@given(
    st.sampled_from(["=", "+", "-", "@", "\t", "\r", " =", "  @", "＝", "＋", "\0=", "\x1b="]),
    st.text(),
)
def test_a_formula_is_quoted(start: str, rest: str) -> None:
    """A cell that a spreadsheet would calculate begins with a quote instead."""
    assert safe_cell(start + rest).startswith("'")


@pytest.mark.parametrize("text", ["", "0.24", "a=b", "Lisbon", "'quoted'"])
def test_plain_cells_stay_as_they_are(text: str) -> None:
    """What is no formula is not touched."""
    assert safe_cell(text) == text


def test_long_text_is_cut_with_an_ellipsis() -> None:
    """No text can flood a screen."""
    assert safe("x" * 50, 10) == "x" * 9 + "…"


@given(st.text())
@example("\x7f")
def test_quiet_json_means_the_same_and_moves_nothing(text: str) -> None:
    """Escapes in place of what a screen obeys; one line stays one, however lines are told."""
    written = json.dumps({"said": text}, ensure_ascii=False)
    shown = quiet(written)

    assert json.loads(shown) == {"said": text}
    assert shown.splitlines() == [shown]
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown)


def test_the_control_code_that_json_leaves_alone_is_escaped() -> None:
    """DEL is ASCII, and no JSON writer touches it."""
    assert quiet('"\x7f"') == '"\\u007f"'
    assert quiet_bytes(b'"\x7f"') == b'"\\u007f"'
