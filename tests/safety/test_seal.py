"""A rule with `hold:`: its decision lies in the log for a while, and any reviewer can cancel it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from reviewbot.core.questions import find_round
from reviewbot.core.replay import replay
from reviewbot.core.revisions import Revisions
from reviewbot.domain.decision import Action, State
from reviewbot.domain.errors import Halted, UsageError
from reviewbot.domain.fault_point import on_fault_point
from reviewbot.foresight.gather import Bot, outlook_of
from reviewbot.policy.language.parser import parse_policy
from reviewbot.review.poll import poll_once
from reviewbot.safety import pauses, seal
from tests.fakes import START
from tests.safety.test_guards import FALLBACK, HEAD, PAY, Room, a_policy, a_room

HELD = PAY + "    hold: 10m\n"
TASK = "task-000"


def sealed(room: Room) -> list[str]:
    """The tasks whose decisions lie sealed."""
    return [round_.sighting.task_id for round_ in seal.sealed_rounds(room.ledger)]


def cancel(room: Room, reason: str = "the account is watched") -> None:
    """What a reviewer does."""
    chosen = find_round(room.ledger, TASK)
    seal.cancel(room.ledger, chosen, who="ana", reason=reason, now=room.clock.now())


def test_a_decision_lies_sealed_and_is_sent_by_the_first_pass_after() -> None:
    """Ten minutes, with its moment in the log; no pass before sends it, and none writes it down anew."""
    room = a_room(a_policy(HELD), count=1)

    assert poll_once(room.app).outcomes == {"held": 1}
    (held,) = room.ledger.decisions()
    room.clock.forward(minutes=9)
    assert poll_once(room.app).outcomes == {"unchanged": 1}
    assert room.sent() == 0 and sealed(room) == [TASK]
    room.clock.forward(minutes=1)
    poll_once(room.app)

    assert held.decision.until == START + timedelta(minutes=10)
    assert held.decision.action is Action.APPROVE
    assert room.sent(Action.APPROVE) == 1 and sealed(room) == []


def test_what_the_log_says_of_a_sealed_decision_comes_out_again() -> None:
    """Replay agrees: that it lay for a while is no part of what the policy said."""
    room = a_room(a_policy(HELD), count=1)
    poll_once(room.app)

    assert all(answer.agrees for answer in replay(room.ledger.decisions(), Revisions(room.ledger)))


def test_a_new_process_begins_no_new_seal() -> None:
    """The seal lies in the log: whoever makes the pass that is due sends."""
    judge = a_policy(HELD)
    first = a_room(judge, count=1)
    poll_once(first.app)
    first.clock.forward(minutes=10)
    second = a_room(judge, count=1, ledger=first.ledger, clock=first.clock)

    poll_once(second.app)

    assert second.sent() == 1


@pytest.mark.parametrize(("hours", "minutes"), [(3.1, 6), (3.0, 0), (1.0, 0)])
def test_a_seal_shrinks_towards_decide_by_and_never_crosses_it(hours: float, minutes: int) -> None:
    """With six minutes to `decide by` it lasts six; from then on nothing is sealed."""
    room = a_room(a_policy(HELD), count=1, hours=hours)
    poll_once(room.app)
    room.clock.forward(minutes=minutes)
    poll_once(room.app)

    assert room.sent() == 1
    assert room.clock.now() - START == timedelta(minutes=minutes)


@pytest.mark.parametrize("state", [State.VOID, State.REFUSED])
def test_what_a_person_tried_in_vain_breaks_no_seal(state: State) -> None:
    """They approved while it lay sealed, and that came to nothing: the rule begins a seal of its own."""
    room = a_room(a_policy(HELD), count=1)
    poll_once(room.app)
    room.clock.forward(minutes=5)
    theirs = replace(find_round(room.ledger, TASK).decision, decided_by="ana", held_by=None)
    room.ledger.intend(replace(theirs, decided_at=room.clock.now()))
    room.ledger.mark(theirs.id, state, room.clock.now())
    for _ in range(10):
        poll_once(room.app)
        room.clock.forward(minutes=1)
    assert room.sent() == 0 and sealed(room) == [TASK]
    poll_once(room.app)

    assert room.sent() == 1


def test_a_cancelled_decision_is_a_question_until_the_deadline_decides() -> None:
    """The rule never sends it, whatever revision has it by then; the fallback has its say in time."""
    room = a_room(a_policy(HELD), count=1)
    poll_once(room.app)
    cancel(room)
    assert sealed(room) == []
    room.clock.forward(minutes=30)
    poll_once(room.app)
    (question,) = [
        logged for logged in room.ledger.decisions() if logged.decision.action == "escalate"
    ]
    room.app.benches[0].judges = (a_policy(),)
    for _ in range(52):
        room.clock.forward(minutes=30)
        poll_once(room.app)

    assert question.decision.reason is not None
    assert question.decision.reason.startswith("cancelled by ana: the account is watched")
    assert room.sent() == 0
    room.clock.forward(minutes=30)
    poll_once(room.app)
    (sent,) = room.world.sent
    assert sent.rule == "deadline"


@pytest.mark.parametrize("point", ["review.judged", "write.before"])
def test_a_word_in_the_last_moment_is_still_heard(point: str) -> None:
    """After it was judged, and after the intent: the round is a question, and nothing was sent."""
    room = a_room(a_policy(HELD), count=1)
    poll_once(room.app)
    chosen = find_round(room.ledger, TASK)
    room.clock.forward(minutes=10)

    def now(name: str) -> None:
        if name == point and not room.ledger.notes(seal.TOPIC):
            at = room.clock.now()
            value = {"who": "ana", "reason": "no", "task_id": TASK}
            where = seal.subject("comments", TASK, chosen.sighting.epoch)
            room.ledger.note(seal.TOPIC, where, value, at)

    on_fault_point(now)
    try:
        poll_once(room.app)
    finally:
        on_fault_point(None)

    assert room.sent() == 0
    assert room.ledger.decisions()[-1].decision.action is Action.ESCALATE


def test_only_what_is_sealed_can_be_cancelled_and_with_a_reason() -> None:
    """Before it is decided, without saying why, and after it was sent there is nothing to cancel."""
    room = a_room(a_policy(HELD), count=1)
    poll_once(room.app)
    with pytest.raises(UsageError, match="say why"):
        cancel(room, " ")
    chosen = find_round(room.ledger, TASK)
    room.clock.forward(minutes=10)
    poll_once(room.app)

    with pytest.raises(UsageError, match="too late"):
        seal.cancel(room.ledger, chosen, who="ana", reason="no", now=room.clock.now())
    with pytest.raises(UsageError):
        cancel(room)


def test_what_holds_it_meanwhile_takes_the_place_of_the_seal() -> None:
    """A pause as it ends: held by the pause, and sealed anew once that is over, as every screen says."""
    room = a_room(a_policy(HELD), count=1)
    poll_once(room.app)
    end = START + timedelta(minutes=30)
    pauses.pause(room.ledger, "all", reason="a look", who="ana", until=end, now=START, zone="UTC")
    room.clock.forward(minutes=20)
    poll_once(room.app)
    assert room.ledger.decisions()[-1].decision.until is None
    said = outlook_of(room.ledger, room.clock.now(), Bot(revisions=(), every=600))
    future = said.of("comments", TASK)
    for _ in range(2):
        room.clock.forward(minutes=10)
        poll_once(room.app)

    assert future is not None and future.at == START + timedelta(minutes=40)
    assert room.sent() == 1 and room.clock.now() == future.at


def test_a_seal_begins_where_a_limit_has_room_and_lasts_though_it_fills() -> None:
    """Two in turn, one an hour: the second lies sealed once there is room for it, not before."""
    limited = HELD + "guardrails:\n  approvals: at most 1 per hour\n  when over: hold\n"
    room = a_room(a_policy(limited), count=2)
    poll_once(room.app)
    assert sorted(sealed(room)) == ["task-000", "task-001"]
    room.clock.forward(minutes=10)
    poll_once(room.app)
    assert room.sent() == 1 and sealed(room) == []
    said = outlook_of(room.ledger, room.clock.now(), Bot(every=600)).of("comments", "task-001")
    for _ in range(6):
        room.clock.forward(minutes=10)
        assert sealed(room) == []
        poll_once(room.app)
    assert sealed(room) == ["task-001"]
    room.clock.forward(minutes=10)
    poll_once(room.app)

    assert room.sent() == 2
    assert said is not None and said.at == room.clock.now()


def test_every_screen_says_when_a_sealed_decision_goes() -> None:
    """Now sealed: it ends by its rule when the seal does; cancelled: by the fallback."""
    room = a_room(a_policy(HELD), count=1)
    poll_once(room.app)
    bot = Bot(every=60)
    before = outlook_of(room.ledger, room.clock.now(), bot).of("comments", TASK)
    cancel(room)
    after = outlook_of(room.ledger, room.clock.now(), bot).of("comments", TASK)

    assert before is not None and after is not None
    assert (before.end, before.at) == ("rule", START + timedelta(minutes=10))
    assert (after.end, after.at) == ("fallback", START + timedelta(hours=27))
    assert after.kept is not None and "cancelled by ana" in after.kept.sentence


@pytest.mark.parametrize(
    ("line", "then", "says"),
    [
        ("hold: 10m", "escalate", "does not belong"),
        ("hold: 0s", "approve", "no time"),
        ("hold: 10", "approve", "has no unit"),
        ("hold: soon", "approve", "length of time"),
    ],
)
def test_a_hold_that_means_nothing_is_refused(line: str, then: str, says: str) -> None:
    """Of an action that sends nothing, of no time, and without a unit."""
    rules = f"rules:\n  - name: r\n    always: yes\n    then: {then}\n    {line}\n"
    parsed = parse_policy(HEAD + rules + FALLBACK, path="p.yaml", read=lambda name: b"")

    assert parsed.policy is None
    assert any(says in finding.message for finding in parsed.findings), parsed.findings


def test_halted_words_stay_the_same() -> None:
    """What keeps it back is said in the same words at each pass."""
    room = a_room(a_policy(HELD), count=1)
    poll_once(room.app)
    cancel(room)
    with pytest.raises(Halted, match="cancelled by ana: the account is watched"):
        seal.check(room.ledger, find_round(room.ledger, TASK).decision)
