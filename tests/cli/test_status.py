"""A bad situation on one screen: everything is there, nothing is longer than the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from reviewbot.alarms.outages import TOPIC as AWAY
from reviewbot.alarms.outages import Downtime
from reviewbot.domain.decision import Action, State, decision_id
from reviewbot.insights.heartbeat import Beat, Running
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import Ending
from reviewbot.runtime.policy_files import PolicyFile
from reviewbot.safety import pauses
from reviewbot.safety.impact import ChangeImpact, Matrix, Move, as_value
from tests.builders import an_item
from tests.ledger.things import a_decision

NOW = datetime.now(UTC)
POLICY = Path(__file__).resolve().parents[2] / "policies/starter.yaml"
WEIGHED = ChangeImpact(
    revision="7c1e09ab" * 8,
    before="55667788" * 8,
    since=NOW,
    past=Matrix(judged=9, moves=(Move(old="approve", new="dispute", count=3, micros=720_000),)),
)
BAD_NEWS = (
    "nothing is sent: this machine's clock",
    "the API does not answer",
    "approve is paused by lea",
    "the breaker of starter is open",
    "silence will pay 1 task (0.24 USD), first",
    "25 approvals an hour for starter",
    "reviewbot policy accept 77aa88bb",
    "3 approve → dispute (0.72 USD)",
    "starter.yaml:63",
    "it differs in: ",
    "not known to be done or not",
    "breaker 1 (",
    "FAILS: mail",
    "silence 3 (0.72 USD)",
    "1 task paid by silence, 0.24 USD",
    "1 question that nobody answered",
)


@pytest.fixture
def trouble(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A log and a heartbeat with everything that can be wrong at once."""
    path = tmp_path / "log.db"
    url = f"sqlite:///{path}"
    monkeypatch.setenv("REVIEWBOT_LEDGER", url)
    ledger = open_ledger(url)
    running = PolicyFile(str(POLICY)).load().policy
    ledger.remember_policy(running, NOW)
    fill(ledger, running.revision)
    ledger.close()
    changed = tmp_path / "changed.yaml"
    changed.write_text(POLICY.read_text().replace("less than 0.5", "less than 0.4"))
    beat = Beat(
        at=NOW,
        pid=1,
        mode="live",
        every=60.0,
        policies=(Running(name="starter", revision=running.revision, path=str(changed)),),
        brake="this machine's clock is 34 minutes behind the API's",
        error="the API does not answer: connect timed out after 5 s (3 calls in a row)",
        good_at=NOW - timedelta(minutes=40),
        waiting=230,
        undecided=167,
        first_deadline_at=NOW + timedelta(hours=3),
        remaining=17,
    )
    path.with_name("log.db.status.json").write_bytes(msgspec.json.encode(beat))
    return url


def fill(ledger, revision: str) -> None:
    """One word of each kind of trouble, a question, an unclear write, and a payment by silence."""
    pauses.pause(
        ledger,
        "approve",
        reason="the checker reads nothing since Friday",
        who="lea",
        until=None,
        now=NOW,
    )
    since = NOW.isoformat()
    for topic, subject, value in (
        ("breaker", "starter", {"open": True, "sign": "approvals", "what": "20 of 20 approve"}),
        (
            "probation",
            "starter",
            {"revision": revision, "since": since, "before": "x", "rules": ["a"], "over": False},
        ),
        ("accept", "77aa88bb99", {"accepted": False, "policy": "starter"}),
        ("weighed", "starter", as_value(WEIGHED)),
        ("running", "starter", {"problem": "starter.yaml:63: a text is missing\x1b[2J"}),
        ("channel", "mail", {"ok": False, "error": "refused the login (535)"}),
        ("alarm", "breaker", {"told": {"starter": {"at": since}}, "through": {}}),
    ):
        ledger.note(topic, subject, value, NOW)
    away = Downtime(
        since=NOW - timedelta(hours=9), until=NOW, silence=3, silence_micros=720_000, others=2
    )
    ledger.note(AWAY, "all", msgspec.to_builtins(away), NOW)
    items = [an_item(id=f"t{n}", manually_confirmed_at=NOW - timedelta(hours=n)) for n in range(3)]
    ledger.sight(items, NOW)
    for item in items:
        about = {
            "task_id": item.id,
            "epoch": item.epoch,
            "decided_at": NOW,
            "deadline_at": item.deadline_at,
            "policy": "starter",
            "revision": revision,
        }
        ledger.record(a_decision(Action.ESCALATE, **about), State.HELD)
    unclear = a_decision(Action.APPROVE, **about)
    ledger.intend(unclear)
    ledger.mark(unclear.id, State.UNKNOWN, NOW, note="no answer")
    assert unclear.id == decision_id("comments", "t2", items[2].epoch, Action.APPROVE)
    ledger.end(
        Ending(
            review="comments",
            task_id="t0",
            epoch=items[0].epoch,
            by="silence",
            status="finalized",
            at=NOW,
            amount_micros=240_000,
            note="nobody answered (escalated by a)",
        )
    )


@pytest.mark.parametrize(("columns", "screen"), [(80, 24), (120, 30), (200, 50)])
def test_all_of_it_fits_one_screen(
    call, trouble: str, monkeypatch: pytest.MonkeyPatch, columns: int, screen: int
) -> None:
    """No line is longer than the terminal, and there are fewer than it has."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(screen))

    ran = call("status", "--no-color")

    shown = ran.out.rstrip("\n").split("\n")
    assert ran.code == 0
    assert len(shown) < screen
    assert max(map(len, shown)) <= columns
    assert shown[0].startswith("not healthy: LIVE")


def test_every_piece_of_bad_news_is_there(
    call, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the terminal has room, or there is none, nothing is left out or cut."""
    monkeypatch.delenv("COLUMNS", raising=False)
    told = call("status", "--no-color").out
    assert [news for news in BAD_NEWS if news not in told] == []
    assert "\x1b" not in told


def test_a_script_gets_all_of_it(call, trouble: str) -> None:
    """The same as one object."""
    found = json.loads(call("status", "--format", "json").out)
    situation = found["situation"]
    assert found["healthy"] is False and len(situation["holds"]) == 2
    assert situation["books"]["paid"]["silence"] == {
        "tasks": 1,
        "micros": 240_000,
        "accounts": 0,
    }
    assert situation["unsettled"] == 1 and situation["questions"] == 1


def test_a_log_that_cannot_be_read_still_leaves_the_heartbeat(
    call, trouble: str, tmp_path: Path
) -> None:
    """What is known is shown, with why the rest is not."""
    (tmp_path / "log.db").write_bytes(b"this is no database" * 100)
    for name in ("log.db-wal", "log.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)

    ran = call("status")

    assert "THE LOG     cannot be read" in ran.out
    assert "230 tasks" in ran.out


def test_probe_is_a_health_check(call, trouble: str) -> None:
    """Exit code 1 where the last good pass is too long ago, and why on stderr."""
    ran = call("status", "--probe")
    assert ran.code == 1
    assert "not healthy" in ran.err and "does not answer" in ran.err
