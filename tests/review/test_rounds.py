"""A round is judged by its own evidence, whoever ended the one before it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from reviewbot.domain.decision import Action, State
from reviewbot.domain.task import Timeline
from reviewbot.domain.text import iso
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.facts import NO_HISTORY, Facts, History, attempts_of_round
from reviewbot.ports.ledger import Ending, Memory, SeenRound
from reviewbot.review.fetch import NEW, in_round, memories_of
from reviewbot.review.poll import poll_once
from tests.builders import CONFIRMED, an_account_item, an_attempt, an_item
from tests.fakes import APPROVE, ESCALATE, FakeJudge, HandClock, World, an_app
from tests.ledger.things import a_decision

TASK = an_item().id
FIRST, SECOND = CONFIRMED, CONFIRMED + timedelta(hours=20)
SEEN = CONFIRMED + timedelta(minutes=1)


def seen(epoch: datetime = FIRST, **more: Any) -> SeenRound:
    """A round as the log saw it."""
    return SeenRound(**({"epoch": iso(epoch), "first_seen_at": SEEN} | more))


def past(*rounds: SeenRound, memory: Memory = NEW, epoch: str | None = iso(SECOND)) -> History:
    """The history of a thing in its second round."""
    return in_round(memory, epoch, rounds).history


def hours(count: float) -> datetime:
    """So long after the first round began."""
    return FIRST + timedelta(hours=count)


def test_the_first_round_has_no_past() -> None:
    """Itself, and what would come later, are not before it; without a name nothing is."""
    assert past() == NO_HISTORY
    assert past(seen(SECOND), seen(SECOND + timedelta(days=1))) == NO_HISTORY
    assert past(seen(), epoch=None) == NO_HISTORY


def test_each_earlier_round_counts_whoever_ended_it() -> None:
    """Also one whose end nobody knows: it waits again, so it was sent back."""
    found = past(seen(), seen(hours(10), first_seen_at=hours(11)), seen(SECOND))
    assert (found.rounds_before, found.sent_back_before, found.disputes) == (2, 2, 0)
    assert found.round_before_until == hours(11)


def test_our_own_disputes_count_where_the_log_saw_no_rounds() -> None:
    """The larger of both; where ours cannot be known, neither can the whole."""
    assert History(disputes=2, rounds_before=1).sent_back_before == 2
    assert History(disputes=1, rounds_before=2).sent_back_before == 2
    assert History(disputes=None, rounds_before=2).sent_back_before is None


@pytest.mark.parametrize(
    ("more", "judged", "until"),
    [
        ({}, None, SEEN),
        ({"first_seen_at": FIRST - timedelta(hours=1)}, None, FIRST),
        ({}, hours(5), hours(5)),
        ({"ended_at": hours(8), "by": "other"}, hours(5), hours(8)),
        ({"ended_at": hours(21), "by": "other"}, hours(5), hours(5)),
        ({"ended_at": hours(8), "by": "ours"}, hours(5), hours(5)),
    ],
    ids=["seen", "its begin", "judged", "noticed in time", "noticed too late", "ours"],
)
def test_the_round_before_lasted_at_least_as_long_as_we_saw_it(
    more: dict[str, Any], judged: datetime | None, until: datetime
) -> None:
    """Noticed before the new round began, its end is known; of our own the dispute tells better."""
    memory = Memory(history=NO_HISTORY, judged_at={} if judged is None else {iso(FIRST): judged})
    assert past(seen(**more), memory=memory).round_before_until == until


def test_what_was_scraped_until_then_is_not_of_this_round() -> None:
    """The later of our dispute and of what we saw; without either all attempts are of it."""
    attempts = tuple(
        an_attempt(attempt_n=n, scraped_at=hours(at)) for n, at in enumerate((-3, 1, 6, 19), 1)
    )
    numbers = [
        [attempt.attempt_n for attempt in attempts_of_round(attempts, history)]
        for history in (
            History(),
            History(rounds_before=1, round_before_until=hours(1)),
            History(
                rounds_before=1, round_before_until=hours(6), disputes=1, last_dispute_at=hours(1)
            ),
            History(
                rounds_before=1, round_before_until=hours(1), disputes=1, last_dispute_at=hours(6)
            ),
            History(disputes=0, last_dispute_at=hours(6), rounds_before=1),
        )
    ]
    assert numbers == [[1, 2, 3, 4], [3, 4], [4], [4], [1, 2, 3, 4]]


def test_rounds_of_accounts_are_counted_as_numbers() -> None:
    """The tenth is after the ninth; its name is no moment."""
    rounds = [SeenRound(epoch=str(n), first_seen_at=hours(n)) for n in (1, 9, 10, 11)]
    found = past(*rounds, epoch="10")
    assert (found.rounds_before, found.round_before_until) == (2, hours(9))


def test_the_log_s_rounds_and_decisions_make_the_history() -> None:
    """Of each thing by itself, also of one that nothing was decided of."""
    ledger = open_ledger("memory:")
    first, second = an_item(), an_item(manually_confirmed_at=SECOND)
    other = an_item(id="other")
    ledger.sight([first, other], SEEN)
    ledger.record(
        a_decision(task_id=TASK, epoch=first.epoch, action=Action.WAIT, decided_at=hours(4)),
        State.HELD,
    )
    ledger.sight([second], SECOND)

    found = memories_of(ledger, "comments", [second, other])

    assert found[TASK].history == History(rounds_before=1, round_before_until=hours(4))
    assert found["other"] == NEW
    assert memories_of(ledger, "accounts", [an_account_item()])["bnd_abc123"] == NEW


class Sightful(World):
    """A world whose verifier looked at these hours after the first confirmation."""

    looked: tuple[float, ...] = (-3.0,)

    def evidence(self, item: Any) -> Timeline:
        """What it saw, of every round there was."""
        super().evidence(item)
        return Timeline(
            task_id=item.id,
            attempts=tuple(
                an_attempt(attempt_n=n, scraped_at=hours(at)) for n, at in enumerate(self.looked, 1)
            ),
        )


def by_evidence(facts: Facts) -> Any:
    """A person first; then what was looked at in this round pays."""
    return APPROVE if facts.checks.count and facts.past.sent_back_before else ESCALATE


@pytest.mark.parametrize("noticed", [True, False], ids=["seen in between", "not seen in between"])
def test_what_somebody_else_sent_back_is_not_paid_on_the_evidence_of_before(noticed: bool) -> None:
    """Not before the verifier has looked at the new round; the log says that it is the second."""
    world, clock = Sightful(), HandClock(FIRST + timedelta(minutes=5))
    world.add(an_item())
    app = an_app(world, FakeJudge(by_evidence), clock=clock)
    poll_once(app)

    world.change(TASK, status="pending_corrections", manually_confirmed_at=None)
    clock.forward(hours=2)
    if noticed:
        poll_once(app)
    clock.forward(hours=20)
    world.change(TASK, status="manually_confirmed", manually_confirmed_at=SECOND,
                 client_dispute_deadline_at=SECOND + timedelta(hours=72), updated_at=SECOND)  # fmt: skip
    poll_once(app)
    assert world.sent == []
    last = app.ledger.decisions(task_id=TASK)[-1].decision
    assert (last.round, last.epoch, last.action) == (2, iso(SECOND), Action.ESCALATE)

    world.looked = (-3.0, 19.0)
    world.change(TASK, updated_at=SECOND + timedelta(hours=3))
    clock.forward(hours=7)
    poll_once(app)
    assert [(decision.round, decision.action) for decision in world.sent] == [(2, Action.APPROVE)]


def test_a_round_ended_by_somebody_else_is_known_by_its_ending() -> None:
    """The ledger gives it with who ended it and when."""
    ledger = open_ledger("memory:")
    ledger.sight([an_item()], SEEN)
    ledger.end(
        Ending(
            review="comments",
            task_id=TASK,
            epoch=iso(FIRST),
            by="other",
            status="pending_corrections",
            at=hours(3),
        )
    )
    (found,) = ledger.rounds("comments", [TASK])[TASK]
    assert found == seen(ended_at=hours(3), by="other")
    assert ledger.rounds("accounts", [TASK]) == ledger.rounds("comments", ["x"]) == {}
