"""Facts written down and built again are the same facts."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random  # noqa: TID251 - seeded, so that it repeats

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.domain.account import AccountReview, Change, FeedbackEntry, Profile
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.task import Attempt, Timeline
from reviewbot.policy.facts import AccountHistory, Fleet, History, build_facts
from reviewbot.policy.recorded_facts import facts_from_json, facts_to_json
from tests.builders import CONFIRMED, a_task, an_item
from tests.policy.chance import random_account_facts

moments = st.none() | st.timedeltas(timedelta(0), timedelta(days=300)).map(CONFIRMED.__add__)
attempts = st.builds(
    Attempt,
    attempt_n=st.none() | st.integers(1, 9),
    scraped_at=moments,
    outcome_kind=st.none() | st.sampled_from(["couldnt_verify", "scrape_failed", "new_kind"]),
    verified=st.none() | st.booleans(),
    match_score=st.none() | st.floats(0, 1),
    comments_scraped=st.none() | st.integers(0, 200),
    reason=st.none() | st.text(),
)
histories = st.builds(
    History,
    disputes=st.none() | st.integers(0, 3),
    last_dispute_at=moments,
    texts=st.lists(st.text(), max_size=2).map(tuple),
)


@given(
    timeline=st.none() | st.lists(attempts, max_size=4).map(tuple),
    past=histories,
    text=st.none() | st.text(),
    amount=st.none() | st.floats(0, 10),
    now=moments.filter(bool),
)
def test_the_facts_of_a_task_come_back(
    timeline: tuple[Attempt, ...] | None,
    past: History,
    text: str | None,
    amount: float | None,
    now: datetime,
) -> None:
    """Whatever is unknown stays unknown, and the attempts of the round stay those."""
    item = an_item(comment_text=text, cm_payout_amount=amount)
    facts = build_facts(
        item,
        now=now,
        evidence=None if timeline is None else Timeline(task_id=item.id, attempts=timeline),
        past=past,
        account=AccountHistory(decisions_30d=3, dispute_share_30d=1 / 3),
        fleet=Fleet(open_tasks=7),
    )

    assert facts_from_json(facts_to_json(facts)) == facts


@pytest.mark.parametrize(
    "history",
    [
        None,
        (),
        (
            FeedbackEntry(
                type="corrections_requested", comment="x", fields={"username": "shorter"}
            ),
            FeedbackEntry(
                type="corrections_applied", changes={"username": Change(before="a", after="b")}
            ),
        ),
    ],
)
def test_the_facts_of_an_account_come_back(history: tuple[FeedbackEntry, ...] | None) -> None:
    """An empty feedback history is something else than an unknown one."""
    bundle = AccountReview(
        id="bnd_1", platform="tiktok", profile=Profile(username="lumen"), feedback_history=history
    )
    item = ReviewItem(
        review="accounts",
        id="bnd_1",
        epoch="1",
        status="in_review",
        started_at=CONFIRMED,
        deadline_at=CONFIRMED,
        deadline_is_estimate=True,
        subject=bundle,
    )
    facts = build_facts(item, now=CONFIRMED, evidence=Profile(username="lumen2"))

    assert facts_from_json(facts_to_json(facts)) == facts


def test_any_facts_of_accounts_come_back() -> None:
    """Whatever of the feedback and of either profile is unknown or in doubt."""
    chance = Random(5)
    for _ in range(200):
        facts = random_account_facts(chance)
        assert facts_from_json(facts_to_json(facts)) == facts


def test_a_record_is_small_and_has_the_form_of_recorded_tasks() -> None:
    """Nulls are left out; the task stands under the API's names."""
    record = facts_to_json(build_facts(an_item(), now=CONFIRMED))

    assert len(record) < 1200
    assert b"null" not in record
    assert a_task().id.encode() in record
