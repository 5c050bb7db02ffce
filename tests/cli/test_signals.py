"""The running bot as a process: it ends in order when told to, and a second one is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A live daemon on a world of three tasks, with the first pass behind it."""
    now = datetime.now(UTC)
    world = scenarios.build("backlog", now=now, clock=PacedClock(now), tasks=3)
    with Served(world) as served:
        process = subprocess.Popen(
            command("--live"),
            env=environment(served.url, tmp_path),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if json.loads(line)["event"] == "pass":
                break
        yield process
        process.kill()
        process.communicate()


def command(*words: str) -> list[str]:
    """`reviewbot run` as a process."""
    return [sys.executable, "-m", "reviewbot", "run", *words]


def environment(url: str, folder: Path) -> dict[str, str]:
    """The settings of a bot that knows the simulator."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("REVIEWBOT_")}
    return clean | {
        "PYTHONPATH": str(ROOT),
        "TOKPORTAL_API_KEY": "sk_test_signals",
        "TOKPORTAL_BASE_URL": url,
        "REVIEWBOT_POLICY": str(ROOT / "reviewbot/cli/demo.yaml"),
        "REVIEWBOT_LEDGER": f"sqlite:///{folder / 'log.db'}",
    }


def test_a_second_bot_is_refused_and_the_first_ends_in_order(
    bot: subprocess.Popen[str], tmp_path: Path
) -> None:
    """75 while the first one runs; then SIGTERM ends that with 0, and its last word says so."""
    settings = environment("http://127.0.0.1:9/api/ext", tmp_path)
    second = subprocess.run(command("--once"), env=settings, capture_output=True, check=False)
    assert second.returncode == 75
    bot.send_signal(signal.SIGTERM)
    _, rest = bot.communicate(timeout=20)
    assert bot.returncode == 0
    assert json.loads(rest.splitlines()[-1])["event"] == "ended"
