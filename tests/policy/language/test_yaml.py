"""Tamed YAML: texts with places, limits, and what is refused."""

from __future__ import annotations

import pytest

from reviewbot.policy.diagnostics import Span
from reviewbot.policy.language.yaml import MAX_DEPTH, Mapping, Scalar, Sequence, load_yaml


def value_of(text: str) -> Scalar:
    """The first value of a mapping."""
    root = load_yaml(text).root
    assert isinstance(root, Mapping)
    value = root.entries[0][1]
    assert isinstance(value, Scalar)
    return value


@pytest.mark.parametrize(
    "word", ["no", "on", "1e3", "014", "1:30", "0x10", "2026-12-01", "null", "~"]
)
def test_every_scalar_stays_the_text_it_was(word: str) -> None:
    """YAML's own types have no say."""
    assert value_of(f"a: {word}\n").value == word


def test_places_count_characters_not_bytes() -> None:
    """Letters of several bytes are one column."""
    assert value_of("é: ü\n").span == Span(1, 4, 1, 5)


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_are_accepted(start: str, end: str) -> None:
    """Places are the same whatever the editor writes."""
    document = load_yaml(f"{start}a: 1{end}b: 2{end}".encode())

    assert document.findings == ()
    assert isinstance(document.root, Mapping)
    assert document.root.entries[1][0].span == Span(2, 1, 2, 2)


@pytest.mark.parametrize(
    "text",
    [
        "a: |\n  one two\n  three two\n",
        "a: >\n  one two\n  three two\n",
        'a: "one two\n  three two"\n',
        "a: one two\n  three two\n",
    ],
)
def test_a_word_is_found_in_any_style_of_text(text: str) -> None:
    """The second `two` is the one in the second line."""
    document = load_yaml(text)
    assert isinstance(document.root, Mapping)
    scalar = document.root.entries[0][1]
    assert isinstance(scalar, Scalar)
    at = scalar.value.rindex("two")

    assert document.part(scalar, at, at + 3).line == len(text.strip().split("\n"))


@pytest.mark.parametrize(
    ("source", "code", "line", "column"),
    [
        (b"", "P003", 1, 1),
        (b"# only a comment\n", "P003", 1, 1),
        (b"a: b\nc: \xe9\n", "P002", 2, 4),
        ("a: b\n".encode("utf-16"), "P002", 1, 1),
        (b"a: b\n\tc: d\n", "P011", 2, 1),
        (b"a: \x07\n", "P010", 1, 4),
        (b"a: b\n---\nc: d\n", "P009", 2, 1),
        (b"a: &x 1\nb: *x\n", "P007", 1, 4),
        (b"a: !!int 1\n", "P008", 1, 4),
        (b"a: [x, y\nb: 1\n", "P014", 1, 4),
        (b"? {a: b}\n: c\n", "P017", 1, 3),
        (b"a: 'x\n", "P015", 1, 4),
    ],
)
def test_what_is_refused_has_a_code_and_a_place(
    source: bytes, code: str, line: int, column: int
) -> None:
    """The first finding is the one that matters."""
    finding = load_yaml(source).findings[0]

    assert (finding.code, finding.span.line, finding.span.column) == (code, line, column)


def test_the_mistakes_behind_a_syntax_error_are_found_too() -> None:
    """A value with a known cure is read as if it stood in quotes."""
    document = load_yaml("a: @x\nb: c: d\ne: f\n")

    assert [finding.code for finding in document.findings] == ["P012", "P013"]
    assert isinstance(document.root, Mapping)
    assert [key.value for key, _ in document.root.entries] == ["a", "b", "e"]


def test_the_last_level_is_still_read() -> None:
    """The limit is a limit, not one less."""
    fits = load_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    deep = load_yaml("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))

    assert isinstance(fits.root, Sequence)
    assert deep.findings[0].code == "P006"
