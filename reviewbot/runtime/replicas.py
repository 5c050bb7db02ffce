"""A replica: one process among those that share the keys of a database, and which of them it holds.

Theory of operation. A heartbeat every `TICK` looks how things stand; a few times while a lease lasts
it also says that the process lives, and renews what it holds. Trust in a lease is counted from the
moment of asking, by a clock that only grows, so it ends here before it does in the database. Any
error of the database ends all trust at once. The leases are asked for again as soon as it answers:
where nobody had one in between, the key's bot goes on as it was; otherwise it has ended, for another
one has acted since.

A replica that holds more than another by two or more gives to it, a tenth of all keys at most for
each renewal. A key is given once its bot has ended in order.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

import msgspec

from reviewbot.config import Settings
from reviewbot.core.pipeline import Events
from reviewbot.domain.errors import LeaseLost, LedgerError, LedgerUnwritable
from reviewbot.policy.model import Policy
from reviewbot.ports.leases import Lease, LeaseAnswer, LeaseRequest, LeaseStore, Peer
from reviewbot.runtime.liveness import SignalEvent

TICK = 0.4
"""Seconds between two heartbeats: what a leaving replica gives back is noticed by the next."""
RENEWALS = 3
"""How often a lease is renewed while it lasts."""
CLAIM = 5.0
"""Seconds after a round was claimed beyond which nothing is sent."""
REST = 3.0
"""Seconds for which a replica leaves a key alone that it has given away."""
TENTH = 10
_NEVER = float("-inf")


class Tenure:
    """The time in which this process holds a key, and nobody else did in between."""

    def __init__(self, key: str, monotonic: Callable[[], float]) -> None:
        self.key = key
        self._monotonic = monotonic
        self.lease: Lease | None = None
        self.until = _NEVER
        """When (monotonic) trust in the lease ends."""
        self.is_over = False
        self.is_ending = False
        """Whether it is given back once the key's bot has ended."""
        self.problem: str | None = None
        """Why the database could not be asked, where that is so."""

    @property
    def leads(self) -> bool:
        """Whether nobody else acts for the key now."""
        return not self.is_over and self._monotonic() < self.until

    def check(self, claimed_at: float | None = None) -> None:
        """Raise LeaseLost where another replica may act now, LedgerUnwritable while that is not known.

        `claimed_at` is when (monotonic) the round was claimed that is now to be acted on.
        """
        if self.is_over:
            raise LeaseLost(f"{self.key}: another replica acts for this key now")
        if not self.leads:
            if self.problem is not None:
                raise LedgerUnwritable(f"the lease of {self.key} is not sure: {self.problem}")
            raise LeaseLost(f"{self.key}: the lease could not be renewed in time")
        if claimed_at is not None and self._monotonic() - claimed_at > CLAIM:
            age = self._monotonic() - claimed_at
            raise LeaseLost(f"{self.key}: the round was claimed {age:.0f} s ago")


class Holdings(Protocol):
    """Which keys this process may act for."""

    name: str
    """Of this process, for others."""
    is_shared: bool
    """Whether other processes may hold them as well."""
    problem: str | None
    """Why none can be held now."""
    changed: Callable[[str], None]
    """Hears of each key whose tenure has begun, is to end, or is over."""

    def tenure(self, key: str) -> Tenure | None:
        """The tenure of a key that may begin or go on."""

    def disagreement(self, settings: Settings, policies: Iterable[Policy]) -> str | None:
        """Why this process should not take a key."""

    def leads(self, key: str) -> bool:
        """Whether this process acts for a key."""

    def accept(self, key: str) -> None:
        """Take a key from now on when it is free."""

    def decline(self, key: str, why: str) -> None:
        """Hold a key no longer, and say why."""

    def release(self, key: str) -> None:
        """Give a key back, for its bot has ended."""

    def is_free(self, key: str) -> bool:
        """Whether nobody held the key when that was last asked."""

    def leave(self) -> None:
        """Take nothing more."""


