"""Lines that moved, went or came twice: what is told of them, and that no cure changes whom is paid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from reviewbot.policy.diagnostics import Finding, Severity, Span, apply_fixes
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.model import Node, Policy
from tests.tier import times

POLICIES = Path("policies")
SHIPPED = ("house-rules", "starter", "profiles")
OF_READERS = {"path", "source", "revision", "files", "note", "about", "owner"}

POLICY = """\
policy: lost
language: 1
lists:
  watched:
    - id: acc-1
      note: late
      until: 2026-12-31
conditions:
  could not look:
    - last.outcome_kind: scrape_failed
    - last.comments_scraped: 0
patterns:
  digits:
    regex: "[0-9]{4,}$"
    matches: [lumen2024]
rules:
  - name: watched
    when:
      task.saved_account_id: in list watched
      task.times_disputed: 0
    unless:
      - last.outcome_kind: verified
      - task.comment_text: matches pattern digits
    then: dispute
    reason: not_found
  - name: could not look
    when:
      condition: could not look
    then: approve
    rollout: 50%
  - name: the rest
    always: yes
    then: escalate
    to: lead
    question: |
      Is it there, as the task wants it?
      Open {task.target_video_url} and look.
reasons:
  not_found:
    - when:
        task.platform: tiktok
      text: Please post your comment again under the video.
    - otherwise:
      text: Please post the comment of the task once more.
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay.
"""


def read(text: str, folder: Path = POLICIES) -> Parsed:
    """Read a policy beside its list files."""
    return parse_policy(
        text,
        path="p.yaml",
        read=lambda name: (folder / name).read_bytes(),
        today=date(2026, 6, 2),
    )


def meaning(value: object) -> object:
    """What a policy says, wherever it stands and whatever readers are told."""
    if isinstance(value, Node):
        fields = [name for name in value.__struct_fields__ if name not in OF_READERS]
        named = ((name, meaning(getattr(value, name))) for name in fields)
        return (type(value).__name__, *((name, said) for name, said in named if said != ()))
    if isinstance(value, tuple):
        return tuple(meaning(item) for item in value)
    return () if isinstance(value, Span) else value


def mended(text: str) -> Policy | None:
    """The policy that comes of it where every sure cure is written, round by round."""
    parsed = read(text)
    for _ in range(5):
        text, applied = apply_fixes(text, parsed.findings, "p.yaml")
        if not applied:
            break
        parsed = read(text)
    return parsed.policy


@cache
def shipped(name: str) -> tuple[str, object]:
    """A policy that is shipped, and what it says."""
    text = (POLICIES / f"{name}.yaml").read_text(encoding="utf-8")
    return text, meaning(read(text).policy)


def moved(lines: list[str], number: int) -> Iterator[list[str]]:
    """The lines with one further right or left by one or two columns, gone, twice, or behind the next."""
    before, line, after = lines[:number], lines[number], lines[number + 1 :]
    shifted = [f" {line}", f"  {line}", *([line[1:]] if line[:1] == " " else [])]
    yield from ([*before, each, *after] for each in shifted)
    if line[:2] == "  ":
        yield [*before, line[2:], *after]
    yield [*before, line, line, *after]
    yield [*before, *after[:1], line, *after[1:]]


@pytest.mark.parametrize("name", SHIPPED)
def test_no_sure_cure_of_a_moved_line_changes_a_policy(name: str) -> None:
    """What is written by itself gives the policy as it was, or none: never another one."""
    text, said = shipped(name)
    lines = text.split("\n")
    some = [n for n, line in enumerate(lines) if line.strip() and line.strip()[0] != "#"]
    for number in some[:: times(18, 1)]:
        for changed in moved(lines, number):
            source = "\n".join(changed)
            if read(source).policy is None and (policy := mended(source)) is not None:
                assert meaning(policy) == said, "\n".join(changed[number - 2 : number + 3])


def told(old: str, new: str) -> tuple[Finding, ...]:
    """What is told of the policy with one part in place of another."""
    assert POLICY.count(old) == 1
    return read(POLICY.replace(old, new)).findings


def test_the_policy_itself_is_in_order() -> None:
    """Nothing is told of it."""
    assert read(POLICY).findings == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("      note: late\n      until:", "      note: late until:"),
        ('    regex: "[0-9]{4,}$"\n    matches', '    regex: "[0-9]{4,}$" matches'),
        ("    unless:\n", ""),
        ("    - last.comments_scraped: 0\npatterns", "    last.comments_scraped: 0\npatterns"),
        ("    rollout: 50%", "    rollout: null"),
    ],
)
def test_what_may_mean_two_things_is_not_mended_by_itself(old: str, new: str) -> None:
    """A lost line break, dashes or none, and a word that is 0 elsewhere: who wrote it is asked."""
    assert any(finding.severity is Severity.ERROR for finding in told(old, new))
    assert mended(POLICY.replace(old, new)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    - last.comments_scraped: 0", "  - last.comments_scraped: 0"),
        ("    - when:\n", "    -when:\n"),
        ("    - id: acc-1", "     - id: acc-1"),
        ("    - id: acc-1\n", "    - id: acc-1,\n"),
        ("  - name: watched", "- name: watched"),
        ("  - name: watched", "    - name: watched"),
        ("      task.saved_account_id", "     task.saved_account_id"),
        ("policy: lost", "  policy: lost"),
        ("      Is it there", "          Is it there"),
        ("      Open {task", "     Open {task"),
        ("    when:\n      condition", "    when:\n    condition"),
        ("deadline:\n", "deadline:\ndeadline:\n"),
    ],
)
def test_a_line_with_one_place_is_told_where_it_stands_and_put_there(old: str, new: str) -> None:
    """One finding, on that line, and its cure gives the policy as it was."""
    text = POLICY.replace(old, new)
    errors = [f for f in told(old, new) if f.severity is Severity.ERROR]
    lines = [n for n, line in enumerate(text.split("\n"), 1) if line not in POLICY.split("\n")]

    assert [finding.span.line for finding in errors] == (lines or [errors[0].span.line])
    assert meaning(mended(text)) == meaning(read(POLICY).policy)


@pytest.mark.parametrize(
    ("line", "code", "severity"),
    [
        ("round 2: |", "P016", Severity.ERROR),
        ("- name: the next rule", "P016", Severity.ERROR),
        ("6h before deadline: lead", "P016", Severity.ERROR),
        ("when over: skip", "P016", Severity.ERROR),
        ("Is it there, as the task wants it?", "P316", Severity.WARNING),
    ],
)
def test_a_text_that_swallowed_a_line_is_pointed_at(
    line: str, code: str, severity: Severity
) -> None:
    """The line would be read by people, and nothing would be done by it."""
    at = "      Open {task"
    (finding,) = told(at, f"      {line}\n{at}")

    assert (finding.code, finding.severity) == (code, severity)
    assert POLICY.split("\n")[finding.span.line - 2] in POLICY


@pytest.mark.parametrize(
    "line", ["Note: look at it twice", "its text: as in the task", "- or not?"]
)
def test_a_text_may_hold_a_colon_or_a_dash(line: str) -> None:
    """People write so."""
    at = "      Open {task"
    assert told(at, f"      {line}\n{at}") == ()


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("    unless:\n", "    # unless:\n", 21),
        ("  because: We pay.", "  because: null", 48),
        ("policy: lost", "policy: null", 1),
    ],
)
def test_a_name_made_a_remark_and_a_text_that_says_nothing_are_warned_of(
    old: str, new: str, line: int
) -> None:
    """Both pass as something that nobody means."""
    warned = [f.span.line for f in told(old, new) if f.severity is not Severity.NOTE]

    assert line in warned


@pytest.mark.parametrize("word", ["null", "yes", "[]", "{}", '""', "some text"])
def test_a_word_behind_a_name_with_lines_below_is_the_one_mistake(word: str) -> None:
    """It is told at that word, and not by the lines that stand well."""
    (finding,) = told("patterns:\n", f"patterns: {word}\n")

    assert (finding.code, finding.span.line, finding.under) == ("P017", 12, "write  patterns:")


def test_a_rule_without_its_name_is_asked_for_it() -> None:
    """Where the rule begins, and for nothing else."""
    (finding,) = told("  - name: watched\n", "")

    assert (finding.code, finding.span.line) == ("P017", 17)
    assert finding.under == "write above it  - name: …"


def test_a_day_over_two_lines_is_no_date() -> None:
    """Whatever stands in a text over several lines, it is read to its end."""
    (finding,) = told("      until: 2026-12-31", "      until: |\n        2026-12-31\n        2027")

    assert (finding.code, finding.cure) == ("P101", "did you mean  2026-12-31  ?")


def test_an_alternative_that_stands_twice_is_warned_of() -> None:
    """Another test was meant in one of them; two in one line are told apart."""
    old = "    - last.comments_scraped: 0\n"
    (finding,) = told(old, old * 2)
    both = "    [{last.comments_scraped: 0}, {last.comments_scraped: 1}]\n"
    alternatives = "    - last.outcome_kind: scrape_failed\n    - last.comments_scraped: 0\n"

    assert (finding.code, finding.severity, finding.span.line) == ("P331", Severity.WARNING, 12)
    assert told(alternatives, both) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    then: escalate\n    to: lead\n", "    then: escalate to: lead\n"),
        ("  if undecided: approve\n  because:", "  if undecided: approve, because:"),
    ],
)
def test_a_second_key_behind_an_action_goes_to_a_line_of_its_own(old: str, new: str) -> None:
    """To write the action alone would lose it."""
    (finding, *_) = [f for f in told(old, new) if f.severity is Severity.ERROR]

    assert finding.code == "P013"
    assert finding.cure is not None and "on a line of its own" in finding.cure


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("      until: 2026-12-31", "  until: 2026-12-31"),
        ("      note: late\n", "  note: late\n"),
    ],
)
def test_a_key_of_an_entry_is_no_list_of_its_own(old: str, new: str) -> None:
    """Read as the name of a list, it would be lost to its entry, which would never end."""
    assert meaning(mended(POLICY.replace(old, new))) == meaning(read(POLICY).policy)


def test_a_test_that_strayed_into_a_text_is_not_put_into_braces() -> None:
    """Whether it is a line of the policy is asked."""
    at = "      Open {task"
    (finding,) = told(at, f"      task.times_disputed: 0\n{at}")

    assert (finding.code, finding.fix) == ("P025", None)
    assert finding.cure is not None and "further left" in finding.cure


def test_a_block_that_moved_as_a_whole_is_put_back_as_one() -> None:
    """One finding where it begins; the texts by round below it go with their names."""
    text, said = shipped("starter")
    lines = text.split("\n")
    first = lines.index("  not_found:")
    behind = next(n for n in range(first + 1, len(lines)) if lines[n][:4].strip())
    moved_left = [line[2:] for line in lines[first:behind]]
    source = "\n".join([*lines[:first], *moved_left, *lines[behind:]])
    (finding,) = [f for f in read(source).findings if f.severity is Severity.ERROR]

    assert finding.span.line == first + 1
    assert meaning(mended(source)) == said


@pytest.mark.parametrize("line", ["    regex:", "      task.saved_account_id"])
def test_a_first_line_at_the_margin_is_put_back(line: str) -> None:
    """What follows it tells where it belongs."""
    assert POLICY.count(line) == 1
    source = POLICY.replace(line, line.strip())

    assert meaning(mended(source)) == meaning(read(POLICY).policy)
