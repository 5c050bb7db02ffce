"""Facts as the log keeps them: small JSON, from which the very same facts can be built again.

The form is that of `policy decide` records, with what our own log knew beside it, so that a logged
decision can be judged again by any policy. What is null is left out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from reviewbot.domain.accounts import AccountReview
from reviewbot.domain.comments import CommentTask
from reviewbot.domain.moments import parse_iso
from reviewbot.domain.timeline import Attempt
from reviewbot.policy.facts import (
    UNKNOWN_PROFILE,
    AccountHistory,
    Facts,
    Fleet,
    History,
    last_attempt,
    read_feedback,
    summarise,
)

_encode = msgspec.json.Encoder().encode


def facts_to_json(facts: Facts) -> bytes:
    """Write facts down, compactly."""
    record: dict[str, Any] = {"at": facts.now}
    if facts.started_at is not None:
        record["first_seen"] = facts.started_at
    if facts.deadline_at is not None:
        record["deadline_at"] = facts.deadline_at
    if facts.task.id:
        record["task"] = _known(facts.task)
    if facts.bundle.id:
        record["bundle"] = _known(facts.bundle)
    if facts.attempts is not None:
        record["attempts"] = [_known(attempt) for attempt in facts.attempts]
    if facts.differs is not None:
        record["differs"] = facts.differs
        if facts.uncompared:
            record["uncompared"] = facts.uncompared
    record["history"] = _known(facts.past)
    for name, part in (("account", facts.account), ("fleet", facts.fleet)):
        if known := _known(part):
            record[name] = known
    return _encode(record)


def facts_from_json(text: bytes) -> Facts:
    """Build the facts again that were written down.

    Raises ValueError (of msgspec too) when the text is not such a record.
    """
    record = msgspec.json.decode(text)
    attempts = _attempts(record.get("attempts"))
    bundle = msgspec.convert(record.get("bundle", {"id": ""}), AccountReview, strict=False)
    differs = record.get("differs")
    past = record["history"]
    return Facts(
        now=parse_iso(record["at"]),
        started_at=_moment(record.get("first_seen")),
        deadline_at=_moment(record.get("deadline_at")),
        past=msgspec.convert({"disputes": None} | past, History, strict=False),
        task=msgspec.convert(record.get("task", {"id": ""}), CommentTask, strict=False),
        attempts=attempts,
        last=last_attempt(attempts),
        checks=summarise(attempts),
        account=msgspec.convert(record.get("account", {}), AccountHistory),
        fleet=msgspec.convert(record.get("fleet", {}), Fleet),
        bundle=bundle,
        profile=bundle.profile or UNKNOWN_PROFILE,
        feedback=read_feedback(bundle.feedback_history),
        differs=None if differs is None else tuple(differs),
        uncompared=tuple(record.get("uncompared", ())),
    )


def _known(value: msgspec.Struct) -> dict[str, Any]:
    """Keep what is not null, by name."""
    return {
        name: found
        for name in value.__struct_fields__
        if (found := getattr(value, name)) is not None and found != ()
    } | _empty_but_said(value)


def _empty_but_said(value: msgspec.Struct) -> dict[str, Any]:
    """An empty feedback history is a statement, unlike a missing one."""
    if isinstance(value, AccountReview) and value.feedback_history == ():
        return {"feedback_history": ()}
    return {}


def _attempts(found: list[Any] | None) -> tuple[Attempt, ...] | None:
    return None if found is None else tuple(msgspec.convert(one, Attempt) for one in found)


def _moment(found: str | None) -> datetime | None:
    return None if found is None else parse_iso(found)
