"""Settling by reading what a crash or an outage left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.core.context import BotContext, Sent
from reviewbot.core.pipeline import ReviewPipeline
from reviewbot.domain import round_state
from reviewbot.domain.decision import State
from reviewbot.domain.errors import ApiError, Forbidden, KeyRefused, NoAnswer, NotFound, ServerFault
from reviewbot.domain.fault_point import on_fault_point
from reviewbot.domain.review import ReviewItem
from reviewbot.review.fetch import note_sights
from reviewbot.review.poll import poll_once
from reviewbot.review.recover import resume
from tests.builders import CONFIRMED, an_item
from tests.fakes import (
    APPROVE,
    DISPUTE,
    START,
    Answer,
    HandClock,
    World,
    a_bot,
    a_due,
    always,
    an_app,
    outcomes,
    said,
    world_of,
)

TASK = an_item().id
DEADLINE = CONFIRMED + timedelta(hours=72)


def left_unknown(answer: Answer, clock: HandClock | None = None) -> tuple[World, HandClock, Any]:
    """A bot whose one write got no answer."""
    world, clock = World(trouble={"perform": [NoAnswer("reset")]}), clock or HandClock()
    world.add(an_item())
    app = an_app(world, always(answer), clock=clock)
    poll_once(app)
    assert outcomes(app) == {TASK: "unknown"}
    clock.forward(minutes=1)
    return world, clock, app


@pytest.mark.parametrize(
    ("answer", "state", "outcome"),
    [
        (
            APPROVE,
            {"status": "finalized", "finalized_at": DEADLINE - timedelta(hours=9)},
            "settled",
        ),
        (APPROVE, {"status": "finalized", "finalized_at": DEADLINE}, "overtaken"),
        (APPROVE, {"status": "pending_corrections", "manually_confirmed_at": None}, "overtaken"),
        (APPROVE, {"manually_confirmed_at": DEADLINE}, "overtaken"),
        (APPROVE, {"status": "cancelled"}, "overtaken"),
        (
            DISPUTE,
            {
                "status": "pending_corrections",
                "correction_required": 'x\n\n"Please post it  again."',
            },
            "settled",
        ),
        (
            DISPUTE,
            {"status": "pending_corrections", "correction_required": "Someone else's words"},
            "overtaken",
        ),
        (DISPUTE, {"status": "pending_corrections"}, "settled"),
        (DISPUTE, {"manually_confirmed_at": DEADLINE}, "settled"),
        (DISPUTE, {"status": "verified_auto", "manually_confirmed_at": None}, "settled"),
        (DISPUTE, {"status": "finalized", "finalized_at": DEADLINE}, "overtaken"),
        (APPROVE, {"status": "needs_review"}, "unknown"),
    ],
)
def test_what_stands_there_tells_whose_it_was(
    answer: Answer, state: dict[str, Any], outcome: str
) -> None:
    """The state of the task, its epoch and the text shown settle an unclear write."""
    world, _, app = left_unknown(answer)
    world.change(TASK, **state)

    poll_once(app)

    assert app.ledger.decisions()[0].state.value == outcome


def test_what_an_earlier_try_came_to_is_not_what_a_later_one_did() -> None:
    """Another replica has voided it meanwhile, tried again, and got no answer: its quarantine has just begun."""
    world, clock, app = left_unknown(APPROVE)
    clock.forward(minutes=20)
    decision = app.ledger.decisions()[0].decision

    def meanwhile(point: str) -> None:
        if point == "resume.read":
            on_fault_point(None)
            app.ledger.mark(decision.id, State.VOID, clock.now())
            app.ledger.intend(decision)
            app.ledger.mark(decision.id, State.UNKNOWN, clock.now())

    on_fault_point(meanwhile)
    try:
        note_sights(app.benches[0], (world.tasks[TASK],), app.clock.monotonic())
        resume(app, app.benches[0], {TASK: world.tasks[TASK]})
    finally:
        on_fault_point(None)

    (logged,) = app.ledger.decisions()
    assert (logged.state, logged.tries) == (State.UNKNOWN, 2)


@pytest.mark.parametrize("lost", ["finalized_at", "manually_confirmed_at"])
@pytest.mark.parametrize(
    ("answer", "at", "outcome", "note"),
    [
        (APPROVE, START, "settled", "as we asked"),
        (APPROVE, DEADLINE, "overtaken", "by silence"),
        (DISPUTE, DEADLINE, "overtaken", "by silence"),
    ],
)
def test_a_payment_that_does_not_say_its_end_settles_nothing_at_first(
    lost: str, answer: Answer, at: Any, outcome: str, note: str
) -> None:
    """One answer may have lost a field; the next one tells what became of our write."""
    world, _, app = left_unknown(answer)
    whole = {"finalized_at": at, "manually_confirmed_at": world.tasks[TASK].started_at}
    world.change(TASK, status="finalized", **whole | {lost: None})

    poll_once(app)
    assert outcomes(app) == {TASK: "unknown"}
    world.change(TASK, **whole)
    poll_once(app)

    (logged,) = app.ledger.decisions()
    assert (logged.state.value, logged.note.endswith(note)) == (outcome, True)


def test_a_payment_that_never_says_its_end_is_settled_by_what_is_there() -> None:
    """Nobody waits for ever for a field that the API no longer sends."""
    world, _, app = left_unknown(APPROVE)
    world.change(TASK, status="finalized", finalized_at=None)

    poll_once(app)
    poll_once(app)

    assert outcomes(app) == {TASK: "settled"}


def test_a_task_that_is_gone_is_overtaken_after_the_quarantine() -> None:
    """404: nothing of ours can be seen there; within the quarantine that may be a lapse."""
    world, clock, app = left_unknown(APPROVE)
    del world.tasks[TASK]
    poll_once(app)
    assert outcomes(app) == {TASK: "unknown"}

    clock.forward(minutes=15)
    poll_once(app)

    assert outcomes(app) == {TASK: "overtaken"}


def test_nothing_came_is_said_only_after_the_quarantine_and_two_readings() -> None:
    """For 15 minutes it may still arrive; then list and task agree, and it is judged anew."""
    world, clock, app = left_unknown(APPROVE)
    clock.forward(minutes=13, seconds=59)
    poll_once(app)
    assert outcomes(app) == {TASK: "unknown"}
    assert "look" not in world.calls, "the list already tells that it still waits"

    clock.forward(seconds=2)
    poll_once(app)

    assert world.calls.count("look") == 1
    assert outcomes(app) == {TASK: "performed"}
    assert [
        entry.state.value for entry in app.ledger.entries(app.ledger.decisions()[0].decision.id)
    ] == [
        "intent",
        "unknown",
        "void",
        "intent",
        "performed",
    ]


def test_a_late_arrival_within_the_quarantine_is_ours() -> None:
    """It lands after five minutes; the next pass sees it."""
    world, clock, app = left_unknown(APPROVE)
    clock.forward(minutes=4)
    world.apply(app.ledger.decisions()[0].decision, at=clock.now())

    poll_once(app)

    assert outcomes(app) == {TASK: "settled"}
    assert len(world.sent) == 0


def test_a_quarantine_beyond_the_deadline_is_only_read() -> None:
    """Ten minutes before the deadline nothing is sent again, and silence is named."""
    clock = HandClock(DEADLINE - timedelta(minutes=10))
    world, clock, app = left_unknown(APPROVE, clock)

    clock.forward(minutes=16)
    poll_once(app)
    assert outcomes(app) == {TASK: "unknown"}
    world.change(TASK, status="finalized", finalized_at=DEADLINE)
    poll_once(app)

    assert outcomes(app) == {TASK: "overtaken"}
    poll_once(app)
    assert [ending.by for ending in app.ledger.endings()] == ["silence"]


def test_an_intent_of_a_killed_process_is_settled_like_an_unclear_write() -> None:
    """The process died between intent and answer; the next one reads."""
    world, clock = World(), HandClock()
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)

    def die(decision: object) -> None:
        raise SystemExit

    world.after_write = die
    with pytest.raises(SystemExit):
        poll_once(app)
    world.after_write = None
    again = an_app(world, always(APPROVE), clock=clock, ledger=app.ledger)
    poll_once(again)

    assert outcomes(again) == {TASK: "settled"}
    assert len(world.sent) == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Forbidden("another's", status=403, code="RESOURCE_NOT_OWNED"), "unknown"),
        (NotFound("gone", status=404), "unknown"),
        (ServerFault("broken", status=500), "unknown"),
        (NoAnswer("reset"), "unknown"),
    ],
)
def test_what_cannot_be_read_stays_open(error: ApiError, outcome: str) -> None:
    """A failed reading settles nothing; nor does one that finds nothing, within the quarantine."""
    world, _, app = left_unknown(APPROVE)
    world.change(TASK, status="finalized", finalized_at=DEADLINE - timedelta(hours=9))
    world.trouble["look"] = [error]

    poll_once(app)

    assert app.ledger.decisions()[0].state.value == outcome
    assert len(app.events.named("cannot settle")) == (error.status not in (403, 404))


@pytest.mark.parametrize(
    "error",
    [KeyRefused("no such key", status=401), Forbidden("no scope", status=403, code="FORBIDDEN")],
)
def test_a_key_that_may_not_read_ends_the_pass(error: ApiError) -> None:
    """No later task can be read by it either; the write stays open."""
    world, _, app = left_unknown(APPROVE)
    world.change(TASK, status="finalized", finalized_at=DEADLINE - timedelta(hours=9))
    world.trouble["look"] = [error]

    with pytest.raises(type(error)):
        poll_once(app)

    assert outcomes(app) == {TASK: "unknown"}


def test_a_write_of_the_other_kind_of_review_is_left_to_it() -> None:
    """The list of comments says nothing about what was sent for an account."""
    world, _, app = left_unknown(APPROVE)
    world.change(TASK, status="finalized", finalized_at=DEADLINE - timedelta(hours=9))
    world.review = "accounts"
    accounts = ReviewPipeline(queue=world, judges=(), desk=world)  # type: ignore[arg-type]

    assert resume(app, accounts, {}) == 0
    assert outcomes(app) == {TASK: "unknown"}


# To the letter -------------------------------------------------------------------------------


QUARANTINE = timedelta(minutes=15)


def an_open_write(**changes: Any) -> BotContext:
    """A bot whose log holds a write without a clear answer, intended at START."""
    app = a_bot()
    decision = replace(a_due(app), **changes)
    app.ledger.intend(decision)
    app.ledger.mark(decision.id, State.UNKNOWN, START, note="timeout")
    world_of(app).calls.clear()
    return app


def test_a_list_that_began_within_the_quarantine_is_no_reading_after_it() -> None:
    """One of many small pages takes long; its row is as old as the request for it."""
    world, clock, app = left_unknown(APPROVE)
    item = world.tasks[TASK]
    clock.forward(minutes=app.limits.quarantine / timedelta(minutes=1) - 1.5)
    note_sights(app.benches[0], (item,), clock.monotonic())
    clock.forward(minutes=1)
    assert resume(app, app.benches[0], {TASK: item}) == 1
    note_sights(app.benches[0], (item,), clock.monotonic())
    assert resume(app, app.benches[0], {TASK: item}) == 0


def resumed(app: BotContext, *listed: ReviewItem) -> tuple[int, State, str | None]:
    """How many writes stay open, and what the log says of the one."""
    note_sights(
        app.benches[0], listed, app.clock.monotonic()
    )  # as the list of a pass has just done
    left = resume(app, app.benches[0], {item.id: item for item in listed})
    (logged,) = app.ledger.decisions()
    return left, logged.state, logged.note


def test_what_is_settled_is_said_with_all_that_names_it() -> None:
    """At its moment, in the words of the log."""
    app = an_open_write()
    app.clock.sleep(60)
    world_of(app).change(TASK, status="finalized", finalized_at=START)
    assert resumed(app) == (0, State.SETTLED, "it is finalized, as we asked")
    (logged,) = app.ledger.decisions()
    assert said(app).events == [
        (
            "settled",
            {
                "id": logged.decision.id,
                "task_id": TASK,
                "epoch": an_item().epoch,
                "action": "approve",
                "state": "settled",
                "note": "it is finalized, as we asked",
            },
        )
    ]
    assert said(app).levels == [("settled", "info")]
    assert logged.state_at == START + timedelta(seconds=60)


def test_a_reading_goes_by_its_named_points() -> None:
    """The proofs that stop the program there rely on the names."""
    app = an_open_write()
    world_of(app).change(TASK, status="finalized", finalized_at=START)
    passed: list[str] = []
    on_fault_point(passed.append)
    try:
        resumed(app)
    finally:
        on_fault_point(None)
    assert [name for name in passed if name.startswith("resume")] == [
        "resume.read",
        "resume.settled",
    ]


@pytest.mark.parametrize(
    ("after", "listed", "looks", "state"),
    [
        (QUARANTINE - timedelta(microseconds=1), True, 0, State.UNKNOWN),
        (QUARANTINE, True, 1, State.VOID),
        (QUARANTINE, False, 1, State.UNKNOWN),
        (timedelta(0), False, 1, State.UNKNOWN),
    ],
)
def test_nothing_came_where_list_and_task_say_so_after_the_quarantine(
    after: timedelta, listed: bool, looks: int, state: State
) -> None:
    """To the microsecond; within it a task that is listed is not even asked for."""
    app = an_open_write()
    app.clock.sleep(after.total_seconds())
    left, found, note = resumed(app, *([an_item()] if listed else []))
    assert (left, found) == (int(state is State.UNKNOWN), state)
    assert note == (round_state.NOTHING_CAME if state is State.VOID else "timeout")
    assert world_of(app).calls.count("look") == looks


def test_a_time_that_the_reading_takes_back_ends_no_quarantine() -> None:
    """The list came with a wrong date; the task's own answer set the clock right."""
    app = an_open_write()
    clock = app.clock
    assert isinstance(clock, HandClock)
    clock.forward(hours=2)
    on_fault_point(lambda name: clock.forward(hours=-2) if name == "resume.read" else None)
    try:
        assert resumed(app, an_item()) == (1, State.UNKNOWN, "timeout")
    finally:
        on_fault_point(None)


