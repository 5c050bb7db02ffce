"""Whatever is written, reading it ends in a policy or in findings with their places, never in a crash."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewbot.policy.diagnostics import Severity, apply_fixes
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.presentation.findings import as_github, as_json, as_sarif, render_text
from tests.proof import proven
from tests.tier import times

DESK = (Path(__file__).parent / "desk" / "policy.yaml").read_text(encoding="utf-8")
BASE = (Path(__file__).parent / "mistakes" / "base.yaml").read_text(encoding="utf-8")
SHORT = """policy: short
language: 1
rules:
  - name: one
    when: {last.comments_scraped: between 1 and 99}
    then: dispute
    reason: "Read all {last.comments_scraped}, not there."
deadline: {decide by: 3h before deadline, if undecided: approve, because: We pay.}
"""
DOCUMENTS = times(1_000, 100_000)
"""How many documents are tried in all."""
_PIECES = [
    "@",
    "`",
    "%",
    "*",
    "&",
    "!",
    "|",
    ">",
    "{",
    "}",
    "[",
    "]",
    ",",
    "?",
    "-",
    ":",
    "#",
    "'",
    '"',
    "\t",
    "\n",
    "\\",
    "“",
    "е",
    "\x00",
    "\u2028",
    "�",
    "\x85",
    "\ufeff",
    "😀",
    "(((",
    "{{",
    "}}",
    "<<",
    "---",
    "...",
    "not",
    "in",
    "list",
    "known",
    "unknown",
    "exactly",
    "between",
    "and",
    "at",
    "least",
    "0",
    "-1",
    "99999999999999999999",
    "1e9",
    "NaN",
    "²",
    "٣",
    "①",
    "½",
    "6h",
    "25%",
    "USD",
    "when",
    "any",
    "of",
    "none",
    "of",
    "any",
    "check",
    "then",
    "approve",
    "dispute",
    "wait",
    "until",
    "reason",
    "file:",
    "x.csv",
    "round",
    "1",
    "null",
    "yes",
    "no",
    "~",
    "\xa0",
    "\u200b",
    "•",
    "–",
    "„",
    "```",
    "//",
    " = ",
    " >= ",
    "::",
    "\n- ",
    "\n name: x\n",
    " or ",
    " bis ",
    "31.12.2026",
    "0,20 $",
    "&gt;",
]


def no_file(name: str) -> bytes:
    """There is no list file."""
    raise FileNotFoundError(2, "No such file or directory", name)


def check(source: str | bytes) -> Parsed:
    """Read a text and show what came of it in every form."""
    parsed = parse_policy(source, path="p.yaml", read=no_file)
    assert (parsed.policy is None) == any(f.severity is Severity.ERROR for f in parsed.findings)
    lines = dict(parsed.sources)["p.yaml"].split("\n")
    for finding in parsed.findings:
        assert 1 <= finding.span.line <= len(lines)
        assert finding.span.column >= 1
        assert finding.message
    return parsed


def parts_of(text: str) -> list[str]:
    """The head of a policy, its sections one by one, and of those that list something each entry."""
    first, *sections = re.split(r"^(?=\S.*:\n)", text, flags=re.MULTILINE)
    parts = [first]
    for section in sections:
        head, _, rest = section.partition("\n")
        parts += [f"{head}\n{entry}" for entry in re.split(r"^(?=  - )", rest, flags=re.M) if entry]
    return parts


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A policy with pieces cut out, doubled, swapped or typed in."""
    text = draw(st.sampled_from((BASE, SHORT)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        put = draw(st.one_of(st.sampled_from(_PIECES), st.text(max_size=6)))
        kind = draw(st.sampled_from(("put", "cut", "double")))
        middle = put if kind == "put" else "" if kind == "cut" else text[start:end] * 2
        text = text[:start] + middle + text[end:]
    return text


@settings(
    max_examples=times(50, 1000),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
@given(mutated())
def test_a_mutated_policy_gives_findings_not_a_crash(text: str) -> None:
    """Every form of output copes with every finding, and a fix never makes reading fail."""
    parsed = check(text)

    sources = dict(parsed.sources)
    shown = render_text(parsed.findings, sources, verbose=True)
    assert as_json(parsed.findings).startswith("{")
    assert as_github(parsed.findings).count("\n") == len(parsed.findings)
    assert as_sarif(parsed.findings, "0").startswith("{")
    assert "Traceback" not in shown
    assert "\x1b" not in shown
    fixed, _ = apply_fixes(text, parsed.findings, "p.yaml")
    check(fixed)


@settings(
    max_examples=times(50, 1000),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_random_bytes_give_findings_not_a_crash(source: bytes) -> None:
    """Bytes that are no policy at all are refused with a sentence."""
    parsed = check(source)

    assert parsed.policy is None
    assert parsed.findings


def test_thousands_of_mutated_documents_give_no_crash() -> None:
    """A plain generator, quicker than hypothesis, covers the bulk.

    Most documents are one part of a policy, where a mistake meets the code that reads this part.
    """
    state = 20260602

    def pick(bound: int) -> int:
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % bound

    parts = [*parts_of(BASE), *parts_of(DESK)]
    for number in range(DOCUMENTS):
        text = BASE if number % 100 == 0 else SHORT if number % 10 == 0 else parts[pick(len(parts))]
        for _ in range(1 + pick(3)):
            start = pick(len(text) + 1)
            end = min(len(text), start + pick(12))
            piece = _PIECES[pick(len(_PIECES))]
            text = text[:start] + (piece, "", text[start:end] * 2)[pick(3)] + text[end:]
        parsed = check(text)
        assert parsed.policy is not None or parsed.findings
    proven("fuzz", "P25", "random policies read or refused with a place, 0 crashes", DOCUMENTS)


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_bracket_left_open_at_the_end_is_shown_where_it_stands(end: str) -> None:
    """What follows its # is a comment, so the text ends within the brackets."""
    parsed = check(
        BASE.rstrip() + "\npatterns:\n  a:\n    matches: [#n2024]\n    does not match:" + end
    )

    found = [finding for finding in parsed.findings if finding.message == "this [ is never closed"]
    last = BASE.rstrip().count("\n") + 4
    assert [(finding.span.line, finding.span.column) for finding in found] == [(last, 14)]
