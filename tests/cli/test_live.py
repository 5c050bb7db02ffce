"""The doors against a simulated TokPortal over HTTP: report, run, and all that reads the log after."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reviewbot.ledger.open import open_ledger
from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from tests.cli.schemas import assert_fits

TASKS = 9
POLICY = str(Path(__file__).resolve().parents[2] / "reviewbot/cli/demo.yaml")
KEY = "sk_test_c4n4ry_0123456789"


@pytest.fixture(scope="module")
def simulated() -> Iterator[Served]:
    """A world in which nine tasks wait and nothing else happens."""
    now = datetime.now(UTC)
    world = scenarios.build("backlog", now=now, clock=PacedClock(now), tasks=TASKS, seed=3)
    with Served(world) as served:
        yield served


@pytest.fixture
def settings(
    call: object, simulated: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The environment of a bot that knows the simulator; gives its ledger's URL."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    monkeypatch.setenv("TOKPORTAL_API_KEY", KEY)
    monkeypatch.setenv("TOKPORTAL_BASE_URL", simulated.url)
    monkeypatch.setenv("REVIEWBOT_POLICY", POLICY)
    monkeypatch.setenv("REVIEWBOT_LEDGER", url)
    return url


def writes(simulated: Served) -> int:
    """What has ever been changed over there by us."""
    return sum(effect.by == "client" for effect in simulated.world.effects)


def test_a_report_has_the_documented_form_and_changes_nothing(
    call, settings: str, simulated: Served, tmp_path: Path
) -> None:
    """Every waiting task is in it, nothing is sent, and no log comes into being."""
    ran = call("report", "--format", "json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert_fits("report", found)
    assert set(found) >= {
        *("schema", "generated_at", "policy", "revision", "writes", "summary", "decisions")
    }
    assert found["writes"] == 0
    assert len(found["decisions"]) == TASKS
    for decision in found["decisions"]:
        assert set(decision) >= {
            *("task", "round", "action", "rule", "reason", "until", "deadline_at"),
            *("cannot_tell", "later"),
        }
        assert decision["task"]["status"] == "manually_confirmed"
        assert all(set(later) >= {"at", "action", "rule"} for later in decision["later"])
    assert writes(simulated) == 0
    assert not (tmp_path / "log.db").exists()


def test_caps_that_will_bite_are_named_by_report_and_forecast(
    call, settings: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two approvals a day for nine tasks: both say the same of the other seven."""
    policy = tmp_path / "capped.yaml"
    policy.write_text(
        "policy: capped\nlanguage: 1\nrules:\n  - name: pay\n    always: yes\n    then: approve\n"
        "deadline:\n  decide by: 3h before deadline\n  if undecided: approve\n  because: In time.\n"
        "guardrails:\n  approvals: at most 2 per day\n  when over: hold\n  fallback exempt: no\n"
    )
    monkeypatch.setenv("REVIEWBOT_POLICY", str(policy))

    found = json.loads(call("report", "--format", "json").out)
    (cap,) = found["caps"]
    ahead = call("forecast")

    assert (cap["cap"], cap["held"]) == ("approvals: at most 2 per day", TASKS - 2)
    silent = len(cap["paid_by_silence"])
    assert found["summary"]["ends"].get("silence", 0) == silent
    assert f"{silent} of {TASKS} open tasks will be paid unread" in ahead.out
    assert ahead.code == (4 if silent else 0)
    assert f"approvals: at most 2 per day (capped) keeps back {TASKS - 2} tasks" in ahead.out


def test_a_report_in_text_names_every_task_and_its_end(call, settings: str) -> None:
    """A person sees what happens to each task, and that nothing was written."""
    ran = call("report")
    assert ran.code == 0, ran.err
    assert "0 of them writes" in ran.out
    assert "paid by silence" in ran.out


