"""What is kept in mind between looks, and for how long it may be believed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.core.checks import MANY_CHECKS, fleet_now
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import (
    REVIEW_WINDOW,
    Backoff,
    CheckerTry,
    HeldEvidence,
    ReviewPipeline,
    Sight,
    deadline_of,
)
from reviewbot.domain.task import Timeline
from reviewbot.ports.ledger import OpenRound
from reviewbot.review.fetch import (
    OLDEST_EVIDENCE,
    evidence_for,
    forget_all_but,
    is_guessed,
    kept_evidence,
    note_sights,
    see_again,
    with_window,
)
from tests.builders import CONFIRMED, a_profile, an_account_item, an_attempt, an_item
from tests.fakes import ESCALATE, START, HandClock, World, always, an_app


def test_the_window_of_an_account_begins_at_first_sight() -> None:
    """The API names no deadline for it; until it was seen once there is none."""
    app = an_app(World(), always(ESCALATE))
    (bench,) = app.benches
    item = replace(an_account_item(), started_at=None, deadline_at=None)
    assert with_window(bench, item) == item

    bench.first_seen[(item.id, item.epoch or "")] = START
    seen = with_window(bench, item)

    assert (seen.started_at, seen.deadline_at) == (START, START + REVIEW_WINDOW)
    assert with_window(bench, replace(item, epoch=None)).deadline_at is None
    assert with_window(bench, an_item()) == an_item()


def test_evidence_belongs_to_one_version_and_grows_old() -> None:
    """Another version, another round or too long a time: it is fetched again."""
    clock, world = HandClock(), World()
    app = an_app(world, always(ESCALATE), clock=clock)
    (bench,) = app.benches
    item = an_item()
    held = evidence_for(app.clock, bench, item)

    assert kept_evidence(app.clock, bench, item) is held
    assert kept_evidence(app.clock, bench, replace(item, version="another")) is None
    assert kept_evidence(app.clock, bench, replace(item, epoch="another")) is None
    clock.forward(seconds=60)
    assert kept_evidence(app.clock, bench, item, at_most=60.0) is held
    assert kept_evidence(app.clock, bench, item, at_most=59.0) is None
    clock.forward(seconds=OLDEST_EVIDENCE)
    assert kept_evidence(app.clock, bench, item) is None
    assert world.calls == ["evidence"]


def test_a_thing_that_its_page_does_not_show_is_looked_at_by_itself() -> None:
    """It may have left the list; only the look tells whether it still waits."""
    world = World()
    world.add(an_item())
    app = an_app(world, always(ESCALATE))
    (bench,) = app.benches
    world.renew = lambda item: ()  # type: ignore[method-assign]
    bench.sights.clear()
    from_page = replace(an_item(), version="older")
    bench.sights[from_page.id] = Sight(from_page, 0.0)
    app.clock.sleep(1)

    assert see_again(app.clock, bench, from_page) == an_item()
    world.change(from_page.id, status="cancelled")
    app.clock.sleep(1)
    assert see_again(app.clock, bench, from_page) is None
    assert world.calls == ["look", "look"]


def test_the_verifiers_health_is_what_it_did_in_the_last_hour() -> None:
    """Half of its latest tries failed; an hour later nothing is known any more."""
    clock, world = HandClock(CONFIRMED), World()
    app = an_app(world, always(ESCALATE), clock=clock)
    (bench,) = app.benches
    tries = (("couldnt_verify", 0), ("scrape_failed", 10), ("scrape_failed", 61), (None, 5))
    for number, (kind, minutes) in enumerate(tries):
        at = CONFIRMED - timedelta(minutes=minutes)
        seen = an_attempt(outcome_kind=kind, scraped_at=at, attempt_n=1)
        world.evidence = lambda item, seen=seen: replace(  # type: ignore[method-assign, misc]
            World().evidence(item), attempts=(seen,)
        )
        evidence_for(app.clock, bench, replace(an_item(), id=f"task-{number}"))

    assert fleet_now(app.ledger, app.clock, bench, 3, 1).scrape_failed_share_1h == 0.5
    clock.forward(hours=1)
    gone = fleet_now(app.ledger, app.clock, bench, 3, 1)
    assert (gone.scrape_failed_share_1h, gone.open_tasks, gone.escalated) == (None, 3, 1)


def test_what_no_longer_waits_is_forgotten() -> None:
    """Nothing that is kept in mind outlives its thing, so a long run keeps its size."""
    app = an_app(World(), always(ESCALATE))
    (bench,) = app.benches
    stays, goes = an_item(), replace(an_item(), id="goes")
    for item in (stays, goes):
        evidence_for(app.clock, bench, item)
        bench.sights[item.id] = Sight(item, 0.0)
        bench.first_seen[(item.id, item.epoch or "")] = START
        bench.reminded.add((item.id, item.epoch, "24"))

    forget_all_but(bench, [stays])

    assert set(bench.sights) == set(bench.evidence) == {stays.id}
    assert set(bench.first_seen) == {(stays.id, stays.epoch)}
    assert bench.reminded == {(stays.id, stays.epoch, "24")}


def test_the_verifiers_tries_of_an_hour_ago_are_dropped_where_there_are_many() -> None:
    """What counts is the last hour, so no more than that is kept in mind."""
    clock = HandClock()
    app = an_app(World(), always(ESCALATE), clock=clock)
    (bench,) = app.benches
    old = clock.now() - timedelta(hours=2)
    bench.checks_seen = {(f"t{n}", old): CheckerTry(True) for n in range(MANY_CHECKS + 1)}

    evidence_for(app.clock, bench, an_item())

    assert not [key for key in bench.checks_seen if key[1] == old]


def test_a_delivered_profile_is_no_try_of_the_verifier() -> None:
    """Accounts have evidence of their own."""

    class Accounts(World):
        def evidence(self, item: Any) -> Any:
            return a_profile()

    app = an_app(Accounts(), always(ESCALATE))
    (bench,) = app.benches

    held = evidence_for(app.clock, bench, an_account_item())

    assert held.evidence == a_profile()
    assert bench.checks_seen == {}


# To the letter -------------------------------------------------------------------------------


def a_bench(
    world: World | None = None, clock: HandClock | None = None
) -> tuple[BotContext, ReviewPipeline]:
    """A bot and its one bench."""
    app = an_app(world or World(), always(ESCALATE), clock=clock or HandClock())
    return app, app.benches[0]


@pytest.mark.parametrize(
    "changes",
    [{"started_at": START}, {"deadline_is_estimate": False}, {"epoch": None}, {"epoch": "2"}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_window_that_is_stated_or_never_began_is_left_alone(changes: dict[str, Any]) -> None:
    """Only a round whose window the API does not state, and that was seen, gets ours."""
    _, bench = a_bench()
    item = replace(an_account_item(), started_at=None, deadline_at=None)
    bench.first_seen[(item.id, "1")] = START
    assert with_window(bench, item).deadline_at == START + REVIEW_WINDOW
    changed = replace(item, **changes)
    assert with_window(bench, changed) == changed


def test_each_thing_is_noted_as_seen_with_its_window() -> None:
    """At the moment that is given."""
    _, bench = a_bench()
    account = replace(an_account_item(), started_at=None, deadline_at=None)
    bench.first_seen[(account.id, "1")] = START

    note_sights(bench, [an_item(), account], 7.0)

    seen = replace(account, started_at=START, deadline_at=START + REVIEW_WINDOW)
    assert bench.sights == {an_item().id: Sight(an_item(), 7.0), account.id: Sight(seen, 7.0)}


class Slow(World):
    """Each request takes a second."""

    clock: HandClock

    def _call(self, name: str) -> None:
        super()._call(name)
        self.clock.forward(seconds=1)


@pytest.mark.parametrize("shown", [True, False])
def test_a_thing_counts_as_seen_when_its_reading_began(shown: bool) -> None:
    """By its page; or, a request later, by itself."""
    world, clock = Slow(), HandClock()
    world.clock = clock
    world.add(an_item())
    if not shown:
        world.renew = lambda item: clock.forward(seconds=1) or ()  # type: ignore[func-returns-value, method-assign]
    app, bench = a_bench(world, clock)
    bench.sights[an_item().id] = Sight(replace(an_item(), version="older"), 9.0)
    clock.forward(seconds=10)

    assert see_again(app.clock, bench, an_item()) == an_item()

    assert bench.sights[an_item().id] == Sight(an_item(), 10.0 if shown else 11.0)
    assert world.calls == (["renew"] if shown else ["look"])


def test_evidence_counts_from_when_its_reading_began() -> None:
    """And is kept under the thing, its round and its version."""
    world, clock = Slow(), HandClock()
    world.clock = clock
    app, bench = a_bench(world, clock)
    clock.forward(seconds=10)
    item = an_item()

    held = evidence_for(app.clock, bench, item)

    key = (item.id, item.epoch, item.version)
    assert held == HeldEvidence(key, World().evidence(item), 10.0)
    assert bench.evidence == {item.id: held}
    clock.forward(seconds=49)
    assert evidence_for(app.clock, bench, item, at_most=50.0) is held
    assert evidence_for(app.clock, bench, item, at_most=49.0) is not held


def test_evidence_of_another_thing_is_none() -> None:
    """Whatever name it is kept under."""
    app, bench = a_bench()
    held = evidence_for(app.clock, bench, replace(an_item(), id="another"))
    bench.evidence[an_item().id] = held
    assert kept_evidence(app.clock, bench, an_item()) is None


def test_with_many_undecided_things_evidence_is_kept_longer() -> None:
    """Six hours, or two seconds for each that is kept, to the second."""
    clock = HandClock()
    app, bench = a_bench(clock=clock)
    held = evidence_for(app.clock, bench, an_item())
    clock.forward(seconds=OLDEST_EVIDENCE)
    assert kept_evidence(app.clock, bench, an_item()) is held
    clock.forward(seconds=2)
    assert kept_evidence(app.clock, bench, an_item()) is None

    many = int(OLDEST_EVIDENCE / 2)
    bench.evidence |= {f"t{n}": held for n in range(many)}
    assert kept_evidence(app.clock, bench, an_item()) is held
    clock.forward(seconds=1)
    assert kept_evidence(app.clock, bench, an_item()) is None


def checked(minutes: float, kind: str | None = "scrape_failed") -> Any:
    """A try of the verifier so long ago."""
    return an_attempt(outcome_kind=kind, scraped_at=START - timedelta(minutes=minutes))


def test_each_try_of_the_verifier_is_remembered_by_its_task_and_moment() -> None:
    """Those without a moment or an outcome are none."""
    world = World()
    tries = (
        checked(1),
        checked(2, "couldnt_verify"),
        checked(3, None),
        replace(checked(4), scraped_at=None),
        checked(5),
    )
    world.evidence = lambda item: Timeline(task_id=item.id, attempts=tries)  # type: ignore[method-assign]
    app, bench = a_bench(world)

    evidence_for(app.clock, bench, an_item())

    at = [START - timedelta(minutes=minutes) for minutes in (1, 2, 5)]
    found = {(an_item().id, at[n]): failed for n, failed in enumerate((True, False, True))}
    assert {key: seen.failed for key, seen in bench.checks_seen.items()} == found
    share = fleet_now(app.ledger, app.clock, bench, 1, 0).scrape_failed_share_1h
    assert share == pytest.approx(2 / 3)


def test_a_try_counts_for_less_than_an_hour() -> None:
    """At 60 minutes it is forgotten, a microsecond before that it is not."""
    app, bench = a_bench()
    hour = START - timedelta(hours=1)
    bench.checks_seen = {
        ("a", hour): CheckerTry(True),
        ("b", hour + timedelta(microseconds=1)): CheckerTry(False),
    }
    assert fleet_now(app.ledger, app.clock, bench, 0, 0).scrape_failed_share_1h == 0.0
    assert list(bench.checks_seen) == [("b", hour + timedelta(microseconds=1))]


@pytest.mark.parametrize(("many", "left"), [(MANY_CHECKS, MANY_CHECKS + 1), (MANY_CHECKS + 1, 1)])
def test_old_tries_are_looked_for_where_there_are_more_than_500(many: int, left: int) -> None:
    """Not at each reading."""
    app, bench = a_bench()
    old = START - timedelta(hours=2)
    bench.checks_seen = {(f"t{n}", old): CheckerTry(True) for n in range(many)}
    world = bench.queue
    world.evidence = lambda item: Timeline(task_id=item.id, attempts=(checked(1),))  # type: ignore[method-assign]
    evidence_for(app.clock, bench, an_item())
    assert len(bench.checks_seen) == left


def test_troubles_and_other_rounds_are_forgotten_too() -> None:
    """Of a thing that still waits, but in another round, the first sight and the reminders go."""
    _, bench = a_bench()
    stays = an_item()
    bench.troubles = {stays.id: Backoff(1, 0.0), "goes": Backoff(1, 0.0), "too": Backoff(1, 0.0)}
    bench.first_seen = {(stays.id, stays.epoch or ""): START, (stays.id, "0"): START}
    bench.reminded = {(stays.id, stays.epoch, "6"), (stays.id, "0", "6"), ("goes", "0", "6")}

    forget_all_but(bench, [stays])

    assert set(bench.troubles) == {stays.id}
    assert bench.first_seen == {(stays.id, stays.epoch): START}
    assert bench.reminded == {(stays.id, stays.epoch, "6")}


@pytest.mark.parametrize(
    ("epoch", "deadline", "guessed"),
    [
        ("2026-06-01T10:00:00Z", CONFIRMED.replace(month=6, day=4, hour=10, minute=0), False),
        ("2", START + REVIEW_WINDOW, True),
    ],
)
def test_a_deadline_that_is_not_said_is_counted_from_the_rounds_beginning(
    epoch: str, deadline: datetime, guessed: bool
) -> None:
    """A task's round is named by its beginning; an account's is a number, so our first sight counts."""
    seen = OpenRound(
        review="comments", task_id="one", epoch=epoch, first_seen_at=START, deadline_at=None
    )
    assert deadline_of(seen) == deadline
    assert is_guessed(seen) is guessed