def test_a_list_that_shows_another_round_is_no_reading_of_this_one() -> None:
    """The task itself is asked."""
    app = an_open_write()
    listed = replace(an_item(), epoch="another")
    assert resumed(app, listed)[:2] == (1, State.UNKNOWN)
    assert world_of(app).calls == ["look"]


@pytest.mark.parametrize(
    ("minutes", "estimate", "state"),
    [(15, False, State.UNKNOWN), (15.01, False, State.VOID), (15, True, State.VOID)],
)
def test_a_quarantine_that_reaches_the_deadline_is_never_over(
    minutes: float, estimate: bool, state: State
) -> None:
    """One that ends before it is; an estimate is no deadline."""
    deadline = START + timedelta(minutes=minutes)
    app = an_open_write(deadline_at=deadline, deadline_is_estimate=estimate)
    app.clock.sleep(3_600)
    assert resumed(app, an_item())[1] is state


def test_a_task_that_is_gone_is_left_for_its_quarantine() -> None:
    """One 404 may be a lapse."""
    app = an_open_write()
    world_of(app).tasks.clear()
    app.clock.sleep(QUARANTINE.total_seconds() - 1)
    assert resumed(app) == (1, State.UNKNOWN, "timeout")
    app.clock.sleep(1)
    assert resumed(app) == (0, State.OVERTAKEN, "it is gone")


