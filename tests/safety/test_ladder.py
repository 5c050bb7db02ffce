"""A rule with a ladder climbs by what became of its decisions, falls when overruled, and a person can hold it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from reviewbot.core.questions import find_round
from reviewbot.core.replay import replay
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import Action
from reviewbot.domain.errors import UsageError
from reviewbot.foresight.gather import Bot, outlook_of
from reviewbot.insights import ladder as shown_ladder
from reviewbot.insights.ladder import FEWEST, Shown, due_steps
from reviewbot.insights.plan import plan
from reviewbot.policy.ladder import LIVE, SHADOW, Stage
from reviewbot.review.answer import PersonAnswer, answer
from reviewbot.review.poll import poll_once
from reviewbot.runtime.chores import move_ladders
from reviewbot.safety import ladder
from tests.fakes import START, an_app
from tests.safety.test_guards import PAY, Room, a_policy, a_room, tasks

BACK = (
    "  - name: back\n    always: yes\n    then: dispute\n"
    "    reason: Please post it again, as written.\n"
)
REST = "  - name: rest\n    always: yes\n    then: approve\n"
ASK = "  - name: ask\n    always: yes\n    then: escalate\n"
CLIMBS = "    stage: {now: shadow, promote after: 3 decisions agreeing}\n"


def climb(room: Room) -> None:
    """What the bot does each hour."""
    move_ladders(room.ledger, room.app.events, room.app.notifier, room.app.benches)


def standing(room: Room, rule: str = "pay") -> ladder.RuleStanding:
    """Where a rule stands."""
    return ladder.standings(room.ledger, room.bench.judges[0].policy)[rule]


def test_a_rule_climbs_by_decisions_that_agree_and_every_step_is_logged_and_told() -> None:
    """It watches three that the rule below pays, then pays its quarter, then all; nothing else changes."""
    room = a_room(a_policy(PAY + CLIMBS + REST), count=3)
    poll_once(room.app)
    assert standing(room).step == SHADOW
    climb(room)
    assert standing(room).step == 0.25
    room.clock.forward(minutes=1)
    room.world.add(*tasks(24, first=10))
    poll_once(room.app)
    by_rule = {logged.decision.rule for logged in room.ledger.decisions()}
    climb(room)

    assert by_rule == {"rest", "pay"}
    assert standing(room).step == LIVE
    assert [step.step for step in ladder.story(room.ledger, "guarded", "pay")] == [0.0, 0.25, 1.0]
    assert [alarm.split(":")[0] for alarm in room.alarms("stage")] == [
        "Rule 'pay' of guarded goes up from shadow to 25%",
        "Rule 'pay' of guarded goes up from 25% to live",
    ]
    assert all(
        replayed.agrees for replayed in replay(room.ledger.decisions(), Revisions(room.ledger))
    )


def test_silence_and_other_answers_take_no_rule_up() -> None:
    """Where people are asked and nobody answers, or the live rule does otherwise, nothing agrees."""
    for below in (ASK, BACK):
        room = a_room(a_policy(PAY + CLIMBS + below), count=5)
        poll_once(room.app)
        climb(room)
        assert standing(room).step == SHADOW


def test_a_rule_that_people_overrule_falls_and_stays_there_until_one_lets_it_climb() -> None:
    """Two of five sent back by people in the dashboard are more than 5 %; the step down is held."""
    room = a_room(
        a_policy(PAY + "    stage: {now: live, demote when overruled: more than 5%}\n" + ASK),
        count=5,
    )
    poll_once(room.app)
    policy = room.bench.judges[0].policy
    seen = shown_ladder.shown(
        room.ledger, policy, ladder.standings(room.ledger, policy), room.clock.now()
    )
    assert seen == {"pay": Shown(agreeing=5, against=0)}
    assert due_steps(room.ledger, policy, room.clock.now()) == []

    stage = policy.rules[0].stage
    assert stage is not None
    now, found = room.clock.now(), standing(room)
    fallen = shown_ladder._due(stage, found, Shown(agreeing=3, against=2), now)
    spared = shown_ladder._due(stage, found, Shown(agreeing=3, against=1), now)
    assert fallen is not None and fallen.step == 0.25 and spared is None
    ladder.move(
        room.ledger,
        room.app.events,
        room.app.notifier,
        fallen.standing,
        fallen.step,
        fallen.why,
        held=True,
    )
    assert standing(room).held and "goes down from live to 25%" in room.alarms("stage")[-1]
    freed = ladder.hold(
        room.ledger, standing(room), held=False, who="ana", reason="mended", now=room.clock.now()
    )
    assert not freed.held and freed.step == 0.25 and standing(room).who == "ana"


@pytest.mark.parametrize(
    ("stage", "seen", "after", "step"),
    [
        (Stage(now=SHADOW, agreeing=200), Shown(agreeing=199), 40, None),
        (Stage(now=SHADOW, agreeing=200), Shown(agreeing=200), 0, 0.25),
        (Stage(now=SHADOW, after=7 * 86400.0), Shown(agreeing=9), 6, None),
        (Stage(now=SHADOW, after=7 * 86400.0), Shown(agreeing=9), 7, 0.25),
        (Stage(now=SHADOW, after=7 * 86400.0), Shown(), 30, None),
        (Stage(now=SHADOW, agreeing=5, overruled=0.05), Shown(agreeing=50, against=3), 0, None),
        (Stage(now=SHADOW, agreeing=5, overruled=0.05), Shown(agreeing=50, against=2), 0, 0.25),
        (Stage(now=SHADOW), Shown(agreeing=900), 90, None),
    ],
)
def test_what_takes_a_rule_up(stage: Stage, seen: Shown, after: int, step: float | None) -> None:
    """By decisions, by days with something to show, never while too much is overruled, never by itself."""
    found = ladder.RuleStanding(
        policy="p", rule="r", step=SHADOW, begins=SHADOW, since=START, why="begins"
    )
    due = shown_ladder._due(stage, found, seen, START + timedelta(days=after))

    assert (None if due is None else due.step) == step
    assert Shown(against=1).share_against == 1 / FEWEST


def test_a_person_holds_a_rule_and_puts_it_on_a_step() -> None:
    """Held it moves no more; a reason is needed; who did it stands in its story."""
    room = a_room(a_policy(PAY + CLIMBS + REST), count=5)
    poll_once(room.app)
    with pytest.raises(UsageError, match="say why"):
        ladder.hold(room.ledger, standing(room), held=True, who="ana", reason="", now=START)
    ladder.hold(room.ledger, standing(room), held=True, who="ana", reason="wait", now=START)
    climb(room)
    assert standing(room).step == SHADOW
    ladder.put(room.ledger, standing(room), LIVE, who="ben", reason="we know it", now=START)
    room.world.add(*tasks(1, first=20))
    poll_once(room.app)

    assert room.ledger.decisions()[-1].decision.rule == "pay"
    assert [step.who for step in ladder.story(room.ledger, "guarded", "pay")] == [
        None,
        "ana",
        "ben",
    ]


def test_a_changed_beginning_is_the_author_s_own_word() -> None:
    """Another `now:` puts it there; the same leaves it where the log has it, over all revisions."""
    room = a_room(a_policy(PAY + CLIMBS + REST), count=3)
    poll_once(room.app)
    climb(room)
    assert standing(room).step == 0.25
    room.bench.judges = (a_policy(PAY + CLIMBS + "    note: the same\n" + REST),)
    poll_once(room.app)
    assert standing(room).step == 0.25
    room.bench.judges = (a_policy(PAY + CLIMBS.replace("shadow", "live") + REST),)
    poll_once(room.app)

    assert standing(room).step == LIVE


def test_every_screen_looks_ahead_from_the_step_where_a_rule_stands_now() -> None:
    """What was judged in the shadow is paid by the rule once a person has made it live."""
    room = a_room(a_policy(PAY + CLIMBS + ASK), count=1)
    poll_once(room.app)
    bot = Bot(every=60, revisions=(room.bench.judges[0].policy.revision,))
    before = outlook_of(room.ledger, room.clock.now(), bot).of("comments", "task-000")
    ladder.put(room.ledger, standing(room), LIVE, who="ana", reason="it works", now=START)
    after = outlook_of(room.ledger, room.clock.now(), bot).of("comments", "task-000")
    poll_once(room.app)

    assert before is not None and after is not None
    assert (before.end, after.end, after.rule) == ("fallback", "rule", "pay")
    assert room.sent(Action.APPROVE) == 1


def test_a_dry_run_moves_no_ladder() -> None:
    """It rehearses, and what it would have decided says nothing of what is sent."""
    room = a_room(a_policy(PAY + CLIMBS + REST), count=5)
    poll_once(room.app)
    room.bench.desk = None
    climb(room)

    assert standing(room).step == SHADOW


def test_what_a_person_answers_agrees_or_speaks_against() -> None:
    """Asked below, two people pay and one sends back: two agree with a rule that would have paid."""
    room = a_room(a_policy(PAY + CLIMBS + ASK), count=3)
    poll_once(room.app)
    for number in range(3):
        chosen = find_round(room.ledger, f"task-{number:03}")
        pays = number < 2
        reply = PersonAnswer(
            action=Action.APPROVE if pays else Action.DISPUTE,
            who="ana",
            text=None if pays else "Please post it again, as written.",
        )
        answer(room.app, chosen, reply)
    policy = room.bench.judges[0].policy
    found = ladder.standings(room.ledger, policy)
    since = {name: replace(step, since=START - timedelta(days=1)) for name, step in found.items()}

    assert shown_ladder.shown(room.ledger, policy, since, room.clock.now()) == {
        "pay": Shown(agreeing=2, against=1)
    }


def test_a_look_ahead_by_another_process_goes_by_the_step_in_the_log() -> None:
    """The report names the rule that has climbed, and not the one below that the text alone would ask."""
    room = a_room(a_policy(PAY + CLIMBS + REST), count=3)
    poll_once(room.app)
    climb(room)
    room.clock.forward(minutes=1)
    room.world.add(*tasks(24, first=10))
    poll_once(room.app)
    climb(room)
    room.world.add(*tasks(2, first=100))
    judge = room.bench.judges[0]
    beside = an_app(room.world, judge, live=False, ledger=room.ledger, clock=room.clock)

    assert {planned.verdict.rule for planned in plan(beside).planned} == {"pay"}
