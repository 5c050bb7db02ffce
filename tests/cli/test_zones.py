"""Every moment that a person reads at the desk is in the zone of the policy it concerns, and named."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from reviewbot.insights.heartbeat import Running
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.language.parser import parse_policy
from reviewbot.presentation.zones import Zones
from reviewbot.simulator import scenarios
from reviewbot.simulator.app import Served
from reviewbot.simulator.clock import PacedClock
from tests.cli.conftest import Call

POLICY = """\
policy: desk
language: 1
timezone: Europe/Berlin
rules:
  - name: cheap ones are paid
    when:
      task.platform: tiktok
    then: approve
  - name: a person looks
    always: yes
    then: escalate
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay when we cannot show what is wrong.
guardrails:
  money approved: at most 0.30 USD per day
  when over: escalate
"""
MOMENT = re.compile(r"\b\d\d:\d\d\b(?!:)(?P<after>.{0,24})")
IN_BERLIN = re.compile(r"^ CES?T \(Europe/Berlin\)")
WRITTEN = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|[+-]\d\d:\d\d\b|\bUTC\b")


@pytest.fixture
def desk(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A live bot has made one pass by a policy in Berlin; whoever looks sits in New York."""
    now = datetime.now(UTC)
    world = scenarios.build("backlog", now=now, clock=PacedClock(now), tasks=8, seed=4)
    path = tmp_path / "desk.yaml"
    path.write_text(POLICY)
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("REVIEWBOT_POLICY", str(path))
    monkeypatch.setenv("REVIEWBOT_LEDGER", f"sqlite:///{tmp_path / 'log.db'}")
    monkeypatch.setenv("REVIEWBOT_PERSON", "ana")
    monkeypatch.setenv("TOKPORTAL_API_KEY", "sk_test_desk")
    with Served(world) as served:
        monkeypatch.setenv("TOKPORTAL_BASE_URL", served.url)
        assert call("run", "--once", "--live").code == 0
        yield served
    monkeypatch.undo()
    time.tzset()


def test_every_screen_names_the_zone_of_the_policy(call: Call, desk: Served) -> None:
    """The queue, the log, reports in both forms, forecast, status, tasks, accounts, explanations."""
    task = call("queue", "list").out.split()[0]
    decision = call("log", "show").out.splitlines()[1].split()[1]
    bundle = next(iter(desk.world.bundles), None)
    screens = [
        ("queue", "list"),
        ("queue", "show", task),
        ("queue", "claim", task),
        ("log", "show"),
        ("log", "show", decision),
        ("report",),
        ("report", "--format", "html"),
        ("report", "--since", "1d"),
        ("report", "--since", "1d", "--format", "html"),
        ("forecast",),
        ("status",),
        ("policy", "explain", task, "--over-time"),
        ("tasks", "list"),
        ("tasks", "show", next(iter(desk.world.tasks))),
        ("accounts", "list", "--status", "all"),
        *([("accounts", "show", bundle)] if bundle else []),
        ("pause", "dispute", "--reason", "a look", "--until", "2h"),
        ("status",),
    ]
    silent = {("report", "--since", "1d"), ("accounts", "list", "--status", "all")}
    for words in screens:
        ran = call(*words)
        text = re.sub(r"<style.*?</style>|<script.*?</script>|<svg.*?</svg>", "", ran.out + ran.err)
        found = [match["after"] for match in re.finditer(MOMENT, text)]
        assert found or words in silent, (words, text)
        foreign = [after for after in found if not IN_BERLIN.match(after)]
        assert not foreign, (words, foreign, text)
        assert not WRITTEN.search(text), (words, WRITTEN.search(text), text)


def test_where_no_policy_is_at_hand_it_is_the_first_that_runs() -> None:
    """By name, by kind of review, else the first; a zone that nobody knows is UTC, and so is none."""
    berlin = Running(name="a", revision="r", path="a.yaml", timezone="Europe/Berlin")
    lima = Running(
        name="b", revision="s", path="b.yaml", review="accounts", timezone="America/Lima"
    )
    zones = Zones([berlin, lima])
    assert (
        zones.of(policy="b")
        == zones.of(review="accounts")
        == zones.of(revision="s")
        == lima.timezone
    )
    assert zones.of(policy="gone", revision="gone") == zones.first == berlin.timezone
    assert Zones([]).first == "UTC"
    unknown = Running(name="c", revision="t", path="c.yaml", timezone="Mars/Olympus")
    assert Zones([unknown]).first == "UTC"
    assert ZoneInfo(zones.first)


def test_a_revision_is_told_in_its_own_zone() -> None:
    """Of a decision before the policy moved to another zone; one the log lacks goes by its name."""
    ledger = open_ledger("memory:")
    policy = parse_policy(POLICY, path="desk.yaml", read=lambda name: b"").policy
    assert policy is not None
    ledger.remember_policy(policy, datetime(2026, 6, 2, tzinfo=UTC))
    moved = Running(name="desk", revision="new", path="desk.yaml", timezone="America/Lima")
    zones = Zones([moved], ledger)
    assert zones.of(revision=policy.revision, policy="desk") == "Europe/Berlin"
    assert zones.of(revision="gone", policy="desk") == "America/Lima"
