"""What later events prove of a decision: the table of the guide, row by row."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.core.proportion import wilson
from reviewbot.domain.decision import Action
from reviewbot.insights.grades import Act, Aftermath, Grade, RuleClaim, find, grade
from tests.builders import CONFIRMED, an_attempt
from tests.domain.test_posting import an_id

AT = CONFIRMED + timedelta(hours=2)
EPOCH = "round 1"


def a_claim(**changes: Any) -> RuleClaim:
    """A rule sent a task back, two hours into its first round."""
    fields: dict[str, Any] = {
        "rule": "not there",
        "action": Action.DISPUTE,
        "review": "comments",
        "task_id": "t",
        "epoch": EPOCH,
        "at": AT,
        "carried_out": True,
    }
    return RuleClaim(**(fields | changes))


def an_act(*, pays: bool, epoch: str = EPOCH, hours: float = 1) -> Act:
    """A person decides a round so many hours after the claim."""
    return Act(epoch=epoch, at=AT + timedelta(hours=hours), pays=pays, by="a person")


def a_check(outcome: str = "verified", *, hours: float = 6, **changes: Any) -> Any:
    """A check so many hours after the claim."""
    return an_attempt(scraped_at=AT + timedelta(hours=hours), outcome_kind=outcome, **changes)


def posted(hours: float) -> str:
    """The id of a comment posted so many hours after the claim."""
    return an_id((AT + timedelta(hours=hours)).timestamp())


OLD, NEW = {"found_comment_id": posted(-9)}, {"found_comment_id": posted(3)}
TABLE = [
    ("a person paid this round, here or in the dashboard", (an_act(pays=True),), (), True),
    ("a person sent this round back, here or in the dashboard", (an_act(pays=False),), (), False),
    ("a check finds a comment that was posted before", (), (a_check(**OLD),), True),
    (
        "a check finds one within 5 minutes of the dispute",
        (),
        (a_check(hours=0.05, found_comment_id="c1"),),
        True,
    ),
    (
        "a check finds what a check before had found",
        (),
        (a_check(hours=-3, found_comment_id="c1"), a_check(found_comment_id="c1")),
        True,
    ),
    (
        "a check reads 1 to 99 comments, and it is missing",
        (),
        (a_check("couldnt_verify", comments_scraped=99),),
        False,
    ),
    ("a check finds another text", (), (a_check("wrong_text"),), False),
    ("a check finds it on another account", (), (a_check("wrong_account"),), False),
    ("a person sends a later round back", (an_act(pays=False, epoch="2"),), (), False),
    ("a check finds a comment that was posted since", (), (a_check(**NEW),), None),
    (
        "a check finds one, and nobody knows since when it stood there",
        (),
        (a_check(found_comment_id="c1"),),
        None,
    ),
    ("a person pays a later round", (an_act(pays=True, epoch="2"),), (), None),
    (
        "a check reads 100 comments, and it is missing",
        (),
        (a_check("couldnt_verify", comments_scraped=100),),
        None,
    ),
    ("a check reads nothing", (), (a_check("couldnt_verify", comments_scraped=0),), None),
    (
        "a check does not say how many it read",
        (),
        (a_check("couldnt_verify", comments_scraped=None),),
        None,
    ),
    ("a check fails", (), (a_check("scrape_failed"),), None),
    ("nothing", (), (), None),
    # Of these the guide does not speak.
    ("a word nobody knows", (), (a_check("brand_new"),), None),
    ("a check before the decision", (), (a_check("wrong_text", hours=-1),), None),
    ("an earlier round sent back", (an_act(pays=False, epoch="0", hours=-9),), (), None),
]


@pytest.mark.parametrize(
    ("acts", "checks", "there"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_what_each_later_event_proves(acts: Any, checks: Any, there: bool | None) -> None:
    """Both a payment and a return are graded by the same answer: was it there?"""
    later = Aftermath(acts=acts, checks=checks)
    person = bool(acts) and acts[0].epoch == EPOCH
    found = find(a_claim(), later)
    assert (None if found is None else (found.there, found.person)) == (
        None if there is None else (there, person)
    )
    against = Grade.OVERRULED if person else Grade.PROBABLY_WRONG
    agrees = Grade.RIGHT if person else Grade.PROBABLY_RIGHT
    wanted = Grade.CANNOT_KNOW if there is None else against if there else agrees
    assert grade(a_claim(), found) is wanted


@pytest.mark.parametrize(
    ("checks", "wanted"),
    [
        ((a_check("couldnt_verify", comments_scraped=40),), Grade.PROBABLY_WRONG),
        ((a_check(**OLD),), Grade.PROBABLY_RIGHT),
        ((), Grade.CANNOT_KNOW),
    ],
)
def test_an_approval_that_a_later_check_misses_is_probably_wrong(
    checks: Any, wanted: Grade
) -> None:
    """And nothing is known where nothing comes back."""
    claim = a_claim(action=Action.APPROVE)
    assert grade(claim, find(claim, Aftermath(checks=checks))) is wanted


def test_the_guide_says_the_same() -> None:
    """Its table holds the rows of this one, with the same answers."""
    guide = (Path(__file__).parents[2] / "docs" / "policy-guide.md").read_text()
    _, _, part = guide.partition("| Afterwards | Was it there? |\n|---|---|\n")
    rows = [line.strip("| ").split(" | ") for line in part.partition("\n\n")[0].splitlines()]
    said = {True: "yes", False: "no", None: "cannot know"}
    expected = [[what, said[there]] for what, *_, there in TABLE]
    assert rows == expected[: len(rows)] and rows[-1][0] == "nothing"


def test_a_quick_find_proves_nothing_of_what_was_never_sent() -> None:
    """Only a dispute that reached the manager can be answered too soon for a new comment."""
    check = a_check(hours=0.05, found_comment_id="c1")
    assert find(a_claim(carried_out=False), Aftermath(checks=(check,))) is None


def test_a_person_comes_before_a_check_and_found_before_missed() -> None:
    """One grade, whatever else is known."""
    missed, there = a_check("wrong_text"), a_check(hours=9, **OLD)
    both = find(a_claim(), Aftermath(checks=(missed, there)))
    assert both is not None and both.there and not both.person
    asked = find(a_claim(), Aftermath(acts=(an_act(pays=False),), checks=(missed, there)))
    assert asked is not None and not asked.there and asked.person


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 10, 0.0179, 0.4042),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_the_interval_is_wilsons(hits: int, of: int, low: float, high: float) -> None:
    """Published values of the 95 % score interval."""
    assert wilson(hits, of) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(of=st.integers(1, 5000), data=st.data())
def test_the_interval_holds_the_share_and_stays_within_bounds(of: int, data: st.DataObject) -> None:
    """For every count."""
    hits = data.draw(st.integers(0, of))
    low, high = wilson(hits, of)
    assert 0 <= low <= hits / of <= high <= 1
