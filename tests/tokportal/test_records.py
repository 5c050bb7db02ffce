"""Recorded reviews are read leniently, and judged by what they hold."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.policy.testing.compare import answerer
from reviewbot.tokportal.decode import Drift, UnreadableBody
from reviewbot.tokportal.records import AccountRecord, Record, decode_record
from reviewbot.tokportal.shapes import RECORDED_TASK, attempts_of
from tests.builders import CONFIRMED
from tests.policy.judging import judge_of
from tests.tokportal.support import a_row, an_attempt_row

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
BUNDLE: dict[str, Any] = {
    "id": "bnd_abc123",
    "platform": "tiktok",
    "account": {
        "status": "in_review",
        "username": "lumen.cooks",
        "biography": "One pan.",
        "link_in_bio": None,
        "feedback_history": [],
    },
}
ACCOUNTS = """
applies to: {review: accounts}
rules:
  - name: another name
    when: {profile.differs: contains username}
    then: request corrections
    comment: One thing to mend.
    fields: {username: "Please use {profile.username}."}
  - name: late
    when: {review.waiting_for: at least 60h}
    then: escalate
  - name: same biography
    when: {profile.differs: not contains biography, feedback.corrections_requested: 0}
    then: finalize
"""
UNDECIDED = "deadline: {decide by: 3h before deadline, if undecided: leave, because: x}"


@given(
    attempts=st.lists(
        st.fixed_dictionaries({}, optional=dict.fromkeys(an_attempt_row(), JSON)), max_size=3
    ),
    task=st.fixed_dictionaries({}, optional=dict.fromkeys(a_row(), JSON)),
)
@settings(max_examples=50, deadline=None)
def test_a_record_reads_the_same_fast_and_slow(
    attempts: list[object], task: dict[str, object]
) -> None:
    """The fast decoder and the lenient reading agree on every record."""
    line = json.dumps({"task": task, "attempts": attempts}).encode()
    record = decode_record(line)
    assert isinstance(record, Record)
    parsed = json.loads(line)
    assert record.task == RECORDED_TASK.from_json(parsed["task"], Drift())
    assert record.attempts == attempts_of(parsed["attempts"], Drift())


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"{", b'{"attempts": []}', b'{"task": {}, "at": "noon"}', b"[" * 99_999]
)
def test_a_line_that_is_no_record_is_refused(line: bytes) -> None:
    """A line without a task, or with a moment nobody can read, is an error and no guess."""
    with pytest.raises(UnreadableBody):
        decode_record(line)


@pytest.mark.parametrize(
    ("history", "disputes"),
    [
        ({}, 0),
        (None, 0),
        ({"disputes": 2.0}, 2),
        ({"disputes": -1}, None),
        ({"disputes": "1"}, None),
        (7, None),
    ],
)
def test_a_recorded_history_that_cannot_be_read_is_unknown(
    history: object, disputes: int | None
) -> None:
    """No history means no disputes; an unreadable one means that we do not know."""
    line = json.dumps({"task": {"id": "t"}, "history": history}).encode()
    assert decode_record(line).history.disputes == disputes


def answered(**record: Any) -> tuple[str, str, list[str]]:
    """What the policy above says of a recorded account."""
    judge = judge_of(ACCOUNTS, deadline=UNDECIDED)
    line = json.dumps({"bundle": BUNDLE} | record).encode()
    said = answerer(judge, CONFIRMED)(decode_record(line))
    assert said.id == "bnd_abc123"
    return said.action.value, said.rule, list(said.cannot_tell)


def test_a_recorded_account_is_judged_by_both_profiles() -> None:
    """Only a name that both sides state can be compared; the others stay in doubt."""
    name, rest = {"username": "lumen.backup"}, {"username": "lumen.cooks", "biography": "One pan."}
    assert answered(delivered=name)[:2] == ("request corrections", "another name")
    assert answered(delivered=rest) == ("finalize", "same biography", ["late"])
    assert answered(delivered={"username": "lumen.cooks"})[1:] == (
        "no rule",
        ["late", "same biography"],
    )
    assert answered()[1:] == ("no rule", ["another name", "late", "same biography"])


def test_the_window_of_a_recorded_account_begins_at_first_sight() -> None:
    """Its deadline is 72 hours later; the record's own moment wins."""
    seen = (CONFIRMED - timedelta(hours=61)).isoformat()
    assert answered(first_seen=seen)[:2] == ("escalate", "late")
    late = (CONFIRMED + timedelta(hours=9)).isoformat()
    assert answered(first_seen=seen, at=late)[:2] == ("leave", "deadline")


def test_a_recorded_account_may_hold_anything() -> None:
    """What cannot be read is unknown and noted; a moment that is none is an error."""
    line = json.dumps({"bundle": {"account": {"feedback_history": 7}}, "delivered": 3}).encode()
    record = decode_record(line)
    assert isinstance(record, AccountRecord)
    assert (record.bundle.id, record.bundle.feedback_history, record.delivered) == ("", None, None)
    with pytest.raises(UnreadableBody):
        decode_record(b'{"bundle": {"id": "b"}, "first_seen": "noon"}')


def test_a_policy_for_tasks_asks_a_person_about_accounts() -> None:
    """A record of the other kind is outside its scope."""
    judge = judge_of("rules: [{name: all, always: yes, then: approve}]")
    said = answerer(judge, CONFIRMED)(decode_record(json.dumps({"bundle": BUNDLE}).encode()))
    assert (said.action.value, said.rule) == ("escalate", "no rule")
