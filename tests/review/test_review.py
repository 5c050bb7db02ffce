"""One review: what it does where a thing cannot be read, is gone, never rests, or was claimed before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reviewbot.core.context import BotContext
from reviewbot.core.refusals import FIRST_PAUSE, LONGEST_PAUSE
from reviewbot.core.verdict import trace_of
from reviewbot.domain.decision import Action
from reviewbot.domain.errors import (
    ApiError,
    CannotConnect,
    Forbidden,
    KeyRefused,
    NotFound,
    RateLimited,
    ServerFault,
)
from reviewbot.domain.review import Evidence, ReviewItem
from reviewbot.policy.engine.calendar import resolver
from reviewbot.policy.facts import Facts
from reviewbot.policy.recorded_facts import facts_from_json
from reviewbot.review.judge import DEAD_LETTER
from reviewbot.review.poll import poll_once
from reviewbot.review.review import LOOKS
from tests.builders import CONFIRMED, an_item
from tests.fakes import (
    APPROVE,
    ESCALATE,
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
from tests.policy.judging import judge_of

TASK = an_item().id


@pytest.mark.parametrize(
    "gone", [NotFound("no such task", status=404), Forbidden("not yours", status=403)]
)
def test_what_is_listed_and_cannot_be_read_is_left_alone_a_while(gone: ApiError) -> None:
    """The list shows it waiting, so it is open, whatever one answer says of it."""
    world = World(trouble={"evidence": [gone]})
    world.add(an_item())
    app = an_app(world, always(APPROVE))

    first, second = poll_once(app), poll_once(app)

    assert first.outcomes == {"postponed": 1}
    assert [seen.task_id for seen in first.undecided] == [TASK]
    assert second.outcomes == {"postponed": 1}
    assert world.calls.count("evidence") == 1
    assert world.sent == []


def test_pauses_double_up_to_the_longest_and_the_eighth_try_is_a_dead_letter() -> None:
    """5 s, 10 s, 20 s ... 15 min; the eighth failure is told, and a success forgets them all."""
    failures: list[ApiError] = [ServerFault("broken", status=500) for _ in range(DEAD_LETTER)]
    world, clock = World(trouble={"evidence": failures}), HandClock()
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)
    (bench,) = app.benches
    pauses = []
    for _ in range(DEAD_LETTER):
        poll_once(app)
        pauses.append(bench.troubles[TASK].until - clock.monotonic())
        clock.forward(seconds=pauses[-1] - 1)
        assert poll_once(app).outcomes == {"postponed": 1}
        clock.forward(seconds=1)

    assert pauses == [min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(DEAD_LETTER)]
    assert len(app.events.named("review keeps failing")) == 1
    assert [alarm["kind"] for alarm in app.events.named("alarm")] == ["dead-letter"]
    poll_once(app)
    assert outcomes(app) == {TASK: "performed"}
    assert TASK not in bench.troubles


def test_what_changes_at_every_look_is_left_to_the_next_pass() -> None:
    """Three looks at a thing that never rests, then nothing is sent on it in this pass."""
    world, clock = World(), HandClock()
    world.add(an_item())
    renewals = iter(range(1, 99))

    def restless(facts: Facts) -> Answer:
        clock.forward(seconds=61)
        world.change(TASK, updated_at=CONFIRMED + timedelta(seconds=next(renewals)))
        return APPROVE

    summary = poll_once(an_app(world, FakeJudge(restless), clock=clock))

    assert summary.outcomes == {"postponed": 1}
    assert world.sent == []
    assert world.calls.count("renew") == LOOKS


def test_a_second_look_may_change_the_answer() -> None:
    """What the renewed sight shows makes it a question: nothing is sent."""
    world, clock = World(), HandClock()
    world.add(an_item())

    def only_once(facts: Facts) -> Answer:
        if facts.task.comment_text == "another text":
            return ESCALATE
        clock.forward(seconds=61)
        world.change(TASK, comment_text="another text", updated_at=CONFIRMED + timedelta(hours=1))
        return APPROVE

    app = an_app(world, FakeJudge(only_once), clock=clock)
    poll_once(app)

    assert outcomes(app) == {TASK: "held"}
    assert world.sent == []


def test_what_a_person_sends_while_it_is_judged_is_acted_on_before() -> None:
    """There is nothing left to hold then, and the pass goes on with the others."""
    world, judge = World(), always(APPROVE)
    world.add(an_item())
    app = an_app(world, judge)
    app.guard.brake = lambda: "a look"
    poll_once(app)
    (held,) = app.ledger.decisions()

    def meanwhile(facts: Facts) -> Answer:
        app.ledger.intend(held.decision)
        return APPROVE

    app.benches[0].judges = (FakeJudge(meanwhile),)  # type: ignore[assignment]
    app.guard.brake = lambda: "another look"

    assert poll_once(app).outcomes == {"acted on before": 1}
    assert outcomes(app) == {TASK: "intent"}


def test_the_fallback_of_a_thing_never_seen_to_its_end_asks_a_person() -> None:
    """After eight tries without evidence, a rule that needs it makes a question."""
    # Once more as the question is asked: what came then would be judged by the rules.
    failures: list[ApiError] = [ServerFault("broken", status=500) for _ in range(DEAD_LETTER + 2)]
    world, clock = World(trouble={"evidence": failures}), HandClock()
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)
    for _ in range(DEAD_LETTER + 1):
        poll_once(app)
        clock.forward(seconds=LONGEST_PAUSE)

    (held,) = app.ledger.decisions()
    assert (held.state.value, held.decision.action.value) == ("held", "escalate")
    assert held.decision.reason == "the evidence that a rule needs cannot be fetched"
    assert world.sent == []


def test_the_moment_of_the_fallback_is_unknown_without_a_deadline() -> None:
    """Nothing is due by a deadline that nobody knows."""
    judge = always(APPROVE)
    assert resolver(judge.policy.deadline.decide_by, {})(CONFIRMED, None) is None


def asking(**trouble: list[ApiError]) -> BotContext:
    """A bot whose rule asks a person, and needs no evidence for that."""
    world = World(trouble=dict(trouble))
    world.add(an_item())
    return an_app(world, FakeJudge(lambda facts: ESCALATE, looks_first=False))


def test_who_is_asked_sees_what_the_checker_saw() -> None:
    """The evidence is fetched for the question, once, and stands in the log with it."""
    app = asking()
    for _ in range(3):
        poll_once(app)

    (logged,) = app.ledger.decisions()
    assert logged.decision.evidence_hash is not None
    assert facts_from_json(logged.decision.facts).attempts is not None
    assert world_of(app).calls.count("evidence") == 1


def test_a_question_is_written_down_with_all_that_its_rules_could_see() -> None:
    """One condition was enough to ask; the other could not be told then, and stands there as seen."""
    either = "{any of: [{task.target_author_handle: lumen}, {last.comments_scraped: 60}]}"
    judge = judge_of(f"rules:\n  - {{name: ask, when: {either}, then: escalate}}")
    world = World()
    world.add(an_item())
    app = an_app(world, always(ESCALATE))
    app.benches[0].judges = (judge,)
    poll_once(app)

    (logged,) = app.ledger.decisions()
    assert b'"fact":"last.comments_scraped","test":"60","outcome":"met"' in logged.decision.trace
    assert logged.decision.trace == trace_of(judge, facts_from_json(logged.decision.facts))


def test_a_question_stands_at_the_moment_at_which_it_was_judged() -> None:
    """The API's clock may go back with the evidence; a replay must see the same deadline passed."""
    app = asking()
    world, clock = world_of(app), app.clock
    assert isinstance(clock, HandClock)
    fetch = world.evidence

    def and_the_clock_goes_back(item: ReviewItem) -> Evidence:
        clock.start -= timedelta(minutes=1)
        return fetch(item)

    world.evidence = and_the_clock_goes_back  # type: ignore[method-assign]
    before = clock.now()
    poll_once(app)

    (logged,) = app.ledger.decisions()
    assert logged.decision.decided_at == before
    assert facts_from_json(logged.decision.facts).now == before


