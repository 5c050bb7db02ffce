"""Every kind of alarm arrives by e-mail, Slack and webhook, through the threads of a running bot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.channels.config import read_notices
from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.domain.alarm import AlarmKind
from reviewbot.domain.decision import Mode
from reviewbot.domain.text import Secret
from reviewbot.runtime.bootstrap import build
from reviewbot.safety.stop_conditions import TARGET
from tests.acceptance.house import KEY, judge_of
from tests.channels.servers import MailServer, WebServer, mail_server, web_server
from tests.fakes import Said

HARD = "Ünïcode, <!channel> & \x1b[31m"


@pytest.fixture
def servers() -> Iterator[tuple[MailServer, WebServer]]:
    """One of each."""
    with mail_server() as mail, web_server() as web:
        yield mail, web


def a_bot(mail: MailServer, web: WebServer) -> BotContext:
    """A bot as `run` builds it, with one channel of each type and a ping."""
    table: dict[str, dict[str, Any]] = {
        "channels": {
            "mail": {
                "type": "email",
                "host": "127.0.0.1",
                "port": mail.port,
                "tls": "none",
                "from": "bot@example.com",
                "to": "desk@example.com",
                "min_level": "info",
            },
            "ops": {"type": "slack", "url": web.url("/slack"), "min_level": "info"},
            "hook": {"type": "webhook", "url": web.url("/hook"), "min_level": "info"},
        },
        "deadman": {"url": web.url("/ping")},
    }
    for channel in table["channels"].values():
        channel["targets"] = [TARGET]
    problems: list[str] = []
    notices = read_notices(table, "test", problems, seconds=float)
    assert problems == []
    settings = Settings(api_key=Secret(KEY), mode=Mode.LIVE, ledger="memory:", notices=notices)
    return build(settings, judges=[judge_of()], events=Said())


def test_every_kind_of_alarm_arrives_everywhere(servers: tuple[MailServer, WebServer]) -> None:
    """Its sentence is in the e-mail, in the text for Slack and in the webhook's object."""
    mail, web = servers
    app = a_bot(mail, web)
    app.notifier.alarms.pulse()
    for kind in AlarmKind:
        to = (TARGET,) if kind is AlarmKind.CHECKPOINT else ()
        assert app.notifier.notify(kind, f"About {kind.value}: {HARD}", to=to)
    app.close()

    sentences = {f"About {kind.value}: Ünïcode, <!channel> & [31m" for kind in AlarmKind}
    assert {
        letter.get_content().strip().removeprefix("ALARM: ") for letter in mail.mails
    } == sentences
    by_path: dict[str, list[bytes]] = {}
    for got in web.got:
        by_path.setdefault(got.path, []).append(got.body)
    hooked = [json.loads(body)["alarms"][0] for body in by_path["/hook"]]
    assert {body["sentence"] for body in hooked} == sentences
    texts = {
        json.loads(body)["text"].strip("*").removeprefix("ALARM: ") for body in by_path["/slack"]
    }
    assert texts == {
        f"About {kind.value}: Ünïcode, &lt;!channel&gt; &amp; [31m" for kind in AlarmKind
    }
    assert by_path["/ping"] == [b""]
    assert isinstance(app.notifier.alarms, AlarmDispatcher)
    noted = app.ledger.notes("alarm")
    assert {note.subject for note in noted} == {kind.value for kind in AlarmKind}
    assert app.events.named("alarms not delivered") == []  # type: ignore[attr-defined]


def test_a_dead_channel_holds_up_neither_the_others_nor_the_end(
    servers: tuple[MailServer, WebServer],
) -> None:
    """The alarm arrives where it can, and who was missed is told."""
    mail, web = servers
    mail.refuse = {"MAIL": "550 closed"}
    app = a_bot(mail, web)
    app.notifier.notify(AlarmKind.BREAKER, "A breaker is open")
    app.close()

    texts = [json.loads(got.body)["text"] for got in web.got if got.path == "/slack"]
    assert texts == ["*ALARM: A breaker is open*", "*ALARM: The channel mail fails: SMTP 550*"]
    assert mail.mails == []
