"""The formatter has one layout, keeps every comment, and changes no meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.policy import starters
from reviewbot.policy.language.formatter import UnreadableError, format_policy

ROOT = Path(__file__).resolve().parents[3]
TEXTS = {p.name: p.read_text() for p in ROOT.glob("policies/*.yaml")} | {
    f"{name}.{part}": getattr(starters.read(name), part)
    for name in starters.names()
    for part in ("policy", "tests")
}

MESSY = """\
# at the top
policy:   messy
language: 1   # the only one


rules:
- name:   first   # why it is there
  when:
      # only here
      task.platform: [ tiktok,   instagram ]
      task.comment_text: "contains # promo"


  then: approve
- name: second
  when any:
     - {task.round: 1,  task.platform: tiktok}
  then: dispute
  reason: |
     Two lines,
       the second further in.

     # not a comment

# before the deadline
deadline: {decide by: 3h before deadline, if undecided: leave}
# at the end
"""

NEAT = """\
# at the top
policy: messy
language: 1  # the only one

rules:
  - name: first  # why it is there
    when:
      # only here
      task.platform: [tiktok, instagram]
      task.comment_text: "contains # promo"

    then: approve

  - name: second
    when any:
      - {task.round: 1, task.platform: tiktok}
    then: dispute
    reason: |
      Two lines,
        the second further in.

      # not a comment

# before the deadline
deadline: {decide by: 3h before deadline, if undecided: leave}
# at the end
"""


def test_a_messy_text_becomes_neat() -> None:
    """Indents, blank lines and brackets follow one layout; words and comments stay."""
    assert format_policy(MESSY) == NEAT


@pytest.mark.parametrize("name", TEXTS)
def test_our_own_policies_are_laid_out_already(name: str) -> None:
    """What the program brings is what the formatter would write."""
    assert format_policy(TEXTS[name]) == TEXTS[name]


@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_blank_lines_and_comments_anywhere_change_nothing_else(
    name: str, data: st.DataObject
) -> None:
    """Laying out twice is laying out once, and a comment put before a rule stays there."""
    lines = TEXTS[name].split("\n")
    at = data.draw(
        st.sampled_from([i for i, line in enumerate(lines) if line.startswith("  - name")])
    )
    lines[at:at] = data.draw(st.sampled_from([["", "", ""], ["  # hello"], ["", "# hello", ""]]))
    once = format_policy("\n".join(lines))
    assert format_policy(once) == once
    assert once.count("# hello") == "\n".join(lines).count("# hello")


def test_broken_yaml_is_left_alone() -> None:
    """What cannot be read is not rewritten."""
    with pytest.raises(UnreadableError):
        format_policy("policy: [a\nrules: - x")
