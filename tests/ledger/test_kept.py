"""Answers between two polls, memories that are kept among them: never older than the last write, whoever made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from reviewbot.domain.decision import Action, State
from reviewbot.domain.errors import LedgerError
from reviewbot.ledger import tables
from reviewbot.ledger.chain import GENESIS, ChainEnd
from reviewbot.ledger.events import recorded
from reviewbot.ports.ledger import Ending, Ledger
from tests.builders import CONFIRMED, an_item
from tests.ledger.things import EPOCH, a_decision, a_policy, after

ASKED: dict[str, Callable[[Ledger], object]] = {
    "notes": lambda ledger: ledger.notes("pause", "breaker"),
    "open intents": lambda ledger: ledger.open_intents(),
    "rounds": lambda ledger: ledger.unended("comments"),
    "memories": lambda ledger: ledger.memories("comments", ["t1", "t2"]),
}
WRITTEN: dict[str, Sequence[Callable[[Ledger], object]]] = {
    "notes": (
        lambda ledger: ledger.note("pause", "all", {"on": True}, CONFIRMED),
        lambda ledger: ledger.note("pause", "all", {"on": False}, CONFIRMED),
    ),
    "open intents": (
        lambda ledger: ledger.intend(a_decision()),
        lambda ledger: ledger.mark(a_decision().id, State.PERFORMED, after(hours=1)),
    ),
    "rounds": (
        lambda ledger: ledger.sight([an_item(id="t1")], CONFIRMED),
        lambda ledger: ledger.end(an_ending()),
    ),
    "memories": (
        lambda ledger: ledger.record(a_decision(Action.WAIT), State.HELD),
        lambda ledger: ledger.intend(a_decision(task_id="t2")),
        lambda ledger: ledger.intend(a_decision()),
    ),
}


def an_ending() -> Ending:
    """The round of `t1` was decided by somebody else."""
    return Ending(
        review="comments", task_id="t1", epoch=EPOCH, by="other", status=None, at=after(hours=2)
    )


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize("writer", ["itself", "another"])
def test_each_write_shows_in_the_next_answer(
    what: str, writer: str, database_url: str, opened: Callable[..., Any]
) -> None:
    """Whether this connection wrote or another one did."""
    reader = opened(database_url)
    other = reader if writer == "itself" else opened(database_url)
    ask, seen = ASKED[what], [ASKED[what](reader)]

    for write in WRITTEN[what]:
        write(other)
        seen.append(ask(reader))
        assert seen[-1] == ask(opened(database_url)) != seen[-2]


def test_of_memories_only_what_was_written_about_is_read_again(
    tmp_path: Path, opened: Callable[..., Any]
) -> None:
    """What we wrote we know; once others wrote anything, all is read again."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger, other = opened(url), opened(url)
    for task_id in ("t1", "t2"):
        ledger.record(a_decision(Action.WAIT, task_id=task_id), State.HELD)
    said: list[str] = []
    ledger._engine.driver().set_trace_callback(said.append)

    def read_again(write: Callable[[], object]) -> list[str]:
        """Of which things the decisions were asked for."""
        write()
        said.clear()
        assert set(ledger.memories("comments", ["t1", "t2"])) == {"t1", "t2"}
        asked = str([statement for statement in said if "FROM decision" in statement])
        return [task_id for task_id in ("t1", "t2") if f'"{task_id}"' in asked]

    assert read_again(lambda: None) == ["t1", "t2"]
    assert (read_again(lambda: None), len(said)) == ([], 1), "whether anybody wrote, and no more"
    assert read_again(lambda: ledger.intend(a_decision(task_id="t2"))) == ["t2"]
    assert read_again(lambda: other.note("pause", "all", {}, CONFIRMED)) == ["t1", "t2"]
    assert read_again(lambda: None) == []


def test_of_two_that_keep_a_policy_at_once_the_second_adds_nothing(
    tmp_path: Path, opened: Callable[..., Any]
) -> None:
    """It had looked before the first wrote, and finds it there once it is its own turn to write."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger, other = opened(url), opened(url)
    said: list[str] = []

    def other_is_first(statement: str) -> None:
        if statement == "BEGIN IMMEDIATE" and statement not in said:
            other.remember_policy(a_policy(), CONFIRMED)
        said.append(statement)

    ledger._engine.driver().set_trace_callback(other_is_first)
    ledger.remember_policy(a_policy(), after(hours=1))

    asked = [n for n, statement in enumerate(said) if "FROM policy" in statement]
    assert asked[0] < said.index("BEGIN IMMEDIATE") < asked[-1], "it did look before and after"
    (kept,) = ledger.policies()
    assert kept.first_run_at == CONFIRMED
    assert ledger.checkpoint(CONFIRMED).count == 1
    assert ledger.verify().whole


def test_what_another_made_of_our_newest_intent_is_seen(
    database_url: str, opened: Callable[..., Any]
) -> None:
    """The row that we left does not count once somebody else wrote about it."""
    ledger, other = opened(database_url), opened(database_url)
    decision = a_decision()
    ledger.intend(decision)
    other.mark(decision.id, State.PERFORMED, after(hours=1))

    with pytest.raises(LedgerError, match="cannot follow performed"):
        ledger.mark(decision.id, State.UNKNOWN, after(hours=2))

    assert ledger.verify().whole


def test_an_intent_that_was_undone_leaves_no_row_behind(
    tmp_path: Path, opened: Callable[..., Any]
) -> None:
    """Neither the row nor its line is in the log, though both were written for a moment."""
    ledger = opened(f"sqlite:///{tmp_path}/ledger.db")
    with pytest.raises(RuntimeError), ledger._engine.writing() as driver:
        line, row = recorded(a_decision(), State.INTENT, 1, None)
        ChainEnd(ledger._run, ledger._engine.salt, GENESIS, 1).add(line)
        ledger._put(tables.decision, row, None)
        assert driver.in_transaction
        raise RuntimeError

    assert ledger._chain.own_lines == 0
    with pytest.raises(LedgerError, match="not in the log"):
        ledger.mark(a_decision().id, State.PERFORMED, after(hours=1))
