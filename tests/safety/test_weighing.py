"""What a changed policy would have decided otherwise: on every way in, after a crash, and in bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.domain.errors import LedgerUnwritable
from reviewbot.ledger.open import open_ledger
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.review.poll import poll_once
from reviewbot.safety import impact, probation, rollout
from reviewbot.safety.impact import ChangeImpact, Move
from reviewbot.safety.rollout import adopt
from tests.proof import proven
from tests.safety.test_guards import (
    ASK,
    FALLBACK,
    PAY,
    SEND_BACK,
    Room,
    a_policy,
    a_room,
    tasks,
)
from tests.tier import times

LONG = "  - name: odd ones\n    when:\n      task.comment_length: at least 1\n    then: dispute\n    reason: Please post it again.\n    repeat: yes\n"


def weighed(room: Room, policy: str = "guarded") -> list[ChangeImpact]:
    """Every note of what a take-over of the policy came to, oldest first."""
    found = [impact.weighed_of(note) for note in room.ledger.story(impact.TOPIC, policy)]
    return [change for change in found if change is not None]


def named(name: str, rules: str = PAY, scope: str = "") -> Any:
    """A judge of a policy of another name."""
    text = f"policy: {name}\nlanguage: 1\n{scope}rules:\n{rules}{FALLBACK}"
    parsed = parse_policy(text, path=f"{name}.yaml", read=lambda name: b"")
    assert parsed.policy is not None, parsed.findings
    return compile_policy(parsed.policy)


def again(room: Room, *judges: Any) -> Room:
    """The same bot after a restart."""
    made = a_room(judges[0], ledger=room.ledger, clock=room.clock)
    made.world.add(*room.world.tasks.values())
    return made


def by_reload(room: Room) -> str:
    """The file changed, or a SIGHUP asked for it."""
    adopt(room.app, [a_policy(PAY)])
    return "guarded"


def by_restart(room: Room) -> str:
    """The bot starts with another revision than the log last ran."""
    again(room, a_policy(PAY))
    return "guarded"


def by_acceptance(room: Room) -> str:
    """A person accepts what waited."""
    judge = a_policy(PAY)
    room.app.guard.require_ack = True
    adopt(room.app, [judge])
    assert not room.ledger.notes(impact.TOPIC), "it does not judge yet"
    rollout.accept(room.ledger, judge.policy.revision, who="ana", now=room.clock.now())
    poll_once(room.app)
    return "guarded"


def by_another_name(room: Room) -> str:
    """The policy is renamed and changed at once."""
    adopt(room.app, [named("renamed")])
    return "renamed"


def by_one_beside(room: Room) -> str:
    """A second policy comes in beside the first."""
    adopt(room.app, [a_policy(ASK), named("beside", scope="applies to:\n  platform: instagram\n")])
    return "beside"


def back_again(room: Room) -> str:
    """Changed, and changed back to what ran before."""
    adopt(room.app, [a_policy(SEND_BACK)])
    adopt(room.app, [a_policy(ASK)])
    return "guarded"


WAYS: list[Callable[[Room], str]] = [
    by_reload,
    by_restart,
    by_acceptance,
    by_another_name,
    by_one_beside,
    back_again,
]


@pytest.mark.parametrize("way", WAYS)
def test_every_take_over_leaves_a_record(way: Callable[[Room], str]) -> None:
    """As many as there were changes, each of the revision and the moment of its change."""
    room = a_room(a_policy(ASK), count=3)
    poll_once(room.app)

    policy = way(room)

    changes = [probation.change_of(note) for note in room.ledger.story("probation", policy)]
    changed = [(c.revision, c.since, c.before) for c in changes if c and c.before is not None]
    assert [
        (change.revision, change.since, change.before) for change in weighed(room, policy)
    ] == changed
    assert changed and all(change.problem is None for change in weighed(room, policy))


def test_the_first_policy_of_a_log_and_a_restart_leave_none() -> None:
    """There is nothing to compare with, or nothing changed."""
    room = a_room(a_policy(ASK), count=3)
    poll_once(room.app)
    again(room, a_policy(ASK))

    assert weighed(room) == []


def test_it_says_what_moves_in_tasks_money_and_rules() -> None:
    """Open rounds by their newest facts, ended ones of the last 30 days apart from them."""
    room = a_room(a_policy(PAY), count=4)
    poll_once(room.app)
    room.world.add(*tasks(2, first=50))
    room.world.trouble = {}
    adopt(room.app, [a_policy(ASK)])
    poll_once(room.app)
    room.clock.forward(hours=1)

    adopt(room.app, [a_policy(LONG)])

    found = weighed(room)[-1]
    back = Move(
        old="escalate", new="dispute", count=2, micros=480_000, rules=(("ask", "odd ones", 2),)
    )
    assert found.open.judged == 2
    assert found.open.moves == (back,)
    assert (found.past.judged, found.past.moved) == (4, 4)
    assert found.sentence() == (
        "Of 2 open reviews: 2 escalate → dispute (0.48 USD)."
        " Of 4 reviews of the last 30 days: 4 escalate → dispute (0.96 USD)."
    )
    (said,) = [
        event
        for event in room.said("policy change weighed")
        if event["revision"] == found.revision[:8]
    ]
    assert said["said"] == tuple(found.sentences())
    assert room.alarms("probation")[-1].endswith(found.sentence())


@pytest.mark.parametrize("then", ["the same", "a third"])
def test_a_record_that_a_crash_prevented_is_made_up_for(then: str) -> None:
    """Killed between the two notes; the next start writes it, also where it brings another change."""
    room = a_room(a_policy(ASK), count=3)
    poll_once(room.app)
    note = room.ledger.note

    def killed(topic: str, *about: Any) -> None:
        if topic == impact.TOPIC:
            raise KeyboardInterrupt
        note(topic, *about)

    room.ledger.note = killed
    with pytest.raises(KeyboardInterrupt):
        adopt(room.app, [a_policy(PAY)])
    room.ledger.note = note
    assert weighed(room) == []

    last = a_policy(PAY if then == "the same" else SEND_BACK)
    again(room, last)

    revisions = {"the same": [last.policy.revision]}
    assert [change.revision for change in weighed(room)] == revisions.get(
        then, [a_policy(PAY).policy.revision, last.policy.revision]
    )


def test_a_comparison_that_fails_is_noted_and_keeps_nothing_from_acting() -> None:
    """The policy judges all the same."""
    room = a_room(a_policy(ASK), count=2)
    poll_once(room.app)
    room.ledger.decisions, whole = _broken, room.ledger.decisions

    adopt(room.app, [a_policy(PAY)])
    room.ledger.decisions = whole
    poll_once(room.app)

    (found,) = weighed(room)
    assert "the comparison failed" in found.sentence()
    assert room.sent() == 2


def test_a_record_that_cannot_be_written_comes_at_the_next_start() -> None:
    """The disk is full at that moment; the policy judges, and what it moves is said all the same."""
    room = a_room(a_policy(ASK), count=2)
    poll_once(room.app)
    note = room.ledger.note

    def full(topic: str, *about: Any) -> None:
        if topic == impact.TOPIC:
            raise LedgerUnwritable("no space")
        note(topic, *about)

    room.ledger.note = full
    adopt(room.app, [a_policy(PAY)])
    room.ledger.note = note
    assert weighed(room) == []
    assert "2 escalate → approve" in room.alarms("probation")[-1]

    again(room, a_policy(PAY))
    assert len(weighed(room)) == 1


def _broken(**_: Any) -> Any:
    raise LedgerUnwritable("no")


def test_the_work_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """In decisions looked at, and in seconds."""
    room = a_room(a_policy(ASK), count=6)
    poll_once(room.app)
    monkeypatch.setattr(impact, "MOST", 4)

    adopt(room.app, [a_policy(PAY)])
    (found,) = weighed(room)
    assert (found.open.judged, found.open.left) == (4, 2)

    judge = a_policy(SEND_BACK)
    real = judge.decide

    def slow(facts: Any) -> Any:
        room.clock.sleep(3.0)
        return real(facts)

    judge.decide = slow
    found = impact.weigh(
        room.app.guard_post,
        room.app.revisions,
        judge,
        a_policy(ASK).policy.revision,
        room.clock.now(),
    )
    assert (found.open.judged, found.open.left) == (2, 4)
    assert "4 were not judged" in found.sentence()


def test_what_another_policy_decides_is_none_of_its_business() -> None:
    """Open tasks of a policy beside it are neither judged nor missing; new ones are said."""
    instagram = named("beside", ASK, "applies to:\n  platform: instagram\n")
    room = a_room(a_policy(ASK), count=2)
    adopt(room.app, [instagram, a_policy(ASK)])
    room.world.add(*tasks(3, first=10, platform="instagram"))
    poll_once(room.app)
    room.ledger.sight(list(tasks(4, first=20)), room.clock.now())

    adopt(room.app, [instagram, a_policy(PAY)])

    found = weighed(room)[-1]
    assert (found.open.judged, found.open.left) == (2, 4)


def test_what_nobody_looked_at_then_is_not_guessed() -> None:
    """The old policy needed no evidence; what the new one would see in it cannot be told."""
    look = "  - name: look\n    when:\n      last.comments_scraped: 0\n    then: approve\n"
    wait = "  - name: later\n    always: yes\n    then: wait\n    until: 4h before deadline\n"
    room = a_room(a_policy(wait), count=2)
    poll_once(room.app)

    adopt(room.app, [a_policy(look + wait)])

    (found,) = weighed(room)
    assert (found.open.judged, found.open.unread) == (0, 2)
    assert "2 cannot be told" in found.sentence()


def test_a_revision_that_can_no_longer_be_read_is_said() -> None:
    """Nothing is made up in its place."""
    ledger = open_ledger("memory:")
    room = a_room(a_policy(ASK), ledger=ledger)
    room.app.revisions.judge = lambda revision: None  # type: ignore[method-assign]

    found = impact.weigh(
        room.app.guard_post,
        room.app.revisions,
        a_policy(PAY),
        "0" * 64,
        room.clock.now(),
    )

    assert found.problem == "the revision before can no longer be read"


def test_the_past_ends_after_thirty_days() -> None:
    """Older rounds do not count."""
    room = a_room(a_policy(PAY), count=3)
    poll_once(room.app)
    room.clock.forward(days=31)

    adopt(room.app, [a_policy(ASK)])

    (found,) = weighed(room)
    assert (found.open.judged, found.past.judged) == (0, 0)
    assert found.sentence().endswith("No review of the last 30 days is known.")
    assert found.since - room.clock.now() == timedelta(0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("reload", "restart", "accept", "killed", "killed before")),
        st.sampled_from((ASK, PAY, SEND_BACK, LONG)),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.timeout(300)
def test_no_history_of_changes_and_kills_lacks_a_record() -> None:
    """Reloads, restarts, acceptances, and kills before and after the change is noted: one each."""
    recorded = 0

    @given(steps=STEPS)
    @settings(max_examples=times(3, 600), deadline=None)
    def every_history(steps: list[tuple[str, str]]) -> None:
        nonlocal recorded
        room = after_all(steps)
        changes = [probation.change_of(note) for note in room.ledger.story("probation", "guarded")]
        changed = {(c.revision, c.since) for c in changes if c and c.before is not None}
        found = [(change.revision, change.since) for change in weighed(room)]
        assert sorted(found) == sorted(changed)
        recorded += len(found)

    every_history()
    proven("changes", "P8", "changes of policy, each with a record of what it moves", recorded)


def after_all(steps: list[tuple[str, str]]) -> Room:
    """A bot after these changes of its policy, each in its way."""
    room = a_room(a_policy(ASK), count=2)
    poll_once(room.app)
    for way, rules in steps:
        room.clock.forward(minutes=7)
        room.app.guard.require_ack = way == "accept"
        judge = a_policy(rules)
        if way == "restart":
            room = again(room, judge)
        elif way.startswith("killed"):
            with killed_at(room, "probation" if way == "killed before" else impact.TOPIC):
                adopt(room.app, [judge])
            room = again(room, judge)
        else:
            adopt(room.app, [judge])
        if way == "accept" and room.app.guard.waiting:
            rollout.accept(room.ledger, judge.policy.revision, who="ana", now=room.clock.now())
            poll_once(room.app)
    return room


@contextmanager
def killed_at(room: Room, topic: str) -> Iterator[None]:
    """Let the process die where it would write a word on this topic, if it does."""
    note = room.ledger.note

    def dies(about: str, *more: Any) -> None:
        if about == topic:
            raise KeyboardInterrupt
        note(about, *more)

    room.ledger.note = dies
    with suppress(KeyboardInterrupt):
        yield
    room.ledger.note = note
