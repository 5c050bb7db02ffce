"""Which of the API's fields a policy looks at, so that only their drift stops it."""

from __future__ import annotations

from typing import Any

import pytest

from reviewbot.core.context import BotContext
from reviewbot.core.guard_state import DRIFT_WINDOW, DriftSpread
from reviewbot.core.pipeline import Sight
from reviewbot.safety import breaker
from reviewbot.safety.schema_drift import drifted, used_fields, widely_drifted
from tests.builders import an_item
from tests.fakes import APPROVE, START, World, always, an_app, said
from tests.policy.judging import judge_of

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
    drifted(app.guard_post, judge.policy, ["task.comment_text: missing"])
    assert app.ledger.notes("breaker") == []

    drifted(app.guard_post, judge.policy, ["task.platform: missing", "task.status: missing"])

    told = {note.value.get("field") for note in app.ledger.story("breaker", "tried")}
    assert "task.platform: missing" in told
    assert "task.comment_text: missing" not in told


def seen(spread: DriftSpread, *things: str, waiting: int = 9, now: float = 0.0) -> bool:
    """A field drifted on these of so many things."""
    return spread.is_wide(set(things), waiting, now)


def test_drift_is_wide_on_three_things_or_on_more_than_half() -> None:
    """Until then it is the trouble of the things it was seen on."""
    assert not seen(DriftSpread(), "a", "b")
    assert seen(DriftSpread(), "a", "b", "c")
    assert not seen(DriftSpread(), "a", waiting=2)
    assert seen(DriftSpread(), "a", "b", waiting=3)


def test_drift_on_nobody_knows_what_is_wide() -> None:
    """It may be on all."""
    assert DriftSpread().is_wide(None, 9, 0.0)
    assert DriftSpread().is_wide(frozenset(), 9, 0.0)


def test_what_was_seen_counts_for_a_day() -> None:
    """One by one within a day is wide as well; what is older is forgotten, to the second."""
    spread = DriftSpread()
    assert not seen(spread, "a", now=0.0)
    assert not seen(spread, "b", now=1.0)
    assert seen(spread, "c", now=DRIFT_WINDOW)
    assert seen(spread, "c", now=DRIFT_WINDOW + 1)
    late = DriftSpread()
    assert not seen(late, "a", now=0.0)
    assert not seen(late, "b", now=1.0)
    assert not seen(late, "c", now=DRIFT_WINDOW + 1)
    assert seen(late, "d", now=DRIFT_WINDOW + 1)


def test_what_is_wide_stays_so_while_it_is_seen() -> None:
    """Fewer of them next time do not make it narrow; a day without any does."""
    spread = DriftSpread()
    assert seen(spread, "a", "b", "c")
    assert seen(spread, "a", now=10.0)
    assert seen(spread, "b", now=DRIFT_WINDOW - 1)
    assert not seen(spread, "z", now=3 * DRIFT_WINDOW)


def test_the_same_thing_again_adds_nothing() -> None:
    """When the others have left, one odd thing is not more than half of all."""
    spread = DriftSpread()
    assert not seen(spread, "a", waiting=9)
    assert not seen(spread, "a", waiting=1, now=5.0)


# To the letter -------------------------------------------------------------------------------


def a_bot_that_drifts(on: dict[str, frozenset[str]], *drift: str, waiting: int) -> BotContext:
    """One whose list showed changed fields on some of what waits."""
    app = an_app(World(), always(APPROVE))
    (bench,) = app.benches
    bench.drift, bench.drift_on = drift, on
    bench.sights = {f"t{n}": Sight(an_item(), 0.0) for n in range(waiting)}
    return app


def widely(app: BotContext) -> list[str]:
    """What drifted widely."""
    return widely_drifted(app.guard_post, app.benches[0])


