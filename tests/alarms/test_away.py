"""After a while without a pass: what was paid meanwhile, by whom, and what was nearly late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.alarms.outages import DowntimeReport, _whose, last_away, look_back
from reviewbot.core.questions import open_questions
from reviewbot.domain.errors import CannotConnect, LedgerUnwritable
from reviewbot.domain.review import ReviewItem
from reviewbot.insights.scorecard import books
from reviewbot.review.poll import poll_once
from reviewbot.simulator import tasks
from reviewbot.simulator.model import Actor
from tests.acceptance.house import House, house
from tests.builders import CONFIRMED, a_task
from tests.fakes import ESCALATE, a_bot, item_of, said, world_of
from tests.review.test_people import EVERYTHING_IS_ASKED, wait_until

DAY = timedelta(days=1)


@pytest.fixture
def asked() -> Iterator[House]:
    """A live bot that has asked about every task, and is then left alone."""
    with house(policy=EVERYTHING_IS_ASKED, tasks=12) as made:
        made.poll()
        yield made


def test_what_silence_paid_meanwhile_is_found_and_told(asked: House) -> None:
    """Each has an ending with its cause, an alarm, and a place among the four ledgers."""
    left, count = asked.clock.now(), len(open_questions(asked.app.ledger, asked.clock.now()))
    wait_until(asked, left + 4 * DAY)

    away = look_back(
        asked.app.ledger,
        asked.app.clock,
        asked.app.events,
        asked.app.notifier,
        asked.app.benches,
        left,
    )

    assert away.silence == count and away.unseen == 0 and away.silence_micros > 0
    endings = asked.app.ledger.endings()
    assert {ending.by for ending in endings} == {"silence"}
    assert all(ending.note.startswith("nobody answered") for ending in endings)
    assert all("no pass was made since" in ending.note for ending in endings)
    assert len(alarms(asked, "silence")) == count
    assert books(asked.app.ledger, left).paid["silence"].tasks == count
    assert last_away(asked.app.ledger) == away


def test_what_no_pass_ever_saw_is_found_too() -> None:
    """Rounds that came and went unseen are in no list that a pass reads."""
    with house("week", per_hour=4.0, policy=EVERYTHING_IS_ASKED) as made:
        since = made.clock.now()
        wait_until(made, since + 6 * DAY)

        away = look_back(
            made.app.ledger,
            made.app.clock,
            made.app.events,
            made.app.notifier,
            made.app.benches,
            since,
        )

        paid = [
            task
            for task in made.world.tasks.values()
            if task.finalized_at is not None
            and task.confirmed_at is not None
            and task.finalized_at >= since.timestamp()
        ]
        assert away.silence + away.others == len(paid) > 0
        assert away.unseen == away.silence


def test_what_somebody_else_approved_is_not_silence(asked: House) -> None:
    """A person in TokPortal's dashboard decided: that is said apart."""
    left = asked.clock.now()
    question = open_questions(asked.app.ledger, left)[0]
    wait_until(asked, left + timedelta(minutes=20))
    task = asked.world.tasks[question.sighting.task_id]
    tasks.approve(asked.world, task, Actor(by="stranger"))

    away = look_back(
        asked.app.ledger,
        asked.app.clock,
        asked.app.events,
        asked.app.notifier,
        asked.app.benches,
        left,
    )

    assert (away.others, away.silence) == (1, 0)
    assert [ending.by for ending in asked.app.ledger.endings()] == ["other"]


def test_what_still_waits_with_little_time_was_nearly_late(asked: House) -> None:
    """Whoever starts the bot hears how close it was."""
    left = asked.clock.now()
    first = open_questions(asked.app.ledger, left)[0]
    wait_until(asked, first.deadline_at - timedelta(minutes=30))

    assert (
        look_back(
            asked.app.ledger,
            asked.app.clock,
            asked.app.events,
            asked.app.notifier,
            asked.app.benches,
            left,
        ).nearly_late
        >= 1
    )


def test_a_moment_without_a_pass_is_nothing_to_tell(asked: House) -> None:
    """A restart costs one request, and leaves no word where nothing happened."""
    left, requests = asked.clock.now(), asked.app.traffic.requests
    wait_until(asked, left + timedelta(minutes=5))

    assert (
        look_back(
            asked.app.ledger,
            asked.app.clock,
            asked.app.events,
            asked.app.notifier,
            asked.app.benches,
            left,
        )
        is None
    )
    assert asked.app.traffic.requests == requests + 1
    assert last_away(asked.app.ledger) is None
    assert alarms(asked, "away") == []


def lapsed(at: datetime, **more: Any) -> ReviewItem:
    """A task that came, and that silence paid at `at`."""
    return item_of(
        replace(
            a_task(),
            id="unseen",
            status="finalized",
            manually_confirmed_at=at - timedelta(seconds=2),
            client_dispute_deadline_at=at,
            finalized_at=at,
            **more,
        )
    )


@pytest.mark.parametrize("beat", [True, False])
def test_what_came_and_lapsed_between_two_starts_is_counted_and_told(beat: bool) -> None:
    """Seconds are enough; and where no heartbeat says when the last pass was, the log does."""
    app = a_bot(ESCALATE)
    DowntimeReport(poll_once, None)(app)
    world, left = world_of(app), app.clock.now()
    app.clock.sleep(4)
    found = lapsed(left + timedelta(seconds=2))
    asked: list[Any] = []
    world.finalized = lambda *about, **more: asked.append((about, more)) or [found]  # type: ignore[attr-defined]

    start = DowntimeReport(poll_once, left if beat else None)
    for _ in range(3):
        start(app)

    assert asked == [((left,), {"pages": 1})]
    (ending,) = app.ledger.endings()
    assert (ending.task_id, ending.by, ending.at) == ("unseen", "silence", found.deadline_at)
    assert books(app.ledger, left).paid["silence"].tasks == 1
    told = [about for about in said(app).named("alarm") if about["kind"] == "away"]
    assert len(told) == 1
    assert "1 task paid by silence (0.24 USD, 1 of them never seen by a pass)" in str(
        told[0]["sentence"]
    )


