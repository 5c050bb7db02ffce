"""A short mark of a decision log, for the names of files that belong to one on a server."""

from __future__ import annotations

from hashlib import sha256

from reviewbot.domain.secret import without_password

_LENGTH = 12


def mark_of(ledger: str) -> str:
    """The same for one database and schema, whatever the password in its URL is."""
    place = without_password(ledger.replace("postgresql+psycopg://", "postgresql://", 1))
    return sha256(place.encode()).hexdigest()[:_LENGTH]
