"""One contract for every store: memory, SQLite and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from reviewbot.domain.decision import CLAIMED, NEXT_STATES, Action, State
from reviewbot.domain.errors import (
    AlreadyIntended,
    CapReached,
    LedgerError,
    LedgerUnwritable,
    OutOfDate,
)
from reviewbot.ports.ledger import Ending, Limit, Need, SeenRound
from tests.builders import CONFIRMED, an_item
from tests.ledger.things import EPOCH, a_decision, a_policy, after


def test_an_empty_ledger_knows_nothing(ledger: Any) -> None:
    """Every question has an answer before anything happened."""
    assert ledger.decisions() == []
    assert ledger.open_intents() == []
    assert ledger.memories("comments", ["t1"]) == {}
    assert ledger.decision("abc") is None
    assert ledger.entries("abc") == []
    assert ledger.policies() == []
    assert ledger.notes("pause") == []
    assert ledger.endings() == []
    assert ledger.verify().whole


def test_a_decision_comes_back_as_it_was_written(ledger: Any) -> None:
    """Nothing of a decision is lost or changed on the way through the store."""
    decision = a_decision(
        Action.DISPUTE,
        reason="“Unreal” is missing 👀",
        cannot_tell=("late",),
        until=after(hours=9),
        to=("ops",),
        deadline_at=after(hours=72),
        evidence_hash="ab",
        decided_by="Kim",
        amount_micros=None,
        fields={"username": "x"},
    )

    ledger.record(decision, State.HELD)

    (logged,) = ledger.decisions()
    assert logged.decision == decision
    assert (logged.seq, logged.state, logged.state_at) == (1, State.HELD, decision.decided_at)
    assert (logged.intended_at, logged.settled_at) == (None, None)


def test_an_intent_is_open_until_it_is_marked(ledger: Any) -> None:
    """What was sent stands among the open intents until it is known what became of it."""
    decision = a_decision()
    ledger.intend(decision)
    assert [entry.decision for entry in ledger.open_intents()] == [decision]

    ledger.mark(decision.id, State.UNKNOWN, after(hours=2), note="timeout")
    assert ledger.open_intents()[0].note == "timeout"
    ledger.mark(decision.id, State.SETTLED, after(hours=3), request_id="req-7")

    assert ledger.open_intents() == []
    logged = ledger.decision(decision.id)
    assert (logged.state, logged.request_id, logged.note) == (State.SETTLED, "req-7", None)
    assert logged.intended_at == decision.decided_at
    assert logged.settled_at == after(hours=3)


def test_a_round_has_one_intent_that_is_not_void(ledger: Any) -> None:
    """A second intent in the round is refused and leaves no trace, whatever its action."""
    ledger.intend(a_decision())

    with pytest.raises(AlreadyIntended):
        ledger.intend(a_decision(Action.DISPUTE, reason="no"))
    with pytest.raises(AlreadyIntended):
        ledger.intend(a_decision())

    assert len(ledger.decisions()) == 1
    assert ledger.verify().lines == 1


@pytest.mark.parametrize("state", sorted(CLAIMED - {State.INTENT}))
def test_every_claimed_state_keeps_the_round(ledger: Any, state: State) -> None:
    """Nothing but `void` frees a round for another intent."""
    ledger.intend(a_decision())
    ledger.mark(a_decision().id, state, after(hours=2))

    with pytest.raises(AlreadyIntended):
        ledger.intend(a_decision(Action.DISPUTE, reason="no"))


def test_a_void_intent_frees_the_round(ledger: Any) -> None:
    """After a void the same action keeps its id and row, and another action is a new row."""
    first = a_decision()
    ledger.intend(first)
    ledger.mark(first.id, State.VOID, after(hours=2))
    again = a_decision(decided_at=after(hours=3), trace=b'"anew"')
    ledger.intend(again)
    ledger.mark(first.id, State.VOID, after(hours=4))
    ledger.intend(a_decision(Action.DISPUTE, reason="no", decided_at=after(hours=5)))

    approve, dispute = ledger.decisions()
    assert (approve.seq, approve.state, approve.decision) == (1, State.VOID, again)
    assert (dispute.seq, dispute.state) == (5, State.INTENT)
    assert [entry.state for entry in ledger.entries(first.id)] == ["intent", "void"] * 2


def test_the_next_round_is_free(ledger: Any) -> None:
    """The same task in another round, and another review with the same id, are other claims."""
    ledger.intend(a_decision())
    ledger.intend(a_decision(epoch="2026-06-05T00:00:00Z", round=2))
    ledger.intend(a_decision(Action.FINALIZE, review="accounts"))

    assert len(ledger.open_intents()) == 3


def test_a_held_decision_may_be_held_again_and_become_an_intent(ledger: Any) -> None:
    """It keeps its row and shows the newest text."""
    ledger.record(a_decision(rule="one"), State.HELD)
    ledger.record(a_decision(rule="two"), State.HELD)
    ledger.intend(a_decision(rule="three"))

    (logged,) = ledger.decisions()
    assert (logged.seq, logged.state, logged.decision.rule) == (1, State.INTENT, "three")


def test_a_decision_on_a_round_that_cannot_be_told_is_kept(ledger: Any) -> None:
    """Without an epoch nothing is sent; a person is asked, and that is written down all the same."""
    asked = a_decision(Action.ESCALATE, epoch=None)
    ledger.record(asked, State.HELD)
    (found,) = ledger.decisions()
    assert found.decision.epoch is None
    memory = ledger.memories("comments", [asked.task_id])[asked.task_id]
    assert memory.latest is not None
    assert memory.latest.decision.action is Action.ESCALATE


@pytest.mark.parametrize(("action", "epoch"), [(Action.ESCALATE, EPOCH), (Action.APPROVE, None)])
def test_what_cannot_be_sent_is_no_intent(ledger: Any, action: Action, epoch: str | None) -> None:
    """An action that writes nothing, or a round without a name, is never claimed."""
    with pytest.raises(LedgerError):
        ledger.intend(a_decision(action, epoch=epoch))
    assert ledger.verify().lines == 0


@pytest.mark.parametrize("state", sorted(set(State) - NEXT_STATES[State.INTENT]))
def test_a_step_that_may_not_follow_is_refused(ledger: Any, state: State) -> None:
    """`mark` keeps to NEXT_STATES, and a refused step changes nothing."""
    ledger.intend(a_decision())

    with pytest.raises(LedgerError):
        ledger.mark(a_decision().id, state, after(hours=2))

    assert ledger.decision(a_decision().id).state is State.INTENT


def test_only_what_is_in_the_log_can_be_marked(ledger: Any) -> None:
    """A mark on an unknown decision is an error."""
    with pytest.raises(LedgerError, match="not in the log"):
        ledger.mark("f" * 32, State.PERFORMED, CONFIRMED)


def test_decisions_are_found_by_time_task_and_number(ledger: Any) -> None:
    """Always by `seq`, oldest first."""
    for n in range(5):
        ledger.record(a_decision(task_id=f"t{n}", decided_at=after(hours=n)), State.HELD)

    assert [logged.seq for logged in ledger.decisions(newest=2)] == [4, 5]
    assert [logged.seq for logged in ledger.decisions(since=after(hours=3))] == [4, 5]
    assert [logged.decision.task_id for logged in ledger.decisions(task_id="t2")] == ["t2"]
    assert [logged.seq for logged in ledger.iter_decisions()] == [1, 2, 3, 4, 5]
    assert [logged.seq for logged in ledger.iter_decisions(since=after(hours=3))] == [4, 5]
    assert not [*ledger.iter_decisions(since=after(hours=30))]


def test_a_beginning_of_an_id_finds_its_decision(ledger: Any) -> None:
    """Unless two begin so."""
    ids = []
    for n in range(40):
        ids.append(a_decision(task_id=f"t{n}").id)
        ledger.record(a_decision(task_id=f"t{n}"), State.HELD)

    assert ledger.decision(ids[7][:12]).decision.id == ids[7]
    assert ledger.decision("") is None


def test_decisions_are_found_by_their_ids_at_once(ledger: Any) -> None:
    """In full, whatever their order, and one that is not there is left out."""
    made = [a_decision(task_id=f"t-{n}") for n in range(3)]
    for decision in made:
        ledger.record(decision, State.HELD)
    wanted = [made[2].id, "no such id", made[0].id, "\x00"]

    found = ledger.decisions_named(wanted)

    assert found == {decided.id: ledger.decision(decided.id) for decided in (made[0], made[2])}
    assert ledger.decisions_named([]) == {}


def test_a_memory_counts_disputes_that_are_done(ledger: Any) -> None:
    """Performed or settled, by a rule or a person; open ones only lend their text."""
    epochs = [f"2026-06-0{n}T00:00:00Z" for n in range(1, 6)]
    states = [State.PERFORMED, State.UNKNOWN, State.VOID, State.OVERTAKEN]
    for n, (epoch, state) in enumerate(zip(epochs, states, strict=False)):
        decision = a_decision(Action.DISPUTE, epoch=epoch, reason=f"text {n}")
        ledger.intend(decision)
        ledger.mark(decision.id, state, after(hours=10 + n))
    ledger.record(a_decision(Action.ESCALATE, epoch=epochs[4], reason="why?"), State.HELD)

    memory = ledger.memories("comments", ["t1", "t2"])["t1"]

    assert memory.history.disputes == 1
    assert memory.history.last_dispute_at == after(hours=10)
    assert memory.history.texts == ("text 0", "text 1")
    assert memory.claimed == {epochs[0], epochs[1], epochs[3]}
    assert memory.latest.decision.action is Action.ESCALATE


def test_what_is_held_beside_an_act_does_not_stand_for_the_round(ledger: Any) -> None:
    """A person answered while a review was under way; its decision came down last, and sent nothing."""
    answered = a_decision(Action.DISPUTE, reason="not there", decided_by="ana")
    ledger.intend(answered)
    ledger.mark(answered.id, State.PERFORMED, after(hours=2))
    ledger.record(a_decision(Action.ESCALATE, reason="why?"), State.HELD)

    latest = ledger.memories("comments", ["t1"])["t1"].latest

    assert (latest.decision.id, latest.state) == (answered.id, State.PERFORMED)


def test_a_memory_follows_what_happens(ledger: Any) -> None:
    """What was remembered once is not remembered for ever."""
    decision = a_decision(Action.DISPUTE, reason="no")
    ledger.intend(decision)
    assert ledger.memories("comments", ["t1"])["t1"].history.disputes == 0

    ledger.mark(decision.id, State.PERFORMED, after(hours=2))
    assert ledger.memories("comments", ["t1"])["t1"].history.disputes == 1
    assert ledger.memories("accounts", ["t1"]) == {}


def test_memories_of_many_things_come_at_once(ledger: Any) -> None:
    """However many are asked for, each is found once."""
    for n in range(0, 700, 7):
        ledger.record(a_decision(task_id=f"t{n}"), State.HELD)

    memories = ledger.memories("comments", [f"t{n}" for n in range(700)])

    assert set(memories) == {f"t{n}" for n in range(0, 700, 7)}


def test_an_account_shows_its_last_30_days(ledger: Any) -> None:
    """What was done or may have been counts; what is older, void or only held does not."""
    now = after(days=40)
    plan = [
        (Action.APPROVE, State.PERFORMED, 20),
        (Action.APPROVE, State.UNKNOWN, 21),
        (Action.DISPUTE, State.SETTLED, 22),
        (Action.APPROVE, State.VOID, 23),
        (Action.APPROVE, State.PERFORMED, 5),
    ]
    for n, (action, state, day) in enumerate(plan):
        decision = a_decision(action, task_id=f"t{n}", reason="x", decided_at=after(days=day))
        ledger.intend(decision)
        ledger.mark(decision.id, state, after(days=day))
    ledger.record(a_decision(task_id="t9", decided_at=after(days=25)), State.HELD)

    figures = ledger.accounts("comments", ["a1", "a2"], now)

    assert (figures["a1"].decisions_30d, figures["a1"].approvals_30d) == (3, 2)
    assert (figures["a1"].disputes_30d, figures["a1"].dispute_share_30d) == (
        1,
        pytest.approx(1 / 3),
    )
    assert figures["a1"].paid_30d == pytest.approx(0.48)
    assert (figures["a2"].decisions_30d, figures["a2"].dispute_share_30d) == (0, None)
    assert figures["a2"].paid_30d == 0.0
    assert (figures["a1"].decisions_ever, figures["a1"].approvals_ever) == (4, 3)
    assert (figures["a1"].disputes_ever, figures["a1"].dispute_share_ever) == (1, 0.25)
    assert figures["a1"].paid_ever == pytest.approx(0.72)
    assert (figures["a2"].decisions_ever, figures["a2"].dispute_share_ever) == (0, None)


AUTUMN = datetime(2026, 11, 1, 9, 30, tzinfo=ZoneInfo("Europe/Berlin"))
"""A week after the clocks in Europe went back: the wall shows the same time 30 days before, or 720
hours before another one."""


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")])
@pytest.mark.parametrize(
    ("younger", "counts"),
    [
        (timedelta(0), False),
        (timedelta(microseconds=1), True),
        (timedelta(microseconds=-1), False),
        (timedelta(hours=1), True),
        (timedelta(hours=-1), False),
    ],
)
def test_the_30_days_of_an_account_end_to_the_microsecond(
    ledger: Any, younger: timedelta, counts: bool, zone: tzinfo
) -> None:
    """What was sent exactly 30 times 24 hours ago no longer counts, whatever clocks on walls did."""
    now = AUTUMN.astimezone(UTC)
    sent = (now - timedelta(days=30) + younger).astimezone(zone)
    ledger.intend(a_decision(decided_at=sent))

    figures = ledger.accounts("comments", ["a1"], now.astimezone(zone))

    assert figures["a1"].decisions_30d == counts


def test_an_account_counts_where_a_person_overruled(ledger: Any) -> None:
    """To answer a question overrules nobody; to do otherwise than was decided does."""
    ledger.record(a_decision(Action.ESCALATE, task_id="asked"), State.HELD)
    ledger.intend(a_decision(task_id="asked", decided_by="Kim"))
    ledger.record(a_decision(Action.DISPUTE, task_id="other", reason="no"), State.HELD)
    ledger.intend(a_decision(task_id="other", decided_by="Kim"))

    assert ledger.accounts("comments", ["a1"], after(days=1))["a1"].overruled_30d == 1


def test_a_round_is_first_seen_once(ledger: Any) -> None:
    """Later polls give the first moment; what has no epoch is no round."""
    one, two = an_item(id="one"), an_item(id="two")
    nameless = an_item(id="three", manually_confirmed_at=None, client_dispute_deadline_at=None)

    first = ledger.sight([one, nameless], after(hours=1))
    later = ledger.sight([one, two], after(hours=2))

    assert first == {one.key: after(hours=1)}
    assert later == {one.key: after(hours=1), two.key: after(hours=2)}
    assert [seen.task_id for seen in ledger.unended("comments")] == ["one", "two"]
    assert ledger.unended("comments")[0].deadline_at == one.deadline_at
    assert ledger.unended("accounts") == []


def test_a_first_sight_outlives_the_process(database_url: str, opened: Callable[..., Any]) -> None:
    """A restart finds it in the store."""
    item = an_item()
    opened(database_url).sight([item], after(hours=1))

    assert opened(database_url).sight([item], after(hours=5)) == {item.key: after(hours=1)}


def test_a_round_that_is_seen_after_its_end_has_not_ended(ledger: Any) -> None:
    """What is on the list waits: it is open again, since when it was first seen."""
    item, other = an_item(), an_item(id="t-other")
    ledger.sight([item, other], after(hours=1))
    ending = Ending(
        review="comments",
        task_id=item.id,
        epoch=item.epoch or "",
        by="other",
        status=None,
        at=after(hours=2),
        note="it is gone",
    )
    ledger.end(ending)
    assert [sighting.task_id for sighting in ledger.unended("comments")] == [other.id]

    assert ledger.sight([item], after(hours=3))[item.id, item.epoch] == after(hours=1)

    again = {sighting.task_id: sighting for sighting in ledger.unended("comments")}[item.id]
    assert len(ledger.unended("comments")) == 2
    assert (again.first_seen_at, again.deadline_at) == (after(hours=1), item.deadline_at)
    assert ledger.endings() == []
    lines = ledger.verify().lines
    ledger.sight([item], after(hours=4))
    assert (ledger.verify().lines, ledger.verify().problems) == (lines, ())
    ledger.end(replace(ending, by="ours", at=after(hours=5)))
    assert [last.by for last in ledger.endings()] == ["ours"]
    assert ledger.verify().problems == ()


def test_the_rounds_of_a_thing_are_given_whoever_ended_them(ledger: Any) -> None:
    """Each with when it was first seen, and its end where that is known; other things have none of it."""
    first, second = an_item(), an_item(manually_confirmed_at=CONFIRMED + timedelta(hours=9))
    ledger.sight([first, an_item(id="t-other")], after(hours=1))
    assert first.epoch is not None and second.epoch is not None
    ledger.end(
        Ending(
            review="comments",
            task_id=first.id,
            epoch=first.epoch,
            by="other",
            status="pending_corrections",
            at=after(hours=2),
        )
    )
    ledger.sight([second], after(hours=10))

    found = ledger.rounds("comments", [first.id, "nobody"])

    assert list(found) == [first.id]
    assert sorted(found[first.id], key=lambda round_: round_.epoch) == [
        SeenRound(
            epoch=first.epoch, first_seen_at=after(hours=1), ended_at=after(hours=2), by="other"
        ),
        SeenRound(epoch=second.epoch, first_seen_at=after(hours=10)),
    ]
    assert ledger.rounds("accounts", [first.id]) == ledger.rounds("comments", []) == {}


def test_a_round_ends_once(ledger: Any) -> None:
    """The first ending stands, also of a round that was never seen waiting."""
    item = an_item(id="t1")
    ledger.sight([item], CONFIRMED)
    ours = Ending(
        review="comments", task_id="t1", epoch=item.epoch or "", by="ours",
        status="finalized", at=after(hours=3), amount_micros=240_000, note="x",
    )  # fmt: skip
    silence = Ending(
        review="comments", task_id="t2", epoch="e", by="silence", status=None, at=after(hours=2)
    )

    ledger.end(ours, silence)
    ledger.end(Ending(**{**_fields(ours), "by": "other"}))

    assert ledger.endings() == [silence, ours]
    assert ledger.endings(since=after(hours=3)) == [ours]
    assert ledger.unended("comments") == []
    assert ledger.verify().whole


def _fields(ending: Ending) -> dict[str, Any]:
    return {name: getattr(ending, name) for name in ending.__struct_fields__}


def test_a_policy_is_kept_once_with_its_files(ledger: Any) -> None:
    """Its text can be had by any beginning of its revision that only it has."""
    ledger.remember_policy(a_policy(), CONFIRMED)
    ledger.remember_policy(a_policy(), after(hours=1))
    ledger.remember_policy(a_policy(revision="c0de" * 16, source="other"), after(hours=2))

    stored = ledger.policy("c0ffee")
    assert (stored.source, stored.files) == ("policy: comments\n", {"vip.txt": "one\ntwo\n"})
    assert (stored.first_run_at, stored.path) == (CONFIRMED, "policies/comments.yaml")
    assert [policy.source for policy in ledger.policies()] == ["policy: comments\n", "other"]
    assert ledger.policy("c0") is None
    assert ledger.policy("f") is None


def test_words_on_several_subjects_come_together_or_not_at_all(ledger: Any) -> None:
    """Whoever has not read the newest word of one of them writes on none."""
    ledger.note_all("order", {"a": {"n": 1}, "b": {"n": 1}}, CONFIRMED, last={"a": 0, "b": 0})
    known = {note.subject: note.seq for note in ledger.notes("order")}
    ledger.note("order", "b", {"n": 2}, after(hours=1))

    with pytest.raises(OutOfDate, match="order b"):
        ledger.note_all("order", {"a": {"n": 3}, "b": {"n": 3}}, after(hours=2), last=known)
    with pytest.raises(OutOfDate):
        ledger.note_all("order", {"a": {"n": 3}}, after(hours=2), last={"a": 0})
    ledger.note_all("order", {"a": {"n": 4}, "c": {"n": 4}}, after(hours=2))

    found = [(note.subject, note.value["n"]) for note in ledger.notes("order")]
    assert found == [("a", 4), ("b", 2), ("c", 4)]
    assert ledger.verify().whole


def test_the_newest_note_on_a_subject_counts(ledger: Any) -> None:
    """Earlier ones stay in its story."""
    ledger.note("pause", "approve", {"set": True, "by": "Kim"}, CONFIRMED)
    ledger.note("pause", "dispute", {"set": True}, CONFIRMED)
    ledger.note("pause", "approve", {"set": False}, after(hours=1))

    assert [(n.subject, n.value["set"]) for n in ledger.notes("pause")] == [
        ("approve", False),
        ("dispute", True),
    ]
    assert [n.value for n in ledger.story("pause", "approve")] == [
        {"set": True, "by": "Kim"},
        {"set": False},
    ]
    assert ledger.story("breaker", "approve") == []
    assert ledger.verify().whole


def a_limit(**changes: Any) -> Limit:
    """One approval an hour."""
    fields: dict[str, Any] = {
        "name": "approvals",
        "policy": "comments",
        "actions": frozenset({Action.APPROVE}),
        "measure": "count",
        "at_most": 1,
        "seconds": 3600.0,
    }
    return Limit(**(fields | changes))


def test_a_cap_refuses_the_intent_that_exceeds_it(ledger: Any) -> None:
    """Nothing is written, and the error says when there is room again: exactly when it has passed."""
    ledger.intend(a_decision(), [a_limit()])
    second = a_decision(task_id="t2", decided_at=after(hours=1, minutes=59))

    with pytest.raises(CapReached) as refused:
        ledger.intend(second, [a_limit()])

    assert (refused.value.cap, refused.value.room_at) == ("approvals", after(hours=2))
    assert len(ledger.decisions()) == 1
    ledger.intend(a_decision(task_id="t2", decided_at=after(hours=2)), [a_limit()])


def test_a_cap_counts_only_what_it_is_about(ledger: Any) -> None:
    """Other actions, policies and accounts, and what is void, use up no room."""
    ledger.intend(a_decision(Action.DISPUTE, task_id="t2", reason="x"))
    ledger.intend(a_decision(task_id="t3", policy="other"))
    ledger.intend(a_decision(task_id="t4", account_id="a2"))
    ledger.intend(a_decision(task_id="t5"))
    ledger.mark(a_decision(task_id="t5").id, State.VOID, after(hours=1))

    ledger.intend(a_decision(), [a_limit(account_id="a1")])
    with pytest.raises(CapReached):
        ledger.intend(a_decision(task_id="t6"), [a_limit(account_id="a1")])
    ledger.intend(a_decision(Action.DISPUTE, task_id="t6", reason="x"), [a_limit(at_most=0)])


def test_each_of_several_caps_has_its_own_room(ledger: Any) -> None:
    """Also where they look at the same time: one counts all, one an account's, one the money."""
    ledger.intend(a_decision(task_id="t1", account_id="a2", amount_micros=100_000))
    ledger.intend(a_decision(Action.DISPUTE, task_id="t2", reason="x"))
    caps = [
        a_limit(name="all", at_most=2),
        a_limit(name="of a1", at_most=1, account_id="a1"),
        a_limit(name="money", measure="micros", at_most=400_000),
        a_limit(name="of the day", at_most=3, seconds=86_400.0),
        a_limit(name="of another", policy="another", at_most=0),
    ]
    with pytest.raises(CapReached) as money:
        ledger.intend(a_decision(task_id="t3", amount_micros=300_001), caps)
    ledger.intend(a_decision(task_id="t3", amount_micros=300_000), caps)
    with pytest.raises(CapReached) as of_all:
        ledger.intend(a_decision(task_id="t4", account_id="a3", amount_micros=0), caps)
    with pytest.raises(CapReached) as of_one:
        ledger.intend(a_decision(task_id="t4", amount_micros=0), caps[1:])
    assert [error.value.cap for error in (money, of_all, of_one)] == ["money", "all", "of a1"]
    assert "(100000 of 400000 millionths of a dollar used, 300001 more wanted)" in str(money.value)
    late = after(hours=2, minutes=30)
    ledger.intend(a_decision(task_id="t4", decided_at=late), caps)
    with pytest.raises(CapReached) as of_the_day:
        ledger.intend(
            a_decision(task_id="t5", account_id="a3", amount_micros=0, decided_at=late), caps
        )
    assert of_the_day.value.cap == "of the day"


