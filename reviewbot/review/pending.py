"""Pending answers: what a person pressed at the console, kept until the time to undo it is over.

Theory of operation. From the press on an answer lies in the ledger, so a console that dies loses
none: whoever runs, console or bot, sends what is due. Two that send the same one are sorted out by the
unique intent, and the first to take the row away writes down what became of it. A second press
changes nothing; an undo takes the row away, which succeeds only while nobody has sent it. The undo
never lasts into the moment at which something else would end the round.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import Events
from reviewbot.core.questions import Round, answered_in, open_rounds, refuse_if_held, seen_of
from reviewbot.domain.decision import OPEN
from reviewbot.domain.errors import ApiError, Halted, LedgerError, UsageError
from reviewbot.domain.fault_point import fault_point
from reviewbot.foresight.future import Future
from reviewbot.foresight.gather import facts_of
from reviewbot.ports.ledger import KeptValue, Ledger
from reviewbot.review.answer import PersonAnswer, answer, checked, who_was_first

KIND = "answer"
AUDIT = "console"
"""The topic of the lines that say who did what at the console."""
UNDO = timedelta(seconds=10)
MARGIN = timedelta(minutes=2)
"""How long before a round ends by itself an answer is sent without a time to undo it."""


class Changed(UsageError):
    """What the person was shown is no longer how it is: nothing was done."""


class PendingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer on its way: of which question, what, and from when on it is sent."""

    question: str
    """The id of the decision that asked."""
    task_id: str
    epoch: str
    reply: PersonAnswer
    pressed_at: datetime
    due_at: datetime


class SentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one that was due; `retry` says that it is tried again."""

    pending: PendingAnswer
    sentence: str
    done: bool
    retry: bool = False


def seen_mark(ledger: Ledger, chosen: Round) -> str:
    """What a person who answers has seen: a hash over the epoch, the evidence and the decision."""
    asked = ledger.decision(chosen.decision.id) if chosen.latest is not None else None
    return seen_of(
        None if asked is None else asked.decision,
        None if asked is None else asked.state,
        chosen.sighting.epoch,
    )


def press(
    ledger: Ledger,
    chosen: Round,
    reply: PersonAnswer,
    *,
    now: datetime,
    seen: str,
    undo: timedelta = UNDO,
    future: Future | None = None,
) -> PendingAnswer:
    """Keep an answer to be sent when its undo is over; one that is already pending is given back.

    Raises Changed where the person saw something else, and UsageError where it cannot be sent.
    """
    if (waiting := pending_on(ledger, chosen.decision.id)) is not None:
        return waiting
    first = answered_in(ledger, chosen.sighting.task_id, chosen.sighting.epoch)
    if first is not None:
        raise Changed(who_was_first(ledger, first))
    if seen != seen_mark(ledger, chosen):
        raise Changed("it has changed since you opened it; look again before you answer")
    if not reply.take_over:
        refuse_if_held(ledger, chosen.decision.id, reply.who, now)
    facts = None if chosen.latest is None else facts_of(ledger, chosen.latest)
    if facts is not None:
        reply = checked(reply, facts, chosen)
    pending = PendingAnswer(
        question=chosen.decision.id,
        task_id=chosen.sighting.task_id,
        epoch=chosen.sighting.epoch,
        reply=reply,
        pressed_at=now,
        due_at=_due_at(now, undo, chosen, future),
    )
    if not ledger.keep(KIND, pending.question, msgspec.json.encode(pending), now, new=True):
        return pending_on(ledger, pending.question) or pending
    fault_point("pending.kept")
    _note(ledger, pending, now, "pressed")
    return pending


def _due_at(now: datetime, undo: timedelta, chosen: Round, future: Future | None) -> datetime:
    ends = [chosen.deadline_at, None if future is None else future.at]
    nearest = min((end for end in ends if end is not None), default=None)
    if nearest is None:
        return now + undo
    return max(now, min(now + undo, nearest - MARGIN))


def undo(ledger: Ledger, pending: PendingAnswer, *, who: str, now: datetime) -> bool:
    """Take an answer back before it is sent; gives whether it was not sent yet."""
    if now >= pending.due_at or not ledger.let_go(KIND, pending.question):
        return False
    _note(ledger, pending, now, "undone", by=who)
    return True


def pending_on(ledger: Ledger, question: str) -> PendingAnswer | None:
    """The answer on its way to a question; None where there is none."""
    kept = ledger.kept_one(KIND, question)
    return None if kept is None else _decoded(kept)


def pending_answers(ledger: Ledger) -> list[PendingAnswer]:
    """Every answer on its way, oldest first."""
    return [_decoded(row) for row in ledger.kept(KIND)]


def _decoded(kept: KeptValue) -> PendingAnswer:
    return msgspec.json.decode(kept.value, type=PendingAnswer)


def due_answers(ledger: Ledger, now: datetime) -> list[PendingAnswer]:
    """What is to be sent now."""
    return [pending for pending in pending_answers(ledger) if pending.due_at <= now]


def send_due(app: BotContext) -> Iterator[SentAnswer]:
    """Send what is due; give what became of each. Raises `LedgerError`."""
    due = due_answers(app.ledger, app.clock.now())
    if not due:
        return
    rounds = {
        (round_.sighting.task_id, round_.sighting.epoch): round_
        for round_ in open_rounds(app.ledger)
    }
    for pending in due:
        chosen = rounds.get((pending.task_id, pending.epoch))
        fault_point("pending.before_send")
        sent = _send_one(app, pending, chosen)
        fault_point("pending.after_send")
        if not sent.retry and app.ledger.let_go(KIND, pending.question):
            became = "sent" if sent.done else "not sent"
            _note(app.ledger, pending, app.clock.now(), became, sentence=sent.sentence)
        yield sent


def say_sent(events: Events, sent: SentAnswer) -> None:
    """One line per answer that was due."""
    events(
        "answer sent" if sent.done else "answer not sent",
        level="info" if sent.done else "warning",
        task_id=sent.pending.task_id,
        action=sent.pending.reply.action.value,
        decided_by=sent.pending.reply.who,
        sentence=sent.sentence,
    )


def _send_one(app: BotContext, pending: PendingAnswer, chosen: Round | None) -> SentAnswer:
    sentence = "the round is over"
    if chosen is not None:
        try:
            reply = msgspec.structs.replace(pending.reply, take_over=True)
            sentence = answer(app, chosen, reply).sentence
        except (UsageError, Halted) as error:
            return SentAnswer(pending=pending, sentence=str(error), done=False)
        except LedgerError:
            raise
        except ApiError as error:
            sentence = f"it could not be sent yet: {error}"
            return SentAnswer(pending=pending, sentence=sentence, done=False, retry=True)
    first = answered_in(app.ledger, pending.task_id, pending.epoch)
    if first is None:
        return SentAnswer(pending=pending, sentence=sentence, done=False)
    same = first.decision.decided_by == pending.reply.who
    if not same or first.decision.action is not pending.reply.action:
        late = who_was_first(app.ledger, first)
        return SentAnswer(pending=pending, sentence=late, done=False)
    # It stays until it is known to have arrived: what did not is sent again, in the person's name.
    is_open = first.state in OPEN
    return SentAnswer(pending=pending, sentence=sentence, done=not is_open, retry=is_open)


def _note(
    ledger: Ledger,
    pending: PendingAnswer,
    now: datetime,
    became: str,
    *,
    by: str | None = None,
    sentence: str | None = None,
) -> None:
    word = {
        "act": f"answer {became}",
        "who": by or pending.reply.who,
        "task_id": pending.task_id,
        "epoch": pending.epoch,
        "action": pending.reply.action.value,
    }
    if sentence is not None:
        word["sentence"] = sentence
    ledger.note(AUDIT, pending.question, word, now)
