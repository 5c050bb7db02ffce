"""Facts: which attempts belong to the round, which is the last, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.domain.account import Change, FeedbackEntry, Profile
from reviewbot.domain.task import Attempt, Timeline
from reviewbot.policy.facts import (
    NO_CHECKS,
    UNKNOWN_ATTEMPT,
    UNKNOWN_CHECKS,
    UNKNOWN_FEEDBACK,
    UNKNOWN_PROFILE,
    AccountHistory,
    AttemptSummary,
    Facts,
    Feedback,
    Fleet,
    History,
    attempts_of_round,
    build_facts,
    compare_profiles,
    last_attempt,
    length,
    plus_one,
    read_feedback,
    since,
    summarise,
    with_fact,
)
from tests.builders import (
    CONFIRMED,
    a_profile,
    a_task,
    an_account,
    an_account_item,
    an_attempt,
    an_item,
)
from tests.policy.judging import facts_at


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


@pytest.mark.parametrize("failed", [0, 1])
def test_one_attempt_alone_is_its_own_figures(failed: int) -> None:
    """Its score is the best, its comments are the most and the fewest."""
    kind = "scrape_failed" if failed else "couldnt_verify"
    assert summarise((an_attempt(outcome_kind=kind),)) == AttemptSummary(
        count=1, failed=failed, best_score=0.31, most_comments=60, fewest_comments=60
    )


def test_of_several_attempts_the_best_score_and_the_most_and_fewest_comments_count() -> None:
    """Failures are counted; where nobody saw anything, nothing is known."""
    seen = (
        an_attempt(match_score=0.1, comments_scraped=7, outcome_kind="scrape_failed"),
        an_attempt(match_score=0.9, comments_scraped=5, outcome_kind="scrape_failed"),
        an_attempt(match_score=0.5, comments_scraped=6),
    )
    assert summarise(seen) == AttemptSummary(
        count=3, failed=2, best_score=0.9, most_comments=7, fewest_comments=5
    )
    assert summarise((Attempt(), Attempt())) == AttemptSummary(count=2, failed=0)


def test_an_attempt_at_the_moment_of_our_dispute_is_of_the_round_before() -> None:
    """It was scraped before the other side could read our words."""
    at = an_attempt(scraped_at=CONFIRMED)
    after = an_attempt(scraped_at=CONFIRMED + timedelta(microseconds=1))
    past = History(disputes=1, last_dispute_at=CONFIRMED)
    assert attempts_of_round((at, after), past) == (after,)
    assert attempts_of_round((at, after), History(last_dispute_at=CONFIRMED)) == (at, after)
    unknown = History(disputes=None, last_dispute_at=CONFIRMED)
    assert attempts_of_round((at, after), unknown) == (after,)


PAST = History(disputes=2, last_dispute_at=CONFIRMED, texts=("a", "b"))
ACCOUNT = AccountHistory(decisions_30d=5)
FLEET = Fleet(open_tasks=7)
NOW = CONFIRMED + timedelta(hours=3)


def test_the_facts_of_a_task_hold_all_that_is_known_of_it() -> None:
    """The task, the attempts of its round and their figures, and what our log remembers."""
    item = an_item()
    old, new, newer = (
        an_attempt(attempt_n=n, scraped_at=CONFIRMED + timedelta(hours=n)) for n in (0, 1, 2)
    )
    timeline = Timeline(task_id=item.id, attempts=(newer, new, old))
    facts = build_facts(item, now=NOW, evidence=timeline, past=PAST, account=ACCOUNT, fleet=FLEET)
    assert facts == Facts(
        now=NOW,
        started_at=CONFIRMED,
        deadline_at=CONFIRMED + timedelta(hours=72),
        past=PAST,
        task=a_task(),
        attempts=(new, newer),
        last=newer,
        checks=AttemptSummary(
            count=2, failed=0, best_score=0.31, most_comments=60, fewest_comments=60
        ),
        account=ACCOUNT,
        fleet=FLEET,
    )


@pytest.mark.parametrize("evidence", [None, Profile(username="lumen")])
def test_without_its_timeline_the_attempts_of_a_task_are_unknown(
    evidence: Profile | None,
) -> None:
    """Also where something else was fetched."""
    facts = build_facts(an_item(), now=NOW, evidence=evidence)
    assert facts.attempts is None
    assert facts.last is UNKNOWN_ATTEMPT
    assert facts.checks is UNKNOWN_CHECKS
    assert (facts.past, facts.account, facts.fleet) == (History(), AccountHistory(), Fleet())


def test_the_facts_of_an_account_hold_all_that_is_known_of_it() -> None:
    """Both profiles and what differs, the feedback, and what our log remembers."""
    history = (FeedbackEntry(type="corrections_requested", fields={"username": "shorter"}),)
    item = an_account_item(feedback_history=history)
    delivered = Profile(username="lumen.cooks.pt", biography=a_profile().biography)
    facts = build_facts(item, now=NOW, evidence=delivered, past=PAST, account=ACCOUNT, fleet=FLEET)
    assert facts == Facts(
        now=NOW,
        started_at=item.started_at,
        deadline_at=item.deadline_at,
        past=PAST,
        bundle=an_account(feedback_history=history),
        profile=a_profile(),
        feedback=Feedback(
            corrections_requested=1,
            corrections_applied=0,
            last_type="corrections_requested",
            last_fields=("username",),
            changed_since_request=(),
        ),
        delivered=delivered,
        differs=("username",),
        uncompared=facts.uncompared,
        account=ACCOUNT,
        fleet=FLEET,
    )
    assert set(facts.uncompared) == {"visible_name", "profile_picture_url", "link_in_bio"}
    assert item.started_at is not None
    assert item.deadline_at is not None


@pytest.mark.parametrize(
    "evidence", [None, Timeline(task_id="3b0e7c52-91d4-4a7f-8f0e-6a2d5c9b1e40", attempts=())]
)
def test_without_the_delivered_profile_nothing_is_compared(evidence: Timeline | None) -> None:
    """A profile that was never requested is unknown, not empty."""
    facts = build_facts(an_account_item(), now=NOW, evidence=evidence)
    assert (facts.delivered, facts.differs, facts.uncompared) == (None, None, ())
    assert facts.profile == a_profile()
    assert build_facts(an_account_item(profile=None), now=NOW).profile is UNKNOWN_PROFILE


def test_what_is_reckoned_from_the_unknown_is_unknown() -> None:
    """Spans, counts and lengths."""
    later = CONFIRMED + timedelta(minutes=1)
    assert since(later, CONFIRMED) == 60.0
    assert since(CONFIRMED, later) == -60.0
    assert since(None, CONFIRMED) is None
    assert since(CONFIRMED, None) is None
    assert (plus_one(0), plus_one(7), plus_one(None)) == (1, 8, None)
    assert (length(""), length("a\u00e9"), length(None)) == (0, 2, None)


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


def test_an_empty_feedback_is_known_to_hold_nothing() -> None:
    """Counts of 0; whatever would be asked of an entry is unknown."""
    assert read_feedback(()) == Feedback(corrections_requested=0, corrections_applied=0)
    assert read_feedback(None) is UNKNOWN_FEEDBACK


def test_a_request_that_names_no_fields_leaves_them_unknown() -> None:
    """So does a correction that does not say what it changed; other entries change nothing."""
    asked = FeedbackEntry(type="corrections_requested")
    silent = FeedbackEntry(type="corrections_applied")
    done = FeedbackEntry(type="finalized")
    told = FeedbackEntry(type="corrections_applied", changes={"biography": Change()})

    assert read_feedback((told, asked)) == Feedback(
        corrections_requested=1,
        corrections_applied=1,
        last_type="corrections_requested",
        changed_since_request=(),
    )
    mended = read_feedback((told, told, asked, done, told))
    assert (mended.corrections_applied, mended.last_type) == (3, "corrections_applied")
    assert mended.changed_since_request == ("biography",)
    assert read_feedback((asked, told, done)).last_type == "finalized"
    assert read_feedback((asked, silent, told)).changed_since_request is None


def test_after_a_field_that_is_set_on_neither_side_the_rest_is_compared() -> None:
    """The first field of all may be the one that is not set."""
    wanted = Profile(unset=("username",), biography="light", link_in_bio="a")
    delivered = Profile(unset=("username",), biography="dark", link_in_bio="a")
    assert compare_profiles(wanted, delivered) == (
        ("biography",),
        ("visible_name", "profile_picture_url"),
    )


def test_an_entry_nobody_can_tell_makes_the_feedback_unknown() -> None:
    """It could be a request or a correction; no count is made of what cannot be counted."""
    history = (FeedbackEntry(type="corrections_requested"), FeedbackEntry())
    assert read_feedback(history).corrections_requested is None


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("task.times_disputed", 2, lambda facts: facts.past.disputes),
        ("task.sent_back_before", 3, lambda facts: facts.past.sent_back_before),
        ("task.sent_back_before", None, lambda facts: facts.past.sent_back_before),
        ("task.platform", "instagram", lambda facts: facts.task.platform),
        ("checks.count", 4, lambda facts: facts.checks.count),
        ("last.match_score", 0.25, lambda facts: facts.checks.best_score),
        ("profile.differs", ("bio",), lambda facts: facts.differs),
    ],
)
def test_one_fact_can_be_changed_with_all_that_follows_from_it(
    name: str, value: Any, read: Callable[[Facts], Any]
) -> None:
    """What if it had been another: nothing else is another."""
    changed = with_fact(facts_at(), name, value)
    assert changed is not None
    assert read(changed) == value


def test_a_round_that_is_changed_means_one_less_before_it() -> None:
    """Of a task by what was sent back, of an account by what was corrected; an unknown one stays so."""
    third = with_fact(facts_at(), "task.round", 3)
    second = with_fact(facts_at(), "review.round", 2)
    unknown = with_fact(facts_at(), "task.round", None)
    assert third is not None
    assert second is not None
    assert unknown is not None
    assert third.past.rounds_before == 2
    assert second.feedback.corrections_applied == 1
    assert unknown.past.disputes is None
    assert unknown.past.rounds_before == 0


def test_what_follows_from_others_cannot_be_changed_by_itself() -> None:
    """The clock's facts, those of a last try that is not there, names that are none."""
    assert with_fact(facts_at(), "task.time_left", 3600) is None
    assert with_fact(facts_at(attempts=()), "last.match_score", 0.5) is None
    assert with_fact(facts_at(), "last.age", 60) is None


def test_a_last_try_that_is_changed_leaves_those_before_it() -> None:
    """What all tries come to follows."""
    first, last = an_attempt(attempt_n=1), an_attempt(attempt_n=2)
    changed = with_fact(facts_at(attempts=(first, last)), "last.comments_scraped", 87)
    assert changed is not None
    assert changed.attempts == (first, msgspec.structs.replace(last, comments_scraped=87))
    assert (changed.checks.count, changed.checks.most_comments) == (2, 87)
