"""Who may act for a key, where several processes share one database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

import msgspec


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a key. Each taking has a token of its own, larger than all before it."""

    key: str
    holder: str
    token: int
    left: float
    """Seconds until it runs out by the database's clock; it is free from 0 on."""
    since: int
    """When it was taken, in microseconds since 1970 by the same clock."""


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A replica as it last said of itself."""

    name: str
    process: str
    """No other process has the same, whatever it is called."""
    takes: bool
    """Whether it can hold keys at all."""
    left: float
    """Seconds until it counts as gone."""
    about: bytes = b"{}"


class LeaseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a replica asks for at once. Keys come with the token that it knows of them."""

    name: str
    process: str
    ttl: float
    """Seconds that what is taken or renewed lasts."""
    is_due: bool
    """Whether it says that it lives, and renews."""
    lives: bool = True
    takes: bool = True
    about: bytes = b"{}"
    holds: Mapping[str, int] = {}
    gives: Mapping[str, int] = {}
    dropped: Mapping[str, int] = {}
    """What it held when it last knew, and trusts no more: taken again at once, with a new token."""
    wants: tuple[str, ...] = ()


How = Literal["kept", "taken", "again"]


class LeaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand after a request."""

    schema: str
    """The version of the database's tables."""
    leases: tuple[Lease, ...]
    peers: tuple[Peer, ...]
    is_named: bool
    """Whether the name is this process's; it is not while another one that lives is called so."""
    granted: Mapping[str, How]
    """What was renewed, taken, or taken again with nobody in between."""


class LeaseStore(Protocol):
    """Where leases are kept. Raises `LedgerError` where it cannot be asked in time."""

    def add(self, keys: Iterable[str]) -> None:
        """Let these keys be held; one that is known stays as it is."""

    def ask(self, request: LeaseRequest) -> LeaseAnswer:
        """Give back, renew and take, all or nothing, and say how things stand."""

    def close(self) -> None:
        """Let go of the connection."""
