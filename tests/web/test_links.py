"""From a message to the page: the link survives the door, and says where something has changed since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reviewbot.console_settings import read_console
from reviewbot.core.questions import find_round
from reviewbot.domain.alarm import Alarm, AlarmKind
from reviewbot.review.pending import seen_mark
from reviewbot.setting_values import parse_seconds
from reviewbot.web.server import hosts_of
from tests.web.desk import web_desk

pytestmark = pytest.mark.timeout(120)


def read(url: Any) -> tuple[Any, list[str]]:
    """`[console] url` as the settings have it, and what is wrong with it."""
    problems: list[str] = []
    found = read_console({"console": {"url": url}}, "file", problems, seconds=parse_seconds)
    return found, problems


def test_an_address_is_a_host_by_https_or_on_this_machine() -> None:
    """Requests under its name are taken; what holds more than a host is refused."""
    found, problems = read("https://desk.example.com:8443/")
    assert (found.url, problems) == ("https://desk.example.com:8443", [])
    assert "desk.example.com" in hosts_of(("127.0.0.1", 0), found.own_host)
    assert read("http://127.0.0.1:8090")[1] == []
    for wrong in ("desk", "http://desk.example.com", "https://a@b", "https://b/x", "https://b?x"):
        assert len(read(wrong)[1]) == 1, wrong


def test_a_link_from_a_message_leads_to_its_page_through_the_door(tmp_path: Path) -> None:
    """From another site once around, for the cookie; through the form else; and it says what changed."""
    with web_desk(tmp_path, tasks=1) as desk:
        ana = desk.person("ana", "reviewer")
        question = desk.questions()[0]
        task = question.sighting.task_id
        mark = seen_mark(desk.console.ledger, find_round(desk.console.ledger, task))
        way = f"/task/{task}?key=acme&seen={mark}"
        assert "It has changed since the message" not in ana.get(way).text
        assert "It has changed since the message" in ana.get(f"/task/{task}?seen=other").text

        stranger = desk.client()
        onward = stranger.get(way, headers={"Sec-Fetch-Site": "cross-site"})
        assert onward.status_code == 200
        assert f'content="0;url=/task/{task}?key=acme&amp;seen={mark}"' in onward.text
        door = stranger.get(way, headers={"Sec-Fetch-Site": "same-origin"})
        assert door.status_code == 303
        form = stranger.get(door.headers["location"])
        assert f'value="/task/{task}?key=acme&amp;seen={mark}"' in form.text


def test_a_link_is_made_of_the_settings(tmp_path: Path) -> None:
    """A bot that knows where its console is puts the address behind each alarm."""
    from msgspec.structs import replace

    from reviewbot.runtime.bootstrap import build

    with web_desk(tmp_path, tasks=1) as desk:
        found, _ = read("https://desk.example.com")
        settings = replace(desk.console.settings, console=found)
        bot = build(settings, judges=(), ledger=desk.console.ledger, transport=desk.house.transport)
        taken: list[Alarm] = []
        bot.notifier.alarms._waiting = taken  # type: ignore[attr-defined]
        bot.notifier.notify(AlarmKind.QUESTION, "?", task_id="t-1", seen="f00")

        assert [alarm.link for alarm in taken] == ["https://desk.example.com/task/t-1?seen=f00"]
