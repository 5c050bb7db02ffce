"""Webhook, Slack and ping against a real HTTP server: what arrives, and how failures are said."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from reviewbot.channels import http
from reviewbot.channels.config import Ping
from reviewbot.channels.slack import Slack
from reviewbot.channels.webhook import MOST_ALARMS, MOST_BYTES, Webhook, as_json
from reviewbot.domain.errors import ChannelFailed
from reviewbot.domain.text import Secret
from tests.channels.messages import a_message, an_alarm
from tests.channels.servers import web_server

PATH = "/services/T0SECRET"


def now() -> float:
    """A moment."""
    return 1_800_000_000.0


def test_a_signed_webhook_arrives_whole() -> None:
    """The receiver can check who sent it and when, over the very bytes it got."""
    with web_server() as server:
        Webhook(name="w", url=Secret(server.url()), now=now, secret=Secret("k3y")).deliver(
            a_message()
        )

    (got,) = server.got
    stamp = got.headers["x-reviewbot-timestamp"]
    expected = hmac.new(b"k3y", stamp.encode() + b"." + got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-reviewbot-signature"] == f"sha256={expected}"
    said = json.loads(got.body)
    assert (said["schema"], said["kind"], said["count"]) == ("reviewbot.alarm/1", "undecided", 1)
    assert said["alarms"][0]["sentence"] == "Task 3b0e7c52 (0.24 USD) is undecided"


def test_whose_key_it_is_about_is_said() -> None:
    """In the headline that every channel shows, and as fields; with one key there is only its field."""
    said = json.loads(as_json(a_message(key="acme", owner="Ana")))
    assert (said["key"], said["owner"]) == ("acme", "Ana")
    assert said["headline"].startswith("ALARM for acme (Ana): ")

    alone = json.loads(as_json(a_message()))
    assert (alone["key"], alone["owner"]) == ("default", None)
    assert alone["headline"].startswith("ALARM: ")


def test_a_webhook_without_a_secret_is_not_signed() -> None:
    """There is no header that only looks like a signature."""
    with web_server() as server:
        Webhook(name="w", url=Secret(server.url()), now=now).deliver(a_message())

    assert "x-reviewbot-signature" not in server.got[0].headers


def test_very_many_alarms_stay_within_a_bound() -> None:
    """A receiver gets the first of them and the count of all."""
    body = as_json(a_message(*[an_alarm(sentence="x" * 1500)] * 5000))

    assert len(body) <= MOST_BYTES
    said = json.loads(body)
    assert (said["count"], 0 < len(said["alarms"]) <= MOST_ALARMS) == (5000, True)


def test_slack_gets_a_text() -> None:
    """The headline stands out, each alarm of a digest is a line."""
    with web_server() as server:
        alarms = (an_alarm(sentence="one <b>"), an_alarm(sentence="two"))
        Slack(name="s", url=Secret(server.url())).deliver(
            a_message(*alarms, headline="2 tasks expire")
        )

    assert json.loads(server.got[0].body)["text"] == (
        "*ALARM: 2 tasks expire*\n• one &lt;b&gt;\n• two"
    )


def test_a_ping_is_one_request() -> None:
    """By GET, without a body."""
    with web_server() as server:
        Ping(name="deadman", url=Secret(server.url("/ping/4f1c"))).send()

    (got,) = server.got
    assert (got.method, got.path, got.body) == ("GET", "/ping/4f1c", b"")


@pytest.mark.parametrize(
    ("answer", "says", "passing"),
    [
        ((404, {}, b"no_service"), "HTTP 404: no_service", False),
        ((500, {}, b"<html>oops</html>"), "HTTP 500", True),
        ((429, {"retry-after": "7"}, b""), "HTTP 429", True),
        ((302, {"location": "http://127.0.0.1:1/"}, b""), "points elsewhere", False),
    ],
)
def test_a_refusal_says_why_and_whether_another_try_may_help(
    answer: tuple[int, dict[str, str], bytes], says: str, passing: bool
) -> None:
    """And never where to: the address may be a secret."""
    with web_server() as server:
        server.answers = [answer]
        with pytest.raises(ChannelFailed, match=says) as failed:
            Slack(name="s", url=Secret(server.url(PATH))).deliver(a_message())

    assert failed.value.passing is passing
    assert failed.value.retry_after == (7.0 if "retry-after" in answer[1] else None)
    assert PATH not in str(failed.value)
    assert len(server.got) == 1


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:1/x", "nothing listens there"),
        ("http://no-such-host.invalid/x", "cannot be found|not done within"),
    ],
)
def test_no_connection_is_said_without_the_address(url: str, says: str) -> None:
    """A person reads what to look at."""
    with pytest.raises(ChannelFailed, match=says) as failed:
        Slack(name="s", url=Secret(url)).deliver(a_message())

    assert failed.value.passing
    assert "/x" not in str(failed.value)


def test_a_server_that_trickles_is_given_up() -> None:
    """However often a byte comes, the time is over when it is over."""
    with web_server() as server:
        server.trickle = True
        with pytest.raises(ChannelFailed):
            http.request("POST", server.url(), body=b"{}", timeout=0.3)


def test_a_long_answer_is_not_read_to_its_end() -> None:
    """A refusal of many megabytes costs a few hundred bytes."""
    with web_server() as server:
        server.answers = [(400, {}, b"x" * 3_000_000)]
        with pytest.raises(ChannelFailed) as failed:
            http.request("POST", server.url(), body=b"{}")

    assert len(str(failed.value)) < 200


def test_no_channel_shows_its_secrets() -> None:
    """Neither `repr` nor its fields give an address or a key away."""
    made: list[Any] = [
        Slack(name="s", url=Secret("https://h/T0SECRET")),
        Webhook(name="w", url=Secret("https://h/T0SECRET"), now=now, secret=Secret("T0SECRET")),
        Ping(name="deadman", url=Secret("https://h/T0SECRET")),
    ]
    shown: list[Callable[[Any], object]] = [repr, msgspec.structs.asdict]
    assert not any("T0SECRET" in str(show(channel)) for channel in made for show in shown)
