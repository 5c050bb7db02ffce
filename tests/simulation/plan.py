"""A plan: everything that will happen to the bot in one run, drawn from one seed before it begins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random  # noqa: TID251 - seeded: it is what makes a run repeatable
from typing import Literal

import msgspec

from reviewbot.domain.fault_point import LOOP
from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.faults import DRIFTS, FAULTS, Storm, Which
from reviewbot.simulator.model import Choices
from reviewbot.simulator.untruths import ABSURD, CODES, COUNTS, MOMENTARY
from reviewbot.simulator.world import Checker

QUIET = 2.0
"""Hours without any trouble at the end: whatever is still open then was lost."""
LONG, SPARSE = 400.0, 0.15
"""From so many hours on a run has less in each of them, and still every fault and every death."""
EVERY_DAY: dict[str, float] = {
    "429": 0.004,
    "5xx json": 0.003,
    "5xx html": 0.002,
    "5xx empty": 0.001,
    "5xx after the write": 0.003,
    "refused": 0.002,
    "reset before": 0.002,
    "reset after": 0.004,
    "late": 0.004,
    "hang": 0.001,
    "trickle": 0.001,
    "truncated": 0.003,
    "cut": 0.002,
    "html 200": 0.002,
    "wrong content type": 0.001,
    "date skew": 0.002,
    "page drift": 0.004,
    "duplicate rows": 0.004,
    "new field": 0.002,
    "new enum value": 0.0005,
    "field missing": 0.0003,
    "field retyped": 0.0003,
}
"""What is always in the air, by chance per request."""
CONTRADICTING: dict[str, float] = {
    "4xx envelope": 0.002,
    "4xx odd code": 0.001,
    "4xx page": 0.002,
    "rows missing": 0.001,
    "list ends early": 0.001,
    "total of the page": 0.001,
    "total missing": 0.001,
    "total wrong": 0.001,
    "odd moments": 0.003,
}
"""What else is in the air: answers that contradict what is true, or what was said before."""
ODD_STORMS: tuple[tuple[str, float], ...] = (
    *((kind, chance) for kind in MOMENTARY for chance in (0.5, 1.0)),
    *((kind, 1.0) for kind in COUNTS),
    *((kind, 1.0) for kind in ABSURD),
    ("date jump", 0.5),
    ("date jump", 1.0),
)
"""The storms of such answers, and how thick; each kind comes in turn."""
STATUSES = tuple(CODES)
DATES = (-1740.0, -960.0, -300.0, -60.0, 60.0, 300.0, 960.0, 1740.0)
"""How far the clocks of the API, or of some of its nodes, may jump, in seconds."""
TIMELINE = "list_verifications"
"""The operation that gives the evidence on a task."""
THICK: tuple[tuple[Which, float], ...] = (("reads", 1.0), ("writes", 8.0))
"""Writes are few, and what goes wrong with them matters most."""
STORMS = (
    ("429", 0.5),
    ("5xx json", 0.5),
    ("5xx html", 0.7),
    ("5xx after the write", 0.6),
    ("reset after", 0.4),
    ("late", 0.4),
    ("hang", 0.2),
    ("trickle", 0.3),
    ("truncated", 0.4),
    ("page drift", 0.2),
    ("duplicate rows", 0.5),
    ("date skew", 0.03),
    ("new field", 0.8),
    ("new enum value", 0.2),
    ("field missing", 0.1),
    ("field retyped", 0.1),
)
"""What comes over half an hour to two hours now and then, and how thick."""
JUMPS = (-3 * 86400.0, -3000.0, -1200.0, -200.0, -3.0, 3.0, 200.0, 1200.0, 3000.0, 3 * 86400.0)
"""How far the machine's clock may be set wrong, in seconds."""

