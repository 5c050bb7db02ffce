"""Policies whose words tests know by heart: they stay as they are when those to start from get better."""

from __future__ import annotations

from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent


class SteadyPolicy(msgspec.Struct, frozen=True):
    """A policy as it stands, and its tests."""

    policy: str
    tests: str


def steady(name: str) -> SteadyPolicy:
    """Read one by its name."""
    policy, tests = ((FOLDER / f"{name}.{end}").read_text() for end in ("yaml", "tests.yaml"))
    return SteadyPolicy(policy, tests)