def test_only_what_drifts_widely_is_named() -> None:
    """On one of three it is not, on two it is; where nobody knows on what, it may be on all."""
    on = {"a: x": frozenset({"t0"}), "b: x": frozenset({"t0", "t1"})}
    app = a_bot_that_drifts(on, "a: x", "b: x", "c: x", waiting=3)
    assert widely(app) == ["b: x", "c: x"]
    assert set(app.guard.drifting) == {"a: x", "b: x", "c: x"}


def test_what_waited_in_the_pass_before_counts_as_well() -> None:
    """What was read of a thing's evidence is told with the next list, when others may be decided."""
    app = a_bot_that_drifts({"a: x": frozenset({"t0"})}, "a: x", waiting=1)
    app.guard.waited["comments"] = 2
    assert widely(app) == []
    assert app.guard.waited == {"comments": 1}
    app.guard.drifting.clear()
    assert widely(app) == ["a: x"]


def test_a_field_is_kept_in_mind_from_pass_to_pass() -> None:
    """One thing each hour: on the third it is wide, at its moment by the steady clock."""
    app = a_bot_that_drifts({}, "a: x", waiting=9)
    found = []
    for n in range(3):
        app.benches[0].drift_on = {"a: x": frozenset({f"t{n}"})}
        found.append(widely(app))
        app.clock.sleep(3_600)
    assert found == [[], [], ["a: x"]]
    assert app.guard.drifting["a: x"].things == {"t0": 0.0, "t1": 3_600.0, "t2": 7_200.0}


def test_what_was_seen_again_counts_from_then() -> None:
    """A thing on which it was seen all along is not forgotten after a day."""
    spread = DriftSpread()
    assert not seen(spread, "a", now=0.0)
    assert not seen(spread, "a", now=DRIFT_WINDOW)
    assert not seen(spread, "b", now=DRIFT_WINDOW + 5)
    assert spread.things == {"a": DRIFT_WINDOW, "b": DRIFT_WINDOW + 5}
    assert seen(spread, "c", now=2 * DRIFT_WINDOW)


def drift_of(*drift: str) -> tuple[BotContext, list[Any]]:
    """What the breaker says after these fields drifted, of which the first is known to a person."""
    judge = judge_of("rules:\n  - {name: r, when: {task.platform: tiktok}, then: escalate}")
    app = an_app(World(), always(APPROVE))
    app.benches[0].judges = (judge,)
    drifted(app.guard_post, judge.policy, drift[:1])
    breaker.close(app.ledger, reason="known", who="ana", now=START)
    app.guard.refresh(app.ledger)
    said(app).events.clear()
    drifted(app.guard_post, judge.policy, drift)
    return app, list(app.ledger.story("breaker", "tried"))


def test_what_a_person_knows_of_does_not_stop_it_and_the_next_does() -> None:
    """The breaker names the policy, the sign, and the field in words."""
    app, story = drift_of("task.platform: odd", "task.comment_text: odd", "task.status: odd")
    what = "the API changed a field that the policy uses: task.status: odd"
    assert [note.value["open"] for note in story] == [True, False, True]
    assert story[-1].value == {
        "open": True,
        "sign": "drift",
        "what": what,
        "field": "task.status: odd",
    }
    assert said(app).named("breaker opened") == [{"policy": "tried", "sign": "drift", "what": what}]


def test_the_same_field_that_changes_otherwise_is_news() -> None:
    """What a person knows of is how it changed."""
    _, story = drift_of("task.platform: odd", "task.platform: missing")
    assert story[-1].value["field"] == "task.platform: missing"
    _, story = drift_of("task.platform: odd", "task.platform: odd")
    assert story[-1].value["open"] is False


def test_an_account_s_review_needs_its_id_and_status_only() -> None:
    """Beside what its conditions look at."""
    judge = judge_of(
        "applies to: {review: accounts}\n"
        "rules:\n  - {name: fix, when: {profile.biography: contains x}, then: escalate}",
        deadline="deadline: {decide by: 6h before deadline, if undecided: escalate}",
    )
    assert used_fields(judge.policy) == {"bundle.id", "bundle.account_status", "profile.biography"}
