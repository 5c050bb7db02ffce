"""Leases in memory, by a clock of the test's: the plain twin of `reviewbot/ledger/leases.py`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from reviewbot.domain.errors import LeaseLost, LedgerUnwritable
from reviewbot.ledger.leases import GRACE
from reviewbot.ledger.tables import SCHEMA_VERSION
from reviewbot.ports.leases import How, Lease, LeaseAnswer, LeaseRequest, Peer


@dataclass
class MemoryLeases:
    """What the table of a database would hold; `now` is its own clock, in seconds."""

    now: Callable[[], float]
    schema: str = SCHEMA_VERSION
    is_away: bool = False
    """Whether nobody gets an answer."""
    leases: dict[str, Lease] = field(default_factory=dict)
    """With `left` as the moment at which each runs out."""
    peers: dict[str, Peer] = field(default_factory=dict)
    takings: list[tuple[str, str, int, float]] = field(default_factory=list)
    """Key, holder, token, moment."""

    def add(self, keys: Iterable[str]) -> None:
        """Let these keys be held."""
        self._answers()
        for key in keys:
            new = Lease(key=key, holder="", token=0, left=self.now(), since=0)
            self.leases.setdefault(key, new)

    def ask(self, request: LeaseRequest) -> LeaseAnswer:
        """Give back, renew and take."""
        self._answers()
        now, granted = self.now(), dict[str, How]()
        is_named = request.is_due and self._name(request, now)
        others = [
            peer
            for peer in self.peers.values()
            if peer.left > now and peer.takes and peer.name != request.name
        ]
        room = math.ceil(len(self.leases) / (1 + len(others))) - len(request.holds)
        may = request.takes and request.lives and (is_named or not request.is_due)
        free = [
            (not self._is(key, request.dropped), lease.left, key)
            for key, lease in self.leases.items()
            if key in request.wants and (lease.left <= now or self._is(key, request.dropped))
        ]
        beyond = sum(left <= now - GRACE or not is_new for is_new, left, _ in free)
        for key, token in request.gives.items():
            if self.leases[key].token == token and self.leases[key].left > now:
                self.leases[key] = replace(self.leases[key], left=now)
        if request.is_due:
            for key, lease in self.leases.items():
                if self._is(key, request.holds) and lease.left > now:
                    granted[key] = "kept"
        for is_new, _, key in sorted(free)[: max(0, room, beyond)] if may else ():
            token = max(self.leases[key].token + 1, int(now * 1e6))
            self.leases[key] = replace(
                self.leases[key], holder=request.name, token=token, since=int(now * 1e6)
            )
            self.takings.append((key, request.name, token, now))
            granted[key] = "taken" if is_new else "again"
        for key in granted:
            self.leases[key] = replace(self.leases[key], left=now + request.ttl)
        return LeaseAnswer(
            schema=self.schema,
            leases=tuple(replace(lease, left=lease.left - now) for lease in self.leases.values()),
            peers=tuple(replace(peer, left=peer.left - now) for peer in self.peers.values()),
            is_named=is_named,
            granted=granted,
        )

    def check(self, key: str, lease: Lease | None) -> None:
        """The fence: raise LeaseLost unless this lease is held still."""
        found = self.leases[key]
        if lease is None or found.token != lease.token or found.left <= self.now():
            raise LeaseLost(f"{key}: {found.holder} may act for it")

    def close(self) -> None:
        """Nothing is open."""

    def _is(self, key: str, tokens: object) -> bool:
        assert isinstance(tokens, dict)
        return tokens.get(key) == self.leases[key].token

    def _answers(self) -> None:
        if self.is_away:
            raise LedgerUnwritable("the database is away")

    def _name(self, request: LeaseRequest, now: float) -> bool:
        known = self.peers.get(request.name)
        if known is not None and known.process != request.process and known.left > now:
            return False
        self.peers[request.name] = Peer(
            name=request.name,
            process=request.process,
            takes=request.takes and request.lives,
            left=now + (request.ttl if request.lives else 0.0),
            about=request.about,
        )
        return True
