"""What keeps a due decision back: each guard through a whole pass over the fakes and the real engine."""

from __future__ import annotations

import random  # noqa: TID251 - seeded
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.alarms.exposure import Exposure, at_stake
from reviewbot.core import guard_state
from reviewbot.core.context import BotContext
from reviewbot.core.pipeline import ReviewPipeline
from reviewbot.core.questions import open_questions
from reviewbot.domain.decision import Action
from reviewbot.domain.errors import Halted, InvalidStatus, LedgerUnwritable, NoAnswer
from reviewbot.domain.fault_point import POINTS, on_fault_point
from reviewbot.domain.task import CommentTask
from reviewbot.foresight.gather import Bot, outlook_of
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.review.answer import PersonAnswer, answer
from reviewbot.review.execute import perform
from reviewbot.review.poll import poll_once
from reviewbot.safety import breaker, gate, pauses, probation, rollout
from reviewbot.safety.rollout import adopt
from tests.builders import a_task
from tests.fakes import APPROVE, HandClock, Said, World, always, an_app, item_of
from tests.policy.judging import facts_at
from tests.tier import times

HEAD = "policy: guarded\nlanguage: 1\n"
PAY = "  - name: pay\n    always: yes\n    then: approve\n"
SEND_BACK = "  - name: back\n    always: yes\n    then: dispute\n    reason: Please post it again, as written.\n    repeat: yes\n"
ASK = "  - name: ask\n    always: yes\n    then: escalate\n"
FALLBACK = (
    "deadline:\n  decide by: 3h before deadline\n  if undecided: approve\n  because: In time.\n"
)


def a_policy(rules: str = PAY, more: str = "", fallback: str = FALLBACK) -> Any:
    """A judge of a small policy."""
    text = f"{HEAD}rules:\n{rules}{fallback}{more}"
    parsed = parse_policy(text, path="p.yaml", read=lambda name: b"")
    assert parsed.policy is not None, parsed.findings
    return compile_policy(parsed.policy)


def tasks(count: int, *, first: int = 0, hours: float = 30.0, **changes: Any) -> Iterator[Any]:
    """Tasks that wait, each a minute less urgent than the one before, `hours` before their deadline."""
    from tests.fakes import START

    for n in range(first, first + count):
        confirmed = START + timedelta(hours=hours - 72, minutes=n)
        yield item_of(
            replace(
                a_task(),
                id=f"task-{n:03}",
                manually_confirmed_at=confirmed,
                client_dispute_deadline_at=confirmed + timedelta(hours=72),
                **changes,
            )
        )


@dataclass
class Room:
    """A bot over a world of waiting tasks."""

    world: World
    app: BotContext
    clock: HandClock
    ledger: Any

    @property
    def bench(self) -> ReviewPipeline:
        """Its one bench."""
        return self.app.benches[0]

    def said(self, event: str) -> list[dict[str, object]]:
        """Everything it said under a name."""
        assert isinstance(self.app.events, Said)
        return self.app.events.named(event)

    def alarms(self, kind: str) -> list[str]:
        """The sentences of all alarms of a kind."""
        return [str(about["sentence"]) for about in self.said("alarm") if about["kind"] == kind]

    def breaker(self) -> bool:
        """Whether the policy's breaker stands open."""
        return any(note.value["open"] for note in self.ledger.notes("breaker"))

    def sent(self, action: Action | None = None) -> int:
        """How many writes arrived."""
        return sum(action in (None, decision.action) for decision in self.world.sent)


def a_room(
    judge: Any, *, count: int = 0, ledger: Any = None, clock: HandClock | None = None, **more: Any
) -> Room:
    """Open it; the policy is adopted as at a start."""
    world, clock, ledger = World(), clock or HandClock(), ledger or open_ledger("memory:")
    world.add(*tasks(count, **more))
    app = an_app(world, always(APPROVE), ledger=ledger, clock=clock)
    adopt(app, [judge])
    return Room(world, app, clock, ledger)


