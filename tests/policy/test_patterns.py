"""Patterns: RE2's search, without case unless asked, three-valued, and never slow."""

from __future__ import annotations

import pytest

from reviewbot.policy.text_forms import (
    LARGEST_PROGRAM,
    LONGEST_PATTERN,
    LONGEST_TEXT,
    BadPattern,
    compile_pattern,
    odd_space,
    searcher,
)


@pytest.mark.parametrize(
    ("regex", "text", "found"),
    [
        ("promo", "Big PROMO here", True),
        ("(?-i)promo", "Big PROMO here", False),
        ("^big", "Big promo", True),
        ("^promo", "Big promo", False),
        ("e\u0301", "caf\u00e9", True),
        ("x", None, None),
        ("x", "x" * (LONGEST_TEXT + 1), None),
        ("a", "\ud800a", True),
        ("(?-i)b\ud800", "b", True),
    ],
)
def test_a_pattern_searches(regex: str, text: str | None, found: bool | None) -> None:
    """Anywhere, without case, in one form of each accent; unknown stays unknown."""
    assert searcher(regex)(text) is found


@pytest.mark.parametrize(
    ("regex", "why"),
    [
        (r"(a)\1", r"invalid escape sequence: \1"),
        ("(?=a)", "invalid perl operator: (?="),
        ("(", "missing ): ("),
        ("x" * (LONGEST_PATTERN + 1), f"it has more than {LONGEST_PATTERN} characters"),
        ("(.{30}){30}", "it repeats too much within what it repeats"),
    ],
)
def test_what_has_no_linear_time_form_or_is_too_large_is_refused(regex: str, why: str) -> None:
    """Look-around, back-references, repetition within repetition; the reason is for a person."""
    with pytest.raises(BadPattern) as refused:
        searcher(regex)
    assert str(refused.value).startswith(why)


def test_a_refusal_is_said_once_and_to_the_caller_alone(capfd: pytest.CaptureFixture[str]) -> None:
    """RE2 would also write it to the terminal; letters of any kind stay whole in it."""
    with pytest.raises(BadPattern) as refused:
        searcher("[\u00e9")
    assert str(refused.value) == "missing ]: [\u00e9"
    assert capfd.readouterr().err == ""


def test_the_largest_program_is_taken() -> None:
    """One step more is not."""
    repeats = "(?:.{30}){20}" + "x" * 196
    assert compile_pattern(repeats).programsize == LARGEST_PROGRAM
    with pytest.raises(BadPattern):
        compile_pattern(f"{repeats}x")


def test_the_longest_pattern_and_the_longest_text_are_taken() -> None:
    """The bounds themselves are allowed."""
    assert searcher("(?-i)" + "x" * (LONGEST_PATTERN - 5))("y") is False
    assert searcher("y$")("x" * (LONGEST_TEXT - 1) + "y") is True


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("pro\u200dmo", 3),
        ("\u00e9o\u200dm", 2),
        ("promo\u200c", 5),
        ("\u200dpromo", 0),
        ("a\u00a0b", 1),
        ("a\u200bb", 1),
        ("\U0001f469\u200d\U0001f467", None),
        ("\u0645\u06cc\u200c\u062e", None),
        ("promo", None),
        ("\u00e9", None),
    ],
)
def test_what_nobody_sees_is_found_where_it_joins_nothing(text: str, at: int | None) -> None:
    """A joiner belongs between the parts of an emoji and the letters of some scripts, not between ours."""
    assert odd_space(text) == at
