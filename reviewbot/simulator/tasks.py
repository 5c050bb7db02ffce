"""The life of a comment task: every step it can take, whoever takes it.

Each step checks the status it starts from, stamps what the API shows, files the task anew, and sets
the next sweep. Sweeps carry the stamp they belong to, so one of an earlier round changes nothing.
"""

from __future__ import annotations

from reviewbot.simulator.clock import HOUR, OPENING, payout_after
from reviewbot.simulator.model import Actor, By, SavedAccount, Task, Video
from reviewbot.simulator.refusals import Refusal, refuse
from reviewbot.simulator.verifier import GRACE, check
from reviewbot.simulator.world import World

PENDING_FOR = 72 * HOUR
REVIEW_FOR = 72 * HOUR
AUTO_FINAL_AFTER = 24 * HOUR
ABANDONED_AFTER = 7 * 24 * HOUR


def create(
    world: World,
    account: SavedAccount,
    video: Video,
    text: str,
    *,
    brief_id: str | None = None,
    target_type: str = "video",
    target_comment_url: str | None = None,
    led: bool = False,
) -> Task:
    """Order a comment: one credit, and 72 h for the manager to post it.

    A task that is `led` is moved by a script; its manager only wakes up at the first dispute.
    """
    now = world.stamp()
    task = Task(
        id=world.new_id(),
        seq=world.number(),
        account=account,
        video=video,
        text=text,
        created_at=now,
        deadline_at=now + PENDING_FOR,
        owned=account.owned,
        brief_id=brief_id,
        target_type=target_type,
        target_comment_url=target_comment_url,
        led=led,
    )
    world.credits -= task.cost
    world.tasks[task.id] = task
    _changed(world, task, now)
    world.at(task.deadline_at + world.choices.sweep_latency, _expire, world, task)
    if world.retention is not None:
        world.after(ABANDONED_AFTER, _forget_idle, world, task)
    if not led:
        world.people.take_on(world, task)
    return task


def submit(world: World, task: Task) -> None:
    """The manager clicks "posted", for the first time or after a fix; the verifier looks in 30 s."""
    now = world.stamp()
    if task.status == "pending":
        task.status = "submitted"
        task.submitted_at = now
    elif task.status not in ("submitted", "pending_corrections"):
        return
    _changed(world, task, now)
    world.after(GRACE, _verify, world, task)


def confirm(world: World, task: Task) -> None:
    """The manager insists by hand: a round begins, and 72 h in which the client may object."""
    if task.status not in ("submitted", "pending_corrections"):
        return
    now = world.stamp()
    task.status = "manually_confirmed"
    task.hidden = False
    task.correction = None
    task.rounds += 1
    task.confirmed_at = now
    task.review_until = now + REVIEW_FOR
    task.payout = _final_payout(task)
    _changed(world, task, now)
    due = task.review_until + world.choices.sweep_latency
    world.at(due, _end_round, world, task, now)


def approve(world: World, task: Task, actor: Actor, *, dry: bool = False) -> None:
    """The client accepts; the payout is locked for good."""
    _check_waiting(world, task)
    if dry:
        return
    world.log(task, world.epoch(task), "approve", actor)
    _finalize(world, task, actor.by)


def dispute(world: World, task: Task, reason: str, actor: Actor, *, dry: bool = False) -> None:
    """The client objects; the manager reads the reason and may try again."""
    _check_waiting(world, task)
    if dry:
        return
    world.log(task, world.epoch(task), "dispute", actor, reason)
    task.status = "pending_corrections"
    task.hidden = False
    task.led = False
    task.disputes += 1
    task.correction = (
        "The client has looked at this comment and asks for a correction:\n\n"
        f'"{reason}"\n\n'
        "Set it right, then press the re-check button."
    )
    task.confirmed_at = None
    task.review_until = None
    _changed(world, task, world.stamp())
    world.people.answer_dispute(world, task)


def cancel(world: World, task: Task, actor: Actor, *, dry: bool = False) -> int:
    """The client withdraws a task that nobody has posted yet; gives the credits refunded."""
    if task.status == "cancelled" and world.choices.second_delete == "200":
        return task.cost
    if task.status != "pending":
        raise _wrong_status(world, task, "pending")
    if not dry:
        world.log(task, world.epoch(task), "cancel", actor)
        _cancel(world, task, actor.by)
    return task.cost