def test_a_cap_in_money_is_exact(ledger: Any) -> None:
    """To the millionth of a dollar; what never fits has no moment of room."""
    limit = a_limit(measure="micros", at_most=500_000)
    ledger.intend(a_decision(task_id="t1", amount_micros=250_000), [limit])
    with pytest.raises(CapReached):
        ledger.intend(a_decision(task_id="t2", amount_micros=250_001), [limit])
    ledger.intend(a_decision(task_id="t2", amount_micros=250_000), [limit])

    with pytest.raises(CapReached) as never:
        ledger.intend(a_decision(task_id="t3", amount_micros=500_001), [limit])
    assert never.value.room_at is None


def test_a_cap_on_a_share_binds_once_there_are_enough(ledger: Any) -> None:
    """Of all that was sent, with the newcomer in it; approvals meet it never."""
    both = frozenset({Action.APPROVE, Action.DISPUTE})
    limit = a_limit(
        measure="share",
        actions=both,
        share_of=frozenset({Action.DISPUTE}),
        at_most=500_000,
        after=2,
    )
    ledger.intend(a_decision(Action.DISPUTE, task_id="t1", reason="x"), [limit])
    ledger.intend(a_decision(Action.DISPUTE, task_id="t2", reason="x"), [limit])
    with pytest.raises(CapReached, match="3 of 3"):
        ledger.intend(a_decision(Action.DISPUTE, task_id="t3", reason="x"), [limit])
    for task in ("t4", "t5", "t6"):
        ledger.intend(a_decision(task_id=task), [limit])

    ledger.intend(a_decision(Action.DISPUTE, task_id="t3", reason="x"), [limit])


