"""The tests of values: read, said, and refused where the meaning is in doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reviewbot.policy.catalog import CATALOGUE, Fact, FactType
from reviewbot.policy.engine.calendar import calendars_of
from reviewbot.policy.model import FactTest, Lists
from reviewbot.policy.operators import (
    OPERATORS,
    Has,
    InList,
    IsKnown,
    Matches,
    OneOf,
    Range,
    TextTest,
    read_test,
)
from reviewbot.policy.values import Misread
from tests.policy.judging import judge_of

PARIS = ZoneInfo("Europe/Paris")
FACTS = CATALOGUE["comments"] | CATALOGUE["accounts"]


def read(fact: str, text: str) -> FactTest:
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
def test_a_test_is_read(fact: str, text: str, test: FactTest) -> None:
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


POLICY = judge_of(
    """
hours:
  desk: {open: mon-fri 09:00-18:00}
lists:
  watched: [Lumen, Straße]
  fading: [{id: Lumen, until: 2026-06-02}, {id: lumen, until: 2026-06-01}, orbit]
patterns:
  spam: {regex: "promo", matches: [promo], does not match: [x]}
rules: [{name: r, always: yes, then: approve}]
"""
).policy
LISTS = Lists(POLICY, calendars_of(POLICY))
MIDNIGHT = datetime(2026, 6, 2, 22, tzinfo=UTC)
"""In Paris, after the last day of `Lumen` in `fading`."""
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("fact", "text", "met", "unmet"),
    [
        ("last.comments_scraped", "0", [0], [1]),
        ("last.comments_scraped", "not [0, 5]", [1], [0, 5]),
        ("last.comments_scraped", "between 1 and 99", [1, 99], [0, 100]),
        ("last.comments_scraped", "more than 5", [6], [5]),
        ("last.comments_scraped", "less than 5", [4], [5]),
        ("last.verified", "not yes", [False], [True]),
        ("task.platform", "[tiktok]", ["tiktok"], ["instagram"]),
        ("task.comment_text", "Straße", ["STRASSE"], ["stras"]),
        ("task.comment_text", "[promo, exactly Big]", ["PROMO", "Big"], ["big"]),
        ("task.comment_text", "contains Promo", ["a PROMO"], ["prom"]),
        ("task.comment_text", "starts with exactly Promo", ["Promo x"], ["promo x"]),
        ("task.comment_text", "not ends with promo", ["promo x"], ["x PROMO"]),
        ("task.comment_text", "matches pattern spam", ["a PROMO"], ["x"]),
        ("task.comment_text", "not in list watched", ["lume"], ["LUMEN", "strasse"]),
        ("profile.differs", "contains username", [("username",)], [(), ("biography",)]),
        ("now", "in hours desk", [MIDNIGHT + timedelta(hours=9)], [MIDNIGHT]),
        ("task.created_at", "not in hours desk", [MIDNIGHT], [MIDNIGHT + timedelta(hours=9)]),
        ("task.created_at", "before 2026-06-03", [MIDNIGHT - INSTANT], [MIDNIGHT]),
        ("task.created_at", "2026-06-03", [MIDNIGHT], [MIDNIGHT - INSTANT]),
    ],
)
def test_a_test_is_met_by_some_values(
    fact: str, text: str, met: list[object], unmet: list[object]
) -> None:
    """By others it is not; of what is unknown nothing can be told."""
    test = read(fact, text)
    assert [test.matches(value, LISTS) for value in met] == [True] * len(met)
    assert [test.matches(value, LISTS) for value in unmet] == [False] * len(unmet)
    assert test.matches(None, LISTS) is None


def test_only_known_and_unknown_tell_of_the_unknown() -> None:
    """They look at nothing else."""
    known, unknown = (read("task.platform", text) for text in ("known", "unknown"))
    assert [test.matches(value, LISTS) for test in (known, unknown) for value in (None, "x")] == [
        *(False, True),
        *(True, False),
    ]


def test_an_entry_of_a_list_counts_until_the_end_of_its_last_day_in_the_zone() -> None:
    """The latest of its days; without a moment nobody can tell."""
    test, without = (
        read("task.comment_text", "in list fading"),
        read("task.comment_text", "not in list fading"),
    )
    moments = (MIDNIGHT - INSTANT, MIDNIGHT, None)
    assert [test.matches("LUMEN", LISTS, now) for now in moments] == [True, False, None]
    assert [without.matches("LUMEN", LISTS, now) for now in moments] == [False, True, None]
    assert [test.matches("orbit", LISTS, now) for now in moments] == [True, True, True]
    assert (LISTS.lasts("watched"), LISTS.lasts("fading")) == (True, False)


def test_a_test_names_what_must_be_declared_and_where_its_answer_changes() -> None:
    """Both for those who look at tests without knowing their kinds."""
    assert read("task.comment_text", "in list watched").refers() == ("list", "watched")
    assert read("task.comment_text", "not matches pattern x").refers() == ("pattern", "x")
    assert read("now", "not in hours desk").refers() == ("calendar", "desk")
    assert read("task.comment_text", "x").refers() is None
    assert read("last.comments_scraped", "between 1 and 99").boundaries() == (1, 99)
    assert read("last.comments_scraped", "[0, 5]").boundaries() == (0, 5)
    assert read("task.comment_text", "[a, b]").boundaries() == ()


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.words)
def test_every_operator_is_refused_by_the_types_it_does_not_take(operator: object) -> None:
    """Nothing is compared by accident."""
    for kind in FactType:
        fact = next((row for row in FACTS.values() if row.type is kind), None)
        words = operator.words  # type: ignore[attr-defined]  # an Operator
        if fact is None or kind in operator.takes:  # type: ignore[attr-defined]  # an Operator
            continue
        with pytest.raises(Misread) as refused:
            read(fact.name, f"{words} 5")
        assert refused.value.code in ("P109", "P101", "P022")
