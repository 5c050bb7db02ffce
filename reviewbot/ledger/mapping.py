"""Rows, the bodies of lines, and the values that both stand for.

Theory of operation. The chain holds everything; a row holds what is asked for by index, and can be
computed from lines alone: a decision's from the line that last wrote it down in full (`recorded`)
and its newest line (`last`). Verification does just that and compares.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
from msgspec.structs import asdict, replace

from reviewbot.domain.decision import Decision, Entry, State
from reviewbot.domain.review import ReviewKind
from reviewbot.ledger.tables import ChainLine, DecisionRow, RoundRow
from reviewbot.ports.ledger import (
    DEFAULT_KEY,
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
SEEN, ENDED, POLICY, NOTE = "seen", "ended", "policy", "note"
"""The kinds of lines besides the states of decisions."""


def from_micros(micros: int) -> datetime:
    """The aware UTC moment of `to_micros`."""
    return EPOCH + timedelta(microseconds=micros)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


NO_JSON = msgspec.Raw()
"""Stands for a part that is left out."""


class DecisionBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of a decision's line: where it stands after it, and in full where it was recorded.

    The note, and what `TEXTS` names of the decision, stand in the line's text.
    """

    first: int
    recorded: int
    tries: int = 0
    intended_at: int | None = None
    settled_at: int | None = None
    note: str | None = None
    request_id: str | None = None
    by_person: bool = False
    decision: Decision | None = None


