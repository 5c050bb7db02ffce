"""One test of one fact as source: how it is read, when it may hold, when it does, what it came to."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.model import Compare, Policy
from reviewbot.policy.operators import (
    Emitted,
    FactView,
    Leaves,
    Lists,
    Pool,
    names_in,
    not_yet,
    read_test,
    settled,
    three_way,
)
from tests.policy.judging import judge_of

FACTS = CATALOGUE["comments"] | CATALOGUE["accounts"]
Shape = tuple[str, str, str]


def a_policy() -> Policy:
    """A policy with two lists, one of which fades, and a pattern."""
    return judge_of(
        """
lists:
  watched: [Lumen, Straße]
  fading: [{id: Lumen, until: 2026-06-02}, orbit]
patterns:
  spam: {regex: "promo", matches: [promo], does not match: [x]}
rules: [{name: r, always: yes, then: approve}]
"""
    ).policy


def compared(test: str) -> Shape:
    """A test that cannot be made of the unknown."""
    return (
        f"({{read}} is None or {test})",
        f"({{read}} is not None and {test})",
        f"(None if {{read}} is None else {test})",
    )


TRUE: Shape = ("{read} is not False", "{read} is True", "{read}")
UNTRUE: Shape = (
    "{read} is not True",
    "{read} is False",
    "(None if {read} is None else not {x})",
)


@pytest.mark.parametrize(
    ("fact", "text", "view", "shape", "constants"),
    [
        (
            "task.comment_text",
            "known",
            FactView("task_comment_text", "task.comment_text", frozenset(["task"]), costly=False),
            ("{read} is not None", "{read} is not None", "({read} is not None)"),
            {},
        ),
        (
            "task.comment_text",
            "unknown",
            FactView("task_comment_text", "task.comment_text", frozenset(["task"]), costly=False),
            ("{read} is None", "{read} is None", "({read} is None)"),
            {},
        ),
        (
            "task.platform",
            "known",
            FactView(
                "task_platform_choice",
                "(task_platform if (task_platform := task.platform) in _k0 else None)",
                frozenset(["task"]),
                costly=True,
            ),
            ("{read} is not None", "{read} is not None", "({read} is not None)"),
            {"_k0": frozenset({"instagram", "tiktok"})},
        ),
        (
            "task.platform",
            "unknown",
            FactView(
                "task_platform_choice",
                "(task_platform if (task_platform := task.platform) in _k0 else None)",
                frozenset(["task"]),
                costly=True,
            ),
            ("{read} is None", "{read} is None", "({read} is None)"),
            {"_k0": frozenset({"instagram", "tiktok"})},
        ),
        (
            "task.platform",
            "tiktok",
            FactView("task_platform", "task.platform", frozenset(["task"]), costly=False),
            (
                "not {read} == _k1",
                "{read} == _k0",
                "(True if {read} == _k0 else False if {x} == _k1 else None)",
            ),
            {"_k0": "tiktok", "_k1": "instagram"},
        ),
        (
            "task.platform",
            "not tiktok",
            FactView("task_platform", "task.platform", frozenset(["task"]), costly=False),
            (
                "not {read} == _k1",
                "{read} == _k0",
                "(True if {read} == _k0 else False if {x} == _k1 else None)",
            ),
            {"_k0": "instagram", "_k1": "tiktok"},
        ),
        (
            "last.outcome_kind",
            "[verified, wrong_text]",
            FactView("last_outcome_kind", "last.outcome_kind", frozenset(["last"]), costly=False),
            (
                "not {read} in _k1",
                "{read} in _k0",
                "(True if {read} in _k0 else False if {x} in _k1 else None)",
            ),
            {
                "_k0": frozenset({"verified", "wrong_text"}),
                "_k1": frozenset({"couldnt_verify", "scrape_failed", "wrong_account"}),
            },
        ),
        (
            "last.outcome_kind",
            "not [verified, wrong_text]",
            FactView("last_outcome_kind", "last.outcome_kind", frozenset(["last"]), costly=False),
            (
                "not {read} in _k1",
                "{read} in _k0",
                "(True if {read} in _k0 else False if {x} in _k1 else None)",
            ),
            {
                "_k0": frozenset({"couldnt_verify", "scrape_failed", "wrong_account"}),
                "_k1": frozenset({"verified", "wrong_text"}),
            },
        ),
        (
            "task.comment_text",
            "Straße",
            FactView(
                "task_comment_text_fold",
                "_fold(task.comment_text)",
                frozenset(["task"]),
                costly=True,
            ),
            compared("{x} == _k0"),
            {"_k0": "strasse"},
        ),
        (
            "task.comment_text",
            "not Promo",
            FactView(
                "task_comment_text_fold",
                "_fold(task.comment_text)",
                frozenset(["task"]),
                costly=True,
            ),
            compared("not ({x} == _k0)"),
            {"_k0": "promo"},
        ),
        (
            "task.comment_text",
            "exactly Promo",
            FactView(
                "task_comment_text_nfc", "_nfc(task.comment_text)", frozenset(["task"]), costly=True
            ),
            compared("{x} == _k0"),
            {"_k0": "Promo"},
        ),
        (
            "task.comment_text",
            "[Promo, exactly Big]",
            FactView(
                "task_comment_text_nfc", "_nfc(task.comment_text)", frozenset(["task"]), costly=True
            ),
            compared("({x} == _k0 or _fold({x}) in _k1)"),
            {"_k0": "Big", "_k1": frozenset({"promo"})},
        ),
        (
            "task.comment_text",
            "not [Promo, exactly Big]",
            FactView(
                "task_comment_text_nfc", "_nfc(task.comment_text)", frozenset(["task"]), costly=True
            ),
            compared("not (({x} == _k0 or _fold({x}) in _k1))"),
            {"_k0": "Big", "_k1": frozenset({"promo"})},
        ),
        (
            "task.comment_text",
            "[Promo, Big]",
            FactView(
                "task_comment_text_fold",
                "_fold(task.comment_text)",
                frozenset(["task"]),
                costly=True,
            ),
            compared("{x} in _k0"),
            {"_k0": frozenset({"big", "promo"})},
        ),
        (
            "task.comment_text",
            "not [exactly Promo, exactly Big]",
            FactView(
                "task_comment_text_nfc", "_nfc(task.comment_text)", frozenset(["task"]), costly=True
            ),
            compared("not ({x} in _k0)"),
            {"_k0": frozenset({"Big", "Promo"})},
        ),
        (
            "last.verified",
            "yes",
            FactView("last_verified", "last.verified", frozenset(["last"]), costly=False),
            TRUE,
            {},
        ),
        (
            "last.verified",
            "no",
            FactView("last_verified", "last.verified", frozenset(["last"]), costly=False),
            UNTRUE,
            {},
        ),
        (
            "last.verified",
            "not yes",
            FactView("last_verified", "last.verified", frozenset(["last"]), costly=False),
            UNTRUE,
            {},
        ),
        (
            "last.comments_scraped",
            "0",
            FactView(
                "last_comments_scraped", "last.comments_scraped", frozenset(["last"]), costly=False
            ),
            compared("{x} == 0"),
            {},
        ),
        (
            "last.comments_scraped",
            "[0, 5]",
            FactView(
                "last_comments_scraped", "last.comments_scraped", frozenset(["last"]), costly=False
            ),
            compared("{x} in _k0"),
            {"_k0": frozenset({0, 5})},
        ),
        (
            "last.comments_scraped",
            "not [0, 5]",
            FactView(
                "last_comments_scraped", "last.comments_scraped", frozenset(["last"]), costly=False
            ),
            compared("not ({x} in _k0)"),
            {"_k0": frozenset({0, 5})},
        ),
        (
            "last.comments_scraped",
            "between 1 and 99",
            FactView(
                "last_comments_scraped", "last.comments_scraped", frozenset(["last"]), costly=False
            ),
            compared("1 <= {x} <= 99"),
            {},
        ),
        (
            "last.comments_scraped",
            "more than 5",
            FactView(
                "last_comments_scraped", "last.comments_scraped", frozenset(["last"]), costly=False
            ),
            compared("5 < {x}"),
            {},
        ),
        (
            "last.comments_scraped",
            "less than 5",
            FactView(
                "last_comments_scraped", "last.comments_scraped", frozenset(["last"]), costly=False
            ),
            compared("{x} < 5"),
            {},
        ),
        (
            "last.comments_scraped",
            "at least 5",
            FactView(
                "last_comments_scraped", "last.comments_scraped", frozenset(["last"]), costly=False
            ),
            compared("5 <= {x}"),
            {},
        ),
        (
            "last.comments_scraped",
            "at most 5",
            FactView(
                "last_comments_scraped", "last.comments_scraped", frozenset(["last"]), costly=False
            ),
            compared("{x} <= 5"),
            {},
        ),
        (
            "task.cm_payout_amount",
            "at most 0.30 USD",
            FactView(
                "task_cm_payout_amount", "task.cm_payout_amount", frozenset(["task"]), costly=False
            ),
            compared("{x} <= 0.3"),
            {},
        ),
        (
            "last.age",
            "at least 1h",
            FactView(
                "last_age",
                "_since(now, last.scraped_at)",
                frozenset(["_since", "last", "now"]),
                costly=True,
            ),
            compared("3600.0 <= {x}"),
            {},
        ),
        (
            "last.scraped_at",
            "before 2026-12-01",
            FactView("last_scraped_at", "last.scraped_at", frozenset(["last"]), costly=False),
            compared("{x} < _k0"),
            {"_k0": datetime(2026, 11, 30, 23, 0, tzinfo=UTC)},
        ),
        (
            "last.scraped_at",
            "[2026-12-01 09:00, 2026-12-02 09:00]",
            FactView("last_scraped_at", "last.scraped_at", frozenset(["last"]), costly=False),
            compared("{x} in _k0"),
            {
                "_k0": (
                    datetime(2026, 12, 1, 8, 0, tzinfo=UTC),
                    datetime(2026, 12, 2, 8, 0, tzinfo=UTC),
                )
            },
        ),
        (
            "task.comment_text",
            "contains Promo",
            FactView(
                "task_comment_text_fold",
                "_fold(task.comment_text)",
                frozenset(["task"]),
                costly=True,
            ),
            compared("_k0 in {x}"),
            {"_k0": "promo"},
        ),
        (
            "task.comment_text",
            "starts with exactly Promo",
            FactView(
                "task_comment_text_nfc", "_nfc(task.comment_text)", frozenset(["task"]), costly=True
            ),
            compared("{x}.startswith(_k0)"),
            {"_k0": "Promo"},
        ),
        (
            "task.comment_text",
            "not ends with Promo",
            FactView(
                "task_comment_text_fold",
                "_fold(task.comment_text)",
                frozenset(["task"]),
                costly=True,
            ),
            compared("not ({x}.endswith(_k0))"),
            {"_k0": "promo"},
        ),
        (
            "task.comment_text",
            "matches pattern spam",
            FactView(
                "task_comment_text_pattern0",
                "_pattern0(task.comment_text)",
                frozenset(["task"]),
                costly=True,
            ),
            TRUE,
            {},
        ),
        (
            "task.comment_text",
            "not matches pattern spam",
            FactView(
                "task_comment_text_pattern0",
                "_pattern0(task.comment_text)",
                frozenset(["task"]),
                costly=True,
            ),
            UNTRUE,
            {},
        ),
        (
            "task.platform",
            "matches pattern spam",
            FactView(
                "task_platform_pattern0",
                "_pattern0((task_platform if (task_platform := task.platform) in _k1 else None))",
                frozenset(["task"]),
                costly=True,
            ),
            TRUE,
            {"_k1": frozenset({"instagram", "tiktok"})},
        ),
        (
            "task.comment_text",
            "in list watched",
            FactView(
                "task_comment_text_fold",
                "_fold(task.comment_text)",
                frozenset(["task"]),
                costly=True,
            ),
            compared("{x} in _k0"),
            {"_k0": frozenset({"lumen", "strasse"})},
        ),
        (
            "task.comment_text",
            "not in list watched",
            FactView(
                "task_comment_text_fold",
                "_fold(task.comment_text)",
                frozenset(["task"]),
                costly=True,
            ),
            compared("not ({x} in _k0)"),
            {"_k0": frozenset({"lumen", "strasse"})},
        ),
        (
            "task.comment_text",
            "in list fading",
            FactView(
                "task_comment_text_fold",
                "_fold(task.comment_text)",
                frozenset(["now", "task"]),
                costly=True,
            ),
            compared("{x} in _list0(now)"),
            {},
        ),
        (
            "task.comment_text",
            "not in list fading",
            FactView(
                "task_comment_text_fold",
                "_fold(task.comment_text)",
                frozenset(["now", "task"]),
                costly=True,
            ),
            compared("not ({x} in _list0(now))"),
            {},
        ),
        (
            "task.platform",
            "in list watched",
            FactView(
                "task_platform_choice",
                "(task_platform if (task_platform := task.platform) in _k0 else None)",
                frozenset(["task"]),
                costly=True,
            ),
            compared("{x} in _k1"),
            {"_k0": frozenset({"instagram", "tiktok"}), "_k1": frozenset({"lumen", "strasse"})},
        ),
        (
            "profile.differs",
            "contains username",
            FactView(
                "profile_differs_k0",
                "(None if differs is None or _k0 in uncompared else _k0 in differs)",
                frozenset(["differs", "uncompared"]),
                costly=True,
            ),
            TRUE,
            {"_k0": "username"},
        ),
        (
            "profile.differs",
            "not contains username",
            FactView(
                "profile_differs_k0",
                "(None if differs is None or _k0 in uncompared else _k0 in differs)",
                frozenset(["differs", "uncompared"]),
                costly=True,
            ),
            UNTRUE,
            {"_k0": "username"},
        ),
        (
            "feedback.last_fields",
            "contains username",
            FactView(
                "feedback_last_fields",
                "feedback.last_fields",
                frozenset(["feedback"]),
                costly=False,
            ),
            compared("_k0 in {x}"),
            {"_k0": "username"},
        ),
        (
            "feedback.last_fields",
            "not contains username",
            FactView(
                "feedback_last_fields",
                "feedback.last_fields",
                frozenset(["feedback"]),
                costly=False,
            ),
            compared("not (_k0 in {x})"),
            {"_k0": "username"},
        ),
    ],
)
def test_a_test_of_a_fact_is_source_over_constants(
    fact: str, text: str, view: FactView, shape: Shape, constants: dict[str, Any]
) -> None:
    """No text of a policy stands in it; whether it needs evidence is the fact's to say."""
    pool = Pool()
    test = read_test(text, FACTS[fact], ZoneInfo("Europe/Paris"))
    leaf = Leaves(a_policy(), pool).leaf(Compare(fact=fact, test=test, text=text), FACTS[fact])
    evidence = FACTS[fact].source == "evidence"
    assert leaf == Emitted(view, *shape, evidence=evidence)
    assert {name: value for name, value in pool.values.items() if not callable(value)} == constants


