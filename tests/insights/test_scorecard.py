"""From the log to cards: what counts as a claim, who counts as a person, what is added up."""

from __future__ import annotations

from typing import Any

import pytest

from reviewbot.domain.decision import Action, State
from reviewbot.insights.grades import Grade
from reviewbot.insights.scorecard import Scorecard, scorecard
from reviewbot.ports.ledger import Ending, Logged, LogNote
from reviewbot.review.shadow import SAYS
from tests.ledger.things import EPOCH, a_decision, after


def logged(action: Action = Action.DISPUTE, state: State = State.HELD, **changes: Any) -> Logged:
    """A decision where it stands."""
    decision = a_decision(action, **({"rule": "r"} | changes))
    return Logged(seq=1, decision=decision, state=state, state_at=after(hours=2))


def an_ending(status: str | None = "finalized", **changes: Any) -> Ending:
    """Somebody in the dashboard ended the round."""
    fields: dict[str, Any] = {
        "review": "comments",
        "task_id": "t1",
        "epoch": EPOCH,
        "by": "other",
        "status": status,
        "at": after(hours=5),
    }
    return Ending(**(fields | changes))


def a_word(
    decision: str, action: str = "approve", who: str = "generous", rule: str = "g"
) -> LogNote:
    """What a challenger said beside a decision."""
    value = {"decision": decision, "says": [action, rule], "who": who}
    return LogNote(topic=SAYS, subject="s", at=after(hours=1), value=value, seq=9)


def grades(card: Scorecard) -> dict[str, dict[Grade, int]]:
    """Each card's counts, by rule and voice."""
    return {
        f"{score.voice}/{score.rule}/{score.action}": dict(score.counts) for score in card.cards
    }


@pytest.mark.parametrize(
    ("ending", "wanted"),
    [
        (an_ending("finalized"), Grade.OVERRULED),
        (an_ending("pending_corrections"), Grade.RIGHT),
        (an_ending("verified_auto"), Grade.RIGHT),
        (an_ending("manually_confirmed"), Grade.RIGHT),
        (an_ending("cancelled"), Grade.CANNOT_KNOW),
        (an_ending("brand_new"), Grade.CANNOT_KNOW),
        (an_ending(None), Grade.CANNOT_KNOW),
        (an_ending(by="silence"), Grade.CANNOT_KNOW),
        (an_ending(by="leave"), Grade.CANNOT_KNOW),
        (an_ending(by="ours"), Grade.CANNOT_KNOW),
        (an_ending(task_id="t2"), Grade.CANNOT_KNOW),
        (an_ending(review="accounts"), Grade.CANNOT_KNOW),
    ],
)
def test_who_ended_a_round_grades_what_a_rule_wanted(ending: Ending, wanted: Grade) -> None:
    """Somebody outside who paid or sent back is a person; the timer and what is unclear are not."""
    card = scorecard([logged()], [ending], [])
    assert grades(card) == {"/r/dispute": {wanted: 1}}


def test_a_question_in_place_of_an_act_is_graded_by_the_answer() -> None:
    """A full cap asked a person, who did what the rule wanted; the person is not graded."""
    asked = logged(Action.ESCALATE, wanted=Action.DISPUTE, held_by="the cap is reached")
    answered = logged(state=State.PERFORMED, decided_by="ana")
    card = scorecard([asked, answered], [], [])
    assert grades(card) == {"/r/dispute": {Grade.RIGHT: 1}}
    (question,) = card.asked
    assert (question.paid, question.sent_back, question.nobody) == (0, 1, 0)


@pytest.mark.parametrize("state", [State.VOID, State.REFUSED, State.OVERTAKEN, State.UNKNOWN])
def test_an_answer_that_did_not_arrive_proves_nothing(state: State) -> None:
    """Only what the API took is a person's word on the round."""
    card = scorecard([logged(Action.APPROVE, decided_by="ana", state=state), logged()], [], [])
    assert grades(card) == {"/r/dispute": {Grade.CANNOT_KNOW: 1}}


def test_a_plain_question_and_a_wait_claim_nothing() -> None:
    """They say neither that it is there nor that it is not."""
    card = scorecard([logged(Action.ESCALATE), logged(Action.WAIT)], [an_ending()], [])
    assert card.cards == () and card.asked[0].paid == 1


def test_words_in_the_shadow_have_cards_of_their_own() -> None:
    """A challenger's, a shadow rule's; one beside a decision of another time is left out."""
    live = logged()
    words = [
        a_word(live.decision.id),
        a_word(live.decision.id, "dispute", who="rule new one", rule="new one"),
        a_word(live.decision.id, "escalate"),
        a_word("long ago"),
    ]
    card = scorecard([live], [an_ending()], words)
    assert grades(card) == {
        "/r/dispute": {Grade.OVERRULED: 1},
        "a shadow rule/new one/dispute": {Grade.OVERRULED: 1},
        "generous/g/approve": {Grade.RIGHT: 1},
    }


def test_a_card_adds_up_counts_and_money() -> None:
    """All that it claimed, and what of it was spoken against."""
    decisions = [logged(task_id=f"t{number}", amount_micros=100_000) for number in range(10)]
    endings = [an_ending(task_id="t0"), an_ending("pending_corrections", task_id="t1")]
    (card,) = scorecard(decisions, endings, []).cards
    assert (card.claims, card.answered, card.against) == (10, 2, 1)
    assert (card.micros, card.micros_against) == (1_000_000, 100_000)
    assert card.interval == (pytest.approx(0.0945, abs=1e-3), pytest.approx(0.9055, abs=1e-3))
