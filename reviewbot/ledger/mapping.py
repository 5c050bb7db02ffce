"""Rows and values: the projections of the log, and how a line becomes a row and a row a value.

Theory of operation. The chain holds everything; a row holds what is asked for by index, and can be
computed from lines alone: a decision's from the line that last wrote it down in full (`recorded`)
and its newest line (`last`). Verification does just that and compares.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from reviewbot.domain.decision import CLAIMED, NEXT_STATES, Decision, Entry, State
from reviewbot.domain.errors import AlreadyIntended, LedgerError, OutOfDate
from reviewbot.domain.review import ReviewItem, ReviewKind
from reviewbot.ledger.fitting import amount_held, check, prose, writing_down
from reviewbot.ledger.tables import ChainLine
from reviewbot.policy.model import Policy
from reviewbot.ports.ledger import (
    Attributed,
    Ending,
    Logged,
    LogNote,
    OpenRound,
    SeenRound,
    StoredPolicy,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


MICROSECOND = timedelta(microseconds=1)


FINAL = frozenset({State.PERFORMED, State.SETTLED, State.VOID, State.OVERTAKEN, State.REFUSED})
"""States in which it is known what became of an intent."""


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC."""
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC moment of `to_micros`."""
    return EPOCH + timedelta(microseconds=micros)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)


class DecisionBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of a decision's line: where it stands after it, and in full where it was recorded."""

    first: int
    recorded: int
    tries: int = 0
    intended_at: int | None = None
    settled_at: int | None = None
    note: str | None = None
    request_id: str | None = None
    decision: Decision | None = None


class SeenBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of a `seen` line."""

    review: ReviewKind
    task_id: str
    epoch: str
    deadline_at: int | None = None
    amount_micros: int | None = None
    first_at: int | None = None
    """When it was first seen, where it had been taken for ended since."""


class PolicyHead(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a `policy` line; the texts are its detail."""

    revision: str
    name: str
    path: str


