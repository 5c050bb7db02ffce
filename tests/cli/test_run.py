"""What `run --once` says at its end, on a terminal."""

from __future__ import annotations

from reviewbot.cli.run import in_words
from reviewbot.core.pipeline import PassSummary
from reviewbot.domain.decision import Mode
from tests.builders import CONFIRMED

WHOLE = {
    "started_at": CONFIRMED,
    "ended_at": CONFIRMED,
    "waiting": 9,
    "reviewed": 9,
    "actions": {"approve": 6, "escalate": 3},
    "outcomes": {"performed": 6, "held": 3},
    "requests": 16,
    "writes": 6,
    "in_quarantine": 0,
    "undecided": (),
    "endings": (),
}


def test_a_whole_pass_is_one_sentence() -> None:
    """How many waited, and what was decided; in a dry run, what would have been."""
    whole = PassSummary(**WHOLE)  # type: ignore[arg-type]

    assert in_words(whole, Mode.LIVE) == "9 tasks waiting; decided: 6 approve, 3 escalate."
    assert "would decide: 6 approve" in in_words(whole, Mode.DRY_RUN)


def test_what_is_in_doubt_and_what_had_no_turn_is_said() -> None:
    """With why, where the API was lost on the way."""
    about = {"in_quarantine": 3, "left": 4, "reviewed": 5, "stopped": "3 writes got no answer"}
    cut_short = PassSummary(**WHOLE | about)  # type: ignore[arg-type]

    said = in_words(cut_short, Mode.LIVE)
    assert "3 writes in quarantine" in said
    assert said.endswith("The pass ended early: 3 writes got no answer; 4 tasks had no turn.")
