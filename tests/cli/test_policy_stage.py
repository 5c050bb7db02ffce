"""`reviewbot policy stage`: where rules with a ladder stand, and a person's word on one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reviewbot.ledger.open import open_ledger
from reviewbot.review.poll import poll_once
from tests.safety.test_guards import PAY, a_policy, a_room
from tests.safety.test_ladder import CLIMBS, REST


def test_a_ladder_is_shown_held_released_and_put_elsewhere(call: Any, tmp_path: Path) -> None:
    """Each with a reason; a rule that has none, two acts at once and a step that is none are refused."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    ledger = open_ledger(url)
    poll_once(a_room(a_policy(PAY + CLIMBS + REST), count=1, ledger=ledger).app)
    ledger.close()

    def say(*words: str) -> Any:
        return call("policy", "stage", *words, "--ledger", url, "--as", "ana")

    def stands() -> tuple[str, bool]:
        (row,) = [json.loads(line) for line in say("--format", "json").out.splitlines()]
        return row["step"], row["held"]

    assert stands() == ("shadow", False)
    assert say("pay", "--hold", "--reason", "a look").code == 0
    assert stands() == ("shadow", True)
    assert say("pay", "--release", "--reason", "seen").code == 0
    assert say("pay", "--to", "25%", "--reason", "sure").code == 0
    assert stands() == ("25%", True)
    assert "ana: sure" in say().out
    for wrong in (
        ("pay",),
        ("pay", "--hold"),
        ("pay", "--hold", "--to", "live", "--reason", "x"),
        ("pay", "--to", "half", "--reason", "x"),
        ("nothing", "--hold", "--reason", "x"),
    ):
        assert say(*wrong).code == 2
