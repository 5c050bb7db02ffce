"""`pause`, `resume` and `policy accept` as a person types them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reviewbot.ledger.open import open_ledger
from reviewbot.safety.impact import ChangeImpact, Matrix, Move, as_value
from reviewbot.safety.pauses import pauses_on
from tests.builders import an_item
from tests.cli.conftest import Call

NOW = datetime.now(UTC)
REVISION = "7c1e09ab" * 8


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    """The URL of a log that has seen one task, whose deadline is in 30 hours."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    opened = open_ledger(url)
    soon = NOW + timedelta(hours=30)
    opened.sight([an_item(manually_confirmed_at=NOW, client_dispute_deadline_at=soon)], NOW)
    opened.close()
    return url


def test_a_pause_is_written_and_says_whom_silence_pays(call: Call, ledger: str) -> None:
    """And `resume` ends it; each names who and why."""
    told = call("pause", "--reason", "broken", "--as", "ana", "--ledger", ledger)
    assert told.code == 0
    assert "Everything is paused by ana: broken." in told.out
    assert "1 task" in told.out
    assert "will be paid by silence" in told.out
    opened = open_ledger(ledger)
    assert [pause.word for pause in pauses_on(opened.notes("pause"), None, NOW)] == ["all"]
    opened.close()

    told = call("resume", "--reason", "mended", "--as", "ben", "--ledger", ledger)
    assert (told.code, told.out) == (0, "Ended: everything is paused by ana: broken.\n")
    told = call("resume", "--reason", "again", "--ledger", ledger)
    assert "Nothing was paused" in told.out


def test_resuming_one_action_leaves_the_others(call: Call, ledger: str) -> None:
    """`resume dispute` ends the pause of disputes only."""
    for what in ("approve", "dispute"):
        call("pause", what, "--reason", "x", "--until", "2h", "--as", "ana", "--ledger", ledger)
    told = call("resume", "dispute", "--reason", "y", "--as", "ana", "--ledger", ledger)

    opened = open_ledger(ledger)
    assert "dispute is paused" in told.out
    assert [pause.word for pause in pauses_on(opened.notes("pause"), None, NOW)] == ["approve"]
    opened.close()


def test_where_the_log_cannot_be_written_a_file_pauses(call: Call, tmp_path: Path) -> None:
    """It says so, where the file is, and that it has no end; `resume` takes it away."""
    url = f"sqlite:///{tmp_path / 'none.db'}"
    told = call(
        "pause", "approve", "--reason", "x", "--until", "2h", "--as", "ana", "--ledger", url
    )

    assert told.code == 0
    assert (tmp_path / "PAUSE").read_text() == "approve: x (ana)\n"
    assert "the log cannot be written" in told.err
    assert "does not end by itself" in told.err
    assert "cannot be said" in told.out


def test_resume_removes_the_file_unless_it_pauses_more(
    call: Call, ledger: str, tmp_path: Path
) -> None:
    """`resume approve` leaves a file that also pauses disputes, and says what to do."""
    file = tmp_path / "PAUSE"
    file.write_text("approve dispute: both")

    told = call("resume", "approve", "--reason", "x", "--as", "ana", "--ledger", ledger)
    assert told.code == 2
    assert file.exists()

    told = call("resume", "--reason", "x", "--as", "ana", "--ledger", ledger)
    assert told.code == 0
    assert not file.exists()


@pytest.mark.parametrize(
    "words",
    [("pause",), ("pause", "--reason", " "), ("resume",), ("pause", "payments", "--reason", "x"),
     ("pause", "--reason", "x", "--until", "2020-01-01T00:00:00Z"),
     ("pause", "--reason", "x", "--until", "soon"), ("pause", "--reason", "x" * 301)],
)  # fmt: skip
def test_a_reason_is_required_and_an_end_lies_ahead(
    call: Call, ledger: str, words: tuple[str, ...]
) -> None:
    """Anything else is wrong usage, and pauses nothing."""
    told = call(*words, "--as", "ana", "--ledger", ledger)

    assert told.code == 2
    opened = open_ledger(ledger)
    assert not opened.notes("pause")
    opened.close()


def test_a_breaker_is_closed_by_resume_and_its_sign_is_shown(call: Call, ledger: str) -> None:
    """`resume approve` leaves it open."""
    opened = open_ledger(ledger)
    opened.note("breaker", "starter", {"open": True, "sign": "x", "what": "20 in a row"}, NOW)
    opened.close()

    told = call("resume", "approve", "--reason", "x", "--as", "ana", "--ledger", ledger)
    assert "Closed" not in told.out
    told = call("resume", "--reason", "as meant", "--as", "ana", "--ledger", ledger)
    assert "Closed: the breaker of starter, which opened because 20 in a row." in told.out

    opened = open_ledger(ledger)
    (note,) = opened.notes("breaker")
    assert (note.value["open"], note.value["who"]) == (False, "ana")
    opened.close()


def test_a_waiting_revision_is_accepted_by_its_beginning(call: Call, ledger: str) -> None:
    """One that does not wait is wrong usage, with those that do."""
    opened = open_ledger(ledger)
    asked = {"accepted": False, "policy": "starter", "said": ["New: Rule x."]}
    opened.note("accept", REVISION, asked, NOW)
    opened.close()

    told = call("policy", "accept", "99999999", "--as", "ana", "--ledger", ledger)
    assert told.code == 2
    assert "7c1e09ab" in told.err
    told = call("policy", "accept", "7c1e09", "--as", "ana", "--ledger", ledger)
    assert told.code == 0
    assert "New: Rule x." in told.out
    assert "ana accepts starter 7c1e09ab" in told.out
    told = call("policy", "accept", "7c1e09", "--as", "ana", "--ledger", ledger)
    assert told.code == 2


def test_what_waits_is_shown_before_anybody_accepts(call: Call, ledger: str) -> None:
    """Without a revision: the change, what it would have moved, and who has accepted so far."""
    weighed = ChangeImpact(
        revision=REVISION,
        before="55667788" * 8,
        since=NOW,
        open=Matrix(
            judged=5,
            moves=(
                Move(
                    old="escalate",
                    new="approve",
                    count=5,
                    micros=1_200_000,
                    rules=(("ask", "pay", 5),),
                ),
            ),
        ),
    )
    asked = {
        "accepted": False,
        "policy": "starter",
        "said": ["New: Rule pay."],
        "needs": 2,
        "raises": ["approvals"],
        "weighed": as_value(weighed),
    }
    opened = open_ledger(ledger)
    opened.note("accept", REVISION, asked, NOW)
    opened.close()

    told = call("policy", "accept", "--ledger", ledger)
    assert told.code == 0
    assert "starter 7c1e09ab waits for 2 people" in told.out
    assert "Raises or removes a limit: approvals." in told.out
    assert "Of 5 open reviews: 5 escalate → approve (1.20 USD)." in told.out
    assert "open: 5 escalate by ask → approve by pay" in told.out

    told = call("policy", "accept", "7c1e09", "--as", "ana", "--ledger", ledger)
    assert "ana accepts starter 7c1e09ab; another person has to as well." in told.out
    assert call("policy", "accept", "7c1e09", "--as", "ana", "--ledger", ledger).code == 2
    told = call("policy", "accept", "--ledger", ledger)
    assert "waits for 1 person, accepted by ana" in told.out
    told = call("policy", "accept", "7c1e09", "--as", "ben", "--ledger", ledger)
    assert "ben accepts starter 7c1e09ab; it judges from the next poll on." in told.out
    assert call("policy", "accept", "--ledger", ledger).out == "No policy waits.\n"
