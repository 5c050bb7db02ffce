"""One pass: everything is listed first, the most urgent is reviewed first, nothing is done twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from reviewbot.core.pipeline import Background
from reviewbot.domain.decision import Action, Decision
from reviewbot.domain.errors import CannotConnect, KeyRefused, NoAnswer, ServerFault
from reviewbot.domain.review import ReviewItem
from reviewbot.policy.facts import NO_ACCOUNT_HISTORY, AccountHistory, Facts
from reviewbot.ports.queue import Listing, Odd
from reviewbot.review.judge import Judging
from reviewbot.review.poll import poll_once
from tests.builders import CONFIRMED, an_item
from tests.fakes import (
    APPROVE,
    DISPUTE,
    ESCALATE,
    Answer,
    FakeJudge,
    HandClock,
    World,
    always,
    an_app,
    outcomes,
)
from tests.policy.judging import judge_of


def some(count: int) -> list[ReviewItem]:
    """Tasks confirmed a minute apart, the oldest first."""
    return [
        an_item(id=f"task-{n}", manually_confirmed_at=CONFIRMED + timedelta(minutes=n))
        for n in range(count)
    ]


def test_what_waits_is_reviewed_most_urgent_first() -> None:
    """The list is newest first; the writes go by deadline."""
    world = World()
    world.add(*some(3))

    summary = poll_once(an_app(world, always(APPROVE)))

    assert [decision.task_id for decision in world.sent] == ["task-0", "task-1", "task-2"]
    assert summary.outcomes == {"performed": 3}
    assert summary.undecided == ()


def test_a_pass_costs_a_list_and_two_calls_a_decision() -> None:
    """No request more than the list, one timeline and one write per task."""
    world = World()
    world.add(*some(5))

    poll_once(an_app(world, always(DISPUTE)))

    assert world.calls == ["waiting"] + ["evidence", "perform"] * 5


def test_evidence_is_fetched_only_when_the_judge_asks() -> None:
    """A policy that decides on the row alone costs no timeline."""
    world = World()
    world.add(*some(2))

    poll_once(an_app(world, FakeJudge(lambda facts: APPROVE, looks_first=False)))

    assert "evidence" not in world.calls


def test_a_dry_run_records_and_sends_nothing() -> None:
    """Every decision is in the log as a dry run, and the desk was never asked."""
    world = World()
    world.add(*some(2))
    app = an_app(world, always(APPROVE), live=False)

    poll_once(app)

    assert world.sent == []
    assert set(outcomes(app).values()) == {"dry-run"}


def test_a_decision_is_logged_when_it_changes_not_at_each_poll() -> None:
    """Three passes with the same answer leave one line, another answer a second."""
    world, clock = World(), HandClock()
    world.add(*some(1))
    judge = always(ESCALATE)
    app = an_app(world, judge, clock=clock)

    for _ in range(3):
        poll_once(app)
        clock.forward(minutes=1)
    assert len(app.ledger.decisions()) == 1

    judge.answer = lambda facts: Answer(
        action=Action.WAIT, until=clock.now() + timedelta(hours=1), rule="later"
    )
    poll_once(app)
    assert [logged.decision.action for logged in app.ledger.decisions()] == ["escalate", "wait"]


def test_an_action_held_by_its_hours_is_sent_when_they_open() -> None:
    """Held with its moment first; performed in the pass after it."""
    world, clock = World(), HandClock()
    world.add(*some(1))
    opens = clock.now() + timedelta(hours=2)
    judge = FakeJudge(
        lambda facts: Answer(
            action=Action.DISPUTE,
            reason="Please look.",
            until=None if facts.now >= opens else opens,
        )
    )
    app = an_app(world, judge, clock=clock)

    poll_once(app)
    assert outcomes(app) == {"task-0": "held"}
    clock.forward(hours=2)
    poll_once(app)

    assert outcomes(app) == {"task-0": "performed"}


def test_a_round_without_a_start_or_deadline_is_never_written() -> None:
    """What the API did not say stops the write and asks a person."""
    world = World()
    world.add(an_item(client_dispute_deadline_at=None))
    app = an_app(world, always(APPROVE))

    poll_once(app)

    (logged,) = app.ledger.decisions()
    assert (logged.decision.action, world.sent) == (Action.ESCALATE, [])
    assert "deadline" in (logged.decision.reason or "")


def test_nothing_is_sent_once_the_deadline_has_come() -> None:
    """From the deadline on silence has paid; our write would meet another state."""
    world, clock = World(), HandClock(CONFIRMED + timedelta(hours=72))
    world.add(an_item())
    app = an_app(world, always(DISPUTE), clock=clock)

    poll_once(app)

    assert world.sent == []


def test_evidence_of_an_undecided_task_is_kept_between_polls() -> None:
    """The same version is not fetched again within half an hour; a new one is."""
    world, clock = World(), HandClock()
    world.add(*some(1))
    app = an_app(world, always(ESCALATE), clock=clock)

    poll_once(app)
    clock.forward(minutes=1)
    poll_once(app)
    assert world.calls.count("evidence") == 1

    world.change("task-0", updated_at=clock.now())
    poll_once(app)
    assert world.calls.count("evidence") == 2


def test_an_old_sight_is_renewed_before_a_write() -> None:
    """When the work on earlier tasks took too long, one page renews the rest."""
    world, clock = World(), HandClock()
    world.add(*some(4))
    app = an_app(world, always(APPROVE), clock=clock)
    world.after_write = lambda decision: clock.forward(seconds=35)

    poll_once(app)

    assert len(world.sent) == 4
    assert world.calls.count("renew") == 1
    assert world.calls.count("evidence") == 4


def test_a_task_that_changed_while_we_worked_is_judged_again() -> None:
    """A write never leaves on what used to be true."""
    world, clock = World(), HandClock()
    world.add(*some(2))
    app = an_app(world, always(APPROVE), clock=clock)

    def someone_disputes(decision: object) -> None:
        clock.forward(seconds=61)
        if world.tasks["task-1"].status == "manually_confirmed":
            world.change("task-1", status="pending_corrections", manually_confirmed_at=None)

    world.after_write = someone_disputes
    poll_once(app)

    assert [decision.task_id for decision in world.sent] == ["task-0"]


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ({"manually_confirmed_at": CONFIRMED + timedelta(minutes=9)}, 4),
        ({"client_dispute_deadline_at": CONFIRMED + timedelta(hours=71)}, 3),
        ({"updated_at": CONFIRMED + timedelta(minutes=9)}, 4),
    ],
    ids=["round", "deadline", "version"],
)
def test_what_a_page_showed_meanwhile_counts(change: dict[str, datetime], read: int) -> None:
    """A page read for another task shows that this one changed: what left was judged on that."""
    world, clock = World(), HandClock()
    world.add(*some(3))
    app = an_app(world, always(APPROVE), clock=clock)

    def something_changes(decision: Decision) -> None:
        if decision.task_id == "task-0":
            clock.forward(seconds=61)
            world.change("task-2", **change)

    world.after_write = something_changes
    poll_once(app)

    last = world.sent[-1]
    now = world.tasks["task-2"]
    assert last.task_id == "task-2"
    assert (last.epoch, last.deadline_at) == (now.epoch, now.deadline_at)
    assert world.calls.count("evidence") == read


def test_a_new_round_is_judged_as_such() -> None:
    """After our dispute the task comes back with a new epoch and a memory of one dispute."""
    world, clock = World(), HandClock()
    world.add(*some(1))
    judge = FakeJudge(lambda facts: DISPUTE if facts.past.disputes == 0 else APPROVE)
    app = an_app(world, judge, clock=clock)

    poll_once(app)
    clock.forward(hours=3)
    world.change(
        "task-0",
        status="manually_confirmed",
        manually_confirmed_at=clock.now(),
        client_dispute_deadline_at=clock.now() + timedelta(hours=72),
        correction_required=None,
    )
    poll_once(app)

    assert [logged.decision.round for logged in app.ledger.decisions()] == [1, 2]
    assert [logged.decision.action for logged in app.ledger.decisions()] == ["dispute", "approve"]


def test_a_refused_key_ends_the_pass() -> None:
    """Nothing else can work either; the write is noted as not done."""
    world = World(trouble={"perform": [KeyRefused("no", status=401)]})
    world.add(*some(2))
    app = an_app(world, always(APPROVE))

    with pytest.raises(KeyRefused):
        poll_once(app)

    assert outcomes(app) == {"task-0": "void"}


def test_one_poisoned_task_harms_no_other() -> None:
    """Its timeline fails; the others are decided, and it is left alone for a while."""
    world, clock = World(), HandClock()
    world.add(*some(3))
    world.trouble["evidence"] = [ServerFault("500", status=500)]
    app = an_app(world, always(APPROVE), clock=clock)

    summary = poll_once(app)

    assert summary.outcomes == {"postponed": 1, "performed": 2}
    clock.forward(seconds=6)
    assert poll_once(app).outcomes["performed"] == 1


def test_an_outage_stops_the_pass_before_more_is_put_in_doubt() -> None:
    """After three calls without a clear answer nothing more is sent."""
    world = World(trouble={"perform": [NoAnswer("timeout")] * 9})
    world.add(*some(9))
    app = an_app(world, always(APPROVE))

    summary = poll_once(app)

    assert summary.outcomes == {"unknown": 3}
    assert summary.stopped is not None
    assert summary.in_quarantine == 3


def test_a_pass_ends_early_when_asked_to_stop() -> None:
    """The write in flight is finished and noted; the next does not begin."""
    world = World()
    world.add(*some(3))
    app = an_app(world, always(APPROVE))
    app.stopping = lambda: bool(world.sent)

    summary = poll_once(app)

    assert outcomes(app) == {"task-0": "performed"}
    assert summary.stopped == "a stop was asked for"


def test_no_connection_ends_the_pass_at_once() -> None:
    """Without a connection the next task would fail as well."""
    world = World(trouble={"evidence": [CannotConnect("refused")]})
    world.add(*some(2))

    summary = poll_once(an_app(world, always(APPROVE)))

    assert (summary.reviewed, world.sent) == (0, [])
    assert summary.stopped == "refused"


def test_a_task_no_policy_covers_asks_a_person() -> None:
    """Without a judge the answer is: escalate, by no rule."""
    world = World()
    world.add(*some(1))
    app = an_app(world, always(APPROVE))
    app.benches[0].judges = ()

    poll_once(app)

    (logged,) = app.ledger.decisions()
    assert (logged.decision.action, logged.decision.rule) == (Action.ESCALATE, "no rule")


def test_schema_drift_is_said() -> None:
    """A used field that is missing or of another type is named."""
    world = World(drift=("cm_payout_amount",))
    app = an_app(world, always(APPROVE))

    poll_once(app)

    assert app.events.named("schema drift")[0]["what"] == "cm_payout_amount"  # type: ignore[attr-defined]


def test_a_policy_that_breaks_asks_a_person_and_harms_no_other_task() -> None:
    """An evaluation error never pays and never ends the pass."""
    world = World()
    world.add(*some(2))

    def breaks(facts: Facts) -> Answer:
        if facts.task.id == "task-0":
            raise ZeroDivisionError
        return APPROVE

    app = an_app(world, FakeJudge(breaks))
    poll_once(app)

    assert outcomes(app) == {"task-0": "held", "task-1": "performed"}
    assert app.events.named("evaluation failed")  # type: ignore[attr-defined]


def test_a_decision_with_too_little_time_left_is_made_and_said_to_be_late() -> None:
    """Ten minutes before the deadline it is still sent."""
    world, clock = World(), HandClock(CONFIRMED + timedelta(hours=71, minutes=50))
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)

    poll_once(app)

    assert len(world.sent) == 1
    assert [about["late"] for about in app.events.named("decision")] == [True]  # type: ignore[attr-defined]


def test_the_fallback_waits_for_evidence_while_there_is_time() -> None:
    """A failed timeline must not turn a dispute into a payment; near the deadline it no longer waits."""
    fallback = Answer(action=Action.APPROVE, rule="deadline", rule_index=None)
    clock = HandClock(CONFIRMED + timedelta(hours=69))
    world = World(trouble={"evidence": [ServerFault("500", status=500)] * 2})
    world.add(an_item())
    judge = FakeJudge(lambda facts: fallback if facts.attempts is None else DISPUTE)
    app = an_app(world, judge, clock=clock)

    assert poll_once(app).outcomes == {"postponed": 1}
    clock.forward(hours=2, minutes=40)
    assert poll_once(app).outcomes == {"performed": 1}

    assert [decision.action for decision in world.sent] == ["approve"]


def test_a_long_pass_lists_again_so_that_what_falls_due_within_it_is_not_missed() -> None:
    """Forty tasks at a minute each; the first is due after twenty, and is sent before the last."""
    clock = HandClock()
    due = clock.now() + timedelta(minutes=20)
    world = World(before_write=lambda decision: clock.forward(minutes=1))
    world.add(*some(40))
    judge = FakeJudge(
        lambda facts: ESCALATE if facts.task.id == "task-0" and facts.now < due else APPROVE
    )
    summary = poll_once(an_app(world, judge, clock=clock))

    order = [decision.task_id for decision in world.sent]
    assert len(order) == summary.reviewed == 40
    assert 20 <= order.index("task-0") <= 32
    assert summary.undecided == ()


def test_a_list_that_did_not_settle_is_said() -> None:
    """Its rows moved at every reading; what was seen is reviewed all the same."""

    class Restless(World):
        def waiting(self) -> Listing:
            return msgspec.structs.replace(super().waiting(), agreed=False)

    world = Restless()
    world.add(*some(1))
    app = an_app(world, always(APPROVE))

    poll_once(app)

    assert app.events.named("list did not settle") == [{"review": "comments"}]  # type: ignore[attr-defined]
    assert len(world.sent) == 1


def test_what_an_account_did_is_looked_up_for_policies_that_ask() -> None:
    """Once for all that waits, from the log."""
    world = World()
    world.add(*some(2))
    asked: list[AccountHistory] = []

    def answer(facts: Facts) -> Answer:
        asked.append(facts.account)
        return APPROVE

    app = an_app(world, FakeJudge(answer, needs_account=True))

    poll_once(app)

    assert asked
    assert NO_ACCOUNT_HISTORY not in asked


def test_what_breaks_where_no_policy_judges_is_not_hidden() -> None:
    """There is no policy to blame it on, and nothing to pay by."""
    app = an_app(World(), always(APPROVE))
    broken = Background(memory=None, judge=None)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        Judging(app.clock, app.contact, app.events, app.limits, app.benches[0], broken).look(
            some(1)[0]
        )


def test_what_is_listed_in_a_status_nobody_documented_is_asked_about_and_never_paid() -> None:
    """Its deadline is watched like that of every other question."""
    world, clock = World(), HandClock()
    first, second = some(2)
    frozen = an_item(id=first.id, manually_confirmed_at=first.started_at, status="frozen_by_vendor")
    world.add(frozen, second)
    listed = Listing(
        items=(frozen, second), odd=Odd(new_values=("task.status: 'frozen_by_vendor'",))
    )
    world.waiting = lambda: listed  # type: ignore[method-assign]
    app = an_app(world, always(APPROVE), clock=clock)

    poll_once(app)
    clock.forward(hours=58)
    poll_once(app)

    assert [decision.task_id for decision in world.sent] == [second.id]
    kinds = [alarm["kind"] for alarm in app.events.named("alarm")]  # type: ignore[attr-defined]
    assert kinds.count("schema-drift") == 1
    assert kinds.count("question") == 1
    (undecided,) = (alarm for alarm in app.events.named("alarm") if alarm["kind"] == "undecided")  # type: ignore[attr-defined]
    assert "its status is 'frozen_by_vendor'" in str(undecided["sentence"])


def test_what_evidence_drifted_is_told_by_the_end_of_the_pass_that_read_it() -> None:
    """A process of one pass reads no further list; on several things it opens the breaker as well."""
    world = World()
    world.add(*some(6))
    what = "attempt.comments_scraped: expected a whole number, got text"
    world.odd_since = Odd(
        drift=(what,),
        drift_on={what: frozenset({"task-1", "task-2", "task-3"})},
        new_values=("attempt.outcome_kind: 'sensor_lost'",),
    )
    judge = judge_of("rules:\n  - {name: r, when: {last.comments_scraped: 0}, then: escalate}")
    app = an_app(world, judge)  # type: ignore[arg-type]

    poll_once(app)

    said = app.events
    assert [event["what"] for event in said.named("schema drift")] == [what]  # type: ignore[attr-defined]
    assert [event["what"] for event in said.named("new value")] == [  # type: ignore[attr-defined]
        "attempt.outcome_kind: 'sensor_lost'"
    ]
    assert [note.value["open"] for note in app.ledger.notes("breaker")] == [True]


def test_one_thing_that_drifts_opens_no_breaker_at_the_end_either() -> None:
    """It is that thing's own trouble; a new value stops nothing at all, however often it is seen."""
    world = World()
    world.add(*some(6))
    what = "attempt.comments_scraped: expected a whole number, got text"
    values = ("attempt.outcome_kind: 'sensor_lost'",)
    world.odd_since = Odd(drift=(what,), drift_on={what: frozenset({"task-1"})}, new_values=values)
    judge = judge_of("rules:\n  - {name: r, when: {last.comments_scraped: 0}, then: escalate}")
    app = an_app(world, judge)  # type: ignore[arg-type]

    poll_once(app)
    poll_once(app)

    assert app.ledger.notes("breaker") == []
    assert len(app.events.named("new value")) == 1  # type: ignore[attr-defined]
