"""Plugging the bot together: nothing that writes in a dry run, and policies that do not overlap."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from reviewbot.config import Settings
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ConfigError, KeyRefused, PolicyInvalid
from reviewbot.domain.text import Secret
from reviewbot.policy.engine.judge import Judge
from reviewbot.runtime.bootstrap import SystemClock, build, reach
from reviewbot.runtime.policy_files import load_judges, refuse_overlap
from reviewbot.safety.rollout import adopt
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from tests.acceptance.house import POLICY, a_setting, judge_of

ACCOUNTS = """
policy: profiles
language: 1
applies to:
  review: accounts
rules:
  - name: has a biography
    when:
      profile.biography: known
    then: finalize
deadline:
  decide by: 6h before deadline
  if undecided: escalate
"""


def narrowed(name: str, scope: str) -> Judge:
    """The acceptance policy under another name and scope."""
    return judge_of(POLICY.replace("policy: acceptance", f"policy: {name}\napplies to:\n  {scope}"))


@pytest.mark.parametrize("read_only", [True, False])
def test_without_live_mode_there_is_no_desk(read_only: bool) -> None:
    """What could write does not exist."""
    app = build(
        a_setting(live=read_only, ledger="memory:"), judges=[judge_of()], read_only=read_only
    )

    assert [bench.desk for bench in app.benches] == [None]
    assert app.mode is Mode.DRY_RUN
    app.close()


def test_each_kind_of_review_gets_a_bench_of_its_own() -> None:
    """One daemon runs comments and accounts."""
    app = build(a_setting(live=True, ledger="memory:"), judges=[judge_of(), judge_of(ACCOUNTS)])

    assert [bench.review for bench in app.benches] == ["comments", "accounts"]
    assert all(bench.desk is not None for bench in app.benches)
    app.close()


def test_a_changed_policy_keeps_what_its_bench_has_in_mind() -> None:
    """Only the judges are swapped; a kind that is gone loses its bench."""
    app = build(a_setting(live=False, ledger="memory:"), judges=[judge_of(), judge_of(ACCOUNTS)])
    bench = app.benches[0]
    new = judge_of(POLICY.replace("24h after", "20h after"))

    adopt(app, [new])

    assert app.benches == (bench,)
    assert bench.judges == (new,)
    assert len(app.ledger.policies()) == 3
    app.close()


def test_overlapping_policies_are_refused() -> None:
    """Two policies for one task would leave open who decides."""
    with pytest.raises(ConfigError, match="cover the same"):
        refuse_overlap([narrowed("one", "platform: tiktok"), judge_of(POLICY)])
    with pytest.raises(ConfigError, match="both called"):
        refuse_overlap([judge_of(), judge_of()])


def test_policies_side_by_side_are_fine() -> None:
    """Each task has one judge."""
    refuse_overlap(
        [
            narrowed("one", "platform: tiktok"),
            narrowed("two", "platform: instagram"),
            judge_of(ACCOUNTS),
        ]
    )

    assert judge_of(ACCOUNTS).policy.applies_to.review == "accounts"


def test_a_bad_policy_is_told_with_its_findings(tmp_path: Path) -> None:
    """Exit 3, and nothing is built."""
    file = tmp_path / "bad.yaml"
    file.write_text("policy: bad\nlanguage: 1\nrule: []\n")

    with pytest.raises(PolicyInvalid) as told:
        load_judges([str(file)])

    assert told.value.findings


def test_policies_are_read_from_disk(tmp_path: Path) -> None:
    """Compiled, with their revision."""
    file = tmp_path / "good.yaml"
    file.write_text(POLICY)

    (judge,) = load_judges([str(file)])

    assert judge.policy.name == "acceptance"


def test_reaching_the_api_tells_how_far_its_clock_is_ahead() -> None:
    """One request; a wrong key is refused."""
    world = build_world("empty", clock=VirtualClock(SystemClock().now() + timedelta(hours=1)))
    transport = SimulatorTransport(world, latency=0.0)

    lead = reach(a_setting(live=False, ledger="memory:"), transport=transport)

    assert lead is not None
    assert abs(lead - timedelta(hours=1)) < timedelta(seconds=5)
    with pytest.raises(KeyRefused):
        reach(Settings(api_key=Secret("nonsense")), transport=transport)


def test_a_row_too_large_to_be_read_tells_that_the_key_is_taken() -> None:
    """Else one such row, first in its list, would keep a bot parked that was refused once."""
    large = b'{"data": [{"id": "t1", "comment_text": "' + 3_000_000 * b"x" + b'"}]}'
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=large))
    app = build(a_setting(live=False, ledger="memory:"), judges=[judge_of()], transport=transport)

    app.knock()

    assert app.traffic.requests == 1
    assert reach(a_setting(live=False, ledger="memory:"), transport=transport) is None
