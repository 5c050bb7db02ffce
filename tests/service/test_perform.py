"""Carrying out a decision: whatever the answer, it is sent once, and the log says what is known."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import (
    ApiError,
    ApiRefusal,
    BadAnswer,
    CannotConnect,
    InvalidStatus,
    NoAnswer,
    NotDone,
    NotFound,
    RateLimited,
    ServerFault,
    TaskBlocked,
)
from reviewbot.domain.faultpoints import on_fault_point
from reviewbot.ports import Receipt
from reviewbot.service.poll import poll_once
from tests.builders import an_item
from tests.ledger.things import a_decision
from tests.service.fakes import (
    APPROVE,
    DISPUTE,
    START,
    Answer,
    HandClock,
    World,
    always,
    an_app,
    outcomes,
)

TASK = an_item().id


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RateLimited("slow down", retry_after=1.0, status=429), "void"),
        (CannotConnect("refused"), "void"),
        (NotDone("asked to stop"), "void"),
        (NotFound("gone", status=404), "overtaken"),
        (TaskBlocked("coverage", status=409), "refused"),
        (ApiRefusal("too short", status=400), "refused"),
        (NoAnswer("timeout"), "unknown"),
        (ServerFault("502 in HTML", status=502), "unknown"),
        (BadAnswer("half a JSON"), "unknown"),
        (ApiError("something new"), "unknown"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_each_answer_has_its_outcome(error: ApiError, outcome: str) -> None:
    """A clear no is void, refused or overtaken; anything unclear is unknown. Sent once each."""
    world = World(trouble={"perform": [error]})
    world.add(an_item())
    app = an_app(world, always(APPROVE))

    poll_once(app)

    assert outcomes(app) == {TASK: outcome}
    assert world.calls.count("perform") == 1


def test_an_unknown_write_is_not_sent_again() -> None:
    """Within the quarantine every later pass leaves the round alone."""
    world, clock = World(trouble={"perform": [NoAnswer("timeout")]}), HandClock()
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)

    for _ in range(10):
        poll_once(app)
        clock.forward(minutes=1)

    assert world.calls.count("perform") == 1
    assert outcomes(app) == {TASK: "unknown"}


def test_a_void_write_is_tried_again_in_the_next_pass() -> None:
    """429 is clearly not done; the next pass judges anew under the same id."""
    world = World(trouble={"perform": [RateLimited("slow", retry_after=1.0)]})
    world.add(an_item())
    app = an_app(world, always(APPROVE))

    poll_once(app)
    poll_once(app)

    assert outcomes(app) == {TASK: "performed"}
    assert len(app.ledger.decisions()) == 1


@pytest.mark.parametrize("answer", [APPROVE, DISPUTE])
def test_someone_else_was_first(answer: Answer) -> None:
    """A 409 is read up on; a person in the dashboard approved before us."""
    world = World(trouble={"perform": [InvalidStatus("409", status=409)]})
    world.add(an_item())
    world.before_write = lambda decision: world.change(TASK, status="finalized", finalized_at=START)
    app = an_app(world, always(answer))

    poll_once(app)

    assert outcomes(app) == {TASK: "overtaken"}


def test_a_repeated_arrival_of_our_own_dispute_is_ours() -> None:
    """A 409 with our very text standing there can only be our own request, seen twice."""
    world = World(trouble={"perform": [InvalidStatus("409", status=409)]})
    world.add(an_item())
    world.before_write = world.apply
    app = an_app(world, always(DISPUTE))

    poll_once(app)

    assert outcomes(app) == {TASK: "settled"}


def test_an_effect_in_another_round_is_reported() -> None:
    """The approval answers with another epoch than the one we decided for."""
    world = World()
    world.add(an_item())
    app = an_app(world, always(APPROVE))
    world.perform = lambda decision: Receipt(status="finalized", epoch="2026-06-03T00:00:00Z")  # type: ignore[method-assign]

    poll_once(app)

    (logged,) = app.ledger.decisions()
    assert "stale effect" in (logged.note or "")
    assert app.events.named("stale effect")  # type: ignore[attr-defined]


def test_a_yes_that_names_an_unchanged_task_is_not_believed() -> None:
    """200 with a task that still waits is no yes."""
    world = World()
    world.add(an_item())
    app = an_app(world, always(APPROVE))
    world.perform = lambda decision: Receipt(status="manually_confirmed")  # type: ignore[method-assign]

    poll_once(app)

    assert outcomes(app) == {TASK: "unknown"}


def test_the_intent_is_in_the_log_before_the_write_leaves() -> None:
    """Seen from the desk, the log already knows."""
    world = World()
    world.add(an_item())
    app = an_app(world, always(APPROVE))
    known: list[str] = []

    def check(decision: Decision) -> None:
        known.extend(one.state.value for one in app.ledger.open_intents())

    world.before_write = check
    poll_once(app)

    assert known == ["intent"]


def test_a_late_void_that_landed_after_all_is_ours() -> None:
    """Given up after the quarantine, sent anew, answered 409: the first one had arrived late."""
    world, clock = World(trouble={"perform": [NoAnswer("timeout")]}), HandClock()
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)
    poll_once(app)
    clock.forward(minutes=16)

    def first_arrives(decision: Decision) -> None:
        world.apply(decision, clock.now() - timedelta(seconds=1))
        world.trouble["perform"] = [InvalidStatus("409", status=409)]

    world.before_write = first_arrives
    poll_once(app)

    assert outcomes(app) == {TASK: "settled"}


@pytest.mark.parametrize(
    ("seconds", "note"),
    [
        (61, "not sent: what it rests on was read too long ago"),
        (62 * 3600, "not sent: its deadline has passed"),
    ],
)
def test_nothing_leaves_after_a_stall_between_the_last_look_and_the_write(
    seconds: float, note: str
) -> None:
    """The disk took its time over the intent, or the process was stopped: tried again later."""
    world, clock = World(), HandClock()
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)
    on_fault_point(lambda name: clock.sleep(seconds) if name == "intent.committed" else None)
    try:
        poll_once(app)
    finally:
        on_fault_point(None)

    (logged,) = app.ledger.decisions()
    assert (logged.state, logged.note, world.sent) == ("void", note, [])


def test_nothing_is_sent_where_another_was_first_with_the_intent() -> None:
    """Between our last look and our intent somebody else claimed the round: theirs alone goes out."""
    world, item = World(), an_item()
    world.add(item)
    app = an_app(world, always(APPROVE))

    def be_first(name: str) -> None:
        if name == "intent.before":
            on_fault_point(None)
            app.ledger.intend(a_decision(id="theirs", task_id=item.id, epoch=item.epoch))

    on_fault_point(be_first)
    try:
        poll_once(app)
    finally:
        on_fault_point(None)

    (logged,) = app.ledger.decisions()
    assert (logged.decision.id, logged.state, world.sent) == ("theirs", "intent", [])


def test_a_409_that_cannot_be_read_up_on_is_overtaken() -> None:
    """The request certainly did nothing; who was first is not known."""
    refusal = InvalidStatus("409", status=409, details={"current_status": "finalized"})
    world = World(trouble={"perform": [refusal], "look": [NoAnswer("reset")]})
    world.add(an_item())
    app = an_app(world, always(APPROVE))

    poll_once(app)

    (logged,) = app.ledger.decisions()
    assert (logged.state.value, logged.note) == ("overtaken", "409: it was finalized already")


def test_a_409_on_a_task_that_still_waits_says_what_the_api_said() -> None:
    """What is read afterwards explains nothing: the API's own word stands in the log."""
    world = World(trouble={"perform": [InvalidStatus("409", status=409)]})
    world.add(an_item())
    app = an_app(world, always(APPROVE))

    poll_once(app)

    (logged,) = app.ledger.decisions()
    assert (logged.state.value, logged.note) == (
        "overtaken",
        "409: it was in another status already",
    )
