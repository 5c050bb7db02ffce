"""Each starter is a policy that nothing is to be said against, and its own tests pass."""

from __future__ import annotations

from datetime import date

import pytest

from reviewbot.policy import starters
from reviewbot.policy.diagnostics import Severity
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.check import analyse
from reviewbot.policy.testing.coverage import measure

TODAY = date(2026, 11, 22)


def read(starter: starters.Starter) -> Policy:
    """Read a starter with its tests; it must not have a single finding."""
    parsed = parse_policy(
        starter.policy,
        path=f"{starter.name}.yaml",
        read=lambda name: starter.beside[name].encode(),
        tests=(f"{starter.name}.tests.yaml", starter.tests.encode()),
        today=TODAY,
    )
    assert parsed.findings == ()
    assert parsed.policy is not None
    return parsed.policy


@pytest.mark.parametrize("name", starters.names())
def test_a_starter_gives_no_finding(name: str) -> None:
    """Neither reading nor analysis warns of anything, today's calendar included."""
    policy = read(starters.read(name))
    found = analyse(policy, today=TODAY)
    assert [finding for finding in found if finding.severity is not Severity.NOTE] == []
    assert len(policy.tests) >= 5


@pytest.mark.parametrize("name", starters.names())
def test_the_tests_of_a_starter_reach_everything(name: str) -> None:
    """Each rule decides in some test, each condition is met and not met, each limit is tried."""
    judge = compile_policy(read(starters.read(name)))
    assert measure(judge, run_cases(judge)).percent >= 95


@pytest.mark.parametrize("name", starters.names())
def test_the_tests_of_a_starter_pass(name: str) -> None:
    """A starter does what its tests say."""
    results = run_cases(compile_policy(read(starters.read(name))))
    assert [(r.test.name, r.problems) for r in results if not r.passed] == []


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati"])
@pytest.mark.parametrize("name", starters.names())
def test_the_tests_of_a_starter_pass_wherever_it_is_used(name: str, zone: str) -> None:
    """Whoever starts with a policy in another zone starts without a failure."""
    made = starters.render(name, "spring", timezone=zone)
    results = run_cases(compile_policy(read(made)))
    assert [(r.test.name, r.problems) for r in results if not r.passed] == []


@pytest.mark.parametrize("name", starters.names())
def test_a_starter_takes_a_name_an_owner_and_a_zone(name: str) -> None:
    """What a person is asked for stands in the policy; everything else is as it was."""
    made = starters.render(name, "spring", owner="lead@example.com", timezone="Europe/Lisbon")
    policy = read(made)
    assert (policy.name, policy.owner, policy.timezone) == (
        "spring",
        "lead@example.com",
        "Europe/Lisbon",
    )
    assert len(policy.rules) == len(read(starters.read(name)).rules)


def test_an_unknown_starter_is_an_error() -> None:
    """There is no starter of that name, and nothing is made up."""
    with pytest.raises(KeyError):
        starters.read("careless")
