"""Answers by plain forms: each press counts once, can be undone, and is sent by whoever runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from reviewbot.domain.decision import Action
from reviewbot.domain.fault_point import on_fault_point
from reviewbot.review.pending import pending_answers
from reviewbot.safety import pauses
from tests.review.test_people import EVERYTHING_IS_ASKED
from tests.web.desk import WebDesk, web_desk

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[WebDesk]:
    """A live console over three questions."""
    with web_desk(tmp_path, tasks=3) as made:
        yield made


def first(desk: WebDesk) -> str:
    """The task of the most urgent question."""
    return desk.questions()[0].sighting.task_id


def test_a_press_is_sent_when_its_undo_is_over_and_carries_the_name(asked: WebDesk) -> None:
    """Until then nothing leaves; then exactly once, and the log has who answered."""
    ana, task = asked.person("ana", "reviewer"), first(asked)

    pressed = ana.answer(task, "approve")
    assert (pressed.status_code, pressed.headers["location"]) == (303, f"/task/{task}")
    asked.send_due()
    assert asked.effects() == []
    assert "Undo" in ana.get(f"/task/{task}").text

    asked.house.clock.sleep(11)
    asked.send_due()
    asked.send_due()
    assert asked.effects() == ["approve"]
    assert pending_answers(asked.console.ledger) == []
    (decision,) = [
        logged.decision
        for logged in asked.console.ledger.decisions(task_id=task)
        if logged.decision.action is Action.APPROVE
    ]
    assert decision.decided_by == "ana"


def test_an_undo_within_its_time_leaves_no_trace_over_there(asked: WebDesk) -> None:
    """And the question is open again; after its time there is nothing left to undo."""
    ana, task = asked.person("ana", "reviewer"), first(asked)
    ana.answer(task, "approve")
    assert ana.post(f"/task/{task}/undo").status_code == 303
    asked.house.clock.sleep(60)
    asked.send_due()
    assert asked.effects() == []

    ana.answer(task, "approve")
    asked.house.clock.sleep(11)
    assert ana.post(f"/task/{task}/undo").status_code == 409
    asked.send_due()
    assert asked.effects() == ["approve"]
    assert ana.post(f"/task/{task}/undo").status_code == 409


def test_a_second_press_changes_nothing_and_a_late_one_is_refused(asked: WebDesk) -> None:
    """Of two people the first counts; whoever comes after it was sent is told who was first."""
    ana, ben, task = asked.person("ana", "reviewer"), asked.person("ben", "reviewer"), first(asked)
    seen = ben.seen(task)
    ana.answer(task, "approve")
    late = ben.post(f"/task/{task}/dispute", seen=seen, reason="It is not there, please look.")
    assert late.status_code == 303
    asked.house.clock.sleep(11)
    asked.send_due()
    assert asked.effects() == ["approve"]

    too_late = ben.post(f"/task/{task}/dispute", seen=seen, reason="It is not there, please look.")
    assert too_late.status_code == 409
    assert "ana answered approve" in too_late.text


def test_what_was_not_seen_is_not_answered(asked: WebDesk) -> None:
    """Another mark is 409, and the page says that it changed."""
    ana, task = asked.person("ana", "reviewer"), first(asked)
    for seen in ("", "0" * 24):
        refused = ana.post(f"/task/{task}/approve", seen=seen)
        assert refused.status_code == 409
        assert "look again" in refused.text
    assert pending_answers(asked.console.ledger) == []


def test_own_words_win_over_a_named_text_and_both_are_checked(asked: WebDesk) -> None:
    """Two characters are no reason, and nothing is chosen for anybody."""
    ana, task = asked.person("ana", "reviewer"), first(asked)
    assert ana.answer(task, "dispute").status_code == 422
    short = ana.answer(task, "dispute", reason="no")
    assert short.status_code == 422 and ">no</textarea>" in short.text
    assert ana.answer(task, "dispute", reason_name="nothing").status_code == 422

    ana.answer(task, "dispute", reason_name="not_there", reason="I looked: it is not there.")
    asked.house.clock.sleep(11)
    asked.send_due()
    assert "I looked: it is not there." in (asked.house.world.tasks[task].correction or "")


def test_paying_above_a_sum_asks_once_more_and_repeats_it(tmp_path: Path) -> None:
    """Nothing is pending before the second press."""
    with web_desk(tmp_path, tasks=2) as desk:
        task = first(desk)
        desk.console.settings = desk.console.settings.__class__(
            **{
                name: getattr(desk.console.settings, name)
                for name in desk.console.settings.__struct_fields__
                if name != "console"
            },
            console=desk.console.settings.console.__class__(second_look_micros=1),
        )
        ana = desk.person("ana", "reviewer")
        once = ana.answer(task, "approve")
        assert once.status_code == 200 and "cannot be taken back" in once.text
        assert pending_answers(desk.console.ledger) == []
        assert ana.answer(task, "approve", second_look="yes").status_code == 303
        assert len(pending_answers(desk.console.ledger)) == 1


def test_a_console_that_died_loses_no_answer(asked: WebDesk) -> None:
    """The bot's next pass sends it, and a console that comes back does not send it again."""
    ana, task = asked.person("ana", "reviewer"), first(asked)
    ana.answer(task, "approve")
    asked.house.poll(minutes=1)
    assert asked.effects() == ["approve"]
    asked.send_due()
    assert asked.effects() == ["approve"]
    assert pending_answers(asked.console.ledger) == []


