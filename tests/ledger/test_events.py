"""Each event to the letter: the line that it writes and the row that it leads to."""

from __future__ import annotations

import json
import zlib
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.domain.decision import CLAIMED, NEXT_STATES, Action, State
from reviewbot.domain.errors import AlreadyIntended, LedgerError, OutOfDate
from reviewbot.ledger.events import (
    FINAL,
    check_step,
    ended,
    marked,
    noted,
    recorded,
    remembered,
    seen,
    to_micros,
)
from reviewbot.ledger.mapping import ending_from_line, round_subject, step_from_line
from reviewbot.ledger.tables import ChainLine, DecisionRow, RoundRow
from reviewbot.ports.ledger import Ending
from tests.builders import CONFIRMED, an_item
from tests.ledger.things import EPOCH, a_decision, a_policy, after

AT = to_micros(after(hours=1))
DECISION = a_decision()
SUBJECT = f"comments\x1ft1\x1f{EPOCH}"


def a_row(**changes: Any) -> DecisionRow:
    """The row of the decision, recorded by line 3 as an intent."""
    fields: dict[str, Any] = {
        "seq": 3,
        "id": DECISION.id,
        "recorded": 3,
        "last": 3,
        "review": "comments",
        "task_id": "t1",
        "epoch": EPOCH,
        "action": "approve",
        "rule": DECISION.rule,
        "policy": "comments",
        "account_id": "a1",
        "amount_micros": 240_000,
        "by_person": 0,
        "state": "intent",
        "state_at": AT,
        "tries": 1,
        "intended_at": AT,
        "settled_at": None,
        "note": None,
        "request_id": None,
    }
    return DecisionRow(**(fields | changes))


@pytest.mark.parametrize("state", [State.INTENT, State.HELD])
def test_a_decision_is_recorded_for_the_first_time(state: State) -> None:
    """In full, at the moment it was made; its bulk apart."""
    line, row = recorded(DECISION, state, 3, None)

    intended_at = AT if state is State.INTENT else None
    tries = int(state is State.INTENT)
    assert row == a_row(state=state.value, intended_at=intended_at, tries=tries)
    assert (line.seq, line.at, line.kind) == (3, AT, state.value)
    assert (line.subject, line.prior) == (DECISION.id, 0)
    step = step_from_line(line.body, line.text)
    assert (step.first, step.recorded, step.tries, step.intended_at) == (3, 3, tries, intended_at)
    assert step.decision == replace(DECISION, trace=b"null", facts=b"null")
    assert line.detail is not None
    assert zlib.decompress(line.detail) == b"[" + DECISION.trace + b"," + DECISION.facts + b"]"


def test_a_decision_is_recorded_again() -> None:
    """It keeps its first number, names the line before, and each intent counts as a try."""
    before = a_row(state="void", intended_at=None, last=5, tries=1)
    held = recorded(DECISION, State.HELD, 9, before)[1]
    assert held == a_row(recorded=9, last=9, state="held", intended_at=None)
    line, row = recorded(DECISION, State.INTENT, 9, before)
    assert row == a_row(recorded=9, last=9, tries=2)
    assert (line.seq, line.prior) == (9, 5)
    step = step_from_line(line.body, line.text)
    assert (step.first, step.recorded, step.intended_at) == (3, 9, AT)


@pytest.mark.parametrize("state", sorted(NEXT_STATES[State.INTENT]))
def test_what_became_of_an_intent_is_marked(state: State) -> None:
    """With its note and request; settled where that is known for good."""
    at = after(hours=2)
    line, row = marked(DECISION.id, a_row(recorded=4, last=5), state, at, 7, "a note", "req_1")

    settled = to_micros(at) if state in FINAL else None
    assert row == a_row(
        recorded=4,
        last=7,
        state=state.value,
        state_at=to_micros(at),
        settled_at=settled,
        note="a note",
        request_id="req_1",
    )
    text = b'{"note":"a note"}'
    assert line == ChainLine(
        7, to_micros(at), state.value, DECISION.id, 5, line.body, None, text=text
    )
    body = {
        "first": 3,
        "recorded": 4,
        "tries": 1,
        "intended_at": AT,
        "request_id": "req_1",
    }
    assert json.loads(line.body) == body | ({} if settled is None else {"settled_at": settled})


@pytest.mark.parametrize(
    ("before", "state", "message"),
    [
        (None, State.VOID, "decision d1 is not in the log, so nothing can become of it"),
        ("performed", State.REFUSED, "decision d1: refused cannot follow performed"),
        ("unknown", State.PERFORMED, "decision d1: performed cannot follow unknown"),
    ],
)
def test_what_cannot_become_of_it_is_refused(
    before: str | None, state: State, message: str
) -> None:
    """In words that name both states."""
    row = None if before is None else a_row(state=before)
    with pytest.raises(LedgerError) as caught:
        marked("d1", row, state, CONFIRMED, 7, None, None)
    assert str(caught.value) == message


