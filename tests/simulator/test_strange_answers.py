"""Refusals of a moment, lists that contradict their count, absurd values, clocks that jump, a blind checker."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from reviewbot.simulator import tasks as tasks_module
from reviewbot.simulator.faults import Faults, Storm
from reviewbot.simulator.model import Actor, Choices
from reviewbot.simulator.untruths import ABSURD, CODES, COUNTS, is_hit
from tests.simulator.worlds import (
    HOUR,
    a_client,
    a_submitted_task,
    a_waiting_task,
    a_world,
    managed_world,
)


@pytest.mark.parametrize("status", sorted(CODES))
@pytest.mark.parametrize("kind", ["4xx envelope", "4xx odd code", "4xx page"])
def test_a_momentary_refusal_changes_nothing_and_passes(kind: str, status: int) -> None:
    """The write is refused so, the task goes on waiting, and the next write is taken."""
    world = a_world()
    task = a_waiting_task(world)
    faults = Faults()
    faults.once(kind, calls="writes", status=status)
    client = a_client(world, faults=faults)
    refused = client.post(f"/comments/{task.id}/approve")
    assert refused.status_code == status
    if kind == "4xx page":
        assert b'"error"' not in refused.content
    else:
        assert (refused.json()["error"]["code"] in CODES[status]) is (kind == "4xx envelope")
    assert task.status == "manually_confirmed"
    assert client.post(f"/comments/{task.id}/approve").is_success


@pytest.mark.parametrize("kind", sorted(COUNTS))
def test_a_list_contradicts_its_own_count(kind: str) -> None:
    """What is counted and what is shown differ, or nothing is counted."""
    world = a_world()
    for _ in range(5):
        a_waiting_task(world)
    faults = Faults([Storm(fault=kind)])
    client = a_client(world, faults=faults)
    shown, counted = 0, []
    for page in range(1, 4):
        body = client.get("/comments", params={"per_page": 2, "page": page}).json()
        shown += len(body["data"])
        counted.append(body["pagination"].get("total"))
    assert (shown, counted) != (5, [5, 5, 5])
    assert faults.contradictions


def test_other_answers_have_no_count_to_contradict() -> None:
    """Such a fault leaves a single task as it is."""
    world = a_world()
    task = a_waiting_task(world)
    faults = Faults([Storm(fault="rows missing")])
    assert (
        a_client(world, faults=faults).get(f"/comments/{task.id}").json()["data"]["id"] == task.id
    )
    assert faults.contradictions == 0


@pytest.mark.parametrize("kind", sorted(set(ABSURD) - {"odd moments"}))
def test_an_absurd_value_hits_the_same_things_each_time(kind: str) -> None:
    """Everything else in the list is as it was, and whoever asks learns what was hit."""
    world = a_world()
    for _ in range(6):
        a_waiting_task(world)
    plain = a_client(world).get("/comments").json()["data"]
    faults = Faults([Storm(fault=kind)])
    client = a_client(world, faults=faults)
    absurd = client.get("/comments").json()["data"]
    changed = {was["id"] for was, row in zip(plain, absurd, strict=True) if was != row}
    assert changed == {row["id"] for row in plain if is_hit(row["id"])} == faults.spoiled != set()
    assert client.get("/comments").json()["data"] == absurd


def test_an_absurd_timeline_is_about_its_task() -> None:
    """The task is named by the path alone."""
    world = a_world()
    tasks = [a_waiting_task(world) for _ in range(6)]
    faults = Faults([Storm(fault="absurd amount")])
    client = a_client(world, faults=faults)
    for task in tasks:
        assert client.get(f"/comments/{task.id}/verifications").is_success
    assert faults.spoiled == {task.id for task in tasks if is_hit(task.id)} != set()


def test_moments_are_written_another_way() -> None:
    """Fractions and offsets come and go; the second is the same."""
    world = a_world()
    task = a_waiting_task(world)
    client = a_client(world, faults=Faults([Storm(fault="odd moments")]))
    said = {
        client.get(f"/comments/{task.id}").json()["data"]["manually_confirmed_at"]
        for _ in range(40)
    }
    assert len(said) > 3
    assert len({text[:19] for text in said}) == 1


def test_the_clocks_of_some_nodes_jump() -> None:
    """Half of the answers come from a node whose `Date` is off by so much, and no other."""
    world = a_world()
    client = a_client(world, faults=Faults([Storm(fault="date jump", chance=0.5, skew=-900.0)]))
    dates = (client.get("/me").headers["date"] for _ in range(30))
    off = {round(parsedate_to_datetime(date).timestamp() - world.now) for date in dates}
    assert off == {0, -900}


@pytest.mark.parametrize("status", [409, 422])
def test_a_server_may_store_errors_under_the_key(status: int) -> None:
    """An error is replayed for ever under its key, and the key takes no other words."""
    world = a_world(
        choices=Choices(idempotency_stores="everything", idempotency_conflict_status=status)  # type: ignore[arg-type]
    )
    task = a_waiting_task(world)
    faults = Faults()
    faults.once("5xx json")
    client = a_client(world, faults=faults)

    def dispute(key: str, reason: str) -> int:
        return client.post(
            f"/comments/{task.id}/dispute",
            json={"reason": reason},
            headers={"Idempotency-Key": key},
        ).status_code

    assert [dispute("one", "Not there.") for _ in range(3)] == [500, 500, 500]
    assert dispute("one", "Still not there.") == status
    assert dispute("two", "Not there.") == 200


@pytest.mark.parametrize(
    ("checker", "outcome"), [("blind", "couldnt_verify"), ("failing", "scrape_failed")]
)
def test_the_checker_fails_as_a_whole(checker: str, outcome: str) -> None:
    """Whatever it looks at, it sees no comment."""
    world = a_world()
    world.checker = checker  # type: ignore[assignment]
    for _ in range(4):
        task = a_waiting_task(world, "exact", comments_before=50)
        assert (task.attempts[-1].outcome_kind, task.attempts[-1].comments_scraped) == (outcome, 0)


def test_a_manager_may_insist_without_another_look() -> None:
    """The second round then has the evidence of the first alone."""
    world = managed_world(choices=Choices(insists_unchecked=1.0))
    task = a_submitted_task(world, "nothing")
    world.advance(60)
    tasks_module.confirm(world, task)
    tasks_module.dispute(world, task, "Not there.", Actor(by="stranger"))
    looks, sent_back_at = len(task.attempts), world.effects[-1].at
    world.advance(60 * HOUR)
    assert (task.rounds, len(task.attempts)) == (2, looks)
    assert task.attempts[-1].scraped_at < sent_back_at
