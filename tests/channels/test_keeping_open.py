"""PagerDuty, Alertmanager and ntfy against a real server: one key per cause, and its end by the same."""

from __future__ import annotations

import json
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given

from reviewbot.channels.alertmanager import Alertmanager, as_alert
from reviewbot.channels.base import Channel
from reviewbot.channels.config import make_channels, read_notices
from reviewbot.channels.ntfy import Ntfy, as_push
from reviewbot.channels.pagerduty import PagerDuty, as_event
from reviewbot.channels.sender import BackgroundPost
from reviewbot.channels.wording import MOST, PLAIN, causes_of
from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.domain.alarm import EACH_TIME, ENDS, AlarmKind, Message
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ChannelFailed
from reviewbot.domain.text import Secret, parse_iso
from reviewbot.ports.queue import Letter
from reviewbot.runtime.bootstrap import build
from tests.acceptance.house import KEY, judge_of
from tests.builders import CONFIRMED
from tests.channels.messages import a_message, an_alarm
from tests.channels.servers import WebServer, web_server
from tests.channels.test_sinks import TEXT, message_of, odd, strings_in
from tests.fakes import Said

ROUTING, TOKEN = "R0UT1NGKEY", "tk_T0KEN"


def pager(server: WebServer) -> PagerDuty:
    """A service at the server."""
    return PagerDuty(name="p", url=Secret(server.url("/v2/enqueue")), routing_key=Secret(ROUTING))


def alertmanager(server: WebServer) -> Alertmanager:
    """One at the server, whose clock stands."""
    url = Secret(server.url("/am/"))
    return Alertmanager(name="a", url=url, token=Secret(TOKEN), now=CONFIRMED.timestamp)


def ntfy(server: WebServer) -> Ntfy:
    """A topic at the server."""
    return Ntfy(name="n", url=Secret(server.url("/our-topic")), token=Secret(TOKEN))


def bodies(server: WebServer) -> list[Any]:
    """What arrived."""
    return [json.loads(got.body) for got in server.got]


def stands(kind: AlarmKind = AlarmKind.BREAKER, subject: str = "starter 7", **more: Any) -> Message:
    """Something that lasts."""
    return a_message(an_alarm(kind=kind, subject=subject, sentence="The breaker is open"), **more)


def over(kind: AlarmKind = AlarmKind.BREAKER, subject: str = "starter 7", **more: Any) -> Message:
    """That it is over, in other words and with less urgency."""
    alarm = an_alarm(
        kind=kind, subject=subject, sentence="It is closed", urgency="info", mended=True
    )
    return a_message(alarm, **more)


def test_pagerduty_opens_an_incident_and_resolves_it_by_the_same_key() -> None:
    """In the words of the Events API v2; a second telling adds to the first."""
    with web_server() as server:
        server.answers = [(202, {}, b"{}")]
        for message in (stands(), stands(), over()):
            pager(server).deliver(message)

    opened, again, resolved = bodies(server)
    assert [body["event_action"] for body in bodies(server)] == ["trigger", "trigger", "resolve"]
    assert opened["dedup_key"] == again["dedup_key"] == resolved["dedup_key"]
    assert {body["routing_key"] for body in bodies(server)} == {ROUTING}
    payload = opened["payload"]
    assert payload["summary"] == "ALARM: The breaker is open"
    assert (payload["severity"], payload["class"]) == ("critical", "breaker")
    assert (payload["source"], payload["component"]) == ("reviewbot", "default")
    assert server.got[0].path == "/v2/enqueue"