Deed = Literal["answer", "pause", "pause file", "policy", "restart", "refuse", "log away", "cancel"]
DEEDS: dict[Deed, float] = {
    "answer": 6.0,
    "pause": 40.0,
    "pause file": 60.0,
    "policy": 50.0,
    "restart": 40.0,
}
"""What people do to the bot, and every how many hours."""
REFUSING_AT = ("intent.committed", "pass.listed", "review.judged", "resume.read")
"""The points of the bot's work from which on the API may refuse everything for a moment."""
CANCELLING_AT = ("pass.listed", "intent.before", "intent.before", "write.before", None)
"""The points of the bot's work at which a person may cancel what lies sealed."""
LOG_GOES_AT = ("pass.listed", "review.judged", "intent.before", "outcome.committed", "pass.done")
"""The points at which somebody may take the log's files away."""
AWAY_EVERY = 60.0
"""Hours between two times that somebody does."""
REFUSED_EVERY = 8.0
"""Hours between two such moments."""

ACCOUNT_EVERY = 40.0
"""Hours between two accounts that are delivered."""
DIFFERING: tuple[tuple[dict[str, str | None], float], ...] = (
    ({}, 1.0),
    ({"biography": "hello"}, 1.0),
    ({"biography": "."}, 0.3),
    ({"username": "lumen_2", "biography": "hello"}, 0.6),
    ({"visible_name": "user 3391"}, 0.0),
    ({"profile_picture_url": None}, 0.0),
)
"""In what a delivered account differs from the one that was ordered, and how likely each asked-for
correction is made."""

assert set(EVERY_DAY) | {name for name, _ in ODD_STORMS} == set(FAULTS)
assert set(DRIFTS) <= set(EVERY_DAY)


class Outage(msgspec.Struct, frozen=True):
    """A time without any answer, in hours from the start."""

    start: float
    end: float


class Death(msgspec.Struct, frozen=True):
    """From that hour on the process dies when it comes to the point, and stays away so many seconds."""

    hour: float
    point: str
    away: float


class Act(msgspec.Struct, frozen=True):
    """What somebody does from that hour on: at a point of the bot's own work, or between passes."""

    hour: float
    deed: Deed
    point: str | None
    lasts: float


class Jump(msgspec.Struct, frozen=True):
    """The machine's clock is wrong by so many seconds for a time."""

    start: float
    end: float
    skew: float


class Sickness(msgspec.Struct, frozen=True):
    """A time in which the API's own checker fails as a whole."""

    start: float
    end: float
    checker: Checker


class Account(msgspec.Struct, frozen=True):
    """An account that is delivered in that hour: how it differs, and the diligence of its manager."""

    hour: float
    platform: str
    differing: dict[str, str | None]
    diligence: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run. All times are in hours from its start."""

    seed: int
    hours: float
    per_hour: float
    backlog: int
    strangers: float
    neighbour: float
    idempotency: Literal["honoured", "ignored"]
    sweep_latency: float
    decide_by: int
    """Hours before the deadline from which on the fallback decides."""
    capped: str | None
    storms: tuple[Storm, ...]
    outages: tuple[Outage, ...]
    jumps: tuple[Jump, ...]
    deaths: tuple[Death, ...]
    acts: tuple[Act, ...]
    sick: tuple[Sickness, ...]
    stores: Literal["success", "below 500", "everything"]
    """Which answers the API keeps under an idempotency key."""
    conflict: Literal[409, 422]
    insists_unchecked: float
    accounts: tuple[Account, ...]
    """None: the bot of this run reviews comments alone, and asks for nothing else."""

    @property
    def choices(self) -> Choices:
        """How this run's API decides what its documents leave open."""
        return Choices(
            idempotency=self.idempotency,
            idempotency_stores=self.stores,
            idempotency_conflict_status=self.conflict,
            insists_unchecked=self.insists_unchecked,
            sweep_latency=self.sweep_latency,
        )

    def storms_from(self, start: float) -> list[Storm]:
        """The faults, in POSIX seconds, for a run that begins at `start`."""
        return [
            replace(storm, start=start + storm.start * HOUR, end=start + storm.end * HOUR)
            for storm in self.storms
        ]


