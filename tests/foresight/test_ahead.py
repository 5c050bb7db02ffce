"""Where the caps will bite: foretold from the plan and the log, and held against what the loop does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from reviewbot.domain.decision import Action
from reviewbot.domain.errors import CapReached, NoAnswer, TaskBlocked
from reviewbot.domain.task import CommentTask
from reviewbot.foresight.gather import Bot, outlook_of
from reviewbot.foresight.room import LimitTrack
from reviewbot.insights.plan import QueuePlan, plan
from reviewbot.ledger.limits import SpentRoom, check_room
from reviewbot.ports.ledger import Limit
from reviewbot.review.poll import poll_once
from reviewbot.safety import pauses
from tests.fakes import START, item_of
from tests.ledger.things import a_decision
from tests.safety.test_guards import (
    ASK,
    FALLBACK,
    PAY,
    SEND_BACK,
    Room,
    a_policy,
    a_room,
    changed,
    mixed,
    tasks,
)
from tests.tier import times

STEP = timedelta(minutes=10)
NO_FALLBACK = FALLBACK.replace("undecided: approve", "undecided: escalate")


def ahead(room: Room) -> QueuePlan:
    """What becomes of all that waits in the room."""
    return plan(room.app)


def rails(*lines: str, over: str = "hold", exempt: bool = False) -> str:
    """Guardrails with these lines, which bind the fallback as well."""
    every = (*lines, f"when over: {over}", f"fallback exempt: {'yes' if exempt else 'no'}")
    return "guardrails:\n" + "".join(f"  {line}\n" for line in every)


def test_it_says_what_is_held_by_which_cap_until_when() -> None:
    """Three an hour: of five the last two wait an hour, and nothing goes to silence."""
    room = a_room(a_policy(PAY, rails("approvals: at most 3 per hour")), count=5, hours=30)

    (bite,) = ahead(room).bites

    assert bite.summary.cap == "approvals: at most 3 per hour"
    assert [wait.task_id for wait in bite.held] == ["task-003", "task-004"]
    told = bite.summary
    assert (told.since, told.until) == (START, START + timedelta(hours=1))
    assert bite.to_silence == () and told.micros == 480_000


def test_what_the_log_has_spent_counts() -> None:
    """After three were sent, room comes an hour after them."""
    room = a_room(a_policy(PAY, rails("approvals: at most 3 per hour")), count=3)
    poll_once(room.app)
    room.world.add(*tasks(1, first=10))
    room.clock.forward(minutes=20)

    (bite,) = ahead(room).bites

    assert bite.summary.until == START + timedelta(hours=1)


def test_what_finds_no_room_before_its_deadline_is_silence() -> None:
    """One a day and a deadline in two hours: the second is paid by silence, and the plan says so."""
    room = a_room(a_policy(PAY, rails("approvals: at most 1 per day")), count=2, hours=2)

    found = ahead(room)

    assert [planned.end for planned in found.planned] == ["rule", "silence"]
    assert [wait.task_id for wait in found.bites[0].to_silence] == ["task-001"]


def test_the_cap_that_binds_is_named() -> None:
    """An hour's cap puts the third off, the day's cap keeps the fifth back until tomorrow."""
    caps = ("approvals: at most 2 per hour", "money approved: at most 1 USD per day")
    room = a_room(a_policy(PAY, rails(*caps)), count=6, hours=20)

    found = ahead(room)

    named = {
        wait.task_id: (bite.summary.cap, wait.until) for bite in found.bites for wait in bite.held
    }
    assert named["task-002"] == ("approvals: at most 2 per hour", START + timedelta(hours=1))
    assert named["task-004"] == ("money approved: at most 1.00 USD per day", None)


def test_a_question_stays_with_a_person_until_the_fallback_is_due() -> None:
    """Room alone does not take it back."""
    judge = a_policy(PAY, rails("approvals: at most 1 per hour", over="escalate"))
    room = a_room(judge, count=2, hours=30)

    found = ahead(room)

    (held,) = found.bites[0].held
    assert found.bites[0].summary.asked
    (first, second) = found.planned
    assert second.item.deadline_at is not None
    assert held.until == second.item.deadline_at - timedelta(hours=3) == second.end_at
    assert first.end_at == START


def test_a_later_task_gives_way_to_a_more_urgent_one() -> None:
    """Both places are kept for the fallback of what expires first."""
    rules = "  - name: ask\n    when:\n      task.platform: instagram\n    then: escalate\n" + PAY
    room = a_room(a_policy(rules, rails("approvals: at most 2 per day")))
    room.world.add(*tasks(2, hours=8, platform="instagram"), *tasks(3, first=10, hours=50))

    found = ahead(room)

    assert {wait.task_id for wait in found.bites[0].held} == {"task-010", "task-011", "task-012"}
    assert {planned.end for planned in found.planned if planned.item.id < "task-010"} == {
        "fallback"
    }


def test_probation_is_foreseen_like_a_cap() -> None:
    """25 an hour by what changed, and free once they have stood for an hour."""
    room = a_room(a_policy(mixed(5)), count=1)
    poll_once(room.app)
    changed(room, PAY)
    room.world.tasks.clear()
    room.world.add(*tasks(80, first=100, hours=60))

    (bite,) = ahead(room).bites

    assert "probation" in bite.summary.cap
    assert len(bite.held) == 55
    assert bite.summary.until == START + timedelta(hours=1)


def test_money_of_an_unknown_amount_finds_no_room() -> None:
    """A person is asked, and without an answer silence pays."""
    room = a_room(a_policy(PAY, rails("money approved: at most 10 USD per day")), count=1)
    (item,) = room.world.tasks.values()
    room.world.tasks[item.id] = replace(item, amount_micros=None)

    (bite,) = ahead(room).bites

    assert len(bite.to_silence) == 1 and "does not say" in bite.summary.cap


ON_PAYING = (
    "approvals: at most 2 per hour",
    "approvals: at most 5 per day",
    "money approved: at most 1 USD per day",
    "money approved: at most 0.50 USD per hour",
)
ON_SENDING_BACK = (
    "disputes: at most 2 per hour",
    "disputes: at most 4 per day",
    "disputes per account: at most 1 per day",
)
KINDS = st.sampled_from((("approve", ON_PAYING), ("dispute", ON_SENDING_BACK)))


def some(lines: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    """One or two caps of different kinds."""
    by_kind = {"min_size": 1, "max_size": 2, "unique_by": lambda line: line.split(":")[0]}
    return st.lists(st.sampled_from(lines), **by_kind)  # type: ignore[arg-type]


@pytest.mark.timeout(300)
@given(
    kind=KINDS.flatmap(lambda kind: st.tuples(st.just(kind[0]), some(kind[1]))),
    over=st.sampled_from(("hold", "escalate")),
    exempt=st.booleans(),
    fallback=st.sampled_from((FALLBACK, NO_FALLBACK)),
    hours=st.lists(st.integers(2, times(10, 60)), min_size=1, max_size=9),
    share=st.integers(0, 10),
)
@settings(max_examples=times(4, 80), deadline=None)
def test_the_loop_does_what_was_foretold(
    kind: tuple[str, list[str]],
    over: str,
    exempt: bool,
    fallback: str,
    hours: list[int],
    share: int,
) -> None:
    """Polled every ten minutes to the last deadline, each task is sent when it was said, or never."""
    action, caps = kind
    judge = a_policy(a_share_of(action, share), rails(*caps, over=over, exempt=exempt), fallback)
    room = a_room(judge)
    for n, left in enumerate(hours):
        # Deadlines lie on the ten minutes too: a limit that frees its room between two polls would decide.
        room.world.add(*(with_digit(task, n) for task in tasks(1, first=10 * n, hours=left)))
    foretold = {planned.item.id: (planned.end, planned.end_at) for planned in ahead(room).planned}

    sent = worked_off(room, max(hours) + 1)

    for task_id, (end, at) in foretold.items():
        if end in ("rule", "fallback", "sent back"):
            assert at is not None and task_id in sent, (task_id, end, at)
            action, moment = sent[task_id]
            assert action.pays is (end != "sent back")
            assert abs(moment - at) <= len(hours) * STEP, (task_id, at, moment)
        else:
            assert task_id not in sent, (task_id, end, sent)


def a_share_of(action: str, tenths: int) -> str:
    """Rules that act on so many tenths of the tasks, by the last digit of the comment, and ask."""
    lines = "".join(f"      - task.comment_text: ends with {n}\n" for n in range(tenths))
    text = "    reason: Please post it again, as written.\n    repeat: yes\n" * (
        action == "dispute"
    )
    rule = f"  - name: act\n    when any:\n{lines}    then: {action}\n{text}" if lines else ""
    return rule + ASK


def with_digit(item: Any, digit: int) -> Any:
    """The same task with a comment that ends so, on one of two accounts."""
    task = item.subject
    assert isinstance(task, CommentTask)
    account = f"account-{digit % 2}"
    return replace(
        item_of(replace(task, comment_text=f"Nice {digit % 10}", saved_account_id=account)),
        account_id=account,
    )


def worked_off(room: Room, hours: int) -> dict[str, tuple[Action, datetime]]:
    """Poll until the last deadline has passed; what was sent before its deadline, and when."""
    sent: dict[str, tuple[Action, datetime]] = {}
    for _ in range((hours + 1) * 6):
        before = room.sent()
        poll_once(room.app)
        for decision in room.world.sent[before:]:
            sent[decision.task_id] = (decision.action, room.clock.now())
        room.clock.forward(minutes=10)
        for item in list(room.world.tasks.values()):
            if item.deadline_at is not None and item.deadline_at <= room.clock.now():
                del room.world.tasks[item.id]
    return sent


@given(
    taken=st.lists(st.tuples(st.integers(0, 50), st.integers(1, 5)), max_size=12),
    start=st.integers(0, 50),
    wanted=st.integers(1, 5),
    most=st.integers(1, 12),
)
@settings(max_examples=times(25, 2000), deadline=None)
def test_a_moment_with_room_is_one_that_the_log_would_allow(
    taken: list[tuple[int, int]], start: int, wanted: int, most: int
) -> None:
    """And no earlier minute from the start on would be."""
    limit = Limit(
        name="money",
        policy="p",
        actions=frozenset({Action.APPROVE}),
        measure="micros",
        at_most=most,
        seconds=1200.0,
    )
    minute = timedelta(minutes=1)
    track = LimitTrack(limit)
    for at, weight in taken:
        track.add(START + at * minute, weight)

    def fits(at: datetime) -> bool:
        """Whether the log allows it, and every later thing beside it."""
        every = sorted([(START + when * minute, w) for when, w in taken] + [(at, wanted)])
        ends = [at, *(when for when, _ in every if at <= when)]
        for end in ends:
            within = [
                SpentRoom(int(when.timestamp() * 1e6), weight, Action.APPROVE)
                for when, weight in every
                if end - 20 * minute < when <= end
            ]
            if end - 20 * minute >= at:
                continue
            within.remove(SpentRoom(int(at.timestamp() * 1e6), wanted, Action.APPROVE))
            if not _allowed(limit, wanted, within):
                return False
        return True

    found = track.room(START + start * minute, START + 500 * minute, wanted)

    minutes = [START + n * minute for n in range(start, 130)]
    assert found == next((at for at in minutes if fits(at)), None)


@given(
    taken=st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=12),
    start=st.integers(0, 50),
    share=st.integers(1, 9),
    after=st.integers(0, 4),
)
@settings(max_examples=times(25, 2000), deadline=None)
def test_a_moment_for_a_dispute_is_one_that_the_share_allows(
    taken: list[tuple[int, bool]], start: int, share: int, after: int
) -> None:
    """As many decisions as are planned go on, and no earlier minute would do."""
    limit = Limit(
        name="share",
        policy="p",
        actions=frozenset({Action.APPROVE, Action.DISPUTE}),
        measure="share",
        at_most=share * 100_000,
        seconds=1200.0,
        share_of=frozenset({Action.DISPUTE}),
        after=after,
    )
    minute = timedelta(minutes=1)
    track = LimitTrack(limit)
    for at, dispute in taken:
        track.add(START + at * minute, None, sends_back=dispute)

    def fits(at: datetime) -> bool:
        """Whether the log would let one more dispute go at this moment."""
        within = [
            SpentRoom(0, None, Action.DISPUTE if dispute else Action.APPROVE)
            for when, dispute in taken
            if at - 20 * minute < START + when * minute <= at
        ]
        return _allowed(limit, 0, within, Action.DISPUTE)

    minutes = [START + n * minute for n in range(start, 130)]
    assert track.room(minutes[0], START + 129 * minute, None) == next(filter(fits, minutes), None)


def _allowed(
    limit: Limit, wanted: int, spent: list[SpentRoom], action: Action = Action.APPROVE
) -> bool:
    decision = a_decision(action, amount_micros=wanted, policy="p")
    try:
        check_room(limit, decision, spent)
    except CapReached:
        return False
    return True


@pytest.mark.parametrize(("after", "sent"), [(2, 2), (6, 6)])
def test_a_share_of_disputes_is_foreseen(after: int, sent: int) -> None:
    """As many as it takes to bind go out; the rest find no room while nothing else is decided."""
    line = f"dispute share: at most 30% after {after} decisions"
    room = a_room(a_policy(SEND_BACK, rails(line)), count=8, hours=20)

    found = ahead(room)

    assert sum(planned.end == "sent back" for planned in found.planned) >= sent
    poll_once(room.app)
    now = [
        planned
        for planned in found.planned
        if planned.end == "sent back" and planned.end_at == START
    ]
    assert room.sent() == len(now)


def test_what_no_pass_finds_due_in_time_is_not_promised() -> None:
    """The fallback is due ten seconds before the deadline: passes every minute miss it, every second not."""
    late = FALLBACK.replace("3h before deadline", "10s before deadline")
    room = a_room(a_policy(ASK, fallback=late), count=1, hours=10)
    (item,) = room.world.tasks.values()

    often = plan(room.app, bot=Bot(every=1.0)).planned[0]
    rarely = plan(room.app, bot=Bot(every=3600.0)).planned[0]

    assert often.end == "fallback"
    assert (rarely.end, rarely.end_at) == ("silence", item.deadline_at)


def test_what_expires_before_the_next_pass_is_found_by_one_of_those_between() -> None:
    """The fallback is due ten minutes before the deadline, and a pass is made every hour: then every minute."""
    late = FALLBACK.replace("3h before deadline", "10m before deadline")
    room = a_room(a_policy(ASK, fallback=late), count=1, hours=10)
    (item,) = room.world.tasks.values()
    assert item.deadline_at is not None
    due = item.deadline_at - timedelta(minutes=10)

    often = plan(room.app, bot=Bot(every=60.0)).planned[0]
    rarely = plan(room.app, bot=Bot(every=3600.0)).planned[0]

    assert (often.end, often.end_at) == ("fallback", due)
    assert rarely.end == "fallback"
    assert rarely.end_at is not None
    assert timedelta(0) <= rarely.end_at - due < timedelta(minutes=1)


@pytest.mark.parametrize("hours", [30.0, 0.2])
def test_an_open_write_past_its_deadline_may_have_been_done(hours: float) -> None:
    """In time the policy goes on with the same; afterwards nobody can tell before it is read."""
    room = a_room(a_policy(PAY), count=1, hours=hours)

    def lose(_: object) -> None:
        raise NoAnswer("a reset")

    room.world.before_write = lose
    poll_once(room.app)
    room.clock.forward(minutes=13)

    (one,) = outlook_of(room.ledger, room.clock.now(), Bot()).futures.values()

    assert one.end == ("rule" if hours == 30.0 else "unknown")
    assert one.answerable_at is None and one.why is not None and "may have been" in one.why


def test_what_the_list_goes_on_showing_was_not_done() -> None:
    """For a quarantine's time the list may lag; after that the log is not believed."""
    room = a_room(a_policy(PAY), count=1)
    (item,) = room.world.tasks.values()
    poll_once(room.app)
    room.world.tasks[item.id] = item

    soon = plan(room.app).planned[0].end
    room.clock.forward(minutes=16)

    assert (soon, plan(room.app).planned[0].end) == ("acted on", "rule")