@pytest.mark.parametrize(
    "error",
    [
        NotFound("gone", status=404),
        ServerFault("broken", status=500),
        CannotConnect("refused"),
        RateLimited("slow", retry_after=1.0),
    ],
)
def test_a_question_is_asked_also_where_the_evidence_cannot_be_had(error: ApiError) -> None:
    """It must not wait for what may never come."""
    app = asking(evidence=[error])
    summary = poll_once(app)

    assert summary.outcomes == {"held": 1}
    (logged,) = app.ledger.decisions()
    assert (logged.decision.action, logged.decision.evidence_hash) == (Action.ESCALATE, None)
    assert [event["task_id"] for event in said(app).named("asked without evidence")] == [TASK]


def test_a_key_that_is_refused_while_a_question_is_prepared_is_raised() -> None:
    """Nothing else can go on either."""
    app = asking(evidence=[KeyRefused("401", status=401)])
    with pytest.raises(KeyRefused):
        poll_once(app)


def test_what_no_policy_covers_is_asked_with_its_evidence() -> None:
    """Nobody has judged it: the person needs to see it all the more."""
    world = World()
    world.add(an_item())
    app = an_app(world, always(APPROVE))
    app.benches[0].judges = ()
    poll_once(app)
    (logged,) = app.ledger.decisions()
    assert logged.decision.evidence_hash is not None
    assert logged.decision.trace == b"null"


def test_what_waits_for_its_hour_fetches_no_evidence() -> None:
    """Only a question needs it, and what a rule asks for."""
    world = World()
    world.add(an_item())
    later = Answer(action=Action.WAIT, until=START + timedelta(hours=1))
    app = an_app(world, FakeJudge(lambda facts: later, looks_first=False))
    poll_once(app)
    assert "evidence" not in world.calls
