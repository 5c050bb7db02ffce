"""Pauses to the letter: what stands in the log and in the file, and what each of them stops."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from reviewbot.domain.decision import Action
from reviewbot.domain.errors import Halted
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import LogNote
from reviewbot.safety.pauses import (
    ALL,
    Pause,
    check,
    file_text,
    holds_on,
    pause,
    pauses_on,
    resume,
)
from tests.builders import CONFIRMED

NOW = CONFIRMED
LATER = NOW + timedelta(hours=1)


def a_word(subject: str = "all", **value: Any) -> LogNote:
    """A note of a pause."""
    fields = {"on": True, "reason": "a look", "who": "ana", "until": None} | value
    return LogNote(topic="pause", subject=subject, at=NOW, value=fields, seq=1)


def on(*words: LogNote, file: str | None = None) -> tuple[Pause, ...]:
    """What is paused by these."""
    return pauses_on(words, file, NOW)


def told(pauses: Iterable[Pause]) -> list[tuple[str, str]]:
    """Words and reasons."""
    return [(paused.word, paused.reason) for paused in pauses]


def test_a_pause_in_the_log_is_read_as_it_was_written() -> None:
    """Word, reason, person and end."""
    ledger = open_ledger("memory:")
    made = pause(ledger, "approve", reason="a look", who="ana", until=LATER, now=NOW)

    (note,) = ledger.notes("pause")
    assert (note.subject, note.at) == ("approve", NOW)
    assert note.value == {
        "on": True,
        "reason": "a look",
        "who": "ana",
        "until": "2026-06-02T13:00:00Z",
        "zone": "UTC",
    }
    assert on(note) == (made,)
    assert made == Pause(word="approve", reason="a look", who="ana", until=LATER, by_file=False)


def test_to_resume_ends_a_word_or_all_of_them() -> None:
    """Those that were on are given; what was not on is not written about."""
    ledger = open_ledger("memory:")
    for word, until in (("approve", None), ("dispute", None), ("all", NOW)):
        pause(ledger, word, reason="a look", who="ana", until=until, now=NOW)

    (ended,) = resume(ledger, "dispute", reason="fine", who="ben", now=LATER)
    assert ended.word == "dispute"
    assert ledger.story("pause", "dispute")[-1].value == {
        "on": False,
        "reason": "fine",
        "who": "ben",
        "until": None,
    }
    assert ledger.story("pause", "dispute")[-1].at == LATER
    assert resume(ledger, "dispute", reason="fine", who="ben", now=LATER) == ()

    assert told(resume(ledger, "all", reason="fine", who="ben", now=LATER)) == [
        ("approve", "a look")
    ]
    assert pauses_on(ledger.notes("pause"), None, LATER) == ()
    assert len(ledger.story("pause", "all")) == 1


@pytest.mark.parametrize(
    ("until", "is_on"),
    [
        (None, True),
        ("2026-06-02T12:00:00.000001Z", True),
        ("2026-06-02T12:00:00Z", False),
        ("tomorrow", True),
        (7, True),
    ],
)
def test_a_pause_ends_at_its_moment_and_one_that_cannot_be_read_never(
    until: object, is_on: bool
) -> None:
    """The one who wrote it wanted something to stop."""
    found = on(a_word(until=until))
    assert bool(found) is is_on
    assert all(
        (paused.until is None) == (until != "2026-06-02T12:00:00.000001Z") for paused in found
    )


def test_a_pause_that_ended_does_not_hide_the_next() -> None:
    """Nor does one that a person ended."""
    found = on(a_word("all", on=False), a_word("dispute", until="2020-01-01T00:00:00Z"), a_word("approve"))  # fmt: skip
    assert told(found) == [("approve", "a look")]


def test_a_word_that_nobody_knows_pauses_everything() -> None:
    """And without a reason or a person it says so."""
    (found,) = on(LogNote(topic="pause", subject="payments", at=NOW, value={}, seq=1))
    assert found == Pause(word=ALL, reason="no reason was given", who="somebody")


@pytest.mark.parametrize(
    ("text", "words", "reason"),
    [
        (None, [], ""),
        ("", ["all"], "the file PAUSE is there"),
        ("  \n", ["all"], "the file PAUSE is there"),
        ("all: leaked key", ["all"], "leaked key"),
        (" Approve :  a look \n", ["approve"], "a look"),
        ("approve, dispute: both: now", ["approve", "dispute"], "both: now"),
        ("approve dispute", ["approve", "dispute"], "the file PAUSE is there"),
        ("dispute\nwording", ["dispute"], "wording"),
        ("dispute\nwording\nand more", ["dispute"], "wording and more"),
        ("dispute, money: wording", ["all"], "dispute, money: wording"),
        ("what is this", ["all"], "what is this"),
        (": a look", ["all"], "a look"),
    ],
)
def test_the_file_is_read_generously(text: str | None, words: list[str], reason: str) -> None:
    """Words of actions up to a colon or the end of the line, then a reason; in doubt everything."""
    assert on(file=text) == tuple(
        Pause(word=word, reason=reason, who="the file PAUSE", by_file=True) for word in words
    )


def test_a_long_reason_of_the_file_is_cut() -> None:
    """It is said in one line."""
    (found,) = on(file="all: " + "x" * 999)
    assert 290 <= len(found.reason) <= 300


def test_the_log_comes_before_the_file() -> None:
    """Both are there."""
    assert told(on(a_word("approve"), file="dispute: wording")) == [
        ("approve", "a look"),
        ("dispute", "wording"),
    ]


def test_what_is_written_into_the_file_is_read_back() -> None:
    """With the person beside the reason."""
    text = file_text("approve", reason="leaked\nkey", who="ana")
    assert text == "approve: leaked key (ana)\n"
    (found,) = on(file=text)
    assert (found.word, found.reason) == ("approve", "leaked key (ana)")


@pytest.mark.parametrize(
    ("word", "stopped"),
    [
        ("approve", {Action.APPROVE, Action.FINALIZE}),
        ("dispute", {Action.DISPUTE, Action.REQUEST_CORRECTIONS}),
        (
            "all",
            {Action.APPROVE, Action.FINALIZE, Action.DISPUTE, Action.REQUEST_CORRECTIONS},
        ),
    ],
)
def test_a_word_stops_its_actions(word: str, stopped: set[Action]) -> None:
    """What sends nothing is stopped by none."""
    one = Pause(word=word, reason="a look", who="ana")
    assert {action for action in Action if one.stops(action)} == stopped
    for action in Action:
        if action in stopped:
            with pytest.raises(Halted) as caught:
                check([one], action)
            assert str(caught.value) == one.sentence()
            assert (caught.value.by, caught.value.subject) == ("pause", word)
            assert not caught.value.asks
        else:
            check([one], action)


def test_the_first_pause_that_stops_it_is_named() -> None:
    """Others are passed over."""
    pauses = [Pause(word=word, reason="a look", who="ana") for word in ("dispute", "all")]
    with pytest.raises(Halted, match=r"^everything is paused"):
        check(pauses, Action.APPROVE)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "approve is paused by ana: a look"),
        ({"word": "all"}, "everything is paused by ana: a look"),
        (
            {"until": LATER},
            "approve is paused by ana: a look, until Tue 02 Jun 13:00 UTC",
        ),
        ({"who": "a\nb", "reason": "c\nd"}, "approve is paused by a b: c d"),
    ],
)
def test_a_pause_says_itself_in_one_line(changes: dict[str, Any], sentence: str) -> None:
    """What, by whom, why, and until when."""
    fields: dict[str, Any] = {"word": "approve", "reason": "a look", "who": "ana"} | changes
    assert Pause(**fields).sentence() == sentence


@pytest.mark.parametrize(
    ("subject", "value", "sentence"),
    [
        (
            "all",
            {"what": "half of them were refused"},
            "the breaker is open: half of them were refused",
        ),
        ("comments", {"what": "two\nlines"}, "the breaker of comments is open: two lines"),
        ("comments", {}, "the breaker of comments is open: a sign of something wrong"),
    ],
)
def test_an_open_breaker_is_said_with_what_opened_it(
    subject: str, value: dict[str, Any], sentence: str
) -> None:
    """Whoever sees that nothing is sent reads why, and of which policy."""
    ledger = open_ledger("memory:")
    ledger.note("breaker", subject, {"open": True} | value, NOW)
    assert [hold.sentence for hold in holds_on(ledger, NOW)] == [sentence]