# Caps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rails", "rules", "left"),
    [
        ("approvals: at most 3 per hour", PAY, 3),
        ("money approved: at most 1 USD per day", PAY, 4),
        ("disputes: at most 2 per day", SEND_BACK, 2),
        ("disputes per account: at most 1 per day", SEND_BACK, 1),
        ("dispute share: at most 50% after 2 decisions", SEND_BACK, 2),
    ],
)
@pytest.mark.parametrize("over", ["escalate", "hold"])
def test_a_cap_lets_so_many_through_and_no_more(
    rails: str, rules: str, left: int, over: str
) -> None:
    """The rest is held under its rule, or a person is asked with the cap and the rule named."""
    room = a_room(a_policy(rules, f"guardrails:\n  {rails}\n  when over: {over}\n"), count=8)

    summary = poll_once(room.app)

    assert room.sent() == left
    assert summary.outcomes == {"performed": left, "held": 8 - left}
    held = [logged.decision for logged in room.ledger.decisions() if logged.state == "held"]
    cap = rails.split(":")[0]
    assert all(decision.held_by is not None and cap in decision.held_by for decision in held)
    assert {decision.action is Action.ESCALATE for decision in held} == {over == "escalate"}
    assert {decision.rule for decision in held} == {"pay" if rules is PAY else "back"}
    assert len(summary.undecided) == 8 - left


def test_a_full_cap_asks_a_person_whose_answer_goes_all_the_same() -> None:
    """The caps guard against what nobody looked at."""
    rails = "guardrails:\n  approvals: at most 1 per day\n  when over: escalate\n"
    room = a_room(a_policy(PAY, rails), count=2)
    poll_once(room.app)
    (asked,) = open_questions(room.ledger, room.clock.now())

    assert answer(room.app, asked, PersonAnswer(action=Action.APPROVE, who="ana")).done
    assert room.sent() == 2


def test_what_was_held_goes_when_there_is_room_again() -> None:
    """Held by an hourly cap: tried at each poll, and sent once the hour has passed."""
    rails = "guardrails:\n  approvals: at most 3 per hour\n  when over: hold\n"
    room = a_room(a_policy(PAY, rails), count=5)
    poll_once(room.app)

    for minutes in (30, 29):
        room.clock.forward(minutes=minutes)
        poll_once(room.app)
        assert room.sent() == 3
    room.clock.forward(minutes=2)
    poll_once(room.app)

    assert room.sent() == 5


def test_a_question_of_a_full_cap_stays_with_its_person_until_the_fallback_is_due() -> None:
    """Room alone does not take it back; at `decide by` the rule is tried again."""
    rails = "guardrails:\n  approvals: at most 3 per hour\n"
    room = a_room(a_policy(PAY, rails), count=5, hours=30)
    poll_once(room.app)

    room.clock.forward(hours=5)
    poll_once(room.app)
    assert room.sent() == 3

    room.clock.forward(hours=22, minutes=10)
    poll_once(room.app)
    assert room.sent() == 5


def test_a_cap_keeps_room_for_what_expires_first() -> None:
    """An asked task that the fallback will pay in time is not paid by silence for a later one."""
    rules = "  - name: ask\n    when:\n      task.platform: instagram\n    then: escalate\n" + PAY
    rails = (
        "guardrails:\n  approvals: at most 2 per day\n  when over: hold\n  fallback exempt: no\n"
    )
    room = a_room(a_policy(rules, rails))
    room.world.add(*tasks(2, hours=8, platform="instagram"), *tasks(3, first=10, hours=50))

    poll_once(room.app)
    assert room.sent() == 0, "both places are kept"
    assert any("approvals: at most 2 per day" in alarm for alarm in room.alarms("cap"))

    room.clock.forward(hours=5, minutes=5)
    poll_once(room.app)
    assert {decision.task_id for decision in room.world.sent} == {"task-000", "task-001"}


def test_a_dispute_held_past_decide_by_takes_the_room_of_its_fallback() -> None:
    """The most urgent one is paid as undecided, so the approval of a later one is held."""
    rules = (
        "  - name: back\n    when:\n      task.platform: instagram\n    then: dispute\n"
        "    reason: Please post it again, as written.\n" + PAY
    )
    rails = "guardrails:\n  approvals: at most 1 per day\n  disputes: at most 1 per day\n  when over: hold\n  fallback exempt: no\n"
    room = a_room(a_policy(rules, rails))
    room.world.add(*tasks(2, hours=2, platform="instagram"), *tasks(1, first=10, hours=50))

    poll_once(room.app)

    assert [(decision.task_id, decision.action) for decision in room.world.sent] == [
        ("task-000", Action.DISPUTE),
        ("task-001", Action.APPROVE),
    ]