class PolicyTexts(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of a `policy` line."""

    source: str
    files: dict[str, str]


class NoteBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a `note` line: the newest word on one subject of one topic."""

    topic: str
    subject: str
    at: datetime
    value: msgspec.Raw


to_body = msgspec.json.Encoder().encode


step_from_body = msgspec.json.Decoder(DecisionBody).decode


seen_from_body = msgspec.json.Decoder(SeenBody).decode


ending_from_body = msgspec.json.Decoder(Ending).decode


policy_from_body = msgspec.json.Decoder(PolicyHead).decode


note_from_body = msgspec.json.Decoder(NoteBody).decode


_policy_texts = msgspec.json.Decoder(PolicyTexts).decode


_bulk = msgspec.json.Decoder(tuple[msgspec.Raw, msgspec.Raw]).decode


def decision_to_body(step: DecisionBody, decision: Decision) -> bytes:
    """A decision in full, without its bulk (`bulk_of`) and without what is not set."""
    fields = {
        name: value for name in _HEAD_FIELDS if (value := getattr(decision, name)) is not None
    }
    return to_body(msgspec.structs.asdict(step) | {"decision": fields})


_HEAD_FIELDS = tuple(name for name in Decision.__struct_fields__ if name not in ("trace", "facts"))


def bulk_of(decision: Decision) -> bytes:
    """Trace and facts, compressed: most of a decision's bytes, and rarely read."""
    # A small window: at this size, making room for a large one would be most of the work.
    packer = zlib.compressobj(1, wbits=11, memLevel=4)
    return packer.compress(b"[" + decision.trace + b"," + decision.facts + b"]") + packer.flush()


def with_bulk(decision: Decision, detail: bytes | None = None) -> Decision:
    """The decision with its trace and facts again."""
    if detail is None:
        return decision
    trace, facts = _bulk(zlib.decompress(detail))
    return msgspec.structs.replace(decision, trace=bytes(trace), facts=bytes(facts))


def policy_texts_of(source: str, files: dict[str, str]) -> bytes:
    """The texts of a policy, compressed."""
    return zlib.compress(to_body(PolicyTexts(source=source, files=files)))


def stored_policy(body: bytes, detail: bytes, at: int) -> StoredPolicy:
    """A `policy` line as a value."""
    head, texts = policy_from_body(body), _policy_texts(zlib.decompress(detail))
    return StoredPolicy(
        name=head.name,
        revision=head.revision,
        path=head.path,
        source=texts.source,
        files=texts.files,
        first_run_at=from_micros(at),
    )


class DecisionRow(msgspec.Struct, frozen=True):
    """The projection of one decision, in the order of its columns."""

    seq: int
    id: str
    recorded: int
    last: int
    review: str
    task_id: str
    epoch: str
    action: str
    policy: str
    account_id: str | None
    amount_micros: int | None
    by_person: int
    state: str
    state_at: int
    tries: int
    intended_at: int | None
    settled_at: int | None
    note: str | None
    request_id: str | None


def decision_row(
    decision: Decision, last: int, at: int, state: str, step: DecisionBody
) -> DecisionRow:
    """The row that a decision's newest line and its text amount to."""
    return DecisionRow(
        step.first,
        decision.id,
        step.recorded,
        last,
        decision.review,
        decision.task_id,
        decision.epoch or "",
        decision.action.value,
        decision.policy,
        decision.account_id,
        decision.amount_micros,
        int(decision.decided_by is not None),
        state,
        at,
        step.tries,
        step.intended_at,
        step.settled_at,
        step.note,
        step.request_id,
    )


def logged(row: DecisionRow, decision: Decision) -> Logged:
    """A decision and where it stands."""
    return Logged(
        seq=row.seq,
        decision=decision,
        state=State(row.state),
        state_at=from_micros(row.state_at),
        tries=row.tries,
        intended_at=_moment(row.intended_at),
        settled_at=_moment(row.settled_at),
        note=row.note,
        request_id=row.request_id,
    )


class RoundRow(msgspec.Struct, frozen=True):
    """The projection of one round: when it was first seen and how it ended."""

    review: str
    task_id: str
    epoch: str
    last: int
    first_seen_at: int | None
    deadline_at: int | None
    amount_micros: int | None
    ended_at: int | None
    ended_by: str | None
    end_status: str | None
    end_amount_micros: int | None
    end_note: str | None


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


def open_round(row: RoundRow) -> OpenRound:
    """A round that was seen and has no ending."""
    assert row.first_seen_at is not None
    return OpenRound(
        review=_review(row.review),
        task_id=row.task_id,
        epoch=row.epoch,
        first_seen_at=from_micros(row.first_seen_at),
        deadline_at=_moment(row.deadline_at),
        amount_micros=row.amount_micros,
    )


def seen_round(row: RoundRow) -> SeenRound:
    """A round as a part of a thing's history."""
    by: Any = row.ended_by
    attributed: Attributed | None = by
    return SeenRound(
        epoch=row.epoch,
        first_seen_at=first_seen(row),
        ended_at=_moment(row.ended_at),
        by=attributed,
    )


def round_ending(row: RoundRow) -> Ending:
    """A round's ending."""
    assert row.ended_at is not None
    by: Any = row.ended_by
    attributed: Attributed = by
    return Ending(
        review=_review(row.review),
        task_id=row.task_id,
        epoch=row.epoch,
        by=attributed,
        status=row.end_status,
        at=from_micros(row.ended_at),
        amount_micros=row.end_amount_micros,
        note=row.end_note,
    )


def _review(text: str) -> ReviewKind:
    return "accounts" if text == "accounts" else "comments"


def first_seen(row: RoundRow) -> datetime:
    """When a round was first seen; its end, if that is all we ever saw of it."""
    return from_micros(row.first_seen_at if row.first_seen_at is not None else row.ended_at or 0)


def entry_of(line: ChainLine) -> Entry:
    """A decision's line as one step of its story."""
    step = step_from_body(line.body)
    return Entry(
        seq=line.seq,
        at=from_micros(line.at),
        decision_id=line.subject,
        state=State(line.kind),
        note=step.note,
        request_id=step.request_id,
    )


def noted_from_line(line: ChainLine) -> LogNote:
    """A `note` line as a value."""
    note = note_from_body(line.body)
    value: dict[str, Any] = msgspec.json.decode(note.value, type=dict[str, Any])
    return LogNote(topic=note.topic, subject=note.subject, at=note.at, value=value, seq=line.seq)


# ------------------------------------------------------------------------------------------------
# What each event writes: the line for the chain and the row it leads to, for every store alike.


SEEN = "seen"


ENDED = "ended"


POLICY = "policy"


NOTE = "note"
"""The kinds of lines besides the states of decisions."""


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
        policy=decision.policy,
        account_id=decision.account_id,
        amount_micros=decision.amount_micros,
    )
    at = to_micros(decision.decided_at)
    step = DecisionBody(
        first=before.seq if before else seq,
        recorded=seq,
        tries=(before.tries if before else 0) + (state is State.INTENT),
        intended_at=at if state is State.INTENT else None,
    )
    with writing_down(what):
        body, bulk = decision_to_body(step, decision), bulk_of(decision)
    prior = before.last if before else 0
    line = ChainLine(seq, at, state.value, decision.id, prior, body, bulk)
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
) -> tuple[ChainLine, DecisionRow]:
    """What became of an intent."""
    if before is None:
        raise LedgerError(f"decision {decision_id} is not in the log, so nothing can become of it")
    if was is not None and before.state != was:
        raise OutOfDate(f"decision {decision_id}: somebody else found it {before.state} meanwhile")
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
        note=note,
        request_id=request_id,
    )
    line = ChainLine(seq, moment, state.value, decision_id, before.last, to_body(step), None)
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


def ended(ending: Ending, seq: int, before: RoundRow | None) -> tuple[ChainLine, RoundRow]:
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
    line = ChainLine(seq, to_micros(ending.at), ENDED, subject, prior, to_body(ending), None)
    return line, ended_row(ending, seq, before)


def remembered(policy: Policy, at: datetime, seq: int) -> ChainLine:
    """A policy text kept. Raises NotRecordable."""
    head = PolicyHead(revision=policy.revision, name=policy.name, path=policy.path)
    with writing_down(f"the policy {policy.name}"):
        texts = policy_texts_of(policy.source, dict(policy.files))
        body = to_body(head)
    subject = f"{POLICY}\x1f{policy.revision}"
    return ChainLine(seq, to_micros(at), POLICY, subject, 0, body, texts)


def noted(
    topic: str, subject: str, value: Mapping[str, Any], at: datetime, seq: int, prior: int
) -> ChainLine:
    """A word on something that is neither a decision nor a round. Raises NotRecordable."""
    check(f"the word on {topic} {subject[:12]}", topic=topic, subject=subject)
    with writing_down(f"the word on {topic} {subject[:12]}"):
        raw = msgspec.Raw(to_body(value))
        body = to_body(NoteBody(topic=topic, subject=subject, at=at, value=raw))
    name = "\x1f".join((NOTE, topic, subject))
    return ChainLine(seq, to_micros(at), NOTE, name, prior, body, None)
