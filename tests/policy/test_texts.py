"""Texts: formats, variants, data as data, and the limits of what may be sent."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.engine.templates import Text, Variants, duration, may_be_sent, money, share
from reviewbot.policy.facts import History
from reviewbot.policy.model import Placeholder, ReasonText, Template
from tests.builders import an_attempt
from tests.policy.judging import facts_at

FACTS = CATALOGUE["comments"]
PARIS = ZoneInfo("Europe/Paris")


def filled(placeholder: Placeholder, **changes: object) -> str | None:
    """One placeholder, filled in for the usual task."""
    return Text(Template(parts=(placeholder,)), FACTS, PARIS).fill(facts_at(**changes)).text


@pytest.mark.parametrize(
    ("placeholder", "shown"),
    [
        (Placeholder(fact="last.scraped_at", format="date"), "Jun 2, 2026"),
        (Placeholder(fact="last.scraped_at", format="date and time"), "Jun 2, 2026, 11:00 AM"),
        (Placeholder(fact="last.scraped_at", format="date iso"), "2026-06-02"),
        (Placeholder(fact="last.scraped_at", format="time"), "11:00"),
        (Placeholder(fact="task.round", format="times"), "once"),
        (Placeholder(fact="task.cm_payout_amount", format="money"), "0.24 USD"),
        (Placeholder(fact="task.comment_text", format="first", first=9), "The light…"),
        (Placeholder(fact="task.comment_text", format="first", first=90), "The light in this one is unreal"),
        (Placeholder(fact="last.verified"), "no"),
        (Placeholder(fact="last.match_score"), "0.31"),
        (Placeholder(fact="task.waiting_for"), "1h"),
        (Placeholder(fact="task.submitted_at"), "Jun 2, 2026, 10:00 AM"),
    ],
)  # fmt: skip
def test_a_fact_reads_as_its_format_says(placeholder: Placeholder, shown: str) -> None:
    """Dates and times are the clock's in the policy's zone."""
    assert filled(placeholder) == shown


def test_data_stays_data() -> None:
    """Braces and quotes of a comment are put in as they are."""
    text = 'nice {task.id} "{0}" %s {last.reason}'
    assert filled(Placeholder(fact="task.comment_text"), comment_text=text) == text


def test_an_unknown_fact_is_named() -> None:
    """The problem says which fact it was."""
    written = Text(Template(parts=(Placeholder(fact="last.reason"),)), FACTS, PARIS).fill(
        facts_at(attempts=(an_attempt(reason=None),))
    )
    assert written.text is None
    assert written.problem == "its text could not be written: last.reason is unknown"


@given(st.text(max_size=600))
def test_length_counts_in_code_points_and_in_utf_16(text: str) -> None:
    """Both counts must lie within 3 and 500."""
    units = sum(2 if ord(char) > 0xFFFF else 1 for char in text)
    fits = len(text) >= 3 and units <= 500
    assert (may_be_sent(text, facts_at()) is None) == fits


def test_a_round_s_variant_serves_later_rounds() -> None:
    """Round 4 gets what round 2 says; a platform's variant goes by the platform."""

    def words(text: str) -> Template:
        return Template(parts=(text,))

    rounds = Variants(
        ReasonText(name="r", variants=(("round 1", words("one")), ("round 2", words("two")))),
        FACTS,
        PARIS,
    )
    platforms = Variants(
        ReasonText(name="p", variants=(("tiktok", words("tt")),), otherwise=words("rest")),
        FACTS,
        PARIS,
    )

    def said(variants: Variants, **changes: object) -> str | None:
        text = variants.choose(facts_at(**changes))
        return None if text is None else text.constant

    assert said(rounds) == "one"
    assert said(rounds, past=History(disputes=3)) == "two"
    assert said(rounds, past=History(disputes=None)) is None
    assert said(platforms) == "tt"
    assert said(platforms, platform=None) == "rest"


def test_units_are_those_of_the_language() -> None:
    """Lengths of time, money and shares read as a policy writes them."""
    assert [duration(s) for s in (0, 45, 5400, 172_800, -3600)] == [
        "0s",
        "45s",
        "1h30m",
        "2d",
        "-1h",
    ]
    assert [money(a) for a in (0.2, 12, 0.125)] == ["0.20 USD", "12.00 USD", "0.125 USD"]
    assert [share(v) for v in (0.35, 0.125)] == ["35%", "12.5%"]
