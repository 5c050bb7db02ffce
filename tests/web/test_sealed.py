"""Sealed decisions at the desk: shown with their countdown, cancelled by a reviewer with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewbot.domain.decision import Action
from reviewbot.safety.seal import sealed_rounds
from tests.web.desk import WebDesk, web_desk

pytestmark = pytest.mark.timeout(120)
HOLDS = """
policy: holds
language: 1
rules:
  - name: all of them
    always: yes
    then: approve
    hold: 20m
deadline:
  decide by: 1h before deadline
  if undecided: escalate
"""


@pytest.fixture
def holding(tmp_path: Path) -> Iterator[WebDesk]:
    """A console over two decisions that lie sealed."""
    with web_desk(tmp_path, tasks=2, policy=HOLDS) as made:
        yield made


def test_a_sealed_decision_is_shown_with_its_countdown_and_cancelled_with_a_reason(
    holding: WebDesk,
) -> None:
    """On Today, in the queue and on its page; cancelled it becomes a question, the other is sent."""
    ana, vic = holding.person("ana", "reviewer"), holding.person("vic", "viewer")
    tasks = [round_.decision.task_id for round_ in sealed_rounds(holding.console.ledger)]
    for path in ("/", "/queue"):
        assert all(f'href="/task/{task}"' in vic.get(path).text for task in tasks)
    shown = vic.get(f"/task/{tasks[0]}").text
    assert "sent by the first pass" in shown and "/cancel" not in shown
    assert vic.post(f"/task/{tasks[0]}/cancel", reason="no").status_code == 403

    assert ana.post(f"/task/{tasks[0]}/cancel", reason=" ").status_code == 422
    assert ana.post(f"/task/{tasks[0]}/cancel", reason="watched").status_code == 303
    assert "Cancelled by ana: watched" in ana.get(f"/task/{tasks[0]}").text
    holding.house.clock.sleep(1200)
    holding.house.poll()

    assert holding.effects() == ["approve"]
    (question,) = holding.questions()
    assert question.sighting.task_id == tasks[0]
    assert question.decision.wanted is Action.APPROVE
    late = ana.post(f"/task/{tasks[1]}/cancel", reason="watched")
    assert late.status_code in (409, 422)
