"""Replicas in virtual time: several bots on one ledger, their leases lost at every point of the loop.

Theory of operation. One thread lives for all of them, always the one whose time comes first. At the
points of the loop chance lets a replica die, lose the database, or stand still: then the others go on
inside that very call, for as long as it lasts, and may have taken its keys before it goes on as if
nothing had been. The judge is the API's own log, held against what each key's chain says.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random  # noqa: TID251 - seeded by the plan
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import httpx

from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.fault_point import LOOP, on_fault_point
from reviewbot.domain.text import Secret
from reviewbot.ledger.open import open_ledger
from reviewbot.ledger.tables import SCHEMA_VERSION
from reviewbot.review.poll import Polling
from reviewbot.runtime.bootstrap import build
from reviewbot.runtime.replicas import RENEWALS, Replica, Tenure
from reviewbot.simulator.clock import HOUR, VirtualClock
from reviewbot.simulator.faults import Faults, Storm
from reviewbot.simulator.scenarios import START
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.seed_data import plant_waiting
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.world import World
from tests.acceptance.checker import violations
from tests.acceptance.house import judge_of
from tests.acceptance.test_a_pass import DECIDES_ALL
from tests.leases import MemoryLeases
from tests.simulation.figures import Figures
from tests.simulation.process import Crash
from tests.simulation.simulate import MEMORY

KEYS = ("acme", "orbit")
TTL = 300.0
"""Seconds that a lease lasts: longer than in life, as the polls are."""
EVERY = 600.0
QUARANTINE = 900.0
QUIET = 3 * HOUR
"""At the end nothing strikes any more."""
STRIKES = {"stall": 0.5, "crash": 0.2, "away": 0.15, "leave": 0.15}
BETWEEN = 1.2 * HOUR
"""Seconds between two strikes, about; each waits for its own point of the loop."""
AMBIGUOUS = ("5xx after the write", "reset after", "reset before", "late")
"""What an API does to writes that leaves their sender in doubt."""
JUDGES = (judge_of(DECIDES_ALL),)


class ReplicaClock:
    """A machine's clock in virtual time; its steady one may be slow. While it sleeps, leases are kept."""

    def __init__(self, run: ReplicaRun, rate: float) -> None:
        self._run, self.rate = run, rate
        self.now = run.clock.now

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return self._run.clock.monotonic() * self.rate

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._run.pass_time(seconds)


class Machine:
    """One replica: its process, its leases, its bots."""

    def __init__(self, run: ReplicaRun, name: str, number: int) -> None:
        self.run, self.name = run, name
        self.clock = ReplicaClock(run, run.chance.choice((1.0, 1.0, 1.0, 0.5)))
        self.lives: dict[str, Life] = {}
        self.is_alive, self.stands_still, self.leaves = True, False, False
        self.next_beat = run.clock.time + run.chance.uniform(0, TTL / RENEWALS)
        self.replica = Replica(
            run.table,
            name=name,
            process=f"{number}",
            ttl=TTL,
            schema=SCHEMA_VERSION,
            monotonic=self.clock.monotonic,
            events=lambda *_, **__: None,
        )
        for key in KEYS:
            self.replica.accept(key)

    def beat(self) -> None:
        """Ask for leases; begin and end bots by the answer."""
        self.next_beat = self.run.clock.time + TTL / RENEWALS
        self.replica.heartbeat()
        for key, life in list(self.lives.items()):
            if self.leaves or life.tenure.is_over or life.tenure.is_ending:
                life.stop.set()
                if life not in self.run.stack:
                    self.end(key)
        if self.leaves:
            if not self.lives and not self.run.table.is_away:
                self.replica.close()
                self.is_alive = False
            return
        for key in KEYS:
            tenure = self.replica.tenure(key)
            if tenure is not None and key not in self.lives:
                self.lives[key] = Life(self, key, tenure)

    def end(self, key: str) -> None:
        """The bot of a key has ended."""
        self.lives.pop(key).close()
        self.replica.release(key)

    def leave(self) -> None:
        """Begin an orderly end: each bot ends when it has come to it."""
        self.leaves, self.next_beat = True, self.run.clock.time
        self.replica.leave()
        for life in self.lives.values():
            life.stop.set()


