"""What a JSON answer says, read by Python's own parser and no code of ours: typed, or not known.

The twin of `reviewbot.tokportal`: it believes a value only if it is there and of its documented type.
"""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from typing import Any

TEXTS = {
    "task": "id status platform saved_account_id target_video_url target_author_handle comment_text"
    " correction_required target_type target_comment_url execution_block_reason",
    "attempt": "outcome_kind found_comment_id reason platform",
}
MOMENTS = {
    "task": "submitted_at verified_at manually_confirmed_at client_dispute_deadline_at finalized_at"
    " deadline_at created_at updated_at",
    "attempt": "scraped_at",
}
FIELDS: dict[str, dict[str, type]] = {
    kind: dict.fromkeys(TEXTS[kind].split(), str) | dict.fromkeys(MOMENTS[kind].split(), datetime)
    for kind in TEXTS
}
FIELDS["task"] |= {"cm_payout_amount": float, "execution_blocked": bool}
FIELDS["attempt"] |= {
    "attempt_n": int,
    "comments_scraped": int,
    "match_score": float,
    "verified": bool,
}
OPTIONAL = {"target_type", "target_comment_url", "execution_blocked", "execution_block_reason"}
"""Documented for some answers only."""
NEVER_NULL = {
    "task": ("status", "platform", "saved_account_id", "comment_text", "updated_at"),
    "attempt": ("attempt_n", "scraped_at", "outcome_kind"),
}
CHOICES = {
    "status": [
        "pending",
        "submitted",
        "verified_auto",
        "manually_confirmed",
        "pending_corrections",
        "finalized",
        "cancelled",
        "rejected",
        "needs_review",
    ],
    "platform": ["tiktok", "instagram"],
    "outcome_kind": ["verified", "wrong_text", "wrong_account", "couldnt_verify", "scrape_failed"],
}
_MOMENT = re.compile(r"\d{4}-?(\d\d-?\d\d|W\d\d-?\d)..*(Z|[+-]\d\d(:?\d\d(:?\d\d)?)?)", re.DOTALL)


class NoJson(ValueError):
    """The bytes are no JSON."""


def parse(body: bytes) -> Any:
    """Read JSON as Python does: the last of two equal keys counts. Raises NoJson.

    Letters that are broken stay visibly so: they may stand where nobody looks.
    """
    try:
        return json.loads(body.decode("utf-8", "replace"), parse_int=_int)
    except (ValueError, RecursionError) as error:
        raise NoJson(str(error)[:80]) from None


def typed(raw: Any, kind: type) -> Any:
    """The value, if it is one of its type; None: not known."""
    match raw:
        case bool():
            return raw if kind is bool else None
        case int() | float() if kind in (int, float):
            if kind is int:
                found = int(raw) if isinstance(raw, int) or raw.is_integer() else None
                return found if found is not None and -(2**63) < found < 2**63 else None
            return _finite(raw)
        case str() if kind is str:
            kept = raw.encode("utf-8", "replace").decode() == raw and "\0" not in raw
            return raw if kept else None
        case str() if kind is datetime:
            return _moment(raw)
    return None


def known(thing: Any, field: str, kind: str) -> Any:
    """A field of an object as it was sent, if it is there, typed, and one of the documented values."""
    value = typed(thing.get(field), FIELDS[kind][field]) if isinstance(thing, dict) else None
    return None if field in CHOICES and value not in CHOICES[field] else value


def last_of(attempts: list[Any]) -> Any:
    """The attempt with the highest number, if each has one or there is only one."""
    numbers = [known(attempt, "attempt_n", "attempt") for attempt in attempts]
    if len(attempts) == 1:
        return attempts[0]
    if not attempts or None in numbers:
        return None
    return max(zip(numbers, range(len(attempts)), attempts, strict=True), key=lambda t: t[:2])[2]


def usable(thing: Any) -> bool:
    """Whether a row can be asked for by its id."""
    name = thing.get("id") if isinstance(thing, dict) else None
    return (
        isinstance(name, str)
        and 0 < len(name) <= 200
        and name.isprintable()
        and bool(name.strip(" ."))
    )


def _int(digits: str) -> float:
    return int(digits) if len(digits) < 4000 else math.inf


def _finite(raw: float) -> float | None:
    try:
        return float(raw) if math.isfinite(float(raw)) else None
    except OverflowError:
        return None


def _moment(raw: str) -> datetime | None:
    if not _MOMENT.fullmatch(raw):
        return None
    try:
        found = datetime.fromisoformat(raw)
    except ValueError:
        return None
    return found if 1970 <= found.year < 3000 else None
