"""Whoever changes the log behind its back is found, and where."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.domain.decision import Action, State
from reviewbot.ledger.chain import GENESIS, digest
from reviewbot.ledger.open import open_ledger
from reviewbot.ledger.statements import PAGE
from reviewbot.ledger.tables import ChainLine
from reviewbot.ports.ledger import Ending
from tests.builders import CONFIRMED, an_item
from tests.ledger.things import a_decision, a_policy, after

ROUNDS = 12


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with some of everything in it, as bytes to copy."""
    path = tmp_path_factory.mktemp("ledger") / "whole.db"
    ledger = open_ledger(f"sqlite:///{path}")
    ledger.remember_policy(a_policy(), CONFIRMED)
    for n in range(ROUNDS):
        task = f"t{n}"
        ledger.sight([an_item(id=task)], CONFIRMED)
        decision = a_decision((Action.APPROVE, Action.DISPUTE)[n % 2], task_id=task, reason="r")
        ledger.intend(decision)
        ledger.mark(decision.id, State.PERFORMED, after(hours=n))
        ending = Ending(
            review="comments", task_id=task, epoch=decision.epoch or "", by="ours",
            status="finalized", at=after(hours=n),
        )  # fmt: skip
        ledger.end(ending)
    ledger.note("pause", "all", {"set": True}, CONFIRMED)
    ledger.note("pause", "all", {"set": False}, CONFIRMED)
    ledger.close()
    return path


@pytest.fixture
def attacked(written: Path, tmp_path: Path) -> Callable[..., tuple[str, ...]]:
    """Runs SQL on a copy and gives the problems that verification then finds."""

    def attack(*statements: str, **parameters: Any) -> tuple[str, ...]:
        copy = tmp_path / "copy.db"
        copy.write_bytes(written.read_bytes())
        with sqlite3.connect(copy) as connection:
            for statement in statements:
                assert connection.execute(statement, parameters).rowcount != 0
        connection.close()
        return problems_of(copy)

    return attack


def problems_of(path: Path) -> tuple[str, ...]:
    """What verification finds in a file."""
    ledger = open_ledger(f"sqlite:///{path}", read_only=True)
    try:
        return ledger.verify().problems
    finally:
        ledger.close()


def test_an_untouched_log_is_whole(attacked: Callable[..., tuple[str, ...]]) -> None:
    """The attacks below are found for what they do, not for the copying."""
    assert attacked() == ()


LINE_ATTACKS = {
    "edit": "UPDATE entry SET body = CAST(replace(body, 'comments', 'c0mments') AS BLOB) WHERE seq = 7",
    "edit of time": "UPDATE entry SET at = at + 1 WHERE seq = 9",
    "edit of detail": "UPDATE entry SET detail = NULL WHERE kind = 'policy'",
    "edit of text": "UPDATE entry SET text = CAST(replace(text, 'r', 'R') AS BLOB) WHERE seq = 15",
    "edit of salt": "UPDATE entry SET salt = zeroblob(16) WHERE seq = 15",
    "text without salt": "UPDATE entry SET salt = NULL WHERE seq = 15",
    "text lost": "UPDATE entry SET text = NULL, detail = NULL, salt = NULL,"
    " digest = zeroblob(32) WHERE seq = 15",
    "edit of hash": "UPDATE entry SET hash = zeroblob(32) WHERE seq = 9",
    "delete": "DELETE FROM entry WHERE seq = 20",
    "delete first": "DELETE FROM entry WHERE seq = 1",
    "insert": "INSERT INTO entry SELECT 1000, at, kind, subject, prior, body, detail, hash, key,"
    " text, salt, digest FROM entry WHERE seq = 5",
    "cut off": "DELETE FROM entry WHERE seq = 51",
}


@pytest.mark.parametrize("attack", LINE_ATTACKS.values(), ids=LINE_ATTACKS)
def test_a_touched_line_is_found(attacked: Callable[..., tuple[str, ...]], attack: str) -> None:
    """Edited, removed or added anywhere in the chain."""
    assert attacked(attack)