class Life:
    """One bot of one replica, as long as its tenure or its process lasts."""

    def __init__(self, machine: Machine, key: str, tenure: Tenure) -> None:
        self.machine, self.key, self.tenure = machine, key, tenure
        self.stop = threading.Event()
        self.next_poll = machine.run.clock.time
        self._polling = Polling()
        self._ledger = open_ledger(machine.run.url, key=key)
        self._ledger.fence = lambda: machine.run.table.check(key, tenure.lease)
        self._app: BotContext | None = None
        machine.run.figures.lives += 1

    def poll(self) -> None:
        """One pass, after which it may be gone."""
        run = self.machine.run
        self.next_poll = run.clock.time + EVERY
        run.stack.append(self)
        try:
            if self._app is None:
                self._app = self._made()
            run.figures.passes += 1
            self._polling(self._app)
        except Crash:
            pass
        except ReviewbotError:
            run.figures.failed += 1
        finally:
            run.stack.pop()
        if self.machine.is_alive and self.stop.is_set() and self.key in self.machine.lives:
            self.machine.end(self.key)

    def _made(self) -> BotContext:
        run = self.machine.run
        app = build(
            run.settings,
            judges=JUDGES,
            transport=Wire(self, run.transports[self.key]),
            clock=self.machine.clock,
            ledger=Mortal(self, self._ledger),  # type: ignore[arg-type]
            chance=run.chance.random,
            stop=self.stop,
        )
        app.lead = self.tenure.check
        return app

    def check(self) -> None:
        """Who is dead does nothing."""
        if not self.machine.is_alive:
            raise Crash

    def close(self) -> None:
        """Let go of the ledger."""
        self._ledger.close()


class Mortal:
    """A ledger that a dead process cannot use."""

    def __init__(self, life: Life, ledger: Any) -> None:
        self._life, self._ledger = life, ledger

    def __getattr__(self, name: str) -> Any:
        self._life.check()
        found = getattr(self._ledger, name)
        if not callable(found):
            return found

        def call(*values: Any, **more: Any) -> Any:
            self._life.check()
            return found(*values, **more)

        return call


