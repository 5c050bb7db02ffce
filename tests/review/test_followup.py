"""What was decided is looked at once more, so that its rule can be graded; few requests, nothing sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reviewbot.domain.errors import CannotConnect, KeyRefused, ServerFault
from reviewbot.insights.grades import Grade
from reviewbot.insights.scorecard import TOPICS, scorecard
from reviewbot.review import reconcile
from reviewbot.review.reconcile import TOPIC, follow_up
from reviewbot.simulator import people
from reviewbot.simulator import tasks as tasks_module
from reviewbot.simulator.faults import Faults, Storm
from reviewbot.simulator.model import Actor
from tests.acceptance.house import House, house

DAY = timedelta(days=1)
NOT_THERE = """
policy: strict
language: 1
rules:
  - name: once is enough
    when:
      task.times_disputed: at least 1
    then: escalate
  - name: not there
    always: yes
    then: dispute
    reason: Our check could not find your comment. Please post it exactly as written.
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay when we cannot show what is wrong.
"""


def grades(made: House) -> dict[str, Grade]:
    """The grade of each task's dispute, where it is known."""
    log = made.app.ledger
    card = scorecard(log.decisions(), log.endings(), log.notes(*TOPICS))
    return {graded.claim.task_id: graded.grade for graded in card.answered}


def sent_back(tasks: int = 6, **about: Any) -> Any:
    """A live bot that sends everything back, over a world in which nothing else happens."""
    return house(policy=NOT_THERE, tasks=tasks, **about)


def test_a_comment_that_was_there_all_the_time_speaks_against_the_rule() -> None:
    """The re-check finds what was posted before the dispute: seen a day later, and graded."""
    with sent_back(1) as made:
        task = next(iter(made.world.tasks.values()))
        task.account.platform = "tiktok"
        people.post(made.world, task, "exact")
        made.clock.sleep(600)
        made.poll()
        task.video.reach, task.video.comments_per_hour = "open", 0.0
        made.clock.sleep(3600)
        tasks_module.submit(made.world, task)
        made.clock.sleep(DAY.total_seconds())

        assert task.attempts[-1].outcome_kind == "verified"
        assert follow_up(made.app) == 1
        assert grades(made) == {task.id: Grade.PROBABLY_WRONG}


def test_a_comment_that_is_still_missing_speaks_for_it() -> None:
    """A second check that reads the whole page and finds nothing."""
    with sent_back(1) as made:
        task = next(iter(made.world.tasks.values()))
        made.poll()
        people.post(made.world, task, "nothing")
        task.video.reach, task.video.comments_per_hour = "open", 0.0
        task.video.comments_before = 30
        made.clock.sleep(3600)
        tasks_module.submit(made.world, task)
        made.clock.sleep(DAY.total_seconds())
        follow_up(made.app)

        assert grades(made) == {task.id: Grade.PROBABLY_RIGHT}


def test_it_is_done_once_a_day_and_ends_with_the_task() -> None:
    """One request for each that is open and no write; after two weeks nothing is followed any more."""
    with sent_back(3) as made:
        made.poll()
        made.clock.sleep(DAY.total_seconds())
        writes, requests = made.app.traffic.writes, made.app.traffic.requests
        assert follow_up(made.app) == 3
        assert follow_up(made.app) == 0
        assert made.app.traffic.requests - requests == 3
        assert made.app.traffic.writes == writes
        made.clock.sleep(15 * DAY.total_seconds())
        assert follow_up(made.app) == 0


def test_what_was_sent_back_just_now_is_read_a_day_later() -> None:
    """Not in the pass that sent it: nothing can have changed, and each read costs a request."""
    with sent_back(6) as made:
        made.poll()
        requests = made.app.traffic.requests
        assert follow_up(made.app) == 0
        made.clock.sleep(DAY.total_seconds() - 60)
        assert follow_up(made.app) == 0
        assert made.app.traffic.requests == requests
        made.clock.sleep(DAY.total_seconds())
        assert follow_up(made.app) == 6


def test_what_stayed_the_same_is_not_written_again() -> None:
    """A task that its manager gave up costs a request a day, and one line in the log."""
    with sent_back(1) as made:
        task = next(iter(made.world.tasks.values()))
        task.account.manager = None
        made.poll()
        for _ in range(3):
            made.clock.sleep(DAY.total_seconds())
            assert follow_up(made.app) == 1
        assert len(made.app.ledger.story(TOPIC, f"comments:{task.id}")) == 1


def test_what_somebody_else_sent_back_is_followed_too() -> None:
    """A dry run beside people in the dashboard: their acts and what came of them grade its rules."""
    with house(policy=NOT_THERE, tasks=2, live=False) as made:
        made.poll()
        first, second = made.world.waiting()
        tasks_module.dispute(made.world, first, "I cannot find it.", Actor(by="stranger"))
        tasks_module.approve(made.world, second, Actor(by="stranger"))
        made.poll(minutes=1)
        made.clock.sleep(DAY.total_seconds())

        assert follow_up(made.app) == 1
        assert grades(made) == {first.id: Grade.RIGHT, second.id: Grade.OVERRULED}


def test_an_approval_is_looked_at_once_when_a_day_old() -> None:
    """A few of them, drawn by lot."""
    policy = NOT_THERE.replace("then: dispute", "then: approve").replace(
        "    reason: Our check could not find your comment. Please post it exactly as written.\n",
        "",
    )
    with house(policy=policy, tasks=reconcile.APPROVAL_LOOKS + 5) as made:
        made.poll()
        made.clock.sleep(DAY.total_seconds() + 600)
        assert follow_up(made.app) == reconcile.APPROVAL_LOOKS
        made.clock.sleep(DAY.total_seconds())
        assert follow_up(made.app) == 0
        assert grades(made) == {}


def test_what_cannot_be_read_is_left_for_the_next_day() -> None:
    """One that fails hurts only itself; an API that is away ends it."""
    with sent_back(3) as made:
        made.poll()
        made.clock.sleep(DAY.total_seconds())
        queue = made.app.benches[0].queue
        works, errors = queue.evidence, [ServerFault("502", status=502)]

        def shaky(item: Any) -> Any:
            if errors:
                raise errors.pop()
            return works(item)

        queue.evidence = shaky  # type: ignore[method-assign]
        assert follow_up(made.app) == 2
        made.clock.sleep(DAY.total_seconds())
        errors.append(CannotConnect("refused"))
        assert follow_up(made.app) == 0


def test_a_refused_key_ends_it_and_a_stop_leaves_the_rest() -> None:
    """Nothing else could be read either; a bot that is to stop reads no further."""
    with sent_back(3) as made:
        made.poll()
        made.clock.sleep(DAY.total_seconds())

        def refuse(_: Any) -> Any:
            raise KeyRefused("revoked", status=401)

        works = made.app.benches[0].queue.evidence
        made.app.benches[0].queue.evidence = refuse  # type: ignore[method-assign]
        with pytest.raises(KeyRefused):
            follow_up(made.app)
        made.app.benches[0].queue.evidence = works  # type: ignore[method-assign]
        made.app.stopping = lambda: True
        assert follow_up(made.app) == 0


def test_an_api_that_hangs_keeps_no_poll_waiting() -> None:
    """The first read that takes long and fails is the last; the others are left for the next day."""
    with sent_back(8) as made:
        made.poll()
        made.clock.sleep(DAY.total_seconds())
        made.transport.faults = Faults([Storm(fault="hang")])  # type: ignore[attr-defined]
        began = made.clock.monotonic()

        assert follow_up(made.app) == 0
        assert made.clock.monotonic() - began < 150
