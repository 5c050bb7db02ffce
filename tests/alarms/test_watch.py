"""The watch over deadlines: every stage once, together with what is due soon, outage or not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import LoopLimits
from reviewbot.domain.alarm import AlarmKind
from reviewbot.domain.decision import Action
from reviewbot.domain.errors import (
    CannotConnect,
    Forbidden,
    KeyRefused,
    LedgerCorrupt,
    LedgerUnwritable,
    ReviewbotError,
)
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import in_memory, open_ledger
from reviewbot.policy.model import BeforeDeadline, Reminder
from reviewbot.ports.queue import Listing
from reviewbot.review.poll import poll_once
from tests.builders import CONFIRMED, a_task, an_item
from tests.fakes import (
    APPROVE,
    ESCALATE,
    Answer,
    FakeJudge,
    HandClock,
    World,
    always,
    an_app,
    item_of,
)
from tests.policy.judging import judge_of

DEADLINE = CONFIRMED + timedelta(hours=72)


def told(app: BotContext, kind: AlarmKind = AlarmKind.UNDECIDED) -> list[dict[str, Any]]:
    """The alarms of a kind, as the log has them."""
    return [about for about in app.events.named("alarm") if about["kind"] == kind.value]  # type: ignore[attr-defined]


def stages(app: BotContext) -> dict[str, list[int]]:
    """Per task the stages at which it was spoken of."""
    found: dict[str, list[int]] = {}
    for about in told(app):
        found.setdefault(about["facts"]["task_id"], []).append(about["facts"]["hours_left"])
    return found


def a_world(count: int, minutes_apart: int = 5) -> World:
    """Tasks that were confirmed one after another."""
    world = World()
    for number in range(count):
        confirmed = CONFIRMED + timedelta(minutes=number * minutes_apart)
        world.add(an_item(id=f"task-{number}", manually_confirmed_at=confirmed))
    return world


def test_what_is_due_soon_is_told_with_what_is_due() -> None:
    """Tasks five minutes apart make an alarm an hour, not one each; none comes too late."""
    clock = HandClock(CONFIRMED + timedelta(hours=46))
    app = an_app(a_world(24), always(ESCALATE), clock=clock)
    rounds = 0
    while clock.now() < DEADLINE + timedelta(hours=2):
        before = len(told(app))
        poll_once(app)
        rounds += len(told(app)) > before
        clock.forward(minutes=4)

    assert stages(app) == {f"task-{number}": [24, 6, 1] for number in range(24)}
    assert rounds <= 2 + 4 + 12 + 2
    for about in told(app):
        facts = about["facts"]
        assert facts["deadline_at"] is not None


def test_an_outage_silences_nothing_the_log_knows_of() -> None:
    """A process that starts while the API is away speaks of the tasks that an earlier one saw."""
    ledger, clock = open_ledger("memory:"), HandClock(CONFIRMED + timedelta(hours=1))
    poll_once(an_app(a_world(3), always(ESCALATE), clock=clock, ledger=ledger))
    away = World(trouble={"waiting": [CannotConnect("away")] * 200})
    app = an_app(away, always(ESCALATE), clock=clock, ledger=ledger)
    for _ in range(150):
        with pytest.raises(CannotConnect):
            poll_once(app)
        clock.forward(minutes=30)

    assert stages(app) == {f"task-{number}": [24, 6, 1] for number in range(3)}


def test_what_an_earlier_round_came_to_is_not_said_of_the_next() -> None:
    """The log saw it come again, nobody has judged it, and the API is away."""
    ledger, clock = open_ledger("memory:"), HandClock(CONFIRMED + timedelta(hours=1))
    poll_once(an_app(a_world(1), always(ESCALATE), clock=clock, ledger=ledger))
    clock.forward(hours=10)
    again = an_item(id="task-0", manually_confirmed_at=clock.now())
    ledger.sight([again], clock.now())
    (kept,) = [seen for seen in ledger.unended("comments") if seen.epoch == again.epoch]
    app = an_app(
        World(trouble={"waiting": [CannotConnect("away")] * 200}),
        always(ESCALATE),
        clock=clock,
        ledger=ledger,
    )
    for _ in range(20):
        with pytest.raises(CannotConnect):
            poll_once(app)
        clock.forward(minutes=30)

    (bench,) = app.benches
    assert bench.open_rounds is not None
    assert kept.task_id in bench.open_rounds
    assert bench.open_rounds["task-0"].epoch == again.epoch
    assert bench.open_rounds["task-0"].action is None


class Unreadable(SqlLedger):
    """A log that cannot be read, twice."""

    times = 2

    def unended(self, review: Any) -> Any:
        """Fail, until it is mended."""
        self.times -= 1
        if self.times >= 0:
            raise LedgerCorrupt("the ledger is damaged")
        return super().unended(review)


def test_a_log_that_cannot_be_read_is_read_at_the_next_look() -> None:
    """The watch goes on beside the outage, and speaks as soon as it can."""
    ledger, clock = Unreadable(in_memory()), HandClock(CONFIRMED + timedelta(hours=1))
    ledger.sight([an_item(id="task-0")], clock.now())
    away = World(trouble={"waiting": [CannotConnect("away")] * 200})
    app = an_app(away, always(ESCALATE), clock=clock, ledger=ledger)
    clock.forward(hours=60)
    for told_by_then in (0, 0, 1):
        with pytest.raises(CannotConnect):
            poll_once(app)
        assert len(told(app)) == told_by_then
        clock.forward(minutes=30)


class Blank(World):
    """An API whose list says nothing of what it would show one by one."""

    def waiting(self) -> Listing:
        """An empty list."""
        self._call("waiting")
        return Listing(items=())


def test_a_round_that_is_only_missing_on_the_list_is_spoken_of() -> None:
    """Read by itself it still waits: silence will pay it, so it counts as open until it has ended."""
    ledger, clock = open_ledger("memory:"), HandClock(CONFIRMED + timedelta(hours=1))
    world = a_world(2)
    poll_once(an_app(world, always(ESCALATE), clock=clock, ledger=ledger))
    blank = Blank(tasks=world.tasks)
    app = an_app(blank, always(ESCALATE), clock=clock, ledger=ledger)
    while clock.now() < DEADLINE - timedelta(minutes=30):
        summary = poll_once(app)
        assert {seen.task_id for seen in summary.undecided} == {"task-0", "task-1"}
        clock.forward(minutes=30)

    assert stages(app) == {"task-0": [24, 6, 1], "task-1": [24, 6, 1]}

    for task in blank.tasks:
        blank.change(task, status="finalized", finalized_at=DEADLINE)
    clock.forward(hours=1)
    assert poll_once(app).undecided == ()


@pytest.mark.parametrize(
    "lost",
    [("client_dispute_deadline_at",), ("client_dispute_deadline_at", "manually_confirmed_at")],
)
def test_a_deadline_that_the_api_no_longer_says_is_still_watched(lost: tuple[str, ...]) -> None:
    """It expires all the same; what was once said of a round holds until it says otherwise."""
    clock, world = HandClock(CONFIRMED + timedelta(hours=40)), a_world(1)
    app = an_app(world, always(ESCALATE), clock=clock)
    poll_once(app)
    world.change("task-0", **dict.fromkeys(lost))
    while clock.now() < DEADLINE:
        poll_once(app)
        clock.forward(minutes=30)

    assert stages(app) == {"task-0": [24, 6, 1]}


@pytest.mark.parametrize("ever", [True, False])
@pytest.mark.parametrize(
    "lost",
    [("client_dispute_deadline_at",), ("client_dispute_deadline_at", "manually_confirmed_at")],
)
def test_a_restart_knows_a_deadline_that_the_api_no_longer_says(
    lost: tuple[str, ...], ever: bool
) -> None:
    """By the log; where it never said any, by the window that began when the round did."""
    ledger, clock = open_ledger("memory:"), HandClock(CONFIRMED + timedelta(hours=40))
    world = a_world(1)
    if not ever:
        world.change("task-0", client_dispute_deadline_at=None)
    poll_once(an_app(world, always(ESCALATE), clock=clock, ledger=ledger))
    world.change("task-0", **dict.fromkeys(lost))
    app = an_app(world, always(ESCALATE), clock=clock, ledger=ledger)
    while clock.now() < DEADLINE + timedelta(hours=40 * (not ever)):
        poll_once(app)
        clock.forward(minutes=30)

    assert stages(app) == {"task-0": [24, 6, 1]}


def test_what_was_decided_before_an_outage_is_not_spoken_of() -> None:
    """The log knows that as well."""
    ledger, clock = open_ledger("memory:"), HandClock(CONFIRMED + timedelta(hours=1))
    poll_once(an_app(a_world(2), always(APPROVE), clock=clock, ledger=ledger))
    away = World(trouble={"waiting": [CannotConnect("away")]})
    clock.forward(hours=70.5)
    app = an_app(away, always(APPROVE), clock=clock, ledger=ledger)
    with pytest.raises(CannotConnect):
        poll_once(app)

    assert told(app) == []


def test_a_restart_repeats_no_stage() -> None:
    """What arrived is in the log."""
    ledger, clock = open_ledger("memory:"), HandClock(CONFIRMED + timedelta(hours=49))
    first = an_app(a_world(2), always(ESCALATE), clock=clock, ledger=ledger)
    first.notifier.alarms = with_a_channel(first)
    poll_once(first)
    second = an_app(a_world(2), always(ESCALATE), clock=clock, ledger=ledger)
    second.notifier.alarms = with_a_channel(second)
    poll_once(second)

    assert (len(told(first)), len(told(second))) == (2, 0)


def with_a_channel(app: BotContext) -> Any:
    """Alarms that arrive."""
    from reviewbot.alarms.dispatcher import AlarmDispatcher
    from tests.alarms.test_alarms import ROUTES, FakePost

    return AlarmDispatcher(
        ledger=app.ledger, clock=app.clock, events=app.events, routes=ROUTES, post=FakePost()
    )


def test_within_a_long_pass_the_deadlines_are_watched() -> None:
    """What still waits for its turn is spoken of when its hour comes."""
    clock = HandClock(CONFIRMED + timedelta(hours=47))
    world = a_world(40)
    seen: list[int] = []

    class Slow(FakeJudge):
        def judge(self, facts: Any, *, trace: bool = False) -> Any:
            clock.forward(minutes=5)
            seen.append(len(told(app)))
            return super().judge(facts, trace=trace)

        def triage(self, facts: Any, *, trace: bool = False) -> Any:
            return self.judge(facts, trace=trace)

    app = an_app(world, Slow(lambda facts: ESCALATE), clock=clock)
    poll_once(app)

    assert max(seen) > 0
    waits = [about["sentence"] for about in told(app) if "not reviewed yet" in about["sentence"]]
    assert waits


def test_a_question_whose_turn_has_not_come_again_is_spoken_of_as_one() -> None:
    """Its hour comes within a long pass: it is told in time, and that a person is asked."""
    clock, said_by_turn = HandClock(CONFIRMED + timedelta(hours=47)), list[list[str]]()

    def slowly(facts: Any) -> Answer:
        said_by_turn.append([about["sentence"] for about in told(app)])
        clock.forward(minutes=5)
        return ESCALATE

    app = an_app(a_world(2, minutes_apart=1), FakeJudge(slowly), clock=clock)
    poll_once(app)
    clock.start = CONFIRMED + timedelta(hours=48, minutes=-3) - (clock.now() - clock.start)
    said_by_turn.clear()
    poll_once(app)

    assert said_by_turn[0] == []
    assert len(said_by_turn[-1]) == 2
    assert all("'no rule' asks a person" in sentence for sentence in said_by_turn[-1])


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ESCALATE, "'no rule' asks a person, and nobody has answered"),
        (Answer(action=Action.WAIT), "'the rule' waits"),
        (
            Answer(action=Action.DISPUTE, reason="x" * 9, until=DEADLINE - timedelta(hours=1)),
            "'the rule' holds its dispute until it may go",
        ),
    ],
)
def test_an_alarm_says_why_and_what_otherwise(answer: Any, says: str) -> None:
    """A person can decide what to do by the one sentence."""
    app = an_app(a_world(1), always(answer), clock=HandClock(CONFIRMED + timedelta(hours=49)))
    poll_once(app)

    (about,) = told(app)
    assert says in about["sentence"]
    assert "24 h or less before its deadline (Fri 05 Jun 12:00 UTC); otherwise" in about["sentence"]


# A policy's own moments ----------------------------------------------------------------------


def reminding(*reminders: tuple[float, str]) -> FakeJudge:
    """A judge that escalates, whose policy reminds so many hours before the deadline."""
    judge = always(ESCALATE)
    remind = tuple(
        Reminder(
            at=BeforeDeadline(seconds=hours * 3600, text=f"{hours:g}h before deadline"), to=(to,)
        )
        for hours, to in reminders
    )
    judge.policy = replace(judge.policy, deadline=replace(judge.policy.deadline, remind=remind))
    return judge


def test_each_target_is_reminded_at_each_of_its_moments() -> None:
    """Once each, in order, by the name the policy says."""
    clock = HandClock(CONFIRMED)
    app = an_app(a_world(1), reminding((12, "lead"), (6, "lead"), (6, "desk")), clock=clock)
    for _ in range(150):
        poll_once(app)
        clock.forward(minutes=30)

    found = [
        (about["to"], about["subject"].split(" ", 1)[1]) for about in told(app, AlarmKind.REMINDER)
    ]
    assert found == [
        (("lead",), "12h before deadline lead"),
        (("lead",), "6h before deadline lead"),
        (("desk",), "6h before deadline desk"),
    ]


def test_a_rule_reminds_of_its_own_questions_and_of_each_several_people() -> None:
    """Beside the deadline's reminders, and of nothing that another rule asked."""
    judge = judge_of(
        "rules:\n"
        "  - {name: first, when: {task.platform: tiktok}, then: escalate, to: [desk, lead],"
        " remind: {12h before deadline: [lead, boss]}}\n"
        "  - {name: second, always: yes, then: escalate}\n",
        deadline="deadline:\n  decide by: 1h before deadline\n  if undecided: approve\n"
        "  because: In time.\n  remind:\n    6h before deadline: desk\n",
    )
    clock, world = HandClock(CONFIRMED), World()
    world.add(an_item(id="t1"), item_of(replace(a_task(), id="t2", platform="instagram")))
    app = an_app(world, judge, clock=clock)
    for _ in range(142):
        poll_once(app)
        clock.forward(minutes=30)

    questions = told(app, AlarmKind.QUESTION)
    asked = [about["to"] for about in questions if about["subject"].startswith("t1")]
    assert asked == [("desk", "lead")]
    found = [
        (about["subject"][:2], about["subject"].split(" ", 1)[1])
        for about in told(app, AlarmKind.REMINDER)
    ]
    assert sorted(found) == [
        ("t1", "12h before deadline boss"),
        ("t1", "12h before deadline lead"),
        ("t1", "6h before deadline desk"),
        ("t2", "6h before deadline desk"),
    ]


