"""Carrying out a decision: whatever the answer, it is sent once, and the log says what is known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from reviewbot.core.context import Sent
from reviewbot.domain.decision import Decision, State, decision_id
from reviewbot.domain.errors import (
    ApiError,
    ApiRefusal,
    BadAnswer,
    CannotConnect,
    Forbidden,
    Intercepted,
    InvalidStatus,
    KeyRefused,
    LeaseLost,
    LedgerUnwritable,
    NoAnswer,
    NotDone,
    NotFound,
    OutOfCredits,
    RateLimited,
    ReviewbotError,
    ServerFault,
    TaskBlocked,
)
from reviewbot.domain.fault_point import on_fault_point
from reviewbot.domain.round_state import NOTHING_CAME
from reviewbot.ports.queue import Receipt
from reviewbot.review.execute import perform
from reviewbot.review.poll import poll_once
from tests.builders import an_item
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
    world_of,
)
from tests.ledger.things import a_decision
from tests.policy.judging import facts_at

TASK = an_item().id


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RateLimited("slow down", retry_after=1.0, status=429), "void"),
        (CannotConnect("refused"), "void"),
        (NotDone("asked to stop"), "void"),
        (NotFound("gone", status=404), "void"),
        (InvalidStatus("another status", status=409), "void"),
        (TaskBlocked("coverage", status=409), "held"),
        (ApiRefusal("what is new", status=400), "void"),
        (Forbidden("a scope", status=403), "void"),
        (OutOfCredits("no credits", status=402), "void"),
        (Intercepted("403 in HTML", status=403), "void"),
        (NoAnswer("timeout"), "unknown"),
        (ServerFault("502 in HTML", status=502), "unknown"),
        (BadAnswer("half a JSON"), "unknown"),
        (ApiError("something new"), "unknown"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_each_answer_has_its_outcome(error: ApiError, outcome: str) -> None:
    """A clear no is void, or a question; anything unclear is unknown. Sent once each."""
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


@pytest.mark.parametrize("error", [LeaseLost("another has it"), LedgerUnwritable("not sure")])
def test_what_is_claimed_behind_a_lost_lease_is_not_sent(error: ReviewbotError) -> None:
    """The look right before the request: it is void, and the pass ends there."""
    world, asked = World(), list[float | None]()
    world.add(an_item(), an_item(id="more"))
    app = an_app(world, always(APPROVE))

    def lead(claimed_at: float | None) -> None:
        asked.append(claimed_at)
        if claimed_at is not None:
            raise error

    app.lead = lead
    with pytest.raises(type(error)):
        poll_once(app)

    assert world.calls.count("perform") == 0
    assert set(outcomes(app).values()) == {"void"}
    assert asked == [None, app.clock.monotonic()]
    app.lead = lambda _: None
    poll_once(app)
    assert world.calls.count("perform") == 2


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
    world.perform = lambda decision, key: Receipt(status="finalized", epoch="2026-06-03T00:00:00Z")  # type: ignore[method-assign]

    poll_once(app)

    (logged,) = app.ledger.decisions()
    assert "stale effect" in (logged.note or "")
    assert app.events.named("stale effect")  # type: ignore[attr-defined]


def test_a_yes_that_names_an_unchanged_task_is_not_believed() -> None:
    """200 with a task that still waits is no yes."""
    world = World()
    world.add(an_item())
    app = an_app(world, always(APPROVE))
    world.perform = lambda decision, key: Receipt(status="manually_confirmed")  # type: ignore[method-assign]

    poll_once(app)

    assert outcomes(app) == {TASK: "unknown"}


def test_the_intent_is_in_the_log_before_the_write_leaves() -> None:
    """Seen from the desk, the log already knows."""
    world = World()
    world.add(an_item())
    app = an_app(world, always(APPROVE))
    known: list[str] = []

    def check(decision: Decision) -> None:
        known.extend(logged.state.value for logged in app.ledger.open_intents())

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


@pytest.mark.parametrize(
    ("earlier", "state"),
    [(None, "void"), ("not done: no connection", "void"), (NOTHING_CAME, "unknown")],
)
def test_a_409_that_cannot_be_read_up_on_ends_nothing(earlier: str | None, state: str) -> None:
    """This request did nothing; what became of one that was given up before, only reading tells."""
    refusal = InvalidStatus("409", status=409, details={"current_status": "finalized"})
    world = World(trouble={"perform": [refusal], "look": [NoAnswer("reset")]})
    world.add(an_item())
    app = an_app(world, always(APPROVE))
    if earlier is not None:
        decision = a_decision(
            id=decision_id("comments", TASK, an_item().epoch, "approve"),
            task_id=TASK,
            epoch=an_item().epoch,
        )
        app.ledger.intend(decision)
        app.ledger.mark(decision.id, State.VOID, START, note=earlier)

    poll_once(app)

    (logged,) = app.ledger.decisions()
    note = "409; reading it failed: reset"
    assert (logged.state.value, logged.note) == (
        state,
        note if state == "unknown" else f"refused: {note}",
    )


def test_a_409_on_a_task_that_still_waits_ends_nothing() -> None:
    """The API contradicts itself: what the reading shows counts, and it is tried again."""
    world, clock = World(trouble={"perform": [InvalidStatus("409", status=409)]}), HandClock()
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)

    poll_once(app)

    (logged,) = app.ledger.decisions()
    assert (logged.state.value, logged.note) == (
        "void",
        "refused: 409, but it is manually_confirmed as before",
    )
    assert app.ledger.notes("breaker") == []
    clock.forward(seconds=5)
    poll_once(app)
    assert outcomes(app) == {TASK: "performed"}


@pytest.mark.parametrize(("answer", "state"), [(APPROVE, "settled"), (DISPUTE, "settled")])
def test_what_something_in_between_refused_and_yet_was_done_is_ours(
    answer: Answer, state: str
) -> None:
    """A page that is not the API's own is believed only as far as reading bears it out."""
    world = World(trouble={"perform": [Intercepted("418 in HTML", status=418)]})
    world.add(an_item())
    world.before_write = world.apply
    app = an_app(world, always(answer))

    poll_once(app)

    assert outcomes(app) == {TASK: state}


