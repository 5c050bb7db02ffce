"""Judging: how much evidence an answer needs, what a broken policy says, and what the deadline decides."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import Backoff, HeldEvidence, Judged, LoopLimits
from reviewbot.core.refusals import LONGEST_PAUSE
from reviewbot.core.verdict import UNCOVERED, Verdict
from reviewbot.domain.decision import DEADLINE, NO_RULE, Action
from reviewbot.domain.errors import (
    ApiError,
    BadAnswer,
    CannotConnect,
    Forbidden,
    Halted,
    KeyRefused,
    LedgerError,
    NotFound,
    RateLimited,
    ServerFault,
)
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.task import Attempt, CommentTask, Timeline
from reviewbot.policy.facts import AccountHistory, Facts, Fleet, History, about_task
from reviewbot.ports.ledger import Memory
from reviewbot.review.judge import (
    DEAD_LETTER,
    LAST_CALL,
    Judging,
    judged_otherwise,
)
from tests.acceptance.house import judge_of as judge_of_policy
from tests.builders import CONFIRMED, a_task, an_account_item, an_attempt, an_item
from tests.fakes import (
    APPROVE,
    DISPUTE,
    START,
    Answer,
    FakeJudge,
    HandClock,
    World,
    a_bot,
    always,
    known_of,
    said,
    world_of,
)
from tests.policy.judging import judge_of

ITEM = an_item()
TASK = ITEM.id
PAID = Answer(action=Action.APPROVE, rule=DEADLINE, reason="In time.")


def judged(app: BotContext, *, fresh: bool = False, item: Any = ITEM, **more: Any) -> Judged:
    """Look at the task and judge it."""
    return Judging(
        app.clock, app.contact, app.events, app.limits, app.benches[0], known_of(app, **more)
    ).look(item, fresh=fresh)


def kept(app: BotContext, at: float = 0.0) -> HeldEvidence:
    """Evidence of the task, fetched at a moment."""
    held = HeldEvidence((TASK, ITEM.epoch, ITEM.version), World().evidence(ITEM), at)
    app.benches[0].evidence[TASK] = held
    return held


def test_everything_known_is_judged_by() -> None:
    """The log's memory of the thing and its account, the fleet, the clock and the evidence."""
    app = a_bot(always(APPROVE))
    past, account = History(disputes=2), AccountHistory(decisions_30d=7)
    fleet = Fleet(open_tasks=3)

    found = judged(app, memory=Memory(history=past), account=account, fleet=fleet)

    facts = found.facts
    assert (facts.now, facts.past, facts.account, facts.fleet) == (START, past, account, fleet)
    assert facts.attempts is not None
    assert found.item == ITEM
    assert found.evidence is app.benches[0].evidence[TASK]


def test_what_no_policy_covers_asks_a_person_without_any_evidence() -> None:
    """Nothing is fetched for it."""
    app = a_bot()
    found = judged(app, judge=None)
    assert (found.item, found.verdict, found.evidence) == (ITEM, UNCOVERED, None)
    assert found.facts.attempts is None
    assert world_of(app).calls == []


@pytest.mark.parametrize("item", [an_item(), an_account_item()])
def test_what_is_listed_in_another_status_is_not_judged(item: ReviewItem) -> None:
    """No rule is asked and nothing fetched; a person is, with the status it is in."""
    app = a_bot()
    judge = always(APPROVE)
    found = judged(app, item=replace(item, status="frozen\nby_vendor"), judge=judge)
    assert (found.verdict.action, found.verdict.rule) == (Action.ESCALATE, NO_RULE)
    assert "its status is 'frozen by_vendor'" in (found.verdict.reason or "")
    assert (found.verdict.policy, judge.asked, world_of(app).calls) == ("fake", 0, [])


@pytest.mark.parametrize(("always_evidence", "fetched"), [(False, 0), (True, 1)])
def test_evidence_is_fetched_where_the_answer_needs_it_or_settings_say_so(
    always_evidence: bool, fetched: int
) -> None:
    """A rule that answers without spares the request."""
    judge = FakeJudge(lambda facts: APPROVE, looks_first=False)
    app = a_bot(judge, limits=LoopLimits(always_evidence=always_evidence))
    app.contact.failed_reads = 3

    found = judged(app)

    assert world_of(app).calls.count("evidence") == fetched
    assert (found.evidence is None, found.facts.attempts is None) == (not fetched, not fetched)
    assert found.verdict.rule == "the rule"
    assert app.contact.failed_reads == (0 if fetched else 3)