def test_what_belongs_to_somebody_else_now_is_overtaken_after_its_quarantine() -> None:
    """Where it is gone from the list too; without a code nobody knows what is forbidden."""
    app = an_open_write()
    look = world_of(app).trouble
    look["look"] = [Forbidden("no", status=403)]
    with pytest.raises(Forbidden):
        resumed(app)
    look["look"] = [Forbidden("no", status=403, code="TASK_NOT_OWNED")] * 2
    assert resumed(app) == (1, State.UNKNOWN, "timeout")
    app.clock.sleep(QUARANTINE.total_seconds())
    assert resumed(app) == (0, State.OVERTAKEN, "it is no longer ours to see")


@pytest.mark.parametrize(
    "error",
    [NotFound("404", status=404), Forbidden("403", status=403, code="COMMENT_TASK_NOT_OWNED")],
)
def test_what_the_list_shows_is_not_gone_because_one_answer_says_so(error: ApiError) -> None:
    """Two lists in a row after the quarantine are the two readings that nothing has come."""
    app = an_open_write()
    app.clock.sleep(QUARANTINE.total_seconds())
    world_of(app).trouble["look"] = [error, error]
    assert resumed(app, an_item()) == (1, State.UNKNOWN, "timeout")
    assert resumed(app, an_item()) == (0, State.VOID, round_state.NOTHING_CAME)
    assert app.benches[0].contradicted == set()


