"""Faults: each does what its name says, to the calls it may hit, and is repeatable."""

from __future__ import annotations

import httpx
import pytest

from reviewbot.simulator import accounts
from reviewbot.simulator import tasks as tasks_module
from reviewbot.simulator.faults import DRIFTS, FAULTS, Faults, Storm, parse_faults
from reviewbot.simulator.people import decide_one, strangers
from tests.simulator.worlds import (
    HOUR,
    a_client,
    a_submitted_task,
    a_waiting_task,
    a_world,
    managed_world,
)


def once(fault: str) -> Faults:
    """A schedule that hits the next call only."""
    faults = Faults()
    faults.once(fault)
    return faults


@pytest.mark.parametrize(
    ("fault", "error", "applied"),
    [
        ("refused", httpx.ConnectError, False),
        ("reset before", httpx.ReadError, False),
        ("reset after", httpx.ReadError, True),
        ("hang", httpx.ReadTimeout, False),
        ("late", httpx.ReadTimeout, False),
        ("cut", httpx.RemoteProtocolError, True),
    ],
)
def test_a_broken_write_is_or_is_not_applied(
    fault: str, error: type[Exception], applied: bool
) -> None:
    """The client sees an error; whether the write happened depends on where it broke."""
    world = a_world()
    task = a_waiting_task(world)
    faults = once(fault)
    client = a_client(world, faults=faults)
    with pytest.raises(error):
        client.post(f"/comments/{task.id}/approve")
    assert (task.status == "finalized") is applied
    assert faults.seen[fault] == 1
    assert client.get(f"/comments/{task.id}").status_code == 200


def test_a_late_write_arrives_within_ten_minutes_of_its_time_out() -> None:
    """The client gave up after its read timeout; the server applies the request afterwards."""
    world = a_world()
    task = a_waiting_task(world)
    client = a_client(world, faults=once("late"))
    before = world.now
    with pytest.raises(httpx.ReadTimeout):
        client.post(f"/comments/{task.id}/approve", timeout=4)
    assert world.now == before + 4
    world.advance(600)
    assert task.status == "finalized"
    assert 5 <= world.effects[-1].at - before <= 600


def test_a_late_write_meets_whatever_round_is_there_by_then() -> None:
    """It was meant for round one and falls on round two: the effect names the round it fell on."""
    world = a_world()
    task = a_waiting_task(world)
    first = world.epoch(task)
    with pytest.raises(httpx.ReadTimeout):
        a_client(world, faults=once("late")).post(f"/comments/{task.id}/approve", timeout=1)
    decide = a_client(world)
    assert decide.post(f"/comments/{task.id}/dispute", json={"reason": "Not there."}).is_success
    world.advance(1)
    tasks_module.confirm(world, task)
    world.advance(600)
    assert world.effects[-1].action == "approve"
    assert world.effects[-1].epoch != first


@pytest.mark.parametrize("fault", ["5xx json", "5xx html", "5xx empty"])
def test_server_errors_change_nothing(fault: str) -> None:
    """500 and its neighbours, with an envelope, in HTML, or empty."""
    world = a_world()
    task = a_waiting_task(world)
    answer = a_client(world, faults=once(fault)).post(f"/comments/{task.id}/approve")
    assert answer.status_code >= 500
    assert task.status == "manually_confirmed"
    assert (b"INTERNAL_ERROR" in answer.content) == (fault == "5xx json")


def test_a_server_error_may_hide_a_write_that_was_applied() -> None:
    """The gateway says 5xx, the task is final."""
    world = a_world()
    task = a_waiting_task(world)
    answer = a_client(world, faults=once("5xx after the write")).post(
        f"/comments/{task.id}/approve"
    )
    assert (answer.is_server_error, task.status) == (True, "finalized")


def test_a_429_storm_carries_both_waits() -> None:
    """Header and details, the body's wait being the longer."""
    answer = a_client(a_world(), faults=once("429")).get("/me")
    assert answer.status_code == 429
    details = answer.json()["error"]["details"]
    assert details["retry_after_seconds"] == int(answer.headers["retry-after"]) + 1


def test_a_body_may_be_cut_clean_or_trickle() -> None:
    """Half a JSON as a clean 200; or a whole one that takes its time."""
    world = a_world()
    task = a_waiting_task(world)
    half = a_client(world, faults=once("truncated")).get(f"/comments/{task.id}")
    assert half.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        half.json()
    before = world.now
    whole = a_client(world, faults=once("trickle")).get(f"/comments/{task.id}")
    assert whole.json()["data"]["id"] == task.id
    assert world.now > before + 100


def test_an_answer_may_be_of_another_kind() -> None:
    """HTML with 200; JSON called text; a Date that is hours off."""
    world = a_world()
    assert b"<html" in a_client(world, faults=once("html 200")).get("/me").content
    plain = a_client(world, faults=once("wrong content type")).get("/me")
    assert plain.headers["content-type"] == "text/plain"
    right = a_client(world).get("/me").headers["date"]
    assert a_client(world, faults=once("date skew")).get("/me").headers["date"] != right


