"""What people wrote moves out of the bodies of lines, with a salted digest, so that it can be erased.

A line of before keeps its whole old body as its text: its hash is over that. What stays of the body when
the text is gone stands in `body`. A new line per key seals the chain so far: it names the hash that the
same lines come to with digests in place of their texts.

The rows of decisions and rounds can say in which archived segment their lines are.

Theory of operation. Whatever form the lines have in later releases, this is how they were brought from
the first one to the second; so everything it does is written out here, and never changes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"

down_revision = "0003"

WORDS = ("reason", "fields", "evidence_hash", "decided_by", "held_by")
"""What of a decision is a text of people, besides the detail."""

PAGE = 500


def upgrade() -> None:
    """Add the columns, and seal the chain of each key."""
    for name in ("text", "salt", "digest"):
        op.add_column("entry", sa.Column(name, sa.LargeBinary))
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    for table in ("decision", "round"):
        op.add_column(table, sa.Column("archived", number))
    keys = op.get_bind().execute(sa.text("SELECT DISTINCT key FROM entry ORDER BY key"))
    for (key,) in keys.fetchall():
        _seal(key)


def _seal(key: str) -> None:
    head = start(key)
    count, last = 0, head
    for line in _lines(key):
        body, salt, mark = parts_of(line)
        if salt is not None:
            _run(
                "UPDATE entry SET body = :body, text = :text, salt = :salt"
                " WHERE key = :key AND seq = :seq",
                body=body, text=bytes(line.body), salt=salt, key=key, seq=line.seq,
            )  # fmt: skip
        head = hash_of(head, line, body, mark)
        count, last = line.seq, bytes(line.hash)
    _add_seal(key, count, last, head)


def start(key: str) -> bytes:
    """The hash before the first line of a key."""
    return bytes(32) if key == "default" else sha256(f"reviewbot key {key}".encode()).digest()


def parts_of(line: Any) -> tuple[bytes, bytes | None, bytes | None]:
    """What stays of the body without its texts; a salt and the digest where there are any."""
    whole, detail = bytes(line.body), line.detail
    if line.kind in ("seen", "policy"):
        return whole, None, None
    salt = os.urandom(16)
    try:
        body = without_texts(line.kind, whole)
    except (ValueError, AttributeError):
        return whole, None, None  # damaged: verification says so, and its neighbours are upgraded
    head = f"{len(whole)} {-1 if detail is None else len(detail)}\n"
    mark = sha256(salt + head.encode() + whole + bytes(detail or b"")).digest()
    return body, salt, mark


def without_texts(kind: str, whole: bytes) -> bytes:
    """A body without what people wrote in it."""
    body = json.loads(whole)
    if kind == "note":
        body.pop("value", None)
    else:
        body.pop("note", None)
        if decision := body.get("decision"):
            if decision.get("decided_by") is not None:
                body["by_person"] = True
            for word in WORDS:
                decision.pop(word, None)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def hash_of(before: bytes, line: Any, body: bytes, mark: bytes | None) -> bytes:
    """The hash of a line with a digest in place of its text."""
    detail = None if line.detail is None else bytes(line.detail)
    bulk = "text" if mark is not None else -1 if detail is None else len(detail)
    head = f"{line.seq} {line.at} {line.prior} {line.kind} {len(body)} {bulk} {line.subject}\n"
    rest = mark if mark is not None else detail or b""
    return sha256(before + head.encode() + body + rest).digest()


def _add_seal(key: str, count: int, last: bytes, head: bytes) -> None:
    """Add the line that seals the chain, and the row that names it."""
    at = time.time_ns() // 1000
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at // 1_000_000))
    plain = {"lines": count, "head": head.hex()}
    note = {"topic": "sealed", "subject": "chain", "at": moment, "plain": plain}
    body = json.dumps(note, separators=(",", ":")).encode()
    subject = "note\x1fsealed\x1fchain"
    line = f"{count + 1} {at} 0 note {len(body)} -1 {subject}\n".encode()
    _run(
        "INSERT INTO entry (seq, at, kind, subject, prior, body, hash, key)"
        " VALUES (:seq, :at, 'note', :subject, 0, :body, :hash, :key)",
        seq=count + 1, at=at, subject=subject, body=body, key=key,
        hash=sha256(last + line + body).digest(),
    )  # fmt: skip
    _run(
        "INSERT INTO note (topic, subject, last, key) VALUES ('sealed', 'chain', :last, :key)",
        last=count + 1, key=key,
    )  # fmt: skip


def _lines(key: str) -> Iterator[Any]:
    """Every line of a key, a page at a time."""
    after = 0
    columns = "seq, at, kind, subject, prior, body, detail, hash"
    page = sa.text(
        f"SELECT {columns} FROM entry WHERE key = :key AND seq > :after ORDER BY seq LIMIT {PAGE}"  # noqa: S608  words of ours
    )
    while rows := op.get_bind().execute(page, {"key": key, "after": after}).fetchall():
        yield from rows
        after = rows[-1].seq


def _run(statement: str, **values: Any) -> None:
    op.get_bind().execute(sa.text(statement), values)