def test_swapped_lines_are_found(attacked: Callable[..., tuple[str, ...]]) -> None:
    """Also when both carry valid hashes of their own."""
    assert attacked(
        "UPDATE entry SET seq = -1 WHERE seq = 8",
        "UPDATE entry SET seq = 8 WHERE seq = 9",
        "UPDATE entry SET seq = 9 WHERE seq = -1",
    )


ROW_ATTACKS = {
    "state": "UPDATE decision SET state = 'void' WHERE task_id = 't3'",
    "amount": "UPDATE decision SET amount_micros = 1 WHERE task_id = 't3'",
    "account": "UPDATE decision SET account_id = 'zz' WHERE task_id = 't3'",
    "task": "UPDATE decision SET task_id = 'zz' WHERE task_id = 't3'",
    "older line": "UPDATE decision SET last = recorded WHERE task_id = 't3'",
    "another's line": "UPDATE decision SET recorded = (SELECT recorded FROM decision"
    " WHERE task_id = 't4') WHERE task_id = 't3'",
    "delete row": "DELETE FROM decision WHERE task_id = 't3'",
    "first seen": "UPDATE round SET first_seen_at = first_seen_at - 1 WHERE task_id = 't3'",
    "ended by": "UPDATE round SET ended_by = 'silence' WHERE task_id = 't3'",
    "round deleted": "DELETE FROM round WHERE task_id = 't3'",
    "policy deleted": "DELETE FROM policy",
    "note turned back": "UPDATE note SET last = last - 1",
}


@pytest.mark.parametrize("attack", ROW_ATTACKS.values(), ids=ROW_ATTACKS)
def test_a_row_that_disagrees_is_found(
    attacked: Callable[..., tuple[str, ...]], attack: str
) -> None:
    """The chain is whole, but what is asked by index says something else."""
    assert attacked(attack)


@pytest.mark.parametrize(("kind", "row"), [("ended", "round"), ("performed", "decision")])
def test_a_line_that_cannot_be_read_fits_no_row(
    attacked: Callable[..., tuple[str, ...]], kind: str, row: str
) -> None:
    """Beside its hash, which no longer fits."""
    found = attacked(
        "UPDATE entry SET body = X'00' WHERE seq = (SELECT max(seq) FROM entry WHERE kind = :kind)",
        kind=kind,
    )

    assert any(
        f"the row of {row} " in sentence and "differs from the chain" in sentence
        for sentence in found
    )


def test_a_row_out_of_nothing_is_found(attacked: Callable[..., tuple[str, ...]]) -> None:
    """A decision that the chain never heard of."""
    columns = "recorded, last, review, task_id, epoch, action, rule, policy, by_person, state, state_at, tries"
    problems = attacked(
        f"INSERT INTO decision (seq, id, key, {columns})"
        f" SELECT 9999, 'x', key, recorded, last, review, 'new', epoch, action, rule, policy, 0, state, 0, 1"
        " FROM decision WHERE task_id = 't3'"
    )
    assert any("no line in the chain" in problem for problem in problems)


def test_a_tail_cut_with_care_shows_against_a_checkpoint(written: Path, tmp_path: Path) -> None:
    """Rows put right again leave a shorter log that is whole in itself."""
    whole = open_ledger(f"sqlite:///{written}", read_only=True)
    checkpoint = whole.checkpoint(CONFIRMED)
    whole.close()
    copy = tmp_path / "cut.db"
    copy.write_bytes(written.read_bytes())
    with sqlite3.connect(copy) as connection:
        last = checkpoint.count
        connection.execute("UPDATE note SET last = last - 1")
        connection.execute("DELETE FROM entry WHERE seq = ?", (last,))
    connection.close()

    ledger = open_ledger(f"sqlite:///{copy}", read_only=True)
    assert ledger.verify().whole
    assert f"line {checkpoint.count} is missing" in ledger.verify(checkpoint).problems[0]
    ledger.close()


