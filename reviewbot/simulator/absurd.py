"""Absurd answers: valid JSON with values that no document mentions and no program expects.

The values hit some of the things, the same ones each time: whoever is hit by chance alone is well
at the next reading, and nothing is learned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random  # noqa: TID251 - a seeded one comes in as an argument
from typing import Any
from zlib import crc32

Row = dict[str, Any]

EVERY = 3
"""One of so many things is hit."""
_MOMENT = re.compile(rb'("\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z"')
_WRITTEN = (b"Z", b".000Z", b"+00:00", b".123456Z", b".123456+00:00", b".5+00:00")
_AMOUNTS = (1e13, 9.3e12, 2**63, -(2**63) - 1, 10**40, 1e300, -1.0)
_NUMBERS = ("cm_payout_amount", "comments_scraped", "match_score", "videos_quantity")
_TEXTS = (
    "saved_account_id",
    "comment_text",
    "target_author_handle",
    "reason",
    "title",
)

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
