"""One review to the letter: what it says, what it writes down, and where its bounds are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import Backoff, HeldEvidence, Judged, Reviewed, ReviewOutcome, Sight
from reviewbot.core.refusals import FIRST_PAUSE, LONGEST_PAUSE
from reviewbot.domain.decision import Action, State, decision_id
from reviewbot.domain.errors import ApiError, Halted, NoAnswer, NotFound, ServerFault, TaskBlocked
from reviewbot.domain.fault_point import on_fault_point
from reviewbot.domain.review import ReviewItem
from reviewbot.ports.ledger import Memory
from reviewbot.review.judge import DEAD_LETTER, Judging
from reviewbot.review.poll import poll_once
from reviewbot.review.review import review
from reviewbot.safety import gate
from tests.builders import CONFIRMED, an_item
from tests.fakes import (
    APPROVE,
    DISPUTE,
    ESCALATE,
    START,
    Answer,
    FakeJudge,
    HandClock,
    World,
    a_bot,
    a_due,
    known_of,
    said,
    world_of,
)

ITEM = an_item()
TASK = ITEM.id
POINTS_OF_A_WRITE = [
    "pass.listed",
    "review.judged",
    "intent.before",
    "intent.committed",
    "write.before",
    "write.answered",
    "outcome.before",
    "outcome.committed",
    "pass.done",
]


@pytest.fixture
def passed() -> Iterator[list[str]]:
    """The names of the points that the program passes."""
    names: list[str] = []
    on_fault_point(names.append)
    yield names
    on_fault_point(None)


def reviewed(app: BotContext, item: ReviewItem = ITEM, memory: Memory | None = None) -> Reviewed:
    """Review it."""
    return review(app, app.benches[0], item, known_of(app, memory))


def a_decision(app: BotContext, **changes: object) -> dict[str, object]:
    """The event of an approval that was carried out; `changes` are what is different."""
    return {
        "id": decision_id("comments", TASK, ITEM.epoch, Action.APPROVE),
        "review": "comments",
        "task_id": TASK,
        "round": 1,
        "epoch": ITEM.epoch,
        "action": "approve",
        "rule": "the rule",
        "until": None,
        "held_by": None,
        "deadline_at": ITEM.deadline_at,
        "deadline_is_estimate": False,
        "late": False,
        "policy": "fake",
        "revision": "ffffffff",
        "state": "performed",
        "seen_ago": 0.0,
    } | changes


def test_what_was_sent_is_said_with_all_that_names_it() -> None:
    """Once, with how long ago the thing was seen, to the millisecond."""
    clock = HandClock()
    app = a_bot(clock=clock)
    clock.forward(seconds=1.23456)

    one = reviewed(app)

    assert said(app).events == [("decision", a_decision(app, seen_ago=1.235))]
    assert said(app).levels == [("decision", "info")]
    assert (one.item, one.outcome, one.latest) == (ITEM, State.PERFORMED, None)
    assert one.verdict is not None
    assert one.verdict.action is Action.APPROVE


def test_what_is_held_is_said_and_its_question_told() -> None:
    """There was nothing to see again, so how long ago that was is not said."""
    app = a_bot(ESCALATE)

    one = reviewed(app)

    event, about = said(app).events[0]
    assert (event, about) == (
        "decision",
        a_decision(
            app,
            id=decision_id("comments", TASK, ITEM.epoch, Action.ESCALATE),
            action="escalate",
            rule="no rule",
            state="held",
            seen_ago=None,
        ),
    )
    assert [about["kind"] for about in said(app).named("alarm")] == ["question"]
    assert (one.item, one.outcome) == (ITEM, State.HELD)
    assert one.verdict is not None


def test_what_is_only_decided_asks_nobody() -> None:
    """A dry run writes its questions down; and a wait is no question."""
    dry = a_bot(ESCALATE, live=False)
    waits = a_bot(Answer(action=Action.WAIT, until=START + timedelta(hours=1)))

    assert reviewed(dry).outcome is State.DRY_RUN
    assert reviewed(waits).outcome is State.HELD
    assert said(dry).named("alarm") == said(waits).named("alarm") == []
    (about,) = said(waits).named("decision")
    assert about["until"] == START + timedelta(hours=1)


@pytest.mark.parametrize(
    ("error", "state", "level"),
    [
        (NoAnswer("timeout"), "unknown", "warning"),
        (TaskBlocked("no", status=400), "refused", "warning"),
        (NotFound("gone", status=404), "void", "info"),
    ],
)
def test_what_stays_open_or_was_refused_is_a_warning(
    error: ApiError, state: str, level: str
) -> None:
    """Somebody may have to look."""
    app = a_bot()
    world_of(app).trouble["perform"] = [error]

    reviewed(app)

    assert ("decision", level) in said(app).levels
    assert said(app).named("decision")[0]["state"] == state


def test_the_grounds_of_what_was_sent_are_written_down() -> None:
    """The evidence that it was judged by, by its hash, and the facts."""
    app = a_bot()
    reviewed(app)

    (logged,) = app.ledger.decisions()
    evidence = world_of(app).evidence(ITEM)
    digest = hashlib.sha256(msgspec.json.encode(evidence)).hexdigest()
    assert logged.decision.evidence_hash == digest
    assert logged.decision.facts != b"null"


@pytest.mark.parametrize(
    ("left", "late"), [(timedelta(minutes=15), True), (timedelta(minutes=15, seconds=1), False)]
)
def test_a_write_within_the_quarantine_of_its_deadline_is_late(left: timedelta, late: bool) -> None:
    """It is told, to the second; what is only held is never late."""
    item = replace(ITEM, deadline_at=START + left)
    app, asking = a_bot(item=item), a_bot(ESCALATE, item=item)

    reviewed(app, item)
    reviewed(asking, item)

    assert said(app).named("decision")[0]["late"] is late
    assert [about["kind"] for about in said(app).named("alarm")] == ["late"] * late
    assert said(asking).named("decision")[0]["late"] is False


def test_a_late_decision_of_a_dry_run_is_not_told() -> None:
    """It is marked, and nobody is called for it."""
    item = replace(ITEM, deadline_at=START + timedelta(minutes=1))
    app = a_bot(item=item, live=False)

    reviewed(app, item)

    assert said(app).named("decision")[0]["late"] is True
    assert said(app).named("alarm") == []


def test_a_failed_review_is_said_with_its_request() -> None:
    """A warning until the eighth; that one is an error under another name, and so are those after."""
    clock = HandClock()
    app = a_bot(clock=clock)
    bench = app.benches[0]
    bench.sights[TASK] = Sight(ITEM, -61.0)
    world_of(app).trouble["renew"] = [
        ServerFault("broken", status=500, request_id=f"req_{n}") for n in range(DEAD_LETTER + 1)
    ]
    for tries in range(1, DEAD_LETTER + 2):
        failed = reviewed(app)
        assert (failed.item, failed.outcome, failed.verdict) == (
            ITEM,
            ReviewOutcome.POSTPONED,
            None,
        )
        pause = min(FIRST_PAUSE * 2 ** (tries - 1), LONGEST_PAUSE)
        assert bench.troubles[TASK] == Backoff(tries=tries, until=clock.monotonic() + pause)
        assert app.contact.failed_reads == tries
        clock.forward(seconds=LONGEST_PAUSE)

    told = [event for event in said(app).levels if event[0] != "alarm"]
    failed_often = [("review failed", "warning")] * (DEAD_LETTER - 1)
    assert told == [*failed_often, ("review keeps failing", "error"), ("review failed", "error")]
    assert said(app).named("review failed")[0] == {
        "task_id": TASK,
        "tries": 1,
        "error": "broken",
        "request_id": "req_0",
        "deadline_at": ITEM.deadline_at,
    }
    assert said(app).named("review keeps failing")[0]["tries"] == DEAD_LETTER
    (letter,) = said(app).named("alarm")
    assert letter["kind"] == "dead-letter"
    assert "fails again and again: broken" in str(letter["sentence"])


def test_a_failure_of_a_bot_that_is_to_stop_is_none() -> None:
    """What it did not wait for is no trouble of the thing."""
    app = a_bot()
    app.stopping = lambda: True
    world_of(app).trouble["evidence"] = [NoAnswer("asked to stop")]

    assert reviewed(app) == Reviewed(item=ITEM, outcome=ReviewOutcome.POSTPONED)
    assert (app.contact.failed_reads, app.benches[0].troubles, said(app).events) == (0, {}, [])


def test_what_is_listed_and_cannot_be_read_stays_open() -> None:
    """The list shows it waiting: one 404 does not close it."""
    app = a_bot()
    world_of(app).trouble["evidence"] = [NotFound("no such task", status=404)]

    assert reviewed(app) == Reviewed(item=ITEM, outcome=ReviewOutcome.POSTPONED)
    assert app.contact.failed_reads == 1
    assert app.benches[0].troubles[TASK] == Backoff(tries=1, until=FIRST_PAUSE)
    assert said(app).named("review failed")[0]["error"] == "no such task"


def test_a_thing_in_trouble_is_left_alone_up_to_its_moment() -> None:
    """Then it is tried, and a review that succeeds forgets the trouble."""
    clock = HandClock()
    app = a_bot(clock=clock)
    app.benches[0].troubles[TASK] = Backoff(tries=1, until=5.0)
    clock.forward(seconds=4.999)
    assert reviewed(app) == Reviewed(item=ITEM, outcome=ReviewOutcome.POSTPONED)

    clock.forward(seconds=0.001)
    assert reviewed(app).outcome is State.PERFORMED
    assert app.benches[0].troubles == {}


def test_a_round_in_trouble_is_given_back_with_its_own_decision_only() -> None:
    """What was said of the round before is not how this one stands."""
    app = a_bot(ESCALATE)
    reviewed(app)
    app.benches[0].troubles[TASK] = Backoff(tries=1, until=5.0)
    memory = app.ledger.memories("comments", [TASK])[TASK]
    assert reviewed(app, memory=memory).latest == memory.latest
    moved_on = replace(ITEM, epoch="2026-06-09T00:00:00Z")
    assert reviewed(app, moved_on, memory=memory).latest is None


def test_a_claimed_round_is_given_back_with_what_the_log_says_of_it() -> None:
    """Nothing is asked of anybody."""
    app = a_bot()
    reviewed(app)
    memory = app.ledger.memories("comments", [TASK])[TASK]
    latest = memory.latest
    world_of(app).calls.clear()

    again = reviewed(app, memory=memory)

    assert again == Reviewed(item=ITEM, outcome=ReviewOutcome.CLAIMED, latest=latest)
    assert world_of(app).calls == []


def test_the_same_again_is_not_written_down_again() -> None:
    """Its verdict is given all the same."""
    app = a_bot(ESCALATE)
    first = reviewed(app)
    memory = app.ledger.memories("comments", [TASK])[TASK]

    again = reviewed(app, memory=memory)

    assert again.outcome is ReviewOutcome.UNCHANGED
    assert again.item == ITEM
    assert again.verdict is not None
    assert first.verdict is not None
    assert again.verdict.rule == first.verdict.rule
    assert len(app.ledger.decisions()) == 1


def test_a_pass_goes_by_its_named_points(passed: list[str]) -> None:
    """In this order; the proofs that stop the program there rely on the names."""
    poll_once(a_bot())
    assert passed == POINTS_OF_A_WRITE


def test_a_write_without_an_answer_goes_by_the_same_points(passed: list[str]) -> None:
    """That none came is its answer."""
    app = a_bot()
    world_of(app).trouble["perform"] = [NoAnswer("timeout")]
    poll_once(app)
    assert passed == POINTS_OF_A_WRITE


def test_what_is_held_goes_by_its_own_points(passed: list[str]) -> None:
    """There is no intent."""
    poll_once(a_bot(ESCALATE))
    assert passed == ["pass.listed", "review.judged", "record.committed", "pass.done"]


# What a write rests on -----------------------------------------------------------------------


@pytest.mark.parametrize(("age", "renewed"), [(60.0, []), (60.001, [TASK])])
def test_a_sight_is_good_for_a_minute(age: float, renewed: list[str]) -> None:
    """An older one is renewed before anything is sent."""
    clock = HandClock()
    app = a_bot(FakeJudge(lambda facts: APPROVE, looks_first=False), clock=clock)
    clock.forward(seconds=age)

    assert reviewed(app).outcome is State.PERFORMED
    assert world_of(app).renewed == renewed


@pytest.mark.parametrize(("age", "calls"), [(60.0, 0), (60.001, 1)])
def test_evidence_is_good_for_a_minute(age: float, calls: int) -> None:
    """An older one is fetched again, and the thing itself is not."""
    clock = HandClock()
    app = a_bot(clock=clock)
    bench = app.benches[0]
    evidence = World().evidence(ITEM)
    bench.evidence[TASK] = HeldEvidence((TASK, ITEM.epoch, ITEM.version), evidence, 0.0)
    clock.forward(seconds=age)
    bench.sights[TASK] = Sight(ITEM, clock.monotonic())

    assert reviewed(app).outcome is State.PERFORMED
    assert world_of(app).calls.count("evidence") == calls
    assert world_of(app).renewed == []


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "submitted"},
        {"epoch": "2026-06-02T13:00:00Z"},
        {"deadline_at": CONFIRMED + timedelta(hours=71)},
        {"version": "another"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_sight_of_another_state_is_renewed(changes: dict[str, object]) -> None:
    """Whichever of the four it is that has changed since it was judged."""
    app = a_bot()
    app.benches[0].sights[TASK] = Sight(replace(ITEM, **changes), app.clock.monotonic())
    assert reviewed(app).outcome is State.PERFORMED
    assert world_of(app).renewed == [TASK]


def test_a_thing_never_seen_is_seen_before_it_is_sent() -> None:
    """A judged item is no sight."""
    app = a_bot()
    app.benches[0].sights.clear()
    assert reviewed(app).outcome is State.PERFORMED
    assert world_of(app).renewed == [TASK]


def test_what_no_longer_waits_at_the_second_look_is_not_sent() -> None:
    """Its verdict is given, with the thing as it was judged."""
    app = a_bot()
    app.benches[0].sights[TASK] = Sight(ITEM, -61.0)
    world_of(app).change(TASK, status="cancelled")

    one = reviewed(app)

    assert (one.item, one.outcome) == (ITEM, ReviewOutcome.VANISHED)
    assert one.verdict is not None
    assert world_of(app).sent == []


@pytest.mark.parametrize(
    ("left", "estimate", "sent"),
    [(1, False, True), (0, False, False), (0, True, True), (-1, False, False)],
)
def test_nothing_crosses_a_stated_deadline(left: int, estimate: bool, sent: bool) -> None:
    """From that very microsecond on it is only written down; an estimate binds nobody."""
    item = replace(
        ITEM, deadline_at=START + timedelta(microseconds=left), deadline_is_estimate=estimate
    )
    app = a_bot(item=item)

    one = reviewed(app, item)

    assert one.outcome is (State.PERFORMED if sent else State.HELD)
    assert len(world_of(app).sent) == sent


def test_somebody_else_s_intent_leaves_the_round_to_them() -> None:
    """What the log refuses is acted on before; nothing is said of it."""
    app = a_bot()
    app.ledger.intend(a_due(app))

    one = reviewed(app)

    assert (one.item, one.outcome) == (ITEM, ReviewOutcome.CLAIMED)
    assert one.verdict is not None
    assert said(app).named("decision") == []


def test_what_cannot_be_sent_is_a_question_of_its_own() -> None:
    """No deadline is known: a person is asked why, and no rule's trace stands beside it."""
    item = replace(ITEM, deadline_at=None)
    app = a_bot(replace(DISPUTE, until=START + timedelta(hours=2)), item=item)

    one = reviewed(app, item)

    (logged,) = app.ledger.decisions()
    reason = "the API did not say its deadline, so nothing can be sent"
    assert logged.state is State.HELD
    assert (logged.decision.action, logged.decision.reason) == (Action.ESCALATE, reason)
    assert (logged.decision.until, logged.decision.trace) == (None, b"null")
    assert one.verdict is not None
    assert one.verdict.action is Action.ESCALATE


