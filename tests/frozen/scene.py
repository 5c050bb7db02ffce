"""A fixed desk at a fixed hour: every command is called on it, and what each prints is the net.

The world is the simulator's, seeded, on a clock that stands still between commands; the bot's own
clock stands at the same moment. So the same code prints the same bytes, on any machine. What cannot
be the same (a port, a temporary folder, how long something took) is replaced by its name.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import time_machine

from reviewbot.cli.main import main
from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.model import Choices
from reviewbot.simulator.world import World

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
STARTER = str(HERE / "policies" / "starter.yaml")
"""A policy that stays as it is, so that no page changes when the one people start from gets better."""
BEGIN = datetime(2026, 6, 3, 9, 0, tzinfo=UTC)
KEY = "sk_test_frozen_0123456789"
VOLATILE = (
    (re.compile(r"\b\d+(\.\d+)? (ms|seconds|s)\b(?! (ago|later))"), "N s"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r'"(seen_ago|seconds|took)": ?[\d.e-]+'), r'"\1": N'),
    (re.compile(r'"(pid|born)": ?\d+'), r'"\1": N'),
    (re.compile(r"\bpid \d+"), "pid PID"),
    # The log names the process that wrote it; `test_chain.py` holds what a chain comes to.
    (re.compile(r'"head":"[0-9a-f]{64}"'), '"head":"HEAD"'),
    (re.compile(r"\bhead [0-9a-f]{16}\b"), "head HEAD"),
    # A column is as wide as its longest value, and that may hold a port or a folder.
    (re.compile(r" {2,}(default|from|TOKPORTAL_\w+|REVIEWBOT_\w+)$", re.M), r"  \1"),
)
"""What differs from run to run, and the name it is shown by."""


class Printed(NamedTuple):
    """What one command printed, and how it ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    def text(self) -> str:
        """One file's worth: the words, the code, and both streams."""
        err = f"--- stderr\n{self.err}" if self.err else ""
        return (
            f"$ reviewbot {' '.join(self.words)}\n--- exit {self.code}\n--- stdout\n{self.out}{err}"
        )


class Desk:
    """The world, the bot's settings, and the moment; `call` prints one command."""

    def __init__(self, folder: Path, world: World, clock: VirtualClock, url: str) -> None:
        self.folder = folder
        self.world = world
        self._clock = clock
        self._travel: time_machine.Traveller | None = None
        self._destination: time_machine.Coordinates | None = None
        self.settings = {
            "TOKPORTAL_API_KEY": KEY,
            "TOKPORTAL_BASE_URL": url,
            "REVIEWBOT_POLICY": STARTER,
            "REVIEWBOT_LEDGER": f"sqlite:///{folder / 'log.db'}",
            "REVIEWBOT_PERSON": "pat",
            "REVIEWBOT_NAME": "here",
            "XDG_STATE_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "HOME": str(folder),
            "COLUMNS": "100",
            "NO_COLOR": "1",
        }

    def wait(self, **length: float) -> None:
        """Let so much time pass for the world and the bot."""
        moment = self._clock.now() + timedelta(**length)
        self._clock.advance_to(moment)
        assert self._destination is not None
        self._destination.move_to(moment)

    def call(self, *words: str) -> Printed:
        """Call a command; give what it printed, with what is volatile replaced."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        kept = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.settings, PATH=kept.get("PATH", ""), LANG="C.UTF-8")
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = main(list(words))
        finally:
            os.environ.clear()
            os.environ.update(kept)
        named = tuple(self.settled(word) for word in words)
        return Printed(named, code, self.settled(_written(out)), self.settled(_written(err)))

    def settled(self, text: str) -> str:
        """A text without what differs from run to run."""
        text = text.replace(str(self.folder), "FOLDER")
        text = text.replace(str(HERE), "ROOT").replace(str(ROOT), "ROOT")
        for pattern, name in VOLATILE:
            text = pattern.sub(name, text)
        return text


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode()


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """A desk with a queue of comments and accounts, at the hour at which all begins."""
    clock = VirtualClock(BEGIN)
    world = scenarios.build(
        "default", now=BEGIN, clock=clock, seed=7, choices=Choices(rate_limit=100_000)
    )
    with (
        Served(world) as served,
        time_machine.travel(BEGIN, tick=False) as destination,
    ):
        found = Desk(folder, world, clock, served.url)
        found._destination = destination
        yield found


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name, desk(Path(name)) as one:
        print(one.call(*sys.argv[1:]).text())
