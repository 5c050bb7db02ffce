"""The breaker to the letter: its signs and their bounds, its words in the log, and how it is closed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from reviewbot.core.context import BotContext
from reviewbot.core.guard_state import IN_A_ROW, YOUNG, ApprovalWatch, GuardState
from reviewbot.core.proportion import at_least
from reviewbot.domain.decision import Mode, State
from reviewbot.domain.errors import Halted, LedgerUnwritable
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import in_memory
from reviewbot.ports.ledger import LogNote
from reviewbot.safety.breaker import (
    CONFLICT_NOTE,
    check,
    close,
    conflicted,
    failing,
    open_breaker,
    watch_closings,
)
from tests.fakes import APPROVE, START, World, always, an_app, said
from tests.ledger.things import a_decision


def a_bot(ledger: Any = None) -> BotContext:
    """A live bot."""
    return an_app(World(), always(APPROVE), ledger=ledger)


def a_word(subject: str = "comments", seq: int = 1, **value: Any) -> LogNote:
    """A note of a breaker."""
    return LogNote(topic="breaker", subject=subject, at=START, value=value, seq=seq)


# The watch -----------------------------------------------------------------------------------


def a_watch(share: float | None, *paying: bool) -> ApprovalWatch:
    """One that has counted these."""
    watch = ApprovalWatch(revision="r", share=share)
    for n, pays in enumerate(paying):
        watch.add(f"d{n}", "a rule", pays)
    return watch


def last(approvals: int, of: int = IN_A_ROW) -> tuple[bool, ...]:
    """So many approvals first, then others."""
    return (True,) * approvals + (False,) * (of - approvals)


@pytest.mark.parametrize(
    ("share", "most"),
    [(None, 0.95), (0.0, 0.1), (0.05, 0.1), (0.06, 0.12), (0.3, 0.6), (0.475, 0.95), (0.9, 0.95)],
)
def test_twice_the_earlier_share_is_too_much(share: float | None, most: float) -> None:
    """Within bounds of a tenth and 95 %."""
    assert ApprovalWatch(revision="r", share=share).most == pytest.approx(most)


@pytest.mark.parametrize(
    ("share", "approvals", "sign"),
    [
        (None, 20, True),
        (None, 19, False),
        (0.3, 13, True),
        (0.3, 12, False),
        (0.2, 9, True),
        (0.2, 8, False),
        (0.9, 20, True),
        (0.9, 19, False),
        (0.0, 2, False),
        (0.0, 3, True),
        (0.05, 9, True),
        (0.05, 8, True),
        (0.05, 6, True),
        (0.05, 5, False),
        (0.19, 9, True),
        (0.19, 8, False),
    ],
)
def test_a_sign_is_more_than_that_and_no_chance(
    share: float | None, approvals: int, sign: bool
) -> None:
    """At a low earlier share it must also be rare."""
    watch = a_watch(share, *last(approvals))
    assert (watch.sign() is not None) is sign


@pytest.mark.parametrize(
    ("share", "before"),
    [
        (None, "and earlier revisions have decided too little to compare"),
        (0.304, "where earlier revisions approved 30%"),
    ],
)
def test_a_sign_is_said_with_its_figures(share: float | None, before: str) -> None:
    """And what they are held against."""
    expected = f"20 of the last 20 decisions of a changed policy approve, {before}"
    assert a_watch(share, *last(20)).sign() == expected


def test_only_whole_twenties_are_looked_at() -> None:
    """Nineteen say nothing yet, and of more the last twenty count."""
    assert a_watch(None, *(True,) * 19).sign() is None
    assert a_watch(None, False, *(True,) * 20).sign() is not None
    assert a_watch(None, *(True,) * 20, False).sign() is None


def test_what_comes_about_slowly_is_seen_among_all() -> None:
    """Not rare among the last twenty, but among all that were counted since the change."""
    few = (True,) * 4 + (False,) * 16
    watch = a_watch(0.05, *few)
    found = []
    for n in range(100):
        found.append(watch.sign() is not None)
        watch.add(f"more{n}", "a rule", n % 5 == 0)
    assert found[0] is False
    assert any(found)
    first = found.index(True)
    paying = 4 + -(-first // 5)
    assert at_least(paying, 20 + first, 0.05) < 0.001
    assert at_least(paying - 1, 20 + first - 1, 0.05) >= 0.001


def test_each_decision_counts_once_and_the_fallback_as_said() -> None:
    """By its id; rules that are passed over never."""
    watch = ApprovalWatch(revision="r", share=None, passes_over=frozenset({"deadline"}))
    watch.add("a", "a rule", True)
    watch.add("a", "a rule", True)
    watch.add("b", "deadline", True)
    watch.add("c", "a rule", False)
    assert (watch.decided, watch.counted, watch.paying) == (2, 2, 1)
    assert (list(watch.recent), watch.seen) == ([True, False], {"a", "c"})


def test_to_begin_anew_forgets_all_but_the_age() -> None:
    """What a person has looked at is no sign, and none when it comes again; the age stays."""
    watch = a_watch(None, *last(20))
    watch.begin_anew()
    watch.add("d3", "a rule", True)
    assert (watch.decided, watch.counted, watch.paying) == (20, 0, 0)
    assert list(watch.recent) == []
    assert watch.sign() is None


@pytest.mark.parametrize(
    ("decided", "recent", "over"),
    [(YOUNG, 20, True), (YOUNG - 1, 20, False), (YOUNG, 19, False), (YOUNG + 1, 20, True)],
)
def test_a_watch_is_over_after_a_hundred(decided: int, recent: int, over: bool) -> None:
    """Unless the last twenty are not whole."""
    watch = a_watch(None, *(True,) * recent)
    watch.decided = decided
    assert watch.is_over is over


def test_chance_is_the_tail_of_the_binomial() -> None:
    """Two coins show at least one head in three of four cases."""
    assert at_least(0, 2, 0.5) == pytest.approx(1.0)
    assert at_least(1, 2, 0.5) == pytest.approx(0.75)
    assert at_least(2, 2, 0.5) == pytest.approx(0.25)
    assert at_least(3, 20, 0.05) == pytest.approx(0.0754837, abs=1e-6)


# Open and closed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "stopped_by"),
    [
        ([], None),
        ([a_word(open=True, what="a sign")], "comments"),
        ([a_word(open=False, what="a sign")], None),
        ([a_word(what="a sign")], "comments"),
        ([a_word("all", what="a sign")], "all"),
        ([a_word("another", what="a sign")], None),
        ([a_word("another", what="x"), a_word(open=False), a_word("all", what="a sign")], "all"),
    ],
)
def test_an_open_breaker_stops_its_policy(words: Iterable[LogNote], stopped_by: str | None) -> None:
    """Or that of all; whatever is not closed is open."""
    if stopped_by is None:
        check(GuardState(words=tuple(words)), "comments")
        return
    with pytest.raises(Halted, match=r"^the breaker is open: a sign$") as caught:
        check(GuardState(words=tuple(words)), "comments")
    assert (caught.value.by, caught.value.subject) == ("breaker", stopped_by)


@pytest.mark.parametrize(
    ("value", "said_as"),
    [
        ({}, "a sign of something wrong"),
        ({"what": ""}, "a sign of something wrong"),
        ({"what": "two\nlines"}, "two lines"),
        ({"what": 7}, "7"),
    ],
)
def test_a_sign_is_said_in_one_line(value: dict[str, Any], said_as: str) -> None:
    """Also one that was written badly."""
    with pytest.raises(Halted) as caught:
        check(GuardState(words=(a_word(**value),)), "comments")
    assert str(caught.value) == f"the breaker is open: {said_as}"
    with pytest.raises(Halted) as long:
        check(GuardState(words=(a_word(what="x" * 999),)), "comments")
    assert 290 < len(str(long.value)) - len("the breaker is open: ") <= 300


def test_a_breaker_is_opened_once_and_said() -> None:
    """The first sign stands; another policy has its own."""
    app = a_bot()
    open_breaker(app.guard_post, "comments", "drift", "a sign", field="task.id: odd")
    open_breaker(app.guard_post, "comments", "conflicts", "another sign")
    open_breaker(app.guard_post, "others", "conflicts", "another sign")

    found = {note.subject: note.value for note in app.ledger.notes("breaker")}
    assert found["comments"] == {
        "open": True,
        "sign": "drift",
        "what": "a sign",
        "field": "task.id: odd",
    }
    assert found["others"]["field"] is None
    assert all(note.at == START for note in app.ledger.notes("breaker"))
    assert said(app).events == [
        ("breaker opened", {"policy": "comments", "sign": "drift", "what": "a sign"}),
        ("breaker opened", {"policy": "others", "sign": "conflicts", "what": "another sign"}),
    ]
    assert {level for _, level in said(app).levels} == {"error"}
    assert app.guard.unwritten == {}
    assert [note.subject for note in app.guard.words_on("breaker")] == ["comments", "others"]


def test_a_breaker_that_a_person_closed_opens_again() -> None:
    """On the next sign."""
    app = a_bot()
    open_breaker(app.guard_post, "comments", "drift", "a sign")
    close(app.ledger, reason="fine", who="ana", now=START)
    app.guard.refresh(app.ledger)
    open_breaker(app.guard_post, "comments", "drift", "another sign")
    assert [note.value["open"] for note in app.ledger.story("breaker", "comments")] == [
        True,
        False,
        True,
    ]


def test_a_dry_run_is_not_stopped() -> None:
    """It sends nothing."""
    app = a_bot()
    app.guard_post = app.guard_post._replace(mode=Mode.DRY_RUN)
    open_breaker(app.guard_post, "comments", "drift", "a sign")
    assert app.ledger.notes("breaker") == []
    assert said(app).events == []


class Full(SqlLedger):
    """A log that takes no word."""

    def note(self, *about: Any, **more: Any) -> None:
        """Refuse it."""
        raise LedgerUnwritable("no space left")


def test_a_breaker_that_cannot_be_written_stands_in_mind_and_is_said() -> None:
    """With why."""
    app = a_bot(Full(in_memory()))
    open_breaker(app.guard_post, "comments", "drift", "a sign")
    assert app.guard.unwritten == {"comments": "a sign"}
    assert said(app).events == [
        ("breaker not written", {"policy": "comments", "error": "no space left"}),
        ("breaker opened", {"policy": "comments", "sign": "drift", "what": "a sign"}),
    ]
    assert {level for _, level in said(app).levels} == {"error"}


def test_to_close_is_a_word_on_each_that_stands_open() -> None:
    """It keeps the sign, and names who closed it and why; a second time there is none."""
    app = a_bot()
    open_breaker(app.guard_post, "comments", "drift", "a sign", field="task.id: odd")
    open_breaker(app.guard_post, "others", "drift", "a sign")
    close(app.ledger, reason="fine", who="ana", now=START)
    open_breaker_again = app.ledger.note
    open_breaker_again("breaker", "comments", {"open": True, "what": "again"}, START)

    stood = close(app.ledger, reason="known", who="ben", now=START + timedelta(hours=1))

    assert [(note.subject, note.value["what"]) for note in stood] == [("comments", "again")]
    newest = app.ledger.story("breaker", "comments")[-1]
    assert newest.at == START + timedelta(hours=1)
    assert newest.value == {
        "open": False,
        "opened": stood[0].seq,
        "what": "again",
        "who": "ben",
        "closed_reason": "known",
    }
    assert close(app.ledger, reason="x", who="ben", now=START) == ()


def test_a_watch_begins_anew_at_each_closing_it_has_not_seen() -> None:
    """Of its own policy, once."""
    watch = a_watch(None, True)
    for words in ([a_word("another", 5, open=False)], [a_word(seq=5, open=True)], []):
        watch_closings(watch, words, "comments")
        assert (watch.counted, watch.closed) == (1, 0)
    closed = [a_word("another", 9, open=False), a_word(seq=5, open=False)]
    watch_closings(watch, closed, "comments")
    assert (watch.counted, watch.closed) == (0, 5)
    watch.add("d1", "a rule", True)
    watch_closings(watch, closed, "comments")
    assert (watch.counted, watch.closed) == (1, 5)


# The other signs -----------------------------------------------------------------------------


def with_conflicts(count: int, *, minutes: float = 0.0, note: str = CONFLICT_NOTE) -> BotContext:
    """A bot whose log holds so many, the first so long before now."""
    app = a_bot()
    for n in range(count):
        decision = a_decision(task_id=f"t{n}", decided_at=START - timedelta(hours=1))
        app.ledger.intend(decision)
        at = START - timedelta(minutes=0 if n else minutes)
        app.ledger.mark(decision.id, State.OVERTAKEN, at, note=note)
    other = a_decision(task_id="void", decided_at=START - timedelta(hours=1))
    app.ledger.intend(other)
    app.ledger.mark(other.id, State.VOID, START, note=note)
    nameless = a_decision(task_id="nameless", decided_at=START - timedelta(hours=1))
    app.ledger.intend(nameless)
    app.ledger.mark(nameless.id, State.OVERTAKEN, START)
    return app


@pytest.mark.parametrize(
    ("count", "minutes", "note", "opens"),
    [
        (6, 10, "409: it is finalized", True),
        (6, 10.001, "409: it is finalized", False),
        (5, 0, "409: it is finalized", False),
        (6, 0, "it is gone", False),
    ],
)
def test_more_than_five_conflicts_in_ten_minutes_are_a_sign(
    count: int, minutes: float, note: str, opens: bool
) -> None:
    """What ended otherwise is none."""
    app = with_conflicts(count, minutes=minutes, note=note)
    conflicted(app.guard_post, "another")
    assert app.ledger.notes("breaker") == []
    conflicted(app.guard_post, "comments")
    values = [note.value for note in app.ledger.notes("breaker")]
    what = "6 tasks turned out to be decided by someone else in 10 minutes"
    expected = {"open": True, "sign": "conflicts", "what": what, "field": None}
    assert values == [expected] * opens


@pytest.mark.parametrize(
    ("failed", "judged", "opens"),
    [(1, 1, False), (2, 199, True), (2, 200, False), (3, 200, True), (0, 0, False)],
)
def test_a_policy_that_fails_on_more_than_its_share_is_stopped(
    failed: int, judged: int, opens: bool
) -> None:
    """On more than one thing, and on more than one in a hundred."""
    app = a_bot()
    failing(app.guard_post, "comments", failed, judged)
    values = [note.value for note in app.ledger.notes("breaker")]
    what = f"its evaluation failed on {failed} of {judged} tasks"
    expected = {"open": True, "sign": "evaluation", "what": what, "field": None}
    assert values == [expected] * opens
