"""Named lists, in the policy and in a file beside it: every line is an entry or a mistake."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.language.sheet_slips import SPACES
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


def from_file(text: str, more: str = "", today: date | None = None) -> Parsed:
    """Read a policy whose list lies in a file of this text; `more` says what of it is wanted."""
    source = POLICY.replace("LIST", f"{{file: w.csv{more}}}")
    return parse_policy(
        source, path="some/listed.yaml", read=lambda name: text.encode(), today=today
    )


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
        ('id,note\nacc-1,"seen\nacc-2,twice"\n', [("P015", 2, 7)]),
        ('id;note\nacc-1;"seen\n\ntwice" ;\n', [("P015", 2, 7)]),
        ('id,note\n"acc-1,x\n"acc-2",y\n', [("P015", 2, 1)]),
        ("id;note\nacc-1\n", [("P129", 2, 1)]),
        ("id\tnote\nacc-1\ta\tb\n", [("P129", 2, 9)]),
        ("id\nacc;1\n", [("P129", 2, 5)]),
        ("id;until\na;31.12.2026\n", [("P101", 2, 3)]),
        ("handle;note\na;b\n", [("P129", 1, 1)]),
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
        ("id\nacc\t1\n", [("P129", 2, 5)]),
        ("id\na\u3164\n", [("P010", 2, 2)]),
        ("id\na\u2028b\n", [("P010", 2, 2)]),
    ],
)
def test_what_a_line_hides_is_met_at_its_place(text: str, said: list[tuple[str, int, int]]) -> None:
    """An open quote, a broken line, an invisible character, another width: file, line, column, cure."""
    parsed = from_file(text)

    assert parsed.policy is None
    assert [place(f) for f in parsed.findings] == [(c, "some/w.csv", n, at) for c, n, at in said]
    assert all(finding.cure or finding.under for finding in parsed.findings)


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


@given(
    st.lists(st.tuples(SEEN, SEEN), min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from(",;\t"),
)
def test_what_a_spreadsheet_writes_is_read_back_whole(
    rows: list[tuple[str, str]], quoted: bool, sign: str
) -> None:
    """As many entries as lines, each the value that was written, whatever stands between the columns."""
    out = io.StringIO(newline="")
    style = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(out, quoting=style, delimiter=sign).writerows([("id", "Handle"), *rows])
    text = out.getvalue()

    assert [entry.id for entry in entries(from_file(text))] == [a.strip(SPACES) for a, _ in rows]
    handles = entries(from_file(text, ", column: handle"))
    assert [entry.id for entry in handles] == [b.strip(SPACES) for _, b in rows]


GERMAN = (
    "Kunde;handle;country;note;until\nA;lumen;DE;Müller;2030-12-31\nB;orbit;at;;\nC;nova;FR;;\n"
)


def test_one_column_of_some_rows_is_taken() -> None:
    """`column:` names the values, `where:` the rows, in any letter case; other columns are not read."""
    both = entries(from_file(GERMAN, ", column: Handle, where: {Country: [de, AT]}"))
    (only,) = entries(from_file(GERMAN, ", column: handle, where: {country: DE}"))

    assert [entry.id for entry in both] == ["lumen", "orbit"]
    assert (only.id, only.note, only.until) == ("lumen", "Müller", date(2030, 12, 31))


@pytest.mark.parametrize(
    ("more", "path", "word"),
    [
        (", column: handel", "some/listed.yaml", 'no column "handel"'),
        (", where: {land: DE}, column: handle", "some/listed.yaml", 'no column "land"'),
        ("", "some/w.csv", 'no column "id"'),
    ],
)
def test_a_column_that_is_not_there_is_met_where_it_is_asked_for(
    more: str, path: str, word: str
) -> None:
    """With the columns that are there, and the nearest of them."""
    (finding,) = from_file(GERMAN, more).findings
    said = f"{finding.under} {finding.cure}"

    assert (finding.code, finding.path, word in finding.message) == ("P129", path, True)
    assert "handle" in said or "Kunde, handle, country" in said or "column:" in said


def test_a_date_of_another_notation_is_written_out() -> None:
    """The cure is her own day; where two days may be meant both are shown."""
    (german,) = from_file("id;until\na;31.12.2026\n").findings
    (either,) = from_file("id;until\na;05/06/2026\n").findings

    assert german.under == "write  2026-12-31"
    assert either.cure is not None and "2026-06-05" in either.cure and "2026-05-06" in either.cure


def test_a_column_that_is_nearly_until_is_pointed_at() -> None:
    """It would be left out in silence, and the entries would count for ever."""
    parsed = from_file("id,untill\na,2026-12-31\n")

    assert [(f.code, f.severity, f.span.column) for f in parsed.findings] == [
        ("P336", Severity.WARNING, 4)
    ]


def test_an_entry_that_has_expired_is_noted_and_a_list_of_them_warned_of() -> None:
    """At its place in the file; and a list of which no row is wanted is said to be empty."""
    text = "id,until\na,2026-01-31\nb,2026-02-28\n"

    (note,) = from_file(text, today=date(2026, 2, 28)).findings
    warning, other = from_file(text, today=date(2026, 3, 1)).findings
    (nothing,) = from_file(GERMAN, ", column: handle, where: {country: CH}").findings

    assert (note.severity, place(note)) == (Severity.NOTE, ("P335", "some/w.csv", 2, 1))
    assert (warning.severity, warning.code) == (Severity.WARNING, "P330")
    assert (other.severity, place(other)) == (Severity.NOTE, ("P335", "some/w.csv", 3, 1))
    assert (nothing.severity, nothing.code) == (Severity.WARNING, "P332")


def test_what_stands_in_a_column_that_is_not_read_hides_nothing() -> None:
    """An invisible character there is nobody's value."""
    assert [e.id for e in entries(from_file("id;name\na;M\u00a0M\n"))] == ["a"]


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


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml xl/workbook.xml", "spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Excel"),
        ("id;note\na;b\n".encode("utf-16"), "UTF-16"),
        ("id;note\na;b\n".encode("utf-16-le"), "UTF-16"),
        ("id;note\na;Müller\n".encode("cp1252"), "not UTF-8"),
        (b"<html><table><tr><td>id</td></tr></table></html>", "web page"),
    ],
)
def test_a_list_file_that_is_none_is_called_by_its_kind(data: bytes, words: str) -> None:
    """Under the name of a CSV file; the cure says how it is saved as one."""
    source = POLICY.replace("LIST", "{file: w.csv}")
    (finding,) = parse_policy(source, path="p.yaml", read=lambda _: data).findings

    assert (finding.code, finding.path, words in finding.message) == ("P129", "p.yaml", True)
    assert finding.cure is not None and "CSV UTF-8" in finding.cure