def test_a_question_about_what_cannot_be_sent_is_asked_anew_once_it_can() -> None:
    """Also where the rules ask a person anyway: a look ahead goes by the line of then until there is another."""
    asks = replace(DISPUTE, action=Action.ESCALATE, rule="no rule", reason=None)
    frozen = replace(ITEM, status="frozen_by_vendor")
    app = a_bot(asks, item=frozen)
    reasons = []
    for item in (frozen, ITEM):
        reviewed(app, item)
        (logged,) = app.ledger.decisions()
        reasons.append(logged.decision.reason)

    assert reasons == ["its status is 'frozen_by_vendor', so nothing can be sent", None]
    assert len(said(app).named("decision")) == 2


def test_what_is_kept_back_is_held_by_its_reason() -> None:
    """A brake keeps it: the rule stays, and the guard notes nothing without a subject."""
    app = a_bot()
    app.guard.brake = lambda: "the brake is on"

    one = reviewed(app)

    (about,) = said(app).named("decision")
    assert (about["action"], about["rule"]) == ("approve", "the rule")
    assert (about["held_by"], about["state"]) == ("the brake is on", "held")
    assert one.verdict is not None
    assert one.verdict.held_by == "the brake is on"
    assert dict(app.guard.kept) == {}
    assert said(app).named("alarm") == []