def test_a_pause_stops_people_too_and_is_said(asked: WebDesk) -> None:
    """A press while it lasts is refused with its words."""
    ana, task = asked.person("ana", "reviewer"), first(asked)
    now = asked.house.clock.now()
    pauses.pause(asked.console.ledger, "all", reason="looking", who="lead", until=None, now=now)
    refused = ana.answer(task, "approve")
    assert refused.status_code == 409 and "paused by lead: looking" in refused.text
    assert pending_answers(asked.console.ledger) == []


def test_near_its_end_an_answer_is_sent_at_once(asked: WebDesk) -> None:
    """The time to undo never lasts into the moment at which something else would end the round."""
    ana, task = asked.person("ana", "reviewer"), first(asked)
    future = asked.console.outlook().of("comments", task)
    assert future is not None and future.at is not None
    left = future.at - asked.house.clock.now()
    asked.house.clock.sleep((left - timedelta(minutes=1)).total_seconds())
    ana.answer(task, "dispute", reason="I looked: it is not there.")
    asked.send_due()
    assert asked.effects() == ["dispute"]


def test_near_its_end_one_of_several_is_sent_at_once_too(asked: WebDesk) -> None:
    """Together or alone, no time to undo lasts into the fallback."""
    ana, task = asked.person("ana", "reviewer"), first(asked)
    future = asked.console.outlook().of("comments", task)
    assert future is not None and future.at is not None
    left = future.at - asked.house.clock.now()
    asked.house.clock.sleep((left - timedelta(minutes=1)).total_seconds())
    ana.post(
        "/queue/answer",
        act="dispute",
        task=task,
        seen=ana.seen(task),
        confirmed="yes",
        reason="I looked: it is not there.",
    )
    asked.send_due()
    assert asked.effects() == ["dispute"]


def test_hours_that_bind_people_too_refuse_a_press_and_keep_nothing(tmp_path: Path) -> None:
    """The person is told when they open, in place of an answer that would be dropped later."""
    never_now = EVERYTHING_IS_ASKED.replace(
        "deadline:", "hours:\n  desk:\n    open: sat-sun 00:00-24:00\ndeadline:", 1
    )
    never_now += "guardrails:\n  disputes during: desk\n  people too: yes\n"
    with web_desk(tmp_path, tasks=1, policy=never_now) as desk:
        ana, task = desk.person("ana", "reviewer"), first(desk)
        refused = ana.answer(task, "dispute", reason="I looked: it is not there.")
        assert refused.status_code == 409 and "desk" in refused.text
        assert pending_answers(desk.console.ledger) == []
        assert ana.answer(task, "approve").status_code == 303


def test_a_rehearsal_says_what_it_would_do_and_sends_nothing(tmp_path: Path) -> None:
    """Each page of a console that is not live says so."""
    with web_desk(tmp_path, live=False, tasks=2) as desk:
        ana, task = desk.person("ana", "reviewer"), first(desk)
        page = ana.answer(task, "dispute", reason="I looked: it is not there.")
        assert page.status_code == 200
        assert "nothing was sent" in page.text and "I looked: it is not there." in page.text
        for path in ("/", "/queue", "/log", "/status"):
            assert "Dry run" in ana.get(path).text
        desk.house.clock.sleep(60)
        desk.send_due()
        assert desk.effects() == []


def test_several_at_once_repeat_count_and_money_first(asked: WebDesk) -> None:
    """And each goes the way of a single one."""
    ana = asked.person("ana", "reviewer")
    tasks = [question.sighting.task_id for question in asked.questions()]
    fields = {"form_token": ana.token(), "act": "approve"}
    page = ana.client.post("/queue/answer", data=fields | {"task": tasks})
    assert page.status_code == 200 and f"Pay {len(tasks)} tasks" in page.text
    seen = [ana.seen(task) for task in tasks]
    ana.client.post(
        "/queue/answer", data=fields | {"task": tasks, "seen": seen, "confirmed": "yes"}
    )
    asked.house.clock.sleep(11)
    asked.send_due()
    assert asked.effects() == ["approve"] * len(tasks)


def test_a_claim_is_a_courtesy_that_can_be_taken_over(asked: WebDesk) -> None:
    """Whoever answers in spite of it has to say so."""
    ana, ben, task = asked.person("ana", "reviewer"), asked.person("ben", "reviewer"), first(asked)
    assert ana.post(f"/task/{task}/claim").status_code == 303
    assert ben.post(f"/task/{task}/claim").status_code == 409
    assert ben.answer(task, "approve").status_code == 422
    assert ben.answer(task, "approve", take_over="yes").status_code == 303


@pytest.mark.parametrize(
    "point",
    [
        "pending.kept",
        "pending.before_send",
        "write.before",
        "write.answered",
        "pending.after_send",
    ],
)
def test_a_console_killed_at_any_point_of_an_answer_leaves_it_in_the_log_or_unmade(
    asked: WebDesk, point: str
) -> None:
    """Whatever had happened by then, the bot's next pass brings it to one end, once."""
    ana, task = asked.person("ana", "reviewer"), first(asked)

    def dies(name: str) -> None:
        if name == point:
            raise Dead(name)

    on_fault_point(dies)
    try:
        with suppress(Dead, httpx.HTTPError):
            ana.answer(task, "approve")
            asked.house.clock.sleep(11)
            asked.send_due()
    finally:
        on_fault_point(None)
    for _ in range(3):
        asked.house.poll(minutes=20)
    assert asked.effects() == ["approve"]
    assert pending_answers(asked.console.ledger) == []
    assert asked.console.ledger.verify().whole


class Dead(Exception):
    """The process ends here."""
