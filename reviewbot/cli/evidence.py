"""What a decision was based on, as lines for a person."""

from __future__ import annotations

from typing import Any

import msgspec

from reviewbot.cli.accounts.story import side_by_side, story
from reviewbot.domain.moments import format_written
from reviewbot.domain.safetext import safe_line
from reviewbot.service.records import facts_from_json

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


_AT = "_at"
"""How the names of moments end."""


def evidence_lines(facts: bytes, zone: str) -> list[str]:
    """Write logged facts (JSON) as `name  value` lines: the thing, then each try of the checker."""
    try:
        record = msgspec.json.decode(facts)
    except msgspec.DecodeError:
        return ["the record of what was seen cannot be read"]
    if not isinstance(record, dict):
        return ["nothing was recorded"]
    if "bundle" in record:
        return _account(facts, zone)
    thing = record.get("task") or {}
    names = [name for name in _ORDER if name in thing] or sorted(thing)
    lines = [_pair(name, thing[name], zone) for name in names]
    attempts = record.get("attempts")
    if attempts is None:
        lines.append("no rule needed the checker's tries, so they were not fetched")
    elif not attempts:
        lines.append("the checker has not tried in this round")
    for attempt in attempts or ():
        lines.append(
            f"try {_plain(attempt.get('attempt_n', '?'), None)}: {_attempt(attempt, zone)}"
        )
    return lines


def _account(record: bytes, zone: str) -> list[str]:
    """Both profiles side by side, and the feedback so far."""
    try:
        facts = facts_from_json(record)
    except (ValueError, KeyError):
        return ["the record of what was seen cannot be read"]
    bundle = facts.bundle
    about = {"title": bundle.title, "platform": bundle.platform, "country": bundle.country}
    lines = [_pair(name, value, zone) for name, value in about.items() if value is not None]
    lines += side_by_side(bundle.profile, facts.delivered).split("\n")
    if facts.delivered is None:
        lines.append("no rule needed the delivered profile, so it was not fetched")
    return [*lines, *story(bundle.feedback_history, zone=zone)]


def _attempt(attempt: dict[str, Any], zone: str) -> str:
    rest = {name: value for name, value in attempt.items() if name not in ("attempt_n", "platform")}
    return ", ".join(
        f"{name} {_plain(value, zone if name.endswith(_AT) else None)}"
        for name, value in rest.items()
    )


def _pair(name: str, value: Any, zone: str) -> str:
    return f"{name:<22} {_plain(value, zone if name.endswith(_AT) else None)}"


def _plain(value: Any, zone: str | None) -> str:
    """A value in one line; with a zone it is a moment."""
    if zone is not None and isinstance(value, str):
        value = format_written(value, zone)
    return safe_line(value if isinstance(value, str) else msgspec.json.encode(value).decode(), 300)
