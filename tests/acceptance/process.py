"""The bot as a process of its own against a simulator over HTTP, and what it says on stderr."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from reviewbot.simulator.world import World

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0


class SlowEffects(list[Any]):
    """The world's effects; each takes a while after it has happened and before it is answered."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.begun = seconds, threading.Event()

    def append(self, effect: Any) -> None:
        """Let it happen, and keep the caller waiting."""
        super().append(effect)
        self.begun.set()
        time.sleep(self.seconds)  # noqa: TID251  the caller is another process


def a_world(tasks: int = 3) -> World:
    """Some tasks that wait, in real time."""
    now = datetime.now(UTC)
    return scenarios.build("backlog", now=now, clock=PacedClock(now), tasks=tasks)


@dataclass
class Bot:
    """A running bot: its process, its folder, and its events as they come."""

    process: subprocess.Popen[str]
    folder: Path
    pid: int
    events: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)
    seen: list[dict[str, Any]] = field(default_factory=list)

    def wait_for(
        self, name: str, fits: Callable[[dict[str, Any]], bool] = lambda event: True
    ) -> dict[str, Any]:
        """The next event of this name that fits."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                event = self.events.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                names = [line.get("event") for line in self.seen]
                raise AssertionError(f"no {name!r} came; there were {names}") from None
            self.seen.append(event)
            if event.get("event") == name and fits(event):
                return event

    def send(self, number: signal.Signals) -> None:
        """Send the bot itself a signal, also where a helper started it."""
        os.kill(self.pid, number)

    def ended(self) -> int:
        """Wait for its end; give the exit code."""
        return self.process.wait(timeout=PATIENCE)

    def listen(self) -> None:
        """Read its events until it ends."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                self.events.put(json.loads(line))
            except ValueError:
                self.events.put({"event": "text", "line": line})


@contextmanager
def running(
    world: World,
    folder: Path,
    *words: str,
    before: tuple[str, ...] = (),
    child: bool = False,
    **env: str,
) -> Iterator[Bot]:
    """Start `reviewbot run` with these words; `before` is a command that starts it in its turn."""
    with Served(world) as served:
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "reviewbot", "run", *words],
            env=environment(served.url, folder) | env,
            stderr=subprocess.PIPE,
            text=True,
        )
        bot = Bot(process, folder, process.pid)
        reader = threading.Thread(target=bot.listen, daemon=True)
        reader.start()
        try:
            if child:
                bot.wait_for("started")
                bot.pid = _child_of(process.pid)
            yield bot
        finally:
            process.kill()
            process.wait()
            reader.join(timeout=5)
            assert process.stderr is not None
            process.stderr.close()


def environment(url: str, folder: Path) -> dict[str, str]:
    """The settings of a bot that knows the simulator."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("REVIEWBOT_")}
    policy = folder / "policy.yaml"
    if not policy.exists():
        policy.write_text((ROOT / "reviewbot/cli/demo.yaml").read_text())
    return clean | {
        "PYTHONPATH": str(ROOT),
        "TOKPORTAL_API_KEY": "sk_test_process",
        "TOKPORTAL_BASE_URL": url,
        "REVIEWBOT_POLICY": str(policy),
        "REVIEWBOT_LEDGER": ledger_url(folder),
        "REVIEWBOT_EVERY": "1s",
    }


def ledger_url(folder: Path) -> str:
    """Its log."""
    return f"sqlite:///{folder / 'log.db'}"


def _child_of(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)
