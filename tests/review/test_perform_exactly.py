"""Carrying out to the letter: what each answer leaves in the log, and what is too late to send."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.core.context import BotContext
from reviewbot.core.guard_state import PolicyChange, Trial
from reviewbot.core.pipeline import HeldEvidence, Sight
from reviewbot.domain import round_state
from reviewbot.domain.decision import Action, Decision, State
from reviewbot.domain.errors import (
    ApiError,
    ApiRefusal,
    CannotConnect,
    Halted,
    Intercepted,
    InvalidStatus,
    KeyRefused,
    NoAnswer,
    NotDone,
    NotFound,
    RateLimited,
    ServerFault,
    TaskBlocked,
)
from reviewbot.ports.ledger import Logged
from reviewbot.ports.queue import Receipt
from reviewbot.review.execute import perform
from tests.builders import an_item
from tests.fakes import (
    APPROVE,
    DISPUTE,
    START,
    Answer,
    HandClock,
    a_bot,
    a_due,
    said,
    world_of,
)
from tests.policy.judging import facts_at

ITEM = an_item()
TASK = ITEM.id
ABOUT: dict[str, Any] = {"request_id": "req_9"}


def performed(app: BotContext, decision: Decision | None = None) -> State | None:
    """Carry out what its judge decides."""
    return perform(app, app.benches[0], decision or a_due(app), facts_at(), None)


def newest(app: BotContext) -> Logged:
    """Where the one decision of the log stands."""
    (logged,) = app.ledger.decisions()
    return logged


def answering(error: ApiError | None, answer: Answer = APPROVE, **more: Any) -> BotContext:
    """A bot whose write is answered so."""
    app = a_bot(answer, **more)
    if error is not None:
        world_of(app).trouble["perform"] = [error]
    return app


@pytest.mark.parametrize(
    ("error", "state", "note", "doubtful"),
    [
        (None, State.PERFORMED, None, 0),
        (InvalidStatus("409", status=409, **ABOUT), State.VOID, "", 3),
        (
            NotFound("404", **ABOUT),
            State.VOID,
            "refused: 404, but it is manually_confirmed as before",
            3,
        ),
        (TaskBlocked("coverage", **ABOUT), State.REFUSED, "refused: coverage", 3),
        (ApiRefusal("new", status=422, **ABOUT), State.VOID, "refused: new", 3),
        (
            Intercepted("POST x: 403", **ABOUT),
            State.VOID,
            "refused: 403, but it is manually_confirmed as before",
            3,
        ),
        (
            RateLimited("slow", retry_after=1.0, **ABOUT),
            State.VOID,
            "not done: too many requests",
            3,
        ),
        (CannotConnect("refused", **ABOUT), State.VOID, "not done: no connection", 4),
        (NotDone("asked to stop", **ABOUT), State.VOID, "not done: asked to stop", 3),
        (NoAnswer("timeout", **ABOUT), State.UNKNOWN, "timeout", 4),
        (ServerFault("502", **ABOUT), State.UNKNOWN, "502", 4),
        (ApiError("new", **ABOUT), State.UNKNOWN, "new", 4),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_answer_is_written_down_with_its_request(
    error: ApiError | None, state: State, note: str | None, doubtful: int
) -> None:
    """Its state, a note for a person, and the API's own id of the call; unclear ones are counted."""
    app = answering(error)
    app.contact.doubtful_writes = 3
    app.clock.sleep(7)
    app.benches[0].sights[TASK] = Sight(ITEM, 7.0)
    if isinstance(error, InvalidStatus):
        note = "refused: 409; reading it failed: no such task"
        world_of(app).tasks.clear()

    assert performed(app) is state

    logged = newest(app)
    assert (logged.state, logged.note) == (state, note)
    assert logged.request_id == ("req_9" if error else "req_1")
    assert logged.state_at == START + timedelta(seconds=7)
    assert app.contact.doubtful_writes == doubtful


def test_a_refused_key_is_noted_as_not_done_and_raised() -> None:
    """Nothing else can go on either."""
    app = answering(KeyRefused("401", **ABOUT))
    with pytest.raises(KeyRefused):
        performed(app)
    logged = newest(app)
    assert (logged.state, logged.note) == (State.VOID, "the key was refused")
    assert logged.request_id == "req_9"


def receiving(receipt: Receipt, answer: Answer = APPROVE) -> BotContext:
    """A bot whose write is answered by a yes of its own kind."""
    app = a_bot(answer)
    world_of(app).perform = lambda decision, key: receipt  # type: ignore[method-assign]
    return app


