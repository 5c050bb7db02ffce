"""Lists that contradict their own count: rows that are counted and not shown, and counts that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from random import Random  # noqa: TID251 - a seeded one comes in as an argument
from typing import Any

import msgspec


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

HIDING = frozenset({"list ends early", "rows missing", "total of the page"})
"""Those that keep rows back."""
