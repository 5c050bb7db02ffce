"""A value that no log can hold is the trouble of its own task: the pass goes on with the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.ledger.open import open_ledger
from reviewbot.review.judge import DEAD_LETTER
from reviewbot.review.poll import poll_once
from tests.builders import an_item
from tests.fakes import APPROVE, ESCALATE, World, always, an_app
from tests.ledger.conftest import opened, store_url

__all__ = ["opened", "store_url"]


@pytest.mark.parametrize(
    "odd",
    [{"amount_micros": 9_300_000_000_000_000_000}, {"account_id": "a\0b"}, {"id": "t\0"}],
    ids=["amount", "account", "id"],
)
@pytest.mark.parametrize("answer", [APPROVE, ESCALATE], ids=["approve", "escalate"])
def test_the_others_are_decided_and_people_hear_of_the_one(
    store_url: str, opened: Callable[..., Any], odd: dict[str, Any], answer: Any
) -> None:
    """In every pass; it is tried less and less often, and told once it keeps failing."""
    world = World()
    world.add(*(an_item(id=f"t{n}") for n in range(3)))
    bad = replace(an_item(id="bad"), **odd)
    world.tasks[bad.id] = bad
    app = an_app(world, always(answer), ledger=opened(store_url))
    decided = []
    for _ in range(DEAD_LETTER + 1):
        summary = poll_once(app)
        decided.append(summary.waiting)
        app.clock.forward(minutes=15)  # type: ignore[attr-defined]

    assert {logged.decision.task_id for logged in app.ledger.decisions()} == {"t0", "t1", "t2"}
    assert bad.id not in {decision.task_id for decision in world.sent}
    assert app.benches[0].troubles[bad.id].tries >= DEAD_LETTER
    alarms = app.events.named("alarm")  # type: ignore[attr-defined]
    assert [alarm["kind"] for alarm in alarms].count("dead-letter") == 1
    assert not any("damaged" in str(alarm) or "cannot be used" in str(alarm) for alarm in alarms)
    assert app.ledger.verify().whole


def test_a_log_read_after_it_is_whole(tmp_path: Any) -> None:
    """The next start finds the same task, and ends no more than this one did."""
    url = f"sqlite:///{tmp_path}/log.db"
    for _ in range(2):
        world = World()
        world.tasks["bad"] = replace(an_item(id="bad"), amount_micros=10**19)
        ledger = open_ledger(url, lock=True)
        poll_once(an_app(world, always(APPROVE), ledger=ledger))
        assert world.sent == []
        assert ledger.verify().whole
        ledger.close()
