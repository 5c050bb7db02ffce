"""What the screens of the desk and the operator say will become of a task, for one bot and one log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from reviewbot.insights.heartbeat import beat_path, read_beat
from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from tests.cli.conftest import Call

ASKED = """\
policy: desk
language: 1
rules:
  - name: a person looks
    always: yes
    then: escalate
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay when we cannot show what is wrong.
"""
CAPPED = """\
policy: desk
language: 1
rules:
  - name: pay
    always: yes
    then: approve
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay.
guardrails:
  money approved: at most 0.30 USD per day
  when over: escalate
  fallback exempt: no
"""
TASKS = 6


@pytest.fixture
def simulated() -> Iterator[Served]:
    """A world in which a few tasks wait and nothing else happens."""
    now = datetime.now(UTC)
    world = scenarios.build("backlog", now=now, clock=PacedClock(now), tasks=TASKS, seed=4)
    with Served(world) as served:
        yield served


@pytest.fixture
def ran(
    call: Call, simulated: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[object]:
    """Make one live pass by a policy."""

    def make(policy: str) -> Path:
        path = tmp_path / "desk.yaml"
        path.write_text(policy)
        monkeypatch.setenv("TOKPORTAL_API_KEY", "sk_test_desk")
        monkeypatch.setenv("TOKPORTAL_BASE_URL", simulated.url)
        monkeypatch.setenv("REVIEWBOT_POLICY", str(path))
        monkeypatch.setenv("REVIEWBOT_LEDGER", f"sqlite:///{tmp_path / 'log.db'}")
        monkeypatch.setenv("REVIEWBOT_PERSON", "ana")
        assert call("run", "--once", "--live").code == 0
        return tmp_path / "log.db"

    yield make


def queue(call: Call) -> dict[str, str]:
    """How each question ends, by `queue list`."""
    out = call("queue", "list", "--format", "json").out
    return {line["task_id"]: line["otherwise"] for line in map(json.loads, out.splitlines())}


def report(call: Call, *words: str) -> dict[str, str]:
    """How each task ends, by `report`."""
    found = json.loads(call("report", "--format", "json", *words).out)
    return {decision["task"]["id"]: decision["end"] for decision in found["decisions"]}


def unread(call: Call, *words: str) -> dict[str, str]:
    """By what each task is paid unread, by `forecast`."""
    found = json.loads(call("forecast", "--format", "json", *words).out)
    return {task["task_id"]: task["by"] for task in found["unread"]}


def test_a_pause_of_everything_stops_the_fallback_and_people_too(call: Call, ran) -> None:
    """Every screen says silence, and forecast no longer 0 of all."""
    ran(ASKED)
    assert set(queue(call).values()) == {"fallback"}

    said = call("pause", "--reason", "a test").out

    assert f"{TASKS} tasks" in said and "will be paid by silence" in said
    assert set(queue(call).values()) == set(report(call).values()) == {"silence"}
    assert set(unread(call).values()) == set(unread(call, "--fresh").values()) == {"silence"}
    assert "everything is paused by ana" in call("report").out
    status = json.loads(call("status", "--format", "json").out)["situation"]
    assert len(status["at_stake"]["tasks"]) == TASKS
    assert status["next_question"]["end"] == "silence"


def test_a_pause_of_disputes_leaves_what_the_fallback_pays(call: Call, ran) -> None:
    """Nothing goes to silence because of it."""
    ran(ASKED)

    said = call("pause", "dispute", "--reason", "wording").out

    assert "No open task is paid by silence because of it" in said
    assert set(queue(call).values()) == set(report(call).values()) == {"fallback"}


def test_a_report_of_a_moment_after_every_deadline_says_they_are_over(call: Call, ran) -> None:
    """Silence has paid them; nothing is to be decided then."""
    ran(ASKED)

    found = json.loads(call("report", "--format", "json", "--at", "2099-01-01T00:00:00Z").out)

    assert {decision["end"] for decision in found["decisions"]} == {"silence"}
    assert all(decision["end_at"] == decision["deadline_at"] for decision in found["decisions"])
    assert (found["summary"]["now"], found["summary"]["people_needed"]) == ({}, 0)


def test_all_screens_agree_on_a_full_limit(call: Call, ran) -> None:
    """The fallback is under the same limit, so most of it goes to silence, everywhere alike."""
    ran(CAPPED)

    by_queue, by_report = queue(call), report(call)

    assert by_queue and by_queue.items() <= by_report.items()
    assert "silence" in by_queue.values()
    silent = {task for task, end in by_report.items() if end == "silence"}
    assert {task for task, by in unread(call).items() if by == "silence"} == silent
    assert {task for task, by in unread(call, "--fresh").items() if by == "silence"} == silent


def test_a_bot_that_has_stopped_promises_nothing(call: Call, ran) -> None:
    """Its fallback will not come: silence, and why."""
    log = ran(ASKED)
    path = beat_path(f"sqlite:///{log}", log.parent)
    beat = read_beat(path)
    assert beat is not None
    old = msgspec.structs.replace(beat, at=beat.at - timedelta(minutes=25))
    path.write_bytes(msgspec.json.encode(old))

    assert set(queue(call).values()) == set(report(call).values()) == {"silence"}
    assert "no bot runs: its last pass ended 25 m ago" in call("queue", "list").out
    assert len(unread(call)) == TASKS


def test_explain_tells_of_the_limit_that_made_it_a_question(call: Call, ran) -> None:
    """What the rule says, what kept it back, what was decided in its place, and what becomes of it."""
    ran(CAPPED)
    task = next(iter(queue(call)))

    told = call("policy", "explain", task)
    known = json.loads(call("policy", "explain", task, "--format", "json").out)

    assert 'ESCALATE in place of APPROVE by rule 1 "pay"' in told.out
    assert "kept back: the cap is reached: money approved: at most 0.30 USD per day" in told.out
    assert "if nobody steps in: " in told.out
    assert known["instead"] == "escalate" and known["end"] == queue(call)[task]


def test_a_forecast_beside_a_bot_asks_the_api_nothing(
    call: Call, ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log holds the last listing and the evidence, so it is there although the API is not."""
    ran(ASKED)
    monkeypatch.setenv("TOKPORTAL_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("reviewbot.tokportal.rate_limit.FIRST_WAIT", 0.01)

    assert set(unread(call).values()) == {"fallback"}
    assert call("forecast", "--fresh").code == 69