def test_spaces_that_are_not_seen_around_a_value_are_no_part_of_it() -> None:
    """A spreadsheet and a web page leave them; within a value and in a header they are told."""
    assert [e.id for e in entries(from_file("\u00a0id,note\na1\u00a0,x\n"))] == ["a1"]
    (inside,) = from_file("id\na\u00a01\n").findings
    (header,) = from_file("id\u200b,note\na,x\n").findings

    assert (inside.code, place(header)) == ("P315", ("P010", "some/w.csv", 1, 3))


@pytest.mark.parametrize("name", ["Enddatum", "letzter Tag", "valid_thru", "ends (incl.)", "Datum"])
def test_a_column_that_means_until_is_pointed_at(name: str) -> None:
    """By its words, or as a day with nothing but days below it; another column is not read."""
    (finding,) = from_file(f"id,{name}\na,31.12.2026\n").findings

    assert (finding.code, finding.under) == ("P336", "did you mean  until  ?")
    assert from_file("id,Datum,seit\na,bald,31.12.2026\n").findings == ()


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        ("# gone", "delete this line"),
        ("- acc-1", "write  acc-1"),
        ("acc-1 # gone", "write  acc-1"),
        ("1234.0", "write  1234"),
        ("acc-1 / acc-2", "acc-1  and  acc-2"),
        ("acc1 acc2", "acc1  and  acc2"),
        ("n/a", "delete this line"),
        ("=SUM(A1)", "type the value there"),
        ("######", "type the value there"),
        ("’1234", "write  1234"),
    ],
)
def test_what_is_no_value_is_warned_of_with_the_one_that_is(value: str, cure: str) -> None:
    """A remark, a sign, a word for nothing, a number that a spreadsheet changed."""
    (finding,) = from_file(f"id\n{value}\n").findings

    assert place(finding) == ("P337", "some/w.csv", 2, 1)
    assert finding.cure is not None and cure in finding.cure


def test_an_entry_that_stands_twice_with_two_ends_is_warned_of() -> None:
    """Which of them counts is said; two that are alike are only noted."""
    text = "id,until\na,2026-03-31\na,LATER\n"
    (other,) = from_file(text.replace("LATER", "2026-12-31")).findings
    (alike,) = from_file(text.replace("LATER", "2026-03-31")).findings

    assert (other.severity, alike.severity) == (Severity.WARNING, Severity.NOTE)
    assert other.cure is not None and "2026-12-31" in other.cure


def test_a_value_of_where_that_no_row_holds_is_told_where_it_stands() -> None:
    """Also beside one that some row holds: of two that are asked for one may be misspelt."""
    (finding,) = from_file(GERMAN, ", column: handle, where: {country: [DE, FF]}").findings

    assert (finding.code, finding.path, finding.severity) == (
        "P332",
        "some/listed.yaml",
        Severity.WARNING,
    )
    assert finding.cure == "that column holds DE, at and FR"