def test_an_alert_keeps_its_labels_to_the_end() -> None:
    """Alertmanager tells alerts apart by them: urgency and words are annotations."""
    with web_server() as server:
        alertmanager(server).deliver(stands())
        alertmanager(server).deliver(over())

    (fires,), (ends,) = bodies(server)
    assert fires["labels"] == ends["labels"]
    assert fires["labels"]["alertname"] == "ReviewbotBreaker"
    assert parse_iso(fires["endsAt"]) > CONFIRMED + timedelta(hours=1)
    assert parse_iso(ends["endsAt"]) <= CONFIRMED
    assert server.got[0].path == "/am/api/v2/alerts"
    assert server.got[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_push_takes_the_place_of_the_one_before() -> None:
    """ntfy's own sequence; the end says so with a mark of its own."""
    with web_server() as server:
        ntfy(server).deliver(stands())
        ntfy(server).deliver(over())

    first, second = bodies(server)
    assert (first["topic"], server.got[0].path) == ("our-topic", "/")
    assert first["sequence_id"] == second["sequence_id"]
    assert (first["priority"], second["priority"]) == (5, 3)
    assert first["title"] == "ALARM: The breaker is open"
    assert second["title"] == "Well again: It is closed"
    assert "white_check_mark" in second["tags"]


def keys(message: Message, source: str = "reviewbot") -> list[str]:
    """The key of each cause of a message."""
    return [cause.key for cause in causes_of(message, source)]


def test_a_cause_is_what_it_is_about_and_nothing_else() -> None:
    """Other words, another moment, another urgency: the same. Another subject, key, kind or bot: another."""
    same = [stands(), over(), stands(headline="2 things", dry_run=True, owner="Ana")]
    others = [stands(subject="other"), stands(key="acme"), stands(AlarmKind.LEDGER)]
    assert len({tuple(keys(message)) for message in same}) == 1
    every = [
        *(tuple(keys(message)) for message in (same[0], *others)),
        tuple(keys(same[0], "eu-2")),
    ]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("kind", AlarmKind)
def test_what_has_no_end_is_one_thing_however_many_it_names(kind: AlarmKind) -> None:
    """Two hundred questions are one incident; two breakers are two."""
    alarms = [an_alarm(kind=kind, subject=f"task {n}") for n in range(200)]
    found = list(causes_of(a_message(*alarms, headline="200 of them"), "reviewbot"))

    assert len(found) == (MOST if kind in ENDS else 1)
    assert len({cause.key for cause in found}) == len(found)
    assert all(len(cause.key) <= 64 and cause.key.replace("-", "").isalnum() for cause in found)


def test_an_alert_of_what_has_happened_ends_by_itself() -> None:
    """Nobody will say that a question is over."""
    message = a_message(an_alarm(kind=AlarmKind.QUESTION, again=EACH_TIME))
    (cause,) = causes_of(message, "reviewbot")
    alert = as_alert(cause, "reviewbot", PLAIN, CONFIRMED)
    assert parse_iso(alert["endsAt"]) == CONFIRMED + timedelta(minutes=75)


@pytest.mark.parametrize("make", [pager, alertmanager, ntfy])
@pytest.mark.parametrize(
    ("status", "passing"), [(429, True), (503, True), (400, False), (403, False)]
)
def test_a_refusal_says_why_and_holds_no_secret(make: Any, status: int, passing: bool) -> None:
    """Whether another try may help is known."""
    with web_server() as server:
        server.answers = [(status, {}, b"no")]
        with pytest.raises(ChannelFailed, match=f"HTTP {status}") as failed:
            make(server).deliver(stands())
    assert failed.value.passing is passing
    assert ROUTING not in str(failed.value)
    assert TOKEN not in str(failed.value)


def test_only_channels_that_keep_things_open_hear_what_only_closes() -> None:
    """A new process says that the loop no longer hangs to whoever may still think so."""
    with web_server() as server:
        slack = make({"ops": {"type": "slack", "url": server.url("/slack")}})
        post = BackgroundPost([pager(server), *slack])
        quiet = over(AlarmKind.HANGS, "", closes=True)
        post.send(Letter(number=-1, message=quiet, channels=("p", "ops")))
        post.settle(5.0)
        post.close()

    assert [got.path for got in server.got] == ["/v2/enqueue"]


def a_bot(folder: Path, server: WebServer) -> BotContext:
    """A bot as `run` builds it, on a log on disk, with a duty that is paged."""
    file = a_secret(folder, ROUTING)
    duty = {"type": "pagerduty", "url": server.url("/enqueue"), "routing_key_file": file}
    problems: list[str] = []
    notices = read_notices({"channels": {"duty": duty}}, "test", problems, seconds=float)
    assert problems == []
    settings = Settings(
        api_key=Secret(KEY),
        mode=Mode.LIVE,
        ledger=f"sqlite:///{folder / 'log.db'}",
        notices=notices,
    )
    return build(settings, judges=[judge_of()], events=Said())


def test_what_one_process_opened_the_next_one_closes(tmp_path: Path) -> None:
    """By the log: the API was away, the bot was started anew meanwhile, and the API is back."""
    with web_server() as server:
        first = a_bot(tmp_path, server)
        first.notifier.notify(AlarmKind.API_AWAY, "The API is away")
        first.close()
        second = a_bot(tmp_path, server)
        second.notifier.alarms.mended(AlarmKind.API_AWAY, "The API answers again")
        second.close()

    opened, closed = bodies(server)
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"]


def make(channels: dict[str, Any], **more: Any) -> tuple[Channel, ...]:
    """The channels of a settings file."""
    problems: list[str] = []
    table = {"channels": channels, **more}
    notices = read_notices(table, "r.toml", problems, seconds=float)
    assert problems == []
    return make_channels(notices)


def a_secret(folder: Path, text: str) -> str:
    """A file with a secret in it."""
    file = folder / "secret"
    file.write_text(text)
    file.chmod(0o600)
    return str(file)


def test_settings_make_each_of_them(tmp_path: Path) -> None:
    """With its secrets in files; PagerDuty's address is known."""
    file = a_secret(tmp_path, ROUTING)
    text = f"""
    [channels.pager]
    type = "pagerduty"
    routing_key_file = "{file}"
    source = "eu-1"
    [channels.am]
    type = "alertmanager"
    url = "http://127.0.0.1:9093"
    [channels.phone]
    type = "ntfy"
    url = "https://ntfy.example.com/our-topic"
    token_file = "{file}"
    """
    pager, manager, phone = make(tomllib.loads(text)["channels"])
    assert isinstance(pager, PagerDuty)
    assert (pager.url.reveal(), pager.source) == ("https://events.pagerduty.com/v2/enqueue", "eu-1")
    assert isinstance(manager, Alertmanager)
    assert isinstance(phone, Ntfy)
    assert {secret.reveal() for secret in (*pager.secrets, *phone.secrets)} >= {ROUTING}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"type": "pagerduty"}, "channels.x.routing_key_file: is missing"),
        ({"type": "ntfy", "url": "https://ntfy.sh/"}, "names no topic"),
        ({"type": "alertmanager"}, "channels.x.url: is missing"),
        ({"type": "alertmanager", "url": "http://am.example.com"}, "plain http"),
    ],
)
def test_what_is_missing_is_said(table: dict[str, Any], says: str) -> None:
    """With its place."""
    problems: list[str] = []
    read_notices({"channels": {"x": table}}, "r.toml", problems, seconds=float)
    assert any(says in problem for problem in problems), problems