def test_a_full_cap_names_who_would_be_paid_by_silence() -> None:
    """Those whose deadline comes before there is room again, and only those."""
    rails = (
        "guardrails:\n  approvals: at most 1 per day\n  when over: hold\n  fallback exempt: no\n"
    )
    room = a_room(a_policy(PAY, rails))
    room.world.add(*tasks(3, hours=2), *tasks(2, first=10, hours=60))

    poll_once(room.app)

    (told,) = [alarm for alarm in room.said("alarm") if alarm["kind"] == "cap"]
    facts = told["facts"]
    assert isinstance(facts, dict)
    assert facts["would_be_paid_by_silence"] == ["task-001", "task-002"]


@pytest.mark.parametrize(("exempt", "sent"), [("yes", 4), ("no", 1)])
def test_the_fallback_counts_unless_the_policy_says_otherwise(exempt: str, sent: int) -> None:
    """Four tasks past `decide by` under a cap of one."""
    rails = f"guardrails:\n  approvals: at most 1 per day\n  when over: hold\n  fallback exempt: {exempt}\n"
    room = a_room(a_policy(ASK, rails), count=4, hours=2)

    poll_once(room.app)

    assert room.sent() == sent


def test_money_of_an_unknown_amount_asks_a_person() -> None:
    """A cap on money cannot count what the API does not say."""
    rails = "guardrails:\n  money approved: at most 10 USD per day\n"
    room = a_room(a_policy(PAY, rails), count=2)
    for item in tuple(room.world.tasks.values()):
        room.world.tasks[item.id] = replace(item, amount_micros=None)

    poll_once(room.app)

    assert room.sent() == 0
    assert {logged.decision.action for logged in room.ledger.decisions()} == {Action.ESCALATE}


@pytest.mark.parametrize(
    ("condition", "sent"),
    [("fleet.open_tasks: more than 2", 0), ("fleet.open_tasks: more than 9", 3)],
)
def test_a_pause_by_the_policy_holds_while_it_is_true(condition: str, sent: int) -> None:
    """Approvals wait, the decision stays as it is, and nobody is asked."""
    rails = f"guardrails:\n  pause approvals when:\n    {condition}\n"
    room = a_room(a_policy(PAY, rails), count=3)

    poll_once(room.app)

    assert room.sent() == sent
    assert {logged.decision.action for logged in room.ledger.decisions()} == {Action.APPROVE}


def test_a_pause_that_cannot_be_told_pauses_nothing() -> None:
    """Without any check in the last hour its share is unknown; only what is true holds."""
    rails = "guardrails:\n  pause approvals when:\n    fleet.scrape_failed_share_1h: more than 0%\n"
    room = a_room(a_policy(PAY, rails), count=3)

    poll_once(room.app)

    assert room.sent() == 3


# Pause ---------------------------------------------------------------------------------------


def a_pause(room: Room, word: str = "all", **more: Any) -> None:
    """Let somebody pause through the log."""
    about: dict[str, Any] = {"reason": "a test", "who": "ana", "until": None} | more
    pauses.pause(room.ledger, word, now=room.clock.now(), **about)


@pytest.mark.parametrize(
    ("word", "rules", "sent"),
    [("all", PAY, 0), ("approve", PAY, 0), ("dispute", PAY, 3), ("dispute", SEND_BACK, 0),
     ("approve", SEND_BACK, 3)],
)  # fmt: skip
def test_a_pause_stops_what_it_names(word: str, rules: str, sent: int) -> None:
    """And holds it under its rule, with the pause in its own words."""
    room = a_room(a_policy(rules), count=3)
    a_pause(room, word)

    poll_once(room.app)

    assert room.sent() == sent
    if sent == 0:
        assert all(
            "paused by ana" in (logged.decision.held_by or "") for logged in room.ledger.decisions()
        )
        assert any("3 tasks (0.72 USD) will be paid by silence" in s for s in room.alarms("paused"))


def test_a_pause_survives_a_restart_and_ends_by_resume_only() -> None:
    """A new bot on the same log stays paused; after a person's word it sends."""
    room = a_room(a_policy(PAY), count=3)
    a_pause(room)
    again = a_room(a_policy(PAY), count=3, ledger=room.ledger, clock=room.clock)

    poll_once(again.app)
    assert again.sent() == 0

    pauses.resume(again.ledger, "all", reason="ok", who="ana", now=again.clock.now())
    poll_once(again.app)
    assert again.sent() == 3


