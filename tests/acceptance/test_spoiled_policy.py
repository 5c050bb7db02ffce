"""A broken policy saved over a good one, end to end: the process, its status, and who is told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reviewbot.runtime.policy_files import PolicyFile
from tests.acceptance.process import PATIENCE, a_world, environment, running
from tests.channels.servers import WebServer, web_server


@pytest.mark.slow
def test_a_broken_policy_is_refused_shown_alarmed_and_picked_up_when_mended(tmp_path: Path) -> None:
    """The old one keeps judging; status and a webhook say why, with its place; then all is well.

    All that within a pass over a backlog that takes minutes.
    """
    env = environment("http://127.0.0.1:9/api/ext", tmp_path)
    policy = Path(env["REVIEWBOT_POLICY"])
    good = policy.read_text()
    with web_server() as people:
        config = tmp_path / "reviewbot.toml"
        config.write_text(f'[channels.ops]\ntype = "webhook"\nurl = "{people.url()}"\n')
        with running(a_world(tasks=250), tmp_path, "--live", "--config", str(config)) as bot:
            bot.wait_for("pass", lambda event: event["left"] > 100)
            good_revision = revision(policy)

            policy.write_text(good.replace("  if undecided:", "  if undecied:"))
            bot.wait_for("policy not reloaded")
            (refused,) = told(people, lambda alarm: not alarm["mended"])
            assert "undecied" in refused["sentence"]
            assert f"{policy}:{line_of(policy, 'undecied')}" in refused["sentence"]
            shown = status(env)
            assert f"{good_revision} runs" in shown
            assert "not used" in shown
            assert f"policy.yaml:{line_of(policy, 'undecied')}" in shown

            policy.write_text(good + "\n# mended\n")
            bot.wait_for("policy reloaded")
            (mended,) = told(people, lambda alarm: alarm["mended"])
            bot.wait_for("pass", lambda event: event["left"] > 100)
            assert "are used" in mended["sentence"]
            shown = status(env)
            assert "not used" not in shown
            assert revision(policy) in shown
            assert "not reviewed yet" in shown

            bot.send(signal.SIGTERM)
            assert bot.process.wait(timeout=10) == 0


def told(people: WebServer, fits: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """The alarms on a reload that have come, waited for."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = [
            alarm
            for got in list(people.got)
            for alarm in json.loads(got.body)["alarms"]
            if alarm["kind"] == "reload" and fits(alarm)
        ]
        if found:
            return found
        time.sleep(0.05)  # noqa: TID251  the alarm comes from another process
    raise AssertionError("nobody was told")


def line_of(path: Path, word: str) -> int:
    """In which line a word stands."""
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if word in line)


def revision(policy: Path) -> str:
    """The short name of what a policy file says."""
    parsed = PolicyFile(str(policy)).load().policy
    assert parsed is not None
    return parsed.revision[:8]


def status(env: dict[str, str]) -> str:
    """What `reviewbot status` shows, in one line."""
    ran = subprocess.run(
        [sys.executable, "-m", "reviewbot", "status"],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return " ".join(ran.stdout.split())
