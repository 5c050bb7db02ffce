"""The demo really shows what it says it shows."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from reviewbot.cli import demo, demo_week
from reviewbot.cli.demo import tally_of
from reviewbot.domain.decision import Action
from reviewbot.ports.ledger import Ending
from tests.builders import CONFIRMED

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_demo_approves_disputes_waits_escalates_and_leaves_nothing_to_silence(
    call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two simulated days already show every action, in the lines that the README shows."""
    for module in (demo, demo_week):
        monkeypatch.setattr(module, "WEEK", timedelta(days=2))
    ran = call("demo")
    assert ran.code == 0, ran.err
    assert "waiting" in ran.err
    heads = {line[:13].strip() for line in ran.out.splitlines()}
    sample = re.search(r"^```text\n(.*?)^```", README.read_text(), re.M | re.S)
    assert sample
    assert {line[:13].strip() for line in sample[1].splitlines()} <= heads


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
    everything = Counter(Action)
    found = tally_of([], [silent])
    assert (found.paid.paid["silence"].tasks, found.paid.paid["silence"].micros) == (1, 240_000)
    assert not msgspec.structs.replace(found, actions=everything).shows_everything
    quiet = tally_of([], [])
    assert msgspec.structs.replace(quiet, actions=everything).shows_everything
