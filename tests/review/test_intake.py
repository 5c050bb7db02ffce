"""Intake: what each thing is judged with, in which order, and what is said of an odd list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import REVIEW_WINDOW, Background, CheckerTry, HeldEvidence, Sight
from reviewbot.domain.decision import Action, State
from reviewbot.domain.errors import ApiError, KeyRefused, NoAnswer
from reviewbot.domain.review import ReviewItem
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import in_memory, open_ledger
from reviewbot.policy.facts import NO_ACCOUNT_HISTORY, NO_FLEET, AccountHistory, Fleet
from reviewbot.ports.queue import Listing, UnreadRow
from reviewbot.review.fetch import (
    NEW,
    facts_alone,
    fetch_now,
    judge_for,
    look_at_all,
    with_memories,
)
from tests.builders import CONFIRMED, an_account_item, an_item
from tests.fakes import (
    APPROVE,
    ESCALATE,
    START,
    FakeJudge,
    HandClock,
    World,
    always,
    an_app,
    said,
)
from tests.ledger.things import a_decision
from tests.policy.judging import DEADLINE, judge_of

FIRST = an_item()


def an_account_world(*items: ReviewItem) -> World:
    """A list of accounts, of which the API names no deadline."""
    world = World(review="accounts")
    world.waiting = lambda: Listing(items=items)  # type: ignore[method-assign]
    return world


def items(count: int, **changes: Any) -> list[ReviewItem]:
    """Tasks, each due an hour after the one before."""
    return [
        replace(
            FIRST,
            id=f"t{n}",
            account_id=f"a{n % 2}",
            deadline_at=CONFIRMED + timedelta(hours=n),
            **changes,
        )
        for n in range(count)
    ]


def bot_over(*listed: ReviewItem, judge: FakeJudge | None = None, **more: Any) -> BotContext:
    """A bot whose list shows these."""
    world = World()
    world.add(*listed)
    return an_app(world, judge or always(APPROVE), **more)


# The list ------------------------------------------------------------------------------------


def test_what_is_due_first_comes_first_and_what_has_no_deadline_last() -> None:
    """The list itself is newest first."""
    a, b, c = items(3)
    never = replace(FIRST, id="never", deadline_at=None)
    app = bot_over(never, c, a, b)

    found, agreed = look_at_all(app.ledger, app.clock, app.events, app.notifier, app.benches[0])

    assert found == [a, b, c, never]
    assert agreed


def test_all_that_is_listed_counts_as_seen_when_the_reading_began() -> None:
    """Not when it ended; and what is no longer listed is forgotten."""
    clock = HandClock()
    clock.forward(seconds=7)
    app = bot_over(FIRST, clock=clock)
    bench = app.benches[0]
    bench.sights["gone"] = Sight(FIRST, 0.0)
    world, listed = bench.queue, bench.queue.waiting()
    assert isinstance(world, World)

    def slowly() -> Listing:
        clock.forward(seconds=5)
        return listed

    world.waiting = slowly
    look_at_all(app.ledger, app.clock, app.events, app.notifier, bench)

    assert bench.sights == {FIRST.id: Sight(FIRST, 7.0)}


@pytest.mark.parametrize("note", [True, False])
def test_a_window_is_counted_from_the_first_sight(note: bool) -> None:
    """The log remembers it where it may be written, and knows it where it is only read."""
    item = replace(an_account_item(), started_at=None, deadline_at=None)
    ledger, clock = open_ledger("memory:"), HandClock()
    app = an_app(an_account_world(item), always(APPROVE), ledger=ledger, clock=clock)
    bench = app.benches[0]

    ((seen,), _) = look_at_all(app.ledger, app.clock, app.events, app.notifier, bench, note=note)

    assert (seen.started_at, seen.deadline_at) == (START, START + REVIEW_WINDOW)
    assert bench.first_seen == {(item.id, "1"): START}
    assert bench.sights[item.id].item == seen
    assert len(ledger.unended("accounts")) == note

    clock.forward(hours=2)
    again = an_app(an_account_world(item), always(APPROVE), ledger=ledger, clock=clock)
    ((later,), _) = look_at_all(
        again.ledger, again.clock, again.events, again.notifier, again.benches[0], note=False
    )
    assert later.started_at == (START if note else START + timedelta(hours=2))


def test_only_rounds_that_are_new_are_asked_of_the_log() -> None:
    """And nothing without a round is: it cannot be remembered."""
    asked: list[list[str]] = []

    class Counting(SqlLedger):
        def sight(self, items: Any, at: Any) -> Any:
            asked.append([item.id for item in items])
            assert at == START
            return super().sight(items, at)

    a, b, c = items(3)
    app = bot_over(a, b, replace(c, epoch=None), ledger=Counting(in_memory()))
    bench = app.benches[0]
    bench.first_seen[a.id, a.epoch or ""] = START

    look_at_all(app.ledger, app.clock, app.events, app.notifier, bench)
    look_at_all(app.ledger, app.clock, app.events, app.notifier, bench)

    assert asked == [["t1"]]


def test_only_what_has_a_round_is_known_to_a_reader_of_the_log() -> None:
    """A list of two, one of which states no round."""
    a, b = items(2)
    app = bot_over(a, replace(b, epoch=None))
    look_at_all(app.ledger, app.clock, app.events, app.notifier, app.benches[0], note=False)
    assert app.benches[0].first_seen == {(a.id, a.epoch): START}


def test_a_list_that_never_settles_is_said() -> None:
    """As a warning, with the kind of review; the caller is told as well."""
    world = World()
    world.waiting = lambda: Listing(items=(FIRST,), agreed=False)  # type: ignore[method-assign]
    app = an_app(world, always(APPROVE))

    _, agreed = look_at_all(app.ledger, app.clock, app.events, app.notifier, app.benches[0])

    assert not agreed
    assert said(app).events == [("list did not settle", {"review": "comments"})]
    assert said(app).levels == [("list did not settle", "warning")]


def test_a_list_that_contradicts_its_count_is_told_until_it_agrees() -> None:
    """Event and alarm, with both numbers; that it is over is said as well."""
    world = World()
    listed = Listing(items=(FIRST,), agreed=False, counted=31)
    world.waiting = lambda: listed  # type: ignore[method-assign]
    app = an_app(world, always(APPROVE))

    look_at_all(app.ledger, app.clock, app.events, app.notifier, app.benches[0])
    (alarm,) = said(app).named("alarm")
    assert alarm["kind"] == "list"
    assert alarm["facts"] == {"review": "comments", "counted": 31, "found": 1}
    assert "the API counts 31" in str(alarm["sentence"])
    assert said(app).named("list did not settle") == [{"review": "comments", "counted": 31}]

    listed = Listing(items=(FIRST,))
    look_at_all(app.ledger, app.clock, app.events, app.notifier, app.benches[0])
    assert "agrees with its count again" in str(said(app).events[-1])


def test_a_row_that_cannot_be_read_is_told_by_its_place() -> None:
    """With its id where there is one; what the API wrote stays on its line."""
    world = World()
    rows = (UnreadRow(place=7, id="t\n7", why="too\nlarge"), UnreadRow(place=9, why="too large"))
    world.waiting = lambda: Listing(items=(FIRST,), unread=rows)  # type: ignore[method-assign]
    app = an_app(world, always(APPROVE))

    look_at_all(app.ledger, app.clock, app.events, app.notifier, app.benches[0])

    seven, nine = said(app).named("alarm")
    assert seven["kind"] == "list"
    assert seven["facts"] == {"review": "comments", "place": 7, "task_id": "t\n7"}
    assert "(no. 7, t 7 of the list) cannot be read" in str(seven["sentence"])
    assert "too large" in str(seven["sentence"])
    assert "(no. 9 of the list)" in str(nine["sentence"])
    assert [event["place"] for event in said(app).named("row cannot be read")] == [7, 9]


def test_changed_fields_are_said_one_by_one_and_told() -> None:
    """As errors; they are kept in mind for the guards, with the things they were seen on."""
    world = World(
        drift=("task.status: missing",), drift_on={"task.status: missing": frozenset("a")}
    )
    app = an_app(world, always(APPROVE))
    bench = app.benches[0]

    look_at_all(app.ledger, app.clock, app.events, app.notifier, bench)

    what = "task.status: missing"
    assert said(app).named("schema drift") == [{"review": "comments", "what": what}]
    assert said(app).levels[0] == ("schema drift", "error")
    (alarm,) = said(app).named("alarm")
    assert (alarm["kind"], alarm["subject"]) == ("schema-drift", f"comments {what}")
    assert (bench.drift, bench.drift_on) == ((what,), {what: frozenset("a")})


# What the log knows of each ------------------------------------------------------------------


def memories_of(
    app: BotContext, listed: list[ReviewItem], *judges: Any
) -> list[tuple[str, Background]]:
    """What each is judged with."""
    found = with_memories(app.ledger, app.clock, app.events, app.benches[0], listed, judges)
    return [(item.id, background) for item, background in found]


def test_a_thing_the_log_has_not_met_has_a_new_memory() -> None:
    """And nothing is known of its account or of the fleet, where no policy asks."""
    judge = always(APPROVE)
    app = bot_over()
    app.ledger.accounts = None  # type: ignore[assignment, method-assign]
    ((item_id, known),) = memories_of(app, [FIRST], judge)
    assert item_id == FIRST.id
    assert known == Background(memory=NEW, judge=judge, account=NO_ACCOUNT_HISTORY, fleet=NO_FLEET)  # type: ignore[arg-type]


def test_without_things_the_log_is_not_asked() -> None:
    """Nothing waits."""
    app = bot_over()
    app.ledger.memories = None  # type: ignore[assignment, method-assign]
    assert memories_of(app, []) == []


def decided(app: BotContext, item: ReviewItem, action: Action, **changes: Any) -> None:
    """Let the log hold a decision on a thing."""
    app.ledger.record(
        a_decision(
            action,
            id=f"{item.id}-{action}",
            task_id=item.id,
            epoch=item.epoch,
            account_id=item.account_id,
            **changes,
        ),
        State.HELD,
    )


def test_each_thing_gets_its_own_memory_and_that_of_its_account() -> None:
    """Also where only one of the policies asks for accounts; one without an account gets none."""
    a, b, c = (*items(2), replace(FIRST, id="t2", account_id=None))
    judge = FakeJudge(lambda facts: APPROVE, needs_account=True)
    app = bot_over()
    decided(app, a, Action.ESCALATE, decided_at=START)
    asked: list[Any] = []
    accounts = {"a0": AccountHistory(decisions_30d=1), "a1": AccountHistory(decisions_30d=2)}

    def answer(*about: Any) -> Any:
        asked.append(about)
        return accounts

    app.ledger.accounts = answer  # type: ignore[assignment, method-assign]

    found = dict(memories_of(app, [b, a, c, a], always(APPROVE), judge))

    assert asked == [("comments", ["a0", "a1"], START)]
    assert found["t0"].account == accounts["a0"]
    assert found["t1"].account == accounts["a1"]
    assert found["t2"].account == NO_ACCOUNT_HISTORY
    assert found["t0"].memory.latest is not None
    assert found["t1"].memory == NEW


def test_the_fleet_is_counted_where_a_policy_asks_for_it() -> None:
    """All that waits, and the questions on the rounds that wait now."""
    a, b, c, d, e = items(5)
    judge = FakeJudge(lambda facts: APPROVE, needs_fleet=True)
    app = bot_over()
    app.benches[0].checks_seen = {("x", START): CheckerTry(True), ("y", START): CheckerTry(False)}
    decided(app, a, Action.ESCALATE)
    decided(app, e, Action.ESCALATE)
    decided(app, b, Action.WAIT)
    decided(app, replace(c, epoch="an earlier one"), Action.ESCALATE)

    found = memories_of(app, [a, b, c, d, e], always(APPROVE), judge)

    counted = Fleet(open_tasks=5, scrape_failed_share_1h=0.5, blind_share_1h=0.0, escalated=2)
    assert {background.fleet for _, background in found} == {counted}


RULES = "rules:\n  - {name: r, always: yes, then: escalate}"


@pytest.mark.parametrize(
    ("scope", "item", "covered"),
    [
        ("", FIRST, True),
        ("", an_account_item(), False),
        ("applies to: {platform: tiktok}\n", FIRST, True),
        ("applies to: {platform: instagram}\n", FIRST, False),
        (f"applies to: {{saved_account_id: [{FIRST.account_id}]}}\n", FIRST, True),
        ("applies to: {saved_account_id: [another]}\n", FIRST, False),
        (f"applies to: {{platform: instagram, saved_account_id: [{FIRST.account_id}]}}\n", FIRST, False),
    ],
)  # fmt: skip
def test_a_policy_covers_what_it_applies_to(scope: str, item: ReviewItem, covered: bool) -> None:
    """By the kind of review, the platform and the account; the first that does is taken."""
    judge = judge_of(scope + RULES, deadline=DEADLINE)
    other = judge_of(RULES)
    assert judge_for(item, [judge]) is (judge if covered else None)
    if item.review == "comments":
        assert judge_for(item, [judge, other]) is (judge if covered else other)


def test_forgetting_keeps_what_still_waits() -> None:
    """Evidence of a thing that is listed again is kept."""
    app = bot_over(FIRST, judge=always(ESCALATE))
    bench = app.benches[0]
    held = HeldEvidence((FIRST.id, FIRST.epoch, FIRST.version), World().evidence(FIRST), 0.0)
    bench.evidence = {FIRST.id: held, "gone": held}
    look_at_all(app.ledger, app.clock, app.events, app.notifier, bench)
    assert bench.evidence == {FIRST.id: held}


def test_what_a_person_answers_is_fetched_as_it_is_now() -> None:
    """The evidence first, the thing last and freshest; each waits for its turn."""
    world, turns = World(tasks={FIRST.id: FIRST}), list[int]()
    app = an_app(world, always(APPROVE))

    item, held = fetch_now(
        app.clock, lambda: turns.append(len(world.calls)), app.benches[0], FIRST.id
    )

    assert (item, world.calls, turns) == (FIRST, ["look", "evidence", "look"], [0, 2])
    assert held is not None and held is app.benches[0].evidence[FIRST.id]
    assert app.benches[0].sights[FIRST.id] == Sight(FIRST, app.clock.monotonic())
    facts = facts_alone(app.ledger, app.clock, app.events, app.benches[0], FIRST, held, None)
    assert facts.attempts is not None


@pytest.mark.parametrize("call", ["look", "evidence"])
def test_a_person_may_answer_without_evidence(call: str) -> None:
    """An error costs no more than that; what is gone is nothing to answer."""
    world = World(tasks={FIRST.id: FIRST}, trouble={call: [NoAnswer("a time-out")]})
    app = an_app(world, always(APPROVE))
    assert fetch_now(app.clock, None, app.benches[0], FIRST.id) == (FIRST, None)
    facts = facts_alone(app.ledger, app.clock, app.events, app.benches[0], FIRST, None, None)
    assert facts.attempts is None
    assert fetch_now(app.clock, None, app.benches[0], "another") == (None, None)


@pytest.mark.parametrize(
    ("errors", "calls"),
    [([KeyRefused("401")], ["look"]), ([NoAnswer("late"), NoAnswer("late")], ["look", "look"])],
)
def test_what_cannot_be_seen_is_not_answered(errors: list[ApiError], calls: list[str]) -> None:
    """A refused key is told at once; and the thing itself must be seen."""
    world = World(tasks={FIRST.id: FIRST}, trouble={"look": errors})
    app = an_app(world, always(APPROVE))
    with pytest.raises(type(errors[0])):
        fetch_now(app.clock, None, app.benches[0], FIRST.id)
    assert world.calls == calls