# The quarantine and the clocks ---------------------------------------------------------------


@pytest.mark.parametrize("jump", [-29, -16, -1, 1, 16, 29])
def test_a_jump_of_the_apis_clock_changes_no_quarantine_of_this_process(jump: int) -> None:
    """It is counted by the clock that nobody sets."""
    app = an_open_write()
    (logged,) = app.ledger.open_intents()
    app.sent[logged.decision.key] = Sent(logged.decision, logged.decision.id, 0.0)
    clock = app.clock
    assert isinstance(clock, HandClock)
    clock.start += timedelta(minutes=jump)
    clock.sleep(QUARANTINE.total_seconds() - 1)
    assert resumed(app, an_item())[1] is State.UNKNOWN
    clock.sleep(1)
    assert resumed(app, an_item())[1] is State.VOID
    assert app.sent == {}


def test_the_quarantine_of_anothers_try_is_not_counted_from_ours() -> None:
    """Two instances took turns: the newest try left another process, a minute ago."""
    app = an_open_write()
    (logged,) = app.ledger.open_intents()
    app.sent[logged.decision.key] = Sent(logged.decision, logged.decision.id, 0.0)
    app.clock.sleep(QUARANTINE.total_seconds())
    again = replace(logged.decision, decided_at=app.clock.now())
    app.ledger.mark(again.id, State.VOID, app.clock.now())
    app.ledger.intend(again)
    app.ledger.mark(again.id, State.UNKNOWN, app.clock.now())
    app.clock.sleep(60)
    assert resumed(app, an_item())[1] is State.UNKNOWN