def test_what_something_in_between_refused_and_cannot_be_read_is_unknown() -> None:
    """It may have been done."""
    world = World(
        trouble={
            "perform": [Intercepted("404 in HTML", status=404)],
            "look": [Intercepted("404 in HTML", status=404)],
        }
    )
    world.add(an_item())
    app = an_app(world, always(APPROVE))

    poll_once(app)

    assert outcomes(app) == {TASK: "unknown"}
    assert app.contact.doubtful_writes == 1


def test_a_key_that_is_refused_while_reading_up_is_raised() -> None:
    """Nothing was done, and nothing else can go on either."""
    world = World(
        trouble={
            "perform": [InvalidStatus("409", status=409)],
            "look": [KeyRefused("401", status=401)],
        }
    )
    world.add(an_item())
    app = an_app(world, always(APPROVE))

    with pytest.raises(KeyRefused):
        poll_once(app)

    assert outcomes(app) == {TASK: "void"}


def test_each_try_has_a_key_of_its_own() -> None:
    """A server that keeps its answers would repeat the first for ever; the log knows each key."""
    world, clock = World(), HandClock()
    world.trouble["perform"] = [
        ApiRefusal("422", status=422),
        NoAnswer("timeout"),
        RateLimited("slow", retry_after=1.0),
    ]
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)
    for _ in range(4):
        poll_once(app)
        clock.forward(minutes=16)

    (logged,) = app.ledger.decisions()
    name = logged.decision.id
    assert world.keys == [name, f"{name}-2", f"{name}-3", f"{name}-4"]
    assert (logged.state.value, logged.tries) == ("performed", 4)


def test_what_somebody_read_while_the_answer_came_stands() -> None:
    """Another process settled the write by reading before its sender could write down the yes."""
    world = World()
    world.add(an_item())
    app = an_app(world, always(APPROVE))

    def settle(name: str) -> None:
        if name == "write.answered":
            on_fault_point(None)
            (logged,) = app.ledger.open_intents()
            app.ledger.mark(logged.decision.id, State.SETTLED, START, note="read")

    on_fault_point(settle)
    try:
        summary = poll_once(app)
    finally:
        on_fault_point(None)

    assert summary.outcomes == {"settled": 1}
    (logged,) = app.ledger.decisions()
    assert (logged.state.value, logged.note) == ("settled", "read")


def test_a_try_that_the_log_forgot_is_not_sent_again() -> None:
    """It still knows of the first, which was not done; of the second this process alone knows."""
    app = a_bot()
    decision = a_due(app)
    app.ledger.intend(decision)
    app.ledger.mark(decision.id, State.VOID, START)
    app.sent[decision.key] = Sent(decision, f"{decision.id}-2", -60.0)
    assert (
        perform(app, app.benches[0], replace(decision, decided_at=START), facts_at(), None) is None
    )
    (logged,) = app.ledger.open_intents()
    assert (logged.state, logged.tries) == (State.UNKNOWN, 2)
    assert app.sent == {decision.key: Sent(decision, f"{decision.id}-2", -60.0)}
    assert world_of(app).keys == []


def test_the_other_action_that_the_log_forgot_is_written_down_as_it_was() -> None:
    """A person sends back what the bot has perhaps paid: the payment is what may have been done."""
    app = a_bot()
    paid = a_due(app)
    app.sent[paid.key] = Sent(paid, paid.id, 0.0)
    sent_back = a_due(a_bot(DISPUTE))
    assert perform(app, app.benches[0], sent_back, facts_at(), None) is None
    assert [logged.decision for logged in app.ledger.open_intents()] == [paid]
    assert world_of(app).keys == []


def test_what_somebody_else_has_settled_meanwhile_is_tried_again() -> None:
    """The log knows of the try: another instance has found that nothing was done."""
    app = a_bot()
    decision = a_due(app)
    app.ledger.intend(decision)
    app.sent[decision.key] = Sent(decision, decision.id, 0.0)
    app.ledger.mark(decision.id, State.VOID, START)
    assert perform(app, app.benches[0], decision, facts_at(), None) is State.PERFORMED
    assert world_of(app).keys == [f"{decision.id}-2"]
    assert app.sent == {}
