"""Messages lead into the console: to the very page, with what was seen, and with the key's name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from reviewbot.alarms.dispatcher import AlarmDispatcher
from reviewbot.alarms.links import link_of
from reviewbot.alarms.routing import Route, Routes, messages_of
from reviewbot.channels.slack import as_slack_json
from reviewbot.channels.webhook import as_json
from reviewbot.channels.wording import lines_of
from reviewbot.core.questions import find_round
from reviewbot.domain.alarm import Alarm, AlarmKind
from reviewbot.domain.decision import Action
from reviewbot.review.answer import PersonAnswer, answer
from reviewbot.review.pending import seen_mark
from reviewbot.review.poll import poll_once
from tests.safety.test_guards import ASK, a_policy, a_room

DESK = "https://desk.example.com"
AT = datetime(2026, 6, 1, tzinfo=UTC)


def alarm(kind: AlarmKind = AlarmKind.QUESTION, **facts: Any) -> Alarm:
    """One of a kind."""
    return Alarm(kind=kind, sentence="Something", at=AT, facts=facts)


@pytest.mark.parametrize(
    ("told", "key", "path"),
    [
        (alarm(task_id="a/b c?", seen="f00"), "", "/task/a%2Fb%20c%3F?seen=f00"),
        (alarm(task_id="t", seen="f00"), "acme & co", "/task/t?key=acme+%26+co&seen=f00"),
        (alarm(AlarmKind.UNDECIDED), "", "/queue"),
        (alarm(AlarmKind.CAP), "", "/status"),
        (alarm(AlarmKind.STAGE, policy="starter", rule="r"), "", "/policies/starter"),
        (alarm(AlarmKind.DIGEST, page="/rules"), "", "/rules"),
    ],
)
def test_each_kind_leads_to_its_page(told: Alarm, key: str, path: str) -> None:
    """Nothing of what stands in a task's id leads elsewhere; without a console there is no link."""
    assert link_of(told, DESK, key) == DESK + path
    assert link_of(told, "", key) == ""
    assert link_of(alarm(AlarmKind.CHECKPOINT), DESK) == ""


def test_a_question_carries_what_was_seen_of_it() -> None:
    """The mark in the link is the one that the page shows, so a change since is known there."""
    room = a_room(a_policy(ASK), count=1)
    poll_once(room.app)
    (asked,) = room.said("alarm")

    seen = seen_mark(room.ledger, find_round(room.ledger, "task-000"))
    assert cast("dict[str, object]", asked["facts"])["seen"] == seen


def test_a_link_stands_behind_its_line_in_every_channel_s_form() -> None:
    """Alone under the headline, beside each of several, and as a field of the webhook's object."""
    one = Alarm(kind=AlarmKind.CAP, sentence="Full", at=AT, link=f"{DESK}/status")
    (message,) = messages_of([one])
    assert list(lines_of(message)) == [f"{DESK}/status"]
    assert f"• {DESK}/status" in json.loads(as_slack_json(message))["text"]
    assert json.loads(as_json(message))["alarms"][0]["link"] == f"{DESK}/status"
    (several,) = messages_of([one, one])
    assert list(lines_of(several)) == [f"Full {DESK}/status"] * 2


def test_an_answered_question_is_said_where_messages_can_be_brought_up_to_date() -> None:
    """A webhook hears who answered, under the same subject; a chat is spared it."""
    (over,) = messages_of(
        [Alarm(kind=AlarmKind.QUESTION, sentence="Over", at=AT, to=("ops",), mended=True)]
    )
    chat = Route(channel="chat", targets=frozenset({"ops"}))
    hook = Route(channel="hook", targets=frozenset({"ops"}), updates=True)

    assert Routes((chat, hook), ("chat", "hook")).channels(over) == ("hook",)
    assert not Routes((chat,), ("chat",)).update
    assert json.loads(as_json(over))["headline"] == "Answered: Over"


def test_who_answered_is_told_once_the_answer_is_sent() -> None:
    """By a person, by name; of a round on which nobody was asked nothing is said."""
    room = a_room(a_policy(ASK), count=1)
    hook = Routes((Route(channel="hook", updates=True),), ("hook",))
    room.app.notifier.alarms = AlarmDispatcher(
        ledger=room.ledger, clock=room.clock, events=room.app.events, routes=hook
    )
    poll_once(room.app)
    reply = PersonAnswer(action=Action.APPROVE, who="ana")
    answer(room.app, find_round(room.ledger, "task-000"), reply)
    overs = [about for about in room.said("alarm") if about["mended"]]

    assert [about["sentence"] for about in overs] == [
        "Task task-000 (0.24 USD) needs nobody any more: approve by ana"
    ]