class Wire(httpx.BaseTransport):
    """The way to the API; it sees who sends, and by which lease."""

    def __init__(self, life: Life, transport: SimulatorTransport) -> None:
        self._life, self._transport = life, transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on, unless who sends it is dead."""
        life = self._life
        life.check()
        if request.method != "GET":
            lease, run = life.machine.run.table.leases[life.key], life.machine.run
            ours = life.tenure.lease is not None and lease.token == life.tenure.lease.token
            if not ours or lease.left <= run.clock.time:
                run.figures.faults["sent behind a lease that had run out"] = (
                    run.figures.faults.get("sent behind a lease that had run out", 0) + 1
                )
                if life.machine.clock.rate == 1.0:
                    run.wrong.append(f"{life.machine.name} sent for {life.key} without its lease")
        response = self._transport.handle_request(request)
        life.check()
        return response


class ReplicaRun:
    """One run of a seed."""

    def __init__(self, seed: int, hours: float, replicas: int, folder: Path) -> None:
        self.seed, self.chance = seed, Random(f"replicas {seed}")
        self.url = f"sqlite:///{folder / 'ledger.db'}"
        self.clock = VirtualClock(START)
        self.start = START.timestamp() + 24 * HOUR
        self.end = self.start + hours * HOUR
        self.figures = Figures(hours=hours, runs=1)
        self.wrong: list[str] = []
        self.stack: list[Life] = []
        self.table = MemoryLeases(lambda: self.clock.time)
        self.settings = Settings(
            api_key=Secret("sk_" + "0123456789abcdef" * 4),
            base_url="https://simulator.test/api/ext",
            mode=Mode.LIVE,
            ledger=self.url,
        )
        self.worlds: dict[str, World] = {}
        self.transports: dict[str, SimulatorTransport] = {}
        for number, key in enumerate(KEYS):
            self._populate(key, 10 * seed + number, hours)
        self.clock.advance_to(self.start)
        self._made = 0
        self.machines = [self._machine(name) for name in "abcdefgh"[:replicas]]
        self._returns: list[tuple[float, str]] = []
        self._back_at: float | None = None
        self._strikes = self._planned(hours)
        self._armed: dict[str, str] = {}

    def _planned(self, hours: float) -> list[tuple[float, str, str]]:
        """When, at which point, what: every point and kind in its turn, in an order of chance."""
        planned, at = [], self.start
        kinds, weights = zip(*STRIKES.items(), strict=True)
        points: list[str] = []
        while (at := at + self.chance.expovariate(1 / BETWEEN)) < self.end - QUIET:
            points = points or self.chance.sample(LOOP, len(LOOP))
            planned.append((at, points.pop(), self.chance.choices(kinds, weights)[0]))
        return planned

    def _populate(self, key: str, seed: int, hours: float) -> None:
        world = build_world("empty", seed=seed, clock=self.clock, requests_kept=0)
        self.clock.listen(world.run_until)
        for _ in range(int(hours / 5) + 2):
            plant_waiting(world, self.start + self.chance.uniform(-6 * HOUR, hours * HOUR - QUIET))
        storms = [
            Storm(fault=fault, chance=0.04, calls="writes", end=self.end - QUIET)
            for fault in AMBIGUOUS
        ]
        self.worlds[key] = world
        self.transports[key] = SimulatorTransport(world, faults=Faults(storms, seed=seed))

    def _machine(self, name: str) -> Machine:
        self._made += 1
        return Machine(self, name, self._made)

    @property
    def is_quiet(self) -> bool:
        """Whether it is the end, at which nothing strikes."""
        return self.clock.time >= self.end - QUIET

    def live(self) -> Figures:
        """From the start to the quiet end, and the verdict."""
        began = time.process_time()
        open_ledger(self.url).close()
        on_fault_point(self._at_point)
        try:
            self.go_on_until(self.end)
        finally:
            on_fault_point(None)
        self._judge()
        for machine in self.machines:
            for life in machine.lives.values():
                life.close()
        self.figures.violations = len(self.wrong)
        self.figures.seconds = time.process_time() - began
        return self.figures

    # The course of things ---------------------------------------------------------------------

    def go_on_until(self, until: float) -> None:
        """Let everybody act who can, in the order of their times."""
        while (found := self._next(until)) is not None:
            at, act = found
            self.clock.advance_to(at)
            act()
        self.clock.advance_to(until)

    def pass_time(self, seconds: float) -> None:
        """Somebody sleeps within a pass; leases are kept meanwhile, by all who can."""
        until = self.clock.time + seconds
        while True:
            beats = [m for m in self._able() if m.next_beat <= until]
            if not beats:
                break
            machine = min(beats, key=lambda machine: machine.next_beat)
            self.clock.advance_to(machine.next_beat)
            machine.beat()
        self.clock.advance_to(until)

    def _able(self) -> list[Machine]:
        return [m for m in self.machines if m.is_alive and not m.stands_still]

    def _next(self, until: float) -> tuple[float, Callable[[], None]] | None:
        due: list[tuple[float, Callable[[], None]]] = []
        for machine in self._able():
            due.append((machine.next_beat, machine.beat))
            due += [
                (life.next_poll, life.poll)
                for life in machine.lives.values()
                if life not in self.stack
            ]
        due += [(at, self._come_back) for at, _ in self._returns[:1]]
        if self._back_at is not None:
            due.append((self._back_at, self._answer_again))
        found = min(due, key=lambda pair: pair[0], default=None)
        return None if found is None or found[0] > until else found

    def _come_back(self) -> None:
        _, name = self._returns.pop(0)
        self.machines = [m for m in self.machines if m.name != name]
        self.machines.append(self._machine(name))

    def _answer_again(self) -> None:
        self.table.is_away, self._back_at = False, None

    # What strikes -----------------------------------------------------------------------------

    def _at_point(self, name: str) -> None:
        life = self.stack[-1] if self.stack else None
        if life is None:
            return
        life.check()
        while self._strikes and self._strikes[0][0] <= self.clock.time:
            _, point, kind = self._strikes.pop(0)
            self._armed.setdefault(point, kind)
        machine, kind = life.machine, self._armed.get(name, "")
        if self.is_quiet or not kind or machine.leaves:
            return
        if kind == "stall" and (len(self.stack) > 1 or len(self._able()) < 2):
            return
        del self._armed[name]
        self._count(f"{kind} at {name}")
        match kind:
            case "stall":
                self._stall(machine)
            case "crash":
                self.figures.crashes[name] = self.figures.crashes.get(name, 0) + 1
                self._die(machine)
                raise Crash(name)
            case "away":
                self.table.is_away = True
                self._back_at = self.clock.time + self.chance.uniform(1, 2 * TTL)
            case _:
                machine.leave()
                self._returns_after(machine)

    def _stall(self, machine: Machine) -> None:
        """It stands still, and the others go on."""
        machine.stands_still = True
        self.go_on_until(self.clock.time + self.chance.choice((3.0, TTL / 2, 2 * TTL, 6 * TTL)))
        machine.stands_still = False

    def _die(self, machine: Machine) -> None:
        machine.is_alive = False
        for life in machine.lives.values():
            life.close()
        machine.lives.clear()
        self._returns_after(machine)

    def _returns_after(self, machine: Machine) -> None:
        at = self.clock.time + self.chance.uniform(5, 2 * HOUR)
        self._returns = sorted([*self._returns, (at, machine.name)])

    def _count(self, what: str) -> None:
        self.figures.faults[what] = self.figures.faults.get(what, 0) + 1

    # The verdict ------------------------------------------------------------------------------

    def _judge(self) -> None:
        tokens: Counter[str] = Counter()
        for key, holder, token, _ in self.table.takings:
            if token <= tokens[key]:
                self.wrong.append(
                    f"{key}: {holder} took it with the token {token} after {tokens[key]}"
                )
            tokens[key] = token
        self._count("takings of a key")
        self.figures.faults["takings of a key"] = len(self.table.takings)
        for key, world in self.worlds.items():
            ledger = open_ledger(self.url, key=key, read_only=True)
            self.wrong += [f"{key}: {wrong}" for wrong in violations(world, ledger)]
            self.figures.decisions += len(ledger.decisions())
            ledger.close()
            self.figures.tasks += len(world.tasks)
            self.figures.effects += sum(effect.by == "client" for effect in world.effects)
            self.figures.requests += self.transports[key].desk.served


class Replicated(NamedTuple):
    """One seed of several replicas, lived through and judged."""

    seed: int
    hours: float
    replicas: int
    figures: Figures
    wrong: list[str]

    @property
    def replay(self) -> str:
        """The command that does the same again."""
        return f"python -m tests.simulation --replicas {self.replicas} --seed {self.seed} --hours {self.hours:g}"


def simulate_replicas(seed: int, hours: float, replicas: int) -> Replicated:
    """Live through a seed with so many replicas."""
    with TemporaryDirectory(dir=MEMORY) as folder:
        run = ReplicaRun(seed, hours, replicas, Path(folder))
        return Replicated(seed, hours, replicas, run.live(), run.wrong)
