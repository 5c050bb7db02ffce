"""The verifier sees what a scraper sees, and judges by the documented thresholds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.simulator import people, tasks
from reviewbot.simulator.model import Choices
from reviewbot.simulator.verifier import PASSERS_BY, WINDOW, check, scrape, similarity
from tests.simulator.worlds import HOUR, TEXT, a_submitted_task, a_task, a_world


@pytest.mark.parametrize(
    ("one", "other", "score"),
    [
        ("night", "nacht", 0.25),
        ("Context", "contact", 0.5),
        ("same", "same", 1.0),
        ("a", "b", 0.0),
        ("", "abc", 0.0),
    ],
)
def test_similarity_is_sorensen_dice_over_bigrams(one: str, other: str, score: float) -> None:
    """Known pairs; "night" and "nacht" is the textbook's."""
    assert similarity(one, other) == score


@given(one=st.text(), other=st.text())
def test_similarity_is_a_symmetric_share(one: str, other: str) -> None:
    """It lies between 0 and 1, whichever way round."""
    assert 0 <= similarity(one, other) <= 1
    assert similarity(one, other) == similarity(other, one)


@given(
    before=st.integers(0, 300),
    rate=st.floats(0, 500),
    posted=st.lists(st.floats(0, 5), max_size=5),
)
def test_a_scrape_shows_the_newest_hundred_in_order(
    before: int, rate: float, posted: list[float]
) -> None:
    """At most 100, all of them if fewer; a comment is seen unless 100 newer ones stand above it."""
    world = a_world()
    task = a_task(world, comments_before=before, comments_per_hour=rate)
    for hours in sorted(posted):
        world.run_until(task.created_at + hours * HOUR)
        other = a_task(world)
        other.video = task.video
        people.post(world, other, "exact")
    world.run_until(task.created_at + 6 * HOUR)
    everything = before + int(8 * rate) + len(posted)
    seen = scrape(task.video, world.now)
    assert seen.total == len(seen.comments()) == min(WINDOW, everything)
    assert len({comment.id for comment in seen.comments()}) == seen.total


def test_a_busy_video_pushes_the_comment_out_of_sight() -> None:
    """With 900 comments an hour, a right comment of an hour ago cannot be found among the newest 100."""
    world = a_world()
    task = a_task(world, comments_per_hour=900)
    people.post(world, task, "exact")
    world.advance(HOUR)
    attempt = check(task, world.now, Choices(), scrape_fails=False)
    assert (attempt.outcome_kind, attempt.comments_scraped) == ("couldnt_verify", 100)
    assert attempt.reason == "no_candidate_found"
    assert 0 < attempt.match_score < 0.92


def test_every_passer_by_counts_for_the_best_score() -> None:
    """Somebody else's identical comment is the wrong account, with its id."""
    world = a_world()
    task = a_task(world, text=PASSERS_BY[3], comments_before=60)
    attempt = check(task, world.now, Choices(), scrape_fails=False)
    assert (attempt.outcome_kind, attempt.match_score) == ("wrong_account", 1.0)
    texts = {comment.id: comment.text for comment in scrape(task.video, world.now).comments()}
    assert texts[attempt.found_comment_id or ""] == PASSERS_BY[3]


@given(text=st.sampled_from([TEXT, PASSERS_BY[3]]), before=st.integers(0, 70))
def test_the_nearest_passer_by_is_the_best_of_all_that_are_seen(text: str, before: int) -> None:
    """Few or many of them: held against comparing every comment by itself."""
    world = a_world()
    task = a_task(world, text=text, comments_before=before, comments_per_hour=0)
    seen = {
        comment.id: similarity(text, comment.text)
        for comment in scrape(task.video, world.now).comments()
    }
    best = max(seen.values(), default=0.0)
    attempt = check(task, world.now, Choices(), scrape_fails=False)
    assert attempt.match_score == round(best, 4)
    assert (attempt.outcome_kind == "wrong_account") == (best >= 0.92)
    if attempt.found_comment_id is not None:
        assert seen[attempt.found_comment_id] == best


def test_a_comment_that_stands_there_is_found_among_others_that_say_the_same() -> None:
    """What passers-by say matters only where the comment of the right account is not there."""
    world = a_world()
    task = a_submitted_task(world, text=PASSERS_BY[3], comments_before=60)
    attempt = check(task, world.now, Choices(), scrape_fails=False)
    assert (attempt.outcome_kind, attempt.match_score) == ("verified", 1.0)
    assert task.comment is not None
    assert attempt.found_comment_id == task.comment.id


def test_a_failed_scrape_is_no_evidence_and_its_count_a_choice() -> None:
    """`scrape_failed` with 0 or null, score 0, a reason of its family; the task stays submitted."""
    world = a_world()
    task = a_submitted_task(world, reach="failing")
    world.advance(30)
    assert task.attempts[0].outcome_kind == "scrape_failed"
    assert task.attempts[0].comments_scraped == 0
    assert task.attempts[0].reason.startswith("scrape_failed_")
    assert task.status == "submitted"
    attempt = check(task, world.now, Choices(scrape_failed_count=None), scrape_fails=True)
    assert (attempt.attempt_n, attempt.comments_scraped) == (2, None)


def test_the_count_of_some_videos_is_unknown() -> None:
    """`comments_scraped` is null where the scraper does not say."""
    world = a_world()
    task = a_submitted_task(world, "nothing", reach="uncounted")
    world.advance(30)
    assert task.attempts[0].comments_scraped is None


@given(seed=st.integers(0, 200))
def test_a_near_miss_is_never_taken_for_the_right_text(seed: int) -> None:
    """Careless typing stays under the threshold for every seed."""
    world = a_world(seed=seed)
    task = a_submitted_task(world, "near miss")
    world.advance(30)
    attempt = task.attempts[0]
    assert attempt.outcome_kind in ("wrong_text", "scrape_failed")
    assert attempt.match_score < 0.95
    assert tasks.shown_status(world, task) == "submitted"