def test_a_brake_within_the_last_moment_voids_the_intent() -> None:
    """It was asked before the intent, and once more before the request."""
    app = a_bot()
    answers = iter([None, None, "too late"])
    app.guard.brake = lambda: next(answers)

    one = reviewed(app)

    (logged,) = app.ledger.decisions()
    assert world_of(app).sent == []
    assert (one.outcome, one.item) == (State.HELD, ITEM)
    assert logged.decision.held_by == "too late"
    assert "not sent: halted at the last moment" in [
        entry.note for entry in app.ledger.entries(logged.decision.id)
    ]


def test_a_turn_is_waited_for_before_each_look() -> None:
    """The rate must allow the write before the look that it rests on."""
    app = a_bot()
    turns: list[bool] = []
    app.wait_turn = lambda: turns.append(True)
    app.benches[0].sights.clear()

    reviewed(app)

    assert len(turns) == 2


def test_judged_says_what_it_was_judged_by() -> None:
    """The item, the facts and the evidence belong together."""
    app = a_bot()
    judged = Judging(
        app.clock, app.contact, app.events, app.limits, app.benches[0], known_of(app)
    ).look(ITEM)
    assert isinstance(judged, Judged)
    assert judged.item == ITEM
    assert judged.facts.attempts is not None
    assert judged.evidence is app.benches[0].evidence[TASK]


def test_a_halt_names_what_it_is() -> None:
    """A brake is its own word, beside those that a person or a policy sets."""
    app = a_bot()
    app.guard.brake = lambda: "the brake is on"
    judged = Judging(
        app.clock, app.contact, app.events, app.limits, app.benches[0], known_of(app)
    ).look(ITEM)
    with pytest.raises(Halted, match=r"^the brake is on$") as caught:
        gate.check(app.guard_post, app.benches[0], judged.verdict)
    assert (caught.value.by, caught.value.subject, caught.value.asks) == ("brake", "", False)