def test_a_late_start_reminds_of_the_last_moment_only() -> None:
    """Nobody needs yesterday's reminder as well."""
    clock = HandClock(DEADLINE - timedelta(hours=5))
    app = an_app(a_world(1), reminding((12, "lead"), (6, "lead")), clock=clock)
    poll_once(app)

    assert [about["subject"].split(" ", 1)[1] for about in told(app, AlarmKind.REMINDER)] == [
        "6h before deadline lead"
    ]


def test_what_is_reminded_of_soon_is_reminded_of_with_what_is_due() -> None:
    """Five tasks within twenty minutes make two messages, of a quarter of an hour each."""
    clock = HandClock(CONFIRMED + timedelta(hours=65))
    app = an_app(a_world(5), reminding((6, "lead")), clock=clock)
    times = 0
    for _ in range(40):
        before = len(told(app, AlarmKind.REMINDER))
        poll_once(app)
        times += len(told(app, AlarmKind.REMINDER)) > before
        clock.forward(minutes=4)

    assert len(told(app, AlarmKind.REMINDER)) == 5
    assert times == 2


# Outages -------------------------------------------------------------------------------------


def failing(error: ReviewbotError, times: int) -> tuple[BotContext, HandClock]:
    """A bot whose list cannot be read so many times."""
    clock = HandClock(CONFIRMED)
    world = World(trouble={"waiting": [error] * times})
    return an_app(world, always(ESCALATE), clock=clock, limits=LoopLimits(away=600.0)), clock