def test_a_cap_keeps_room_for_those_who_need_it_while_we_count(ledger: Any) -> None:
    """One place is left and somebody needs it in half an hour: not ours. In two hours: ours."""
    soon = (Need(at=after(hours=1, minutes=30)),)
    with pytest.raises(CapReached, match="1 kept for what expires first") as refused:
        ledger.intend(a_decision(), [a_limit(keep=soon)])
    assert refused.value.room_at == after(hours=1, minutes=30)

    ledger.intend(a_decision(), [a_limit(keep=(Need(at=after(hours=2)),))])


def test_what_a_policy_decided_lately_comes_in_order(ledger: Any) -> None:
    """By when it came to stand there; other policies and older ones are left out."""
    ledger.record(a_decision(task_id="old", decided_at=after(hours=1)), State.HELD)
    ledger.intend(a_decision(task_id="t1", decided_at=after(hours=2)))
    ledger.record(a_decision(task_id="t2", decided_at=after(hours=3)), State.HELD)
    ledger.record(a_decision(task_id="t3", policy="other", decided_at=after(hours=3)), State.HELD)
    ledger.mark(a_decision(task_id="t1").id, State.PERFORMED, after(hours=4))

    found = ledger.decided("comments", after(hours=2))

    assert [(logged.decision.task_id, logged.state) for logged in found] == [
        ("t2", State.HELD),
        ("t1", State.PERFORMED),
    ]
    assert ledger.sent("comments", after(hours=2)) == [found[1]]
    assert ledger.sent("comments", after(hours=5)) == []


