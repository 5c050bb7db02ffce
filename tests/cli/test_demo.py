"""The demo really shows what it says it shows."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from reviewbot.cli.demo import week
from reviewbot.cli.demo.tally import tally
from reviewbot.domain.decision import Action
from reviewbot.ports import Ending
from tests.builders import CONFIRMED


def test_the_demo_approves_disputes_waits_escalates_and_leaves_nothing_to_silence(
    call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two simulated days already show every action; the exit code vouches for it."""
    monkeypatch.setattr(week, "WEEK", timedelta(days=2))
    ran = call("demo")
    assert ran.code == 0, ran.err
    for words in ("a rule", "the fallback", "a person", "silence", "escalated"):
        assert words in ran.out
    assert "waiting" in ran.err


def test_a_payment_by_silence_makes_the_demo_fail() -> None:
    """One task that nobody decided is enough for the demo to say that it did not come out well."""
    silent = Ending(
        review="comments",
        task_id="t1",
        epoch="e1",
        by="silence",
        status="finalized",
        at=CONFIRMED,
        amount_micros=240_000,
    )
    found = tally([], [silent])
    assert (found.by_silence.tasks, found.by_silence.micros) == (1, 240_000)
    everything = dict.fromkeys(Action, 1)
    assert not msgspec.structs.replace(found, actions=everything).shows_everything
    quiet = tally([], [])
    assert msgspec.structs.replace(quiet, actions=everything).shows_everything