def test_what_is_sent_is_sent_by_a_pass() -> None:
    """By the one that comes first after the policy wants it, however long the time between two."""
    room = a_room(a_policy(ASK), count=1, hours=10)
    (item,) = room.world.tasks.values()
    assert item.deadline_at is not None
    due = item.deadline_at - timedelta(hours=3)

    ends = [
        plan(room.app, bot=Bot(every=60.0 * minutes, passed_at=START - STEP)).planned[0].end_at
        for minutes in (1, 25)
    ]

    assert ends == [due, START + timedelta(minutes=15 + 17 * 25)]
    assert due < START + timedelta(minutes=15 + 17 * 25) < due + timedelta(minutes=25)


def test_a_pause_leaves_a_full_caps_question_with_its_person() -> None:
    """When it ends nothing is approved that the policy has put to somebody, and the screens say so."""
    room = a_room(
        a_policy(PAY, rails("approvals: at most 1 per hour", over="escalate")), count=2, hours=30
    )
    poll_once(room.app)
    end = START + timedelta(hours=2)
    pauses.pause(room.ledger, "all", reason="x", who="ana", until=end, now=START)
    said = ahead(room).planned[-1].end_at

    for _ in range(30):
        room.clock.forward(minutes=10)
        poll_once(room.app)

    (asked,) = room.ledger.decisions(task_id="task-001")
    assert asked.decision.action is Action.ESCALATE
    assert said is not None and said > end + timedelta(hours=20)


