"""A statement against the simulator: the whole bot, with a rule that nobody proved, pays nothing it forbids."""

from __future__ import annotations

import pytest

from reviewbot.core.questions import open_questions
from reviewbot.domain.decision import Action
from reviewbot.domain.errors import Halted
from reviewbot.review.answer import PersonAnswer, answer
from tests.acceptance.house import POLICY, House, house

BLIND = "nothing is paid where the checker saw nothing"
NEVER = f"""
never:
  - name: {BLIND}
    when any:
      - last.comments_scraped: 0
      - last.outcome_kind: scrape_failed
    then: approve
"""


def paid(there: House) -> set[str]:
    """The tasks that an approval of ours paid."""
    ours = (effect for effect in there.world.effects if effect.by == "client")
    return {effect.task_id for effect in ours if effect.action == "approve"}


def blind(there: House) -> set[str]:
    """The tasks that the log says were kept back by the statement."""
    logged = there.app.ledger.decisions()
    return {entry.decision.task_id for entry in logged if BLIND in (entry.decision.held_by or "")}


@pytest.mark.parametrize("but", ["", "    but: deadline\n"])
def test_a_statement_stops_a_write_of_the_whole_bot(but: str) -> None:
    """Three days of passes: what it forbids is asked, alarmed, and paid by the deadline or by silence."""
    with house(policy=POLICY + NEVER + but, tasks=40) as without, house(tasks=40) as free:
        for there in (without, free):
            there.poll()
        stopped = blind(without)
        assert stopped and stopped == paid(free) - paid(without)
        told = [about for event, about in without.events if event == "alarm"]
        (alarm,) = (event for event in told if event["kind"] == "statement")
        assert BLIND in alarm["sentence"]
        silent = "will be paid by silence" in alarm["sentence"]
        assert silent is not bool(but), alarm["sentence"]
        for _ in range(38):
            without.poll(120)
        assert bool(stopped & paid(without)) is bool(but)
        ours = [logged.decision for logged in without.app.ledger.decisions() if logged.intended_at]
        assert all(
            decision.rule == "deadline"
            for decision in ours
            if decision.action is Action.APPROVE and decision.wanted
        )


@pytest.mark.parametrize(("but", "done"), [("", False), ("    but: people\n", True)])
def test_a_persons_answer_is_asked_as_well(but: str, done: bool) -> None:
    """It is refused with the name of the statement, told to others, and the question stays open."""
    with house(policy=POLICY + NEVER + but, tasks=40) as there:
        there.poll()
        kept = blind(there)
        question = next(
            round_
            for round_ in open_questions(there.app.ledger, there.clock.now())
            if round_.sighting.task_id in kept
        )
        reply = PersonAnswer(action=Action.APPROVE, who="ana")
        if done:
            assert answer(there.app, question, reply).done
            return
        with pytest.raises(Halted, match=BLIND):
            answer(there.app, question, reply)
        assert not paid(there) & kept
        told = [about for event, about in there.events if event == "alarm"]
        assert any("ana answered approve" in alarm["sentence"] for alarm in told)
        still = open_questions(there.app.ledger, there.clock.now())
        assert question.sighting.task_id in {round_.sighting.task_id for round_ in still}
