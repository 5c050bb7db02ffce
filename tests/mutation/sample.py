"""A seeded sample of mutants of the core, made and run by mutmut in a copy of the tree."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from random import Random  # noqa: TID251  the sample is seeded
from typing import NamedTuple

from tests.mutation.planted import ROOT, copied

WANTED = 0.9
"""The least share of mutants that the tests must notice."""
_Z = 1.96
"""Of the standard normal distribution: an interval that holds 95 %."""
_RESULT = re.compile(r"^\s*(\S+__mutmut_\d+): (.+)$")
_RUN_ONCE = re.compile(
    r"reviewbot\.policy\.operators\.(range\.x__comparison|text\.x__looks_inside)__"
)
"""What runs as its module is loaded, which mutmut does before it changes anything: nobody could notice."""
_NOTICED = ("killed", "timeout", "segfault", "suspicious")


class Score(NamedTuple):
    """What became of a sample. What no test runs counts as survived."""

    killed: int
    hung: int
    """How many of the killed were noticed only because the tests took far too long."""
    size: int
    population: int
    seed: int
    survivors: tuple[str, ...]

    @property
    def share(self) -> float:
        """The share that was noticed."""
        return self.killed / self.size

    def interval(self) -> tuple[float, float]:
        """Wilson's score interval at 95 % (E. B. Wilson 1927)."""
        n, p = self.size, self.share
        middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n)) / (1 + _Z**2 / n)
        return middle - half, middle + half

    def __str__(self) -> str:
        low, high = self.interval()
        return (
            f"{self.killed} of {self.size} ({self.share:.1%}, {self.hung} of them by tests that took"
            f" far too long; 95 % interval {low:.1%} to {high:.1%};"
            f" drawn from {self.population:,} with seed {self.seed})"
        )


def core() -> list[str]:
    """The files that count as the core, as pyproject.toml names them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: list[str] = settings["tool"]["mutmut"]["only_mutate"]
    return found


def score(size: int, seed: int) -> Score:
    """Draw mutants and let the tests at them. Takes about a second for each, and a minute before."""
    with copied() as tree:
        mutants = _all_mutants(tree)
        drawn = sorted(Random(seed).sample(mutants, min(size, len(mutants))))
        _mutmut(tree, "run", "--max-children", "2", *drawn)
        results = _results(tree)
        survivors = tuple(name for name in drawn if results[name] not in _NOTICED)
        hung = sum(results[name] == "timeout" for name in drawn)
        _keep_differences(tree, survivors)
    return Score(len(drawn) - len(survivors), hung, len(drawn), len(mutants), seed, survivors)


def _all_mutants(tree: Path) -> Sequence[str]:
    """Make all mutants, and learn which tests run which code, by asking for one that is not there."""
    said = _mutmut(tree, "run", "--max-children", "2", "none.*", failing=1)
    found = sorted(name for name in _results(tree) if not _RUN_ONCE.match(name))
    if "nothing matches" not in said or not found:
        raise RuntimeError(f"mutmut made no mutants:\n{said[-3000:]}")
    return found


def _results(tree: Path) -> dict[str, str]:
    lines = _mutmut(tree, "results", "--all", "true").splitlines()
    return {found[1]: found[2] for line in lines if (found := _RESULT.match(line))}


def _keep_differences(tree: Path, survivors: Sequence[str]) -> None:
    """Leave what the survivors change where a person can read it."""
    folder = ROOT / "mutants"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in survivors:
        (folder / f"{name}.diff").write_text(_mutmut(tree, "show", name))


def _mutmut(tree: Path, *words: str, failing: int = 0) -> str:
    command = [sys.executable, "-m", "mutmut", *words]
    env = os.environ | {"TEST_TABLES": "whole"}
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)
    said = f"{done.stdout}\n{done.stderr}" if failing else done.stdout
    if done.returncode != failing:
        raise RuntimeError(
            f"mutmut {words[0]} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
    return said