def plan_of(seed: int, hours: float, *, accounts: bool = True) -> Plan:
    """Draw everything. Without accounts the rest is drawn all the same."""
    odd = Random(f"odd of {seed}")
    chance = Random(seed)
    busy = hours - QUIET
    share = SPARSE if hours >= LONG else 1.0
    outages = _outages(chance, busy)
    rough = chance.choice((0.5, 1.0, 1.0, 2.0))
    every_day = [
        Storm(fault=name, chance=share * rough * thick, calls=calls, end=busy)
        for name, share in EVERY_DAY.items()
        for calls, thick in THICK
    ]
    away = [
        Storm(
            fault=chance.choice(("refused", "refused", "hang", "5xx html")),
            start=o.start,
            end=o.end,
        )
        for o in outages
    ]
    return Plan(
        seed=seed,
        hours=hours,
        per_hour=chance.choice((0.3, 0.6, 1.0)) * share,
        backlog=105 if seed % 32 == 7 else chance.choice((0, 5, 10)),
        decide_by=chance.choice((3, 24, 48)),
        strangers=chance.choice((0.0, 0.05, 0.2)),
        neighbour=chance.choice((0.0, 0.0, 0.5, 1.5)),
        idempotency=chance.choice(("honoured", "ignored")),
        sweep_latency=chance.choice((0.0, 0.0, 30.0, 300.0)),
        capped=chance.choice((None, None, "hold", "escalate")),
        storms=(
            *away,
            *_odd(odd, busy, share),
            *_storms(chance, busy),
            *every_day,
        ),
        outages=outages,
        jumps=_jumps(chance, busy, outages),
        deaths=_deaths(chance, busy, share),
        acts=_acts(chance, busy, _moments(odd, busy, share)),
        sick=_sick(odd, busy),
        stores=odd.choice(("success", "below 500", "everything")),
        conflict=odd.choice((409, 422)),
        insists_unchecked=odd.choice((0.0, 0.3)),
        accounts=_accounts(Random(f"accounts of {seed}"), busy) if accounts else (),
    )


def _accounts(chance: Random, busy: float) -> tuple[Account, ...]:
    """From the start on, each kind in turn; in their own stream of chance."""
    found, kinds, at = list[Account](), list(DIFFERING), 0.0
    chance.shuffle(kinds)
    while at < busy:
        differing, diligence = kinds[len(found) % len(kinds)]
        found.append(Account(at, chance.choice(("tiktok", "instagram")), differing, diligence))
        at += chance.expovariate(1 / ACCOUNT_EVERY)
    return tuple(found)


def _outages(chance: Random, busy: float) -> tuple[Outage, ...]:
    found, at = list[Outage](), 0.0
    while True:
        at += chance.uniform(30, 120)
        length = chance.choice((1.0, 2.0, 6.0, 12.0, 24.0, 48.0)) * chance.uniform(0.5, 1.0)
        if at + length > busy:
            return tuple(found)
        found.append(Outage(at, at + length))
        at += length


def _storms(chance: Random, busy: float) -> list[Storm]:
    found, at = list[Storm](), chance.uniform(1, 10)
    while at + 2 < busy:
        fault, share = chance.choice(STORMS)
        end = at + chance.uniform(0.5, 2.0)
        calls: Which = "all"
        if fault in ("5xx after the write", "reset after", "late"):
            calls = chance.choice(("all", "writes"))
        found.append(Storm(fault=fault, chance=share, calls=calls, start=at, end=end))
        at = end + chance.uniform(3, 15)
    return found


