"""Every moment in an alarm is read in the zone of the policy that it concerns."""

from __future__ import annotations

import pytest

from reviewbot.alarms.routing import messages_of
from reviewbot.review.poll import poll_once
from reviewbot.safety import pauses
from tests.fakes import a_bot, said
from tests.safety.test_guards import ASK, a_policy, a_room, tasks

BERLIN = "timezone: Europe/Berlin\n"


def test_alarms_speak_in_the_policys_zone() -> None:
    """Questions, stages, reminders, what is at stake, and the headline over many."""
    room = a_room(a_policy(ASK, BERLIN))
    room.world.add(*tasks(3, hours=5))
    poll_once(room.app)
    pauses.pause(room.ledger, "all", reason="x", who="ana", until=None, now=room.clock.now())
    room.clock.forward(minutes=1)
    poll_once(room.app)

    told = [about for about in said(room.app).named("alarm") if about["kind"] != "paused"]
    assert len(told) >= 6
    assert all("CEST (Europe/Berlin)" in str(about["sentence"]) for about in told)
    (paused,) = room.alarms("paused")
    assert "CEST (Europe/Berlin)" in paused
    assert not any(" UTC" in str(about["sentence"]) for about in told)


def test_the_headline_of_many_is_in_their_zone_where_they_share_one() -> None:
    """Else in UTC."""
    room = a_room(a_policy(ASK, BERLIN))
    taken = []
    room.app.notifier.alarms.tell = lambda alarm: taken.append(alarm) or True  # type: ignore[method-assign]
    room.world.add(*tasks(2, hours=5))
    poll_once(room.app)
    stages = [alarm for alarm in taken if alarm.kind == "undecided"]
    (one,) = messages_of(stages)
    assert one.headline.count("CEST (Europe/Berlin)") == 2


@pytest.mark.parametrize(
    ("review", "policy", "zone"),
    [(None, "", "UTC"), ("comments", "", "UTC"), (None, "guarded", "Europe/Berlin")],
)
def test_where_zones_differ_only_a_named_policy_has_one(
    review: str | None, policy: str, zone: str
) -> None:
    """What concerns nobody in particular is in UTC."""
    app = a_bot()
    berlin = a_policy(ASK, BERLIN)
    app.benches[0].judges = (*app.benches[0].judges, berlin)
    assert app.notifier.zone(review=review, policy=policy) == zone
    app.benches[0].judges = (berlin,)
    assert app.notifier.zone() == "Europe/Berlin"