def test_a_pause_with_an_end_ends_there() -> None:
    """At that moment, included."""
    room = a_room(a_policy(PAY), count=1)
    a_pause(room, until=room.clock.now() + timedelta(minutes=10))

    room.clock.forward(minutes=9, seconds=59)
    poll_once(room.app)
    assert room.sent() == 0

    room.clock.forward(seconds=1)
    poll_once(room.app)
    assert room.sent() == 1


@pytest.mark.parametrize(
    ("text", "sent"),
    [("", 0), ("all: leaked key", 0), ("approve", 0), ("dispute: wording", 1),
     ("dispute\nbecause of wording", 1), ("approve, dispute: both", 0), ("who knows what this is", 0)],
)  # fmt: skip
def test_the_file_pauses_what_it_says_and_everything_when_in_doubt(text: str, sent: int) -> None:
    """It needs no log to be written."""
    room = a_room(a_policy(PAY), count=1)
    room.app.guard.pause_file = lambda: text

    poll_once(room.app)

    assert room.sent() == sent


@pytest.mark.parametrize("point", POINTS)
def test_after_a_pause_at_any_point_at_most_one_write_leaves(point: str) -> None:
    """The pause comes at the second time the pass gets there."""
    room = a_room(a_policy(PAY), count=6)
    room.world.add(*tasks(1, first=50, hours=10))
    seen = 0

    def hook(name: str) -> None:
        nonlocal seen
        if name == point:
            seen += 1
            if seen == 2:
                on_fault_point(None)
                before.append(room.sent())
                a_pause(room)

    before: list[int] = []
    on_fault_point(hook)
    try:
        poll_once(room.app)
        poll_once(room.app)
    finally:
        on_fault_point(None)

    if before:
        assert room.sent() <= before[0] + 1
        assert {logged.state for logged in room.ledger.decisions()} <= {"performed", "held", "void"}


def test_a_person_gets_past_a_breaker_and_not_past_a_pause() -> None:
    """A breaker guards against what nobody looked at; a pause says that nothing leaves."""
    room = a_room(a_policy(ASK), count=2)
    poll_once(room.app)
    breaker.open_breaker(room.app.guard_post, "guarded", "test", "a test")
    first, second = (
        replace(logged.decision, action=Action.APPROVE, decided_by="ben", id=f"b{n}" * 8)
        for n, logged in enumerate(room.ledger.decisions())
    )

    assert perform(room.app, room.bench, first, facts_at(), None) == "performed"
    a_pause(room)
    with pytest.raises(Halted, match="paused by ana"):
        perform(room.app, room.bench, second, facts_at(), None)


def test_what_is_at_stake_is_what_a_pause_leaves_to_silence() -> None:
    """Nothing while the fallback pays; then each open round whose deadline comes before its end."""
    room = a_room(a_policy(ASK), count=2, hours=30)
    poll_once(room.app)
    room.world.add(*tasks(1, first=5, hours=60))
    poll_once(room.app)
    now = room.clock.now()

    assert at_stake(outlook_of(room.ledger, now, Bot())) == Exposure()
    a_pause(room)
    found = outlook_of(room.ledger, now, Bot())
    assert len(at_stake(found).tasks) == 3
    soon = at_stake(found, until=now + timedelta(hours=31))
    assert (len(soon.tasks), soon.amount_micros) == (2, 480_000)


# Breaker -------------------------------------------------------------------------------------


def changed(room: Room, rules: str, more: str = "") -> None:
    """Let a changed policy take over, as a reload does."""
    adopt(room.app, [a_policy(rules, more)])


def test_a_changed_policy_that_approves_everything_pays_twenty_and_no_more() -> None:
    """Within one pass and in later ones; what is held back is said with its deadline."""
    room = a_room(a_policy(ASK), count=60)
    poll_once(room.app)
    changed(room, PAY)

    for _ in range(3):
        poll_once(room.app)
        room.clock.forward(minutes=1)

    assert room.sent() == 20
    assert room.breaker()
    assert len(room.said("breaker opened")) == 1
    assert any("40 tasks" in sentence for sentence in room.alarms("breaker"))


