"""The mix: a policy that nobody changed is stopped when it suddenly approves far more than ever."""

from __future__ import annotations

import random  # noqa: TID251 - seeded
from datetime import timedelta

import pytest

from reviewbot.core import guard_state
from reviewbot.core.guard_state import Mix
from reviewbot.domain.decision import DEADLINE, Action, Mode, State
from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from reviewbot.safety import breaker, mix
from reviewbot.safety.rollout import adopt
from tests.fakes import START
from tests.ledger.things import a_decision
from tests.safety.test_guards import ASK, PAY, Room, a_policy, a_room, tasks
from tests.tier import times

BLIND = """  - name: nothing could be read
    when:
      last.comments_scraped: 0
    then: approve
  - name: not there
    always: yes
    then: dispute
    reason: Please post it again, as written.
    repeat: yes
"""
"""Right as long as the checker sees anything."""


def some_days_of(room: Room, count: int, *, seen: int = 50) -> None:
    """Let so many tasks be reviewed, which the checker saw so many comments of."""
    room.world.comments_scraped = seen
    room.world.add(*tasks(count))
    poll_once(room.app)
    room.world.tasks.clear()


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("before", [100, 120])
def test_a_checker_gone_blind_is_stopped_under_an_unchanged_policy(
    before: int, restarted: bool
) -> None:
    """So many sent back and none approved; then it sees nothing: 20 at most are paid, told at once.

    The baseline is in the log: a bot that starts for each pass knows it as well.
    """
    room = a_room(a_policy(BLIND))
    some_days_of(room, before)
    if restarted:
        room = a_room(a_policy(BLIND), ledger=room.ledger, clock=room.clock)
    room.world.comments_scraped = 0
    room.world.add(*tasks(200, first=before))
    poll_once(room.app)

    assert 0 < room.sent(Action.APPROVE) <= 20
    (note,) = room.ledger.notes("breaker")
    assert (note.value["sign"], note.value["open"]) == ("mix", True)
    assert "of the last 20 tasks are approved, where 0 of" in note.value["what"]
    assert len(room.alarms("breaker")) == 1


def test_ninety_nine_are_no_baseline() -> None:
    """Too little to compare with, as for a changed policy."""
    room = a_room(a_policy(BLIND))
    some_days_of(room, 79)
    room.world.comments_scraped = 0
    room.world.add(*tasks(20, first=79))
    poll_once(room.app)
    assert not room.breaker()


def test_what_is_older_than_30_days_is_no_baseline() -> None:
    """Day by day."""
    room = a_room(a_policy(BLIND))
    some_days_of(room, 150)
    room.clock.forward(days=31)
    room.world.comments_scraped = 0
    room.world.add(*tasks(60, first=150, hours=40 * 24))
    poll_once(room.app)
    assert not room.breaker()


def test_a_person_who_looked_begins_another_baseline() -> None:
    """What follows a closing is held against what followed it; a closing for another sign is none."""
    room = a_room(a_policy(BLIND))
    some_days_of(room, 120)
    room.world.comments_scraped = 0
    room.world.add(*tasks(60, first=120))
    poll_once(room.app)
    assert room.breaker()

    breaker.close(room.ledger, reason="a new campaign", who="ana", now=room.clock.now())
    poll_once(room.app)
    some_days_of(room, 80, seen=0)
    again = a_room(a_policy(BLIND), ledger=room.ledger, clock=room.clock)
    some_days_of(again, 50, seen=0)
    assert not again.breaker()


def test_another_sign_that_a_person_closed_changes_no_baseline() -> None:
    """A drift that was looked at says nothing of how much is approved."""
    room = a_room(a_policy(BLIND))
    some_days_of(room, 120)
    breaker.open_breaker(room.app.guard_post, "guarded", "drift", "a field changed")
    breaker.close(room.ledger, reason="known", who="ana", now=room.clock.now())
    room.world.comments_scraped = 0
    room.world.add(*tasks(60, first=120))
    poll_once(room.app)
    assert room.breaker()