def test_what_was_refused_is_left_alone_for_a_while() -> None:
    """A person has been asked, and the rule tries again after a quarter of an hour."""
    room = a_room(a_policy(PAY), count=1)

    def refuse(_: object) -> None:
        raise TaskBlocked("no", status=423, code="MANAGED_ACCOUNT_TASK_BLOCKED")

    room.world.before_write = refuse
    poll_once(room.app)
    room.clock.forward(minutes=1)

    (one,) = ahead(room).planned

    assert (one.end, one.end_at) == ("rule", START + timedelta(minutes=15))
    assert one.now == "escalate"


def test_a_write_in_doubt_that_the_list_no_longer_shows_takes_its_room() -> None:
    """It was done, as far as anybody can tell."""
    room = a_room(a_policy(PAY, rails("approvals: at most 1 per hour")), count=2)

    def lose(_: object) -> None:
        room.world.after_write = None
        raise NoAnswer("a reset")

    room.world.after_write = lose
    poll_once(room.app)
    room.clock.forward(minutes=5)

    (one,) = ahead(room).planned

    assert one.item.id == "task-001"
    assert one.end_at is not None and one.end_at >= START + timedelta(hours=1)


def test_what_was_left_is_not_left_once_a_breaker_stops_it() -> None:
    """The bot writes down that it holds it, so silence pays and not the policy's word."""
    fallback = FALLBACK.replace("undecided: approve", "undecided: leave")
    guards = rails("approvals: at most 1 per day")
    room = a_room(a_policy(PAY, guards, fallback=fallback), count=2, hours=2)
    poll_once(room.app)
    before = ahead(room).planned[-1].end
    room.ledger.note("breaker", "guarded", {"open": True, "what": "a sign"}, START)

    after = ahead(room).planned[-1].end

    assert (before, after) == ("left", "silence")