def test_evidence_at_hand_is_judged_by_without_asking_whether_it_is_needed() -> None:
    """It costs nothing."""
    app = a_bot(FakeJudge(lambda facts: APPROVE, looks_first=False))
    held = kept(app)
    found = judged(app)
    assert found.evidence is held
    assert found.facts.attempts is not None
    assert world_of(app).calls == []


@pytest.mark.parametrize(("age", "fetched"), [(60.0, 0), (60.001, 1)])
def test_a_fresh_look_takes_only_fresh_evidence(age: float, fetched: int) -> None:
    """From memory up to the freshness that a write asks for."""
    clock = HandClock()
    app = a_bot(clock=clock)
    kept(app)
    clock.forward(seconds=age)
    judged(app, fresh=True)
    assert world_of(app).calls.count("evidence") == fetched
    judged(app)
    assert world_of(app).calls.count("evidence") == fetched


# A policy that breaks ------------------------------------------------------------------------


def broken(facts: Facts) -> Answer:
    """A policy whose judging fails."""
    raise ZeroDivisionError("by nought")


def test_a_policy_that_breaks_asks_a_person_and_is_said() -> None:
    """Loudly, with the thing and the error; the facts are those without evidence."""
    app = a_bot(FakeJudge(broken))

    found = judged(app, memory=Memory(history=History(disputes=1)))

    assert said(app).events == [
        ("evaluation failed", {"task_id": TASK, "error": "ZeroDivisionError('by nought')"})
    ]
    assert said(app).levels == [("evaluation failed", "error")]
    verdict = found.verdict
    assert (verdict.action, verdict.rule, verdict.broke) == (Action.ESCALATE, NO_RULE, True)
    assert verdict.reason == "the policy could not be evaluated (ZeroDivisionError)"
    assert (verdict.policy, verdict.revision) == ("fake", "f" * 64)
    assert (found.item, found.evidence, found.facts.attempts) == (ITEM, None, None)
    assert found.facts.past.disputes == 1


@pytest.mark.parametrize("error", [MemoryError(), LedgerError("the log")])
def test_what_is_no_fault_of_the_policy_is_raised(error: BaseException) -> None:
    """Nobody can be asked about it."""

    def fail(facts: Facts) -> Answer:
        raise error

    app = a_bot(FakeJudge(fail))
    with pytest.raises(type(error)):
        judged(app)
    assert said(app).events == []


def test_what_breaks_without_a_policy_is_raised() -> None:
    """There is none that it could be laid at."""
    app = a_bot()
    with pytest.raises(KeyError):
        judged(app, item=replace(ITEM, review="letters"), judge=None)


