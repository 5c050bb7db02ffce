"""What nobody decides is spoken of before silence pays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.alarms.reminders import describe, from_log, is_open, most_urgent_first, unreviewed
from reviewbot.core.pipeline import Reviewed, ReviewOutcome, Undecided
from reviewbot.core.verdict import Verdict
from reviewbot.domain.decision import Action, State
from reviewbot.domain.errors import TaskBlocked
from reviewbot.ports.ledger import Logged, OpenRound
from reviewbot.review.poll import poll_once
from tests.builders import CONFIRMED, an_item
from tests.fakes import APPROVE, ESCALATE, Answer, HandClock, World, always, an_app
from tests.ledger.things import a_decision


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
    """The API will not take our decision: that is undecided, and a question, until it does."""
    world, clock = World(trouble={"perform": [TaskBlocked("coverage", status=409)]}), HandClock()
    world.add(an_item())
    app = an_app(world, always(APPROVE), clock=clock)

    poll_once(app)
    summary = poll_once(app)

    assert [(seen.action, seen.outcome) for seen in summary.undecided] == [("escalate", "held")]
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


SEEN = OpenRound(
    review="comments",
    task_id="t1",
    epoch="2026-06-02T12:00:00Z",
    first_seen_at=CONFIRMED,
    deadline_at=CONFIRMED + timedelta(hours=72),
    amount_micros=240_000,
)


@pytest.mark.parametrize(
    ("action", "state", "until", "open_still"),
    [
        (Action.LEAVE, State.HELD, None, False),
        (Action.APPROVE, State.PERFORMED, None, False),
        (Action.APPROVE, State.SETTLED, None, False),
        (Action.APPROVE, State.OVERTAKEN, None, False),
        (Action.APPROVE, State.INTENT, None, True),
        (Action.APPROVE, State.REFUSED, None, True),
        (Action.APPROVE, State.DRY_RUN, None, False),
        (Action.APPROVE, State.DRY_RUN, CONFIRMED, True),
        (Action.ESCALATE, State.DRY_RUN, None, True),
        (Action.ESCALATE, State.HELD, None, True),
    ],
)
def test_the_log_alone_tells_which_rounds_silence_will_decide(
    action: Action, state: State, until: datetime | None, open_still: bool
) -> None:
    """What was done, left, or would be done by a live run is decided; all else is open."""
    decision = a_decision(action, until=until)
    found = from_log(SEEN, Logged(seq=1, decision=decision, state=state, state_at=CONFIRMED))
    assert (found is not None) == open_still


# Which reviews leave their round open -----------------------------------------------------------


ITEM = an_item()
HELD = Verdict(action=Action.ESCALATE, rule="ask", policy="tried")
DUE = Verdict(action=Action.APPROVE, rule="pay", policy="tried")
LEFT = Verdict(action=Action.LEAVE, rule="leave", policy="tried")


def a_logged(state: State) -> Logged:
    """What the log says of the round."""
    return Logged(seq=1, decision=a_decision(), state=state, state_at=CONFIRMED)


@pytest.mark.parametrize(
    ("outcome", "verdict", "open_still"),
    [
        (ReviewOutcome.VANISHED, None, False),
        (ReviewOutcome.VANISHED, HELD, False),
        (ReviewOutcome.POSTPONED, None, True),
        (ReviewOutcome.POSTPONED, DUE, True),
        (ReviewOutcome.UNCHANGED, HELD, True),
        (ReviewOutcome.UNCHANGED, DUE, False),
        (ReviewOutcome.UNCHANGED, LEFT, False),
        (ReviewOutcome.CLAIMED, DUE, True),
        (State.HELD, HELD, True),
        (State.HELD, LEFT, False),
        (State.PERFORMED, DUE, False),
        (State.OVERTAKEN, DUE, False),
        (State.UNKNOWN, DUE, True),
        (State.VOID, DUE, True),
        (State.REFUSED, DUE, True),
        (State.DRY_RUN, DUE, False),
    ],
)
def test_a_review_leaves_its_round_open_where_nothing_was_decided(
    outcome: Any, verdict: Verdict | None, open_still: bool
) -> None:
    """Or where what was decided has not arrived, or somebody was first and may not have been heard."""
    assert is_open(Reviewed(item=ITEM, outcome=outcome, verdict=verdict)) is open_still


@pytest.mark.parametrize("state", list(State))
def test_a_round_acted_on_before_is_open_where_that_is_not_done(state: State) -> None:
    """Whatever the log says that ended it: the list shows it waiting."""
    one = Reviewed(item=ITEM, outcome=ReviewOutcome.CLAIMED, latest=a_logged(state))
    assert is_open(one) is (state not in (State.PERFORMED, State.SETTLED))


def test_a_round_is_described_with_all_that_a_person_needs() -> None:
    """Of the thing, and of what was said of it."""
    assert unreviewed(ITEM) == Undecided(
        review="comments",
        task_id=ITEM.id,
        epoch=ITEM.epoch,
        deadline_at=ITEM.deadline_at,
        deadline_is_estimate=False,
        action=None,
        rule=None,
        outcome="not reviewed yet",
        started_at=CONFIRMED,
        amount_micros=240_000,
        policy="",
    )
    estimated = replace(ITEM, deadline_is_estimate=True)
    assert unreviewed(estimated).deadline_is_estimate
    described = describe(Reviewed(item=estimated, outcome=State.HELD, verdict=HELD))
    assert described == replace(
        unreviewed(estimated), action="escalate", rule="ask", outcome="held", policy="tried"
    )
    refused = describe(
        Reviewed(item=ITEM, outcome=ReviewOutcome.CLAIMED, latest=a_logged(State.REFUSED))
    )
    decision = a_logged(State.REFUSED).decision
    assert (refused.outcome, refused.action) == ("refused", decision.action.value)
    assert (refused.rule, refused.policy) == (decision.rule, decision.policy)
    nameless = describe(Reviewed(item=ITEM, outcome=ReviewOutcome.POSTPONED))
    assert nameless == replace(unreviewed(ITEM), outcome="postponed")


def test_the_round_of_the_log_is_described_in_full() -> None:
    """As of its newest decision."""
    decision = a_decision(Action.ESCALATE)
    last = Logged(seq=1, decision=decision, state=State.HELD, state_at=CONFIRMED)
    assert from_log(SEEN, last) == Undecided(
        review="comments",
        task_id="t1",
        epoch=SEEN.epoch,
        deadline_at=SEEN.deadline_at,
        deadline_is_estimate=False,
        action="escalate",
        rule=decision.rule,
        outcome="held",
        started_at=CONFIRMED,
        amount_micros=240_000,
        policy=decision.policy,
    )
    assert from_log(SEEN, None) == Undecided(
        review="comments",
        task_id="t1",
        epoch=SEEN.epoch,
        deadline_at=SEEN.deadline_at,
        deadline_is_estimate=False,
        action=None,
        rule=None,
        outcome="not reviewed yet",
        started_at=CONFIRMED,
        amount_micros=240_000,
        policy="",
    )


def test_a_window_that_the_api_does_not_state_is_counted_from_the_log() -> None:
    """An account is spoken of in time also by a process that could never ask for it."""
    known = from_log(replace(SEEN, review="accounts", deadline_at=None), None)
    assert known is not None
    assert known.deadline_at == SEEN.first_seen_at + timedelta(hours=72)
    assert known.deadline_is_estimate


def test_what_expires_first_is_named_first_and_what_nobody_knows_last() -> None:
    """Whatever order they were found in."""
    hours = (5, None, 1, None, 3)
    found = [
        replace(
            unreviewed(ITEM),
            deadline_at=None if left is None else CONFIRMED + timedelta(hours=left),
        )
        for left in hours
    ]
    ordered = [seen.deadline_at for seen in most_urgent_first(found)]
    assert ordered == [*(CONFIRMED + timedelta(hours=left) for left in (1, 3, 5)), None, None]
