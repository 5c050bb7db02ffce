"""What a policy declares and never uses is told where it is declared; what it uses anywhere is not."""

from __future__ import annotations

import pytest

from reviewbot.policy.language.parser import Parsed, parse_policy

POLICY = """policy: spare
language: 1
hours:
  desk: {open: mon-fri 09:00-18:00, closed: in list holidays}
lists:
  watched: [lumen]
  holidays: [2026-12-25]
patterns:
  digits: {regex: "[0-9]{4}", matches: [lumen2024]}
rules:
  - name: watched
    when: {task.target_author_handle: in list watched}
    then: escalate
    act during: desk
  - name: digits
    when any:
      - none of: [{task.target_author_handle: not matches pattern digits}]
    then: dispute
    reason: not_found
reasons:
  not_found: Your comment was not there, please look again.
deadline: {decide by: 3h before deadline, if undecided: approve, because: We pay.}
"""

USES = {
    "list watched": ("in list watched", "lumen", 6, "the list"),
    "pattern digits": ("not matches pattern digits", "lumen", 9, "the pattern"),
    "reason not_found": ("not_found\nreasons", "Please look once more.\nreasons", 21, "the reason"),
    "hours desk": ("    act during: desk\n", "", 4, "the hours"),
    "list holidays": (", closed: in list holidays", "", 7, "the list"),
}


def read(text: str) -> Parsed:
    """Read a policy without other files."""
    return parse_policy(text, path="spare.yaml", read=lambda name: b"")


def test_what_is_used_is_not_told_of() -> None:
    """By a rule at any depth, by hours that are used, by a text."""
    assert read(POLICY).findings == ()


@pytest.mark.parametrize("what", USES)
def test_what_is_never_used_is_told_where_it_is_declared(what: str) -> None:
    """The kind, the name, and what to do; the policy stays usable."""
    used, instead, line, kind = USES[what]
    assert POLICY.count(used) == 1
    parsed = read(POLICY.replace(used, instead))

    name = what.split()[1]
    told = [f for f in parsed.findings if f'{kind} "{name}"' in f.message]
    assert [(f.code, f.span.line, f.span.column) for f in told] == [
        ("P340", line - (instead == "" and line == 21), 3)
    ]
    assert (told[0].cure and name in told[0].cure) or kind == "the reason"
    assert parsed.policy is not None


def test_a_list_of_hours_that_nothing_uses_is_unused_as_well() -> None:
    """Hours that nobody opens need no holidays."""
    parsed = read(POLICY.replace("    act during: desk\n", ""))
    assert [f.message for f in parsed.findings] == [
        'the hours "desk" are never used',
        'the list "holidays" is never used',
    ]


@pytest.mark.parametrize(
    "use",
    [
        "deadline: {decide by: when desk opens, if undecided: approve, because: x}",
        "deadline: {decide by: 3h before deadline, if undecided: approve, because: x,"
        " remind: {when desk opens: lead}}",
        "deadline:\n  decide by: 3h before deadline\n  because: x\n  if undecided:\n"
        "    - {when: {task.id: in list watched}, then: approve}\n    - otherwise: leave",
    ],
)
def test_the_deadline_uses_names_too(use: str) -> None:
    """A moment, a reminder, a case of the fallback."""
    head, _, _ = POLICY.partition("deadline:")
    text = head.replace("    act during: desk\n", "" if "desk" in use else "    act during: desk\n")
    if "watched" in use:
        text = text.replace("task.target_author_handle: in list watched", "task.platform: tiktok")
    assert [f for f in read(text + use + "\n").findings if f.code == "P340"] == []


def test_nothing_is_called_unused_beside_an_error() -> None:
    """A rule that could not be read may have used it."""
    parsed = read(POLICY.replace("then: escalate", "then: esclate"))
    assert {f.code for f in parsed.findings} == {"P024"}
