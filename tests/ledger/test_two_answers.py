"""Two people answer the same question at once, beside a running bot: exactly one write leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from reviewbot.core.context import BotContext
from reviewbot.core.questions import Round, open_questions
from reviewbot.domain.decision import Action
from reviewbot.review.answer import AnswerResult, PersonAnswer, answer
from reviewbot.runtime.bootstrap import build
from tests.acceptance.house import House, a_setting, house
from tests.review.test_people import EVERYTHING_IS_ASKED

REPLIES = (
    PersonAnswer(action=Action.APPROVE, who="ana"),
    PersonAnswer(action=Action.DISPUTE, who="ben", text="It is not there."),
)


def test_two_concurrent_answers_write_once(database_url: str, opened: Callable[..., Any]) -> None:
    """One answer is sent and logged; the other is told who was first."""
    with house(policy=EVERYTHING_IS_ASKED, tasks=4, ledger=database_url) as made:
        made.poll()
        people = [person_beside(made, database_url, opened) for _ in REPLIES]
        for question in open_questions(made.app.ledger, made.clock.now()):
            told = at_once(people, question)

            late = next(result for result in told if not result.done)
            assert sorted(result.done for result in told) == [False, True]
            assert late.too_late and "answered" in late.sentence
            effects = [
                effect
                for effect in made.world.effects
                if effect.by == "client" and effect.task_id == question.sighting.task_id
            ]
            assert len(effects) == 1
        assert made.app.ledger.verify().whole


def at_once(people: list[BotContext], question: Round) -> list[AnswerResult]:
    """Let all of them answer the question at the same moment."""
    gate, told = threading.Barrier(len(people)), []

    def one(app: BotContext, reply: PersonAnswer) -> None:
        gate.wait()
        told.append(answer(app, question, reply))

    threads = [
        threading.Thread(target=one, args=pair) for pair in zip(people, REPLIES, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return told


def person_beside(made: House, url: str, opened: Callable[..., Any]) -> BotContext:
    """A person's short-lived bot beside the running one: no policies, and not its lock."""
    return build(
        a_setting(live=True, ledger=url),
        judges=(),
        transport=made.transport,
        clock=made.clock,
        ledger=opened(url, lock=False),
        chance=lambda: 0.5,
    )