# Evidence that cannot be had -----------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        CannotConnect("no"),
        RateLimited("slow", retry_after=1.0),
        KeyRefused("401"),
        NotFound("404"),
        Forbidden("403"),
        ServerFault("500"),
        BadAnswer("half"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_with_time_left_the_failure_is_the_caller_s(error: ApiError) -> None:
    """It comes again later."""
    app = a_bot()
    world_of(app).trouble["evidence"] = [error]
    with pytest.raises(type(error)):
        judged(app)


LATE = replace(ITEM, deadline_at=START + LAST_CALL)


@pytest.mark.parametrize(
    "error",
    [
        CannotConnect("no"),
        RateLimited("slow", retry_after=1.0),
        KeyRefused("401"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_lack_of_evidence_is_never_decided_without(error: ApiError) -> None:
    """Not even on the last call."""
    app = a_bot(always(PAID))
    world_of(app).trouble["evidence"] = [error]
    with pytest.raises(type(error)):
        judged(app, item=LATE)


@pytest.mark.parametrize(
    "error", [ServerFault("500"), NotFound("404", status=404), Forbidden("403", status=403)]
)
def test_on_the_last_call_the_deadline_decides_without_evidence(error: ApiError) -> None:
    """At 30 minutes, and not a microsecond before; by the facts that there are."""
    app = a_bot(always(PAID), clock=HandClock(START))
    world_of(app).trouble["evidence"] = [error, error]
    with pytest.raises(type(error)):
        judged(app, item=replace(LATE, deadline_at=START + LAST_CALL + timedelta(microseconds=1)))

    found = judged(app, item=LATE)

    assert (found.verdict.action, found.verdict.rule) == (Action.APPROVE, DEADLINE)
    assert (found.item, found.evidence, found.facts.attempts) == (LATE, None, None)
    assert found.verdict.reason == "In time."
    assert found.verdict.trace is not None
    assert found.verdict.trace() == b"null"


def test_on_the_last_call_a_rule_does_not() -> None:
    """What it would say without the evidence that it asks for is no answer."""
    app = a_bot(always(APPROVE))
    world_of(app).trouble["evidence"] = [ServerFault("500")]
    with pytest.raises(ServerFault):
        judged(app, item=LATE)


@pytest.mark.parametrize("deadline", [START + timedelta(hours=60), None])
def test_what_was_given_up_asks_a_person(deadline: Any) -> None:
    """After eight failures, however much time is left; it is asked for again in 15 minutes."""
    item = replace(ITEM, deadline_at=deadline)
    unsure = Answer(action=Action.APPROVE, cannot_tell=("last.verified",))
    app = a_bot(always(unsure), clock=HandClock())
    app.clock.sleep(100)
    bench = app.benches[0]
    world_of(app).trouble["evidence"] = [ServerFault("500"), ServerFault("500")]
    bench.troubles[TASK] = Backoff(tries=DEAD_LETTER - 1, until=5.0)
    with pytest.raises(ServerFault):
        judged(app, item=item)
    assert bench.troubles[TASK] == Backoff(tries=DEAD_LETTER - 1, until=5.0)

    bench.troubles[TASK] = Backoff(tries=DEAD_LETTER, until=5.0)
    found = judged(app, item=item)

    assert bench.troubles[TASK] == Backoff(tries=DEAD_LETTER, until=100 + LONGEST_PAUSE)
    verdict = found.verdict
    assert (verdict.action, verdict.rule) == (Action.ESCALATE, NO_RULE)
    assert verdict.reason == "the evidence that a rule needs cannot be fetched"
    assert verdict.cannot_tell == ("last.verified",)
    assert (verdict.policy, verdict.revision) == ("fake", "f" * 64)
    assert (found.item, found.evidence, found.facts.attempts) == (item, None, None)


def test_what_was_given_up_is_still_decided_by_its_deadline() -> None:
    """The fallback needs no evidence."""
    app = a_bot(always(PAID))
    world_of(app).trouble["evidence"] = [ServerFault("500")]
    app.benches[0].troubles[TASK] = Backoff(tries=DEAD_LETTER, until=0.0)
    assert judged(app).verdict.rule == DEADLINE


# What a guardrail keeps back when the fallback is due ----------------------------------------


def kept_back(
    judge: FakeJudge, by: str = "cap", *, evidence: bool = True, covered: bool = True
) -> Any:
    """What the deadline says of a dispute that something keeps back, and the bot it is said by."""
    judge.looks_first = evidence
    app = a_bot(judge)
    found = judged(app)
    assert (found.evidence is not None) is evidence
    known = known_of(app, judge=judge if covered else None)
    halted = Halted("the cap is reached", by=by)
    return Judging(
        app.clock, app.contact, app.events, app.limits, app.benches[0], known
    ).at_the_deadline(found, halted), app


@pytest.mark.parametrize(
    ("by", "decides"),
    [
        ("cap", True),
        ("guardrail", True),
        ("pause", False),
        ("breaker", False),
        ("probation", False),
        ("brake", False),
    ],
)
def test_only_what_the_policy_itself_keeps_back_is_decided(by: str, decides: bool) -> None:
    """The fallback takes its place, with the evidence it has; what was wanted is written down."""
    judge = FakeJudge(lambda facts: DISPUTE, fallback=lambda facts: PAID)

    instead, app = kept_back(judge, by)

    assert (instead is not None) is decides
    if decides:
        verdict = instead.verdict
        assert (verdict.action, verdict.rule) == (Action.APPROVE, DEADLINE)
        assert (verdict.wanted, verdict.reason) == (Action.DISPUTE, "In time.")
        assert (instead.item, instead.evidence) == (ITEM, app.benches[0].evidence[TASK])
        assert world_of(app).calls.count("evidence") == 1


def test_nothing_is_decided_before_the_fallback_is_due() -> None:
    """And no evidence is fetched to find that out."""
    instead, app = kept_back(FakeJudge(lambda facts: DISPUTE), evidence=False)
    assert instead is None
    assert world_of(app).calls == []


def test_nothing_is_decided_where_no_policy_covers_it() -> None:
    """There is no fallback."""
    judge = FakeJudge(lambda facts: DISPUTE, fallback=lambda facts: PAID)
    assert kept_back(judge, covered=False)[0] is None


@pytest.mark.parametrize(("ever", "fetched"), [(True, 1), (False, 0)])
def test_a_fallback_that_may_look_at_evidence_gets_it(ever: bool, fetched: int) -> None:
    """It is fetched where the policy ever needs any."""
    seen: list[bool] = []

    def fallback(facts: Facts) -> Answer:
        seen.append(facts.attempts is not None)
        return PAID

    judge = FakeJudge(lambda facts: DISPUTE, fallback=fallback, ever_needs_evidence=ever)

    instead, app = kept_back(judge, evidence=False)

    assert seen[-1] is ever
    assert world_of(app).calls.count("evidence") == fetched
    assert (instead.evidence is not None) is ever
    assert (instead.item, instead.verdict.wanted) == (ITEM, Action.DISPUTE)


def test_with_evidence_the_rule_may_say_something_else() -> None:
    """What is written down as wanted is what it says then."""

    def answer(facts: Facts) -> Answer:
        return DISPUTE if facts.attempts is None else APPROVE

    judge = FakeJudge(answer, fallback=lambda facts: replace(PAID, action=Action.LEAVE))
    instead, _ = kept_back(judge, evidence=False)
    assert (instead.verdict.action, instead.verdict.wanted) == (Action.LEAVE, Action.APPROVE)


@pytest.mark.parametrize(
    ("rule", "action"), [("the rule", Action.ESCALATE), (DEADLINE, Action.APPROVE)]
)
def test_a_fallback_that_changes_nothing_is_none(rule: str, action: Action) -> None:
    """A question takes no other's place, and the deadline not its own."""
    judge = FakeJudge(
        lambda facts: replace(DISPUTE, rule=rule),
        fallback=lambda facts: replace(PAID, action=action),
    )
    assert kept_back(judge)[0] is None


# What was decided for want of evidence, when it comes after all -------------------------------


def test_evidence_that_comes_after_all_is_judged_by_the_rules() -> None:
    """A person was to be asked because reading it had failed a moment before; now a rule can tell."""
    judge = judge_of_policy()
    task = a_task()
    blind = about(task, attempts=None, now=CONFIRMED)
    sighted = about(task, attempts=(an_attempt(outcome_kind="scrape_failed"),), now=CONFIRMED)
    held = HeldEvidence(("t", "e", "v"), Timeline(task_id=task.id), 0.0)
    asked = Verdict(action=Action.ESCALATE, rule=DEADLINE, policy="acceptance", revision="r")
    before = Judged(item=ITEM, facts=blind, verdict=asked)
    seen = Judged(item=ITEM, facts=sighted, verdict=asked, evidence=held)

    again = judged_otherwise(judge, before, seen)
    assert again is not None
    assert (again.verdict.action, again.verdict.rule) == (Action.APPROVE, "nothing could be read")
    assert again.facts is sighted
    assert again.verdict.trace is not None
    assert b'"scrape_failed"' in again.verdict.trace(), "the log shows what the rule saw"

    same = replace(before, verdict=again.verdict)
    assert judged_otherwise(judge, same, seen) is None
    could_not_tell = replace(again.verdict, cannot_tell=("nothing could be read",))
    told = judged_otherwise(judge, replace(before, verdict=could_not_tell), seen)
    assert told is not None and told.verdict.cannot_tell == ()
    assert judged_otherwise(judge, replace(before, evidence=held), seen) is None
    assert judged_otherwise(judge, before, replace(seen, evidence=None)) is None


def about(task: CommentTask, *, attempts: tuple[Attempt, ...] | None, now: datetime) -> Facts:
    """Facts about a task, with the checker's tries or without."""
    return Facts(
        now=now,
        started_at=task.manually_confirmed_at,
        deadline_at=task.client_dispute_deadline_at,
        **about_task(task, attempts),
    )


class Totals:
    """Says how many tasks of each account were finalized, and keeps who was asked for."""

    def __init__(self, count: int | None) -> None:
        self.count, self.asked = count, list[str]()

    def finalized(self, account_id: str) -> int | None:
        """How many."""
        self.asked.append(account_id)
        return self.count


BY_TOTAL = """
rules:
  - {name: new, when: {account.finalized_total: less than 5}, then: escalate}
  - {name: known, when: {account.finalized_total: at least 5}, then: approve}
"""


@pytest.mark.parametrize(
    ("count", "rule"), [(2, "new"), (7, "known"), (None, NO_RULE)], ids=["new", "known", "untold"]
)
def test_a_total_on_which_the_answer_hangs_is_asked_for_and_judged_by(
    count: int | None, rule: str
) -> None:
    """Once in a look; where it cannot be had, no rule can tell."""
    totals = Totals(count)
    app = a_bot()
    app.benches[0].judges = (judge_of(BY_TOTAL),)
    app.benches[0].directory = totals  # type: ignore[assignment]

    found = judged(app, fresh=True)

    assert found.verdict.rule == rule
    assert found.item == ITEM
    assert totals.asked == [ITEM.account_id]
