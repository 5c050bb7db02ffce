"""Numbers that a slider can move: each where it stands, with a reach that makes sense."""

from __future__ import annotations

from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.service.numbers import MovableNumber, numbers_of

POLICY = """policy: numbers
language: 1
rules:
  - name: a small sum
    when:
      task.cm_payout_amount: at most 0.25 USD
      last.comments_scraped: between 1 and 99
      last.match_score: at least 0.8
      task.waiting_for: at least 1h30m
      task.time_left: less than 6h
      account.dispute_share_30d: more than 35%
      now: after 2026-12-01
      last.outcome_kind: couldnt_verify
      task.times_disputed: "at least 1"
    then: approve
deadline: {decide by: 3h before deadline, if undecided: approve, because: In time.}
"""


def found() -> list[MovableNumber]:
    """The numbers of the policy above."""
    parsed = parse_policy(POLICY, path="p.yaml", read=lambda name: b"")
    assert parsed.policy is not None, parsed.findings
    return list(numbers_of(parsed.policy))


def test_each_number_stands_where_it_says() -> None:
    """Counts, sums, scores, shares and plain lengths; no date, no `1h30m`, nothing in quotes."""
    lines = POLICY.splitlines()
    said = [
        (number.fact, lines[number.line - 1][number.start - 1 : number.end - 1])
        for number in found()
    ]

    assert said == [
        ("task.cm_payout_amount", "0.25"),
        ("last.comments_scraped", "1"),
        ("last.comments_scraped", "99"),
        ("last.match_score", "0.8"),
        ("task.time_left", "6"),
        ("account.dispute_share_30d", "35"),
    ]
    assert all(float(text) == number.value for number, (_, text) in zip(found(), said, strict=True))


def test_a_slider_reaches_as_far_as_makes_sense() -> None:
    """A score to 1, a share to 100 %, a sum and a count to some times what they are."""
    reach = [(number.most, number.step) for number in found()]

    assert reach == [(1.0, 0.01), (10.0, 1), (396.0, 1), (1.0, 0.01), (24.0, 1), (100.0, 1)]
