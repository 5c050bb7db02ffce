"""Facts as the log keeps them: small JSON, from which the very same facts can be built again.

The form is that of `policy decide` records, with what our own log knew beside it, so that a logged
decision can be judged again by any policy. What is null is left out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from reviewbot.domain.account import PROFILE_FIELDS, AccountReview, Profile
from reviewbot.domain.review import Subject
from reviewbot.domain.task import Attempt, CommentTask
from reviewbot.domain.text import parse_iso
from reviewbot.policy.facts import (
    UNKNOWN_PROFILE,
    AccountHistory,
    Facts,
    Fleet,
    History,
    about_account,
    about_task,
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
        record["bundle"] = bundle_json(facts.bundle)
    if facts.attempts is not None:
        record["attempts"] = [_known(attempt) for attempt in facts.attempts]
    if facts.delivered is not None:
        record["delivered"] = _profile_json(facts.delivered)
    record["history"] = _known(facts.past)
    for name, part in (("account", facts.account), ("fleet", facts.fleet)):
        if known := _known(part):
            record[name] = known
    if facts.full:
        record["full"] = facts.full
    if facts.stages:
        record["stages"] = dict(facts.stages)
    return _encode(record)


def facts_from_json(text: bytes) -> Facts:
    """Build the facts again that were written down.

    Raises ValueError (of msgspec too) when the text is not such a record.
    """
    record = msgspec.json.decode(text)
    if record is None:
        raise ValueError("nothing was recorded, or it was erased")
    about: dict[str, Any] = {
        "now": parse_iso(record["at"]),
        "started_at": _moment(record.get("first_seen")),
        "deadline_at": _moment(record.get("deadline_at")),
        "past": msgspec.convert({"disputes": None} | record["history"], History, strict=False),
        "account": msgspec.convert(record.get("account", {}), AccountHistory),
        "fleet": msgspec.convert(record.get("fleet", {}), Fleet),
        "full": tuple(record.get("full", ())),
        "stages": tuple((name, float(step)) for name, step in record.get("stages", {}).items()),
    }
    if "bundle" in record:
        delivered = record.get("delivered")
        profile = None if delivered is None else _profile(delivered)
        return Facts(**about, **about_account(_bundle(record["bundle"]), profile))
    attempts = _attempts(record.get("attempts"))
    task = msgspec.convert(record.get("task", {"id": ""}), CommentTask, strict=False)
    return Facts(**about, **about_task(task, attempts))


def _known(value: msgspec.Struct) -> dict[str, Any]:
    """Keep what is not null, by name."""
    return {
        name: part
        for name, part in msgspec.structs.asdict(value).items()
        if part is not None and part != ()
    }


def subject_json(subject: Subject) -> dict[str, Any]:
    """A thing under the name of its kind, as records and reports hold it."""
    if isinstance(subject, CommentTask):
        return {"task": msgspec.to_builtins(subject)}
    return {"bundle": msgspec.to_builtins(bundle_json(subject))}


def bundle_json(bundle: AccountReview) -> dict[str, Any]:
    """A bundle with its account nested in it, as the API sends it; what is unknown is left out."""
    plain = _known(bundle)
    account: dict[str, Any] = {}
    if bundle.account_status is not None:
        account["status"] = bundle.account_status
    if plain.pop("profile", None) is not None:
        account |= _profile_json(bundle.profile or UNKNOWN_PROFILE)
    if plain.pop("finalized_at", None) is not None:
        account["finalized_at"] = bundle.finalized_at
    plain.pop("feedback_history", None)
    if bundle.feedback_history is not None:
        account["feedback_history"] = [_known(entry) for entry in bundle.feedback_history]
    return plain | ({"account": account} if account else {})


def _bundle(plain: dict[str, Any]) -> AccountReview:
    account = plain.get("account", {})
    stated = any(field in account for field in PROFILE_FIELDS)
    return msgspec.convert(
        {name: value for name, value in plain.items() if name != "account"}
        | {
            "profile": _profile(account) if stated else None,
            "finalized_at": account.get("finalized_at"),
            "feedback_history": account.get("feedback_history"),
        },
        AccountReview,
        strict=False,
    )


def _profile_json(profile: Profile) -> dict[str, str | None]:
    """The fields that are known; one that is known not to be set is null."""
    return {
        field: value
        for field in PROFILE_FIELDS
        if (value := getattr(profile, field)) is not None or field in profile.unset
    }


def _profile(plain: dict[str, Any]) -> Profile:
    return Profile(
        **{field: plain.get(field) for field in PROFILE_FIELDS},
        unset=tuple(f for f in PROFILE_FIELDS if f in plain and plain[f] is None),
    )


def _attempts(found: list[Any] | None) -> tuple[Attempt, ...] | None:
    return None if found is None else tuple(msgspec.convert(attempt, Attempt) for attempt in found)


def _moment(found: str | None) -> datetime | None:
    return None if found is None else parse_iso(found)
