"""Drift: answers whose shape has changed, as a vendor changes it without telling anyone."""

from __future__ import annotations

from collections.abc import Callable
from random import Random  # noqa: TID251 - a seeded one comes in as an argument
from typing import Any

import msgspec

Rows = list[dict[str, Any]]


def drifted(body: bytes, kind: str, rng: Random) -> bytes:
    """The same answer after a drift; a body without data stays as it is."""
    answer = msgspec.json.decode(body)
    rows = _rows(answer)
    if rows:
        DRIFTS[kind](rows, rng)
    return msgspec.json.encode(answer)


def _rows(answer: Any) -> Rows:
    data = answer.get("data") if isinstance(answer, dict) else None
    if isinstance(data, dict):
        data = data.get("attempts") or [data]
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []


def _drop_field(rows: Rows, rng: Random) -> None:
    name = rng.choice(list(rows[0]))
    for row in rows:
        row.pop(name, None)


def _retype_field(rows: Rows, rng: Random) -> None:
    name = rng.choice(list(rows[0]))
    for row in rows:
        match row.get(name):
            case bool() | None:
                row[name] = "yes"
            case str() as text:
                row[name] = rng.choice([{"value": text}, [text], len(text)])
            case int() | float() as number:
                row[name] = str(number)
            case _:
                row[name] = None


def _new_enum_value(rows: Rows, rng: Random) -> None:
    names = [name for name in ("status", "outcome_kind", "platform") if name in rows[0]]
    if names:
        rng.choice(rows)[rng.choice(names)] = rng.choice(["awaiting_audit", "ai_suspected", ""])


def _new_field(rows: Rows, rng: Random) -> None:
    for row in rows:
        row["trust_tier"] = {"level": rng.randrange(5), "since": None}


DRIFTS: dict[str, Callable[[Rows, Random], None]] = {
    "field missing": _drop_field,
    "field retyped": _retype_field,
    "new enum value": _new_enum_value,
    "new field": _new_field,
}
"""Every way in which the shape of an answer can change, by the name of the fault."""
