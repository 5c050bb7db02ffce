"""Several replicas as processes of their own on one real PostgreSQL, what strikes them, and who judges.

The judge is the simulated API's own log: it saw every request and every effect of every key. Tokens
are watched in the table itself, many times a second.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random  # noqa: TID251 - seeded chance of a test
from typing import NamedTuple

import httpx
import psycopg

from reviewbot.ledger.open import open_ledger
from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from reviewbot.simulator.world import World
from tests.acceptance.checker import violations
from tests.acceptance.process import ROOT
from tests.faults.servers import OwnServer

POLICY = """policy: all
language: 1
rules:
  - name: pay
    always: yes
    then: approve
deadline:
  decide by: 3h before deadline
  if undecided: escalate
  because: In time.
"""
PATIENCE = 60.0


@dataclass(kw_only=True)
class Terms:
    """How large a fleet is, and how fast."""

    replicas: int = 2
    keys: int = 4
    lease: int = 2
    every: int = 1
    tasks: int = 6
    """New tasks of each key."""
    seconds: float = 10.0
    """For which they come."""
    quarantine: int = 6


@dataclass
class Process:
    """One replica."""

    name: str
    running: subprocess.Popen[str]
    events: list[dict[str, object]] = field(default_factory=list)

    def listen(self) -> None:
        """Read what it says until it ends."""
        assert self.running.stderr is not None
        for line in self.running.stderr:
            with suppress(ValueError):
                self.events.append(json.loads(line))


class Fleet:
    """Replicas that share keys, each key with an account and tasks of its own at the API."""

    def __init__(
        self,
        folder: Path,
        server: OwnServer,
        url: str,
        api: str,
        terms: Terms,
        worlds: Mapping[str, World],
    ) -> None:
        self.folder, self.server, self.url, self.terms = folder, server, url, terms
        self._api, self._worlds = api, worlds
        self.keys = [f"key{n:02}" for n in range(terms.keys)]
        self.processes: dict[str, Process] = {}
        self.ended: list[Process] = []
        self._config = self._settings()

    def _settings(self, policy: str = POLICY, name: str = "all") -> Path:
        """Write the settings for a policy; give their file."""
        (self.folder / f"{name}.yaml").write_text(policy)
        lines = [
            f'ledger = "{self.url}"',
            'mode = "live"',
            f'every = "{self.terms.every}s"',
            f'lease = "{self.terms.lease}s"',
            f'quarantine = "{self.terms.quarantine}s"',
        ]
        for key in self.keys:
            file = self.folder / key
            file.write_text(f"sk_{key}")
            file.chmod(0o600)
            lines += [f"[keys.{key}]", f'api_key_file = "{file}"']
            lines += [f'policy = "{self.folder}/{name}.yaml"']
        config = self.folder / f"{name}.toml"
        config.write_text("\n".join(lines))
        return config

    def start_all(self) -> None:
        """Start every replica, and wait until each key has been looked at."""
        for number in range(self.terms.replicas):
            self.start("abcdefgh"[number])
        self.until(lambda: len(self.holders()) == self.terms.keys)
        self.until(lambda: all(world.requests for world in self._worlds.values()))

    def has_said(self, name: str, event: str) -> bool:
        """Whether a replica has logged such an event."""
        return any(line.get("event") == event for line in self.processes[name].events)

    def lives(self, name: str) -> bool:
        """Whether a replica takes part, as the table says."""
        with psycopg.connect(self.server_place, autocommit=True) as connection:
            found = connection.execute(
                "SELECT 1 FROM replica WHERE name = %s"
                " AND until > extract(epoch FROM clock_timestamp()) * 1000000",
                (name,),
            )
            return found.fetchone() is not None

    def start(self, name: str, *, under: str | None = None, policy: str | None = None) -> Process:
        """Start a replica, which the test may know `under` another name, and which may have another policy."""
        config = self._config if policy is None else self._settings(policy, f"{name}-has")
        state = self.folder / (under or name)
        state.mkdir(exist_ok=True)
        clean = {
            word: value for word, value in os.environ.items() if not word.startswith("REVIEWBOT_")
        }
        running = subprocess.Popen(
            [sys.executable, "-m", "reviewbot", "run"],
            env=clean
            | {
                "PYTHONPATH": str(ROOT),
                "TOKPORTAL_BASE_URL": self._api,
                "REVIEWBOT_CONFIG": str(config),
                "REVIEWBOT_NAME": name,
                "STATE_DIRECTORY": str(state),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        process = self.processes[under or name] = Process(name, running)
        threading.Thread(target=process.listen, daemon=True).start()
        return process

    def end(self, name: str, number: signal.Signals) -> int:
        """End a replica by a signal; give its exit code."""
        process = self.processes.pop(name)
        self.ended.append(process)
        process.running.send_signal(number)
        return process.running.wait(timeout=PATIENCE)

    def revive(self) -> None:
        """Start again what has ended by itself, as a supervisor does: its start met no database."""
        for name, process in list(self.processes.items()):
            code = process.running.poll()
            if code is not None:
                assert code == 1, f"{name} ended with {code}: {self.said()}"
                self.ended.append(process)
                self.start(name)

    def holders(self) -> dict[str, str]:
        """Who holds each key now, as the table says."""
        with psycopg.connect(self.server_place, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT key, holder FROM lease"
                " WHERE until > extract(epoch FROM clock_timestamp()) * 1000000"
            ).fetchall()
        return {str(key): str(holder) for key, holder in rows}

    @property
    def server_place(self) -> str:
        """The database itself, past any pooler."""
        return self.url.replace("+psycopg", "")

    def until(self, is_so: Callable[[], bool], seconds: float = PATIENCE) -> float:
        """Wait until something is so; give how long it took."""
        began = time.monotonic()
        while not is_so():
            assert time.monotonic() - began < seconds, self.said()
            time.sleep(0.02)  # noqa: TID251  other processes work meanwhile
        return time.monotonic() - began

    def said(self) -> str:
        """The last words of each replica."""
        return "\n".join(
            f"{process.name}: {event}"
            for process in [*self.ended, *self.processes.values()]
            for event in process.events[-6:]
        )

    def close(self) -> None:
        """End what still runs."""
        for name in list(self.processes):
            self.processes[name].running.send_signal(signal.SIGCONT)
            self.end(name, signal.SIGKILL)


class TokenWatch:
    """Looks at the table of leases many times a second, and keeps every token that fell."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._over = threading.Event()
        self.tokens: dict[str, int] = {}
        self.taken: dict[str, int] = defaultdict(int)
        self.fallen: list[str] = []
        self.held: dict[str, list[tuple[float, str]]] = defaultdict(list)
        """By key: from when on (Unix seconds) which replica held it."""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> TokenWatch:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            with (
                suppress(psycopg.Error),
                psycopg.connect(self._place, autocommit=True, connect_timeout=2) as connection,
            ):
                while not self._over.wait(0.05):
                    for key, token, holder in connection.execute(
                        "SELECT key, token, holder FROM lease"
                    ):
                        self._see(key, token, holder)
            self._over.wait(0.05)

    def holders(self, key: str, since: float, until: float) -> set[str]:
        """Which replicas held a key at some time between two moments."""
        held = self.held[key]
        ends = [at for at, _ in held[1:]] + [until]
        return {
            holder
            for (at, holder), end in zip(held, ends, strict=True)
            if at <= until and end >= since
        }

    def _see(self, key: str, token: int, holder: str) -> None:
        if not self.held[key] or self.held[key][-1][1] != holder:
            self.held[key].append((time.time(), holder))
        before = self.tokens.get(key, 0)
        if token < before:
            self.fallen.append(f"{key}: {before} became {token}")
        self.taken[key] += token > before
        self.tokens[key] = token


