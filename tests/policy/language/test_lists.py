"""Named lists, in the policy and in a file beside it: every line is an entry or a mistake."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.policy.diagnostics import Finding
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.model import ListEntry
from reviewbot.policy.text_forms import first_unseen

POLICY = """policy: listed
language: 1
lists:
  watched: LIST
rules:
  - name: watched accounts go to a person
    when: {task.saved_account_id: in list watched}
    then: escalate
deadline: {decide by: 3h before deadline, if undecided: approve, because: We pay.}
"""


def from_file(text: str) -> Parsed:
    """Read a policy whose list lies in a file of this text."""
    source = POLICY.replace("LIST", "{file: w.csv}")
    return parse_policy(source, path="some/listed.yaml", read=lambda name: text.encode())


def from_yaml(entry: str) -> Parsed:
    """Read a policy whose list is this one entry."""
    source = POLICY.replace("LIST", f"\n    - {entry}")
    return parse_policy(source, path="listed.yaml", read=lambda name: b"")


def entries(parsed: Parsed) -> tuple[ListEntry, ...]:
    """The entries of the one list."""
    assert parsed.policy is not None, parsed.findings
    return parsed.policy.lists[0].entries


def place(finding: Finding) -> tuple[str, str, int, int]:
    """Where a finding stands, and its code."""
    return finding.code, finding.path, finding.span.line, finding.span.column


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('id,note,until\n"acc-1,,\nacc-2,,\n', [("P015", 2, 1)]),
        ('id,note,until\nacc-1,,\n"acc-2', [("P015", 3, 1)]),
        ('id,note\nacc-1,"seen\nacc-2,twice"\n', [("P015", 2, 7), ("P015", 3, 12)]),
        ('id\nacc"1\n', [("P015", 2, 4)]),
        ('id\n"acc"1\n', [("P015", 2, 5)]),
        ("id,note\nacc-1\n", [("P129", 2, 1)]),
        ("id,note\nacc-1,,\n", [("P129", 2, 8)]),
        ("id,note\n,nobody\n", [("P129", 2, 1)]),
        ("id,id\na,b\n", [("P129", 1, 4)]),
        ("note\na\n", [("P129", 1, 1)]),
        ("\n", [("P129", 1, 1)]),
        ("id,until\na,soon\n", [("P101", 2, 3)]),
        ("id\na\0b\n", [("P010", 2, 2)]),
        ("id\nacc\u200b1\n", [("P010", 2, 4)]),
        ("id,note\na,\u202efdp\n", [("P010", 2, 3)]),
        ("id\nacc\t1\n", [("P010", 2, 4)]),
        ("id\na\u3164\n", [("P010", 2, 2)]),
        ("id\na\u2028b\n", [("P010", 2, 2)]),
    ],
)
def test_what_a_line_hides_is_met_at_its_place(text: str, said: list[tuple[str, int, int]]) -> None:
    """An open quote, a broken line, an invisible character, another width: file, line, column, cure."""
    parsed = from_file(text)

    assert parsed.policy is None
    assert [place(f) for f in parsed.findings] == [(c, "some/w.csv", n, at) for c, n, at in said]
    assert all(finding.cure for finding in parsed.findings)


def test_a_list_file_is_read_as_it_is_written() -> None:
    """Quotes around a comma, a doubled quote, outer spaces, every kind of line end, empty lines."""
    parsed = from_file(
        '\ufeffID,Note,until\r\n"a, b", x ,2030-01-31\rc"",,\n'.replace('c""', '"c"""')
    )
    first, second = entries(parsed)

    assert (first.id, first.note, str(first.until)) == ("a, b", "x", "2030-01-31")
    assert (second.id, second.note, second.until) == ('c"', None, None)
    assert entries(from_file("id,note\n\n , \na,\n,\n")) == entries(from_file("id,note\n\n,\na,\n"))


SEEN = st.text(st.characters(exclude_categories=("C", "Zl", "Zp"))).filter(
    lambda text: text.strip() != "" and first_unseen(text) is None
)


@given(st.lists(SEEN, min_size=1, max_size=5), st.booleans())
def test_what_a_spreadsheet_writes_is_read_back_whole(values: list[str], quoted: bool) -> None:
    """As many entries as lines, each the value that was written."""
    out = io.StringIO(newline="")
    style = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(out, quoting=style).writerows([["id"], *([value] for value in values)])

    assert [entry.id for entry in entries(from_file(out.getvalue()))] == [v.strip() for v in values]


@given(st.lists(st.text(st.sampled_from('ab," \0\u200b'), max_size=6), max_size=6))
def test_no_line_is_swallowed(lines: list[str]) -> None:
    """Whatever stands in a file: each line that holds something is one entry, or a mistake is told."""
    parsed = from_file("\n".join(["id", *lines]))

    if parsed.policy is not None:
        cells = [next(csv.reader([line], skipinitialspace=True), []) for line in lines]
        assert len(entries(parsed)) == sum(any(cell.strip() for cell in row) for row in cells)


@pytest.mark.parametrize(
    "entry",
    [
        '"a\\0b"',
        '"acc\\u200b1"',
        '{id: "a\\nb"}',
        "|\n      a\n      b\n",
        "acc\u20601",
        '"\\u202ea"',
    ],
)
def test_an_entry_of_the_policy_itself_hides_nothing(entry: str) -> None:
    """The same in YAML, also where it is written as an escape."""
    parsed = from_yaml(entry)

    assert parsed.policy is None
    assert [(f.code, f.span.line) for f in parsed.findings] == [("P010", 5)]


def test_an_entry_of_the_policy_itself_may_end_its_line() -> None:
    """A text over several lines that has only one is that line; marks that are seen are letters."""
    assert [entry.id for entry in entries(from_yaml("|\n      acc-1\n"))] == ["acc-1"]
    assert [entry.id for entry in entries(from_yaml("e\u0301 \u2764\ufe0f"))] == [
        "e\u0301 \u2764\ufe0f"
    ]


def test_too_many_mistakes_are_told_where_they_stand() -> None:
    """After a hundred the reading stops, and says so in that file."""
    parsed = from_file("id\n" + "\u200b\n" * 500)

    (last,) = (finding for finding in parsed.findings if finding.code == "P036")
    assert (last.path, last.span.line) == ("some/w.csv", 101)
