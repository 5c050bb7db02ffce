"""What is known of the verifier's health outlives the process, and is asked again before each write."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.core import checks
from reviewbot.core.pipeline import CheckerTry
from reviewbot.domain.decision import Action
from reviewbot.domain.errors import KeyRefused, ServerFault
from reviewbot.domain.task import Timeline
from reviewbot.ledger.open import open_ledger
from reviewbot.review import survey
from reviewbot.review.fetch import evidence_for, look_at_all, with_memories
from reviewbot.review.poll import Polling, poll_once
from reviewbot.review.survey import needs_evidence
from tests.builders import an_attempt
from tests.fakes import HandClock, World, known_of
from tests.ledger.things import a_decision
from tests.safety.test_guards import ASK, PAY, Room, a_policy, a_room, tasks

RULES = """  - name: not there
    when:
      last.outcome_kind: couldnt_verify
    then: dispute
    reason: Please post it again, as written.
    repeat: yes
"""
RAILS = "guardrails:\n  pause disputes when:\n    fleet.scrape_failed_share_1h: more than 50%\n"


def a_sick(room: Room, failed: int, *, first: int = 0) -> None:
    """A verifier that could not read the first so many videos, and read those behind."""

    def evidence(item: Any) -> Timeline:
        room.world._call("evidence")
        number = int(item.id.removeprefix("task-"))
        kind = "scrape_failed" if first <= number < first + failed else "couldnt_verify"
        seen = an_attempt(scraped_at=room.clock.now(), outcome_kind=kind, comments_scraped=50)
        return Timeline(task_id=item.id, attempts=(seen,))

    room.world.evidence = evidence  # type: ignore[method-assign]


def paused(ledger: Any = None, clock: HandClock | None = None, rails: str = RAILS) -> Room:
    """A bot that pauses its disputes while the verifier is sick."""
    return a_room(a_policy(RULES + ASK, rails), ledger=ledger, clock=clock)


@pytest.mark.parametrize("first", [0, 3])
def test_one_pass_alone_pauses_while_the_verifier_is_sick(first: int) -> None:
    """8 videos could not be read and 3 were: no dispute, whichever of them are more urgent."""
    room = paused()
    room.world.add(*tasks(11))
    a_sick(room, 8, first=first)
    poll_once(room.app)
    assert room.sent(Action.DISPUTE) == 0
    held = [
        logged.decision.held_by for logged in room.ledger.decisions() if logged.decision.held_by
    ]
    assert held == ["the policy pauses disputes while its condition is true"] * 3


@pytest.mark.parametrize(
    ("fact", "pauses"),
    [
        ("fleet.blind_share_1h: more than 80%", True),
        ("fleet.blind_share_1h_tiktok: more than 80%", True),
        ("fleet.blind_share_1h_instagram: known", False),
        ("fleet.scrape_failed_share_1h_tiktok: more than 80%", False),
        ("fleet.open_tasks: more than 6", False),
        ("fleet.escalated: at least 1", False),
    ],
)
def test_a_pause_goes_by_what_was_seen_on_each_platform(fact: str, pauses: bool) -> None:
    """Tries that read no comment are blind and have not failed; after a restart they are known."""
    ledger, clock = open_ledger("memory:"), HandClock()
    rails = f"guardrails:\n  pause disputes when:\n    {fact}\n"
    room = paused(ledger, clock, rails)
    room.world.add(*tasks(6))

    def evidence(item: Any) -> Timeline:
        seen = an_attempt(scraped_at=clock.now(), comments_scraped=0, platform="tiktok")
        return Timeline(task_id=item.id, attempts=(seen,))

    room.world.evidence = evidence  # type: ignore[method-assign]
    room.app.limits = replace(room.app.limits, always_evidence=True)
    poll_once(room.app)

    again = paused(ledger, clock, rails)
    again.world.add(*tasks(3, first=6))
    again.world.evidence = evidence  # type: ignore[method-assign]
    poll_once(again.app)

    assert (room.sent(Action.DISPUTE), again.sent(Action.DISPUTE)) == ((0, 0) if pauses else (6, 3))


def test_how_much_waits_is_asked_again_right_before_a_write() -> None:
    """Once two of six are sent back four wait still, and the pause is over within the pass."""
    rails = "guardrails:\n  pause disputes when:\n    fleet.open_tasks: less than 5\n"
    room = paused(rails=rails)
    room.world.add(*tasks(6))
    poll_once(room.app)

    assert room.sent(Action.DISPUTE) == 2


def test_a_restart_knows_what_was_seen() -> None:
    """From the log: the eight are not read again, and the three still wait."""
    ledger, clock = open_ledger("memory:"), HandClock()
    room = paused(ledger, clock)
    room.world.add(*tasks(8))
    a_sick(room, 8)
    poll_once(room.app)

    clock.forward(minutes=50)
    again = paused(ledger, clock)
    again.world.add(*tasks(3, first=8))
    a_sick(again, 8)
    poll_once(again.app)
    assert again.sent() == 0

    clock.forward(minutes=20)
    late = paused(ledger, clock)
    late.world.add(*tasks(3, first=8))
    a_sick(late, 8)
    poll_once(late.app)
    assert late.sent(Action.DISPUTE) == 3, "what was seen more than an hour ago says nothing"


def test_a_pause_begins_within_a_pass() -> None:
    """Judged again before each write: a verifier that falls ill meanwhile stops the next one."""
    room = paused()
    room.world.add(*tasks(80))
    a_sick(room, 50, first=25)
    poll_once(room.app)
    assert 25 <= room.sent(Action.DISPUTE) < 30


def test_each_try_is_written_once_and_only_where_a_policy_asks() -> None:
    """In one note for each stretch of a pass."""
    room = paused()
    room.world.add(*tasks(4))
    a_sick(room, 1)
    poll_once(room.app)
    room.bench.evidence.clear()
    poll_once(room.app)
    subjects = {note.subject for note in room.ledger.notes(checks.TOPIC)}
    written = [
        tuple(attempt)
        for subject in subjects
        for note in room.ledger.story(checks.TOPIC, subject)
        for attempt in note.value["tries"]
    ]
    assert len(written) == len(set(written)) == 4
    assert sum(failed for _, _, failed, *_ in written) == 1

    careless = paused(rails="")
    careless.world.add(*tasks(4))
    a_sick(careless, 1)
    poll_once(careless.app)
    assert careless.ledger.notes(checks.TOPIC) == []
    assert careless.bench.checks_unwritten == []


def test_a_long_pass_writes_down_between_its_stretches() -> None:
    """What a process that dies in its pass has seen is known to the next."""
    room = paused()
    room.world.add(*tasks(6))
    a_sick(room, 6)
    polling = Polling(0.0)
    polling(room.app)
    (note,) = room.ledger.notes(checks.TOPIC)
    assert note.value["tries"]


def reads(world: World) -> int:
    """How often evidence was read."""
    return world.calls.count("evidence")


def test_a_survey_reads_what_is_needed_anyway() -> None:
    """Each task's evidence once, and of many tasks no more than it takes to know."""
    room = paused()
    room.world.add(*tasks(30))
    a_sick(room, 0)
    poll_once(room.app)
    assert reads(room.world) == 30
    assert room.sent(Action.DISPUTE) == 30


