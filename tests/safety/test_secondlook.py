"""What was sent on the word of a sick checker is marked for a second look; nothing else is."""

from __future__ import annotations

from datetime import timedelta

from reviewbot.domain.decision import Action
from reviewbot.foresight.gather import Bot
from reviewbot.insights.status import situation
from reviewbot.review.poll import poll_once
from reviewbot.safety import breaker
from reviewbot.safety.second_look import BLIND, SICK, TOPIC, marked
from tests.core.test_checks import a_sick, paused
from tests.safety.test_guards import a_policy, a_room, tasks
from tests.safety.test_mix import BLIND as WHILE_IT_SEES
from tests.safety.test_mix import some_days_of


def test_what_was_approved_blind_is_marked_when_the_breaker_opens() -> None:
    """Each approval among the newest twenty, once; the disputes before stand as they are."""
    room = a_room(a_policy(WHILE_IT_SEES))
    some_days_of(room, 120)
    room.clock.forward(hours=1)
    room.world.comments_scraped = 0
    room.world.add(*tasks(60, first=120))
    for _ in range(3):
        poll_once(room.app)

    paid = {decision.id for decision in room.world.sent if decision.action is Action.APPROVE}
    assert marked(room.ledger) == dict.fromkeys(paid, BLIND)
    assert all(len(room.ledger.story(TOPIC, name)) == 1 for name in paid)
    assert situation(room.ledger, room.clock.now(), Bot()).second_looks == len(paid) > 0


def test_what_was_sent_in_the_hour_before_a_pause_is_marked() -> None:
    """The checker was sick before that could be known; what is older, or a person's, is not."""
    room = paused()
    room.world.add(*tasks(1, first=900))
    a_sick(room, 0)
    poll_once(room.app)
    room.clock.forward(minutes=70)
    room.world.add(*tasks(80))
    a_sick(room, 50, first=25)
    quick = room.world.evidence
    room.world.evidence = lambda item: (room.clock.forward(seconds=1), quick(item))[1]  # type: ignore[method-assign, func-returns-value]
    poll_once(room.app)

    sent = {decision.id for decision in room.world.sent if decision.task_id != "task-900"}
    assert 25 <= len(sent) < 30
    assert marked(room.ledger) == dict.fromkeys(sent, SICK)
    assert marked(room.ledger, room.clock.now() + timedelta(seconds=1)) == {}


def test_another_pause_or_another_sign_marks_nothing() -> None:
    """Of a queue that is too long, or of a field that drifted, nobody says that the checker is sick."""
    rails = "guardrails:\n  pause disputes when: {fleet.open_tasks: more than 8}\n"
    room = paused(rails=rails)
    room.world.add(*tasks(3))
    a_sick(room, 0)
    poll_once(room.app)
    room.world.add(*tasks(20, first=3))
    poll_once(room.app)
    breaker.open_breaker(room.app.guard_post, "guarded", "drift", "a field changed")
    poll_once(room.app)
    assert room.sent() == 3
    assert marked(room.ledger) == {}