def polls(app: BotContext, clock: HandClock, count: int) -> Iterator[bool]:
    """Polls a minute apart; whether each went through."""
    for _ in range(count):
        try:
            poll_once(app)
        except ReviewbotError:
            yield False
        else:
            yield True
        clock.forward(minutes=1)


def test_an_api_that_is_away_is_told_after_a_while_and_again_when_it_is_back() -> None:
    """Not at the first hiccup; hourly; and once more at the end."""
    app, clock = failing(CannotConnect("connection refused"), 80)
    assert list(polls(app, clock, 82)).count(False) == 80

    alarms = [
        (about["mended"], about["facts"].get("seconds")) for about in told(app, AlarmKind.API_AWAY)
    ]
    assert alarms == [(False, 600), (False, 4200), (True, None)]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KeyRefused("expired", status=401), AlarmKind.KEY),
        (Forbidden("GET /comments: the API answered 403 SCOPE_MISSING", status=403), AlarmKind.KEY),
        (LedgerUnwritable("disk full"), AlarmKind.LEDGER),
    ],
)
def test_what_needs_a_person_is_told_at_once(error: ReviewbotError, kind: AlarmKind) -> None:
    """Without waiting for a second failure."""
    app, clock = failing(error, 1)
    list(polls(app, clock, 2))

    assert [about["mended"] for about in told(app, kind)] == [False, True]


