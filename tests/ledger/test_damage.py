"""What cannot be read in a ledger is an error of ours that says where to look."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reviewbot.domain.decision import State
from reviewbot.domain.errors import LedgerCorrupt, LedgerUnwritable
from reviewbot.ledger.engine import UNREADABLE
from reviewbot.ledger.open import in_memory
from tests.builders import CONFIRMED, an_item
from tests.ledger.things import a_decision, a_policy


@pytest.mark.parametrize("kind", UNREADABLE, ids=lambda kind: kind.__name__)
def test_whatever_fails_while_a_row_becomes_a_value_is_damage(kind: type[Exception]) -> None:
    """The message names the failure and the command to use; the log can be used again."""
    engine = in_memory()
    for block in (engine.reading, engine.snapshot, engine.writing):
        with pytest.raises(LedgerCorrupt) as met, block():
            raise kind("odd")
        assert str(met.value) == (
            f"the ledger holds what cannot be read ({kind.__name__}: odd);"
            " see  reviewbot log verify"
        )
        assert isinstance(met.value.__cause__, kind)


def test_our_own_errors_are_no_damage() -> None:
    """They say themselves what is wrong."""
    with pytest.raises(LedgerUnwritable, match="full"), in_memory().writing():
        raise LedgerUnwritable("full")


DAMAGE: dict[str, tuple[str, Callable[[Any], object]]] = {
    "a state that is none": (
        "UPDATE decision SET state = 'gone'",
        lambda ledger: ledger.decision(""),
    ),
    "a moment that is a text": (
        "UPDATE decision SET state_at = 'x'",
        lambda ledger: ledger.decisions(),
    ),
    "a body that is cut": (
        "UPDATE entry SET body = substr(body, 1, 9)",
        lambda ledger: ledger.memories("comments", ["t1"]),
    ),
    "a body that is a number": (
        "UPDATE entry SET body = 1 << 40",
        lambda ledger: ledger.entries(a_decision().id),
    ),
    "a detail that does not unpack": (
        "UPDATE entry SET detail = X'00'",
        lambda ledger: list(ledger.iter_decisions()),
    ),
    "a policy that does not unpack": (
        "UPDATE entry SET detail = X'00'",
        lambda ledger: ledger.policies(),
    ),
    "a word that is none": (
        "UPDATE entry SET body = X'7b7d' WHERE kind = 'note'",
        lambda ledger: ledger.notes("pause"),
    ),
    "a line that is gone": (
        "DELETE FROM entry WHERE kind = 'held'",
        lambda ledger: ledger.entries(a_decision().id),
    ),
    "a round that begins with a text": (
        "UPDATE round SET first_seen_at = 'x'",
        lambda ledger: ledger.unended("comments"),
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_row_is_said_wherever_it_is_read(
    tmp_path: Path, opened: Callable[..., Any], what: str
) -> None:
    """By each question that meets it."""
    statement, ask = DAMAGE[what]
    ledger = opened(f"sqlite:///{tmp_path}/ledger.db")
    ledger.remember_policy(a_policy(), CONFIRMED)
    ledger.sight([an_item(id="t1")], CONFIRMED)
    ledger.record(a_decision(), State.HELD)
    ledger.note("pause", "all", {}, CONFIRMED)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        assert other.execute(statement).rowcount

    with pytest.raises(LedgerCorrupt, match="holds what cannot be read"):
        ask(ledger)


@pytest.mark.parametrize(
    "ask",
    [
        lambda ledger: ledger.decisions(),
        lambda ledger: ledger.decision(a_decision().id),
        lambda ledger: list(ledger.newest_first()),
        lambda ledger: ledger.memories("comments", ["t1"]),
    ],
    ids=["decisions", "one decision", "newest first", "memories"],
)
def test_a_decision_whose_line_is_gone_is_said_with_its_line(
    tmp_path: Path, opened: Callable[..., Any], ask: Callable[[Any], object]
) -> None:
    """It is neither left out nor taken for archived: what has left the log has a row that says so."""
    ledger = opened(f"sqlite:///{tmp_path}/ledger.db")
    ledger.sight([an_item(id="t1")], CONFIRMED)
    ledger.record(a_decision(), State.HELD)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("DELETE FROM entry WHERE kind = 'held'")

    with pytest.raises(LedgerCorrupt, match="line 2 is missing"):
        ask(ledger)
