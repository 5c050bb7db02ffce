"""Questions: what waits for a person, what becomes of each if nobody answers, and the texts at hand."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reviewbot.core.questions import Round, open_questions
from reviewbot.core.revisions import Revisions
from reviewbot.foresight.future import Future
from reviewbot.foresight.gather import Outlook, facts_of
from reviewbot.ports.ledger import Ledger
from reviewbot.review.answer import Texts, texts_of


class OpenQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question and what happens if nobody answers."""

    round: Round
    otherwise: Future


def questions_of(ledger: Ledger, outlook: Outlook) -> Iterator[OpenQuestion]:
    """Every open question with what happens otherwise, most urgent first."""
    for question in open_questions(ledger, outlook.at):
        future = outlook.of(question.sighting.review, question.sighting.task_id)
        if future is not None:
            yield OpenQuestion(round=question, otherwise=future)


def texts_for(ledger: Ledger, chosen: Round, revisions: Revisions) -> Texts:
    """The policy's own texts for this round: those that can be sent, and why not the others."""
    if chosen.latest is None:
        return Texts()
    judge = revisions.judge(chosen.decision.revision)
    facts = facts_of(ledger, chosen.latest)
    if judge is None or facts is None:
        return Texts()
    return texts_of(judge, facts, asked_by=chosen.decision.rule)
