"""`reviewbot queue sealed` and `cancel`: what a rule holds a while before it is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from reviewbot.safety.seal import sealed_rounds
from tests.safety.test_guards import a_policy, a_room
from tests.safety.test_seal import HELD


def test_what_is_sealed_is_listed_and_kept_from_being_sent(call: Any, tmp_path: Path) -> None:
    """A line each, a stop with its reason and its name, and an error where nothing fits."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    ledger = open_ledger(url)
    room = a_room(a_policy(HELD), count=2, ledger=ledger)
    poll_once(room.app)

    rows = [
        json.loads(line)
        for line in call("queue", "sealed", "--format", "json", "--ledger", url).out.splitlines()
    ]
    assert [(row["action"], row["rule"]) for row in rows] == [("approve", "pay")] * 2
    assert "task-000" in call("queue", "sealed", "--ledger", url).out

    stop = ("queue", "cancel", "task-000", "--ledger", url, "--as", "ana")
    assert call(*stop, "--reason", "watched").code == 0
    assert [round_.decision.task_id for round_ in sealed_rounds(ledger)] == ["task-001"]
    assert call(*stop).code == 2
    assert call("queue", "cancel", "nothing", "--reason", "no", "--ledger", url).code == 2
    ledger.close()
