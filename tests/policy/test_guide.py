"""Every example of the guide is run, and every message it shows is one that is really given."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path
from textwrap import indent
from typing import NamedTuple

import pytest

from reviewbot.cli.main import main
from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.check import analyse

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "policy-guide.md"
TODAY = date(2026, 11, 22)
FRAME = """\
policy: frame
language: 1
timezone: Europe/Paris
hours:
  desk: {open: mon-fri 09:00-18:00}
conditions:
  clear miss: {last.outcome_kind: couldnt_verify, last.comments_scraped: between 1 and 99}
lists:
  watched: [somebody]
patterns:
  code: {regex: "[A-Z]{5}[0-9]{3}"}
  order: {regex: "no [0-9]{6}/[0-9]"}
rules:
%s
  - name: the rest goes to a person
    always: yes
    then: escalate
deadline:
  decide by: 4h before deadline
  if undecided: approve
  because: We pay when we cannot show what is wrong.
"""
"""What the fragments of the guide stand in."""
HEAD = """\
policy: part
language: 1
timezone: Europe/Paris
"""
DEADLINE = FRAME.partition("    then: escalate\n")[2]
"""What a part of a policy stands between."""


CONSOLES = {"console": 0, "console exit 3": 3, "console exit 4": 4}
"""Kinds of blocks that show a command, and the exit codes that they promise."""


class Block(NamedTuple):
    """One fenced block: its kind (`yaml policy`), its text, its line."""

    kind: str
    text: str
    line: int


def blocks() -> list[Block]:
    """Every fenced block of the guide."""
    found: list[Block] = []
    kind: str | None = None
    lines: list[str] = []
    for number, line in enumerate(GUIDE.read_text().splitlines(), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif kind is None:
            kind, lines = line[3:].strip(), []
        else:
            found.append(Block(kind, "\n".join(lines) + "\n", number - len(lines) - 1))
            kind = None
    return found


BLOCKS = blocks()
PAIRS = [(wrong, shown) for wrong, shown in pairwise(BLOCKS) if shown.kind == "text finding"]


def read(text: str) -> Policy:
    """Read a policy of the guide; it must not have a mistake."""
    parsed = parse_policy(text, path="guide.yaml", read=_shown_file)
    assert parsed.policy is not None, parsed.findings
    return parsed.policy


def _shown_file(name: str) -> bytes:
    """A list file that the guide shows."""
    for block in BLOCKS:
        if block.kind == f"csv {name}":
            return block.text.encode()
    raise FileNotFoundError(name)


def findings_of(fragment: str) -> list[Finding]:
    """What is said of a fragment in its frame."""
    return list(analyse(read(FRAME % indent(fragment, "  ")), today=TODAY))


def of_kind(kind: str) -> list[pytest.param]:  # type: ignore[valid-type]
    """The blocks of a kind, each named by its line."""
    return [pytest.param(b, id=f"line {b.line}") for b in BLOCKS if b.kind == kind]


def test_every_block_is_run_by_a_test() -> None:
    """No example stands in the guide without being tried."""
    known = {
        "yaml policy",
        "yaml part",
        "csv accounts.csv",
        "sh",
        "yaml rule",
        "yaml wrong",
        "text finding",
        "json record",
        *CONSOLES,
    }
    assert {block.kind for block in BLOCKS} == known
    assert [wrong.kind for wrong, _ in PAIRS] == ["yaml wrong"] * len(PAIRS)
    assert len(PAIRS) == sum(block.kind == "yaml wrong" for block in BLOCKS)


@pytest.mark.parametrize("block", of_kind("yaml policy"))
def test_a_whole_policy_is_clean_and_its_tests_pass(block: Block) -> None:
    """A policy that is shown has nothing to mend, and does what its tests say."""
    policy = read(block.text)
    assert {finding.code for finding in analyse(policy, today=TODAY)} <= {"P329"}
    does_what_its_tests_say(policy)


@pytest.mark.parametrize("block", of_kind("yaml part"))
def test_a_part_of_a_policy_is_clean_and_its_tests_pass(block: Block) -> None:
    """An answer to *How do I say …* gives no warning, and does what the test in it says."""
    policy = read(HEAD + block.text + DEADLINE * ("\ndeadline:" not in block.text))
    serious = [f for f in analyse(policy, today=TODAY) if f.severity is not Severity.NOTE]
    assert serious == []
    does_what_its_tests_say(policy)


def does_what_its_tests_say(policy: Policy) -> None:
    """A policy brings tests, and all pass."""
    results = run_cases(compile_policy(policy))
    assert results
    assert [r.problems for r in results if not r.passed] == []


@pytest.mark.parametrize("block", of_kind("yaml rule"))
def test_a_rule_that_is_shown_is_clean(block: Block) -> None:
    """A fragment gives neither an error nor a warning in a plain policy."""
    serious = [f for f in findings_of(block.text) if f.severity is not Severity.NOTE]
    assert serious == []


@pytest.mark.parametrize(("wrong", "shown"), PAIRS, ids=lambda b: f"line {b.line}")
def test_a_message_that_is_shown_is_given(wrong: Block, shown: Block) -> None:
    """The guide shows the serious findings of its wrong examples, word by word."""
    serious = [f for f in findings_of(wrong.text) if f.severity is not Severity.NOTE]
    assert [f"{f.code} {f.message}" for f in serious] == shown.text.splitlines()


@pytest.mark.parametrize("block", [block for kind in CONSOLES for block in of_kind(kind)])
def test_a_command_prints_what_is_shown(
    block: Block,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Commands run beside the guide's whole policy, and print what stands below them."""
    monkeypatch.chdir(tmp_path)
    (policy,) = (b for b in BLOCKS if b.kind == "yaml policy")
    (record,) = (b for b in BLOCKS if b.kind == "json record")
    Path("mine.yaml").write_text(policy.text)
    Path("mistyped.yaml").write_text(
        policy.text.replace("comments_scraped: 0", "comment_scraped: 0")
    )
    Path("changed.yaml").write_text(policy.text.replace("1 and 99", "1 and 86"))
    Path("tasks.jsonl").write_text(record.text)
    command, _, expected = block.text.partition("\n")
    words = command.removeprefix("$ reviewbot ").split()
    assert main(words) == CONSOLES[block.kind]
    assert capsys.readouterr().out.strip() == expected.strip()
