"""Which changes raise or take away a limit, and which only tighten or touch none."""

from __future__ import annotations

import pytest

from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.change import loosened

REST = """language: 1
rules:
  - name: pay
    always: yes
    then: approve
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: In time.
"""


def policy(rails: str, name: str = "p") -> Policy:
    """A policy with these guardrails; `;` stands for a line's end."""
    lines = "".join(f"  {line}\n" for line in rails.split(";") if line)
    text = f"policy: {name}\n{REST}" + (f"guardrails:\n{lines}" if lines else "")
    parsed = parse_policy(text, path="p.yaml", read=lambda name: b"")
    assert parsed.policy is not None, parsed.findings
    return parsed.policy


WATCHED = "task.saved_account_id: in list watched"
KEPT = 'statement "kept"'


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (f"{WATCHED} | approve |", f"{WATCHED} | approve |", ()),
        (f"{WATCHED} | approve |", f"{WATCHED} | [leave, approve] |", ()),
        (f"{WATCHED} | approve | deadline", f"{WATCHED} | approve |", ()),
        (f"{WATCHED} | approve |", f"{WATCHED} | approve | people", (KEPT,)),
        (f"{WATCHED} | [leave, approve] |", f"{WATCHED} | approve |", (KEPT,)),
        (f"{WATCHED} | approve |", "task.round: 2 | approve |", (KEPT,)),
        (f"{WATCHED} | approve |", "", (KEPT,)),
        ("", f"{WATCHED} | approve |", ()),
    ],
)
def test_a_statement_that_goes_or_forbids_less_is_named(
    old: str, new: str, found: tuple[str, ...]
) -> None:
    """As a limit is; what its lists hold may change every day."""

    def stated(statement: str) -> Policy:
        text = f"policy: p\n{REST}lists:\n  watched: [lumen]\n"
        if statement:
            when, then, but = statement.split(" |")
            text += f"never:\n  - {{name: kept, when: {{{when}}}, then: {then}, but: [{but}]}}\n"
        parsed = parse_policy(text, path="p.yaml", read=lambda name: b"")
        assert parsed.policy is not None, parsed.findings
        return parsed.policy

    assert loosened(stated(old), stated(new)) == found


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("approvals: at most 5 per hour", "approvals: at most 5 per hour", ()),
        ("approvals: at most 5 per hour", "approvals: at most 4 per hour", ()),
        ("approvals: at most 5 per hour", "approvals: at most 6 per hour", ("approvals",)),
        ("approvals: at most 5 per hour", "approvals: at most 5 per day", ()),
        ("approvals: at most 5 per day", "approvals: at most 5 per hour", ("approvals",)),
        ("approvals: at most 5 per hour", "", ("approvals",)),
        ("", "approvals: at most 500 per hour", ()),
        ("disputes: at most 5 per day", "disputes: at most 6 per day", ("disputes",)),
        (
            "disputes per account: at most 1 per day",
            "disputes per account: at most 2 per day",
            ("disputes per account",),
        ),
        (
            "money approved: at most 25 USD per day",
            "money approved: at most 25.01 USD per day",
            ("money approved",),
        ),
        ("money approved: at most 25 USD per day", "money approved: at most 2 USD per day", ()),
        (
            "dispute share: at most 30% after 20 decisions",
            "dispute share: at most 30% after 21 decisions",
            ("dispute share",),
        ),
        (
            "dispute share: at most 30% after 20 decisions",
            "dispute share: at most 20% after 10 decisions",
            (),
        ),
        (
            "approvals: at most 5 per hour;fallback exempt: no",
            "approvals: at most 5 per hour",
            ("fallback exempt",),
        ),
        (
            "pause approvals when:;  fleet.open_tasks: more than 9",
            "pause approvals when:;  fleet.open_tasks: more than 90",
            ("pause approvals when",),
        ),
        (
            "pause approvals when:;  fleet.open_tasks: more than 9;when over: hold",
            "pause approvals when:;  fleet.open_tasks: more than 9;when over: escalate",
            (),
        ),
        ("approvals: at most 5 per hour;when over: hold", "approvals: at most 5 per hour", ()),
    ],
)
def test_what_a_change_raises_is_named(old: str, new: str, found: tuple[str, ...]) -> None:
    """In the words of the policy; what only tightens is not."""
    assert loosened(policy(old), policy(new)) == found


def test_another_name_lets_every_cap_count_anew() -> None:
    """So it is a way past a cap, unless there is none."""
    cap = "approvals: at most 5 per hour"

    assert loosened(policy(cap), policy(cap, "q")) == (
        "another name, under which every cap counts anew",
    )
    assert loosened(policy(""), policy("", "q")) == ()