class Strike(NamedTuple):
    """One strike: of which kind, from when until when (Unix seconds), and at whom; None: at all."""

    kind: str
    began: float
    ended: float
    victim: str | None


class Nemesis:
    """Strikes one replica, or the server, at random moments; each strike ends before the next."""

    def __init__(self, fleet: Fleet, seed: int = 7) -> None:
        self._fleet, self._chance = fleet, Random(seed)
        self.struck: list[Strike] = []
        self._struck: str | None = None
        self._next_at = time.monotonic()
        self._strikes: dict[str, Callable[[], None]] = {
            "kill -9": self._kill,
            "SIGSTOP past the lease": self._stop,
            "SIGTERM": self._term,
            "pg_terminate_backend": fleet.server.terminate_backends,
            "restart -m immediate": fleet.server.restart,
            "slow queries": self._slow,
        }

    def strike(self) -> None:
        """The next kind of strike."""
        self._fleet.revive()
        kinds = list(self._strikes)
        kind = kinds[len(self.struck) % len(kinds)]
        began, self._struck = time.time(), None
        with suppress(psycopg.Error):
            self._strikes[kind]()
        self.struck.append(Strike(kind, began, time.time(), self._struck))

    def rest(self, seconds: float) -> None:
        """Wait until so long after the last strike began, or should have."""
        self._next_at += seconds
        time.sleep(max(0.2, self._next_at - time.monotonic()))  # noqa: TID251  they go on meanwhile

    def _victim(self) -> str:
        self._struck = self._chance.choice(sorted(self._fleet.processes))
        return self._struck

    def _kill(self) -> None:
        name = self._victim()
        self._fleet.end(name, signal.SIGKILL)
        self._fleet.start(name)

    def _term(self) -> None:
        name = self._victim()
        process = self._fleet.processes[name]
        code = self._fleet.end(name, signal.SIGTERM)
        # One that was started a moment ago holds nothing, and does not listen to signals yet.
        too_early = code == -signal.SIGTERM and not process.events
        assert code == 0 or too_early, f"{name} ended with {code}: {self._fleet.said()}"
        self._fleet.start(name)

    def _stop(self) -> None:
        running = self._fleet.processes[self._victim()].running
        running.send_signal(signal.SIGSTOP)
        time.sleep(self._fleet.terms.lease * 1.3)  # noqa: TID251  the others go on meanwhile
        running.send_signal(signal.SIGCONT)

    def _slow(self) -> None:
        """Somebody holds the tables for a while, so that every statement takes that long."""
        with psycopg.connect(self._fleet.server_place) as connection:
            connection.execute("LOCK TABLE lease, entry, turn IN ACCESS EXCLUSIVE MODE")
            time.sleep(0.6)  # noqa: TID251  theirs


