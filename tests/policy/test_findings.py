"""How findings look: for a person, for programs, and what `--fix` does with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reviewbot.policy.diagnostics import CODES, Finding, Fix, Severity, Span, apply_fixes
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.presentation.findings import as_github, as_json, as_sarif, render_text, summary

BAD = """policy: bad
language: 1
rules:
  - name: one
    when:
      last.comment_scraped: 0
      last.age: more than 6 hours
    then: aprove
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay.
"""


def check(text: str) -> Parsed:
    """Read a policy without other files."""

    def read(name: str) -> bytes:
        raise FileNotFoundError(2, "No such file or directory", name)

    return parse_policy(text, path="policies/bad.yaml", read=read)


def test_a_finding_shows_its_place_the_caret_and_the_cure() -> None:
    """The shape of a message, to the letter."""
    parsed = check(BAD)

    shown = render_text(parsed.findings[:1], dict(parsed.sources))

    assert shown == (
        'policies/bad.yaml:6:7  error   P021  no fact is called "last.comment_scraped"\n'
        "    4 |   - name: one\n"
        "    5 |     when:\n"
        "    6 |       last.comment_scraped: 0\n"
        "      |       ^^^^^^^^^^^^^^^^^^^^ did you mean  last.comments_scraped  ?\n"
        "      |       a whole number, 0 to 100: how many comments the checker read; 100 means the page was cut, 0 that it saw nothing; on its last try of this round\n"
        "   see the facts and their ranges:  reviewbot policy facts last\n"
        "\n"
    )


def test_the_summary_counts() -> None:
    """Errors and warnings apart."""
    assert summary(check(BAD).findings) == "3 findings (3 errors)"
    assert summary(()) == "no findings"


def test_what_has_one_cure_is_fixed() -> None:
    """After the fix nothing is left to say, and the rest of the text stands as it was."""
    fixed, applied = apply_fixes(BAD, check(BAD).findings, "policies/bad.yaml")

    assert applied == 3
    assert check(fixed).findings == ()
    assert fixed == BAD.replace("comment_scraped", "comments_scraped").replace(
        "6 hours", "6h"
    ).replace("aprove", "approve")


def test_a_fix_keeps_windows_line_ends() -> None:
    """The editor of the author decides on line ends."""
    text = "\ufeff" + BAD.replace("\n", "\r\n")

    fixed, applied = apply_fixes(text, check(text).findings, "policies/bad.yaml")

    assert applied == 3
    assert fixed.startswith("\ufeffpolicy: bad\r\n")
    assert fixed.count("\r\n") == BAD.count("\n")


def test_a_fix_behind_an_odd_line_break_mends_its_own_words() -> None:
    """Only LF, CR LF and CR end a line for a finding; a line separator within a text does not."""
    text = "note\u2028: a\rnxt\nlast"
    finding = Finding(
        code="P020",
        severity=Severity.ERROR,
        span=Span(2, 1, 2, 4),
        message="x",
        fix=Fix(Span(2, 1, 2, 4), "next"),
        path="p.yaml",
    )

    assert apply_fixes(text, [finding], "p.yaml") == ("note\u2028: a\rnext\nlast", 1)


def test_json_carries_place_hint_and_fix() -> None:
    """Programs get everything a person gets."""
    body = json.loads(as_json(check(BAD).findings))

    first = body["findings"][0]
    assert (body["schema"], body["usable"], body["summary"]["errors"]) == (1, False, 3)
    assert (first["code"], first["line"], first["column"], first["end_column"]) == (
        "P021",
        6,
        7,
        27,
    )
    assert first["fix"]["replacement"] == "last.comments_scraped"


def test_sarif_names_its_rules() -> None:
    """Each result points at a rule with a description."""
    body = json.loads(as_sarif(check(BAD).findings, "1.2.3"))

    run = body["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert body["version"] == "2.1.0"
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert rules[0]["shortDescription"]["text"] == "an unknown fact"


def test_annotations_escape_what_a_policy_says() -> None:
    """Nothing in a policy can open another workflow command."""
    finding = Finding(
        code="P021",
        severity=Severity.ERROR,
        span=Span(1, 1, 1, 2),
        message="a%b\n::error::c",
        path="a:b,c.yaml",
    )

    shown = as_github([finding])

    assert shown == (
        "::error file=a%3Ab%2Cc.yaml,line=1,endLine=1,col=1,endColumn=2,title=P021"
        "::a%25b%0A::error::c\n"
    )


@pytest.mark.parametrize("evil", ["\x1b[31mred", "\u202eturned", "\u2066x"])
def test_untrusted_text_is_made_safe(evil: str) -> None:
    """No sequence of a policy reaches the terminal."""
    finding = Finding(
        code="P021", severity=Severity.ERROR, span=Span(1, 1, 1, 9), message=f"x {evil}", path="p"
    )

    shown = render_text([finding], {"p": evil})

    assert evil[0] not in shown


def test_the_caret_stands_under_wide_letters() -> None:
    """Letters that take two cells move it by two."""
    finding = Finding(
        code="P021", severity=Severity.ERROR, span=Span(1, 5, 1, 7), message="x", path="p"
    )

    caret = render_text([finding], {"p": "漢字: ab"}).split("\n")[2]

    assert caret == "      |       ^^"


def test_every_code_that_is_used_is_described() -> None:
    """The table of codes is complete."""
    package = Path(__file__).parents[2] / "reviewbot"
    used = {
        piece[:4]
        for path in (*(package / "policy").rglob("*.py"), package / "runtime/policy_files.py")
        for piece in path.read_text(encoding="utf-8").split('"')
        if len(piece) == 4 and piece[0] == "P" and piece[1:].isdigit()
    }

    assert used - {"P100"} <= set(CODES)  # P100 is only where the codes of values begin
