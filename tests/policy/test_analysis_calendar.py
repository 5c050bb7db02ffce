"""The calendar proof names the confirmation times from which a rule with hours is always too late."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from reviewbot.policy.engine.calendar import calendars_of
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.lint.calendar_proof import Proof, prove
from reviewbot.policy.lint.policy_model import PolicyModel
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.check import analyse

TODAY = date(2026, 11, 22)
TEXT = """\
policy: desk
language: 1
timezone: {zone}
hours:
  desk:
    open: mon-fri 09:00-18:00
    closed: 2026-12-25
rules:
  - name: give it time
    when:
      task.times_disputed: 0
    then: wait
    until: {wait} after confirmed
  - name: not there
    when:
      task.times_disputed: 0
      last.comments_scraped: between 1 and 99
    then: dispute
    reason: Please open the video and post the comment exactly as written.
    act during: desk
  - name: the rest goes to a person
    always: yes
    then: escalate
deadline:
  decide by: 4h before deadline
  if undecided: approve
  because: Nobody objected.
"""


def policy_of(wait: str = "24h", zone: str = "UTC") -> Policy:
    """A policy that waits before it sends back in office hours."""
    parsed = parse_policy(TEXT.format(wait=wait, zone=zone), path="desk.yaml", read=_no_file)
    assert parsed.policy is not None, parsed.findings
    return parsed.policy


def _no_file(name: str) -> bytes:
    raise FileNotFoundError(name)


def proof_of(wait: str = "24h", zone: str = "UTC") -> Proof:
    """The proof of its one rule with hours, for the luckiest task."""
    (held,) = prove(PolicyModel(policy_of(wait, zone)), TODAY)
    return held.best


def test_a_wait_of_a_day_leaves_a_window_each_week() -> None:
    """Thursday 18:00 to Friday 13:00: 19 of 168 hours; at Christmas from Wednesday on."""
    proof = proof_of()
    assert proof.ordinary == pytest.approx(19 / 168, abs=1e-6)
    assert proof.worst is not None
    assert proof.worst[0] == date(2026, 12, 21)
    assert proof.worst[1] == pytest.approx(43 / 168, abs=1e-6)
    assert (
        datetime(2026, 11, 26, 18, tzinfo=UTC),
        datetime(2026, 11, 27, 13, tzinfo=UTC),
    ) in proof.windows
    assert (
        datetime(2026, 12, 23, 18, tzinfo=UTC),
        datetime(2026, 12, 25, 13, tzinfo=UTC),
    ) in proof.windows


@pytest.mark.parametrize(("wait", "hours"), [("12h", 7), ("1h", 0)])
def test_a_shorter_wait_leaves_less(wait: str, hours: int) -> None:
    """The window shrinks with the wait and is gone without one."""
    assert proof_of(wait).ordinary == pytest.approx(hours / 168, abs=1e-6)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "America/New_York"])
def test_the_windows_agree_with_asking_hour_by_hour(zone: str) -> None:
    """Sampled over half a year, clock changes included, a window is exactly where nothing opens."""
    calendar = calendars_of(policy_of(zone=zone))["desk"]
    windows = proof_of(zone=zone).windows
    for step in range(0, 182 * 24, 5):
        confirmed = datetime(2026, 11, 23, 0, 30, tzinfo=UTC) + timedelta(hours=step)
        opens = calendar.next_open(confirmed + timedelta(hours=24))
        late = opens is None or opens >= confirmed + timedelta(hours=68)
        assert late is any(start <= confirmed <= end for start, end in windows), confirmed


def test_the_finding_says_both_windows() -> None:
    """The ordinary week and the worst one stand in the message."""
    (finding,) = (f for f in analyse(policy_of(), today=TODAY) if f.code == "P233")
    assert finding.under == "11.3% of an ordinary week, 25.6% of the week of 2026-12-21"
    assert finding.detail is not None
    assert "Thu 2026-11-26 18:00 to Fri 13:00" in finding.detail
    assert "Wed 2026-12-23 18:00 to Fri 13:00" in finding.detail


FIRST_CHECK = """\
  - name: the first check waits a day
    when:
      {when}
    then: wait
    until: {wait} after confirmed
"""


@pytest.mark.parametrize("when", ["checks.count: 1", "last.age: less than 27h"])
def test_a_wait_that_only_the_usual_task_meets_is_counted_for_it(when: str) -> None:
    """A second check, or an old one, escapes the wait of a day; a task that was checked once does not."""
    text = TEXT.replace("rules:\n", "rules:\n" + FIRST_CHECK.format(when=when, wait="24h"))
    text = text.replace(
        "task.times_disputed: 0\n    then: wait", "task.times_disputed: 5\n    then: wait"
    )
    parsed = parse_policy(text.format(zone="UTC", wait="24h"), path="desk.yaml", read=_no_file)
    assert parsed.policy is not None, parsed.findings
    (held,) = prove(PolicyModel(parsed.policy), TODAY)
    assert held.best.ordinary == 0
    assert held.usual is not None
    assert held.usual.ordinary == pytest.approx(19 / 168, abs=1e-6)
    (finding,) = (f for f in analyse(parsed.policy, today=TODAY) if f.code == "P233")
    assert "the usual tasks, which were checked once before" in finding.message
    assert finding.under is not None
    assert finding.under.startswith("11.3% of an ordinary week")
    assert "whatever the checks, 0.0% of an ordinary week" in finding.under


def test_rules_that_the_same_hours_hold_are_one_finding() -> None:
    """Two rules behind one wait and with the same hours: one cause, both named."""
    second = TEXT[TEXT.index("  - name: not there") : TEXT.index("  - name: the rest")]
    text = TEXT.replace(
        "  - name: the rest", second.replace("not there", "nor there") + "  - name: the rest"
    )
    text = text.replace("between 1 and 99", "between 1 and 50", 1)
    parsed = parse_policy(text.format(zone="UTC", wait="24h"), path="desk.yaml", read=_no_file)
    assert parsed.policy is not None, parsed.findings
    (finding,) = (f for f in analyse(parsed.policy, today=TODAY) if f.code == "P233")
    assert finding.message.startswith('"not there" and "nor there" can never act')