def surveyed(room: Room, count: int = 30) -> int:
    """Survey so many tasks; give how many were read."""
    room.world.add(*tasks(count))
    items, _ = look_at_all(
        room.app.ledger, room.app.clock, room.app.events, room.app.notifier, room.bench
    )
    todo = list(
        with_memories(
            room.app.ledger, room.app.clock, room.app.events, room.bench, items, room.bench.judges
        )
    )
    survey.survey(
        room.app.ledger, room.app.clock, room.app.limits, room.app.stopping, room.bench, todo
    )
    return reads(room.world)


def test_a_survey_is_made_only_where_a_pause_looks_at_the_verifier() -> None:
    """Not for other pauses, nor where nothing is sent."""
    for rails in ("", "guardrails:\n  pause approvals when: {fleet.open_tasks: more than 900}\n"):
        assert surveyed(paused(rails=rails)) == 0
    rehearsal = paused()
    rehearsal.bench.desk = None
    assert surveyed(rehearsal) == 0
    assert surveyed(paused()) == survey.ENOUGH
    approvals = RAILS.replace("disputes when", "approvals when")
    assert surveyed(paused(rails=approvals)) == survey.ENOUGH


def test_a_survey_ends_when_it_is_told_to_or_takes_long() -> None:
    """A stop, an API that fails, a slow one, tasks that were acted on."""
    room = paused()
    room.app.stopping = lambda: True
    assert surveyed(room) == 0

    room = paused()
    room.world.trouble["evidence"] = [ServerFault("502", status=502)]
    a_sick(room, 0)
    assert surveyed(room) == 1

    room = paused()
    room.world.trouble["evidence"] = [KeyRefused("revoked", status=401)]
    a_sick(room, 0)
    with pytest.raises(KeyRefused):
        surveyed(room)

    room = paused()
    a_sick(room, 0)
    quick = room.world.evidence
    room.world.evidence = lambda item: (room.clock.forward(seconds=8), quick(item))[1]  # type: ignore[method-assign]
    assert surveyed(room) == 3

    room = paused()
    a_sick(room, 0)
    for item in tasks(3):
        room.ledger.intend(a_decision(task_id=item.id, epoch=item.epoch))
    assert surveyed(room, 5) == 2


def test_old_tries_are_not_written() -> None:
    """An hour later they say nothing."""
    room = paused()
    key = ("t1", room.clock.now() - timedelta(hours=2))
    room.bench.checks_seen[key] = CheckerTry(True)
    room.bench.checks_unwritten.append(key)
    checks.write_down(room.app.ledger, room.app.clock, room.bench)
    assert room.ledger.notes(checks.TOPIC) == []


def test_what_needs_evidence_is_what_its_judging_would_fetch() -> None:
    """Nothing without a policy, nothing that is kept in mind; all where the settings ask for all."""
    room = paused()
    room.world.add(*tasks(1))
    a_sick(room, 0)
    (item,) = tasks(1)
    known = known_of(room.app)
    assert needs_evidence(room.app.clock, room.app.limits, room.bench, item, known)
    assert not needs_evidence(
        room.app.clock, room.app.limits, room.bench, item, known_of(room.app, judge=None)
    )
    paying = a_policy(PAY)
    assert not needs_evidence(
        room.app.clock, room.app.limits, room.bench, item, known_of(room.app, judge=paying)
    )
    room.app.limits = replace(room.app.limits, always_evidence=True)
    assert needs_evidence(
        room.app.clock, room.app.limits, room.bench, item, known_of(room.app, judge=paying)
    )
    evidence_for(room.app.clock, room.bench, item)
    assert not needs_evidence(room.app.clock, room.app.limits, room.bench, item, known)
