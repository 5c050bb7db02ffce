"""How the bot stands, in one word: the same for the screen, for a script, for the probe, beside tasks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reviewbot.insights.heartbeat import Beat, Running
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import Ledger
from reviewbot.presentation.format import ago
from reviewbot.runtime.bot_health import health_of
from reviewbot.safety import pauses

NOW = datetime.now(UTC)
BEAT = Beat(
    at=NOW,
    pid=1,
    mode="live",
    every=60.0,
    good_at=NOW,
    policies=(Running(name="starter", revision="a" * 64, path="starter.yaml"),),
)
Trouble = Callable[[Ledger], object]


def paused(*words: str) -> Trouble:
    """A person paused these."""

    def tell(ledger: Ledger) -> None:
        for word in words:
            pauses.pause(ledger, word, reason="why", who="ana", until=None, now=NOW)

    return tell


def noted(topic: str, subject: str, **value: Any) -> Trouble:
    """A word of the log."""
    return lambda ledger: ledger.note(topic, subject, value, NOW)


def nothing(_: Ledger) -> None:
    """All is well."""


@pytest.mark.parametrize(
    ("trouble", "beat", "word", "says"),
    [
        (nothing, {}, "healthy", ""),
        (paused("all"), {}, "not healthy", "nothing is sent: everything is paused by ana"),
        (paused("approve", "dispute"), {}, "not healthy", "nothing is sent: approve is paused"),
        (paused("approve"), {}, "partly healthy", "approve is paused by ana"),
        (noted("breaker", "all", open=True, what="x"), {}, "not healthy", "the breaker is open"),
        (noted("breaker", "starter", open=True, what="x"), {}, "not healthy", "nothing is sent"),
        (noted("breaker", "other", open=True, what="x"), {}, "partly healthy", "of other is open"),
        (nothing, {"brake": "the log went back"}, "not healthy", "nothing is sent: the log went"),
        (nothing, {"key_refused": True}, "not healthy", "the API refuses our key"),
        (noted("running", "starter", problem="line 3: no"), {}, "not healthy", "line 3: no"),
        (noted("accept", "77aa", accepted=False, policy="starter"), {}, "not healthy", "starter"),
        (nothing, {"good_at": None}, "not healthy", "no pass has ever gone through"),
        (nothing, {"good_at": NOW - timedelta(hours=2)}, "not healthy", "2 h ago"),
        (nothing, {"good_at": NOW + timedelta(hours=18)}, "not healthy", "yet to come"),
        (nothing, {"good_at": NOW + timedelta(seconds=2)}, "healthy", ""),
    ],
)  # fmt: skip
def test_the_word_says_whether_the_bot_does_what_it_is_there_for(
    trouble: Trouble, beat: dict[str, Any], word: str, says: str
) -> None:
    """A bot of which nothing is sent, or that goes by other rules than those on disk, is not well."""
    ledger = open_ledger("memory:")
    trouble(ledger)

    health = health_of(msgspec.structs.replace(BEAT, **beat), ledger, NOW)

    assert health.word == word
    assert says in " · ".join(health.why)
    assert bool(health.why) is bool(says)
    assert health.ok is (word in ("healthy", "partly healthy"))


def test_a_file_and_a_log_that_cannot_be_read_count_as_well() -> None:
    """Whoever put the file PAUSE there wanted a stop, and without the log nothing is sent."""
    assert health_of(BEAT, open_ledger("memory:"), NOW, file="").word == "not healthy"
    assert health_of(BEAT, None, NOW, problem="locked").word == "not healthy"
    assert health_of(None, open_ledger("memory:"), NOW).word == "not running"


@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_nothing_was_less_than_no_time_ago(far: timedelta) -> None:
    """Whichever clock is wrong, and by how much."""
    assert "-" not in ago(NOW + far, NOW)


@pytest.fixture
def a_bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A log whose bot has just made a pass, and which a person has paused."""
    url = f"sqlite:///{tmp_path}/log.db"
    monkeypatch.setenv("REVIEWBOT_LEDGER", url)
    ledger = open_ledger(url)
    paused("all")(ledger)
    ledger.close()
    now = datetime.now(UTC)  # commands go by the real clock, and a run of all tests may take long
    beat = replace(BEAT, at=now, good_at=now)
    (tmp_path / "log.db.status.json").write_bytes(msgspec.json.encode(beat))
    return url


def test_the_screen_the_script_and_the_probe_agree(call, a_bot: str) -> None:
    """The first word, the field and the exit code."""
    assert call("status").out.startswith("not healthy: LIVE")
    known = json.loads(call("status", "--format", "json").out)
    assert (known["healthy"], known["health"]) == (False, "not healthy")
    assert "paused by ana" in known["why"][0]
    probe = call("status", "--probe")
    assert probe.code == 1
    assert "everything is paused by ana" in probe.err


@pytest.mark.parametrize(
    "words", [("queue", "list"), ("forecast",), ("report", "--since", "1d")], ids=" ".join
)
def test_one_line_of_it_stands_beside_tasks(call, a_bot: str, words: tuple[str, ...]) -> None:
    """For a person, on stderr; a script is not disturbed."""
    told = [line for line in call(*words).err.splitlines() if line.startswith("not healthy: ")]
    assert len(told) == 1
    assert "nothing is sent: everything is paused by ana" in told[0]

    assert "not healthy" not in call(*words, "--format", "json").err
