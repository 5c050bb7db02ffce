"""Lists as a table edits them: the entry changes, and nothing else of the text."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.model import ListEntry, Policy
from reviewbot.policy.service.list_edit import CannotEdit, read_until, with_entry, without_entry

TAIL = """
rules:  # kept
  - name: watched
    when: {task.saved_account_id: in list watched}
    then: escalate
deadline: {decide by: 3h before deadline, if undecided: approve, because: In time.}
"""
BLOCK = """policy: lists
language: 1
lists:
  others: [x, y]  # the others
  watched:
    - ada  # the first
    - {id: "b, c", note: "a pair", until: 2027-01-31}
    - id: long
      note: >
        over
        lines
"""
FLOW = "policy: lists\nlanguage: 1\nlists: \n  watched: [ada,\n    bob]  # two\n"
INLINE = "policy: lists\nlanguage: 1\nlists: {watched: [ada, bob]}\n"


def read(text: str) -> Any:
    """As the console reads a draft."""
    return parse_policy(text, path="p.yaml", read=lambda name: b"")


def policy_of(head: str) -> Policy:
    """A policy with these lists."""
    found = read(head + TAIL).policy
    assert found is not None, read(head + TAIL).findings
    return found


def entries(text: str, name: str = "watched") -> dict[str, tuple[str | None, date | None]]:
    """What a list of a text holds."""
    policy = read(text).policy
    assert policy is not None
    (named,) = [named for named in policy.lists if named.name == name]
    return {entry.id: (entry.note, entry.until) for entry in named.entries}


def test_an_entry_is_added_below_the_others_and_every_other_line_stays() -> None:
    """With its note and its end, quoted where it must be."""
    policy = policy_of(BLOCK)
    entry = ListEntry(id="@new: one", note='says "hi"', until=date(2026, 12, 31))
    text = with_entry(policy, "watched", entry, read)

    assert entries(text)["@new: one"] == ('says "hi"', date(2026, 12, 31))
    assert len(entries(text)) == 4
    added = [line for line in text.splitlines() if line not in policy.source.splitlines()]
    assert len(added) == 1 and text.endswith(TAIL)
    assert [line for line in policy.source.splitlines() if line not in text.splitlines()] == []


@pytest.mark.parametrize("value", ["ada", "b, c", "long"])
def test_an_entry_is_taken_out_with_all_its_lines(value: str) -> None:
    """Whether it is a word, a mapping in braces, or one over several lines."""
    policy = policy_of(BLOCK)
    text = without_entry(policy, "watched", value, read)

    assert set(entries(text)) == {"ada", "b, c", "long"} - {value}
    assert entries(text, "others").keys() == {"x", "y"} and text.endswith(TAIL)


def test_an_entry_that_is_there_is_changed_not_doubled() -> None:
    """Its end is another; in whatever letters it is given."""
    text = with_entry(
        policy_of(BLOCK), "watched", ListEntry(id="ADA", until=date(2027, 1, 1)), read
    )

    assert entries(text)["ADA"] == (None, date(2027, 1, 1)) and len(entries(text)) == 3
    alone = policy_of("policy: lists\nlanguage: 1\nlists:\n  watched:\n    - ada\n")
    text = with_entry(alone, "watched", ListEntry(id="ada", note="the only one"), read)
    assert entries(text) == {"ada": ("the only one", None)}


def test_a_list_in_brackets_is_written_one_a_line() -> None:
    """Also one that goes over lines; the other parts stay."""
    for name, head in (("watched", FLOW), ("others", BLOCK)):
        policy = policy_of(head)
        text = with_entry(policy, name, ListEntry(id="new"), read)
        assert "new" in entries(text, name) and len(entries(text, name)) == 3
        assert text.endswith(TAIL)


def test_what_a_table_cannot_change_is_said() -> None:
    """A list inside braces, one that would be empty, a value that is gone, a list that is none, no day."""
    with pytest.raises(CannotEdit, match="only the editor"):
        with_entry(policy_of(INLINE), "watched", ListEntry(id="new"), read)
    one = policy_of("policy: lists\nlanguage: 1\nlists:\n  watched: [ada]\n")
    for act in (
        lambda: without_entry(one, "watched", "ada", read),
        lambda: without_entry(policy_of(BLOCK), "watched", "nobody", read),
        lambda: with_entry(one, "nothing", ListEntry(id="new"), read),
        lambda: read_until("soon"),
    ):
        with pytest.raises(CannotEdit):
            act()
    assert read_until(" ") is None