@settings(max_examples=40, deadline=None)
@given(
    line=st.integers(0, 10**6),
    column=st.sampled_from(
        ["seq", "at", "kind", "subject", "prior", "body", "detail", "hash", "text", "salt"]
    ),
    place=st.integers(0, 10**6),
    bit=st.integers(0, 6),
)
def test_any_one_bit_of_any_line_is_found(
    written: Path,
    tmp_path_factory: pytest.TempPathFactory,
    line: int,
    column: str,
    place: int,
    bit: int,
) -> None:
    """In whatever column it flips."""
    copy = tmp_path_factory.getbasetemp() / "flipped.db"
    copy.write_bytes(written.read_bytes())
    connection = sqlite3.connect(copy)
    rows = connection.execute(
        f"SELECT seq, {column} FROM entry WHERE length({column}) > 0"
    ).fetchall()
    seq, value = rows[line % len(rows)]
    connection.execute(
        f"UPDATE OR REPLACE entry SET {column} = ? WHERE seq = ?",
        (_flipped(value, place, bit), seq),
    )
    connection.commit()
    connection.close()

    assert problems_of(copy)


def _flipped(value: Any, place: int, bit: int) -> Any:
    if isinstance(value, int):
        return value ^ (1 << bit)
    at = place % len(value)
    if isinstance(value, str):
        return value[:at] + chr(ord(value[at]) ^ (1 << bit)) + value[at + 1 :]
    return value[:at] + bytes([value[at] ^ (1 << bit)]) + value[at + 1 :]


def test_two_contents_never_read_the_same() -> None:
    """Another content of any column changes the hash, and so does a byte moved to the next one."""
    one = ChainLine(1, 2, "note", "ab", 0, b"cd", b"ef")
    others = [
        ChainLine(3, 2, "note", "ab", 0, b"cd", b"ef"),
        ChainLine(1, 3, "note", "ab", 0, b"cd", b"ef"),
        ChainLine(1, 2, "nota", "ab", 0, b"cd", b"ef"),
        ChainLine(1, 2, "note", "ac", 0, b"cd", b"ef"),
        ChainLine(1, 2, "note", "ab", 1, b"cd", b"ef"),
        ChainLine(1, 2, "note", "ab", 0, b"ce", b"ef"),
        ChainLine(1, 2, "note", "ab", 0, b"cd", b"eg"),
        ChainLine(1, 2, "note", "a", 0, b"bcd", b"ef"),
        ChainLine(1, 2, "note", "ab", 0, b"cde", b"f"),
        ChainLine(1, 2, "note", "ab", 0, b"cdef", None),
        ChainLine(1, 2, "note", "ab", 0, b"cdef", b""),
        ChainLine(12, 2, "note", "ab", 0, b"cd", b"ef"),
        ChainLine(1, 2, "note a", "b", 0, b"cd", b"ef"),
    ]
    hashes = {digest(before, line) for before in (b"", GENESIS) for line in (one, *others)}
    assert len(hashes) == 2 * 14


def test_rounds_are_checked_on_every_page(tmp_path: Path) -> None:
    """There are more of them than are read at once, and one of each page has changed."""
    path = tmp_path / "ledger.db"
    ledger = open_ledger(f"sqlite:///{path}")
    tasks = [f"t{n:04}" for n in range(PAGE + 2)]
    ledger.sight([an_item(id=task) for task in tasks], CONFIRMED)
    assert ledger.verify().whole
    ledger.close()

    wrong = [tasks[0], tasks[PAGE - 1], tasks[PAGE], tasks[-1]]
    with sqlite3.connect(path) as connection:
        for task in wrong:
            connection.execute("UPDATE round SET amount_micros = 1 WHERE task_id = ?", (task,))
    connection.close()

    problems = problems_of(path)
    assert all(
        f"of {task} differs" in problem for task, problem in zip(wrong, problems, strict=True)
    )


