"""What nobody decides is spoken of before silence pays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reviewbot.domain.decision import Action
from reviewbot.domain.errors import TaskBlocked
from reviewbot.service.poll import poll_once
from tests.builders import CONFIRMED, an_item
from tests.service.fakes import APPROVE, ESCALATE, Answer, HandClock, World, always, an_app


def stages(app: Any) -> list[int]:
    """The hours left that the alarms on undecided rounds named."""
    return [
        about["facts"]["hours_left"]
        for about in app.events.named("alarm")
        if about["kind"] == "undecided"
    ]


def test_an_undecided_task_is_named_once_at_24_6_and_1_hours() -> None:
    """Polling every half hour to the deadline gives three alarms, not a hundred."""
    world, clock = World(), HandClock(CONFIRMED)
    world.add(an_item())
    app = an_app(world, always(ESCALATE), clock=clock)

    for _ in range(144):
        poll_once(app)
        clock.forward(minutes=30)

    assert stages(app) == [24, 6, 1]


def test_a_decided_task_is_not_named() -> None:
    """An approval an hour before the end is a decision."""
    world, clock = World(), HandClock(CONFIRMED + timedelta(hours=71, minutes=30))
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)

    summary = poll_once(app)

    assert (summary.undecided, stages(app)) == ((), [])


def test_a_refused_write_stays_in_sight() -> None:
    """The API will not take our decision, so silence will pay: that is undecided."""
    world, clock = World(trouble={"perform": [TaskBlocked("coverage", status=409)]}), HandClock()
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)

    poll_once(app)
    summary = poll_once(app)

    assert [one.outcome for one in summary.undecided] == ["acted on before"]
    assert world.calls.count("perform") == 1


@pytest.mark.parametrize(
    ("answer", "live", "named"),
    [
        (Answer(action=Action.LEAVE), True, []),
        (APPROVE, False, []),
        (Answer(action=Action.APPROVE, until=CONFIRMED + timedelta(days=9)), False, [1]),
        (ESCALATE, False, [1]),
    ],
)
def test_what_is_left_or_would_be_sent_is_decided(
    answer: Answer, live: bool, named: list[int]
) -> None:
    """To leave it to silence is a decision; in a dry run so is what live would send now."""
    world, clock = World(), HandClock(CONFIRMED + timedelta(hours=71, minutes=30))
    world.add(an_item())
    app = an_app(world, always(answer), clock=clock, live=live)

    poll_once(app)

    assert stages(app) == named
