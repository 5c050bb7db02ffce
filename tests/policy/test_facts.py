"""Facts: which attempts belong to the round, which is the last, and what they come to."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from reviewbot.domain.accounts import Change, FeedbackEntry, Profile
from reviewbot.domain.timeline import Attempt
from reviewbot.policy.facts import (
    NO_CHECKS,
    UNKNOWN_ATTEMPT,
    UNKNOWN_CHECKS,
    History,
    attempts_of_round,
    compare_profiles,
    last_attempt,
    read_feedback,
    summarise,
)
from tests.builders import CONFIRMED, an_attempt


@given(st.permutations(range(1, 6)))
def test_the_last_attempt_is_the_one_with_the_highest_number(order: list[int]) -> None:
    """The API promises no order."""
    attempts = attempts_of_round((an_attempt(attempt_n=n) for n in order), History())
    assert last_attempt(attempts).attempt_n == 5


def test_an_attempt_without_a_number_makes_the_last_one_unknown() -> None:
    """It could be the newest; one that stands alone is the last whatever its number."""
    nameless = an_attempt(attempt_n=None)
    both = attempts_of_round((an_attempt(), nameless), History())
    assert last_attempt(both) is UNKNOWN_ATTEMPT
    assert last_attempt((nameless,)) is nameless
    below = attempts_of_round((an_attempt(attempt_n=-7), nameless), History())
    assert last_attempt(below) is UNKNOWN_ATTEMPT


def test_a_later_round_counts_only_attempts_after_our_dispute() -> None:
    """An attempt without a time is not known to be of this round."""
    before, after = (
        an_attempt(attempt_n=n, scraped_at=CONFIRMED + timedelta(hours=n)) for n in (1, 3)
    )
    timeless = an_attempt(attempt_n=2, scraped_at=None)
    past = History(disputes=1, last_dispute_at=CONFIRMED + timedelta(hours=2))
    assert attempts_of_round((after, timeless, before), past) == (after,)
    assert len(attempts_of_round((after, timeless, before), History(disputes=1))) == 3


def test_figures_skip_nulls() -> None:
    """No timeline is unknown, no attempt is a count of 0, nulls alone are unknown again."""
    assert summarise(None) is UNKNOWN_CHECKS
    assert summarise(()) is NO_CHECKS
    figures = summarise(
        (an_attempt(comments_scraped=None, match_score=0.2), an_attempt(), Attempt())
    )
    assert (figures.count, figures.failed, figures.best_score) == (3, 0, 0.31)
    assert (figures.most_comments, figures.fewest_comments) == (60, 60)


def test_feedback_counts_and_names_what_changed_since() -> None:
    """A profile picture is called what corrections call it."""
    feedback = read_feedback(
        (
            FeedbackEntry(type="corrections_requested", fields={"username": "shorter"}),
            FeedbackEntry(
                type="corrections_applied",
                changes={"profile_picture_url": Change(), "username": Change()},
            ),
        )
    )
    assert (feedback.corrections_requested, feedback.corrections_applied) == (1, 1)
    assert feedback.last_fields == ("username",)
    assert feedback.changed_since_request == ("profile_picture", "username")


def test_profiles_differ_only_where_both_sides_say_something() -> None:
    """Nothing to compare is unknown, not alike."""
    wanted = Profile(username="maker", biography="light")
    differs, uncompared = compare_profiles(wanted, Profile(username="maker2"))
    assert differs == ("username",)
    assert "biography" in uncompared
    assert "username" not in uncompared
    assert compare_profiles(wanted, Profile())[0] is None
    assert compare_profiles(None, Profile(username="maker"))[0] is None


def test_what_both_sides_say_is_not_set_is_alike() -> None:
    """A null on both sides is a statement; a silence on both sides is none."""
    wanted = Profile(username="maker", unset=("link_in_bio",))
    same, _ = compare_profiles(wanted, wanted)
    assert same == ()
    assert "link_in_bio" not in compare_profiles(wanted, wanted)[1]
    assert "biography" in compare_profiles(wanted, wanted)[1]
    linked = Profile(username="maker", link_in_bio="https://example.com/")
    assert "link_in_bio" in compare_profiles(wanted, linked)[1]


@given(st.permutations(range(4)))
def test_the_feedback_is_read_in_the_order_of_its_moments(order: list[int]) -> None:
    """The API promises no order of the entries; without moments they stand as they are."""
    hours = [CONFIRMED + timedelta(hours=n) for n in range(4)]
    entries = (
        FeedbackEntry(type="corrections_requested", fields={"username": "a"}, requested_at=hours[0]),
        FeedbackEntry(type="corrections_applied", changes={"biography": Change()}, applied_at=hours[1]),
        FeedbackEntry(type="corrections_requested", fields={"biography": "b"}, requested_at=hours[2]),
        FeedbackEntry(type="corrections_applied", changes={"username": Change()}, applied_at=hours[3]),
    )  # fmt: skip
    feedback = read_feedback(tuple(entries[n] for n in order))
    assert feedback.last_type == "corrections_applied"
    assert feedback.last_fields == ("biography",)
    assert feedback.changed_since_request == ("username",)


def test_an_entry_nobody_can_tell_makes_the_feedback_unknown() -> None:
    """It could be a request or a correction; no count is made of what cannot be counted."""
    history = (FeedbackEntry(type="corrections_requested"), FeedbackEntry())
    assert read_feedback(history).corrections_requested is None
