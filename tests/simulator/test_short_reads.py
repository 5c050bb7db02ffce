"""A scrape may stop early; a comment's id on TikTok says when it was posted, as the platform's do."""

from __future__ import annotations

from reviewbot.simulator.model import Choices
from reviewbot.simulator.verifier import check
from tests.simulator.worlds import HOUR, a_submitted_task, a_world


def test_a_scrape_that_stops_early_misses_ours_and_says_how_little_it_read() -> None:
    """Half of what stands there, like a page that was read to its end."""
    world = a_world(choices=Choices(short_reads=1.0))
    task = a_submitted_task(world, "exact", comments_before=40, comments_per_hour=0.0)
    world.advance(60)
    first = task.attempts[0]
    assert (first.outcome_kind, first.comments_scraped) == ("couldnt_verify", 20)
    whole = check(task, world.now, world.choices, scrape_fails=False)
    assert (whole.outcome_kind, whole.comments_scraped) == ("verified", 41)


def test_an_id_on_tiktok_begins_with_the_moment() -> None:
    """Its upper 32 bits are Unix seconds."""
    world = a_world()
    world.advance(5 * HOUR)
    task = a_submitted_task(world, "exact")
    assert task.comment is not None
    assert int(task.comment.id) >> 32 == int(task.comment.posted_at)
