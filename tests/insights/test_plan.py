"""What a report shows: now, each later change at its exact moment, and how it will end."""

from __future__ import annotations

from datetime import timedelta

from reviewbot.domain.errors import ServerFault
from reviewbot.insights.plan import plan
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.explain.what_if import over_time
from reviewbot.policy.facts import build_facts
from reviewbot.policy.language.parser import parse_policy
from reviewbot.safety import pauses
from tests.builders import CONFIRMED, an_item
from tests.fakes import APPROVE, START, World, always, an_app
from tests.safety.test_guards import ASK, PAY, a_policy, a_room

POLICY = """
policy: over-time
language: 1
timezone: Europe/Lisbon
hours:
  desk:
    open: mon-fri 09:00-18:00
rules:
  - name: old enough
    when:
      task.waiting_for: more than 30h
      task.time_left: at least 20h
    then: dispute
    reason: Please look at this once more.
    act during: desk
  - name: young
    when:
      task.waiting_for: less than 12h
    then: wait
    until: 24h after confirmed
deadline:
  decide by: 4h before deadline
  if undecided: approve
  because: We pay in doubt.
"""
RAILS = "guardrails:\n  approvals: at most 2 per hour\n  when over: {over}\n"


def the_judge() -> Judge:
    """The policy above, compiled."""
    parsed = parse_policy(POLICY, path="p.yaml", read=lambda name: b"")
    assert parsed.policy is not None, parsed.findings
    return compile_policy(parsed.policy)


def test_each_change_stands_at_its_exact_moment() -> None:
    """Units, hours and the deadline: Tuesday noon to Friday noon, in Lisbon's summer time."""
    judge, item = the_judge(), an_item()
    assert item.deadline_at is not None
    answers = over_time(judge, build_facts(item, now=CONFIRMED), item.deadline_at)

    hours = [
        (round((moment - CONFIRMED) / timedelta(hours=1), 3), answer.action.value, answer.until)
        for moment, answer in answers
    ]
    opens = CONFIRMED + timedelta(hours=44)
    assert hours == [
        (0.0, "wait", CONFIRMED + timedelta(hours=24)),
        (12.0, "escalate", None),
        (30.0, "dispute", opens),
        (44.0, "dispute", None),
        (52.0, "escalate", None),
        (68.0, "approve", None),
    ]


def test_no_change_lies_between_the_moments_found() -> None:
    """Judged every ten minutes, the answer is that of the last moment found."""
    judge, item = the_judge(), an_item()
    facts = build_facts(item, now=CONFIRMED)
    assert item.deadline_at is not None
    answers = over_time(judge, facts, item.deadline_at)

    from msgspec.structs import replace

    for minutes in range(0, 72 * 60, 10):
        now = CONFIRMED + timedelta(minutes=minutes)
        expected = [answer for moment, answer in answers if moment <= now][-1]
        found = judge.judge(replace(facts, now=now))
        assert (found.action, found.rule, found.until) == (
            expected.action,
            expected.rule,
            expected.until,
        )


def test_a_plan_sends_nothing_and_tells_how_each_will_end() -> None:
    """An approval by rule now; the log stays empty."""
    world = World()
    world.add(*[an_item(id=f"task-{n}") for n in range(3)])
    app = an_app(world, always(APPROVE), live=False)
    app.benches[0].judges = (the_judge(),)

    found = plan(app)

    assert (len(found.planned), found.writes, world.sent) == (3, 0, [])
    assert found.ends == {"sent back": 3}
    assert app.ledger.decisions() == []
    assert app.ledger.unended("comments") == []


def test_what_cannot_be_judged_is_named_with_its_reason() -> None:
    """One timeline fails; the others stand in the plan."""
    world = World(trouble={"evidence": [ServerFault("the API answered 500", status=500)]})
    world.add(*[an_item(id=f"task-{n}") for n in range(3)])
    app = an_app(world, always(APPROVE), live=False)
    app.limits = type(app.limits)(always_evidence=True)
    app.benches[0].judges = (the_judge(),)

    found = plan(app)

    assert [failed.why for failed in found.failed] == ["the API answered 500"]
    assert len(found.planned) == 2


def test_a_full_cap_that_asks_counts_as_questions() -> None:
    """Not as approvals: what goes out now, and what people are asked, are what the guards make of it."""
    room = a_room(a_policy(PAY, RAILS.format(over="escalate")), count=5)

    found = plan(room.app)

    assert (found.now, found.people_needed) == ({"approve": 2, "escalate": 3}, 3)


def test_what_is_held_is_not_counted_as_sent() -> None:
    """By a cap that asks nobody, by a pause, or by an open breaker; a question stays one."""
    capped = a_room(a_policy(PAY, RAILS.format(over="hold")), count=5)
    paused = a_room(a_policy(PAY), count=2)
    asked = a_room(a_policy(ASK), count=2)
    for room in (paused, asked):
        pauses.pause(room.ledger, "all", reason="x", who="ana", until=None, now=START)

    found = [plan(room.app) for room in (capped, paused, asked)]

    assert [queue.now for queue in found] == [
        {"approve": 2, "held": 3},
        {"held": 2},
        {"escalate": 2},
    ]
    assert [queue.people_needed for queue in found] == [0, 0, 2]
