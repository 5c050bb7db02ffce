"""Refusals: no answer of a moment ends a round, nobody's pay is left to silence, and people are asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from reviewbot.core.context import BotContext
from reviewbot.core.questions import open_questions
from reviewbot.core.refusals import IN_A_ROW, LONGEST_PAUSE, TRIES, Says, meaning, words_of
from reviewbot.domain.decision import DEADLINE, Action, Decision, State
from reviewbot.domain.errors import (
    ApiError,
    ApiRefusal,
    Forbidden,
    Intercepted,
    InvalidStatus,
    NotFound,
    OutOfCredits,
    TaskBlocked,
)
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.review.poll import poll_once
from reviewbot.tokportal import errors
from tests.builders import an_item
from tests.fakes import (
    APPROVE,
    DISPUTE,
    START,
    Answer,
    FakeJudge,
    HandClock,
    World,
    always,
    an_app,
    outcomes,
    said,
    world_of,
)

ITEM = an_item()
TASK = ITEM.id
NEW = ApiRefusal("POST x: the API answered 422 NEW", status=422, code="NEW")
BLOCKED = TaskBlocked(
    "POST x: the API answered 409 MANAGED_ACCOUNT_TASK_BLOCKED (Coverage is inactive)",
    status=409,
    code="MANAGED_ACCOUNT_TASK_BLOCKED",
)
OF_A_MOMENT: list[ApiError] = [
    ApiRefusal("400", status=400, code="VALIDATION_ERROR"),
    OutOfCredits("402", status=402, code="INSUFFICIENT_CREDITS"),
    Forbidden("403", status=403, code="FORBIDDEN"),
    Forbidden("403", status=403, code="COMMENT_TASK_NOT_OWNED"),
    Intercepted("403 in HTML", status=403),
    NotFound("404", status=404, code="NOT_FOUND"),
    NotFound("404", status=404, code="COMMENT_TASK_NOT_FOUND"),
    Intercepted("404 in HTML", status=404),
    InvalidStatus("409", status=409, details={"current_status": "manually_confirmed"}),
    InvalidStatus("409", status=409, details={"current_status": "finalized"}),
    ApiRefusal("422", status=422),
    ApiRefusal("423", status=423),
    ApiRefusal("425", status=425),
    BLOCKED,
]


def refusing(error: ApiError, seconds: float, judge: FakeJudge, tasks: int = 1) -> BotContext:
    """A bot on a world that refuses every write for so long."""
    world, clock = World(), HandClock()
    world.add(*(replace(ITEM, id=f"t{n:02}") for n in range(tasks)))
    app = an_app(world, judge, clock=clock)

    def refuse(decision: Decision) -> None:
        if clock.elapsed < seconds:
            raise error

    world.before_write = refuse
    return app


def run(app: BotContext, seconds: float, every: float = 1.0) -> None:
    """Let it poll for so long."""
    clock = app.clock
    assert isinstance(clock, HandClock)
    end = clock.elapsed + seconds
    while clock.elapsed < end:
        poll_once(app)
        clock.forward(seconds=every)


@pytest.mark.parametrize("error", OF_A_MOMENT, ids=lambda error: f"{error.status} {error.code}")
def test_a_refusal_of_a_few_seconds_pays_nobody_by_silence(error: ApiError) -> None:
    """20 tasks, five seconds of it, then health: every rule is carried out, and no breaker opens."""
    app = refusing(error, 5.0, always(DISPUTE), tasks=20)
    run(app, 5.0)
    run(app, 17 * 60.0, every=30.0)
    assert outcomes(app) == {f"t{n:02}": "performed" for n in range(20)}
    assert {item.status for item in world_of(app).tasks.values()} == {"pending_corrections"}
    assert app.ledger.notes("breaker") == []


@pytest.mark.parametrize("error", [NEW, BLOCKED], ids=["any", "of the task"])
def test_what_stays_refused_is_a_question_and_is_tried_on(error: ApiError) -> None:
    """The person is asked once, with what the API said; the bot goes on trying, ever more slowly."""
    app = refusing(error, 4 * 3600.0, always(APPROVE))
    run(app, 3600.0, every=60.0)

    (question,) = open_questions(app.ledger, app.clock.now())
    what = words_of(error)
    assert question.decision.reason == f"refused: {what}; the rule says approve"
    assert (question.decision.rule, question.decision.wanted) == ("the rule", Action.APPROVE)
    asked = [alarm for alarm in said(app).named("alarm") if alarm["kind"] == "question"]
    assert len(asked) == 1
    tries = len(world_of(app).keys)
    assert 4 <= tries <= TRIES + 4
    run(app, 3 * 3600.0 + LONGEST_PAUSE, every=60.0)
    assert outcomes(app) == {"t00": "performed"}
    assert len(world_of(app).keys) - tries <= 14


def test_a_question_of_a_refusal_is_asked_again_in_other_words_only() -> None:
    """What the API says now is what the person reads."""
    app = refusing(BLOCKED, 1.0, always(APPROVE))
    poll_once(app)
    app.clock.sleep(LONGEST_PAUSE)
    world_of(app).trouble["perform"] = [
        Forbidden("POST x: not yours", status=403, code="COMMENT_TASK_NOT_OWNED")
    ]
    poll_once(app)
    (question,) = open_questions(app.ledger, app.clock.now())
    assert question.decision.held_by == "refused: not yours"
    assert len([alarm for alarm in said(app).named("alarm") if alarm["kind"] == "question"]) == 2


def test_the_tries_of_a_process_before_count() -> None:
    """A bot that runs once at a time asks as well; and it does not try at once what a person is asked."""
    app = refusing(NEW, 3600.0, always(APPROVE))
    for n in range(1, TRIES + 1):
        poll_once(app)
        assert len(open_questions(app.ledger, START)) == (n == TRIES)
        app = _again(app)
        app.clock.sleep(60.0)
    poll_once(app)
    assert len(world_of(app).keys) == TRIES
    app.clock.sleep(LONGEST_PAUSE)
    poll_once(app)
    assert len(world_of(app).keys) == TRIES + 1


def _again(app: BotContext) -> BotContext:
    """The next process on the same log."""
    clock = app.clock
    assert isinstance(clock, HandClock)
    assert isinstance(app.ledger, SqlLedger)
    judge = app.benches[0].judges[0]
    assert isinstance(judge, FakeJudge)
    return an_app(world_of(app), judge, ledger=app.ledger, clock=clock)


FALLBACK = Answer(action=Action.APPROVE, rule=DEADLINE, rule_index=None)


def test_the_fallback_tries_too_where_a_rules_act_is_refused_to_the_end() -> None:
    """Not before it is due, and not on the first word: only where a person is asked already."""
    judge = FakeJudge(lambda facts: DISPUTE)
    judge.fallback = lambda facts: (
        FALLBACK if facts.deadline_at - facts.now <= timedelta(hours=1) else None
    )
    app = refusing(BLOCKED, 0.0, judge)
    world = world_of(app)

    def refuse(decision: Decision) -> None:
        if decision.action is Action.DISPUTE:
            raise BLOCKED

    world.before_write = refuse
    deadline = ITEM.deadline_at
    assert deadline is not None
    run(app, (deadline - START).total_seconds() - 3600, every=300.0)
    assert outcomes(app)["t00"] == "held"
    assert all(key != "approve" for key in (decision.action.value for decision in world.sent))
    run(app, 600.0, every=60.0)
    (sent,) = world.sent
    assert (sent.action, sent.rule, sent.wanted) == (Action.APPROVE, DEADLINE, Action.DISPUTE)


def test_a_refusal_at_the_end_is_not_at_once_the_fallbacks_turn() -> None:
    """A mistake of a moment must not pay what a rule sends back."""
    deadline = START + timedelta(minutes=40)
    world, clock = World(trouble={"perform": [BLOCKED]}), HandClock()
    world.add(replace(ITEM, deadline_at=deadline))
    judge = FakeJudge(lambda facts: DISPUTE, fallback=lambda facts: FALLBACK)
    app = an_app(world, judge, clock=clock)
    run(app, 900.0, every=30.0)
    assert [decision.action for decision in world.sent] == [Action.DISPUTE]


def test_near_the_end_it_is_tried_again_in_time() -> None:
    """The pauses end when the fallback is due, and shrink towards the deadline."""
    left = timedelta(minutes=20)
    app = refusing(BLOCKED, left.total_seconds() - 90.0, always(APPROVE))
    world_of(app).add(replace(ITEM, id="t00", deadline_at=START + left))
    run(app, left.total_seconds(), every=5.0)
    assert outcomes(app) == {"t00": "performed"}


def test_after_a_few_refusals_in_a_row_a_pass_sends_nothing_more() -> None:
    """The rest of the queue waits for the next poll, which finds out by one write; all stay open."""
    app = refusing(NEW, 10.0, always(APPROVE), tasks=20)
    summary = poll_once(app)
    assert summary.outcomes == {"void": IN_A_ROW, "postponed": 20 - IN_A_ROW}
    assert len(summary.undecided) == 20
    summary = poll_once(app)
    assert len(world_of(app).keys) == IN_A_ROW + 1
    app.clock.sleep(10.0)
    summary = poll_once(app)
    assert summary.outcomes["performed"] == 20


def test_refusals_of_single_tasks_stop_nothing() -> None:
    """What is about a task hurts that task only."""
    app = refusing(BLOCKED, 1.0, always(APPROVE), tasks=10)
    summary = poll_once(app)
    assert len(world_of(app).keys) == 10
    assert summary.outcomes == {"held": 10}
    assert app.benches[0].refused_writes == 0


def test_the_other_kind_of_review_goes_on() -> None:
    """Its writes may well be taken."""
    app = refusing(NEW, 0.0, always(APPROVE), tasks=5)
    accounts = an_app(World(review="accounts"), always(APPROVE)).benches[0]
    accounts.refused_writes = IN_A_ROW
    app.benches = (accounts, *app.benches)
    assert poll_once(app).outcomes == {"performed": 5}
    assert accounts.refused_writes == IN_A_ROW - 1


def test_every_documented_code_of_a_write_has_one_meaning() -> None:
    """What a person is asked about, what is read up on; all else says nothing of the task."""
    asked = {
        code for code, kind in errors._BY_CODE.items() if meaning(kind(code, code=code)) is Says.ASK
    }
    looked = {
        code
        for code, kind in errors._BY_CODE.items()
        if meaning(kind(code, code=code)) is Says.LOOK
    }
    assert asked == {
        "COMMENT_TASK_NOT_OWNED", "BUNDLE_NOT_OWNED", "SAVED_ACCOUNT_NOT_OWNED",
        "MANAGED_ACCOUNT_TASK_BLOCKED", "COMMENT_ACCOUNT_NOT_MANAGED", "ACCOUNT_NOT_CONFIGURED",
        "COMMENT_DISPUTE_REASON_REQUIRED", "MISSING_COMMENT", "MISSING_FIELDS", "INVALID_FIELD",
        "UNKNOWN_FIELD", "DRY_RUN_ID_IN_LIVE_REQUEST",
    }  # fmt: skip
    assert looked == {
        "COMMENT_INVALID_STATUS", "COMMENT_TASK_NOT_FOUND", "BUNDLE_INVALID_STATUS",
        "BUNDLE_NOT_FOUND", "ACCOUNT_INVALID_STATUS", "ACCOUNT_NOT_FOUND", "INVALID_STATUS",
        "INVALID_STATUS_TRANSITION", "SAVED_ACCOUNT_NOT_FOUND",
    }  # fmt: skip
    assert meaning(Intercepted("page", status=403)) is Says.LOOK
    assert meaning(Intercepted("page", status=418)) is Says.LOOK


def test_a_state_that_ends_nothing_claims_nothing() -> None:
    """A refused round is free for the next intent, of whatever action."""
    app = refusing(BLOCKED, 1.0, always(APPROVE))
    poll_once(app)
    assert app.ledger.memories("comments", ["t00"])["t00"].claimed == frozenset()
    (approve,) = [
        logged for logged in app.ledger.decisions() if logged.decision.action is Action.APPROVE
    ]
    assert approve.state is State.REFUSED


# People, and the breaker ---------------------------------------------------------------------


def alarms(app: BotContext, kind: str) -> list[object]:
    """The sentences of one kind."""
    return [alarm["sentence"] for alarm in said(app).named("alarm") if alarm["kind"] == kind]


def test_people_are_told_that_writes_are_refused_and_that_it_is_over() -> None:
    """Once an hour while it lasts, with what the API said."""
    app = refusing(NEW, 600.0, always(APPROVE), tasks=20)
    run(app, 300.0, every=60.0)
    (told,) = alarms(app, "writes-refused")
    assert "refuses our decisions on comments, the last 3 in a row" in str(told)
    assert "422 NEW" in str(told)
    run(app, 1200.0, every=60.0)
    assert "The API takes our decisions on comments again." in str(
        [about for _, about in said(app).events]
    )
    assert app.ledger.notes("breaker") == []


def test_what_is_refused_for_long_opens_the_breaker_of_its_policy() -> None:
    """Most of many writes, for half an hour and more; a person looks at it."""
    app = refusing(NEW, 9 * 3600.0, always(APPROVE), tasks=40)
    run(app, 1740.0, every=60.0)
    assert len(world_of(app).keys) >= 20
    assert app.ledger.notes("breaker") == []
    run(app, 300.0, every=60.0)
    (note,) = app.ledger.notes("breaker")
    assert (note.subject, note.value["sign"]) == ("fake", "refusals")
    assert "422 NEW" in note.value["what"]


def test_few_refusals_or_a_share_of_them_open_nothing() -> None:
    """One task that is refused for hours; and many writes of which every second is taken."""
    app = refusing(NEW, 9 * 3600.0, always(APPROVE), tasks=1)
    run(app, 8 * 3600.0, every=300.0)
    assert app.ledger.notes("breaker") == []

    app = refusing(NEW, 0.0, always(APPROVE), tasks=200)

    def every_second(decision: Decision) -> None:
        if int(decision.task_id[1:]) % 2:
            raise NEW

    world_of(app).before_write = every_second
    run(app, 2 * 3600.0, every=300.0)
    assert app.ledger.notes("breaker") == []