class DecisionWords(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What people wrote and are called in a decision."""

    reason: str | None = None
    fields: dict[str, str] | None = None
    evidence_hash: str | None = None
    decided_by: str | None = None
    held_by: str | None = None


class LineText(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The text of a line, whatever its kind; that of a line from before 0004 is its whole old body."""

    note: str | None = None
    decision: DecisionWords | None = None
    value: msgspec.Raw = NO_JSON


TEXTS = DecisionWords.__struct_fields__
"""The fields of a decision that can be erased, besides its trace and facts."""
ERASED = "(erased)"
"""Stands for the name of a person that was erased."""


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


class NoteBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of a `note` line, the newest word on one subject of one topic; what it says is its text."""

    topic: str
    subject: str
    at: datetime
    plain: msgspec.Raw = NO_JSON
    """What is no text of people, and stays: which lines were erased, say."""


to_body = msgspec.json.Encoder().encode
step_from_body = msgspec.json.Decoder(DecisionBody).decode
seen_from_body = msgspec.json.Decoder(SeenBody).decode
_ending_from_body = msgspec.json.Decoder(Ending).decode
_words_from_text = msgspec.json.Decoder(LineText).decode
_policy_from_body = msgspec.json.Decoder(PolicyHead).decode
_note_from_body = msgspec.json.Decoder(NoteBody).decode
_policy_texts = msgspec.json.Decoder(PolicyTexts).decode
_bulk = msgspec.json.Decoder(tuple[msgspec.Raw, msgspec.Raw]).decode


def step_from_line(body: bytes, text: bytes | None) -> DecisionBody:
    """A decision's line, with its texts as far as they were not erased."""
    step = step_from_body(body)
    if text is None:
        if step.by_person and step.decision is not None:
            return replace(step, decision=replace(step.decision, decided_by=ERASED))
        return step
    words = _words_from_text(text)
    if step.decision is None or words.decision is None:
        return step if words.note is None else replace(step, note=words.note)
    return replace(step, note=words.note, decision=replace(step.decision, **asdict(words.decision)))


def ending_from_line(body: bytes, text: bytes | None) -> Ending:
    """A round's end, with its note unless it was erased."""
    ending = _ending_from_body(body)
    return ending if text is None else replace(ending, note=_words_from_text(text).note)


def with_bulk(decision: Decision, detail: bytes | None = None) -> Decision:
    """The decision with its trace and facts again; as it is where those were erased."""
    if detail is None:
        return decision
    trace, facts = _bulk(zlib.decompress(detail))
    return replace(decision, trace=bytes(trace), facts=bytes(facts))


def stored_policy(body: bytes, detail: bytes, at: int) -> StoredPolicy:
    """A `policy` line as a value."""
    head, texts = _policy_from_body(body), _policy_texts(zlib.decompress(detail))
    return StoredPolicy(
        name=head.name,
        revision=head.revision,
        path=head.path,
        source=texts.source,
        files=texts.files,
        first_run_at=from_micros(at),
    )


def logged(
    row: DecisionRow, decision: Decision, is_erased: bool = False, *, key: str = DEFAULT_KEY
) -> Logged:
    """A decision of a key and where it stands."""
    return Logged(
        key=key,
        seq=row.seq,
        decision=decision,
        state=State(row.state),
        state_at=from_micros(row.state_at),
        tries=row.tries,
        intended_at=_moment(row.intended_at),
        settled_at=_moment(row.settled_at),
        note=row.note,
        request_id=row.request_id,
        erased=is_erased,
    )


def round_subject(review: str, task_id: str, epoch: str) -> str:
    """The name of a round as the subject of lines."""
    return "\x1f".join((review, task_id, epoch))


def note_subject(topic: str, subject: str) -> str:
    """The name of a subject of a topic as the subject of lines."""
    return "\x1f".join((NOTE, topic, subject))


def open_round(row: RoundRow) -> OpenRound:
    """A round that was seen and has no ending."""
    assert row.first_seen_at is not None
    return OpenRound(
        review=cast(ReviewKind, row.review),
        task_id=row.task_id,
        epoch=row.epoch,
        first_seen_at=from_micros(row.first_seen_at),
        deadline_at=_moment(row.deadline_at),
        amount_micros=row.amount_micros,
    )


def seen_round(row: RoundRow) -> SeenRound:
    """A round as a part of a thing's history."""
    return SeenRound(
        epoch=row.epoch,
        first_seen_at=first_seen(row),
        ended_at=_moment(row.ended_at),
        by=cast(Attributed, row.ended_by),
    )


def round_ending(row: RoundRow) -> Ending:
    """A round's ending."""
    assert row.ended_at is not None
    return Ending(
        review=cast(ReviewKind, row.review),
        task_id=row.task_id,
        epoch=row.epoch,
        by=cast(Attributed, row.ended_by),
        status=row.end_status,
        at=from_micros(row.ended_at),
        amount_micros=row.end_amount_micros,
        note=row.end_note,
    )


def first_seen(row: RoundRow) -> datetime:
    """When a round was first seen; its end, if that is all we ever saw of it."""
    return from_micros(row.first_seen_at if row.first_seen_at is not None else row.ended_at or 0)


def entry_of(line: ChainLine) -> Entry:
    """A decision's line as one step of its story."""
    step = step_from_line(line.body, line.text)
    return Entry(
        seq=line.seq,
        at=from_micros(line.at),
        decision_id=line.subject,
        state=State(line.kind),
        note=step.note,
        request_id=step.request_id,
    )


def says(line: ChainLine) -> bool:
    """Whether a `note` line says anything: one whose text was erased does not, but for what is plain."""
    return line.text is not None or line.digest is None or bool(plain_from_line(line.body))


def plain_from_line(body: bytes) -> dict[str, Any]:
    """What of a `note` line is no text of people."""
    plain = bytes(_note_from_body(body).plain)
    return msgspec.json.decode(plain, type=dict[str, Any]) if plain else {}


def noted_from_line(line: ChainLine) -> LogNote:
    """A `note` line as a value; of one whose text was erased only what is plain is left."""
    note = _note_from_body(line.body)
    parts = [note.plain, _words_from_text(line.text).value if line.text else NO_JSON]
    value: dict[str, Any] = {}
    for part in filter(None, map(bytes, parts)):
        value |= msgspec.json.decode(part, type=dict[str, Any])
    return LogNote(topic=note.topic, subject=note.subject, at=note.at, value=value, seq=line.seq)