def test_twenty_holds_over_restarts_too() -> None:
    """Each pass by a new bot on the same log, a few tasks at a time."""
    room = a_room(a_policy(ASK), count=1)
    poll_once(room.app)
    sent = 0
    for n in range(12):
        room = a_room(a_policy(PAY), count=5, first=10 * n, ledger=room.ledger, clock=room.clock)
        poll_once(room.app)
        sent += room.sent()
        room.clock.forward(minutes=1)

    assert sent == 20
    assert room.breaker()


def test_the_first_policy_of_a_ledger_has_nothing_to_compare_with() -> None:
    """It may approve all there is, and is on no probation."""
    room = a_room(a_policy(PAY), count=60)

    poll_once(room.app)

    assert room.sent() == 60
    assert not room.breaker()


def test_only_a_person_closes_it_and_then_it_counts_anew() -> None:
    """Neither time nor a restart. What was held meanwhile has been looked at, and goes as probation
    lets it; of what comes after that, another twenty."""
    room = a_room(a_policy(ASK), count=60)
    poll_once(room.app)
    changed(room, PAY)
    poll_once(room.app)

    room.clock.forward(hours=20)
    again = a_room(a_policy(PAY), count=60, ledger=room.ledger, clock=room.clock)
    poll_once(again.app)
    assert again.sent() == 0

    closed = breaker.close(again.ledger, reason="as meant", who="ana", now=again.clock.now())
    assert [note.subject for note in closed] == ["guarded"]
    for restarted in (False, True):
        if restarted:
            again = a_room(a_policy(PAY), count=60, ledger=room.ledger, clock=room.clock)
        poll_once(again.app)
        assert again.sent() == (0 if restarted else guard_state.AN_HOUR)
        assert not again.breaker()

    again.world.tasks.clear()
    again.world.add(*tasks(30, first=60, hours=60))
    again.clock.forward(hours=2)
    poll_once(again.app)
    assert again.sent() == 20
    assert again.breaker()


def test_each_opening_of_a_breaker_is_told() -> None:
    """Also one that follows a closing within a pass; while it lasts, only once an hour."""
    room = a_room(a_policy(ASK), count=60)
    poll_once(room.app)
    changed(room, PAY)
    poll_once(room.app)
    room.clock.forward(minutes=20)
    poll_once(room.app)
    assert len(room.alarms("breaker")) == 1

    breaker.close(room.ledger, reason="as meant", who="ana", now=room.clock.now())
    room.app.guard.refresh(room.app.ledger)
    breaker.open_breaker(room.app.guard_post, "guarded", "approvals", "far too many again")
    room.clock.forward(seconds=3)
    poll_once(room.app)
    told = room.alarms("breaker")
    assert len(told) == 2
    assert "far too many again" in told[-1]

    breaker.close(room.ledger, reason="now it is", who="ana", now=room.clock.now())
    poll_once(room.app)
    assert room.alarms("breaker")[2:] == ["The breaker of guarded is closed again."]


def mixed(approvals: int) -> str:
    """Rules that approve so many of ten tasks, told apart by the last digit of their ids."""
    digits = ", ".join(str(n) for n in range(approvals)) or "99"
    return (
        "  - name: pay some\n    when any:\n"
        + "".join(
            f"      - task.comment_text: ends with {digit.strip()}\n" for digit in digits.split(",")
        )
        + "    then: approve\n"
        + ASK
    )


@pytest.mark.parametrize(
    ("before", "after", "opens"),
    [(2, 2, False), (2, 4, False), (2, 5, True), (4, 8, False), (4, 9, True), (6, 9, False),
     (6, 10, True), (0, 1, False), (0, 3, True)],
)  # fmt: skip
def test_the_share_of_approvals_is_held_against_its_baseline(
    before: int, after: int, opens: bool
) -> None:
    """Above twice the share of 120 earlier decisions, at most 95 %, in 20 in a row."""
    room = a_room(a_policy(mixed(before)))
    for item in tasks(120):
        task = item.subject
        assert isinstance(task, CommentTask)
        room.world.add(item_of(replace(task, comment_text=f"Nice video {item.id[-1]}")))
    poll_once(room.app)
    assert not room.breaker()
    room.world.tasks.clear()
    changed(room, mixed(after))
    for item in tasks(40, first=200):
        task = item.subject
        assert isinstance(task, CommentTask)
        room.world.add(item_of(replace(task, comment_text=f"Nice video {item.id[-1]}")))

    poll_once(room.app)

    assert room.breaker() is opens


