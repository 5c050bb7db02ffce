"""Ladders at the desk: the card of a rule shows its step, and an operator holds it or puts it elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from reviewbot.safety import ladder
from tests.web.desk import web_desk

pytestmark = pytest.mark.timeout(120)
LADDER = """
policy: climbs
language: 1
rules:
  - name: pay the sure ones
    always: yes
    then: approve
    stage: {now: shadow, promote after: 200 decisions agreeing}
  - name: the rest
    always: yes
    then: escalate
deadline:
  decide by: 1h before deadline
  if undecided: escalate
"""


def test_a_rule_s_card_shows_its_step_and_an_operator_moves_it(tmp_path: Path) -> None:
    """A reviewer sees it and may not; without a reason nothing moves; the next pass acts by it."""
    with web_desk(tmp_path, tasks=1, policy=LADDER) as desk:
        ana, opal = desk.person("ana", "reviewer"), desk.person("opal", "operator")
        where, rule = "/policies/climbs/stage", "pay the sure ones"
        assert "Stands on shadow" in ana.get("/policies/climbs").text
        assert ana.post(where, rule=rule, act="hold", reason="no").status_code == 403
        assert opal.post(where, rule=rule, act="hold", reason="").status_code == 422
        assert opal.post(where, rule="nothing", act="hold", reason="x").status_code == 422
        assert opal.post(where, rule=rule, act="put", step="half", reason="x").status_code == 422
        assert opal.post(where, rule=rule, act="hold", reason="a look").status_code == 303
        assert "it stays there" in ana.get("/policies/climbs").text
        assert opal.post(where, rule=rule, act="put", step="live", reason="sure").status_code == 303
        desk.house.poll()

        assert desk.effects() == ["approve"]
        story = ladder.story(desk.console.ledger, "climbs", rule)
        assert [(standing.step, standing.who) for standing in story] == [
            (0, None),
            (0, "opal"),
            (1, "opal"),
        ]
