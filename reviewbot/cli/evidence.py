"""What a decision was based on, as lines for a person."""

from __future__ import annotations

from typing import Any

import msgspec

from reviewbot.domain.accounts import PROFILE_FIELDS
from reviewbot.domain.safetext import safe_line

_ORDER = (
    "comment_text",
    "target_video_url",
    "platform",
    "cm_payout_amount",
    "saved_account_id",
    "submitted_at",
    "manually_confirmed_at",
    "correction_required",
)


def evidence_lines(facts: bytes) -> list[str]:
    """Write logged facts (JSON) as `name  value` lines: the thing, then each try of the checker."""
    try:
        record = msgspec.json.decode(facts)
    except msgspec.DecodeError:
        return ["the record of what was seen cannot be read"]
    if not isinstance(record, dict):
        return ["nothing was recorded"]
    if "bundle" in record:
        return _account(record)
    thing = record.get("task") or {}
    names = [name for name in _ORDER if name in thing] or sorted(thing)
    lines = [_pair(name, thing[name]) for name in names]
    attempts = record.get("attempts")
    if attempts is None:
        lines.append("no rule needed the checker's tries, so they were not fetched")
    elif not attempts:
        lines.append("the checker has not tried in this round")
    for attempt in attempts or ():
        lines.append(f"try {_plain(attempt.get('attempt_n', '?'))}: {_attempt(attempt)}")
    return lines


def _account(record: dict[str, Any]) -> list[str]:
    """The requested profile, where the delivered one differs, and the feedback so far."""
    bundle = record["bundle"]
    account = bundle.get("account") or {}
    feedback = account.get("feedback_history") or bundle.get("feedback_history") or ()
    about = {name: bundle[name] for name in ("title", "platform", "country") if name in bundle}
    about |= {name: account[name] for name in PROFILE_FIELDS if account.get(name) is not None}
    lines = [_pair(name, value) for name, value in about.items()]
    if "differs" in record:
        lines.append(_pair("delivered differs in", record["differs"] or "nothing"))
    for entry in feedback:
        said = {name: value for name, value in entry.items() if value is not None}
        lines.append(f"feedback: {_attempt(said)}")
    return lines


def _attempt(attempt: dict[str, Any]) -> str:
    rest = {name: value for name, value in attempt.items() if name not in ("attempt_n", "platform")}
    return ", ".join(f"{name} {_plain(value)}" for name, value in rest.items())


def _pair(name: str, value: Any) -> str:
    return f"{name:<22} {_plain(value)}"


def _plain(value: Any) -> str:
    return safe_line(value if isinstance(value, str) else msgspec.json.encode(value).decode(), 300)
