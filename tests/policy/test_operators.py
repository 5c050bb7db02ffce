"""The tests of values: read, said, and refused where the meaning is in doubt."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from reviewbot.policy.catalog import CATALOGUE, Fact, FactType
from reviewbot.policy.model import Has, InList, IsKnown, Matches, OneOf, Range, Test, TextTest
from reviewbot.policy.operators import OPERATORS, read_test, say
from reviewbot.policy.values import Misread

PARIS = ZoneInfo("Europe/Paris")
FACTS = CATALOGUE["comments"] | CATALOGUE["accounts"]


def read(fact: str, text: str) -> Test:
    """Read a test of one fact in Paris."""
    return read_test(text, FACTS[fact], PARIS)


@pytest.mark.parametrize(
    ("fact", "text", "test"),
    [
        ("last.comments_scraped", "0", OneOf(values=(0,), exact=(False,))),
        ("last.comments_scraped", "at least 50", Range(low=50)),
        ("last.comments_scraped", "less than 50", Range(high=50, high_included=False)),
        ("last.comments_scraped", "between 1 and 99", Range(low=1, high=99)),
        ("last.match_score", "more than 0.5", Range(low=0.5, low_included=False)),
        ("task.cm_payout_amount", "at most 0.30 USD", Range(high=0.3)),
        ("account.dispute_share_30d", "more than 35%", Range(low=0.35, low_included=False)),
        ("account.dispute_share_30d", "more than 0.35", Range(low=0.35, low_included=False)),
        ("last.age", "at least 1h30m", Range(low=5400.0)),
        ("last.verified", "true", OneOf(values=(True,), exact=(False,))),
        ("task.platform", "TikTok", OneOf(values=("tiktok",), exact=(False,))),
        (
            "task.platform",
            "not [tiktok, instagram]",
            OneOf(values=("tiktok", "instagram"), exact=(False, False), negated=True),
        ),
        ("task.comment_text", "exactly known", OneOf(values=("known",), exact=(True,))),
        ("task.comment_text", '["a, b", c]', OneOf(values=("a, b", "c"), exact=(False, False))),
        ("task.comment_text", "known issue", OneOf(values=("known issue",), exact=(False,))),
        (
            "task.comment_text",
            "not contains promo",
            TextTest(kind="contains", text="promo", negated=True),
        ),
        (
            "task.comment_text",
            "ends with exactly idea",
            TextTest(kind="ends with", text="idea", exact=True),
        ),
        ("task.comment_text", "not matches pattern x", Matches(pattern="x", negated=True)),
        ("task.comment_text", "in list watched", InList(list="watched")),
        ("task.comment_text", "unknown", IsKnown(known=False)),
        ("profile.differs", "not contains username", Has(member="username", negated=True)),
    ],
)
def test_a_test_is_read(fact: str, text: str, test: Test) -> None:
    """Units are gone, `not` and `exactly` are kept."""
    assert read(fact, text) == test


def test_a_bare_date_is_that_whole_day_in_the_zone() -> None:
    """Before ends where it begins, after begins where it ends, between counts both."""
    begins, ends = datetime(2026, 11, 30, 23, tzinfo=UTC), datetime(2026, 12, 1, 23, tzinfo=UTC)

    assert read("task.created_at", "before 2026-12-01") == Range(high=begins, high_included=False)
    assert read("task.created_at", "after 2026-12-01") == Range(low=ends)
    assert read("task.created_at", "between 2026-12-01 and 2026-12-01") == Range(
        low=begins, high=ends, high_included=False
    )
    assert read("task.created_at", "2026-12-01") == Range(
        low=begins, high=ends, high_included=False
    )


def test_a_time_of_day_is_that_moment() -> None:
    """Local to the zone, or with an offset of its own."""
    nine = datetime(2026, 12, 1, 8, tzinfo=UTC)

    assert read("task.created_at", "after 2026-12-01 09:00") == Range(low=nine, low_included=False)
    assert read("task.created_at", "after 2026-12-01T08:00Z") == Range(low=nine, low_included=False)


@pytest.mark.parametrize("fact", FACTS.values(), ids=lambda fact: fact.name)
def test_the_example_of_every_fact_is_a_test_of_it(fact: Fact) -> None:
    """What the catalogue shows can be written."""
    assert read(fact.name, fact.example)


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        ("last.comments_scraped", "between 1 and 99"),
        ("last.age", "less than 1h30m"),
        ("task.cm_payout_amount", "at most 0.30 USD"),
        ("account.dispute_share_30d", "more than 35%"),
        ("task.platform", "not [tiktok, instagram]"),
        ("task.comment_text", "not starts with exactly Promo"),
        ("profile.differs", "contains username"),
        ("last.verified", "no"),
        ("task.comment_text", "not in list watched"),
        ("last.verified", "unknown"),
    ],
)
def test_a_test_is_said_in_the_words_it_is_read_from(fact: str, text: str) -> None:
    """Saying and reading are each other's inverse."""
    assert say(read(fact, text), FACTS[fact]) == text


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.words)
def test_every_operator_is_refused_by_the_types_it_does_not_take(operator: object) -> None:
    """Nothing is compared by accident."""
    for kind in FactType:
        fact = next((one for one in FACTS.values() if one.type is kind), None)
        words = operator.words  # type: ignore[attr-defined]  # an Operator
        if fact is None or kind in operator.takes:  # type: ignore[attr-defined]  # an Operator
            continue
        with pytest.raises(Misread) as refused:
            read(fact.name, f"{words} 5")
        assert refused.value.code in ("P109", "P101", "P022")
