"""Ready-made answers: which text the rule that asked names, and why another cannot be sent."""

from __future__ import annotations

from typing import Any

from reviewbot.domain.task import Timeline
from reviewbot.policy.facts import Facts, History, build_facts
from reviewbot.review.answer import texts_of
from tests.acceptance.house import judge_of
from tests.builders import a_profile, an_account_item, an_attempt, an_item
from tests.fakes import START

POLICY = """
policy: texts
language: 1
rules:
  - name: not there
    when:
      last.outcome_kind: wrong_text
    then: dispute
    reason: not_found
  - name: in its own words
    when:
      task.comment_length: more than 400
    then: dispute
    reason: "We found a text of {last.comments_scraped} comments with {last.match_score}."
  - name: a person looks
    always: yes
    then: escalate
reasons:
  not_found: We read {last.comments_scraped} comments and did not find yours.
  late:
    tiktok: You are late.
    instagram: You are late, too.
  wrong_account: The comment was posted from another account.
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay when we cannot show what is wrong.
"""
JUDGE = judge_of(POLICY)


def facts(evidence: bool, **past: Any) -> Facts:
    """What is known of a task, with or without what the checker saw."""
    seen = Timeline(
        task_id=an_item().id, attempts=(an_attempt(comments_scraped=40, match_score=0.5),)
    )
    return build_facts(
        an_item(), now=START, evidence=seen if evidence else None, past=History(disputes=0, **past)
    )


def test_what_can_be_written_and_what_is_missing_for_the_rest() -> None:
    """A text that lacks its facts is named with them: it is there, they are not."""
    found = texts_of(JUDGE, facts(evidence=False))
    assert [text.name for text in found.written] == ["late", "wrong_account"]
    assert found.unwritten == {
        "not_found": "the facts are missing, not the text: last.comments_scraped is unknown",
        "in its own words": "the facts are missing, not the text: last.comments_scraped,"
        " last.match_score are unknown",
    }
    with_all = texts_of(JUDGE, facts(evidence=True))
    assert [text.name for text in with_all.written] == [
        "not_found",
        "late",
        "wrong_account",
        "in its own words",
    ]


def test_a_text_without_a_variant_for_the_task_is_named() -> None:
    """It has none for a platform that nobody knows."""
    nowhere = build_facts(
        an_item(platform=None), now=START, evidence=None, past=History(disputes=0)
    )
    assert texts_of(JUDGE, nowhere).unwritten["late"] == (
        "none of its variants is for this round or platform"
    )


def test_the_same_words_are_not_offered_twice() -> None:
    """They were sent before."""
    found = texts_of(
        JUDGE, facts(evidence=True, texts=("The comment was posted from another account.",))
    )
    assert "sent before" in found.unwritten["wrong_account"]


def test_only_the_rule_that_asked_names_a_text() -> None:
    """Its reason's name, or its own where the words stand in the rule itself."""
    seen = facts(evidence=True)
    for rule, name in (
        ("not there", "not_found"),
        ("in its own words", "in its own words"),
        ("a person looks", None),
        ("deadline", None),
        ("", None),
    ):
        assert texts_of(JUDGE, seen, asked_by=rule).asked_for == name


def test_the_corrections_of_an_account_are_texts_as_well() -> None:
    """Whole or not at all: the comment and each field's text."""
    judge = judge_of(
        """
policy: accounts
language: 1
applies to:
  review: accounts
rules:
  - name: digits
    when:
      profile.username: matches pattern digits
    then: request corrections
    comment: One thing before this account can go live.
    fields:
      username: Please drop the digits of {profile.username}.
  - name: a person looks
    always: yes
    then: escalate
patterns:
  digits:
    regex: "[0-9]{4}$"
    matches: [lumen2024]
    does not match: [lumen]
deadline:
  decide by: 6h before deadline
  if undecided: escalate
"""
    )
    known, unknown = (
        build_facts(an_account_item(profile=profile), now=START, evidence=profile)
        for profile in (a_profile(username="lumen2024"), None)
    )
    found = texts_of(judge, known, asked_by="digits")
    (made,) = found.written
    assert (made.name, made.fields) == (
        "digits",
        {"username": "Please drop the digits of lumen2024."},
    )
    assert found.asked_for == "digits"
    assert texts_of(judge, unknown).unwritten == {
        "digits": "the facts are missing, not the text: profile.username is unknown"
    }
