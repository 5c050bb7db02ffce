"""Several keys at the doors: one pass of each, lists that name them, and words about one or all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from reviewbot.simulator.world import World
from tests.cli.conftest import Call

POLICY = """policy: ask
language: 1
rules:
  - name: ask
    always: yes
    then: escalate
deadline:
  decide by: 3h before deadline
  if undecided: escalate
  because: Nobody looked.
"""


@pytest.fixture
def two(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two keys with two tasks each; nothing has run yet. Gives the folder of the settings."""
    now = datetime.now(UTC)
    clock = PacedClock(now)

    def a_world(name: str) -> World:
        return scenarios.build("backlog", tasks=2, seed=len(name), now=now, clock=clock)

    with Served(a_world(""), worlds=a_world) as served:
        (tmp_path / "ask.yaml").write_text(POLICY)
        lines = [f'ledger = "sqlite:///{tmp_path}/log.db"', f'policy = "{tmp_path}/ask.yaml"']
        for name, key in (("acme", "sk_acme_0123456789"), ("orbit", "sk_orbit_0123456789")):
            (tmp_path / name).write_text(key)
            (tmp_path / name).chmod(0o600)
            lines += [f"[keys.{name}]", f'api_key_file = "{tmp_path}/{name}"', 'owner = "Ana"']
        (tmp_path / "reviewbot.toml").write_text("\n".join(lines))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("TOKPORTAL_BASE_URL", served.url)
        monkeypatch.setenv("REVIEWBOT_PERSON", "pat")
        yield tmp_path


def lines(text: str) -> list[dict[str, Any]]:
    """JSON lines, read."""
    return [json.loads(line) for line in text.splitlines()]


def test_one_pass_of_each_and_lists_that_name_the_key(call: Call, two: Path) -> None:
    """The queue, the log and its chain, the status and the forecast, of all keys and of one."""
    assert call("run", "--once", "--live").code == 0

    asked = lines(call("queue", "list", "--format", "json").out)
    assert [line["key"] for line in asked].count("orbit") == 2
    assert len(asked) == 4
    assert [line["deadline_at"] for line in asked] == sorted(line["deadline_at"] for line in asked)
    assert len(lines(call("queue", "list", "--format", "json", "--key", "acme").out)) == 2
    assert "acme  " in call("queue", "list").out

    logged = lines(call("log", "show", "--format", "json", "--all").out)
    assert {line["key"] for line in logged} == {"acme", "orbit"}
    verified = call("log", "verify")
    assert (verified.code, verified.out.count("whole")) == (0, 2)

    exported = lines(call("log", "export").out)
    assert [line["key"] for line in exported] == ["acme", "acme", "orbit", "orbit"]
    assert call("log", "replay").code == 0

    status = json.loads(call("status", "--format", "json").out)
    assert [key["key"] for key in status["keys"]] == ["acme", "orbit"]
    assert [key["heartbeat"]["undecided"] for key in status["keys"]] == [2, 2]
    shown = call("status").out
    assert "owner" in shown
    assert shown.count("Ana") == 2

    forecast = json.loads(call("forecast", "--format", "json").out)
    assert [key["key"] for key in forecast["keys"]] == ["acme", "orbit"]
    report = json.loads(call("report", "--format", "json").out)
    assert [(key["key"], len(key["decisions"])) for key in report["keys"]] == [
        ("acme", 2),
        ("orbit", 2),
    ]


def test_a_word_about_one_task_needs_the_key(call: Call, two: Path) -> None:
    """Which there are is said, and nothing is guessed."""
    call("run", "--once")
    (task, *_) = [line["task_id"] for line in lines(call("queue", "list", "--format", "json", "--key", "orbit").out)]  # fmt: skip

    unclear = call("queue", "show", task)
    shown = call("queue", "show", task, "--key", "orbit")

    assert unclear.code == 2
    assert "acme, orbit" in unclear.err
    assert shown.code == 0
    assert f"reviewbot queue approve {task[:8]} --key orbit --live" in shown.out


def test_a_pause_is_of_all_keys_or_of_one(call: Call, two: Path) -> None:
    """And ends as it began."""
    call("run", "--once")
    call("pause", "--reason", "a look", "--key", "acme")

    paused = {key["key"]: bool(key["why"]) for key in json.loads(call("status", "--format", "json").out)["keys"]}  # fmt: skip
    assert paused == {"acme": True, "orbit": False}
    assert call("resume", "--reason", "seen").out.count("Ended: ") == 1


def test_the_probe_leaves_out_a_key_that_is_refused(call: Call, two: Path) -> None:
    """Its alarm tells of it; asked for by name it is not healthy."""
    (two / "orbit").write_text("sk_orbit_revoked_01")
    ran = call("run", "--once")

    assert ran.code == 77
    assert "orbit: " in ran.err
    assert call("status", "--probe").code == 0
    assert call("status", "--probe", "--key", "orbit").code == 1


def test_settings_name_the_keys_and_never_show_them(call: Call, two: Path) -> None:
    """`config` and the doctor."""
    for ran in (call("config"), call("doctor")):
        assert "acme" in ran.out
        assert "orbit" in ran.out
        assert "0123456789" not in ran.out + ran.err