# What one review makes people know -----------------------------------------------------------


def test_a_question_goes_to_whom_its_rule_names_once() -> None:
    """Without a name it is a note for the default channels."""
    answer = Answer(
        action=Action.ESCALATE, rule="second visit", reason="Is it there now?", to=("desk",)
    )
    app = an_app(a_world(1), always(answer))
    poll_once(app)
    poll_once(app)

    (about,) = told(app, AlarmKind.QUESTION)
    assert about["to"] == ("desk",)
    assert about["sentence"].endswith("(until Fri 05 Jun 12:00 UTC): Is it there now?")


def test_a_late_decision_is_told() -> None:
    """Made, but too late to find out about an unclear answer."""
    clock = HandClock(DEADLINE - timedelta(minutes=5))
    app = an_app(a_world(1), always(APPROVE), clock=clock)
    poll_once(app)

    (about,) = told(app, AlarmKind.LATE)
    assert "came late" in about["sentence"]


def test_a_silent_payment_is_told() -> None:
    """With the cause, as soon as it is found out."""
    clock, world = HandClock(DEADLINE - timedelta(hours=2)), a_world(1)
    app = an_app(world, always(ESCALATE), clock=clock)
    poll_once(app)
    clock.forward(hours=2, minutes=1)
    world.change("task-0", status="finalized", finalized_at=clock.now())
    poll_once(app)

    (about,) = told(app, AlarmKind.SILENCE)
    assert "was paid by silence" in about["sentence"]
    assert "nobody answered" in about["sentence"]
