"""Chance: one draw from weighted things."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random  # noqa: TID251 - a seeded one comes in as an argument
from typing import TypeVar

T = TypeVar("T")


def pick(rng: Random, weights: Mapping[T, float]) -> T:
    """Draw one thing, each with its weight."""
    mark = rng.random() * sum(weights.values())
    for thing, weight in weights.items():
        mark -= weight
        if mark < 0:
            return thing
    return next(reversed(list(weights)))