def test_what_somebody_else_was_at_meanwhile_is_not_marked() -> None:
    """Two processes may find out about one write: the second learns that it was not the first."""
    row = a_row(state="performed")
    with pytest.raises(
        OutOfDate, match=r"decision d1: somebody else found it performed meanwhile$"
    ):
        marked("d1", row, State.VOID, CONFIRMED, 7, None, None, State.UNKNOWN)
    assert (
        marked("d1", row, State.VOID, CONFIRMED, 7, None, None, State.PERFORMED)[1].state == "void"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"epoch": None},
            "task t1: approve in the round without a name sends nothing, so it cannot be an intent",
        ),
        (
            {"action": Action.WAIT},
            f"task t1: wait in the round {EPOCH} sends nothing, so it cannot be an intent",
        ),
    ],
)
def test_what_nothing_could_carry_out_is_no_intent(changes: dict[str, Any], message: str) -> None:
    """It may be held."""
    decision = replace(DECISION, **changes)
    with pytest.raises(LedgerError) as caught:
        check_step(decision, State.INTENT, None)
    assert str(caught.value) == message
    check_step(decision, State.HELD, None)


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize("state", [State.INTENT, State.HELD, State.PERFORMED])
def test_a_step_follows_or_is_refused_in_words(before: State, state: State) -> None:
    """A claimed round is another error than a step that makes no sense."""
    row = a_row(state=before.value)
    if state in NEXT_STATES[before]:
        check_step(DECISION, state, row)
        return
    with pytest.raises(LedgerError) as caught:
        check_step(DECISION, state, row)
    if before in CLAIMED:
        assert type(caught.value) is AlreadyIntended
        assert str(caught.value) == (
            f"task t1: the round {EPOCH} already has an intent that is not void, so approve is not"
            " sent"
        )
    else:
        assert type(caught.value) is LedgerError
        assert str(caught.value) == f"decision {DECISION.id}: {state} cannot follow {before}"


def test_a_first_step_is_one_of_three() -> None:
    """Nothing is performed out of nothing."""
    with pytest.raises(LedgerError, match=r"performed cannot follow nothing$"):
        check_step(DECISION, State.PERFORMED, None)


ITEM = replace(an_item(), id="t1", epoch=EPOCH)
ROUND = RoundRow(
    "comments",
    "t1",
    EPOCH,
    4,
    AT,
    to_micros(CONFIRMED + timedelta(hours=72)),
    240_000,
    None,
    None,
    None,
    None,
    None,
)


def test_a_round_is_seen() -> None:
    """With its deadline and its amount; without a round's name it has an empty one."""
    line, row = seen(ITEM, after(hours=1), 4)
    assert row == ROUND
    assert line == ChainLine(4, AT, "seen", SUBJECT, 0, line.body, None)
    assert json.loads(line.body) == {
        "review": "comments",
        "task_id": "t1",
        "epoch": EPOCH,
        "deadline_at": ROUND.deadline_at,
        "amount_micros": 240_000,
    }
    bare, bare_row = seen(replace(ITEM, epoch=None, deadline_at=None), after(hours=1), 4)
    assert bare.subject == "comments\x1ft1\x1f"
    assert (bare_row.epoch, bare_row.deadline_at) == ("", None)


@pytest.mark.parametrize("before", [None, ROUND])
def test_a_round_ends(before: RoundRow | None) -> None:
    """Also one that was never seen."""
    ending = Ending(
        review="comments",
        task_id="t1",
        epoch=EPOCH,
        by="silence",
        status="finalized",
        at=after(hours=80),
        amount_micros=230_000,
        note="nobody",
    )
    line, row = ended(ending, 9, before)
    at = to_micros(after(hours=80))
    text = b'{"note":"nobody"}'
    prior = before.last if before else 0
    assert line == ChainLine(9, at, "ended", SUBJECT, prior, line.body, None, text=text)
    assert ending_from_line(line.body, line.text) == ending
    assert ending_from_line(line.body, None) == replace(ending, note=None)
    bare = replace(ROUND, first_seen_at=None, deadline_at=None, amount_micros=None)
    assert row == replace(
        before or bare,
        last=9,
        ended_at=at,
        ended_by="silence",
        end_status="finalized",
        end_amount_micros=230_000,
        end_note="nobody",
    )


def test_a_policy_is_remembered_by_its_revision() -> None:
    """Its texts apart, compressed."""
    policy = a_policy()
    line = remembered(policy, after(hours=1), 2)
    assert line.detail is not None
    assert line == ChainLine(
        2, AT, "policy", f"policy\x1f{policy.revision}", 0, line.body, line.detail
    )
    assert json.loads(line.body) == {
        "revision": policy.revision,
        "name": "comments",
        "path": "policies/comments.yaml",
    }
    assert json.loads(zlib.decompress(line.detail)) == {
        "source": "policy: comments\n",
        "files": {"vip.txt": "one\ntwo\n"},
    }


def test_a_word_is_noted_by_its_topic_and_subject() -> None:
    """After the word before it."""
    line = noted("pause", "all", {"on": True}, after(hours=1), 8, 6)
    text = b'{"value":{"on":true}}'
    assert line == ChainLine(8, AT, "note", "note\x1fpause\x1fall", 6, line.body, None, text=text)
    body = json.loads(line.body)
    assert (body["topic"], body["subject"], "value" in body) == ("pause", "all", False)


def test_a_round_has_a_name_of_three_parts() -> None:
    """That no text of the API can hold."""
    assert round_subject("comments", "t1", EPOCH) == SUBJECT
