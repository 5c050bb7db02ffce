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
from reviewbot.ports.ledger import DEFAULT_KEY, Checkpoint, ErasureOrder
from tests.builders import CONFIRMED
from tests.ledger.test_erasure import WHO
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


def test_a_word_of_sealing_that_cannot_be_read_vouches_for_nothing(engine: LedgerEngine) -> None:
    """Verification goes on to the end, and finds that word and every line whose text it stood for."""
    prepare(engine)
    with engine.writing():
        engine.connection.execute(
            text("UPDATE entry SET body = :none WHERE seq = 27"), {"none": b"{"}
        )

    found = SqlLedger(engine).verify(KEPT)

    assert found.lines == 27
    changed = [problem for problem in found.problems if "its hash does not fit" in problem]
    salted = [seq for (seq,) in columns(engine, "seq", "salt IS NOT NULL AND seq <= 26")]
    assert [int(problem.split()[1]) for problem in changed] == [*salted, 27]


def test_what_it_said_of_a_task_can_be_erased_and_it_stays_whole(engine: LedgerEngine) -> None:
    """The seal still binds what is left of those lines: whoever changes one of them then is found."""
    prepare(engine)
    ledger = SqlLedger(engine)

    erased = ledger.erase(ErasureOrder(task="t1"), **WHO)

    assert (erased.tasks, erased.still_open) == (1, ())
    assert ledger.decisions()[1].decision.reason is None
    assert ledger.decisions()[3].decision.fields == {"username": "ána"}
    assert ledger.verify(KEPT).problems == ()
    with engine.writing():
        engine.connection.execute(text("UPDATE entry SET at = at + 1 WHERE seq = 7"))
    assert ledger.verify(KEPT).problems == (
        "line 26 or one before it was changed: the seal knows another hash",
    )


def test_what_stays_of_it_fits_though_the_segment_of_the_rest_is_away(
    engine: LedgerEngine, tmp_path: Path
) -> None:
    """No line is blamed for those that cannot be seen, and a changed one of those that can is found."""
    prepare(engine)
    ledger = SqlLedger(engine)
    (segment,) = ledger.archive(tmp_path / "old", after(days=9), after(days=9), who="Ana")
    assert (segment.first, segment.last) == (1, 18)
    assert ledger.verify(KEPT).problems == ()
    (tmp_path / "old").rename(tmp_path / "away")

    found = ledger.verify(KEPT)

    assert found.problems == ()
    assert [segment.file in remark for remark in found.remarks] == [True]
    with engine.writing():
        engine.connection.execute(text("UPDATE entry SET at = at + 1 WHERE seq = 20"))
    assert "line 20 or the one before it was changed" in ledger.verify(KEPT).problems[0]
