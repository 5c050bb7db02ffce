"""Planted bugs: what people really get wrong, each with the tests that must catch it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOGUE = Path(__file__).with_name("bugs.toml")
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", "__pycache__", ".hypothesis", "mutants"
)
PATIENCE = 600.0
"""Seconds for the tests of one bug; one that hangs them is caught as well."""


class Change(NamedTuple):
    """One place of a file: what stands there, and what the bug makes of it."""

    file: str
    old: str
    new: str


class Bug(NamedTuple):
    """One bug, the promise it breaks, and the tests that must then fail."""

    name: str
    promise: str
    caught_by: tuple[str, ...]
    changes: tuple[Change, ...]

    def plant(self, tree: Path) -> None:
        """Change a tree so that it has the bug."""
        for change in self.changes:
            path = tree / change.file
            path.write_text(path.read_text().replace(change.old, change.new))


class Outcome(NamedTuple):
    """What the tests of one bug made of it."""

    bug: Bug
    caught: bool
    said: str
    """The first test that failed, or why the bug counts as not caught."""


def bugs() -> tuple[Bug, ...]:
    """All of the catalogue."""
    return tuple(
        Bug(
            name=bug["name"],
            promise=bug["promise"],
            caught_by=tuple(bug["caught_by"]),
            changes=tuple(Change(**change) for change in bug["change"]),
        )
        for bug in tomllib.loads(CATALOGUE.read_text())["bug"]
    )


@contextmanager
def copied(source: Path = ROOT) -> Iterator[Path]:
    """Everything of a tree that tests need, in a folder of its own."""
    with TemporaryDirectory(prefix="reviewbot-mutation-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(source, tree, ignore=NOT_COPIED)
        yield tree


def hunt(wanted: Iterable[Bug], workers: int = 2) -> Iterator[Outcome]:
    """Plant each bug in a copy of the tree of its own, and run its tests.

    Raises RuntimeError where one of those tests fails without any bug: then nothing is proven.
    """
    wanted = tuple(wanted)
    with copied() as healthy, ThreadPoolExecutor(workers) as pool:
        passed, said = _run(healthy, sorted({test for bug in wanted for test in bug.caught_by}))
        if not passed:
            raise RuntimeError(f"without any bug a test fails: {said}")
        yield from pool.map(lambda bug: _hunt_one(bug, healthy), wanted)


def _hunt_one(bug: Bug, healthy: Path) -> Outcome:
    with copied(healthy) as tree:
        bug.plant(tree)
        passed, said = _run(tree, bug.caught_by)
    return Outcome(bug, not passed, said)


def _run(tree: Path, tests: Iterable[str]) -> tuple[bool, str]:
    """Run tests in a tree up to the first failure; give whether they passed, and what failed.

    Raises RuntimeError where the tests could not run at all: that catches nothing.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "TEST_TIER": "quick"}
    environment.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(
            [*command, "-m", "not slow", *tests],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"its tests did not end within {PATIENCE:g} s"
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode not in (0, 1) and not lines:
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.returncode == 0, lines[0][:160] if lines else ""