def test_a_dispute_found_done_by_reading_happened_when_it_was_meant(ledger: Any) -> None:
    """What the verifier saw before it was settled belongs to the new round."""
    dispute = a_decision(Action.DISPUTE, reason="r")
    ledger.intend(dispute)
    ledger.mark(dispute.id, State.UNKNOWN, after(hours=10))
    ledger.mark(dispute.id, State.SETTLED, after(hours=20))

    history = ledger.memories("comments", ["t1"])["t1"].history

    assert history.last_dispute_at == dispute.decided_at


def test_a_log_tells_quickly_how_it_departs_from_a_checkpoint(ledger: Any) -> None:
    """By the one line that the checkpoint names, and as `verify` says it."""
    empty = ledger.checkpoint(CONFIRMED)
    ledger.intend(a_decision())
    one = ledger.checkpoint(CONFIRMED)
    ledger.mark(a_decision().id, State.PERFORMED, after(hours=1))
    longer = type(one)(count=9, head=one.head, at=CONFIRMED)
    other = type(one)(count=1, head="ab" * 32, at=CONFIRMED)

    assert [ledger.departure(point) for point in (empty, one)] == [None, None]
    told = [ledger.departure(point) for point in (longer, other)]
    assert ledger.verify(empty, longer, one, other).problems == tuple(told)