def test_a_log_that_is_wrong_throughout_is_told_in_twenty_lines(
    attacked: Callable[..., tuple[str, ...]],
) -> None:
    """The first of them; nobody reads a page of the same."""
    found = attacked("UPDATE entry SET hash = zeroblob(32)")

    assert len(found) == 20
    assert found[0].startswith("line 1 ")


# What is said of it, to the letter -----------------------------------------------------------


CHANGED = "line {} or the one before it was changed: its hash does not fit"
ORPHAN = "line {} stands in the chain, but the row that should name it does not"
ELSEWHERE = "line {}: the row of {} stands at line {}, not there"
DIFFERS = "line {}: the row of {} differs from the chain"
FOREIGN = "line {}: the row of {} names lines not its own"
DECISIONS = [
    f"decision {a_decision((Action.APPROVE, Action.DISPUTE)[n % 2], task_id=f't{n}').id}"
    for n in range(ROUNDS)
]
OF_T1, OF_T3, OF_T4 = DECISIONS[1], DECISIONS[3], DECISIONS[4]
ROUND = "round 2026-06-02T12:00:00Z of"

SENTENCES: dict[str, tuple[str, ...]] = {
    "edit": (CHANGED.format(7), DIFFERS.format(8, OF_T1)),
    "edit of time": (CHANGED.format(9),),
    "edit of detail": (CHANGED.format(1),),
    "edit of text": (CHANGED.format(15),),
    "edit of salt": (CHANGED.format(15),),
    "text without salt": ("line 15 has a text that nothing binds", CHANGED.format(15)),
    "text lost": (
        CHANGED.format(15),
        "line 15 lost its text, and no word of erasure says so",
    ),
    "edit of hash": (CHANGED.format(9), CHANGED.format(10)),
    "delete": (
        "line 20 is missing: line 21 follows line 19",
        CHANGED.format(21),
        ELSEWHERE.format(19, OF_T4, 20),
        FOREIGN.format(20, OF_T4),
    ),
    "delete first": (
        "line 1 is missing: line 2 follows line 0",
        CHANGED.format(2),
        f"line 1: policy {a_policy().revision} has a row, but no line in the chain",
    ),
    "insert": (
        "line 52 is missing: line 1000 follows line 51",
        CHANGED.format(1000),
        "line 1000 does not follow the line before it about the same thing",
        ELSEWHERE.format(1000, f"{ROUND} comments t0", 5),
    ),
    "cut off": (ELSEWHERE.format(50, "note pause all", 51),),
    "state": (DIFFERS.format(16, OF_T3),),
    "amount": (DIFFERS.format(16, OF_T3),),
    "account": (DIFFERS.format(16, OF_T3),),
    "task": (DIFFERS.format(16, OF_T3),),
    "older line": (ELSEWHERE.format(16, OF_T3, 15), DIFFERS.format(15, OF_T3)),
    "another's line": (FOREIGN.format(16, OF_T3),),
    "delete row": (ORPHAN.format(16),),
    "first seen": (DIFFERS.format(17, f"{ROUND} t3"),),
    "ended by": (DIFFERS.format(17, f"{ROUND} t3"),),
    "round deleted": (ORPHAN.format(17),),
    "policy deleted": (ORPHAN.format(1),),
    "note turned back": (ELSEWHERE.format(51, "note pause all", 50),),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_each_problem_is_said_with_its_line(
    attacked: Callable[..., tuple[str, ...]], name: str
) -> None:
    """Those and no others, in the order in which they are found."""
    attack = {**LINE_ATTACKS, **ROW_ATTACKS}[name]
    assert attacked(attack) == SENTENCES[name]


def test_a_log_knows_its_length_and_its_end(written: Path) -> None:
    """Also one that is wrong."""
    ledger = open_ledger(f"sqlite:///{written}", read_only=True)
    try:
        found = ledger.verify()
        point = ledger.checkpoint(CONFIRMED)
    finally:
        ledger.close()
    assert (found.lines, found.head, found.problems) == (51, point.head, ())
    assert (found.whole, point.count) == (True, 51)
