"""What each event writes: the line for the chain, and the row that it leads to.

Theory of operation. The databases differ in what they refuse (a NUL, a number beyond 64 bits, a
name too long for an index), and each refuses a whole transaction. So what comes from outside is
looked at before, alike for every store: a name that does not fit is an error of that one thing, and
prose, which nothing is looked up by, is made to fit.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from reviewbot.domain.decision import CLAIMED, NEXT_STATES, Decision, State, idempotency_key
from reviewbot.domain.errors import AlreadyIntended, LedgerError, NotRecordable, OutOfDate
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.text import safe_line
from reviewbot.ledger.mapping import (
    ENDED,
    EPOCH,
    MICROSECOND,
    NO_JSON,
    NOTE,
    POLICY,
    SEEN,
    TEXTS,
    DecisionBody,
    DecisionWords,
    LineText,
    NoteBody,
    PolicyHead,
    PolicyTexts,
    SeenBody,
    note_subject,
    round_subject,
    to_body,
)
from reviewbot.ledger.tables import ChainLine, DecisionRow, RoundRow
from reviewbot.policy.model import Policy
from reviewbot.ports.ledger import Ending

LONGEST_NAME = 800
"""Bytes of a name: three of them fit into one row of an index (2,704 bytes in PostgreSQL)."""
LEAST, MOST = -(2**63), 2**63 - 1
"""The whole numbers that a column holds."""
FINAL = frozenset({State.PERFORMED, State.SETTLED, State.VOID, State.OVERTAKEN, State.REFUSED})
"""States in which it is known what became of an intent."""
_SHOWN = 60
_NO_HEAD = {"trace", "facts", *TEXTS}
_HEAD_FIELDS = tuple(name for name in Decision.__struct_fields__ if name not in _NO_HEAD)


def recorded(
    decision: Decision, state: State, seq: int, before: DecisionRow | None
) -> tuple[ChainLine, DecisionRow]:
    """A decision written down in full, for the first time or again. Raises NotRecordable."""
    check_step(decision, state, before)
    what = f"the decision on {decision.review} {decision.task_id}"
    check(
        what,
        id=decision.id,
        task_id=decision.task_id,
        epoch=decision.epoch,
        rule=decision.rule,
        policy=decision.policy,
        account_id=decision.account_id,
        amount_micros=decision.amount_micros,
    )
    with writing_down(what):
        at = to_micros(decision.decided_at)
        step = DecisionBody(
            first=before.seq if before else seq,
            recorded=seq,
            tries=(before.tries if before else 0) + (state is State.INTENT),
            intended_at=at if state is State.INTENT else None,
            by_person=decision.decided_by is not None,
            decision=decision,
        )
        body, bulk = decision_to_body(step), bulk_of(decision)
        text = decision_to_text(decision)
    prior = before.last if before else 0
    line = ChainLine(seq, at, state.value, decision.id, prior, body, bulk, text=text)
    return line, decision_row(step, seq, at, state.value, step)


def decision_to_body(step: DecisionBody) -> bytes:
    """A decision in full, without its texts (`decision_to_text`, `bulk_of`) and what is not set."""
    fields = {
        name: value for name in _HEAD_FIELDS if (value := getattr(step.decision, name)) is not None
    }
    return to_body(asdict(step) | {"decision": fields})


def decision_to_text(decision: Decision) -> bytes:
    """What people wrote and are called in a decision."""
    words = DecisionWords(**{name: getattr(decision, name) for name in TEXTS})
    return to_body(LineText(decision=words))


def bulk_of(decision: Decision) -> bytes:
    """Trace and facts, compressed: most of a decision's bytes, and rarely read."""
    # A small window: at this size, making room for a large one would be most of the work.
    packer = zlib.compressobj(1, wbits=11, memLevel=4)
    return packer.compress(b"[" + decision.trace + b"," + decision.facts + b"]") + packer.flush()


def decision_row(
    recorded: DecisionBody, last: int, at: int, state: str, step: DecisionBody
) -> DecisionRow:
    """The row that the line in which a decision was recorded, and its newest line, amount to."""
    decision = recorded.decision
    assert decision is not None
    return DecisionRow(
        step.first,
        decision.id,
        step.recorded,
        last,
        decision.review,
        decision.task_id,
        decision.epoch or "",
        decision.action.value,
        decision.rule,
        decision.policy,
        decision.account_id,
        decision.amount_micros,
        int(recorded.by_person),
        state,
        at,
        step.tries,
        step.intended_at,
        step.settled_at,
        step.note,
        step.request_id,
    )


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
    key: str | None = None,
) -> tuple[ChainLine, DecisionRow]:
    """What became of an intent."""
    if before is None:
        raise LedgerError(f"decision {decision_id} is not in the log, so nothing can become of it")
    if was is not None and before.state != was:
        raise OutOfDate(f"decision {decision_id}: somebody else found it {before.state} meanwhile")
    if key not in (None, idempotency_key(decision_id, before.tries)):
        raise OutOfDate(f"decision {decision_id}: somebody else tries it again since")
    if state not in NEXT_STATES[State(before.state)]:
        raise LedgerError(f"decision {decision_id}: {state.value} cannot follow {before.state}")
    moment = to_micros(at)
    note, request_id = prose(note), prose(request_id)
    step = DecisionBody(
        first=before.seq,
        recorded=before.recorded,
        tries=before.tries,
        intended_at=before.intended_at,
        settled_at=moment if state in FINAL else None,
        request_id=request_id,
    )
    text, body = note_to_text(note), to_body(step)
    line = ChainLine(seq, moment, state.value, decision_id, before.last, body, None, text=text)
    row = replace(
        before,
        last=seq,
        state=state.value,
        state_at=moment,
        settled_at=step.settled_at,
        note=note,
        request_id=request_id,
    )
    return line, row


