"""A ledger that the first release wrote, kept as it was: brought up to date it tells the same, and is whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from reviewbot.domain.decision import Action, State
from reviewbot.ledger.engine import LedgerEngine
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import _parse, prepare, upgrade, version_of
from reviewbot.ledger.postgresql import PostgreSQL
from reviewbot.ledger.sqlite import SQLiteFile
from reviewbot.ledger.tables import SCHEMA_VERSION
from reviewbot.ports.ledger import DEFAULT_KEY, Checkpoint
from tests.builders import CONFIRMED
from tests.ledger.things import a_decision, after

KEPT = Checkpoint(
    count=26, head="c36298cb6cc49cfc8d2fd9a164d4ff6cd5002606e7a16c0f31039255fd458675", at=CONFIRMED
)
"""What was said of it when it was written."""
DUMP = Path(__file__).parent / "before/0002.sql"


def of_before(engine: LedgerEngine) -> None:
    """Fill an empty database with the ledger of before."""
    upgrade(engine, None, to="0002")
    with closing(sqlite3.connect(":memory:")) as source, engine.writing():
        source.executescript(DUMP.read_text())
        for table in ("entry", "decision", "round", "policy", "note"):
            cursor = source.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            marks = ", ".join(f":{name}" for name in names)
            into = text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})")
            engine.connection.execute(into, [dict(zip(names, row, strict=True)) for row in cursor])


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LedgerEngine]:
    """The ledger of before, as it was."""
    if request.param == "sqlite":
        backend: Any = SQLiteFile(tmp_path / "ledger.db", create=True, read_only=False)
    else:
        server = request.getfixturevalue("postgres")
        backend = PostgreSQL(_parse(server.new_database()))
    engine = LedgerEngine(backend)
    of_before(engine)
    yield engine
    engine.close()


def columns(engine: LedgerEngine, what: str, where: str = "1 = 1") -> list[Any]:
    """Some columns of all lines, in their order."""
    with engine.reading() as driver:
        rows = driver.execute(f"SELECT {what} FROM entry WHERE {where} ORDER BY seq").fetchall()
    return [tuple(row) for row in rows]


def test_it_tells_what_it_told_and_goes_on(engine: LedgerEngine) -> None:
    """Every decision with its texts, by the hashes that were written down elsewhere; other keys beside it."""
    hashes = columns(engine, "hash")
    assert version_of(engine) == "0002"

    prepare(engine)

    assert version_of(engine) == SCHEMA_VERSION
    ledger = SqlLedger(engine)
    assert ledger.keys() == [DEFAULT_KEY]
    assert columns(engine, "hash")[:26] == hashes
    assert ledger.verify(KEPT).problems == ()
    second = ledger.decisions()[1]
    assert second.decision.action is Action.DISPUTE
    assert second.decision.reason == "“Unreal” was not among them"
    assert second.decision.decided_by == "Kim Example"
    assert second.note == "the API said it is done"
    assert "great vidéo 1" in second.decision.facts.decode()
    assert ledger.decisions()[3].decision.fields == {"username": "ána"}
    assert ledger.endings()[0].note == "finalized by ana"
    assert [note.value for note in ledger.story("pause", "all")] == [
        {"set": True, "who": "Kim Example"},
        {"set": False, "who": "Kim Example"},
    ]
    assert ledger.memories("comments", ["t1"])["t1"].history.texts == (second.decision.reason,)

    ledger.intend(a_decision(task_id="t9"))
    ledger.mark(second.decision.id, State.VOID, after(hours=9), note="was not done")
    SqlLedger(engine, "acme").intend(a_decision(task_id="t9"))
    assert ledger.verify(KEPT).problems == ()


def test_its_chain_is_sealed_with_digests_in_place_of_texts(engine: LedgerEngine) -> None:
    """By one line behind it; no body holds a text any more, and each text has a salt of its own."""
    prepare(engine)

    (seal,) = SqlLedger(engine).notes("sealed")
    assert (seal.seq, seal.value["lines"]) == (27, 26)
    salts = [salt for (salt,) in columns(engine, "salt") if salt is not None]
    assert len({bytes(salt) for salt in salts}) == len(salts) == 19
    bodies = b"".join(bytes(body) for (body,) in columns(engine, "body"))
    for word in ("Unreal", "Kim", "ána", "the API said", "finalized by"):
        assert word.encode() not in bodies


@pytest.mark.parametrize("attack", ["body", "text", "salt", "seal"])
def test_whoever_changes_it_now_is_found(engine: LedgerEngine, attack: str) -> None:
    """In what stays, in the texts, in their salts, and in the seal."""
    prepare(engine)
    change = {
        "body": "UPDATE entry SET body = :old WHERE seq = 3",
        "text": "UPDATE entry SET text = :old WHERE seq = 7",
        "salt": "UPDATE entry SET salt = :old WHERE seq = 7",
        "seal": "DELETE FROM note WHERE topic = 'sealed'",
    }[attack]
    name = {"seal": "body"}.get(attack, attack)
    with engine.writing():
        (old,) = engine.connection.execute(
            text(f"SELECT {name} FROM entry WHERE seq = {3 if attack == 'body' else 7}")
        ).one()
        new = bytes(old).replace(b"a", b"b", 1) if attack in ("body", "text") else b"0" * 16
        engine.connection.execute(text(change), {"old": new} if attack != "seal" else {})

    assert SqlLedger(engine).verify().problems
