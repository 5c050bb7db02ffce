"""The bot against a server that is not ours: nothing but what is documented can be relied on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from random import Random  # noqa: TID251 - seeded chance of a test
from typing import Any

import pytest

from reviewbot.config import Settings
from reviewbot.core.context import BotContext
from reviewbot.domain.decision import Mode
from reviewbot.domain.text import Secret
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.simulator.clock import VirtualClock
from tests.acceptance.house import KEY, POLICY, judge_of
from tests.acceptance.stranger import Stranger, served

START = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
WANTED = {
    ("scrape_failed", 0): "approve",
    ("scrape_failed", None): "approve",
    ("couldnt_verify", 0): "approve",
    ("couldnt_verify", 1): "dispute",
    ("couldnt_verify", 99): "dispute",
    ("couldnt_verify", 100): None,
    ("couldnt_verify", None): None,
    ("wrong_text", 40): None,
}
"""What the policy says of the newest attempt, by hand; None: nothing is sent."""
USED = {
    "id", "status", "manually_confirmed_at", "client_dispute_deadline_at", "comment_text",
    "outcome_kind", "comments_scraped", "attempt_n", "scraped_at", "updated_at",
}  # fmt: skip


def an_attempt(number: int, outcome: str, scraped: int | None) -> dict[str, Any]:
    """One attempt as the fact sheet shows it."""
    return {
        "attempt_n": number,
        "scraped_at": f"2026-06-03T0{number}:10:38Z",
        "outcome_kind": outcome,
        "verified": False,
        "match_score": 0,
        "found_comment_id": None,
        "reason": "no_candidate_found",
        "comments_scraped": scraped,
        "platform": "tiktok",
    }


def a_stranger(clock: VirtualClock, tasks: int) -> tuple[Stranger, dict[str, str | None]]:
    """A queue over several pages, its attempts in no order, and what each task should get."""
    stranger, chance = Stranger(clock.now), Random(3)
    wanted: dict[str, str | None] = {}
    for number in range(tasks):
        task_id = f"3b0e7c52-91d4-4a7f-8f0e-{number:012d}"
        outcome, scraped = last = list(WANTED)[number % len(WANTED)]
        attempts = [an_attempt(1, "couldnt_verify", 7), an_attempt(2, outcome, scraped)]
        chance.shuffle(attempts)
        stranger.put(task_id, attempts, hours_ago=chance.uniform(1, 20))
        wanted[task_id] = WANTED[last]
    return stranger, wanted


@contextmanager
def a_bot(stranger: Stranger, clock: VirtualClock) -> Iterator[BotContext]:
    """A live bot with the real transport, in virtual time."""
    with served(stranger) as url:
        settings = Settings(api_key=Secret(KEY), base_url=url, mode=Mode.LIVE, ledger="memory:")
        app = build(settings, judges=[judge_of(POLICY)], clock=clock, chance=lambda: 0.5)
        try:
            yield app
        finally:
            app.close()


@pytest.mark.parametrize(
    ("tasks", "bare"), [(108, False), (24, True)], ids=["documented", "only what the policy uses"]
)
def test_a_pass_decides_every_task_as_the_policy_says(tasks: int, bare: bool) -> None:
    """Each once, over two pages; fields that no rule looks at may be absent."""
    clock = VirtualClock(START)
    stranger, wanted = a_stranger(clock, tasks)
    if bare:
        for thing in chain(stranger.tasks.values(), *stranger.timelines.values()):
            for name in thing.keys() - USED - {"created_at"}:
                del thing[name]
    with a_bot(stranger, clock) as app:
        summary = poll_once(app)
        poll_once(app)

        got = {task_id: act for task_id, act, _ in stranger.acts}
        assert got == {task_id: act for task_id, act in wanted.items() if act is not None}
        assert len(stranger.acts) == len(got)
        assert (summary.reviewed, summary.stopped) == (tasks, None)
        assert Counter(logged.state.value for logged in app.ledger.decisions()) == {
            "performed": len(got),
            "held": len(wanted) - len(got),
        }
        assert {ending.by for ending in app.ledger.endings()} == {"ours"}
        assert app.ledger.verify().problems == ()


def test_what_others_decided_meanwhile_or_took_away_stops_nothing() -> None:
    """409, 403 and 404 are the end of one task each, and of no other."""
    clock = VirtualClock(START)
    stranger, wanted = a_stranger(clock, 24)
    sends = [task_id for task_id, act in wanted.items() if act]
    first, foreign, gone = sends[0], sends[1], sends[2]
    stranger.not_ours.add(foreign)

    def approve_first(task_id: str) -> None:
        if task_id == first:
            now = stranger.tasks[first]["updated_at"]
            stranger.tasks[first] |= {"status": "finalized", "finalized_at": now}
        if gone in stranger.tasks:
            del stranger.tasks[gone]

    stranger.before_act = approve_first
    with a_bot(stranger, clock) as app:
        summary = poll_once(app)
        stranger.tasks.pop(foreign)
        poll_once(app)

        got = {task_id for task_id, _, _ in stranger.acts}
        assert got == set(sends) - {first, foreign, gone}
        assert summary.stopped is None
        states = {logged.decision.task_id: logged.state.value for logged in app.ledger.decisions()}
        assert states[first] == "overtaken"
        assert {states[task_id] for task_id in got} == {"performed"}
