"""Whole passes of the whole bot: what they cost, how fast they are, what they leave."""

from __future__ import annotations

from pathlib import Path

from reviewbot.review.poll import STRETCH, Polling
from reviewbot.simulator import model, tasks
from tests.acceptance.checker import violations
from tests.acceptance.house import POLICY, House, house, sqlite
from tests.proof import proven

DECIDES_ALL = POLICY.replace(
    "rules:\n",
    "rules:\n  - name: something was read\n    when:\n      last.comments_scraped: at least 1\n"
    "    then: dispute\n    reason: not_found\n",
).replace("{last.comments_scraped} ", "")


def requests(there: House, method: str) -> int:
    """How many requests of a method the server saw."""
    return sum(line.method == method for line in there.world.requests)


def test_a_pass_over_230_tasks_costs_no_more_than_it_must(tmp_path: Path) -> None:
    """Three list pages, one timeline a task, one write a decision: within 2 %, in stretches too."""
    with house(tasks=230, ledger=sqlite(tmp_path), policy=DECIDES_ALL) as there:
        polling, stretches = Polling(STRETCH), 1
        while (summary := polling(there.app)).goes_on:
            stretches += 1

        assert stretches >= 4
        assert summary.reviewed == 230
        floor = 3 + 230 + summary.outcomes["performed"]
        assert summary.outcomes["performed"] >= 200
        assert summary.requests <= floor * 1.02
        extra = f"{summary.requests / floor - 1:.1%}"
        proven("loop", "P4", "requests beyond the list and two a decision, 230 tasks", extra)
        assert violations(there.world, there.app.ledger) == []


def test_a_dry_run_sends_no_write() -> None:
    """Counted by the transport and by the server: 0."""
    with house(tasks=60, live=False) as there:
        summary = there.poll()

        assert summary is not None
        assert (summary.writes, requests(there, "POST"), len(there.world.effects)) == (0, 0, 0)
        assert summary.outcomes == {"dry-run": 60}


def test_a_backlog_beyond_the_budget_is_worked_off_without_429_and_without_idling() -> None:
    """At 80 % of 120 a minute, within a quarter of what the budget allows."""
    with house(tasks=400, policy=DECIDES_ALL) as there:
        began = there.clock.monotonic()
        summary = there.poll()
        took = there.clock.monotonic() - began

        assert summary is not None
        assert not any(line.status == 429 for line in there.world.requests)
        assert took <= 1.25 * summary.requests / 96 * 60
        assert violations(there.world, there.app.ledger) == []


def test_a_disputed_task_that_comes_back_is_a_new_round() -> None:
    """The manager insists again: judged anew, as round 2, with its own epoch."""
    with house(tasks=40) as there:
        there.poll()
        for _ in range(40):
            there.poll(60)

        rounds = [
            logged.decision for logged in there.app.ledger.decisions() if logged.decision.round == 2
        ]
        assert rounds, "some came back"
        assert {decision.rule for decision in rounds} <= {"came back, a person looks", "deadline"}
        assert violations(there.world, there.app.ledger) == []


def test_strangers_acts_are_noticed_and_attributed() -> None:
    """Somebody approves and disputes in the dashboard while we hold the tasks."""
    with house(tasks=30) as there:
        there.poll()
        held = there.world.waiting()[:6]
        stranger = model.Actor(by="stranger")
        for task in held[:3]:
            tasks.approve(there.world, task, stranger)
        for task in held[3:]:
            tasks.dispute(there.world, task, "By hand: please look again.", stranger)

        there.poll(1)

        by = {ending.task_id: ending.by for ending in there.app.ledger.endings()}
        assert {by[task.id] for task in held} == {"other"}


def test_nothing_is_paid_by_silence_while_the_policy_decides_in_time() -> None:
    """A week's tasks to their deadlines: whatever nobody answered went by the fallback."""
    with house(tasks=30) as there:
        for _ in range(400):
            there.poll(60)
            if not there.world.waiting() and there.clock.monotonic() > 80 * 3600:
                break
        there.poll(60)

        ends = [ending.by for ending in there.app.ledger.endings()]
        assert ends
        assert "silence" not in ends
        rules = {logged.decision.rule for logged in there.app.ledger.decisions()}
        assert "deadline" in rules


def test_every_task_is_alarmed_before_silence_pays() -> None:
    """With nothing to decide by, each is named at 24, 6 and 1 hours, and then as paid by silence."""
    asks = POLICY.replace("if undecided: approve", "if undecided: escalate")
    with house(tasks=3, policy=asks, soonest=30.0, latest=40.0, seed=3) as there:
        waiting = {task.id for task in there.world.waiting()}
        for _ in range(90):
            there.poll(30)

        silent = {e.task_id for e in there.app.ledger.endings() if e.by == "silence"}
        assert silent & waiting
        for task_id in silent & waiting:
            hours = [
                about["facts"]["hours_left"]
                for event, about in there.events
                if event == "alarm"
                and about["facts"].get("task_id") == task_id
                and "hours_left" in about["facts"]
            ]
            assert hours == [24, 6, 1]
