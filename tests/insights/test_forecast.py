"""What will be paid unread: by too few people, too small a budget, something held, or the policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.core.questions import open_questions
from reviewbot.domain.decision import Action
from reviewbot.foresight.gather import Bot
from reviewbot.foresight.turn import Job, Worker, work_off
from reviewbot.insights.forecast import LEAST, Forecast, ResponseTimes, forecast, pace
from reviewbot.insights.plan import plan, recall_evidence
from reviewbot.review.answer import PersonAnswer, answer
from reviewbot.safety import pauses
from tests.acceptance.house import House, house
from tests.builders import CONFIRMED
from tests.review.test_people import EVERYTHING_IS_ASKED, wait_until

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOBODY = ResponseTimes(answers=0, open_for=HOUR, people=())
EVERYTHING_IS_PAID = """
policy: pays
language: 1
rules:
  - name: all of it
    always: yes
    then: approve
deadline:
  decide by: 3h before deadline
  if undecided: approve
  because: We pay.
"""


@pytest.fixture
def asked() -> Iterator[House]:
    """A live bot that has asked about every one of 20 tasks."""
    with house(policy=EVERYTHING_IS_ASKED, tasks=20) as made:
        made.poll()
        yield made


def ahead(made: House, known: ResponseTimes = NOBODY, *, rate: float = 96.0) -> Forecast:
    """The forecast for a house, with people at a given pace."""
    seen = plan(made.app, bot=Bot(requests_per_minute=rate))
    found = [planned.future for planned in seen.planned]
    return forecast(found, seen.standing, known, unreadable=seen.failed)


def test_questions_that_nobody_answers_are_paid_unread(asked: House) -> None:
    """Where nobody has answered lately, every question ends as the policy's fallback says."""
    found = ahead(asked)

    assert (found.open_tasks, found.questions, len(found.unread)) == (20, 20, 20)
    assert {(task.by, task.why) for task in found.unread} == {("fallback", "people")}
    assert found.unread[0].at == min(task.at for task in found.unread)
    assert found.micros > 0 and found.more_people is None


def test_what_a_rule_pays_is_not_unread() -> None:
    """A rule has read it: nothing to foresee while the budget is enough."""
    with house(policy=EVERYTHING_IS_PAID, tasks=20) as made:
        found = ahead(made)

    assert (found.open_tasks, found.unread, found.decisions) == (20, (), 20)


def test_a_budget_too_small_leaves_the_rest_to_silence() -> None:
    """Three hundred tasks and three requests an hour: what is due first cannot all be sent in time."""
    with house(policy=EVERYTHING_IS_PAID, tasks=300) as made:
        found = ahead(made, rate=0.05)

    assert found.unread
    assert {(task.by, task.why) for task in found.unread} == {("silence", "budget")}


@pytest.mark.parametrize(
    ("over", "why", "by"), [("hold", "held", "silence"), ("escalate", "people", "silence")]
)
def test_what_a_cap_never_lets_through_goes_to_silence(over: str, why: str, by: str) -> None:
    """One approval a day and twenty tasks: the cap is named, with all that it keeps back."""
    cap = (
        f"guardrails:\n  approvals: at most 1 per day\n  when over: {over}\n  fallback exempt: no\n"
    )
    with house(policy=EVERYTHING_IS_PAID + cap, tasks=20) as made:
        found = ahead(made)

    (capped,) = found.caps
    assert capped.cap == "approvals: at most 1 per day"
    assert len(found.unread) == capped.to_silence > 10
    assert {(task.why, task.by) for task in found.unread} == {(why, by)}
    assert all(task.note == f"the cap {capped.cap}" for task in found.unread)
    assert found.questions == (capped.count if over == "escalate" else 0)


def test_a_cap_that_only_puts_off_harms_nobody() -> None:
    """All of it finds room before its deadline."""
    cap = "guardrails:\n  approvals: at most 19 per hour\n  when over: hold\n"
    with house(policy=EVERYTHING_IS_PAID + cap, tasks=20) as made:
        found = ahead(made)

    assert found.unread == ()
    assert (found.caps[0].count, found.caps[0].to_silence) == (1, 0)


def test_what_is_paused_for_good_goes_to_silence() -> None:
    """A pause without an end is foreseen to last."""
    with house(policy=EVERYTHING_IS_PAID, tasks=5) as made:
        pauses.pause(
            made.app.ledger,
            "approve",
            reason="a strike",
            who="lea",
            until=None,
            now=made.clock.now(),
        )
        found = ahead(made)

    assert {(task.by, task.why) for task in found.unread} == {("silence", "held")}
    assert len(found.unread) == 5 and "paused by lea" in found.holds[0]


def test_a_pause_that_ends_in_time_harms_nobody() -> None:
    """What is only put off is still sent before its deadline."""
    with house(policy=EVERYTHING_IS_PAID, tasks=5) as made:
        first = min(planned.item.deadline_at for planned in plan(made.app).planned)
        now = made.clock.now()
        until = first - timedelta(minutes=30)
        pauses.pause(made.app.ledger, "all", reason="lunch", who="lea", until=until, now=now)

        assert ahead(made).unread == ()


def test_fast_people_leave_nothing_unread(asked: House) -> None:
    """With answers every few seconds all questions are answered in time."""
    found = ahead(asked, ResponseTimes(answers=6000, open_for=6 * HOUR, people=("ana",)))

    assert found.unread == () and found.more_people is None


