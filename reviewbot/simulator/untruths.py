"""Absurd answers: valid JSON with values that no document mentions and no program expects.

The values hit some of the things, the same ones each time: whoever is hit by chance alone is well
at the next reading, and nothing is learned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from zlib import crc32

import msgspec

from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.wire import HttpAnswer

Row = dict[str, Any]
EVERY = 3
"""One of so many things is hit."""
_MOMENT = re.compile(rb'("\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z"')
_WRITTEN = (b"Z", b".000Z", b"+00:00", b".123456Z", b".123456+00:00", b".5+00:00")
_AMOUNTS = (1e13, 9.3e12, 2**63, -(2**63) - 1, 10**40, 1e300, -1.0)
_NUMBERS = ("cm_payout_amount", "comments_scraped", "match_score", "videos_quantity")

_TEXTS = ("saved_account_id", "comment_text", "target_author_handle", "reason", "title")

_HERE = "2.2 million characters"
_MEGABYTES = b"x" * 2_200_000

ABSURD: dict[str, tuple[tuple[str, ...], tuple[object, ...]]] = {
    "absurd amount": (_NUMBERS, _AMOUNTS),
    "nul": (_TEXTS, ("a\0b",)),
    "megabytes": (_TEXTS, (_HERE,)),
    "odd status": (("account_status", "status"), ("frozen_by_vendor",)),
    "null deadline": (("client_dispute_deadline_at",), (None,)),
    "odd moments": ((), ()),
}
"""Every absurdity by the name of the fault: the fields that may get one of the values. Moments are
written another way wherever they stand."""


def absurd(body: bytes, kind: str, about: str, rng: Random) -> tuple[bytes, tuple[str, ...]]:
    """The same answer with absurd values, and the ids of the things they hit.

    `about` is the id in the path, for answers that name none.
    """
    if kind == "odd moments":
        return _MOMENT.sub(lambda found: found[1] + rng.choice(_WRITTEN) + b'"', body), ()
    answer = json.loads(body)
    hit = []
    for name, row in _rows(answer.get("data") if isinstance(answer, dict) else None, about):
        if is_hit(name) and _put(row, kind, crc32(name.encode()) // EVERY):
            hit.append(name)
    if not hit:
        return body, ()
    # What is long is put in at the end: to write it as JSON each time took a tenth of a long run.
    return json.dumps(answer).encode().replace(_HERE.encode(), _MEGABYTES), tuple(hit)


def is_hit(name: str) -> bool:
    """Whether the thing of this id is one of those that are hit."""
    return crc32(name.encode()) % EVERY == 0


def _rows(data: Any, about: str) -> Iterator[tuple[str, Row]]:
    """Every row of an answer, with the id of the thing that it is about."""
    if isinstance(data, list):
        yield from ((str(row.get("id", about)), row) for row in data if isinstance(row, dict))
    elif isinstance(data, dict):
        name = about or str(data.get("id", ""))
        attempts = data.get("attempts")
        rows = attempts if isinstance(attempts, list) else [data]
        yield from ((name, row) for row in rows if isinstance(row, dict))


def _put(row: Row, kind: str, number: int) -> bool:
    names, values = ABSURD[kind]
    there = [name for name in names if name in row]
    if kind == "odd status":
        there = there[:1]
    if there:
        row[there[number % len(there)]] = values[number % len(values)]
    return bool(there)


# ------------------------------------------------------------------------------------------------
# Lists that contradict their own count: rows that are counted and not shown, and counts that are wrong.


def miscounted(body: bytes, kind: str, rng: Random) -> tuple[bytes, bool]:
    """The same list with a contradiction, and whether anything was changed."""
    answer = msgspec.json.decode(body)
    rows, count = answer.get("data"), answer.get("pagination")
    if not isinstance(rows, list) or not isinstance(count, dict):
        return body, False
    changed = COUNTS[kind](answer, rng)
    return (msgspec.json.encode(answer), True) if changed else (body, False)


def _end_early(answer: dict[str, Any], _rng: Random) -> bool:
    """Every page but the first is empty, although the rows behind it are counted."""
    if answer["pagination"]["page"] < 2 or not answer["data"]:
        return False
    answer["data"] = []
    return True


def _drop_rows(answer: dict[str, Any], rng: Random) -> bool:
    """Some of the rows that are counted are not there."""
    rows = answer["data"]
    if not rows:
        return False
    answer["data"] = rows[: rng.randrange(len(rows))]
    return True


def _count_the_page(answer: dict[str, Any], _rng: Random) -> bool:
    """Only the rows of this page are counted, so a full page looks like the last."""
    count = answer["pagination"]
    if count["total_pages"] < 2:
        return False
    count["total"], count["total_pages"] = len(answer["data"]), 1
    return True


def _count_nothing(answer: dict[str, Any], rng: Random) -> bool:
    """There is no count."""
    count = answer["pagination"]
    for name in rng.choice((("total",), ("total", "total_pages"), tuple(count))):
        count.pop(name)
    return True


def _count_wrong(answer: dict[str, Any], rng: Random) -> bool:
    """The count is another one."""
    count = answer["pagination"]
    before = count["total"]
    count["total"] = rng.choice((before + 1, before + 30, max(0, before - 1), 0))
    return bool(count["total"] != before)


COUNTS: dict[str, Callable[[dict[str, Any], Random], bool]] = {
    "list ends early": _end_early,
    "rows missing": _drop_rows,
    "total of the page": _count_the_page,
    "total missing": _count_nothing,
    "total wrong": _count_wrong,
}
"""Every contradiction by the name of the fault."""


# ------------------------------------------------------------------------------------------------
# Refusals that are wrong for a moment: a 4xx that says nothing true about the thing it was said of.
#
# A gateway is deployed, a rule of a firewall slips, a check is too strict for a minute; then all is
# well again, and what was refused still waits.


CODES: dict[int, tuple[str, ...]] = {
    400: ("VALIDATION_ERROR", "COMMENT_DISPUTE_REASON_REQUIRED", "INVALID_JSON"),
    401: ("AUTH_INVALID_KEY", "AUTH_REVOKED_KEY", "AUTH_MISSING_KEY"),
    402: ("INSUFFICIENT_CREDITS",),
    403: ("AUTH_INSUFFICIENT_SCOPE", "COMMENT_TASK_NOT_OWNED", "MANAGED_ACCOUNT_TASK_BLOCKED"),
    404: ("COMMENT_TASK_NOT_FOUND", "NOT_FOUND", "bundle_not_found"),
    409: ("COMMENT_INVALID_STATUS", "MANAGED_ACCOUNT_TASK_BLOCKED", "IDEMPOTENCY_KEY_REUSED"),
    410: ("GONE",),
    422: ("VALIDATION_ERROR", "IDEMPOTENCY_KEY_REUSED"),
    423: ("MANAGED_ACCOUNT_TASK_BLOCKED",),
    425: ("TOO_EARLY",),
    451: ("UNAVAILABLE_FOR_LEGAL_REASONS",),
}
"""Every status of such a refusal, with the codes that the documents, or habit, give to it."""

MOMENTARY = ("4xx envelope", "4xx odd code", "4xx page")
"""In the API's envelope with a usual code; with a code nobody documented; without the envelope."""

_PAGES = (
    (
        b"text/html",
        b"<html><head><title>Forbidden</title></head><body>Request blocked</body></html>",
    ),
    (b"text/html", b""),
    (b"application/json", b'{"message":"Forbidden"}'),
    (b"text/plain", b"no healthy upstream"),
)


def refusal(kind: str, status: int | None, rng: Random) -> Refusal:
    """One in the API's envelope; of any status where none is given."""
    chosen = status or rng.choice(tuple(CODES))
    if kind == "4xx odd code":
        return Refusal(chosen, "WORKFLOW_GUARD_REJECTED", "The request was rejected.")
    code = rng.choice(CODES[chosen])
    details: dict[str, Any] | None = None
    if code == "COMMENT_INVALID_STATUS":
        details = {"current_status": rng.choice(("manually_confirmed", "submitted"))}
    return Refusal(chosen, code, "This cannot be done.", details)


def page(status: int | None, rng: Random) -> HttpAnswer:
    """One from something in between, which knows nothing of the API."""
    kind, body = rng.choice(_PAGES)
    return HttpAnswer(status or rng.choice(tuple(CODES)), [(b"content-type", kind)], body)
