"""Texts by case in coverage and in mutants: a text that no test is sent, a case that nobody would miss."""

from __future__ import annotations

from reviewbot.policy.testing.cases import run_cases
from reviewbot.policy.testing.coverage import measure, mutants, survives, survivor_sentence
from tests.policy.judging import judge_of

RULES = """
rules:
  - name: not there
    when: {last.comments_scraped: between 1 and 99}
    then: dispute
    reason:
      - when: {task.cm_payout_amount: at least 0.50 USD, task.platform: tiktok}
        text: This one pays well, please look again.
      - when: {task.platform: instagram}
        text: Please look again on Instagram.
      - otherwise:
        text: Please look again at the video.
tests:
  - name: the usual one
    given: {last.comments_scraped: 1}
    expect: dispute
    reason says: at the video
  - name: a dear one
    given: {last.comments_scraped: 99, task.cm_payout_amount: 0.50 USD}
    expect: dispute
    reason says: pays well
"""


def test_a_text_that_no_test_is_sent_is_named() -> None:
    """By the line on which it stands."""
    judge = judge_of(RULES)
    untried = measure(judge, run_cases(judge)).untried

    texts = [gap for gap in untried if gap.message == "no test is sent this text"]
    assert [(gap.rule, gap.line) for gap in texts] == [("not there", 13)]


def test_a_case_that_nobody_would_miss_survives() -> None:
    """One that a test goes by does not; a moved bound within a case is a mutant as well."""
    judge = judge_of(RULES)
    results = run_cases(judge)
    left = {
        survivor_sentence(mutant) for mutant in mutants(judge.policy) if survives(mutant, results)
    }

    dropped = [gap for gap in left if "this case of the text is dropped" in gap]
    assert [gap.split(":")[0] for gap in dropped] == ["line 12"]
    assert any("at least 0.49 USD" in gap for gap in left)
    assert not any("at least 0.51 USD" in gap for gap in left)