def test_a_probe_writes_and_changes_nothing(ledger: Any) -> None:
    """The log reads the same before and after."""
    ledger.intend(a_decision())
    before = ledger.checkpoint(CONFIRMED)

    ledger.probe()

    assert ledger.checkpoint(CONFIRMED) == before
    assert ledger.verify().whole


def test_a_checkpoint_shows_whether_the_log_went_on_from_it(ledger: Any) -> None:
    """A later log fits an earlier checkpoint; a shorter or another one does not."""
    early = ledger.checkpoint(CONFIRMED)
    ledger.intend(a_decision())
    checkpoint = ledger.checkpoint(CONFIRMED)
    ledger.mark(a_decision().id, State.PERFORMED, after(hours=1))

    assert checkpoint.count == 1
    assert ledger.verify(early).whole
    assert ledger.verify(checkpoint).whole
    longer = type(checkpoint)(count=9, head=checkpoint.head, at=CONFIRMED)
    assert "line 9 is missing" in ledger.verify(longer).problems[0]
    other = type(checkpoint)(count=1, head="00" * 32, at=CONFIRMED)
    assert "line 1" in ledger.verify(other).problems[0]


def test_read_only_writes_nothing(store_url: str, opened: Callable[..., Any]) -> None:
    """A reader of a ledger that is not there has an empty history, and leaves no file behind."""
    reader = opened(store_url, read_only=True)
    item = an_item()

    assert reader.sight([item], CONFIRMED) == {item.key: CONFIRMED}
    assert reader.unended("comments") == []
    with pytest.raises(LedgerUnwritable):
        reader.record(a_decision(), State.HELD)
    assert opened(store_url, read_only=True).decisions() == []