def set_coverage(world: World, account: SavedAccount, *, covered: bool) -> None:
    """The account's coverage lapses or comes back; its tasks show that at once."""
    account.covered = covered
    now = world.stamp()
    for task in world.tasks.values():
        if task.account is account:
            _changed(world, task, now)


def shown_status(world: World, task: Task) -> str | None:
    """The status as the API shows it; None where the task is hidden altogether."""
    if task.status == "pending_corrections" and task.hidden:
        match world.choices.hidden_corrections:
            case "absent":
                return None
            case "old status":
                return "submitted"
            case "shown":
                return task.status
    return task.status


def _check_waiting(world: World, task: Task) -> None:
    if task.status != "manually_confirmed":
        raise _wrong_status(world, task, "manually_confirmed")
    if not task.account.covered:
        why = "coverage_inactive"
        account = task.account.id
        raise refuse(
            "MANAGED_ACCOUNT_TASK_BLOCKED", saved_account_id=account, execution_block_reason=why
        )


def _wrong_status(world: World, task: Task, wanted: str) -> Refusal:
    message = f"Only a task that is {wanted} allows this."
    current = shown_status(world, task) or task.status
    return refuse("COMMENT_INVALID_STATUS", message, current_status=current)


def _verify(world: World, task: Task) -> None:
    if task.status not in ("submitted", "pending_corrections"):
        return
    now = world.stamp()
    short = world.choices.short_reads
    attempt = check(
        task,
        now,
        world.choices,
        scrape_fails=world.rng.random() < 0.03 or world.checker == "failing",
        blind=world.checker == "blind",
        stops_early=short > 0 and world.rng.random() < short,
    )
    task.attempts.append(attempt)
    match attempt.outcome_kind:
        case "verified":
            task.status = "verified_auto"
            task.hidden = False
            task.correction = None
            task.verified_at = now
            task.payout = _final_payout(task)
            final = now + AUTO_FINAL_AFTER + world.choices.sweep_latency
            world.at(final, _settle_verified, world, task)
        case "wrong_text" | "wrong_account" if task.status == "submitted":
            task.status = "pending_corrections"
            task.hidden = True
            task.correction = f"The verifier found a problem: {attempt.reason}."
        case _:
            pass
    _changed(world, task, now)
    if not task.led:
        world.people.react(world, task, attempt.outcome_kind)


def _end_round(world: World, task: Task, confirmed_at: float) -> None:
    if task.status != "manually_confirmed" or task.confirmed_at != confirmed_at:
        return
    _finalize(world, task, "silence")


def _settle_verified(world: World, task: Task) -> None:
    if task.status == "verified_auto":
        _finalize(world, task, "verifier")


def _expire(world: World, task: Task) -> None:
    if task.status == "pending":
        _cancel(world, task, "sweep")


def _cancel(world: World, task: Task, by: By) -> None:
    task.status = "cancelled"
    task.ended_by = by
    world.credits += task.cost
    _changed(world, task, world.stamp())
    _forget_later(world, task)


def _finalize(world: World, task: Task, by: By) -> None:
    task.status = "finalized"
    task.finalized_at = world.stamp()
    task.payout = _final_payout(task)
    task.ended_by = by
    _changed(world, task, task.finalized_at)
    _forget_later(world, task)


def _final_payout(task: Task) -> float:
    ended = task.confirmed_at or task.verified_at
    if ended is None or task.submitted_at is None:
        return OPENING
    return payout_after(ended - task.submitted_at)


def _forget_later(world: World, task: Task) -> None:
    if world.retention is not None:
        world.after(world.retention, _forget, world, task)


def _forget_idle(world: World, task: Task) -> None:
    """Let go of a task that its manager gave up; one that waits or is young is looked at again."""
    if task.id not in world.tasks:
        return
    idle = world.now - task.updated_at > ABANDONED_AFTER
    if idle and task.status in ("submitted", "pending_corrections"):
        _forget(world, task)
    else:
        world.after(ABANDONED_AFTER, _forget_idle, world, task)


def _forget(world: World, task: Task) -> None:
    world.board.file(task, None)
    world.tasks.pop(task.id, None)
    world.videos.pop(task.video.url, None)


def _changed(world: World, task: Task, now: float) -> None:
    task.updated_at = now
    task.wire = None
    world.board.file(task, shown_status(world, task) if task.owned else None)