@pytest.mark.parametrize("before", [-10, 0, 10])
@pytest.mark.parametrize("jump", [-29, -16, -1, 0, 1, 16, 29])
def test_after_a_restart_the_later_of_both_clocks_counts(before: int, jump: int) -> None:
    """The API's clock and this machine's: a jump of either never makes the quarantine shorter."""
    app = a_bot()
    clock = app.clock
    assert isinstance(clock, HandClock)
    app.skew = lambda: timedelta(minutes=before)
    decision = a_due(app)
    assert decision.clock_ahead == before * 60
    app.ledger.intend(decision)
    app.ledger.mark(decision.id, State.UNKNOWN, clock.now(), note="timeout")
    clock.start += timedelta(minutes=jump)
    app.skew = lambda: timedelta(minutes=before + jump)
    longest = QUARANTINE - timedelta(minutes=min(jump, 0))
    clock.sleep(longest.total_seconds() - 1)
    assert resumed(app, an_item())[1] is State.UNKNOWN
    clock.sleep(1)
    assert resumed(app, an_item())[1] is State.VOID


@pytest.mark.parametrize("days", [-3, 3])
def test_a_machine_whose_clock_was_set_by_days_is_not_believed(days: int) -> None:
    """Its write would be in quarantine for days, beyond its deadline; the API's clock alone counts."""
    app = a_bot()
    clock = app.clock
    assert isinstance(clock, HandClock)
    app.skew = lambda: timedelta(days=days)
    decision = a_due(app)
    app.ledger.intend(decision)
    app.ledger.mark(decision.id, State.UNKNOWN, clock.now(), note="timeout")
    app.skew = lambda: timedelta(0)
    clock.sleep(QUARANTINE.total_seconds() - 1)
    assert resumed(app, an_item())[1] is State.UNKNOWN
    clock.sleep(1)
    assert resumed(app, an_item())[1] is State.VOID


def test_a_write_that_is_sent_notes_when_by_the_clock_that_nobody_sets() -> None:
    """And forgets it with its answer."""
    world, clock, app = left_unknown(APPROVE)
    (logged,) = app.ledger.open_intents()
    assert app.sent == {an_item().key: Sent(logged.decision, logged.decision.id, 0.0)}
    clock.start += timedelta(minutes=16)
    for _ in range(5):
        poll_once(app)
        clock.forward(minutes=1)
    assert len(world.keys) == 1
    clock.forward(minutes=10)
    poll_once(app)
    assert len(world.keys) == 2
    assert app.sent == {}


def test_what_its_sender_has_closed_meanwhile_is_settled() -> None:
    """A person's answer beside the bot: both find out at the same moment, and neither fails."""
    app = an_open_write()
    world_of(app).change(TASK, status="finalized", finalized_at=START)
    (logged,) = app.ledger.open_intents()

    def answer(name: str) -> None:
        if name == "resume.read":
            on_fault_point(None)
            app.ledger.mark(logged.decision.id, State.VOID, START, note="429 after all")

    on_fault_point(answer)
    try:
        assert resumed(app) == (0, State.VOID, "429 after all")
    finally:
        on_fault_point(None)


