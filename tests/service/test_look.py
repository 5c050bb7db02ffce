"""What is kept in mind between looks, and for how long it may be believed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from reviewbot.service.app import REVIEW_WINDOW, Sight
from reviewbot.service.look import (
    MANY_CHECKS,
    OLDEST_EVIDENCE,
    evidence_for,
    fleet_now,
    forget_all_but,
    kept_evidence,
    see_again,
    with_window,
)
from tests.builders import CONFIRMED, a_profile, an_account_item, an_attempt, an_item
from tests.service.fakes import ESCALATE, START, HandClock, World, always, an_app


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
    held = evidence_for(app, bench, item)

    assert kept_evidence(app, bench, item) is held
    assert kept_evidence(app, bench, replace(item, version="another")) is None
    assert kept_evidence(app, bench, replace(item, epoch="another")) is None
    clock.forward(seconds=60)
    assert kept_evidence(app, bench, item, at_most=60.0) is held
    assert kept_evidence(app, bench, item, at_most=59.0) is None
    clock.forward(seconds=OLDEST_EVIDENCE)
    assert kept_evidence(app, bench, item) is None
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

    assert see_again(app, bench, from_page) == an_item()
    world.change(from_page.id, status="cancelled")
    app.clock.sleep(1)
    assert see_again(app, bench, from_page) is None
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
        evidence_for(app, bench, replace(an_item(), id=f"task-{number}"))

    assert fleet_now(app, bench, 3, 1).scrape_failed_share_1h == 0.5
    clock.forward(hours=1)
    gone = fleet_now(app, bench, 3, 1)
    assert (gone.scrape_failed_share_1h, gone.open_tasks, gone.escalated) == (None, 3, 1)


def test_what_no_longer_waits_is_forgotten() -> None:
    """Nothing that is kept in mind outlives its thing, so a long run keeps its size."""
    app = an_app(World(), always(ESCALATE))
    (bench,) = app.benches
    stays, goes = an_item(), replace(an_item(), id="goes")
    for item in (stays, goes):
        evidence_for(app, bench, item)
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
    bench.checks_seen = {(f"t{n}", old): True for n in range(MANY_CHECKS + 1)}

    evidence_for(app, bench, an_item())

    assert not [key for key in bench.checks_seen if key[1] == old]


def test_a_delivered_profile_is_no_try_of_the_verifier() -> None:
    """Accounts have evidence of their own."""

    class Accounts(World):
        def evidence(self, item: Any) -> Any:
            return a_profile()

    app = an_app(Accounts(), always(ESCALATE))
    (bench,) = app.benches

    held = evidence_for(app, bench, an_account_item())

    assert held.evidence == a_profile()
    assert bench.checks_seen == {}