@pytest.mark.parametrize(
    ("share", "paying", "opens"),
    [
        (0.05, [3], False), (0.05, [5], False), (0.05, [6], True), (0.10, [7], False),
        (0.10, [8], True), (0.19, [8], False), (0.19, [9], True), (0.20, [8], False),
        (0.20, [9], True), (0.05, [3, 3], False), (0.05, [3, 4, 4], True), (0.0, [3], True),
        (0.01, [20], True), (0.3, [12], False), (0.3, [13], True), (0.8, [19], False),
        (0.8, [20], True), (None, [19], False), (None, [20], True),
    ],
)  # fmt: skip
def test_a_low_share_leaves_room_for_chance_and_none_for_a_wrong_policy(
    share: float | None, paying: list[int], opens: bool
) -> None:
    """So many of each 20 pay; what chance does not explain opens it, and all of 20 always do."""
    watch = guard_state.ApprovalWatch(revision="r", share=share)
    signs = []
    for turn, count in enumerate(paying):
        for n in range(20):
            watch.add(f"{turn} {n}", "a rule", n >= 20 - count)
            signs.append(watch.sign())

    assert any(signs) is opens


def test_harmless_changes_at_a_low_share_open_it_less_than_once_in_thirty() -> None:
    """By twice the share alone it would open on every second one."""
    chance = random.Random(3)
    opened = 0
    for _ in range(times(150, 3000)):
        watch = guard_state.ApprovalWatch(revision="r", share=0.05)
        for n in range(guard_state.YOUNG):
            watch.add(str(n), "a rule", chance.random() < 0.05)
            if watch.sign() is not None:
                opened += 1
                break

    assert opened <= times(150, 3000) / 30


def test_six_conflicts_in_ten_minutes_open_it() -> None:
    """Five do not; the sixth does, and nothing more is sent."""
    room = a_room(a_policy(PAY), count=9)

    def someone_first(decision: Any) -> None:
        room.world.apply(decision)
        raise InvalidStatus("409", status=409, details={"current_status": "finalized"})

    room.world.before_write = someone_first
    poll_once(room.app)

    assert room.world.calls.count("look") == 6
    assert room.breaker()


def test_conflicts_far_apart_do_not() -> None:
    """Five in each of several windows."""
    room = a_room(a_policy(PAY))
    for n in range(4):
        room.world.add(*tasks(5, first=10 * n))

        def someone_first(decision: Any) -> None:
            room.world.apply(decision)
            raise InvalidStatus("409", status=409, details={"current_status": "finalized"})

        room.world.before_write = someone_first
        poll_once(room.app)
        room.clock.forward(minutes=11)

    assert not room.breaker()


def test_an_effect_in_another_round_opens_it() -> None:
    """The API says that it acted on another epoch than we decided for."""
    room = a_room(a_policy(PAY), count=3)

    def aba(decision: Any) -> None:
        room.world.change(
            decision.task_id, manually_confirmed_at=room.clock.now() - timedelta(minutes=1)
        )

    room.world.before_write = aba
    poll_once(room.app)

    assert room.sent() == 1
    assert room.breaker()


@pytest.mark.parametrize(
    ("drift", "opens"),
    [
        ("task.platform: expected a text, got a number", True),
        ("attempt.outcome_kind: missing", True),
        ("task.client_dispute_deadline_at: missing", True),
        ("task.target_video_url: missing", False),
        ("attempt.match_score: expected a number, got text", False),
        ("pagination.total: expected a whole number, got null", False),
    ],
)
def test_drift_opens_it_only_on_a_field_the_policy_uses(drift: str, opens: bool) -> None:
    """And before anything is sent in that pass."""
    rules = (
        "  - name: pay\n    when:\n      task.platform: tiktok\n      last.outcome_kind: couldnt_verify\n"
        "    then: approve\n"
    )
    room = a_room(a_policy(rules), count=2)
    room.world.drift = (drift,)

    poll_once(room.app)

    assert room.breaker() is opens
    assert room.sent() == (0 if opens else 2)


FIELD = "task.platform: expected a text, got a number"
PLATFORM = "  - name: pay\n    when:\n      task.platform: tiktok\n    then: approve\n"


