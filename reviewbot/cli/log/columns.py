"""A decision as a row of a table: the columns that CSV and Parquet have, and how each is typed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from reviewbot.cli.log.forms import outcome_of
from reviewbot.ports import Logged

Kind = Literal["text", "word", "count", "moment", "yes or no", "micros", "usd", "json"]
"""`word` is a text of which there are few; `micros` are millionths of a US dollar."""


class Field(NamedTuple):
    """One column: its name, what it holds, and how it is read."""

    name: str
    kind: Kind
    read: Callable[[Logged], Any]


def _of_decision(name: str, kind: Kind) -> Field:
    return Field(name, kind, lambda logged: getattr(logged.decision, name))


def _usd(logged: Logged) -> Decimal | None:
    micros = logged.decision.amount_micros
    return None if micros is None else Decimal(micros).scaleb(-6)


COLUMNS: tuple[Field, ...] = (
    _of_decision("id", "text"),
    Field("seq", "count", lambda logged: logged.seq),
    _of_decision("decided_at", "moment"),
    _of_decision("review", "word"),
    _of_decision("task_id", "text"),
    _of_decision("round", "count"),
    _of_decision("epoch", "text"),
    Field("action", "word", lambda logged: logged.decision.action.value),
    _of_decision("rule", "word"),
    _of_decision("reason", "text"),
    _of_decision("policy", "word"),
    _of_decision("revision", "word"),
    Field("mode", "word", lambda logged: logged.decision.mode.value),
    _of_decision("deadline_at", "moment"),
    Field("outcome", "word", outcome_of),
    Field("settled_at", "moment", lambda logged: logged.settled_at),
    Field("trace", "json", lambda logged: logged.decision.trace.decode()),
    Field("facts", "json", lambda logged: logged.decision.facts.decode()),
    _of_decision("deadline_is_estimate", "yes or no"),
    _of_decision("account_id", "text"),
    _of_decision("amount_micros", "micros"),
    Field("amount_usd", "usd", _usd),
    _of_decision("decided_by", "text"),
)
"""Those of `log show --format json` first, in its order; then what a table is sliced and added up by."""


def row_of(logged: Logged) -> tuple[Any, ...]:
    """One decision, column by column."""
    return tuple(field.read(logged) for field in COLUMNS)