def test_a_pattern_is_compiled_once_for_all_its_uses() -> None:
    """Whatever it is asked of."""
    pool = Pool()
    leaves = Leaves(a_policy(), pool)
    fact = FACTS["task.comment_text"]
    for text in ("matches pattern spam", "not matches pattern spam"):
        test = read_test(text, fact, ZoneInfo("UTC"))
        leaves.leaf(Compare(fact=fact.name, test=test, text=text), fact)
    assert list(pool.values) == ["_pattern0"]
    assert pool.values["_pattern0"]("a PROMO") is True


def test_a_list_counts_an_entry_until_the_end_of_its_day_in_the_zone() -> None:
    """Values are kept without case; a list of entries that stay is fixed."""
    lists = Lists(a_policy())
    assert lists.fixed("watched") == frozenset({"lumen", "strasse"})
    assert lists.fixed("fading") is None

    current = lists.at("fading")
    midnight = datetime(2026, 6, 2, 22, tzinfo=UTC)
    assert current(midnight - timedelta(microseconds=1)) == {"lumen", "orbit"}
    assert current(midnight) == {"orbit"}
    assert current(midnight - timedelta(days=1)) == {"lumen", "orbit"}
    assert current(midnight) is current(midnight + timedelta(hours=1))


def test_a_pool_names_equal_constants_alike_and_writes_numbers_out() -> None:
    """A number that Python cannot write as one gets a name; true is not one."""
    pool = Pool()
    assert [pool.constant(value) for value in (5, -5, 0.5, True)] == ["5", "-5", "0.5", "True"]
    assert [pool.constant(value) for value in ("a", "b", "a")] == ["_k0", "_k1", "_k0"]
    assert pool.constant(math.inf) == "_k2"
    assert (pool.helper("rule", len), pool.helper("rule", len)) == ("_rule3", "_rule4")
    assert (pool.shared("due", abs), pool.shared("due", abs)) == ("_due", "_due")
    assert pool.values == {
        "_k0": "a",
        "_k1": "b",
        "_k2": math.inf,
        "_rule3": len,
        "_rule4": len,
        "_due": abs,
    }


def test_values_that_are_answers_themselves() -> None:
    """Always true or false, one of three, and a moment that is true until it has come."""
    view = FactView("v", "g()", frozenset({"g"}))
    assert settled(view) == Emitted(view, "{read}", "{read}", "({read})")
    assert three_way(view) == Emitted(view, *TRUE)
    assert three_way(view, True) == Emitted(view, *UNTRUE)
    beside_now = FactView("v", "g()", frozenset({"g", "now"}))
    assert not_yet(view) == Emitted(beside_now, *compared("now < {x}"))


def test_the_names_an_expression_mentions() -> None:
    """Not the attributes, each once."""
    assert names_in("_since(now, last.scraped_at) or now") == {"_since", "now", "last"}