@pytest.mark.parametrize(
    ("waiting", "drifting", "opens"),
    [(9, 1, False), (9, 2, False), (9, 3, True), (1, 1, True), (2, 1, False), (3, 2, True)],
)
def test_one_odd_task_among_many_stops_no_policy(waiting: int, drifting: int, opens: bool) -> None:
    """It goes to a person and is told; on several, or on most, it is how an API changes."""
    room = a_room(a_policy(PLATFORM), count=waiting)
    odd = [f"task-{n:03}" for n in range(drifting)]
    for name in odd:
        room.world.change(name, platform=None)
    room.world.drift, room.world.drift_on = (FIELD,), {FIELD: frozenset(odd)}

    poll_once(room.app)

    assert room.breaker() is opens
    assert room.sent() == (0 if opens else waiting - drifting)
    assert len(room.alarms("schema-drift")) == 1
    if not opens:
        asked = {
            logged.decision.task_id for logged in room.ledger.decisions() if logged.state == "held"
        }
        assert asked == set(odd)


@pytest.mark.parametrize(("hours", "opens"), [(2, True), (20, False)])
def test_drift_that_comes_one_by_one_opens_it_as_well(hours: int, opens: bool) -> None:
    """Evidence is read once for each task: three within a day are as telling as three at once."""
    room = a_room(a_policy(PLATFORM + ASK), count=0)
    for n in range(3):
        room.world.add(*tasks(9, first=10 * n, hours=70, platform="instagram"))
        room.world.drift, room.world.drift_on = (FIELD,), {FIELD: frozenset({f"task-{n:02}0"})}
        poll_once(room.app)
        room.clock.forward(hours=hours)

    assert room.breaker() is opens


def test_one_odd_task_that_stays_behind_stops_nothing() -> None:
    """The others are decided and leave the list; what remains is still one task's own trouble."""
    room = a_room(a_policy(PLATFORM), count=5)
    poll_once(room.app)
    room.world.add(*tasks(2, first=50))
    room.world.change("task-050", platform=None)
    room.world.drift, room.world.drift_on = (FIELD,), {FIELD: frozenset({"task-050"})}

    for _ in range(4):
        poll_once(room.app)

    assert not room.breaker()
    assert {decision.task_id for decision in room.world.sent} >= {"task-051"}


def test_a_drift_that_a_person_has_seen_opens_it_no_more() -> None:
    """The API still sends it so at the next poll."""
    room = a_room(a_policy(PAY), count=2)
    room.world.drift = ("task.status: missing",)
    poll_once(room.app)
    breaker.close(room.ledger, reason="known", who="ana", now=room.clock.now())

    poll_once(room.app)

    assert not room.breaker()
    assert room.sent() == 2


def test_an_effect_that_may_be_ours_after_all_opens_it() -> None:
    """An approval was given up as not done; while a pause kept the next one back it was done."""
    room = a_room(a_policy(PAY), count=1)
    room.world.trouble = {"perform": [NoAnswer("timeout")]}
    poll_once(room.app)
    a_pause(room)
    room.clock.forward(minutes=16)
    poll_once(room.app)
    assert room.sent() == 0

    room.world.change("task-000", status="finalized", finalized_at=room.clock.now())
    poll_once(room.app)

    assert [ending.by for ending in room.ledger.endings()] == ["other"]
    assert room.breaker()


@pytest.mark.parametrize(("failing", "opens"), [(1, False), (2, True)])
def test_evaluations_that_fail_open_it_beyond_one_task(failing: int, opens: bool) -> None:
    """One odd task asks a person; more than one, and more than 1 %, stops the policy."""
    judge = a_policy(PAY)
    real = judge.decide

    def breaks(facts: Any) -> Any:
        if facts.task.id in {f"task-{n:03}" for n in range(50, 50 + failing)}:
            raise ZeroDivisionError
        return real(facts)

    judge.decide = breaks
    judge.triage = lambda facts, **_: None
    room = a_room(judge, count=4)
    room.world.add(*tasks(failing, first=50))

    poll_once(room.app)

    assert room.breaker() is opens


def test_a_breaker_that_cannot_be_written_still_stops_and_is_written_later() -> None:
    """The log is full at that moment; it stands open in memory, then in the log."""
    room = a_room(a_policy(PAY), count=2)
    note, room.ledger.note = room.ledger.note, _full_disk
    breaker.open_breaker(room.app.guard_post, "guarded", "test", "a test")
    with pytest.raises(Halted, match="breaker"):
        gate.check(room.app.guard_post, room.bench, _wanted(room))
    room.ledger.note = note

    poll_once(room.app)

    assert room.sent() == 0
    assert room.breaker()


