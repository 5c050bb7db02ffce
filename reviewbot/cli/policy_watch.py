"""`reviewbot policy watch`: check and test policies, and again on each save."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import click

from reviewbot.cli.command import command
from reviewbot.cli.policy import show_findings
from reviewbot.cli.screen import Screen
from reviewbot.domain.text import safe_line
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.check import checked
from reviewbot.presentation.findings import Tested, results_as_text, summary
from reviewbot.presentation.style import styled
from reviewbot.runtime.policy_files import PolicyFile, policy_paths

LOOK = 0.25
"""Seconds between two looks at the files; what changed from one to the next is still being written."""


@command
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
def watch(screen: Screen, paths: tuple[str, ...]) -> None:
    """Check policies and run their tests now, and again each time one of their files is saved.

    FILE may be a folder. The tests and the lists beside a policy count as its files. Ctrl-C ends it.

    $ reviewbot policy watch policies/starter.yaml  # beside any editor
    $ reviewbot policy watch policies -v  # a whole folder; also notes, and tests that passed
    """
    files = [
        PolicyFile(file)
        for path in paths
        for file in (policy_paths(Path(path)) if Path(path).is_dir() else (path,))
    ]
    pause = Event()
    for file in changes(files, lambda: pause.wait(LOOK)):
        _say(screen, file)


def changes(files: Sequence[PolicyFile], look: Callable[[], object]) -> Iterator[PolicyFile]:
    """Give each policy to be read, and again once its files have changed and rest; `look` waits."""
    yield from files
    while True:
        before = [file.stamps() for file in files]
        look()
        for file, stamps in zip(files, before, strict=True):
            if file.changed() and file.stamps() == stamps:
                yield file


def _say(screen: Screen, file: PolicyFile) -> None:
    """Print what is wrong with a policy, or what its tests say."""
    parsed = checked(file.load(today=datetime.now(UTC).date()))
    now = datetime.now().astimezone()
    screen.data(styled(f"── {now:%H:%M:%S}  {safe_line(str(file.path))}", "strong"))
    if shown := show_findings(screen, parsed.findings, dict(parsed.sources)):
        screen.data(shown + "\n")
    screen.data(f"{summary(parsed.findings)}.")
    if parsed.policy is not None:
        tested = Tested(policy=parsed.policy, results=run_cases(compile_policy(parsed.policy)))
        screen.data(results_as_text(tested, everything=screen.verbosity > 0))
    screen.data("")