def test_what_was_asked_in_an_outage_and_is_approved_after_it_is_no_sign() -> None:
    """Answers that change come in bunches, and say that the checker is well again."""
    rules = "  - name: cannot look\n    when:\n      last.comments_scraped: 0\n    then: escalate\n"
    room = a_room(a_policy(rules + PAY))
    room.world.comments_scraped = 0
    room.world.add(*tasks(200))
    poll_once(room.app)
    room.bench.evidence.clear()
    room.world.comments_scraped = 50
    poll_once(room.app)
    assert room.sent(Action.APPROVE) == 200
    assert not room.breaker()


def test_a_revision_is_held_against_itself() -> None:
    """Against the one before it is held while it is young."""
    room = a_room(a_policy(ASK))
    some_days_of(room, 150)
    adopt(room.app, [a_policy(PAY)])
    assert not room.app.guard.mixes["guarded"].newest


def test_a_dry_run_recalls_nothing() -> None:
    """Nothing is sent, so nothing is to be stopped."""
    room = a_room(a_policy(BLIND))
    room.app.guard_post = room.app.guard_post._replace(mode=Mode.DRY_RUN)
    room.app.guard.mixes = {}
    adopt(room.app, [a_policy(BLIND)])
    assert room.app.guard.mixes == {}


def test_the_log_gives_back_what_the_process_counted() -> None:
    """The first answer of each round by this revision's rules, whatever became of it since."""
    ledger, policy = open_ledger("memory:"), a_policy(BLIND).policy
    about = {"policy": policy.name, "revision": policy.revision}
    ledger.record(a_decision(Action.WAIT, task_id="a", **about), State.HELD)
    ledger.intend(a_decision(Action.APPROVE, task_id="a", **about))
    ledger.record(a_decision(Action.ESCALATE, task_id="b", **about), State.HELD)
    ledger.intend(a_decision(Action.APPROVE, task_id="b", **about))
    ledger.intend(a_decision(Action.APPROVE, task_id="c", rule=DEADLINE, **about))
    ledger.intend(a_decision(Action.APPROVE, task_id="d", decided_by="ana", **about))
    ledger.intend(a_decision(Action.APPROVE, task_id="e", **about | {"revision": "other"}))
    ledger.record(
        a_decision(Action.ESCALATE, task_id="f", wanted=Action.APPROVE, **about), State.HELD
    )
    found = mix.recall(ledger, policy, START)
    assert [pays for _, pays in found.newest] == [True, False, True]


@pytest.mark.parametrize(
    ("share", "newest", "opens"),
    [
        (0.0, 11, True),
        (0.0, 10, False),
        (0.1, 20, True),
        (0.3, 13, False),
        (0.3, 20, True),
        (0.5, 20, True),
        (0.6, 20, False),
        (0.9, 20, False),
    ],
)
def test_a_sign_is_far_above_the_share_before(share: float, newest: int, opens: bool) -> None:
    """Most of the newest twenty, twice the share, and more than chance ever brings about."""
    found = Mix()
    for n in range(200):
        found.add(START, n % 10 < 10 * share)
    for n in range(20):
        found.add(START, n >= 20 - newest)
    assert (found.sign() is not None) is opens


def test_where_most_are_approved_forty_in_a_row_are_a_sign() -> None:
    """Twenty may come about by chance, in months."""
    found = Mix()
    for n in range(200):
        found.add(START, n % 10 < 6)
    signs = []
    for _ in range(40):
        found.add(START, True)
        signs.append(found.sign() is not None)
    assert signs.index(True) in range(30, 40)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.6, 0.8, 0.95])
def test_chance_and_batches_are_no_sign(share: float) -> None:
    """Months of a hundred a day, answered alike in runs of five: an account posts as it posts."""
    chance = random.Random(7)
    found = Mix()
    for n in range(times(4_000, 16_000)):
        pays = chance.random() < share
        for _ in range(chance.choice((1, 1, 2, 5))):
            found.add(START + timedelta(minutes=33 * n), pays)
        assert found.sign() is None
    assert len(found.blocks) <= 30 * 110 / guard_state.BLOCK
