"""What became of a round is read off the thing as it stands now, for both kinds of review."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.domain.account import FeedbackEntry
from reviewbot.domain.decision import Action, Decision, State
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.round_state import (
    RoundState,
    by_silence,
    fate,
    fits,
    settle,
    shows_our_text,
    waits,
)
from tests.builders import CONFIRMED, an_account_item, an_item
from tests.ledger.things import a_decision

DEADLINE = CONFIRMED + timedelta(hours=72)
EPOCH = an_item().epoch


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, RoundState.WAITING),
        ({"manually_confirmed_at": CONFIRMED + timedelta(hours=9)}, RoundState.MOVED_ON),
        ({"status": "manually_confirmed", "manually_confirmed_at": None}, RoundState.UNREADABLE),
        ({"status": "finalized"}, RoundState.PAID),
        ({"status": "finalized", "manually_confirmed_at": None}, RoundState.MOVED_ON),
        ({"status": "pending_corrections", "manually_confirmed_at": None}, RoundState.SENT_BACK),
        ({"status": "pending"}, RoundState.MOVED_ON),
        ({"status": "submitted"}, RoundState.MOVED_ON),
        ({"status": "verified_auto"}, RoundState.MOVED_ON),
        ({"status": "cancelled"}, RoundState.GONE),
        ({"status": "rejected"}, RoundState.GONE),
        ({"status": "a new word"}, RoundState.UNREADABLE),
        ({"status": None}, RoundState.UNREADABLE),
    ],
)
def test_a_status_and_an_epoch_tell_the_fate(changes: dict[str, Any], found: RoundState) -> None:
    """The same round, another one, or a status that says nothing."""
    assert fate(an_item(**changes), EPOCH) is found


@pytest.mark.parametrize(
    ("finalized", "deadline", "silent"),
    [
        (DEADLINE, DEADLINE, True),
        (DEADLINE + timedelta(seconds=1), DEADLINE, True),
        (DEADLINE - timedelta(seconds=1), DEADLINE, False),
        (DEADLINE, DEADLINE.replace(microsecond=500_000), True),
        (None, DEADLINE, False),
        (DEADLINE, None, False),
    ],
)
def test_silence_finalizes_at_the_deadline(finalized: Any, deadline: Any, silent: bool) -> None:
    """Before it, somebody did."""
    assert by_silence(an_item(status="finalized", finalized_at=finalized), deadline) is silent


@pytest.mark.parametrize(("minutes", "silent"), [(-61, False), (-60, True), (0, True)])
def test_silence_may_come_before_an_estimate(minutes: int, silent: bool) -> None:
    """We counted from our first sight; the round may have begun up to an hour before."""
    finalized = an_item(status="finalized", finalized_at=DEADLINE + timedelta(minutes=minutes))
    assert by_silence(finalized, DEADLINE, estimated=True) is silent
    assert by_silence(finalized, DEADLINE) is (minutes >= 0)
    assert not by_silence(finalized, None, estimated=True)


@pytest.mark.parametrize(
    ("action", "review", "status", "fitting"),
    [
        (Action.APPROVE, "comments", "finalized", True),
        (Action.APPROVE, "comments", "manually_confirmed", False),
        (Action.APPROVE, "comments", "a new word", False),
        (Action.DISPUTE, "comments", "pending_corrections", True),
        (Action.DISPUTE, "comments", "a new word", True),
        (Action.DISPUTE, "comments", "manually_confirmed", False),
        (Action.DISPUTE, "comments", "finalized", False),
        (Action.DISPUTE, "comments", "cancelled", False),
        (Action.FINALIZE, "accounts", "finalized", True),
        (Action.FINALIZE, "accounts", "in_review", False),
        (Action.REQUEST_CORRECTIONS, "accounts", "corrections_requested", True),
        (Action.REQUEST_CORRECTIONS, "accounts", "in_review", False),
    ],
)
def test_an_answer_names_a_status_that_fits_the_act(
    action: Action, review: Any, status: str, fitting: bool
) -> None:
    """A payment must be named as one; what sends back may be named by a new word."""
    assert fits(action, review, status) is fitting


def test_an_account_shows_the_last_request_for_corrections() -> None:
    """Our words are looked for in the newest request, not in an earlier one or in an answer to it."""
    ours = decision_on(an_account_item(), Action.REQUEST_CORRECTIONS, "Please set the name.")
    history = [said("corrections_requested", "Please set the  name."), said("corrections_applied")]

    assert shows_our_text(ours, an_account_item(feedback_history=tuple(history))) is True
    history.append(said("corrections_requested", "Another wish."))
    assert shows_our_text(ours, an_account_item(feedback_history=tuple(history))) is False
    assert shows_our_text(ours, an_account_item(feedback_history=())) is None
    assert shows_our_text(ours, an_account_item(feedback_history=None)) is None


def test_a_decision_without_words_shows_none() -> None:
    """An approval leaves no text to look for."""
    ours = replace(a_decision(Action.APPROVE), reason=None)
    assert shows_our_text(ours, an_item(correction_required="Somebody's words")) is None


def test_a_payment_at_an_estimated_deadline_is_ours() -> None:
    """Nobody knows when silence would have paid, so it is no proof of silence."""
    item = an_item(status="finalized", finalized_at=DEADLINE)
    ours = replace(a_decision(Action.APPROVE), epoch=EPOCH, deadline_at=DEADLINE)

    assert settled(ours, item) == "overtaken"
    assert settled(replace(ours, deadline_is_estimate=True), item) == "settled"


def settled(decision: Decision, item: ReviewItem) -> str | None:
    """The state that a reading settles, if it does."""
    found = settle(decision, item)
    return None if found is None else found[0].value


def decision_on(item: ReviewItem, action: Action, reason: str) -> Decision:
    """A decision of ours on an account."""
    return replace(a_decision(action), review=item.review, epoch=item.epoch, reason=reason)


def said(kind: str, comment: str | None = None) -> FeedbackEntry:
    """One entry of an account's feedback."""
    return FeedbackEntry(type=kind, comment=comment, requested_at=CONFIRMED)


