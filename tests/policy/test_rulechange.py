"""What counts as a changed rule: its meaning, not its place, its spelling or its comments."""

from __future__ import annotations

import pytest

from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.change import changed_rules

TEXT = """
policy: p
language: 1
lists:
  watched: [ana, ben]
rules:
  - name: one
    when:
      task.platform: tiktok
      last.comments_scraped: between 1 and 99
    then: dispute
    reason: gone
  - name: two
    when:
      task.saved_account_id: in list watched
    then: approve
  - name: three
    always: yes
    then: escalate
reasons:
  gone: Please post it again, as written.
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: In time.
"""


def read(text: str) -> Policy:
    """A policy that must be usable."""
    parsed = parse_policy(text, path="p.yaml", read=lambda name: b"")
    assert parsed.policy is not None, parsed.findings
    return parsed.policy


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("", "", set()),
        ("policy: p", "\n\npolicy:   p", set()),
        ("between 1 and 99", "between 1 and 98", {"one"}),
        ("Please post it again", "Do post it again", {"one"}),
        ("task.platform: tiktok", "task.comment_text: contains promo", {"one"}),
        ("[ana, ben]", "[ana, ben, cem]", {"two"}),
        ("then: escalate", "then: approve", {"three"}),
        ("name: three", "name: third", set()),
        ("    always: yes\n", "    always: yes\n    note: for readers\n", set()),
        ("if undecided: approve", "if undecided: leave", {"deadline"}),
        ("3h before", "4h before", {"deadline"}),
        ("because: In time.", "because: Other words.", set()),
    ],
)
def test_the_rules_whose_meaning_changed_are_named(old: str, new: str, changed: set[str]) -> None:
    """By the name they have now; the fallback is called deadline."""
    assert changed_rules(read(TEXT), read(TEXT.replace(old, new, 1) if old else TEXT)) == changed


def test_another_word_in_a_text_test_is_a_change() -> None:
    """`contains promo` and `contains spam` are not the same."""
    one = TEXT.replace("task.platform: tiktok", "task.comment_text: contains promo")

    assert changed_rules(read(one), read(one.replace("promo", "spam"))) == {"one"}


def test_without_an_old_policy_everything_is_new() -> None:
    """Also the fallback."""
    assert changed_rules(None, read(TEXT)) == {"one", "two", "three", "deadline"}


def test_a_moved_rule_is_the_same_rule() -> None:
    """Order is told elsewhere."""
    text = TEXT.replace("  - name: three\n    always: yes\n    then: escalate\n", "")
    asks = "  - name: three\n    when:\n      task.round: 3\n    then: escalate\n"
    first = text.replace("rules:\n", "rules:\n" + asks)
    last = text.replace("reasons:\n", asks + "reasons:\n")

    assert changed_rules(read(last), read(first)) == frozenset()