@contextmanager
def a_fleet(
    folder: Path, server: OwnServer, url: str, terms: Terms
) -> Iterator[tuple[Fleet, dict[str, World]]]:
    """A fleet that is not started yet, and the world of each of its keys."""
    now = datetime.now(UTC)
    clock = PacedClock(now)
    worlds = {
        f"key{number:02}": scenarios.build(
            "backlog",
            tasks=terms.tasks,
            seed=number,
            now=now,
            clock=clock,
            requests_kept=None,
            soonest=72 - 2 / 3600,
            latest=72 + terms.seconds / 3600,
        )
        for number in range(terms.keys)
    }
    nobodys = scenarios.build("empty", now=now, clock=clock)
    with Served(nobodys, worlds=lambda name: worlds[name.removeprefix("sk_")]) as served:
        httpx.get(
            f"{served.url}/me", headers={"X-API-Key": "sk_nobody"}
        )  # the first has that world
        open_ledger(url).close()
        fleet = Fleet(folder, server, url, served.url, terms, worlds)
        try:
            yield fleet, worlds
        finally:
            fleet.close()


def judged(fleet: Fleet, worlds: dict[str, World]) -> list[str]:
    """What must not be, by the API's own log and each key's chain."""
    found = []
    for key, world in worlds.items():
        with closing(open_ledger(fleet.url, key=key, read_only=True)) as ledger:
            found += [f"{key}: {wrong}" for wrong in violations(world, ledger)]
    return found


class Silence(NamedTuple):
    """A time in which a key asked nothing of the API, in seconds, and what struck its holders then."""

    seconds: float
    key: str
    strikes: tuple[str, ...]


def silences(
    worlds: dict[str, World],
    since: float,
    until: float,
    struck: Iterable[Strike],
    holders: Callable[[str, float, float], set[str]],
) -> list[Silence]:
    """The longest silence of each key for each number of strikes at who held it meanwhile."""
    strikes, longest = tuple(struck), dict[tuple[str, int], Silence]()
    for key, world in worlds.items():
        moments = [since, *(line.at for line in world.requests if since <= line.at <= until), until]
        for begin, end in pairwise(moments):
            whose = holders(key, begin, end)
            kinds = tuple(
                strike.kind
                for strike in strikes
                if strike.began < end
                and strike.ended > begin
                and (strike.victim in whose or not strike.victim)
            )
            silence, place = Silence(end - begin, key, kinds), (key, len(kinds))
            longest[place] = max(silence, longest.get(place, silence))
    return list(longest.values())