class SoleHolder:
    """Holds every key for as long as it runs: the file of the ledger is locked."""

    name = ""
    is_shared = False
    problem: str | None = None

    def __init__(self) -> None:
        self.changed: Callable[[str], None] = lambda _: None

    def tenure(self, key: str) -> Tenure | None:
        """One without an end."""
        tenure = Tenure(key, lambda: 0.0)
        tenure.until = float("inf")
        return tenure

    def disagreement(self, settings: Settings, policies: Iterable[Policy]) -> str | None:  # noqa: ARG002
        """Nobody is there to disagree with."""
        return None

    def leads(self, key: str) -> bool:  # noqa: ARG002
        """It is held."""
        return True

    def accept(self, key: str) -> None:
        """It is held already."""

    def decline(self, key: str, why: str) -> None:
        """Nobody else could take it."""

    def release(self, key: str) -> None:
        """Nobody else could take it."""

    def is_free(self, key: str) -> bool:  # noqa: ARG002
        """It is held."""
        return False

    def leave(self) -> None:
        """What is held ends with the process."""


class Replica:
    """What one process holds. Only one thread beats; all else may be called by any."""

    is_shared = True

    def __init__(
        self,
        store: LeaseStore,
        *,
        name: str,
        process: str,
        ttl: float,
        schema: str,
        monotonic: Callable[[], float],
        events: Events,
        about: Mapping[str, object] | None = None,
        disagreement: Callable[[Settings, Iterable[Policy]], str | None] = lambda *_: None,
    ) -> None:
        """`process` is no other's; `schema` is the version of the tables that we know; `disagreement` says
        why a key should not be taken."""
        self.disagreement = disagreement
        self.name, self._process = name, process
        self._store, self._ttl, self._schema = store, ttl, schema
        self._monotonic, self._events = monotonic, events
        self._about = dict(about or {})
        self._lock = threading.RLock()
        self.changed: Callable[[str], None] = lambda _: None
        """Hears of each key whose tenure has begun, is to end, or is over."""
        self.hurry = SignalEvent()
        """Set where the next heartbeat should come at once."""
        self.tick = min(TICK, ttl / 5)
        self.answer: LeaseAnswer | None = None
        self.problem: str | None = "the database has not been asked yet"
        """Why no key can be held now."""
        self._tenures: dict[str, Tenure] = {}
        self._added: set[str] = set()
        self._wants: set[str] = set()
        self._refused: dict[str, str] = {}
        self._rests: dict[str, float] = {}
        self._gives: dict[str, int] = {}
        self._due_at = _NEVER
        self._leaves = self._is_named = False
        self._rival_until: float | None = None

    # What the loops of keys ask and say ------------------------------------------------------

    def tenure(self, key: str) -> Tenure | None:
        """The tenure of a key that may begin or go on."""
        tenure = self._tenures.get(key)
        return None if tenure is None or tenure.is_ending else tenure

    def leads(self, key: str) -> bool:
        """Whether this process acts for a key."""
        tenure = self._tenures.get(key)
        return tenure is not None and tenure.leads

    def accept(self, key: str) -> None:
        """Take a key from now on when it is free."""
        with self._lock:
            self._wants.add(key)
            self._refused.pop(key, None)

    def decline(self, key: str, why: str) -> None:
        """Hold a key no longer, and say why."""
        with self._lock:
            if self._refused.get(key) != why:
                self._events("key declined", level="warning", key=key, why=why)
            self._wants.discard(key)
            self._refused[key] = why
            self.release(key)

    def release(self, key: str) -> None:
        """Give a key back, for its bot has ended."""
        with self._lock:
            tenure = self._tenures.pop(key, None)
            if tenure is None:
                return
            tenure.is_over = True
            if tenure.lease is not None:
                self._gives[key] = tenure.lease.token
            self.hurry.set()

    def leave(self) -> None:
        """Take nothing more, and count no more among the others; what is held is given as its bots end."""
        with self._lock:
            self._leaves, self._due_at = True, _NEVER
            self.hurry.set()

    def is_free(self, key: str) -> bool:
        """Whether nobody held the key at the last heartbeat."""
        leases = () if self.answer is None else self.answer.leases
        return any(lease.key == key and lease.left <= 0 for lease in leases)

    # The heartbeat ---------------------------------------------------------------------------

    def heartbeat(self) -> None:
        """Ask once; begin and end tenures by the answer, or drop all trust where there is none."""
        self.hurry.clear()
        with self._lock:
            changed = self._choose_gifts() if self._monotonic() >= self._due_at else []
            request, new = self._request(), self._wants - self._added
        asked_at = self._monotonic()
        try:
            if new:
                self._store.add(new)
                self._added |= new
            answer = self._store.ask(request)
        except LedgerError as error:
            self._drop(str(error))
        else:
            with self._lock:
                changed += self._take_in(request, answer, asked_at)
        for key in changed:
            self.changed(key)

    def close(self) -> None:
        """Give back what is held, and let go of the connection."""
        self.leave()
        for key in list(self._tenures):
            self.release(key)
        self.heartbeat()
        self._store.close()

    def fail(self, error: Exception) -> None:
        """Trust in nothing after a fault of ours."""
        self._events("heartbeat failed", level="error", error=repr(error))
        self._drop(f"a fault of this program: {type(error).__name__}")

    def _drop(self, problem: str) -> None:
        """Trust in nothing until the database answers again."""
        with self._lock:
            if self.problem is None:
                self._events(
                    "leases dropped", level="warning", keys=len(self._tenures), why=problem
                )
            self.problem, self._due_at = problem, _NEVER
            for tenure in self._tenures.values():
                tenure.until, tenure.problem = _NEVER, problem

    def _request(self) -> LeaseRequest:
        now = self._monotonic()
        is_due = now >= self._due_at
        tokens = {key: tenure.lease.token for key, tenure in self._tenures.items() if tenure.lease}
        holds = {key: token for key, token in tokens.items() if self._tenures[key].leads}
        dropped = {
            key: token
            for key, token in tokens.items()
            if key not in holds and not self._tenures[key].is_ending
        }
        takes = not self._leaves and self._other_schema() is None and (is_due or self._is_named)
        wants = {key for key in self._wants if now >= self._rests.get(key, _NEVER)} - set(holds)
        return LeaseRequest(
            name=self.name,
            process=self._process,
            ttl=self._ttl,
            is_due=is_due,
            lives=not self._leaves,
            takes=takes,
            about=msgspec.json.encode({**self._about, "refused": self._refused}),
            holds=holds,
            gives=dict(self._gives),
            dropped=dropped,
            wants=tuple(sorted(wants)) if takes else (),
        )

    def _take_in(self, asked: LeaseRequest, answer: LeaseAnswer, asked_at: float) -> list[str]:
        """Take over what was answered; give the keys whose tenure has begun or is over."""
        self.answer = answer
        for key, token in asked.gives.items():
            if self._gives.get(key) == token:
                del self._gives[key]
        if asked.is_due:
            self._due_at = asked_at + self._ttl / RENEWALS
            self._see_name(answer, asked_at)
        self._see_problem()
        found = {lease.key: lease for lease in answer.leases}
        granted = answer.granted.items()
        changed = [key for key, how in granted if self._is_begun(found[key], how)]
        for key, tenure in list(self._tenures.items()):
            tenure.problem = None
            if key in answer.granted:
                tenure.until = asked_at + self._ttl
            elif (key in asked.holds and asked.is_due) or not _is_still(
                found.get(key), tenure.lease
            ):
                changed.append(self._lose(key))
        if self._other_schema() is not None:
            changed += [self._lose(key) for key in list(self._tenures)]
        return changed

    def _is_begun(self, lease: Lease, how: str) -> bool:
        """Note a lease; give whether a tenure begins with it."""
        tenure = self._tenures.get(lease.key)
        if lease.key not in self._wants or (how != "taken" and tenure is None):
            self._gives[lease.key] = lease.token  # its bot has ended since it was asked for
            return False
        if tenure is not None and how != "taken":
            tenure.lease = lease
            return False
        if tenure is not None:
            self._lose(lease.key)
        self._tenures[lease.key] = tenure = Tenure(lease.key, self._monotonic)
        tenure.lease = lease
        self._events("key taken", key=lease.key, token=lease.token)
        return True

    def _lose(self, key: str) -> str:
        self._tenures.pop(key).is_over = True
        self._events("key lost", level="warning", key=key)
        return key

    def _see_name(self, answer: LeaseAnswer, asked_at: float) -> None:
        """Another process of our name that goes on to live keeps it; one that is gone leaves it to us."""
        self._is_named = answer.is_named
        rival = next((peer for peer in answer.peers if peer.name == self.name), None)
        if answer.is_named or rival is None:
            self._rival_until = None
            return
        self._due_at = _NEVER
        until = asked_at + rival.left
        if self._rival_until is not None and until > self._rival_until + 2 * self.tick:
            old, self.name = self.name, f"{self.name}.{self._process}"
            self._events("name taken", level="warning", name=old, now=self.name)
            self._rival_until = None
        else:
            self._rival_until = until if self._rival_until is None else self._rival_until

    def _see_problem(self) -> None:
        before, self.problem = self.problem, self._other_schema()
        if self.problem is not None and self.problem != before:
            self._events("stands by", level="error", why=self.problem)

    def _other_schema(self) -> str | None:
        """What is wrong with the tables, as this process knows them."""
        if self.answer is None or self.answer.schema == self._schema:
            return None
        return (
            f"the ledger has the schema {self.answer.schema}, this reviewbot knows {self._schema}:"
            " no key is held until both are the same"
        )

    def _choose_gifts(self) -> list[str]:
        """Let the tenures end of what is to be given to others; give the keys."""
        if self.answer is None or self._leaves:
            return []
        held = {
            key for key, tenure in self._tenures.items() if tenure.leads and not tenure.is_ending
        }
        gifts = surplus(self.answer.leases, self.answer.peers, self.name, held)
        for key in gifts:
            self._tenures[key].is_ending = True
            self._rests[key] = self._monotonic() + REST
        return gifts


