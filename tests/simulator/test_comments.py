"""The life of a task: every documented step, by whom, and when."""

from __future__ import annotations

import pytest

from reviewbot.simulator import people, tasks
from reviewbot.simulator.model import Actor, Choices
from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.wire import task_shape
from tests.simulator.worlds import HOUR, a_submitted_task, a_task, a_waiting_task, a_world

CLIENT = Actor(request_id="req_1", idempotency_key="key-1")


def test_a_pending_task_expires_after_72_hours_and_is_refunded() -> None:
    """Nobody posts: cancelled at the deadline, not before, and the credit comes back."""
    world = a_world()
    before = world.credits
    task = a_task(world)
    assert world.credits == before - 1
    world.advance(72 * HOUR - 1)
    assert task.status == "pending"
    world.advance(1)
    assert (task.status, task.ended_by, world.credits) == ("cancelled", "sweep", before)


def test_the_verifier_looks_30_seconds_after_the_click() -> None:
    """A right comment is found after the grace, and settles by itself 24 h later."""
    world = a_world()
    task = a_submitted_task(world)
    world.advance(29)
    assert task.status == "submitted"
    world.advance(1)
    assert (task.status, task.attempts[0].outcome_kind) == ("verified_auto", "verified")
    world.advance(24 * HOUR)
    assert (task.status, task.ended_by) == ("finalized", "verifier")


@pytest.mark.parametrize(
    ("posting", "outcome"), [("near miss", "wrong_text"), ("other account", "wrong_account")]
)
def test_a_finding_of_the_verifier_is_hidden_from_the_client(posting: str, outcome: str) -> None:
    """The task awaits corrections, and looks submitted unless chosen otherwise."""
    world = a_world()
    task = a_submitted_task(world, posting)  # type: ignore[arg-type] - the two findings
    world.advance(30)
    assert task.attempts[0].outcome_kind == outcome
    assert task.status == "pending_corrections"
    assert tasks.shown_status(world, task) == "submitted"
    world.choices = Choices(hidden_corrections="absent")
    assert tasks.shown_status(world, task) is None
    world.choices = Choices(hidden_corrections="shown")
    assert tasks.shown_status(world, task) == "pending_corrections"


def test_silence_pays_after_72_hours_of_review() -> None:
    """The round's deadline is confirmation + 72 h; then the manager is paid, by silence."""
    world = a_world()
    task = a_waiting_task(world)
    assert task.review_until == (task.confirmed_at or 0) + 72 * HOUR
    world.advance(72 * HOUR - 1)
    assert task.status == "manually_confirmed"
    world.advance(1)
    assert (task.status, task.ended_by) == ("finalized", "silence")


def test_a_late_sweep_leaves_the_task_open_for_longer() -> None:
    """The sweep's latency is a choice."""
    world = a_world(choices=Choices(sweep_latency=300))
    task = a_waiting_task(world)
    world.advance(72 * HOUR + 299)
    assert task.status == "manually_confirmed"
    world.advance(1)
    assert task.status == "finalized"


def test_a_dispute_empties_the_round_and_a_second_confirmation_begins_a_fresh_one() -> None:
    """The old round's sweep does not touch the new round, whose 72 h are whole."""
    world = a_world()
    task = a_waiting_task(world)
    first = world.epoch(task)
    world.advance(HOUR)
    tasks.dispute(world, task, "Not there.", CLIENT)
    assert (task.status, task.confirmed_at, task.review_until) == (
        "pending_corrections",
        None,
        None,
    )
    assert '"Not there."' in (task.correction or "")
    world.advance(50 * HOUR)
    tasks.confirm(world, task)
    assert world.epoch(task) != first
    assert (task.rounds, task.correction) == (2, None)
    world.advance(71 * HOUR)
    assert task.status == "manually_confirmed"
    world.advance(HOUR)
    assert task.ended_by == "silence"


def test_a_fix_after_a_dispute_is_verified_again() -> None:
    """Right account, right text at last: verified, and not reviewed any more."""
    world = a_world()
    task = a_waiting_task(world, "near miss")
    tasks.dispute(world, task, "Other text.", CLIENT)
    people.post(world, task, "exact")
    tasks.submit(world, task)
    world.advance(30)
    assert (task.status, len(task.attempts)) == ("verified_auto", 2)


def test_approve_is_final_and_logged_with_its_round() -> None:
    """The effect names task, round, request and key; a second approve is refused."""
    world = a_world()
    task = a_waiting_task(world)
    epoch = world.epoch(task)
    tasks.approve(world, task, CLIENT)
    effect = world.effects[-1]
    assert (effect.task_id, effect.epoch, effect.action) == (task.id, epoch, "approve")
    assert (effect.request_id, effect.idempotency_key, effect.by) == ("req_1", "key-1", "client")
    with pytest.raises(Refusal) as refused:
        tasks.approve(world, task, CLIENT)
    assert refused.value.code == "COMMENT_INVALID_STATUS"
    assert refused.value.details == {"current_status": "finalized"}
    assert len(world.effects) == 1


def test_coverage_blocks_decisions_but_not_cancelling() -> None:
    """An inactive coverage refuses approve and dispute with the typed code."""
    world = a_world()
    waiting, pending = a_waiting_task(world), a_task(world)
    for task in (waiting, pending):
        tasks.set_coverage(world, task.account, covered=False)
    shown = task_shape(world, waiting)
    assert (shown["execution_blocked"], shown["execution_block_reason"]) == (
        True,
        "coverage_inactive",
    )
    with pytest.raises(Refusal) as refused:
        tasks.approve(world, waiting, CLIENT)
    assert refused.value.code == "MANAGED_ACCOUNT_TASK_BLOCKED"
    assert tasks.cancel(world, pending, CLIENT) == 1


def test_finished_tasks_are_forgotten_where_a_retention_is_set() -> None:
    """A long run does not grow: finished and abandoned tasks go."""
    world = a_world(retention=HOUR)
    finished = a_waiting_task(world)
    abandoned = a_submitted_task(world, "nothing")
    tasks.approve(world, finished, CLIENT)
    world.advance(15 * 24 * HOUR)
    assert finished.id not in world.tasks
    assert abandoned.id not in world.tasks
    assert world.board.page(None, None, 1, 10) == ([], 0)


def test_truth_knows_what_really_happened() -> None:
    """A hidden honest comment deserves its pay; a near miss, a wrong account and nothing do not."""
    world = a_world()
    honest = a_waiting_task(world, "exact", reach="unreachable")
    assert honest.attempts[0].comments_scraped == 0
    assert world.truth(honest.id).deserved
    for posting in ("near miss", "other account", "nothing"):
        task = a_waiting_task(world, posting)  # type: ignore[arg-type] - the three others
        assert not world.truth(task.id).deserved, posting