def test_how_many_more_people_would_help_is_true(asked: House) -> None:
    """With so many more it is as little as people can make it, and one fewer is not enough."""
    slow = ResponseTimes(answers=6, open_for=48 * HOUR, people=("ana",))
    found = ahead(asked, slow)
    more = found.more_people

    assert more is not None and more.left < len(found.unread)
    assert more.before >= found.at

    def with_people(count: int) -> int:
        names = tuple(f"p{n}" for n in range(count + 1))
        same_each = ResponseTimes(
            answers=slow.answers * len(names), open_for=slow.open_for, people=names
        )
        return len(ahead(asked, same_each).unread)

    assert with_people(more.count) == more.left
    assert with_people(more.count - 1) > more.left


def test_little_is_known_of_people_who_answered_little(asked: House) -> None:
    """One quick answer is no pace of ten an hour, and says nothing about more people."""
    question = open_questions(asked.app.ledger, asked.clock.now())[0]
    asked.clock.sleep(60)
    answer(asked.app, question, PersonAnswer(action=Action.APPROVE, who="ana"))

    known = pace(asked.app.ledger, asked.clock.now())

    assert (known.answers, known.people) == (1, ("ana",))
    assert known.per_hour == pytest.approx(HOUR / LEAST)
    assert ahead(asked, known).more_people is None


def test_a_pace_counts_only_time_with_an_open_question(asked: House) -> None:
    """Days with nothing to answer make nobody slow."""
    start = asked.clock.now()
    for _ in range(12):
        wait_until(asked, asked.clock.now() + HOUR)
        question = open_questions(asked.app.ledger, asked.clock.now())[0]
        answer(asked.app, question, PersonAnswer(action=Action.APPROVE, who="ana"))

    known = pace(asked.app.ledger, asked.clock.now())

    assert known.answers >= 8
    asking = timedelta(minutes=1)  # the pass before, which fetched the evidence of each question
    assert timedelta(0) < known.open_for <= asked.clock.now() - start + asking


def test_looking_ahead_by_the_logs_evidence_costs_no_timelines(asked: House) -> None:
    """What the log holds of an unchanged task is not fetched again, and the answer is the same."""
    asked.app.benches[0].evidence.clear()
    asked.app.limits = type(asked.app.limits)(always_evidence=True)
    asked.poll(minutes=1)
    fetched = plan(asked.app)
    asked.app.benches[0].evidence.clear()

    recall_evidence(asked.app)
    remembered = plan(asked.app)

    assert [planned.end for planned in remembered.planned] == [
        planned.end for planned in fetched.planned
    ]


def test_desks_take_the_most_urgent_first_and_leave_what_is_too_late() -> None:
    """One desk, an hour a job: of three due within two hours the last is missed, not the first."""
    jobs = [
        Job(name=name, start=CONFIRMED, due=CONFIRMED + due * HOUR)
        for name, due in (("late", 5), ("soon", 1.5), ("next", 2.5), ("lost", 2.6))
    ]

    assert work_off(jobs, [Worker(opens=CONFIRMED, takes=HOUR)]) == {"lost"}


MOMENTS = st.integers(0, 100)


@given(
    spans=st.lists(st.tuples(MOMENTS, MOMENTS), max_size=12),
    opens=st.lists(MOMENTS, max_size=3),
    takes=st.integers(1, 20),
)
def test_desks_never_do_more_than_their_time_allows(
    spans: list[tuple[int, int]], opens: list[int], takes: int
) -> None:
    """Every job done was due after a desk had time for it; without desks all are missed."""
    minute = timedelta(minutes=1)
    jobs = [
        Job(
            name=str(n), start=CONFIRMED + start * minute, due=CONFIRMED + (start + length) * minute
        )
        for n, (start, length) in enumerate(spans)
    ]
    desks = [Worker(opens=CONFIRMED + minutes * minute, takes=takes * minute) for minutes in opens]

    missed = work_off(jobs, desks)

    kept = [job for job in jobs if job.name not in missed]
    assert missed <= {job.name for job in jobs}
    if not desks:
        assert not kept
    if kept:
        last = max(job.due for job in kept)
        room = sum((last - desk.opens) // (takes * minute) for desk in desks if desk.opens < last)
        assert len(kept) <= room


def test_a_pause_of_everything_stops_fast_people_too(asked: House) -> None:
    """However fast they are, no answer of theirs gets through, and silence pays; until it ends."""
    fast = ResponseTimes(answers=6000, open_for=6 * HOUR, people=("ana",))
    now = asked.clock.now()
    pauses.pause(asked.app.ledger, "all", reason="x", who="lea", until=None, now=now)

    found = ahead(asked, fast)

    assert len(found.unread) == 20
    assert {(task.by, task.why) for task in found.unread} == {("silence", "held")}

    pauses.pause(asked.app.ledger, "all", reason="x", who="lea", until=now + HOUR, now=now)
    # What is due to the fallback by then goes with the next pass, before anybody can answer.
    unread = ahead(asked, fast).unread
    assert {task.by for task in unread} <= {"fallback"}
    assert all(task.at and now + HOUR <= task.at < now + HOUR + MINUTE for task in unread)


def test_a_pause_of_one_action_leaves_people_the_other(asked: House) -> None:
    """They can still send back what they may not approve."""
    fast = ResponseTimes(answers=6000, open_for=6 * HOUR, people=("ana",))
    now = asked.clock.now()
    pauses.pause(asked.app.ledger, "approve", reason="x", who="lea", until=None, now=now)

    assert ahead(asked, fast).unread == ()
