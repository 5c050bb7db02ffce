"""Tasks whose timeline cannot be read: they harm themselves, wherever in the queue they stand."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded chance of a test

import httpx
import pytest

from reviewbot.simulator.transport import SimulatorTransport
from tests.acceptance.faults import answer
from tests.acceptance.house import house
from tests.acceptance.test_a_pass import DECIDES_ALL
from tests.proof import proven
from tests.tier import times

POLL = 60.0
KINDS = {
    "500": lambda: answer(500, b'{"error": {"code": "INTERNAL", "message": "x"}}', "application/json"),
    "half a body": lambda: answer(200, b'{"data": {"attempts": [', "application/json"),
    "another shape": lambda: answer(200, b'{"data": [1, "two", null]}', "application/json"),
    "a page": lambda: answer(200, b"<html>hello</html>", "text/html"),
}  # fmt: skip


class Poison(httpx.BaseTransport):
    """Spoils whatever is asked about certain tasks alone."""

    def __init__(self, inner: SimulatorTransport) -> None:
        self.inner, self.spoiled = inner, dict[str, str]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on, and spoil the answer where it is about one of them."""
        whole = self.inner.handle_request(request)
        for part in request.url.path.split("/"):
            if part in self.spoiled:
                return KINDS[self.spoiled[part]]()
        return whole


def decided_at(tasks: int, where: str) -> dict[str, float]:
    """When each task was decided, in seconds from the start; a tenth is spoiled `where` it says."""
    with house(tasks=tasks, policy=DECIDES_ALL, wrap=Poison, soonest=20.0) as there:
        poison = there.transport
        assert isinstance(poison, Poison)
        queue = sorted(there.world.waiting(), key=lambda task: task.review_until or 0)
        ids, chance, part = [task.id for task in queue], Random(1), tasks // 10
        spoiled = {"nowhere": [], "anywhere": chance.sample(ids, part), "in front": ids[:part]}
        poison.spoiled = {task_id: chance.choice(list(KINDS)) for task_id in spoiled[where]}
        start, length = there.clock.time, 0.4 * tasks * 60 / 9
        while there.clock.time < start + length:
            began = there.clock.time
            there.poll()
            there.clock.sleep(POLL - (there.clock.time - began))
        return {
            effect.task_id: effect.at - start
            for effect in there.world.effects
            if effect.by == "client" and effect.task_id not in poison.spoiled
        }


@pytest.mark.parametrize("where", ["anywhere", "in front"])
def test_a_tenth_that_cannot_be_read_delays_no_other_by_two_polls(where: str) -> None:
    """Against the same queue without them: every other task is decided, at most two polls later."""
    tasks = times(200, 1000)
    usual, beside = decided_at(tasks, "nowhere"), decided_at(tasks, where)

    later = max(at - usual[task_id] for task_id, at in beside.items())
    print(f"{where}: {later:.0f} s later at most")
    assert len(usual) >= 0.8 * tasks
    assert len(beside) >= len(usual) - tasks // 10
    assert later <= 2 * POLL
    what = f"a tenth of {tasks:,} tasks unreadable, {where}: the others decided later by at most"
    proven("loop", "P15", what, f"{max(0.0, later):.0f} s")