# What waits all the same ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "unclear", "after"),
    [
        (State.OVERTAKEN, False, 0),
        (State.OVERTAKEN, True, 15),
        (State.PERFORMED, False, 15),
        (State.SETTLED, False, 15),
    ],
)
def test_a_round_that_waits_is_open_whatever_the_log_says(
    state: State, unclear: bool, after: int
) -> None:
    """The list and a reading agree: it is reviewed again, not within the quarantine of our write."""
    app = a_bot()
    clock, world = app.clock, world_of(app)
    decision = a_due(app)
    app.ledger.intend(decision)
    if unclear:
        app.ledger.mark(decision.id, State.UNKNOWN, START, note="timeout")
        if state is State.PERFORMED:
            state = State.SETTLED
    app.ledger.mark(decision.id, state, START, note="as it seemed")
    if after:
        clock.sleep(after * 60 - 1)
        poll_once(app)
        assert (app.ledger.decisions()[0].state, world.keys) == (state, [])
        clock.sleep(1)
    poll_once(app)
    assert world.keys == [f"{decision.id}-2"]
    story = [(entry.state, entry.note) for entry in app.ledger.entries(decision.id)]
    assert (State.VOID, f"it was {state}, and waits all the same") in story
    assert outcomes(app) == {TASK: "performed"}


@pytest.mark.parametrize("error", [None, NoAnswer("reset"), NotFound("gone", status=404)])
def test_what_a_reading_does_not_show_waiting_stays_as_it_is(error: ApiError | None) -> None:
    """The list lags behind: one reading in a quarter of an hour."""
    app = a_bot()
    world, decision = world_of(app), a_due(app)
    app.ledger.intend(decision)
    app.ledger.mark(decision.id, State.OVERTAKEN, START, note="cancelled")
    listing = world.waiting()
    world.waiting = lambda: listing  # type: ignore[method-assign]
    if error is None:
        world.change(TASK, status="cancelled")
    else:
        world.trouble["look"] = [error] * 9
    for minutes in (0, 14, 1):
        app.clock.sleep(minutes * 60.0)
        summary = poll_once(app)
        assert summary.outcomes == {"acted on before": 1}
        assert [seen.outcome for seen in summary.undecided] == ["overtaken"]
    assert world.calls.count("look") == 2
    assert world.keys == []
    unread = [] if error is None else [{"task_id": TASK, "error": str(error)}] * 2
    assert said(app).named("cannot reopen") == unread
    levels = [level for event, level in said(app).levels if event == "cannot reopen"]
    assert levels == ["warning"] * len(unread)


def test_a_key_that_is_refused_while_opening_again_is_raised() -> None:
    """Nothing else can go on either."""
    app = a_bot()
    decision = a_due(app)
    app.ledger.intend(decision)
    app.ledger.mark(decision.id, State.OVERTAKEN, START)
    world_of(app).trouble["look"] = [KeyRefused("401", status=401)]
    with pytest.raises(KeyRefused):
        poll_once(app)


def test_a_reading_that_fails_is_said() -> None:
    """As a warning, with the task."""
    app = an_open_write()
    world_of(app).trouble["look"] = [ServerFault("broken", status=500)]
    assert resumed(app) == (1, State.UNKNOWN, "timeout")
    assert said(app).events == [("cannot settle", {"task_id": TASK, "error": "broken"})]
    assert said(app).levels == [("cannot settle", "warning")]


def test_a_bot_that_is_to_stop_reads_nothing() -> None:
    """What it does not read stays open, and is counted."""
    app = an_open_write()
    other = replace(a_due(app, replace(an_item(), id="t2")), id="x" * 32)
    app.ledger.intend(other)
    world_of(app).calls.clear()
    app.stopping = lambda: True
    assert resume(app, app.benches[0], {}) == 2
    assert world_of(app).calls == []


def test_a_window_that_the_api_does_not_state_is_counted_from_the_first_sight() -> None:
    """So that a payment after it is silence."""
    app = an_open_write()
    bench = app.benches[0]
    item = replace(
        an_item(finalized_at=START), started_at=None, deadline_at=None, deadline_is_estimate=True
    )
    world_of(app).tasks[TASK] = replace(item, status="finalized")
    bench.first_seen[TASK, item.epoch or ""] = START
    assert resumed(app)[0] == 0


def test_the_writes_of_the_other_kind_do_not_hide_ours() -> None:
    """They are passed over, wherever they stand."""
    app = a_bot()
    ours = a_due(app)
    other = replace(ours, id="0" * 32, review="accounts", task_id="bnd_1")
    app.ledger.intend(other)
    app.ledger.intend(ours)
    assert [logged.decision.review for logged in app.ledger.open_intents()] == [
        "accounts",
        "comments",
    ]
    world_of(app).change(TASK, status="finalized", finalized_at=START)
    assert resume(app, app.benches[0], {}) == 0
    assert [logged.decision.review for logged in app.ledger.open_intents()] == ["accounts"]