@pytest.mark.parametrize(
    ("receipt", "answer", "state", "note"),
    [
        (Receipt(status="finalized", replayed=True), APPROVE, State.PERFORMED, "replayed by the API"),
        (Receipt(status=None), APPROVE, State.PERFORMED, None),
        (Receipt(status="finalized", epoch=ITEM.epoch), APPROVE, State.PERFORMED, None),
        (
            Receipt(status="submitted"),
            APPROVE,
            State.UNKNOWN,
            "the API said yes, but calls it submitted",
        ),
        (
            Receipt(status="finalized"),
            DISPUTE,
            State.UNKNOWN,
            "the API said yes, but calls it finalized",
        ),
        (Receipt(status="pending_corrections", epoch="another"), DISPUTE, State.PERFORMED, None),
    ],
)  # fmt: skip
def test_a_yes_is_believed_where_it_fits(
    receipt: Receipt, answer: Answer, state: State, note: str | None
) -> None:
    """The status must be one that the action leads to."""
    app = receiving(receipt, answer)
    assert performed(app) is state
    logged = newest(app)
    assert (logged.state, logged.note, logged.request_id) == (state, note, None)
    assert said(app).events == []


def test_an_approval_that_landed_in_another_round_stops_the_policy() -> None:
    """It is done, and it is said, told and noted as what it is."""
    app = receiving(Receipt(status="finalized", epoch="another", request_id="req_5"))

    assert performed(app) is State.PERFORMED

    logged = newest(app)
    assert logged.note == "stale effect: it landed in the round of another"
    assert logged.request_id == "req_5"
    (about,) = said(app).named("stale effect")
    assert about == {"task_id": TASK, "decided_for": ITEM.epoch, "landed_in": "another"}
    assert ("stale effect", "error") in said(app).levels
    (alarm,) = said(app).named("alarm")
    assert (alarm["kind"], alarm["facts"]["landed_in"]) == ("stale-effect", "another")  # type: ignore[index]
    (opened,) = said(app).named("breaker opened")
    assert (opened["policy"], opened["sign"]) == ("fake", "stale effect")
    assert opened["what"] == (f"an approval of task {TASK} landed in another round than it was for")


# Someone was first ---------------------------------------------------------------------------


def conflict(answer: Answer = APPROVE, **details: Any) -> BotContext:
    """A bot whose write meets another status than it was meant for."""
    return answering(InvalidStatus("409", status=409, details=details, **ABOUT), answer)


@pytest.mark.parametrize(
    ("status", "answer", "note"),
    [
        ("finalized", APPROVE, "409: someone else was first: it is finalized now"),
        ("cancelled", APPROVE, "409: it is cancelled now"),
        ("pending", DISPUTE, "409: someone else was first: it is pending now"),
    ],
)
def test_what_stands_there_now_is_written_down(status: str, answer: Answer, note: str) -> None:
    """By a second reading, not by what the API said."""
    app = conflict(answer, current_status="locked")
    decision = a_due(app)
    world_of(app).change(TASK, status=status, finalized_at=START)
    app.benches[0].refused_writes = 2

    assert performed(app, decision) is State.OVERTAKEN

    assert (newest(app).note, newest(app).request_id) == (note, "req_9")
    assert world_of(app).calls.count("look") == 1
    assert app.benches[0].refused_writes == 0


def test_our_own_text_that_stands_there_is_ours() -> None:
    """It can only be our request, seen twice."""
    app = conflict(DISPUTE)
    decision = a_due(app)
    world_of(app).apply(decision)
    assert performed(app, decision) is State.SETTLED
    assert (newest(app).note, newest(app).request_id) == ("our text stands there", "req_9")


@pytest.mark.parametrize(
    ("earlier", "note", "ours"),
    [
        (State.UNKNOWN, "timeout", True),
        (State.VOID, round_state.NOTHING_CAME, True),
        (State.VOID, "not done: no connection", False),
    ],
)
def test_a_payment_is_ours_where_an_earlier_try_may_have_arrived(
    earlier: State, note: str, ours: bool
) -> None:
    """One that got no clear answer, or was given up as lost."""
    app = conflict()
    decision = a_due(app)
    app.ledger.intend(decision)
    app.ledger.mark(decision.id, earlier, START, note=note)
    if earlier is State.UNKNOWN:
        app.ledger.mark(decision.id, State.VOID, START, note="read as not done")
    world_of(app).change(TASK, status="finalized", finalized_at=START)

    assert performed(app, decision) is (State.SETTLED if ours else State.OVERTAKEN)

    expected = "it is finalized, as we asked" if ours else (
        "409: someone else was first: it is finalized now"
    )  # fmt: skip
    assert newest(app).note == expected


def test_six_conflicts_within_ten_minutes_stop_the_policy() -> None:
    """Each is counted once it is written down."""
    app = a_bot()
    for n in range(6):
        item = replace(ITEM, id=f"t{n}")
        world_of(app).add(item)
        app.benches[0].sights[item.id] = Sight(item, 0.0)
        decision = a_due(app, item)
        assert app.ledger.notes("breaker") == []
        world_of(app).trouble["perform"] = [InvalidStatus("409", status=409)]
        world_of(app).change(item.id, status="cancelled")
        performed(app, decision)
    (note,) = app.ledger.notes("breaker")
    assert (note.subject, note.value["sign"]) == ("fake", "conflicts")


