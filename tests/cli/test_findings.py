"""Findings on the screen and in the forms that machines read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.cli.findings import findings_as_text, summary_of
from reviewbot.cli.findings_forms import (
    findings_as_github,
    findings_as_json,
    findings_as_sarif,
)
from reviewbot.policy.findings import Finding, Severity, Span


def a_finding(**changes: object) -> Finding:
    """An error at line 2, columns 5 to 9."""
    fields: dict[str, object] = {
        "code": "P021",
        "severity": Severity.ERROR,
        "span": Span(2, 5, 2, 10),
        "message": 'no fact is called "last.x"',
        "under": "did you mean  last.y  ?",
        "detail": "a whole number, 0 to 100",
        "cure": "change it",
        "see": "reviewbot policy facts last",
        "path": "p.yaml",
    }
    return Finding(**(fields | changes))  # type: ignore[arg-type]  # a builder takes any field


@pytest.fixture
def policy_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file `p.yaml` in the present folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "p.yaml"
    path.write_text("when:\n    last.x: 0\n", encoding="utf-8")
    return path


def plain(text: str) -> str:
    """Take the colours out."""
    import click

    return click.unstyle(text)


def test_a_finding_shows_its_place_lines_caret_and_cure(policy_text: Path) -> None:
    """The whole shape of a message, letter by letter."""
    assert plain(findings_as_text([a_finding()])).splitlines() == [
        'p.yaml:2:5   error   P021   no fact is called "last.x"',
        "    1 | when:",
        "    2 |     last.x: 0",
        "      |     ^^^^^ did you mean  last.y  ?",
        "      |     a whole number, 0 to 100",
        "  change it",
        "  more: reviewbot policy facts last",
    ]


def test_the_caret_stands_under_wide_letters(tmp_path: Path) -> None:
    """Columns are those of a terminal, where some letters are two wide."""
    path = tmp_path / "wide.yaml"
    path.write_text("評価: 誤り\n", encoding="utf-8")
    finding = a_finding(path=str(path), span=Span(1, 5, 1, 7), under=None, detail=None)
    lines = plain(findings_as_text([finding])).splitlines()
    assert lines[2] == "      |       ^^^^"


def test_a_file_that_cannot_be_read_still_gives_the_message() -> None:
    """A finding about a missing file has no lines to show."""
    text = plain(findings_as_text([a_finding(path="/nowhere/at/all.yaml")]))
    assert "did you mean  last.y  ?" in text


def test_the_summary_counts_in_words() -> None:
    """Errors and warnings are told apart."""
    some = [a_finding(), a_finding(severity=Severity.WARNING), a_finding()]
    assert summary_of(some) == "3 findings (2 errors, 1 warning)"
    assert summary_of([]) == "no findings"


def test_json_holds_place_and_end() -> None:
    """A program can underline the exact words."""
    row = json.loads(findings_as_json([a_finding()]))["findings"][0]
    assert (row["line"], row["column"], row["end_line"], row["end_column"]) == (2, 5, 2, 10)
    assert row["severity"] == "error"


def test_github_escapes_what_would_end_a_command() -> None:
    """Neither the path nor the message can start a command of its own."""
    line = findings_as_github([a_finding(path="a,b:c.yaml", message="one\n::error::two")])
    assert line.count("\n") == 0
    assert line.startswith("::error file=a%2Cb%3Ac.yaml,line=2,endLine=2,col=5,endColumn=10,title=")
    assert "one%0A::error::two" in line


def test_sarif_names_rule_level_and_region() -> None:
    """The fields that code scanning asks for are there."""
    run = json.loads(findings_as_sarif([a_finding()]))["runs"][0]
    result = run["results"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["P021"]
    assert (result["ruleId"], result["level"]) == ("P021", "error")
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 10}


@given(st.text(), st.integers(1, 5), st.integers(1, 40), st.text())
def test_no_text_and_no_place_breaks_the_screen(
    message: str, line: int, column: int, under: str
) -> None:
    """Whatever a policy holds, no control character reaches the terminal but our own colours."""
    finding = a_finding(
        message=message, under=under, span=Span(line, column, line, column + 3), path=__file__
    )
    shown = plain(findings_as_text([finding]))
    assert not [char for char in shown if ord(char) < 32 and char != "\n"]