# To the letter -------------------------------------------------------------------------------


def reading(action: Action, changes: dict[str, Any], **decided: Any) -> tuple[State, str] | None:
    """What a reading of the task settles of a write in its first round."""
    fields: dict[str, Any] = {"epoch": EPOCH, "deadline_at": DEADLINE, "reason": "Post it again."}
    return settle(replace(a_decision(action), **(fields | decided)), an_item(**changes))


PAID = {"status": "finalized", "finalized_at": DEADLINE - timedelta(seconds=1)}
SILENT = {"status": "finalized", "finalized_at": DEADLINE}
NEXT_ROUND = {"manually_confirmed_at": CONFIRMED + timedelta(hours=1)}


@pytest.mark.parametrize(
    ("action", "changes", "state", "note"),
    [
        (Action.APPROVE, PAID, State.SETTLED, "it is finalized, as we asked"),
        (
            Action.APPROVE,
            SILENT,
            State.OVERTAKEN,
            "it was finalized at its deadline, by silence",
        ),
        (
            Action.APPROVE,
            {"status": "pending_corrections"},
            State.OVERTAKEN,
            "someone else sent it back (it is pending_corrections now)",
        ),
        (
            Action.APPROVE,
            NEXT_ROUND,
            State.OVERTAKEN,
            "someone else sent it back (it is manually_confirmed now)",
        ),
        (Action.APPROVE, {"status": "rejected"}, State.OVERTAKEN, "it is rejected now"),
        (Action.DISPUTE, {"status": "cancelled"}, State.OVERTAKEN, "it is cancelled now"),
        (Action.DISPUTE, SILENT, State.OVERTAKEN, "it was finalized by silence"),
        (Action.DISPUTE, PAID, State.OVERTAKEN, "it was finalized by someone else"),
        (
            Action.DISPUTE,
            {"status": "pending", "correction_required": "So:  Post it\nagain. Now."},
            State.SETTLED,
            "our text stands there",
        ),
        (
            Action.DISPUTE,
            {"status": "pending_corrections", "correction_required": "Post another."},
            State.OVERTAKEN,
            "another text than ours stands there",
        ),
        (
            Action.DISPUTE,
            {"status": "pending_corrections"},
            State.SETTLED,
            "it is pending_corrections, as we asked",
        ),
        (
            Action.DISPUTE,
            {"status": "submitted"},
            State.SETTLED,
            "the round has moved on, and our text can no longer be seen",
        ),
    ],
)
def test_a_reading_settles_a_write_in_words(
    action: Action, changes: dict[str, Any], state: State, note: str
) -> None:
    """What became of it, and why we think so."""
    assert reading(action, changes) == (state, note)


@pytest.mark.parametrize("changes", [{}, {"status": "a new word"}, {"status": None}])
@pytest.mark.parametrize("action", [Action.APPROVE, Action.DISPUTE])
def test_a_reading_that_tells_nothing_settles_nothing(
    action: Action, changes: dict[str, Any]
) -> None:
    """It still waits, or nobody knows the word."""
    assert reading(action, changes) is None


def test_a_text_is_ours_however_it_is_composed() -> None:
    """One letter of two characters reads as the same letter of one."""
    ours = replace(a_decision(Action.DISPUTE), reason="Caf\u00e9")
    assert shows_our_text(ours, an_item(correction_required="a cafe\u0301 Cafe\u0301!")) is True
    assert shows_our_text(ours, an_item(correction_required="Cafe")) is False
    assert shows_our_text(replace(ours, reason=""), an_item(correction_required="x")) is None


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("in_review", RoundState.WAITING),
        ("finalized", RoundState.PAID),
        ("corrections_requested", RoundState.SENT_BACK),
        ("pending_corrections", RoundState.SENT_BACK),
        ("pending", RoundState.MOVED_ON),
        ("configured", RoundState.MOVED_ON),
        ("published", RoundState.MOVED_ON),
        ("cancelled", RoundState.GONE),
        ("rejected", RoundState.UNREADABLE),
    ],
)
def test_an_account_s_status_tells_its_fate(status: str, found: RoundState) -> None:
    """In its own words."""
    item = an_account_item(account_status=status)
    assert fate(item, "1") is found
    assert waits(item) is (found is RoundState.WAITING)


def test_a_thing_without_a_round_is_in_no_round() -> None:
    """Nothing is the same as nothing, but not as a round."""
    item = an_item(status="finalized", manually_confirmed_at=None)
    assert fate(item, None) is RoundState.MOVED_ON
    assert not waits(item)
    assert waits(an_item())
