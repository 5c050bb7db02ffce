"""The bot as a process: signals, process 1, clocks that are wrong, policies that are spoiled."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import Logged
from reviewbot.runtime.liveness import TOGETHER
from tests.acceptance.process import SlowEffects, a_world, ledger_url, running

FAKETIME = shutil.which("faketime")
needs_faketime = pytest.mark.skipif(
    FAKETIME is None, reason="faketime is not installed, so wrong clocks are NOT tested here"
)


def logged(folder: Path) -> list[Logged]:
    """What the log holds, which must be whole."""
    ledger = open_ledger(ledger_url(folder), read_only=True)
    try:
        assert ledger.verify().whole
        return list(ledger.decisions())
    finally:
        ledger.close()


@pytest.mark.slow
def test_sigterm_within_a_write_records_its_outcome(tmp_path: Path) -> None:
    """The answer is waited for and written down, nothing more is sent, and it exits with 0."""
    world = a_world(tasks=6)
    world.effects = slow = SlowEffects(1.0)
    with running(world, tmp_path, "--live") as bot:
        assert slow.begun.wait(20)
        bot.send(signal.SIGTERM)
        assert bot.ended() == 0

    ours = [effect for effect in slow if effect.by == "client"]
    assert len(ours) == 1
    assert [entry.state.value for entry in logged(tmp_path) if entry.intended_at] == ["performed"]
    assert (tmp_path / "log.db.checkpoints.jsonl").exists()


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once_and_the_next_start_finds_out(tmp_path: Path) -> None:
    """130 with the write still in flight; what became of it is read off the API, not repeated."""
    world = a_world(tasks=6)
    world.effects = slow = SlowEffects(4.0)
    with running(world, tmp_path, "--live") as bot:
        assert slow.begun.wait(20)
        bot.send(signal.SIGTERM)
        time.sleep(TOGETHER + 0.2)  # noqa: TID251  two at once are one
        bot.send(signal.SIGINT)
        assert bot.ended() == 130
    slow.seconds = 0.0

    with running(world, tmp_path, "--live", "--once") as bot:
        assert bot.ended() == 0

    ours = [effect.task_id for effect in slow if effect.by == "client"]
    assert len(ours) == len(set(ours)) > 1
    states = {
        entry.decision.task_id: entry.state.value for entry in logged(tmp_path) if entry.intended_at
    }
    assert states == {ours[0]: "settled"} | dict.fromkeys(ours[1:], "performed")


@pytest.mark.slow
def test_process_1_of_a_container_ends_in_order(tmp_path: Path) -> None:
    """The kernel ignores signals that process 1 does not handle; it handles them."""
    unshare = ("unshare", "--pid", "--fork")
    if (
        not shutil.which("unshare")
        or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no new pid namespace can be made here, so process 1 is NOT tested")
    with running(a_world(), tmp_path, before=unshare, child=True) as bot:
        bot.wait_for("pass")
        bot.send(signal.SIGTERM)
        assert bot.ended() == 0
        bot.wait_for("ended")


@pytest.mark.slow
def test_a_spoiled_policy_is_refused_and_picked_up_when_mended(tmp_path: Path) -> None:
    """Within one poll each, by the file alone; SIGHUP is answered too."""
    with running(a_world(), tmp_path) as bot:
        bot.wait_for("pass")
        policy = tmp_path / "policy.yaml"
        good = policy.read_text()
        policy.write_text(good[: len(good) // 2])
        refused = bot.wait_for("policy not reloaded")
        assert str(policy) in refused["error"]
        bot.wait_for("pass")

        policy.write_text(good + "\n# mended\n")
        bot.wait_for("policy reloaded")
        bot.send(signal.SIGHUP)
        bot.wait_for("policy reloaded")
        bot.send(signal.SIGTERM)
        assert bot.ended() == 0


@pytest.mark.slow
@needs_faketime
@pytest.mark.parametrize(("off", "sends"), [("+3d", False), ("-3d", False), ("-10m", True)])
def test_a_machine_with_a_wrong_clock(tmp_path: Path, off: str, sends: bool) -> None:
    """Too far off, it sends nothing and says so; a little off, it decides by the API's time."""
    assert FAKETIME is not None
    world = a_world()
    clock = (FAKETIME, "--exclude-monotonic", "-f", off)

    brake = {"REVIEWBOT_CLOCK_BRAKE": "30m"}
    with running(world, tmp_path, "--live", "--once", before=clock, **brake) as bot:
        told = bot.wait_for("alarm", lambda event: event["kind"] == "clock") if not sends else None
        assert bot.ended() == 0

    assert (told is None) is sends
    assert any(effect.by == "client" for effect in world.effects) is sends
    now = datetime.now(UTC)
    times = [entry.decision.decided_at for entry in logged(tmp_path)]
    assert times
    assert all(abs(time - now) < timedelta(minutes=1) for time in times)


@pytest.mark.slow
@needs_faketime
def test_a_clock_that_is_set_while_it_runs_moves_no_poll(tmp_path: Path) -> None:
    """Two hours back: the passes go on, nothing is sent; set right, it acts again by itself."""
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    clock = {
        "LD_PRELOAD": str(next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "REVIEWBOT_CLOCK_BRAKE": "30m",
    }
    with running(a_world(), tmp_path, **clock) as bot:
        bot.wait_for("pass")
        offset.write_text("-2h\n")
        bot.wait_for("alarm", lambda event: event["kind"] == "clock" and not event["mended"])
        bot.wait_for("pass")
        offset.write_text("+0\n")
        bot.wait_for("alarm", lambda event: event["kind"] == "clock" and event["mended"])
