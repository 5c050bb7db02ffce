"""`reviewbot notify test`: which channel works and which does not, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

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
