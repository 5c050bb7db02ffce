"""Simulate one seed: plan it, live through it, check it. The same seed always gives the same run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.simulation.checker import Violation, check
from tests.simulation.figures import Figures
from tests.simulation.history import History
from tests.simulation.plan import plan_of
from tests.simulation.run import Run

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A file system in memory, where there is one: what a disk does wrong is proven elsewhere."""
SEEDS = Path(__file__).with_name("seeds.txt")
"""Seeds that once failed, each with its hours; the full tier replays them."""


class Simulated(NamedTuple):
    """One seed, lived through and checked."""

    seed: int
    hours: float
    accounts: bool
    history: History
    figures: Figures
    violations: list[Violation]

    @property
    def replay(self) -> str:
        """The command that does the same again."""
        alone = "" if self.accounts else " --comments-alone"
        return f"python -m tests.simulation --seed {self.seed} --hours {self.hours:g}{alone}"


def simulate(seed: int, hours: float, *, accounts: bool = True) -> Simulated:
    """Live through a seed."""
    with TemporaryDirectory(dir=MEMORY) as folder:
        run = Run(plan_of(seed, hours, accounts=accounts), Path(folder))
        figures = run.live()
        violations = check(run.history)
        figures.violations = len(violations)
        return Simulated(seed, hours, accounts, run.history, figures, violations)


def simulate_lightly(seed: int, hours: float, accounts: bool) -> Simulated:
    """Live through a seed; its history is only carried along where it shows something."""
    one = simulate(seed, hours, accounts=accounts)
    if not one.violations:
        one.history.clear()
    return one


def kept_seeds() -> Iterator[tuple[int, float, bool]]:
    """Every seed that once failed, its hours, and whether there were accounts."""
    for line in SEEDS.read_text().splitlines():
        words = line.partition("#")[0].split()
        if words:
            yield int(words[0]), float(words[1]), words[2:] != ["comments"]


def keep_seed(result: Simulated) -> None:
    """Let the full tier replay a seed from now on."""
    if (result.seed, result.hours, result.accounts) not in set(kept_seeds()):
        promises = ", ".join(sorted({violation.promise for violation in result.violations}))
        with SEEDS.open("a") as file:
            alone = "" if result.accounts else " comments"
            file.write(f"{result.seed} {result.hours:g}{alone}  # {promises}\n")