def _odd(chance: Random, busy: float, share: float) -> list[Storm]:
    """Answers that contradict what is true: some always, each in turn for minutes or hours."""
    found, turn, at = list[Storm](), list[tuple[str, float]](), chance.uniform(1, 6)
    while at < busy - 1:
        if not turn:
            turn = list(ODD_STORMS)
            chance.shuffle(turn)
        fault, thick = turn.pop()
        calls: Which = chance.choice(("all", "reads", "writes")) if fault in MOMENTARY else "all"
        on_evidence = calls == "reads" and chance.random() < 0.5
        storm = Storm(
            fault=fault,
            chance=thick,
            calls=calls,
            operation=TIMELINE if on_evidence else None,
            start=at,
            end=min(busy, at + chance.choice((0.02, 0.3, 1.0, 3.0)) * chance.uniform(0.5, 1.0)),
            status=chance.choice(STATUSES),
            skew=chance.choice(DATES),
        )
        found.append(storm)
        at = storm.end + chance.uniform(1, 8) * (1 if share == 1 else 3)
    always = [
        Storm(fault=name, chance=share * each * thick, calls=calls, end=busy)
        for name, each in CONTRADICTING.items()
        for calls, thick in (THICK if name in MOMENTARY else THICK[:1])
    ]
    return [*found, *always]


def _moments(chance: Random, busy: float, share: float) -> list[Act]:
    """Moments in which the API refuses what the bot is just about to do, or the log is gone."""
    every = REFUSED_EVERY * (1 if share == 1 else 3)
    found, at = list[Act](), chance.expovariate(1 / every)
    away = chance.uniform(2, AWAY_EVERY)
    while away < busy - 3:
        point = chance.choice((*LOG_GOES_AT, None))
        found.append(Act(away, "log away", point, chance.uniform(30, 900) / 3600))
        away += chance.uniform(0.5, 1.5) * AWAY_EVERY
    while at < busy - 1:
        lasts = chance.choice((5.0, 30.0, 300.0)) / 3600
        found.append(Act(at, "refuse", chance.choice(REFUSING_AT), lasts))
        at += chance.expovariate(1 / every)
    return found


def _sick(chance: Random, busy: float) -> tuple[Sickness, ...]:
    found, at = list[Sickness](), chance.uniform(5, 60)
    while at + 3 < busy:
        end = min(busy, at + chance.uniform(2, 14))
        found.append(Sickness(at, end, chance.choice(("blind", "failing"))))
        at = end + chance.uniform(30, 120)
    return tuple(found)


def _jumps(chance: Random, busy: float, outages: tuple[Outage, ...]) -> tuple[Jump, ...]:
    """Not while the API is away: then nobody could know better, and alarms come by the wrong clock."""
    found, at = list[Jump](), chance.uniform(2, 30)
    while at + 4 < busy:
        end = at + chance.uniform(0.3, 4.0)
        if not any(o.start - 1 < end and at < o.end + 1 for o in outages):
            found.append(Jump(at, end, chance.choice(JUMPS)))
        at = end + chance.uniform(8, 40)
    return tuple(found)


def _deaths(chance: Random, busy: float, share: float) -> tuple[Death, ...]:
    """Every few hours, at each point in turn: none is left out because it is rare."""
    found, points, at = list[Death](), list[str](), 0.0
    while True:
        at += chance.expovariate(share / 3.4)
        if at > busy:
            return tuple(found)
        if not points:
            points = list(LOOP)
            chance.shuffle(points)
        away = chance.uniform(5, 300)
        if chance.random() < 0.05:
            away = chance.uniform(0.5, 8.0) * HOUR
        found.append(Death(at, points.pop(), away))


def _acts(chance: Random, busy: float, moments: Iterable[Act]) -> tuple[Act, ...]:
    found = list(moments)
    for deed, every in DEEDS.items():
        at = chance.expovariate(1 / every)
        while at < busy - 3:
            point = chance.choice(LOOP) if chance.random() < 0.6 else None
            found.append(Act(at, deed, point, chance.uniform(0.1, 2.0)))
            at += 2.0 + chance.expovariate(1 / every)
    return tuple(sorted(found, key=lambda act: act.hour))
