"""What a log cannot hold is an error of the thing it belongs to; the log and all else go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reviewbot.domain.decision import Action, State
from reviewbot.domain.errors import LedgerCorrupt, NotRecordable
from reviewbot.ledger.events import LEAST, LONGEST_NAME, MOST, amount_held, check, is_name, prose
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import Ending
from tests.builders import CONFIRMED, an_item
from tests.ledger.things import EPOCH, a_decision, a_policy, after

ODD: dict[str, dict[str, Any]] = {
    "an amount beyond 64 bits": {"amount_micros": 2**63},
    "an amount below 64 bits": {"amount_micros": -(2**63) - 1},
    "a NUL in the account": {"account_id": "a\0b"},
    "a NUL in the task": {"task_id": "t\0"},
    "a NUL in the epoch": {"epoch": "2026\0"},
    "a very long account": {"account_id": "a" * 40_000},
    "half a character": {"account_id": "\ud800"},
    "half a character in prose": {"reason": "\udcff"},
    "a number where a text should be": {"account_id": ["a"]},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("act", ["intend", "record"])
def test_what_cannot_be_held_is_said_of_the_decision(
    ledger: Any, odd: dict[str, Any], act: str
) -> None:
    """Nothing of it is written, the log is not called damaged, and the next decision is taken."""
    decision = a_decision(**({"task_id": "odd"} | odd))
    with pytest.raises(NotRecordable) as told:
        ledger.intend(decision) if act == "intend" else ledger.record(decision, State.HELD)

    assert told.value.exit_code != LedgerCorrupt.exit_code
    assert "damaged" not in str(told.value)
    ledger.intend(a_decision(task_id="fine"))
    assert [logged.decision.task_id for logged in ledger.decisions()] == ["fine"]
    assert ledger.verify().whole


def test_the_field_and_the_thing_are_named(ledger: Any) -> None:
    """With a look at the value, cut short and safe to print."""
    with pytest.raises(NotRecordable) as told:
        ledger.intend(a_decision(amount_micros=10**19))
    assert str(told.value) == (
        "the decision on comments t1 cannot be written down: its amount_micros"
        " 10000000000000000000 is beyond 64 bits"
    )


def test_one_odd_row_leaves_the_others_of_the_list_seen(ledger: Any) -> None:
    """It is not among them; an amount that nobody pays is none."""
    items = [
        an_item(id="a"),
        an_item(id="b\0"),
        replace(an_item(id="c"), amount_micros=2**70),
        an_item(id="d" * 50_000),
    ]
    seen = ledger.sight(items, CONFIRMED)

    assert [task_id for task_id, _ in seen] == ["a", "c"]
    assert [sighting.amount_micros for sighting in ledger.unended("comments")] == [
        items[0].amount_micros,
        None,
    ]
    assert ledger.verify().whole


def test_odd_names_are_asked_for_in_vain(ledger: Any) -> None:
    """They stand nowhere, and what is asked for beside them is found."""
    ledger.intend(a_decision())
    odd = ["x\0", "\ud800", "y" * 50_000]

    assert set(ledger.memories("comments", ["t1", *odd])) == {"t1"}
    assert ledger.memories("comments", odd) == {}
    found = ledger.accounts("comments", ["a1", *odd], after(hours=2))
    assert found["a1"].approvals_30d == 1
    assert [found[name].approvals_30d for name in odd] == [0, 0, 0]


def test_what_the_api_answered_is_made_to_fit(ledger: Any) -> None:
    """An outcome must be written down whatever its text: what was sent cannot be unsent."""
    decision = a_decision()
    ledger.intend(decision)
    ledger.mark(decision.id, State.UNKNOWN, after(hours=1), note="a\0b\ud800", request_id="r\0")
    ledger.end(
        Ending(
            review="comments",
            task_id="t1",
            epoch=EPOCH,
            by="other",
            status="final\0",
            at=after(hours=2),
            amount_micros=2**80,
            note="c\0",
        )
    )

    (logged,) = ledger.decisions()
    assert (logged.note, logged.request_id) == ("a\ufffdb?", "r\ufffd")
    (ending,) = ledger.endings()
    assert (ending.status, ending.amount_micros, ending.note) == ("final\ufffd", None, "c\ufffd")
    assert ledger.verify().whole


def test_odd_words_and_texts_are_refused_alike(ledger: Any) -> None:
    """A note's name, a note's value, a policy's text."""
    for subject, value in (("a\0", {}), ("a", {"x": object()}), ("a", {"x": "\ud800"})):
        with pytest.raises(NotRecordable):
            ledger.note("topic", subject, value, CONFIRMED)
    with pytest.raises(NotRecordable):
        ledger.remember_policy(a_policy(source="\ud800"), CONFIRMED)
    ledger.note("topic", "a", {"x": 1}, CONFIRMED)
    assert len(ledger.notes("topic")) == 1
    assert ledger.verify().whole


@pytest.mark.parametrize("name", ["a\0", "\ud800", 2**64])
def test_a_question_that_no_database_takes_is_no_damage(
    database_url: str, opened: Callable[..., Any], name: Any
) -> None:
    """The last net, for what nobody looked at before: it is about the value that was given."""
    ledger = opened(database_url)
    try:
        assert ledger.decisions(task_id=name) == []
    except NotRecordable as error:
        assert "the log itself is well" in str(error)
    ledger.intend(a_decision())
    assert ledger.verify().whole


@given(text=st.text(st.characters(), max_size=40), number=st.integers(-(2**70), 2**70))
def test_what_is_said_to_fit_fits(text: str, number: int) -> None:
    """Names and amounts that pass are written down, and only those that do not are refused."""
    held = is_name(text) and amount_held(number) == number
    decision = a_decision(Action.DISPUTE, account_id=text, amount_micros=number)
    memory = open_ledger("memory:")
    if held:
        memory.intend(decision)
        assert memory.decisions()[0].decision.account_id == text
    else:
        with pytest.raises(NotRecordable):
            memory.intend(decision)


def test_prose_and_edges() -> None:
    """Nothing is changed that fits; the longest name and the largest number just do."""
    assert (prose(None), prose("straße"), prose("a\0")) == (None, "straße", "a\ufffd")
    check("it", name="n" * LONGEST_NAME, umlauts="ü" * (LONGEST_NAME // 2), most=MOST, none=None)
    for value in ("n" * (LONGEST_NAME + 1), "ü" * (LONGEST_NAME // 2 + 1), MOST + 1):
        with pytest.raises(NotRecordable, match="its field"):
            check("it", field=value)
    assert [amount_held(edge) for edge in (LEAST, MOST)] == [LEAST, MOST]
    assert [amount_held(beyond) for beyond in (LEAST - 1, MOST + 1)] == [None, None]
