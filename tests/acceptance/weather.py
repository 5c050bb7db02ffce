"""A week's weather: when the API is away, when it storms, and what goes wrong on any fine day."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded chance of a test

import msgspec

from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.faults import Faults, Storm

EVERY_DAY = {
    "429": 0.004,
    "5xx json": 0.002,
    "5xx html": 0.001,
    "5xx after the write": 0.002,
    "reset before": 0.002,
    "reset after": 0.002,
    "late": 0.001,
    "hang": 0.0005,
    "truncated": 0.002,
    "cut": 0.002,
    "html 200": 0.001,
    "page drift": 0.002,
    "duplicate rows": 0.004,
}
"""What is always in the air, by chance per request."""
STORMS = (("429", 0.5), ("5xx json", 0.5), ("5xx html", 0.7), ("reset after", 0.3), ("hang", 0.2))
"""What comes over a whole hour now and then."""


class Outage(msgspec.Struct, frozen=True):
    """A time without any answer, in POSIX seconds."""

    start: float
    end: float

    def covers(self, start: float, end: float) -> bool:
        """All of that time lies within it."""
        return self.start <= start and end <= self.end


class Weather(msgspec.Struct, frozen=True):
    """All that the network and the API do wrong, repeatable by its seed."""

    outages: tuple[Outage, ...]
    faults: Faults

    @classmethod
    def of(cls, start: float, outages: dict[float, float], *, until: float, seed: int) -> Weather:
        """Outages by the hour of their start, with their length; storms in between, until the end."""
        chance = Random(seed)
        away = tuple(
            Outage(start + begin * HOUR, start + (begin + long) * HOUR)
            for begin, long in outages.items()
        )
        dark = [Storm(fault="refused", start=outage.start, end=outage.end) for outage in away]
        storms, at = [], start
        while at < until - 12 * HOUR:
            at += chance.uniform(4, 16) * HOUR
            fault, share = chance.choice(STORMS)
            storms.append(Storm(fault=fault, chance=share, start=at, end=at + HOUR))
        quiet = until - 6 * HOUR
        always = [Storm(fault=kind, chance=share, end=quiet) for kind, share in EVERY_DAY.items()]
        return cls(away, Faults([*dark, *storms, *always], seed=seed))

    def longest_stretch(self, start: float, end: float) -> float:
        """How long the API was there at a stretch between two moments, in seconds."""
        longest = 0.0
        for outage in sorted(self.outages, key=lambda outage: outage.start):
            if outage.end <= start or outage.start >= end:
                continue
            longest, start = max(longest, outage.start - start), outage.end
        return max(longest, end - start)