def _full_disk(*_: Any) -> None:
    raise LedgerUnwritable("no space")


def _wanted(room: Room) -> Any:
    from reviewbot.core.verdict import Verdict

    return Verdict(action=Action.APPROVE, rule="pay", policy="guarded", revision="r")


# Probation -----------------------------------------------------------------------------------

SOME = "  - name: old\n    when:\n      task.platform: instagram\n    then: approve\n"
NEW = "  - name: new\n    when:\n      task.platform: tiktok\n    then: approve\n"


def test_changed_rules_send_25_an_hour_until_25_are_through() -> None:
    """With enough else between them that the breaker sees nothing odd."""
    room = a_room(a_policy(mixed(5)))
    _add_mixed(room, 0, 120)
    poll_once(room.app)
    room.world.tasks.clear()
    before = room.sent()
    changed(room, mixed(6))
    _add_mixed(room, 200, 100)

    poll_once(room.app)
    assert room.sent() - before == 25
    assert not room.breaker()
    room.clock.forward(minutes=59)
    poll_once(room.app)
    assert room.sent() - before == 25
    assert any("probation" in (logged.decision.held_by or "") for logged in room.ledger.decisions())

    room.clock.forward(minutes=2)
    poll_once(room.app)
    poll_once(room.app)
    assert room.sent() - before == 60, "25 have stood for an hour: it is over"


def _add_mixed(room: Room, first: int, count: int) -> None:
    for item in tasks(count, first=first):
        task = item.subject
        assert isinstance(task, CommentTask)
        room.world.add(item_of(replace(task, comment_text=f"Nice video {item.id[-1]}")))


def test_a_rule_that_did_not_change_is_on_no_probation() -> None:
    """Only the new rule is limited; the old one goes on."""
    room = a_room(a_policy(SOME + ASK), count=1)
    poll_once(room.app)
    changed(room, SOME + NEW + ASK)

    note = probation.newest_change(room.ledger, "guarded")

    assert note is not None
    assert note.rules == ("new",)
    assert any("New" in sentence and "new" in sentence for sentence in note.said)
    trial = room.app.guard.trials["guarded"]
    trial.sent.extend([room.clock.now()] * 25)
    trial.check(Action.APPROVE, "old", room.clock.now())
    with pytest.raises(Halted, match="probation"):
        trial.check(Action.APPROVE, "new", room.clock.now())


def test_each_activation_leaves_a_record_and_a_restart_none() -> None:
    """First, changed, changed back: three words; the same revision again: nothing."""
    room = a_room(a_policy(PAY))
    for rules in (PAY, ASK, ASK, PAY):
        changed(room, rules)

    story = room.ledger.story("probation", "guarded")

    assert len(story) == 3
    assert all(note.value["said"] for note in story[1:])


def test_with_require_ack_the_old_revision_runs_until_a_person_accepts() -> None:
    """The new one waits, says so, and takes over at the next poll after the word."""
    room = a_room(a_policy(ASK), count=3)
    room.app.guard.require_ack = True
    poll_once(room.app)
    judge = a_policy(PAY)
    adopt(room.app, [judge])

    poll_once(room.app)
    assert room.sent() == 0
    (asked,) = room.ledger.notes("accept")
    assert (asked.subject, asked.value["accepted"]) == (judge.policy.revision, False)

    rollout.accept(room.ledger, judge.policy.revision, who="ana", now=room.clock.now())
    poll_once(room.app)
    assert room.sent() == 3


def test_a_dry_run_is_kept_back_by_nothing_and_opens_nothing() -> None:
    """It shows what the policy would do."""
    world, clock = World(), HandClock()
    world.add(*tasks(40))
    app = an_app(world, always(APPROVE), live=False, clock=clock)
    adopt(app, [a_policy(ASK)])
    adopt(app, [a_policy(PAY)])
    pauses.pause(app.ledger, "all", reason="x", who="ana", until=None, now=clock.now())

    summary = poll_once(app)

    assert summary.outcomes == {"dry-run": 40}
    assert summary.actions == {"approve": 40}
    assert not app.ledger.notes("breaker")
