"""`policy watch`: each save is checked and tested, once its files rest."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from reviewbot.cli.policy_test import changes
from reviewbot.policy import starters
from reviewbot.runtime.policy_files import PolicyFile

STARTER = starters.render(name="cautious", policy_name="desk-one", owner=None, timezone=None)


def looking(*steps: Callable[[], object]) -> Iterator[None]:
    """What happens from look to look; then nothing more."""
    for step in steps:
        yield step()  # type: ignore[misc]  # what a step gives is nobody's concern


def test_a_policy_is_given_again_once_its_files_rest(tmp_path: Path) -> None:
    """Not while somebody writes; also when the tests beside it are saved."""
    path = tmp_path / "desk-one.yaml"
    path.write_text("a")
    said = []

    def write(name: str, text: str) -> Callable[[], object]:
        return lambda: (said.append(f"wrote {name}"), (tmp_path / name).write_text(text))

    steps = iter(
        [
            lambda: None,
            write(path.name, "ab"),
            write(path.name, "abc"),
            lambda: None,
            write("desk-one.tests.yaml", "b"),
            lambda: None,
        ]
    )
    found = changes([PolicyFile(str(path))], lambda: next(steps)())
    for _ in range(3):
        file = next(found)
        file.load()
        said.append(f"read {file.path.read_text()}")

    wrote = f"wrote {path.name}"
    assert said == ["read a", wrote, wrote, "read abc", "wrote desk-one.tests.yaml", "read abc"]


def test_a_save_is_checked_and_tested(tmp_path: Path) -> None:
    """The command says what is wrong, and what the tests say, at once and after a save."""
    path = tmp_path / "desk-one.yaml"
    path.write_text(STARTER.policy.replace("then: approve", "then: aprove", 1))
    path.with_name("desk-one.tests.yaml").write_text(STARTER.tests)
    command = [sys.executable, "-m", "reviewbot", "policy", "watch", path.name]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = _until(process.stdout, "1 finding")
        path.write_text(STARTER.policy)
        second = _until(process.stdout, "passed")
        os.kill(process.pid, signal.SIGINT)

    assert re.search(r'desk-one\.yaml:\d+:11  error   P024  there is no action "aprove"', first)
    assert "1 note." in second
    assert process.returncode == 130


def _until(lines: Iterator[str], words: str) -> str:
    """What is printed until a line holds some words."""
    found = ""
    for line in lines:
        found += line
        if words in line:
            break
    return found
