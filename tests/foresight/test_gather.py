"""What a question says of itself: how its round ends, and when, if nobody answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.core import checks
from reviewbot.core.pipeline import LoopLimits
from reviewbot.core.questions import open_questions
from reviewbot.domain.decision import Action
from reviewbot.domain.task import Timeline
from reviewbot.domain.text import iso
from reviewbot.foresight.future import Future
from reviewbot.foresight.gather import Bot, Foreseen, outlook_of
from reviewbot.ports.queue import Listing
from reviewbot.review.poll import poll_once
from tests.core.test_checks import a_sick, paused
from tests.fakes import START
from tests.safety.test_guards import (
    ASK,
    FALLBACK,
    PAY,
    SEND_BACK,
    Room,
    a_policy,
    a_room,
    tasks,
)

DUE = START + timedelta(hours=9, minutes=1)
"""When the fallback of the second of two tasks is due: 3 h before its deadline."""


def a_full_cap(window: str) -> Room:
    """Two tasks to send back; the cap lets one through, and asks a person about the other."""
    rails = f"guardrails:\n  disputes: at most 1 per {window}\n  when over: escalate\n"
    room = a_room(a_policy(SEND_BACK, rails, FALLBACK), count=2, hours=12)
    poll_once(room.app)
    return room


def said(room: Room, now: datetime) -> Future:
    """What the only question says of its end."""
    (question,) = open_questions(room.ledger, now)
    found = outlook_of(room.ledger, now, Bot()).of("comments", question.sighting.task_id)
    assert found is not None
    return found


def test_what_a_full_cap_asked_is_a_persons_until_the_fallback_is_due() -> None:
    """The cap may have room long before: the bot leaves the question alone until then, and says so."""
    room = a_full_cap("hour")

    found = said(room, START)
    assert (found.end, found.at) == ("sent back", DUE)
    assert found.why is not None and found.why.startswith("the cap disputes: at most 1")

    room.clock.forward(hours=8, minutes=59)
    poll_once(room.app)
    assert room.sent() == 1
    room.clock.forward(minutes=2)
    poll_once(room.app)
    assert (room.sent(), room.sent(Action.DISPUTE)) == (2, 2)


def test_from_the_fallbacks_moment_on_the_deadline_decides_what_the_cap_keeps_back() -> None:
    """Nothing keeps it with a person any longer, and the day's cap still has no room for the rule."""
    room = a_full_cap("day")
    later = DUE + timedelta(minutes=1)

    found = said(room, later)
    assert (found.end, found.at) == ("fallback", later)

    room.clock.forward(seconds=(later - START).total_seconds())
    poll_once(room.app)
    assert room.sent(Action.APPROVE) == 1


@pytest.mark.parametrize(("every", "end"), [(1.0, "fallback"), (60.0, "silence")])
def test_a_running_bot_foresees_its_own_passes(every: float, end: str) -> None:
    """Half a minute before the deadline is time enough where it looks each second."""
    late = FALLBACK.replace("3h before", "30s before")
    room = a_room(a_policy(ASK, fallback=late), count=1, hours=12)
    room.app.limits = LoopLimits(every=every)
    poll_once(room.app)

    (found,) = Foreseen(room.app)().futures.values()
    assert found.end == end


@pytest.mark.parametrize("lost", ["status", "client_dispute_deadline_at"])
def test_nothing_is_foreseen_to_be_sent_for_what_the_api_did_not_say(lost: str) -> None:
    """The rule would pay it, and cannot: a person was asked, and silence pays."""
    room = a_room(a_policy(PAY), count=1, hours=12)
    (task,) = room.world.tasks
    room.world.change(task, **{lost: None})
    listed = Listing(items=(room.world.tasks[task],))
    room.world.waiting = lambda: listed  # type: ignore[method-assign]
    poll_once(room.app)

    assert room.sent() == 0
    (found,) = Foreseen(room.app)().futures.values()
    assert (found.end, found.action) == ("silence", None)
    assert found.why is not None and found.why.startswith("the API did not say its")


def test_a_pause_by_the_verifiers_tries_is_foreseen_to_its_end() -> None:
    """The first pass judged before it had read a try; an hour later they say nothing any more."""
    room = paused()
    room.world.add(*tasks(11))
    a_sick(room, 8)
    fresh = room.world.evidence

    def evidence(item: Any) -> Timeline:
        tries = tuple(replace(attempt, scraped_at=START) for attempt in fresh(item).attempts)
        return Timeline(task_id=item.id, attempts=tries)

    room.world.evidence = evidence  # type: ignore[method-assign]
    poll_once(room.app)

    ahead = outlook_of(room.ledger, START, Bot())
    disputes = [future for future in ahead.futures.values() if future.action is Action.DISPUTE]
    assert [(future.end, future.at) for future in disputes] == [
        ("sent back", START + timedelta(hours=1))
    ] * 3
    assert {future.why for future in disputes} == {
        "the policy pauses disputes while its condition is true"
    }

    room.clock.forward(minutes=59)
    poll_once(room.app)
    assert room.sent() == 0
    room.clock.forward(minutes=1)
    poll_once(room.app)
    assert room.sent(Action.DISPUTE) == 3


def test_a_pause_by_the_verifiers_tries_that_outlasts_the_round_keeps_its_action_back() -> None:
    """No try grows old before silence pays, so nothing of the rule is foreseen."""
    room = paused()
    room.world.add(*tasks(11))
    a_sick(room, 8)
    poll_once(room.app)

    now = START + timedelta(hours=29, minutes=30)
    room.ledger.note(
        checks.TOPIC,
        f"comments {now:%Y-%m-%dT%H}",
        {"tries": [["task-0", iso(now), True]]},
        now,
    )
    ahead = outlook_of(room.ledger, now, Bot())
    assert not any(future.action is Action.DISPUTE for future in ahead.futures.values())