def note_to_text(note: str | None) -> bytes | None:
    """A note on a decision or on the end of a round."""
    return None if note is None else to_body(LineText(note=note))


def seen(
    item: ReviewItem, at: datetime, seq: int, before: RoundRow | None = None
) -> tuple[ChainLine, RoundRow]:
    """A round seen waiting: for the first time, or again after it was taken for ended.

    Raises NotRecordable.
    """
    check(f"the round of {item.review} {item.id}", id=item.id, epoch=item.epoch)
    body = SeenBody(
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
    line = ChainLine(seq, moment, SEEN, subject, prior, to_body(body), None)
    return line, seen_row(body, seq, moment)


def seen_row(seen: SeenBody, last: int, at: int) -> RoundRow:
    """The row of a round that was just seen, for the first time or again after a false end."""
    return RoundRow(
        seen.review,
        seen.task_id,
        seen.epoch,
        last,
        at if seen.first_at is None else seen.first_at,
        seen.deadline_at,
        seen.amount_micros,
        *(None,) * 5,
    )


def ended(ending: Ending, seq: int, before: RoundRow | None) -> tuple[ChainLine, RoundRow]:
    """A round that ended. Raises NotRecordable."""
    what = f"the end of {ending.review} {ending.task_id}"
    check(what, task_id=ending.task_id, epoch=ending.epoch)
    ending = replace(
        ending,
        status=prose(ending.status),
        note=prose(ending.note),
        amount_micros=amount_held(ending.amount_micros),
    )
    subject = round_subject(ending.review, ending.task_id, ending.epoch)
    prior = before.last if before else 0
    body, text = to_body(replace(ending, note=None)), note_to_text(ending.note)
    line = ChainLine(seq, to_micros(ending.at), ENDED, subject, prior, body, None, text=text)
    return line, ended_row(ending, seq, before)


def ended_row(ending: Ending, last: int, before: RoundRow | None) -> RoundRow:
    """The row of a round after its ending."""
    return RoundRow(
        ending.review,
        ending.task_id,
        ending.epoch,
        last,
        before.first_seen_at if before else None,
        before.deadline_at if before else None,
        before.amount_micros if before else None,
        to_micros(ending.at),
        ending.by,
        ending.status,
        ending.amount_micros,
        ending.note,
    )


def remembered(policy: Policy, at: datetime, seq: int) -> ChainLine:
    """A policy text kept. Raises NotRecordable."""
    head = PolicyHead(revision=policy.revision, name=policy.name, path=policy.path)
    with writing_down(f"the policy {policy.name}"):
        texts = PolicyTexts(source=policy.source, files=dict(policy.files))
        detail = zlib.compress(to_body(texts))
    subject = f"{POLICY}\x1f{policy.revision}"
    return ChainLine(seq, to_micros(at), POLICY, subject, 0, to_body(head), detail)


def noted(
    topic: str,
    subject: str,
    value: Mapping[str, Any],
    at: datetime,
    seq: int,
    prior: int,
    plain: Mapping[str, Any] | None = None,
) -> ChainLine:
    """A word on something that is neither a decision nor a round. Raises NotRecordable.

    `plain` is what of it can never be erased.
    """
    check(f"the word on {topic} {subject[:12]}", topic=topic, subject=subject)
    with writing_down(f"the word on {topic} {subject[:12]}"):
        stays = NO_JSON if plain is None else msgspec.Raw(to_body(plain))
        body = to_body(NoteBody(topic=topic, subject=subject, at=at, plain=stays))
        text = to_body(LineText(value=msgspec.Raw(to_body(value))))
    return ChainLine(
        seq, to_micros(at), NOTE, note_subject(topic, subject), prior, body, None, text=text
    )


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC."""
    return (moment - EPOCH) // MICROSECOND


def is_name(text: str) -> bool:
    """Whether something can be looked up by this text."""
    return _wrong_with(text) is None


def amount_held(micros: int | None) -> int | None:
    """The amount; none where no column holds it, for nobody pays that."""
    return micros if micros is not None and LEAST <= micros <= MOST else None


def prose(text: str | None) -> str | None:
    """A text that is only read, as a column can hold it."""
    if text is None:
        return None
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def check(what: str, **values: object) -> None:
    """Raise NotRecordable, with the name of the field, where a name or a number does not fit."""
    for field, value in values.items():
        match value:
            case None:
                continue
            case str():
                wrong = _wrong_with(value)
            case int():
                wrong = None if LEAST <= value <= MOST else "is beyond 64 bits"
            case _:
                wrong = "is neither a text nor a whole number"
        if wrong is not None:
            shown = safe_line(repr(value)[:_SHOWN])
            raise NotRecordable(f"{what} cannot be written down: its {field} {shown} {wrong}")


@contextmanager
def writing_down(what: str) -> Iterator[None]:
    """What fails while a value becomes bytes is about that value, and no damage of the log."""
    try:
        yield
    except (ValueError, TypeError, OverflowError, msgspec.MsgspecError) as error:
        raise NotRecordable(
            f"{safe_line(what)} cannot be written down ({type(error).__name__}: {error})"
        ) from error


def _wrong_with(name: str) -> str | None:
    if "\0" in name:
        return "holds a NUL"
    try:
        size = len(name) if name.isascii() else len(name.encode())
    except UnicodeEncodeError:
        return "is no text"
    return None if size <= LONGEST_NAME else f"is longer than {LONGEST_NAME} bytes"
