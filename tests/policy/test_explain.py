"""Explanations: the winner, the one reason per other rule, one change away, and the future."""

from __future__ import annotations

from datetime import timedelta

from reviewbot.domain.account import Profile
from reviewbot.policy.explain.explain import explain
from reviewbot.policy.facts import build_facts
from reviewbot.presentation.document import explanation_text
from tests.builders import CONFIRMED, an_account_item, an_attempt
from tests.policy.judging import facts_at, judge_of

RULES = """
hours:
  desk: {open: mon-fri 09:00-18:00}
rules:
  - {name: again, when: {task.times_disputed: at least 1}, then: escalate}
  - {name: slept on, when: {last.comments_scraped: 100}, then: wait, until: 24h after confirmed}
  - name: looked
    when: {last.comments_scraped: between 1 and 99}
    then: dispute
    reason: We read all {last.comments_scraped} comments and yours was not there.
    act during: desk
  - {name: old, when: {task.waiting_for: more than 30h}, then: leave, because: It is too late.}
"""


def test_an_explanation_says_what_was_seen_and_what_failed() -> None:
    """One line per condition of the winner, one reason per rule above it."""
    told = explain(judge_of(RULES), facts_at(1))
    text = explanation_text(told)
    assert (told.rule, told.number) == ("looked", 3)
    assert [(seen.fact, seen.value, seen.test) for seen in told.seen] == [
        ("last.comments_scraped", "60", "between 1 and 99")
    ]
    assert "1 task.times_disputed is 0, needs at least 1" in text
    assert len(text.splitlines()) <= 12


def test_one_change_away_is_the_smallest_change() -> None:
    """From 98 comments it is nearer to 100 than to 0."""
    told = explain(judge_of(RULES), facts_at(1, attempts=(an_attempt(comments_scraped=98),)))
    assert told.nearest == "with last.comments_scraped 100, rule 2 would WAIT"


def test_the_future_holds_every_change_and_its_exact_moment() -> None:
    """Held in the evening, free in the morning; a wait that ends; a bound that is passed."""
    judge = judge_of(RULES)
    held = explain(judge, facts_at(5), over_time=True).later
    assert [
        (later.at - CONFIRMED, later.action.value, later.until is None) for later in held[:2]
    ] == [
        (timedelta(hours=5), "dispute", False),
        (timedelta(hours=19), "dispute", True),
    ]
    facts = facts_at(1, attempts=(an_attempt(comments_scraped=100),))
    waits = explain(judge, facts, over_time=True).later
    assert [(later.at - CONFIRMED, later.rule) for later in waits] == [
        (timedelta(hours=1), "slept on"),
        (timedelta(hours=24), "no rule"),
        (timedelta(hours=30, microseconds=1), "old"),
    ]


def test_hostile_text_is_made_harmless() -> None:
    """A comment with control codes reaches no screen as such."""
    told = explain(
        judge_of("rules:\n  - {name: r, when: {task.comment_text: contains x}, then: approve}"),
        facts_at(comment_text="x\x1b[31m\u202e"),
    )
    text = explanation_text(told, everything=True)
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_names_in_doubt_are_told_beside_those_that_are_known() -> None:
    """A delivered profile that states only a name leaves the other fields open."""
    judge = judge_of(
        "applies to: {review: accounts}\n"
        "rules: [{name: a, when: {profile.differs: contains biography}, then: finalize}]",
        deadline="deadline: {decide by: 3h before deadline, if undecided: leave, because: x}",
    )
    facts = build_facts(an_account_item(), now=CONFIRMED, evidence=Profile(username="lumen.cooks"))
    (passed,) = explain(judge, facts).passed
    assert passed.mark == "cannot tell"
    assert "none; in doubt: visible_name, biography" in passed.why
    assert "deadline (an estimate)" in explain(judge, facts).subject
