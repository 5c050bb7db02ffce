"""From a rule that matched to what is done: texts that cannot be sent, hours, and the deadline's say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from reviewbot.domain.decision import Action
from reviewbot.policy.compile import compile_policy
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.facts import NO_HISTORY, Facts, History, build_facts
from reviewbot.policy.model import OpenRange
from tests.builders import CONFIRMED, a_profile, an_account_item, an_attempt
from tests.policy.judging import facts_at, judge_of

PEOPLE = """
deadline:
  decide by: 6h before deadline
  if undecided: escalate
  because: People look.
"""
CORRECTIONS = """
applies to: {review: accounts}
rules:
  - name: fix
    when: {profile.username: contains lumen}
    then: request corrections
    comment: Please change "{profile.visible_name}" as ordered.
    fields:
      username: Please drop {profile.biography}
"""
HELD = """
hours:
  desk: {open: mon-fri 09:00-18:00}
rules:
  - {name: pay, always: yes, then: approve, act during: desk}
"""


def account_facts(past: History = NO_HISTORY, **delivered: Any) -> Facts:
    """The facts of an account an hour after it came in; `delivered` changes its profile."""
    profile = a_profile(**delivered)
    now = CONFIRMED + timedelta(hours=1)
    return build_facts(an_account_item(profile=profile), now=now, evidence=profile, past=past)


def test_corrections_carry_their_comment_and_a_text_for_each_field() -> None:
    """All of them filled in with what is known."""
    made = judge_of(CORRECTIONS, deadline=PEOPLE).judge(account_facts())
    assert (made.action, made.rule) == (Action.REQUEST_CORRECTIONS, "fix")
    assert made.reason == 'Please change "Lumen Cooks" as ordered.'
    assert made.fields == {"username": "Please drop One pan, one city: Lisbon."}


@pytest.mark.parametrize(
    ("delivered", "past", "problem"),
    [
        ({"visible_name": None}, (), "written: profile.visible_name is unknown"),
        ({"biography": None}, (), "written: profile.biography is unknown"),
        ({"biography": "x" * 500}, (), "sent: a field's text is empty or too long"),
        (
            {},
            ('Please  change "Lumen Cooks" as ordered.',),
            "sent: the same words were sent before",
        ),
    ],
)
def test_corrections_that_cannot_be_sent_become_a_question(
    delivered: dict[str, Any], past: tuple[str, ...], problem: str
) -> None:
    """Nothing of them is sent; a person is told what stood in the way."""
    made = judge_of(CORRECTIONS, deadline=PEOPLE).judge(
        account_facts(History(texts=past), **delivered)
    )
    assert (made.action, made.rule) == (Action.ESCALATE, "fix")
    assert made.note == made.reason == f"its text could not be {problem}"
    assert made.fields is None


def test_a_dispute_that_cannot_be_written_becomes_a_question() -> None:
    """A fact that its words need is unknown: nobody is sent half a reason."""
    judge = judge_of(
        """
rules:
  - name: back
    when: {task.platform: tiktok}
    then: dispute
    reason: We read {last.comments_scraped} comments and yours was not there.
"""
    )
    made = judge.judge(facts_at(attempts=(an_attempt(comments_scraped=None),)))
    assert (made.action, made.rule) == (Action.ESCALATE, "back")
    assert made.note == "its text could not be written: last.comments_scraped is unknown"


def never_open(judge: Judge) -> Judge:
    """The same policy with hours that have no day."""
    hours = msgspec.structs.replace(
        judge.policy.hours[0], open=(OpenRange(days=(), start=540, end=1080),)
    )
    return compile_policy(msgspec.structs.replace(judge.policy, hours=(hours,)))


def test_an_action_whose_hours_never_open_becomes_a_question() -> None:
    """It is not held for ever."""
    made = never_open(judge_of(HELD)).judge(facts_at())
    assert (made.action, made.rule) == (Action.ESCALATE, "pay")
    assert made.note == "its hours never open again"


def test_what_is_held_over_its_deadline_is_said_with_the_moment_it_waited_for() -> None:
    """The fallback's note names action, rule and opening."""
    deadline = "deadline: {decide by: 9h after confirmed, if undecided: leave, because: Timer.}"
    made = judge_of(HELD, deadline=deadline).judge(facts_at(10))
    assert (made.action, made.reason) == (Action.LEAVE, "Timer.")
    assert (
        made.note == "undecided at its deadline: approve until 2026-06-03 07:00 UTC by rule 'pay'"
    )


LATE = """
deadline:
  decide by: 3h before deadline
  if undecided:
    - when: {task.platform: tiktok}
      then: dispute
      reason: We read {last.comments_scraped} comments and yours was not there.
    - otherwise: leave
  because: The deadline is near.
"""
NOBODY = "rules:\n  - {name: never, when: {task.times_disputed: at least 9}, then: approve}"
ASK = "rules:\n  - {name: ask, always: yes, then: escalate}"


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize(
    ("rules", "undecided"), [(NOBODY, "no rule matches"), (ASK, "escalate by rule 'ask'")]
)
def test_a_fallback_that_writes_says_what_it_replaces(
    rules: str, undecided: str, traced: bool
) -> None:
    """Its text is filled in like a rule's, whether or not a rule asked for a person before."""
    made = judge_of(rules, deadline=LATE).judge(facts_at(70), trace=traced)
    assert (made.action, made.rule) == (Action.DISPUTE, "deadline")
    assert made.reason == "We read 60 comments and yours was not there."
    assert made.note == f"undecided at its deadline: {undecided}"


@pytest.mark.parametrize("traced", [False, True])
def test_a_fallback_whose_text_cannot_be_written_says_both(traced: bool) -> None:
    """The person who gets it reads what was undecided and why the fallback could not act."""
    facts = facts_at(70, attempts=(an_attempt(comments_scraped=None),))
    made = judge_of(NOBODY, deadline=LATE).judge(facts, trace=traced)
    assert (made.action, made.rule) == (Action.ESCALATE, "deadline")
    assert made.note == (
        "undecided at its deadline: no rule matches; the fallback became a question for a person:"
        " its text could not be written: last.comments_scraped is unknown"
    )


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("rules", [NOBODY, ASK, HELD])
def test_where_no_case_fits_the_undecided_stay_so(rules: str, traced: bool) -> None:
    """A policy without a last word pays nothing by its deadline."""
    policy = judge_of(rules, deadline=LATE).policy
    cases = (policy.deadline.fallbacks[0],)
    open_ended = msgspec.structs.replace(
        policy, deadline=msgspec.structs.replace(policy.deadline, fallbacks=cases)
    )
    before, late = (
        compile_policy(open_ended).judge(facts_at(hours, platform="instagram"), trace=traced)
        for hours in (68, 82)
    )
    assert (late.action, late.rule, late.undecided) == (before.action, before.rule, True)
