"""Their JSON is read strictly where we use it and leniently everywhere else."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.domain.task import Attempt, CommentTask
from reviewbot.tokportal.decode import Drift, UnreadableBody
from reviewbot.tokportal.shapes import RECORDED_TASK, TASK, TIMELINE, attempts_of
from tests.tokportal.support import a_row, an_attempt_row

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def read(row: object) -> tuple[CommentTask | None, Drift]:
    """Read a row as an answer would be."""
    drift = Drift()
    return TASK.read(json.dumps(row).encode(), drift), drift


def test_a_documented_row_is_read_whole() -> None:
    """Every documented field arrives, and there is nothing to note."""
    task, drift = read(a_row())
    assert task is not None
    assert task.cm_payout_amount == 0.24
    assert task.manually_confirmed_at == datetime(2026, 6, 2, 11, 45, 40, tzinfo=UTC)
    assert (drift.wrong, drift.values) == ((), ())


@pytest.mark.parametrize(
    ("field", "value", "note"),
    [
        ("cm_payout_amount", "0.24", "task.cm_payout_amount: expected a number, got text"),
        ("cm_payout_amount", float("nan"), "task.cm_payout_amount: expected a number, got not a number"),
        ("cm_payout_amount", float("inf"), "task.cm_payout_amount: expected a number, got a number"),
        ("cm_payout_amount", True, "task.cm_payout_amount: expected a number, got yes or no"),
        ("comment_text", 5, "task.comment_text: expected a text, got a number"),
        ("submitted_at", "2026-06-02T08:10:05", "task.submitted_at: expected a moment with a zone, got text"),
        ("submitted_at", 1780000000, "task.submitted_at: expected a moment with a zone, got a number"),
        ("execution_blocked", "yes", "task.execution_blocked: expected yes or no, got text"),
        ("status", ["manually_confirmed"], "task.status: expected a text, got a list"),
    ],
)  # fmt: skip
def test_a_field_of_another_type_is_unknown_and_noted(field: str, value: object, note: str) -> None:
    """Such a field becomes unknown; every other field keeps its value."""
    task, drift = read(a_row(**{field: value}))
    assert task is not None
    assert getattr(task, field) is None
    assert note in drift.wrong
    assert task.id == a_row()["id"]
    assert task.updated_at is not None


def test_new_fields_and_values_are_tolerated_and_noted_once() -> None:
    """What the API adds changes nothing, and is said once."""
    drift = Drift()
    for _ in range(3):
        task = TASK.read(json.dumps(a_row(mood="fine", status="reviewing")).encode(), drift)
    assert task is not None
    assert task.status == "reviewing"
    assert drift.wrong == ()
    assert drift.values == ("task.status: 'reviewing'",)


def test_a_note_is_taken_at_every_reading() -> None:
    """Rows are remembered only when there was nothing to note about them."""
    body = json.dumps(a_row(comment_text=None)).encode()
    for _ in range(2):
        drift = Drift()
        for _ in range(2):
            TASK.read(body, drift)
        assert drift.wrong == ("task.comment_text: expected a text, got null",)


def test_a_field_the_api_stopped_sending_is_noted() -> None:
    """A documented field that is absent is unknown, and named."""
    row = a_row()
    del row["manually_confirmed_at"]
    task, drift = read(row)
    assert task is not None
    assert task.manually_confirmed_at is None
    assert drift.wrong == ("task.manually_confirmed_at: missing",)


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_at_the_edge_of_the_calendar_is_none(edge: str) -> None:
    """No window can be counted from it, so it is unknown, and noted."""
    task, drift = read(a_row(client_dispute_deadline_at=edge))
    assert task is not None
    assert task.client_dispute_deadline_at is None
    assert drift.wrong == (
        "task.client_dispute_deadline_at: expected a moment with a zone, got text",
    )


def test_a_broken_letter_in_the_name_of_a_field_is_no_json() -> None:
    """It is refused as every other text that is none."""
    body = json.dumps(a_row()).encode().replace(b"submitted_at", b"submitted\xff_at")
    with pytest.raises(UnreadableBody):
        TASK.read(body, Drift())


@pytest.mark.parametrize("bad", [None, 5, "", "..", "a\nb", "x" * 300])
def test_a_row_without_a_usable_id_is_skipped_and_noted(bad: object) -> None:
    """A task that cannot be asked for is no task, but it is never dropped silently."""
    task, drift = read(a_row(id=bad))
    assert task is None
    assert any(note.startswith("task.id") for note in drift.wrong)


@given(field=st.sampled_from(sorted(a_row())), value=JSON)
def test_no_value_of_any_field_breaks_the_reading(field: str, value: object) -> None:
    """Whatever stands in a field, the row is read and no value of another type comes through."""
    task, _ = read(a_row(**{field: value}))
    if task is None:
        assert field == "id"
        return
    kinds = {"cm_payout_amount": float, "execution_blocked": bool}
    found = getattr(task, field)
    expected = datetime if field.endswith("_at") else kinds.get(field, str)
    assert found is None or type(found) is expected
    assert not isinstance(found, datetime) or found.tzinfo is not None


@given(row=JSON)
def test_no_row_breaks_the_reading(row: object) -> None:
    """Anything at all may stand where a task should be."""
    task, drift = read(row)
    assert task is None
    assert drift.wrong


def test_a_timeline_keeps_its_order_and_its_unreadable_attempts() -> None:
    """An attempt that is no object was still an attempt, of which nothing is known."""
    body = {
        "task_id": "t",
        "status": "submitted",
        "attempts": [an_attempt_row(comments_scraped=87.0), 5],
    }
    drift = Drift()
    timeline = TIMELINE.read(json.dumps(body).encode(), drift)
    assert timeline is not None
    assert timeline.attempts[0].comments_scraped == 87
    assert timeline.attempts[1] == Attempt()
    assert drift.wrong == ("attempt: expected an object, got a number",)


@pytest.mark.parametrize(
    "body", [[], {"task_id": "t"}, {"task_id": "t", "attempts": {}}, {"attempts": []}]
)
def test_a_timeline_without_attempts_is_no_timeline(body: object) -> None:
    """An answer without the list is not an empty list."""
    drift = Drift()
    assert TIMELINE.read(json.dumps(body).encode(), drift) is None
    assert drift.wrong


def test_recorded_attempts_that_are_no_list_are_not_at_hand() -> None:
    """None is no evidence at hand; an empty list is evidence that there were no attempts."""
    drift = Drift()
    assert attempts_of(None, drift) is None
    assert attempts_of([], drift) == ()
    assert drift.wrong == ()
    assert attempts_of("x", drift) is None
    assert drift.wrong == ("attempts: expected a list, got text",)


def test_a_recorded_task_may_hold_little() -> None:
    """What a record leaves out is unknown, and no news."""
    drift = Drift()
    assert RECORDED_TASK.from_json({"id": "t"}, drift) == CommentTask(id="t")
    assert RECORDED_TASK.from_json({}, drift) == CommentTask(id="")
    assert drift.wrong == ()
