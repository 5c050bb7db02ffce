"""Which of the API's fields a policy looks at, so that only their drift stops it."""

from __future__ import annotations

import pytest

from reviewbot.service.guards.drifting import DRIFT_WINDOW, Spread, drifted, used_fields
from tests.policy.judging import judge_of
from tests.service.fakes import APPROVE, World, always, an_app

ALWAYS = {
    "task.id",
    "task.status",
    "task.manually_confirmed_at",
    "task.client_dispute_deadline_at",
    "task.updated_at",
}


@pytest.mark.parametrize(
    ("when", "fields"),
    [
        ("{task.platform: tiktok}", {"task.platform"}),
        ("{last.outcome_kind: couldnt_verify}", {"attempt.outcome_kind"}),
        ("{checks.failed: at least 1}", {"attempt.outcome_kind"}),
        ("{checks.count: at least 1}", {"timeline.attempts"}),
        ("{checks.best_score: more than 0.5}", {"attempt.match_score"}),
        ("{checks.most_comments: at least 5}", {"attempt.comments_scraped"}),
        ("{checks.fewest_comments: at least 5}", {"attempt.comments_scraped"}),
        ("{account.disputes_30d: at least 1}", set()),
        (
            "{any check: {match_score: more than 0.5, comments_scraped: at least 3}}",
            {"attempt.match_score", "attempt.comments_scraped"},
        ),
        (
            "{none of: [{task.platform: tiktok}, {any of: [{last.verified: no}, {task.comment_text: contains x}]}]}",
            {"task.platform", "attempt.verified", "task.comment_text"},
        ),
    ],
)
def test_a_condition_uses_the_fields_its_facts_are_read_from(when: str, fields: set[str]) -> None:
    """Wherever in a condition they stand, and besides what every review needs."""
    judge = judge_of(f"rules:\n  - {{name: r, when: {when}, then: escalate}}")
    assert used_fields(judge.policy) == ALWAYS | fields


def test_an_account_s_fields_are_its_own() -> None:
    """Its bundle, its profile and the feedback on it."""
    judge = judge_of(
        """
applies to: {review: accounts}
rules:
  - name: fix
    when: {profile.username: contains x, feedback.corrections_requested: 0}
    then: finalize
""",
        deadline="deadline: {decide by: 6h before deadline, if undecided: escalate}",
    )
    used = used_fields(judge.policy)
    assert used >= {"bundle.id", "bundle.account_status", "profile.username"}
    assert not used & ALWAYS


def test_each_used_field_that_drifts_opens_the_breaker_by_its_name() -> None:
    """Those that are not used do not; what a person knows of does not again."""
    judge = judge_of("rules:\n  - {name: r, when: {task.platform: tiktok}, then: escalate}")
    app = an_app(World(), always(APPROVE))
    app.benches[0].judges = (judge,)
    drifted(app, judge.policy, ["task.comment_text: missing"])
    assert app.ledger.notes("breaker") == []

    drifted(app, judge.policy, ["task.platform: missing", "task.status: missing"])

    told = {note.value.get("field") for note in app.ledger.story("breaker", "tried")}
    assert "task.platform: missing" in told
    assert "task.comment_text: missing" not in told


def seen(spread: Spread, *things: str, waiting: int = 9, now: float = 0.0) -> bool:
    """A field drifted on these of so many things."""
    return spread.is_wide(set(things), waiting, now)


def test_drift_is_wide_on_three_things_or_on_more_than_half() -> None:
    """Until then it is the trouble of the things it was seen on."""
    assert not seen(Spread(), "a", "b")
    assert seen(Spread(), "a", "b", "c")
    assert not seen(Spread(), "a", waiting=2)
    assert seen(Spread(), "a", "b", waiting=3)


def test_drift_on_nobody_knows_what_is_wide() -> None:
    """It may be on all."""
    assert Spread().is_wide(None, 9, 0.0)
    assert Spread().is_wide(frozenset(), 9, 0.0)


def test_what_was_seen_counts_for_a_day() -> None:
    """One by one within a day is wide as well; what is older is forgotten, to the second."""
    spread = Spread()
    assert not seen(spread, "a", now=0.0)
    assert not seen(spread, "b", now=1.0)
    assert seen(spread, "c", now=DRIFT_WINDOW)
    assert seen(spread, "c", now=DRIFT_WINDOW + 1)
    late = Spread()
    assert not seen(late, "a", now=0.0)
    assert not seen(late, "b", now=1.0)
    assert not seen(late, "c", now=DRIFT_WINDOW + 1)
    assert seen(late, "d", now=DRIFT_WINDOW + 1)


def test_what_is_wide_stays_so_while_it_is_seen() -> None:
    """Fewer of them next time do not make it narrow; a day without any does."""
    spread = Spread()
    assert seen(spread, "a", "b", "c")
    assert seen(spread, "a", now=10.0)
    assert seen(spread, "b", now=DRIFT_WINDOW - 1)
    assert not seen(spread, "z", now=3 * DRIFT_WINDOW)


def test_the_same_thing_again_adds_nothing() -> None:
    """When the others have left, one odd thing is not more than half of all."""
    spread = Spread()
    assert not seen(spread, "a", waiting=9)
    assert not seen(spread, "a", waiting=1, now=5.0)