def test_a_decision_that_is_done_is_not_written_again(ledger: Any) -> None:
    """Neither as held nor as an intent; and none begins as done."""
    ledger.intend(a_decision())
    ledger.mark(a_decision().id, State.PERFORMED, after(hours=1))

    with pytest.raises(AlreadyIntended):
        ledger.record(a_decision(), State.HELD)
    with pytest.raises(LedgerError, match="performed cannot follow nothing"):
        ledger.record(a_decision(task_id="t2"), State.PERFORMED)
    assert len(ledger.decisions()) == 1


def test_the_end_of_an_earlier_try_is_not_that_of_a_later_one(ledger: Any) -> None:
    """Who stood still meanwhile says that nothing was sent; another one has tried it again since."""
    decision = a_decision()
    first = ledger.intend(decision)
    ledger.mark(decision.id, State.UNKNOWN, after(hours=2), was=State.INTENT, key=first)
    ledger.mark(decision.id, State.VOID, after(hours=3))
    second = ledger.intend(decision)

    with pytest.raises(OutOfDate, match="tries it again"):
        ledger.mark(decision.id, State.VOID, after(hours=4), was=State.INTENT, key=first)
    assert ledger.decision(decision.id).state is State.INTENT
    ledger.mark(decision.id, State.PERFORMED, after(hours=4), was=State.INTENT, key=second)