def test_each_alarm_says_where_its_runbook_lies() -> None:
    """As each service has it: a link, an annotation, what a tap opens."""
    with web_server() as server:
        channels = {
            "hook": {"type": "webhook", "url": server.url("/hook")},
            "ops": {"type": "slack", "url": server.url("/slack")},
            "am": {"type": "alertmanager", "url": server.url("/am")},
            "phone": {"type": "ntfy", "url": server.url("/topic")},
        }
        for channel in make(
            channels, alarms={"runbooks": "https://runbooks.example.com/reviewbot"}
        ):
            channel.deliver(stands())

    link = "https://runbooks.example.com/reviewbot/breaker.md"
    hook, slack, (alert,), push = bodies(server)
    assert hook["runbook"] == link
    assert slack["text"].endswith(f"\n• What to do: {link}")
    assert alert["annotations"]["runbook_url"] == link
    assert push["click"] == link


@given(TEXT)
@example("\x1f")
def test_text_from_outside_is_safe_in_each(text: str) -> None:
    """No control, no character that does something to a screen, and valid JSON."""
    alone = a_message(an_alarm(sentence=text, subject=text, to=(text,)), key=text, owner=text)
    for message in (message_of(text), alone):
        _check_each(message)


def _check_each(message: Message) -> None:
    for cause in causes_of(message, "reviewbot"):
        for body in (
            as_event(cause, "reviewbot", PLAIN),
            as_alert(cause, "reviewbot", PLAIN, CONFIRMED),
            as_push(cause, PLAIN),
        ):
            json.dumps(body, allow_nan=False).encode("ascii")
            assert not [text for text in strings_in(body) if odd(text)]
