"""The whole bot against the simulator in process: real client, real policy, real log, virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import PassSummary
from reviewbot.domain.decision import Mode
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.text import Secret
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.ports.ledger import Ledger
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.scenarios import build as build_world
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.simulator.world import World

KEY = "sk_" + "0123456789abcdef" * 4

POLICY = """
policy: acceptance
language: 1
rules:
  - name: came back, a person looks
    when:
      task.times_disputed: at least 1
    then: escalate
    question: Is "{task.comment_text}" there now?
  - name: nothing could be read
    when any:
      - last.outcome_kind: scrape_failed
      - last.comments_scraped: 0
    then: approve
  - name: looked at everything, not there
    when:
      last.outcome_kind: couldnt_verify
      last.comments_scraped: between 1 and 99
    then: dispute
    reason: not_found
  - name: the page was cut
    when:
      last.comments_scraped: at least 100
    then: wait
    until: 24h after confirmed
reasons:
  not_found: |
    Our check read all {last.comments_scraped} comments and yours was not among them.
    Please post it exactly as written in the task, then press re-check.
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay when we cannot show what is wrong.
"""


def judge_of(text: str = POLICY) -> Judge:
    """Compile a policy text that must be usable."""
    parsed = parse_policy(text, path="acceptance.yaml", read=lambda name: b"")
    assert parsed.policy is not None, parsed.findings
    return compile_policy(parsed.policy)


@dataclass
class House:
    """A world, the transport that leads to it, and a bot."""

    world: World
    transport: httpx.BaseTransport
    app: BotContext
    clock: VirtualClock
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def poll(self, minutes: float = 0.0) -> PassSummary | None:
        """One pass after some time; None where the pass could not be made."""
        self.clock.sleep(minutes * 60)
        try:
            return poll_once(self.app)
        except ReviewbotError:
            return None


@contextmanager
def house(
    scenario: str = "backlog",
    *,
    live: bool = True,
    ledger: str | Ledger = "memory:",
    policy: str = POLICY,
    seed: int = 0,
    wrap: Any = None,
    rate: float | None = None,
    world: World | None = None,
    transport: httpx.BaseTransport | None = None,
    **options: Any,
) -> Iterator[House]:
    """Open a bot over a world, made here or given with the way to it; `wrap` goes around that."""
    world = world or build_world(scenario, seed=seed, requests_kept=None, **options)
    assert isinstance(world.clock, VirtualClock)
    transport = transport or SimulatorTransport(world)
    if wrap is not None:
        transport = wrap(transport)
    events: list[tuple[str, dict[str, Any]]] = []

    def say(event: str, /, *, level: str = "info", **about: Any) -> None:
        events.append((event, about))

    app = build(
        a_setting(live=live, ledger=ledger if isinstance(ledger, str) else "memory:", rate=rate),
        judges=[judge_of(policy)],
        transport=transport,
        clock=world.clock,
        ledger=None if isinstance(ledger, str) else ledger,
        events=say,
        chance=lambda: 0.5,
    )
    try:
        yield House(world, transport, app, world.clock, events)
    finally:
        app.close()


def a_setting(*, live: bool, ledger: str, rate: float | None = None) -> Settings:
    """The settings of a bot of the tests."""
    return Settings(
        api_key=Secret(KEY),
        base_url="https://simulator.test/api/ext",
        mode=Mode.LIVE if live else Mode.DRY_RUN,
        ledger=ledger,
        rate_per_minute=rate,
    )


def sqlite(tmp_path: Path) -> str:
    """The URL of a new ledger on disk."""
    return f"sqlite:///{tmp_path / 'ledger.db'}"
