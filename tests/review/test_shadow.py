"""A challenger in the shadow is asked and noted, and changes nothing."""

from __future__ import annotations

import pytest

from reviewbot.config import load_settings
from reviewbot.core.context import BotContext
from reviewbot.domain.errors import UsageError
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.model import Policy
from reviewbot.review import shadow
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.simulator import scenarios
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.world import World

LIVE = """\
policy: live
language: 1
rules:
  - name: everybody is asked
    always: yes
    then: escalate
  - name: would pay
    always: yes
    then: approve
    shadow: yes
deadline:
  decide by: 3h before deadline
  if undecided: escalate
  because: A person decides.
"""
SHADOW_FIRST = LIVE.replace(
    "  - name: everybody",
    "  - name: other\n    always: yes\n    then: leave\n    because: x\n    shadow: yes\n  - name: everybody",
)
CHALLENGER = """\
policy: challenger
language: 1
rules:
  - name: nothing read
    when any:
      - last.outcome_kind: scrape_failed
      - last.comments_scraped: 0
    then: approve
deadline:
  decide by: 3h before deadline
  if undecided: escalate
  because: A person decides.
"""


def policy_of(text: str) -> Policy:
    """Read a policy that has to be usable."""
    parsed = parse_policy(text, path="shadow.yaml", read=lambda name: b"")
    assert parsed.policy is not None, parsed.findings
    return parsed.policy


def a_bot(text: str = LIVE) -> tuple[BotContext, World]:
    """A live bot over 30 waiting tasks."""
    world = scenarios.build("backlog", tasks=30, seed=5)
    settings = load_settings({"mode": "live"}, env={"TOKPORTAL_API_KEY": "sk_test"})
    app = build(
        settings,
        judges=[compile_policy(policy_of(text))],
        transport=SimulatorTransport(world),
        clock=world.clock,
        ledger=open_ledger("memory:"),
    )
    return app, world


def test_a_challenger_answers_every_decided_round_and_sends_nothing() -> None:
    """It asks for evidence of its own, disagrees where it would pay, and no write leaves."""
    app, world = a_bot()
    challenger = policy_of(CHALLENGER)
    shadow.start(app.ledger, challenger, who="Ana", now=app.clock.now())
    summary = poll_once(app)
    (said,) = [
        comparison
        for comparison in shadow.comparisons(app.ledger)
        if comparison.who == "challenger"
    ]
    assert said.impact.total == summary.reviewed == 30
    assert {live for live, _ in said.impact.flips()} == {"escalate"}
    assert said.impact.new_total("approve").count > 0
    assert summary.writes == 0 and not world.effects
    assert all(logged.decision.policy == "live" for logged in app.ledger.decisions())


def test_a_shadow_rule_of_the_live_policy_is_noted_too() -> None:
    """`shadow: yes` evaluates and records, and never decides."""
    app, _ = a_bot(SHADOW_FIRST)
    poll_once(app)
    voices = {comparison.who: comparison for comparison in shadow.comparisons(app.ledger)}
    assert voices["rule other"].impact.new_total("leave").count == 30
    assert {logged.decision.rule for logged in app.ledger.decisions()} == {"everybody is asked"}


def test_a_stopped_challenger_says_no_more_and_its_words_stay() -> None:
    """What it said remains for the comparison."""
    app, _ = a_bot()
    shadow.start(app.ledger, policy_of(CHALLENGER), who="Ana", now=app.clock.now())
    poll_once(app)
    shadow.stop(app.ledger, "challenger", who="Ana", now=app.clock.now())
    assert shadow.challengers(app.ledger) == ()
    poll_once(app)
    assert app.benches[0].shadows == ()
    assert sum(comparison.impact.total for comparison in shadow.comparisons(app.ledger)) == 30


def test_a_challenger_that_never_ran_cannot_be_stopped() -> None:
    """The answer names those that run."""
    app, _ = a_bot()
    with pytest.raises(UsageError, match="those that do: none"):
        shadow.stop(app.ledger, "nobody", who="Ana", now=app.clock.now())