def _is_still(lease: Lease | None, ours: Lease | None) -> bool:
    return lease is not None and ours is not None and lease.token == ours.token


def surplus(
    leases: Collection[Lease], peers: Collection[Peer], name: str, held: Collection[str]
) -> list[str]:
    """Which of the keys that a replica holds it gives to others now.

    None while any key is free, for that one goes first; and a key only to who does not refuse it.
    """
    others = {
        peer.name: peer for peer in peers if peer.takes and peer.left > 0 and peer.name != name
    }
    if not others or any(lease.left <= 0 for lease in leases):
        return []
    counts = Counter(lease.holder for lease in leases if lease.holder in others)
    refused = {peer: _refused_by(others[peer]) for peer in others}
    givers = 1 + sum(counts[peer] - min(counts[other] for other in others) >= 2 for peer in others)
    most = max(1, len(leases) // TENTH // givers)
    left, gifts = sorted(held), list[str]()
    while len(gifts) < most:
        least = min(others, key=lambda peer: (counts[peer], peer))
        given = next((key for key in left if key not in refused[least]), None)
        if given is None or len(left) - counts[least] < 2:
            break
        left.remove(given)
        gifts.append(given)
        counts[least] += 1
    return gifts


def _refused_by(peer: Peer) -> Collection[str]:
    try:
        refused = msgspec.json.decode(peer.about)["refused"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return ()
    return refused if isinstance(refused, dict) else ()


class LeaseKeeper:
    """The thread that beats for a replica, from `with` to its end."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def __enter__(self) -> Replica:
        """Begin."""
        self._thread.start()
        return self.replica

    def __exit__(self, *_: object) -> None:
        """Give everything back, and end."""
        self._over.set()
        self.replica.hurry.set()
        self._thread.join()
        self.replica.close()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self.replica.heartbeat()
            except Exception as error:  # noqa: BLE001  whatever it is, the next one may go through
                self.replica.fail(error)
            self.replica.hurry.wait(self.replica.tick)