# Too late ------------------------------------------------------------------------------------


LATE = "not sent: its deadline has passed"
OLD = "not sent: what it rests on was read too long ago"


def delayed(app: BotContext, seconds: float, decision: Decision | None = None) -> Logged:
    """Carry it out on a log that takes so long to write the intent."""
    decision = decision or a_due(app)
    intend = app.ledger.intend

    def slowly(*about: Any) -> str:
        key = intend(*about)
        app.clock.sleep(seconds)
        return key

    app.ledger.intend = slowly  # type: ignore[assignment, method-assign]
    performed(app, decision)
    return newest(app)


@pytest.mark.parametrize(
    ("seconds", "estimate", "note"),
    [(9.999, False, None), (10.0, False, LATE), (10.0, True, None)],
)
def test_nothing_leaves_from_its_deadline_on(
    seconds: float, estimate: bool, note: str | None
) -> None:
    """Where the API states it; a slow disk may put any time before this moment."""
    item = replace(ITEM, deadline_at=START + timedelta(seconds=10), deadline_is_estimate=estimate)
    app = a_bot(item=item, clock=HandClock())
    logged = delayed(app, seconds, a_due(app, item))
    assert (logged.note, logged.request_id) == (note, None if note else "req_1")
    assert logged.state is (State.VOID if note else State.PERFORMED)
    assert len(world_of(app).sent) == (note is None)


@pytest.mark.parametrize(("seconds", "note"), [(60.0, None), (60.001, OLD)])
@pytest.mark.parametrize("older", ["sight", "evidence"])
def test_nothing_leaves_on_what_was_read_more_than_a_minute_ago(
    older: str, seconds: float, note: str | None
) -> None:
    """Neither on the thing nor on its evidence."""
    app = a_bot()
    decision = a_due(app)
    bench = app.benches[0]
    if older == "sight":
        held = bench.evidence[TASK]
        bench.evidence[TASK] = HeldEvidence(held.key, held.evidence, 99.0)
    else:
        bench.sights[TASK] = Sight(ITEM, 99.0)
    assert delayed(app, seconds, decision).note == note


@pytest.mark.parametrize(
    ("gone", "changes", "note"),
    [
        ("sights", {}, OLD),
        ("evidence", {}, OLD),
        ("evidence", {"evidence_hash": None}, None),
        ("evidence", {"decided_by": "ana"}, None),
        ("sights", {"decided_by": "ana"}, OLD),
    ],
)
def test_what_it_rests_on_must_be_at_hand(
    gone: str, changes: dict[str, Any], note: str | None
) -> None:
    """A person's answer rests on the thing alone, and so does one without evidence."""
    app = a_bot()
    decision = replace(a_due(app), **changes)
    getattr(app.benches[0], gone).clear()
    assert delayed(app, 0.0, decision).note == note


# Before and after ----------------------------------------------------------------------------


def test_a_halt_before_the_intent_leaves_no_trace() -> None:
    """And what was sent counts for probation."""
    app = a_bot()
    app.guard.brake = lambda: "a brake"
    decision = a_due(app)
    with pytest.raises(Halted):
        performed(app, decision)
    assert list(app.ledger.decisions()) == []

    app.guard.brake = lambda: None
    trial = Trial(
        PolicyChange(revision="r", since=START, rules=("the rule",)), frozenset({"the rule"})
    )
    app.guard.trials["fake"] = trial
    assert performed(app, decision) is State.PERFORMED
    assert list(trial.sent) == [decision.decided_at]
    assert performed(app, decision) is None


def test_a_persons_answer_passes_the_guards_of_rules_both_times() -> None:
    """A breaker does not stop it."""
    app = a_bot()
    app.guard.unwritten["fake"] = "a sign"
    decision = a_due(app)
    with pytest.raises(Halted):
        performed(app, decision)
    assert performed(app, replace(decision, decided_by="ana")) is State.PERFORMED


@pytest.mark.parametrize("what", ["desk", "action", "epoch"])
def test_what_can_never_be_sent_is_a_bug(what: str) -> None:
    """No desk, nothing to write, or no round."""
    app = a_bot()
    decision = a_due(app)
    if what == "desk":
        app.benches[0].desk = None
    changes: dict[str, Any] = {"action": {"action": Action.WAIT}, "epoch": {"epoch": None}}
    said_so = r"^a dry run has no desk to send from$" if what == "desk" else None
    with pytest.raises(AssertionError, match=said_so):
        performed(app, replace(decision, **changes.get(what, {})))