@pytest.mark.parametrize("kind", DRIFTS)
def test_the_shape_of_an_answer_may_drift(kind: str) -> None:
    """Something about the rows has changed; the envelope stands."""
    world = a_world()
    a_waiting_task(world)
    right = a_client(world).get("/comments").json()
    drifted = a_client(world, faults=once(kind)).get("/comments").json()
    assert drifted["data"] != right["data"]
    assert drifted["pagination"] == right["pagination"]


def test_a_drift_that_takes_the_account_away_is_told() -> None:
    """Whoever asks learns what can no longer be judged by its profile; another field is no matter."""
    world = a_world()
    task = a_waiting_task(world)
    names = set()
    for seed in range(60):
        faults = Faults([Storm(fault="field missing")], seed=seed)
        row = a_client(world, faults=faults).get("/comments").json()["data"][0]
        gone = "saved_account_id" not in row
        assert faults.spoiled == ({task.id} if gone and "id" in row else set())
        names.add(gone)
    assert names == {True, False}


def test_pages_drift_while_they_are_read() -> None:
    """A task begins to wait between two pages: the last row of one is the first of the next."""
    world = a_world()
    for _ in range(4):
        a_waiting_task(world)
        world.advance(1)
    a_submitted_task(world, "nothing")
    query = {"status": "manually_confirmed", "per_page": 2}
    faults = Faults()
    client = a_client(world, faults=faults)
    first = client.get("/comments", params=query).json()["data"]
    faults.once("page drift")
    second = client.get("/comments", params=query | {"page": 2}).json()["data"]
    assert second[0]["id"] == first[1]["id"]


def test_a_row_repeats_across_pages() -> None:
    """`duplicate rows` puts the last row of the page before on top of this one."""
    world = a_world()
    for _ in range(4):
        a_waiting_task(world)
        world.advance(1)
    faults = Faults()
    faults.once("duplicate rows", operation="get_me")
    client = a_client(world, faults=faults)
    first = client.get("/comments?per_page=2").json()["data"]
    faults.once("duplicate rows")
    second = client.get("/comments?per_page=2&page=2").json()["data"]
    assert second[0]["id"] == first[-1]["id"]
    assert len(second) == 3


def test_a_row_repeats_in_its_own_list_alone() -> None:
    """A task never stands among the orders."""
    world = a_world()
    a_waiting_task(world)
    bundle = accounts.random_bundle(world, "tiktok")
    faults = Faults()
    faults.once("duplicate rows", operation="get_me")
    client = a_client(world, faults=faults)
    client.get("/comments")
    faults.once("duplicate rows")
    rows = client.get("/bundles").json()["data"]
    assert [row["id"] for row in rows] == [bundle.id, bundle.id]


def test_a_storm_has_its_calls_and_its_window() -> None:
    """Only this operation, only then."""
    world = a_world()
    task = a_waiting_task(world)
    storm = Storm(
        fault="refused", operation="approve_comment", start=world.now + 10, end=world.now + 20
    )
    client = a_client(world, faults=Faults([storm]))
    assert client.get("/me").is_success
    world.advance(10)
    assert client.get("/me").is_success
    with pytest.raises(httpx.ConnectError):
        client.post(f"/comments/{task.id}/approve")
    world.advance(10)
    assert client.post(f"/comments/{task.id}/approve").is_success


def test_a_schedule_is_repeatable_by_its_seed() -> None:
    """The same seed and calls meet the same faults."""

    def run(seed: int) -> list[str]:
        faults = Faults([Storm(fault=fault, chance=0.05) for fault in FAULTS], seed=seed)
        client = a_client(managed_world(), faults=faults)
        results = []
        for _ in range(80):
            try:
                results.append(str(client.get("/me").status_code))
            except httpx.HTTPError as error:
                results.append(type(error).__name__)
        return results

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_a_schedule_can_be_written_as_text() -> None:
    """`FAULT:CHANCE`, separated by commas; mistakes are named."""
    faults = parse_faults("429:0.1, 5xx html:0.05")
    assert [(storm.fault, storm.chance) for storm in faults.storms] == [
        ("429", 0.1),
        ("5xx html", 0.05),
    ]
    for wrong in ("429", "429:2", "volcano:0.1", "429:x"):
        with pytest.raises(ValueError, match=r".+"):
            parse_faults(wrong)


def test_strangers_decide_tasks_too() -> None:
    """Somebody in the dashboard is quicker, and the effects say so."""
    world = managed_world()
    tasks = [a_waiting_task(world) for _ in range(6)]
    assert decide_one(world) in {task.id for task in tasks}
    strangers(world, per_hour=2)
    world.advance(40 * HOUR)
    assert {effect.by for effect in world.effects} == {"stranger"}
    assert len(world.effects) >= 6
    assert decide_one(a_world()) is None