def test_a_dry_pass_a_live_pass_and_what_the_log_then_says(
    call, settings: str, simulated: Served, tmp_path: Path
) -> None:
    """A dry run sends nothing; the live pass sends what the dry run said; the log tells all of it."""
    dry = call("run", "--once")
    assert dry.code == 0, dry.err
    assert writes(simulated) == 0
    planned = lines(call("log", "show", "--format", "json").out)
    assert {line["outcome"] for line in planned} == {"dry-run"}

    live = call("run", "--once", "--live")
    assert live.code == 0, live.err
    shown = lines(call("log", "show", "--format", "json", "--all").out)
    done = [line for line in shown if line["outcome"] == "performed"]
    assert len(done) == writes(simulated) > 0
    assert {(line["task_id"], line["action"]) for line in done} <= {
        (line["task_id"], line["action"]) for line in planned
    }
    assert list(shown[0]) == [
        *("id", "seq", "key", "decided_at", "decided_by", "review", "task_id", "round"),
        *("epoch",),
        *("action", "rule"),
        *("reason", "policy", "revision", "mode", "deadline_at", "outcome", "settled_at"),
        *("trace", "facts"),
    ]
    assert [line["seq"] for line in shown] == sorted(line["seq"] for line in shown)
    assert KEY not in dry.err + live.err

    assert call("log", "verify").code == 0
    assert call("log", "show", "--task", done[0]["task_id"][:8]).code == 0
    explained = call("policy", "explain", done[0]["task_id"])
    assert explained.code == 0, explained.err
    assert f"{done[0]['action'].upper()} by rule" in explained.out
    assert call("policy", "explain", questions_of(shown)[0], "--now").code == 0
    assert call("status", "--probe").code == 0
    assert "healthy" in call("status").out
    assert json.loads(call("status", "--format", "json").out)["healthy"] is True

    questions = lines(call("queue", "list", "--format", "json").out)
    assert {question["task_id"] for question in questions} == set(questions_of(shown))
    for question in questions:
        ran = call("queue", "show", question["task_id"])
        assert ran.code == 0
        assert "if you do nothing: PAID" in ran.out


def test_a_log_that_was_changed_does_not_verify(call, settings: str, tmp_path: Path) -> None:
    """`log verify` exits 5 where a line was altered behind the bot's back."""
    assert call("run", "--once").code == 0
    with closing(sqlite3.connect(tmp_path / "log.db")) as db, db:
        db.execute("update entry set body = x'7b7d' where seq = (select max(seq) from entry)")
    assert call("log", "verify").code == 5


def test_doctor_warns_of_a_log_that_others_can_read(call, settings: str, tmp_path: Path) -> None:
    """And leaves it so, for somebody may have meant it; the cure names the files."""
    path = tmp_path / "open.db"
    open_ledger(f"sqlite:///{path}").close()
    path.chmod(0o644)
    ran = call("doctor", "--ledger", f"sqlite:///{path}")
    assert ran.code == 0
    assert f"chmod 600 {path}" in " ".join(ran.out.split())
    for file in tmp_path.glob("open.db*"):
        file.chmod(0o600)
    assert "others can read" not in call("doctor", "--ledger", f"sqlite:///{path}").out


def test_doctor_finds_everything_in_place(call, settings: str) -> None:
    """With a key, a policy and an API that answers, every line is ok."""
    ran = call("doctor")
    assert ran.code == 0, ran.out
    assert "fail" not in ran.out
    assert KEY not in ran.out


def test_a_refused_key_is_77(call, settings: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API's no to a key ends a pass, a report and the doctor with the same code."""
    monkeypatch.setenv("TOKPORTAL_API_KEY", "sk_revoked_revoked")
    assert call("run", "--once").code == 77
    assert call("report").code == 77
    assert call("doctor").code == 77


def test_an_api_out_of_reach_is_69(call, settings: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers, the doctor says so at once."""
    monkeypatch.setenv("TOKPORTAL_BASE_URL", "http://127.0.0.1:9/api/ext")
    assert call("doctor").code == 69


def test_a_bad_policy_is_3_before_anything_is_asked(
    call, settings: str, simulated: Served, tmp_path: Path
) -> None:
    """Neither a run nor a report begins with a policy that has errors."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("policy: bad\n")
    for command in ("run", "report"):
        ran = call(command, "--policy", bad)
        assert ran.code == 3
        assert f"{bad}:1:1" in ran.err


def lines(text: str) -> list[dict]:
    """Read JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def questions_of(shown: list[dict]) -> list[str]:
    """The tasks about which a person was asked."""
    return [line["task_id"] for line in shown if line["action"] == "escalate"]
