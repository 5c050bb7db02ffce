"""Policy texts and notes in the database: lines that are looked up by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reviewbot.domain.errors import OutOfDate
from reviewbot.ledger import events, statements
from reviewbot.ledger.chain import Line
from reviewbot.ledger.connection import Connection
from reviewbot.ledger.decisions import back_from
from reviewbot.ledger.rows import noted_from_line, stored_policy
from reviewbot.ledger.tail import Tail
from reviewbot.policy.model import Policy
from reviewbot.ports import Noted, StoredPolicy

BOT = "bot"
"""The name of the one instance that works on a log."""


def remember_policy(connection: Connection, policy: Policy, at: datetime) -> None:
    """Keep the text of a revision, once."""
    known = {"revision": policy.revision}
    with connection.reading():
        if connection.run(statements.POLICY_SEQ, known).fetchone():
            return
    with connection.writing("policies"):
        tail = Tail(connection)
        if connection.run(statements.POLICY_SEQ, known).fetchone():
            return
        line = events.remembered(policy, at, tail.next)
        tail.add(line)
        connection.run(statements.ADD_POLICY, known | {"seq": line.seq})


def policies(connection: Connection, beginning: str = "") -> list[StoredPolicy]:
    """Every revision that begins so, oldest first."""
    with connection.reading():
        rows = connection.run(statements.POLICIES).fetchall()
    return [
        stored_policy(body, detail, at)
        for revision, body, detail, at in rows
        if revision.startswith(beginning)
    ]


def add_note(
    connection: Connection, topic: str, subject: str, value: Mapping[str, Any], at: datetime
) -> None:
    """Add a word on a subject."""
    add_notes(connection, topic, {subject: value}, at, {})


def add_notes(
    connection: Connection,
    topic: str,
    words: Mapping[str, Mapping[str, Any]],
    at: datetime,
    last: Mapping[str, int],
) -> None:
    """Add a word on each subject, all or none; OutOfDate where one has a newer word than `last`."""
    with connection.writing("notes"):
        tail = Tail(connection)
        for subject, value in words.items():
            before = _last_note(connection, topic, subject)
            if last.get(subject, before) != before:
                raise OutOfDate(f"somebody else wrote on {topic} {subject[:12]} meanwhile")
            line = events.noted(topic, subject, value, at, tail.next, before)
            tail.add(line)
            if before:
                connection.run(
                    statements.MOVE_NOTE,
                    {"which_topic": topic, "which_subject": subject, "new_last": line.seq},
                )
            else:
                connection.run(
                    statements.ADD_NOTE, {"topic": topic, "subject": subject, "last": line.seq}
                )


def notes(connection: Connection, topics: Sequence[str]) -> list[Noted]:
    """The newest word on each subject of some topics."""

    def read() -> list[Noted]:
        names = {f"name{n}": topic for n, topic in enumerate(topics)}
        rows = connection.run(statements.notes(len(topics)), names).fetchall()
        return [noted_from_line(Line(*row)) for row in rows]

    return list(connection.kept("notes", tuple(topics), read))


def story(connection: Connection, topic: str, subject: str) -> list[Noted]:
    """Every word on one subject, oldest first."""
    with connection.reading():
        lines = back_from(connection, _last_note(connection, topic, subject))
    return [noted_from_line(line) for line in lines]


def keep_beat(connection: Connection, text: bytes) -> None:
    """Put the bot's word on itself in the place of the one before; no line of the log."""
    with connection.writing() as driver:
        (now,) = driver.execute(connection.backend.clock).fetchone()
        if not connection.run(
            statements.CHANGE_BEAT, {"name_of_it": BOT, "new_at": now, "new_beat": text}
        ).rowcount:
            connection.run(statements.ADD_BEAT, (BOT, now, text))


def last_beat(connection: Connection) -> tuple[bytes, float] | None:
    """The bot's newest word on itself, and how many seconds ago it was left, by the database's clock."""
    with connection.reading() as driver:
        row = connection.run(statements.BEAT, {"name": BOT}).fetchone()
        (now,) = driver.execute(connection.backend.clock).fetchone()
    return None if row is None else (bytes(row[1]), (now - row[0]) / 1_000_000)


def _last_note(connection: Connection, topic: str, subject: str) -> int:
    row = connection.run(statements.NOTE_LAST, {"topic": topic, "subject": subject}).fetchone()
    return row[0] if row else 0
