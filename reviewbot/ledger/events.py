"""What each event writes: the line for the chain and the row it leads to, for every store alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import AlreadyIntended, LedgerError, OutOfDate
from reviewbot.domain.lifecycle import CLAIMED, NEXT_STATES, State
from reviewbot.domain.review import ReviewItem
from reviewbot.ledger.chain import Line
from reviewbot.ledger.fitting import amount_held, check, prose, writing_down
from reviewbot.ledger.rows import (
    FINAL,
    DecisionRow,
    Note,
    PolicyHead,
    RoundRow,
    Seen,
    Step,
    bulk_of,
    decision_row,
    decision_to_body,
    ended_row,
    policy_texts_of,
    seen_row,
    to_body,
    to_micros,
)
from reviewbot.policy.model import Policy
from reviewbot.ports import Ending

SEEN = "seen"
ENDED = "ended"
POLICY = "policy"
NOTE = "note"
"""The kinds of lines besides the states of decisions."""


def recorded(
    decision: Decision, state: State, seq: int, before: DecisionRow | None
) -> tuple[Line, DecisionRow]:
    """A decision written down in full, for the first time or again. Raises NotRecordable."""
    check_step(decision, state, before)
    what = f"the decision on {decision.review} {decision.task_id}"
    check(
        what,
        id=decision.id,
        task_id=decision.task_id,
        epoch=decision.epoch,
        policy=decision.policy,
        account_id=decision.account_id,
        amount_micros=decision.amount_micros,
    )
    at = to_micros(decision.decided_at)
    step = Step(
        first=before.seq if before else seq,
        recorded=seq,
        tries=(before.tries if before else 0) + (state is State.INTENT),
        intended_at=at if state is State.INTENT else None,
    )
    with writing_down(what):
        body, bulk = decision_to_body(step, decision), bulk_of(decision)
    prior = before.last if before else 0
    line = Line(seq, at, state.value, decision.id, prior, body, bulk)
    return line, decision_row(decision, seq, at, state.value, step)


def check_step(decision: Decision, state: State, before: DecisionRow | None) -> None:
    """Refuse what may not follow: an intent beside another, or one that nothing could carry out."""
    if state is State.INTENT and (decision.epoch is None or not decision.action.writes):
        raise LedgerError(
            f"task {decision.task_id}: {decision.action.value} in the round"
            f" {decision.epoch or 'without a name'} sends nothing, so it cannot be an intent"
        )
    now = State(before.state) if before else None
    if state in NEXT_STATES[now]:
        return
    if now in CLAIMED:
        raise already_intended(decision)
    raise LedgerError(f"decision {decision.id}: {state.value} cannot follow {now or 'nothing'}")


def already_intended(decision: Decision) -> AlreadyIntended:
    """The error of a second intent in one round."""
    return AlreadyIntended(
        f"task {decision.task_id}: the round {decision.epoch} already has an intent that is not"
        f" void, so {decision.action.value} is not sent"
    )


def marked(
    decision_id: str,
    before: DecisionRow | None,
    state: State,
    at: datetime,
    seq: int,
    note: str | None,
    request_id: str | None,
    was: State | None = None,
) -> tuple[Line, DecisionRow]:
    """What became of an intent."""
    if before is None:
        raise LedgerError(f"decision {decision_id} is not in the log, so nothing can become of it")
    if was is not None and before.state != was:
        raise OutOfDate(f"decision {decision_id}: somebody else found it {before.state} meanwhile")
    if state not in NEXT_STATES[State(before.state)]:
        raise LedgerError(f"decision {decision_id}: {state.value} cannot follow {before.state}")
    moment = to_micros(at)
    note, request_id = prose(note), prose(request_id)
    step = Step(
        first=before.seq,
        recorded=before.recorded,
        tries=before.tries,
        intended_at=before.intended_at,
        settled_at=moment if state in FINAL else None,
        note=note,
        request_id=request_id,
    )
    line = Line(seq, moment, state.value, decision_id, before.last, to_body(step), None)
    row = msgspec.structs.replace(
        before,
        last=seq,
        state=state.value,
        state_at=moment,
        settled_at=step.settled_at,
        note=note,
        request_id=request_id,
    )
    return line, row


def round_subject(review: str, task_id: str, epoch: str) -> str:
    """The name of a round as the subject of lines."""
    return "\x1f".join((review, task_id, epoch))


def seen(
    item: ReviewItem, at: datetime, seq: int, before: RoundRow | None = None
) -> tuple[Line, RoundRow]:
    """A round seen waiting: for the first time, or again after it was taken for ended.

    Raises NotRecordable.
    """
    check(f"the round of {item.review} {item.id}", id=item.id, epoch=item.epoch)
    body = Seen(
        review=item.review,
        task_id=item.id,
        epoch=item.epoch or "",
        deadline_at=to_micros(item.deadline_at) if item.deadline_at else None,
        amount_micros=amount_held(item.amount_micros),
        first_at=before.first_seen_at if before else None,
    )
    subject = round_subject(body.review, body.task_id, body.epoch)
    moment = to_micros(at)
    prior = before.last if before else 0
    line = Line(seq, moment, SEEN, subject, prior, to_body(body), None)
    return line, seen_row(body, seq, moment)


def ended(ending: Ending, seq: int, before: RoundRow | None) -> tuple[Line, RoundRow]:
    """A round that ended. Raises NotRecordable."""
    what = f"the end of {ending.review} {ending.task_id}"
    check(what, task_id=ending.task_id, epoch=ending.epoch)
    ending = msgspec.structs.replace(
        ending,
        status=prose(ending.status),
        note=prose(ending.note),
        amount_micros=amount_held(ending.amount_micros),
    )
    subject = round_subject(ending.review, ending.task_id, ending.epoch)
    prior = before.last if before else 0
    line = Line(seq, to_micros(ending.at), ENDED, subject, prior, to_body(ending), None)
    return line, ended_row(ending, seq, before)


def remembered(policy: Policy, at: datetime, seq: int) -> Line:
    """A policy text kept. Raises NotRecordable."""
    head = PolicyHead(revision=policy.revision, name=policy.name, path=policy.path)
    with writing_down(f"the policy {policy.name}"):
        texts = policy_texts_of(policy.source, dict(policy.files))
        body = to_body(head)
    subject = f"{POLICY}\x1f{policy.revision}"
    return Line(seq, to_micros(at), POLICY, subject, 0, body, texts)


def noted(
    topic: str, subject: str, value: Mapping[str, Any], at: datetime, seq: int, prior: int
) -> Line:
    """A word on something that is neither a decision nor a round. Raises NotRecordable."""
    check(f"the word on {topic} {subject[:12]}", topic=topic, subject=subject)
    with writing_down(f"the word on {topic} {subject[:12]}"):
        raw = msgspec.Raw(to_body(value))
        body = to_body(Note(topic=topic, subject=subject, at=at, value=raw))
    name = "\x1f".join((NOTE, topic, subject))
    return Line(seq, to_micros(at), NOTE, name, prior, body, None)
