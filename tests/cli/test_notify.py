"""`reviewbot notify test`: which channel works and which does not, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reviewbot.ledger.open import open_ledger
from tests.builders import CONFIRMED
from tests.channels.servers import WebServer, web_server


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A receiver."""
    with web_server() as server:
        yield server


@pytest.fixture
def toml(tmp_path: Path, web: WebServer) -> str:
    """Two channels: one works, one has nobody at its other end."""
    path = tmp_path / "reviewbot.toml"
    path.write_text(
        f'[channels.ops]\ntype = "slack"\nurl = "{web.url("/T0SECRET")}"\nmin_level = "error"\n'
        '[channels.dead]\ntype = "webhook"\nurl = "http://127.0.0.1:1/T0SECRET"\n'
    )
    return str(path)


def test_each_channel_is_tried_and_named(call, toml: str, web: WebServer) -> None:
    """A line each on stdout, and exit code 4 because one failed; no address anywhere."""
    ran = call("notify", "test", "--config", toml)

    assert ran.code == 4
    assert [line.split()[:2] for line in ran.out.splitlines()] == [
        ["ok", "ops"],
        ["failed", "dead:"],
    ]
    assert "nothing listens there" in ran.out
    assert "T0SECRET" not in ran.out + ran.err
    assert "Nothing is wrong" in json.loads(web.got[0].body)["text"]


def test_one_channel_by_its_name(call, toml: str, web: WebServer) -> None:
    """Exit code 0; a drill looks like an alarm and says that it is none."""
    ran = call("notify", "test", "--channel", "ops", "--drill", "--config", toml)

    assert (ran.code, ran.err) == (0, "")
    text = json.loads(web.got[0].body)["text"]
    assert text.startswith("*ALARM: DRILL, nothing is wrong: 3 tasks expire undecided")
    assert text.count("\n") == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [(("--channel", "opps"), "did you mean  ops"), (("--channel", "x"), "there are ops, dead")],
)
def test_an_unknown_channel_is_met_with_the_known_ones(
    call, toml: str, words: tuple[str, ...], says: str
) -> None:
    """Wrong usage, and nothing is sent."""
    ran = call("notify", "test", *words, "--config", toml)

    assert ran.code == 2
    assert says in ran.err


def test_without_a_channel_it_says_how_to_make_one(call, tmp_path: Path) -> None:
    """Wrong usage."""
    path = tmp_path / "reviewbot.toml"
    path.write_text("")
    ran = call("notify", "test", "--config", str(path))

    assert ran.code == 2
    assert "[channels.NAME]" in ran.err


def test_a_simulator_with_an_unknown_fault_is_wrong_usage(call) -> None:
    """With the faults there are."""
    ran = call("simulator", "--port", "0", "--faults", "430:0.1")

    assert ran.code == 2
    assert "no fault '430'; there are 429" in ran.err


# Be told less ------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path: Path) -> str:
    """A log in which one alarm stands."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    with closing(open_ledger(url)) as opened:
        told = {"told": {"starter 7": {"at": "2026-06-02T12:00:00Z"}}, "through": {}}
        opened.note("alarm", "breaker", told, CONFIRMED)
    return url


def test_a_kind_is_silenced_listed_and_lifted(call, log: str) -> None:
    """With who, why and until when; what is told all the same is said."""
    said = call(
        "notify",
        "silence",
        "cap",
        "--until",
        "2d",
        "--reason",
        "large",
        "--as",
        "ana",
        "--ledger",
        log,
    )
    assert said.code == 0
    assert said.out.startswith("cap is silenced by ana until ")
    assert "Told all the same: what silence has paid" in said.out
    (line,) = call("notify", "list", "--format", "json", "--ledger", log).out.splitlines()
    assert {"kind": "cap", "by": "silence", "who": "ana", "reason": "large"}.items() <= json.loads(
        line
    ).items()
    assert "muted" in call("status", "--ledger", log).out

    lifted = call("notify", "lift", "cap", "--reason", "over", "--as", "ben", "--ledger", log)

    assert lifted.out.startswith("Lifted: cap is silenced by ana")
    assert call("notify", "list", "--ledger", log).out == "Nothing is acknowledged or silenced.\n"
    assert call("log", "verify", "--ledger", log).code == 0


def test_an_alarm_that_stands_is_acknowledged_by_what_it_is_about(call, log: str) -> None:
    """How that begins will do; what there is to acknowledge is listed."""
    assert "breaker stands: starter 7" in call("notify", "list", "--standing", "--ledger", log).out

    said = call(
        "notify", "ack", "breaker", "start", "--reason", "seen", "--as", "ana", "--ledger", log
    )

    assert said.out.startswith("breaker starter 7 is acknowledged by ana until ")


def test_every_key_that_is_not_chosen_from_is_meant(call, tmp_path: Path) -> None:
    """Each in its own part of the log, and named."""
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("acme", "orbit"):
        (keys / name).write_text(f"sk_test_{name}")
        (keys / name).chmod(0o600)
    toml = tmp_path / "reviewbot.toml"
    toml.write_text(f'keys_dir = "{keys}"\nledger = "sqlite:///{tmp_path / "log.db"}"\n')
    with closing(open_ledger(f"sqlite:///{tmp_path / 'log.db'}")):
        pass
    words = ("--until", "2d", "--reason", "large", "--as", "ana", "--config", str(toml))

    both = call("notify", "silence", "cap", *words)
    one = call("notify", "silence", "list", "--key", "orbit", *words)

    assert [line.split()[:4] for line in both.out.splitlines()[:2]] == [
        ["acme:", "cap", "is", "silenced"],
        ["orbit:", "cap", "is", "silenced"],
    ]
    assert one.out.startswith("orbit: list is silenced")
    listed = call("notify", "list", "--format", "json", "--config", str(toml)).out.splitlines()
    found = sorted((line["key"], line["kind"]) for line in map(json.loads, listed))
    assert found == [("acme", "cap"), ("orbit", "cap"), ("orbit", "list")]
    lifted = call("notify", "lift", "list", "--reason", "x", "--as", "ana", "--config", str(toml))
    assert lifted.out.startswith("Lifted: orbit: list")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("silence", "silence", "--until", "2h", "--reason", "x"), "told whatever is silenced"),
        (("silence", "cap", "--reason", "x"), "--until"),
        (("silence", "cap", "--until", "2h"), "--reason"),
        (("silence", "cap", "--until", "2001-01-01T00:00:00Z", "--reason", "x"), "is over already"),
        (("silence", "caps", "--until", "2h", "--reason", "x"), "'caps'"),
        (("ack", "clock", "--reason", "x"), "no alarm of the kind clock stands"),
        (("ack", "breaker", "other", "--reason", "x"), "no breaker stands that begins so"),
        (("lift", "cap", "--reason", "x"), "no such silence stands"),
    ],
)
def test_what_cannot_be_silenced_is_wrong_usage(
    call, log: str, words: tuple[str, ...], says: str
) -> None:
    """And nothing is written."""
    ran = call("notify", *words, "--ledger", log)

    assert ran.code == 2
    assert says in ran.err
    assert call("notify", "list", "--format", "json", "--ledger", log).out == ""