def test_silence_is_told_where_the_answer_lacks_its_deadline() -> None:
    """The round says when it began, so a payment 72 hours later is nobody's decision."""
    item = replace(lapsed(CONFIRMED + timedelta(hours=72)), deadline_at=None, started_at=CONFIRMED)
    assert _whose(item, None) == ("silence", "it was never decided")
    early = replace(item.subject, finalized_at=CONFIRMED + timedelta(hours=71))
    assert _whose(replace(item, subject=early), None) == ("other", None)


def test_the_first_start_of_all_has_nothing_to_look_back_on() -> None:
    """An empty log knows of no time in which somebody should have looked."""
    app = a_bot(ESCALATE)
    world_of(app).finalized = refuse  # type: ignore[attr-defined]
    DowntimeReport(poll_once, None)(app)
    assert said(app).named("cannot look back") == []


def test_a_process_that_lived_through_an_outage_looks_back_too() -> None:
    """No pass went through for a while, though nobody restarted it."""
    app = a_bot(ESCALATE)
    world, left = world_of(app), app.clock.now()
    world.finalized = lambda *_, **__: []  # type: ignore[attr-defined]
    start = DowntimeReport(poll_once, None)
    start(app)
    app.clock.sleep(3600)
    world.trouble["waiting"] = [CannotConnect("refused")]
    with pytest.raises(CannotConnect):
        start(app)
    world.finalized = lambda *_, **__: [lapsed(left + timedelta(minutes=3))]  # type: ignore[attr-defined]
    app.clock.sleep(60)
    start(app)

    told = [about for about in said(app).named("alarm") if about["kind"] == "away"]
    assert [about["silence"] for about in (alarm["facts"] for alarm in told)] == [1]


def test_a_log_that_takes_no_word_on_it_keeps_no_pass_from_being_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waits is decided all the same, and the look back is made up for."""
    app = a_bot(ESCALATE)
    left = app.clock.now()
    app.clock.sleep(3600)
    found = lapsed(left + timedelta(minutes=3))
    world_of(app).finalized = lambda *_, **__: [found]  # type: ignore[attr-defined]
    start = DowntimeReport(poll_once, left)

    with monkeypatch.context() as patched:
        patched.setattr(app.ledger, "end", unwritable)
        summary = start(app)
    assert summary.waiting > 0 and summary.stopped is None
    assert last_away(app.ledger) is None

    start(app)
    assert last_away(app.ledger) is not None


def unwritable(*_: Any) -> None:
    """The log was moved away."""
    raise LedgerUnwritable("the log was replaced")


def test_looking_back_twice_tells_nothing_twice(asked: House) -> None:
    """Endings stand once, and an alarm is not told again by a second look."""
    left = asked.clock.now()
    wait_until(asked, left + 4 * DAY)
    look_back(
        asked.app.ledger,
        asked.app.clock,
        asked.app.events,
        asked.app.notifier,
        asked.app.benches,
        left,
    )
    before = len(asked.app.ledger.endings())

    assert (
        look_back(
            asked.app.ledger,
            asked.app.clock,
            asked.app.events,
            asked.app.notifier,
            asked.app.benches,
            left,
        ).silence
        == 0
    )
    assert len(asked.app.ledger.endings()) == before


def test_the_first_pass_looks_back_once_and_again_only_where_it_failed(asked: House) -> None:
    """An API that is away at the start does not make it forget."""
    left = asked.clock.now()
    wait_until(asked, left + 4 * DAY)
    homecoming = DowntimeReport(poll_once, left)
    queue = asked.app.benches[0].queue
    works, queue.finalized = queue.finalized, refuse

    homecoming(asked.app)
    assert last_away(asked.app.ledger) is None
    queue.finalized = works
    homecoming(asked.app)
    told = last_away(asked.app.ledger)
    homecoming(asked.app)

    assert told is not None and last_away(asked.app.ledger) == told


def test_a_fallback_after_a_question_is_logged_as_nobody_answered(asked: House) -> None:
    """The deadline decided: that is no person's yes."""
    first = open_questions(asked.app.ledger, asked.clock.now())[0]
    wait_until(asked, first.deadline_at - timedelta(hours=2))
    asked.poll()
    asked.poll(minutes=1)

    ending = next(
        ending for ending in asked.app.ledger.endings() if ending.task_id == first.sighting.task_id
    )
    assert ending.by == "ours"
    assert (
        ending.note == "nobody answered (escalated by a person looks); the deadline decided approve"
    )
    found = books(asked.app.ledger, asked.clock.now() - DAY)
    assert found.paid["fallback"].tasks == found.nobody_answered >= 1
    assert found.paid["person"].tasks == 0


def alarms(made: House, kind: str) -> list[dict[str, object]]:
    """The alarms of a kind that went to the log."""
    return [about for event, about in made.events if event == "alarm" and about["kind"] == kind]


def refuse(since: datetime, *, pages: int | None = None) -> list[object]:
    """An API that cannot be reached."""
    raise CannotConnect("no connection")
