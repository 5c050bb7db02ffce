"""The gate to the letter: what keeps a decision back, in which order, and what is noted of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from reviewbot.alarms.exposure import say_stakes
from reviewbot.core import guard_state
from reviewbot.core.guard_state import ExpectedNeed, FullLimit, HeldBack, PolicyChange, Trial
from reviewbot.core.pipeline import Background, Reviewed, ReviewOutcome
from reviewbot.core.verdict import Verdict
from reviewbot.domain.decision import DEADLINE, Action, Decision, Mode, State, decision_id
from reviewbot.domain.errors import CapReached, Halted, LedgerUnwritable
from reviewbot.domain.review import ReviewItem
from reviewbot.policy.facts import NO_FLEET, NO_HISTORY, Fleet
from reviewbot.ports.ledger import Logged, Memory
from reviewbot.review.execute import count_for_probation
from reviewbot.review.judge import Judging
from reviewbot.safety import breaker, gate, limits, pauses
from tests.builders import CONFIRMED, an_item
from tests.fakes import START, said
from tests.ledger.things import a_decision
from tests.safety.test_guards import ASK, PAY, Room, a_policy, a_room

ITEM = an_item()
ENDS = CONFIRMED + timedelta(hours=72)
"""Its deadline."""
FLEET = Fleet(open_tasks=1)
NEVER_PAY = "guardrails:\n  pause approvals when: {fleet.open_tasks: at least 1}\n"
NEVER_BACK = "guardrails:\n  pause disputes when: {fleet.open_tasks: at least 1}\n"


def a_verdict(room: Room, action: Action = Action.APPROVE, rule: str = "pay") -> Verdict:
    """What a rule of its policy wants."""
    policy = room.bench.judges[0].policy
    return Verdict(action=action, rule=rule, policy=policy.name, revision=policy.revision)


def halted(room: Room, wanted: Decision | Verdict | None = None, **how: Any) -> Halted | None:
    """What keeps it back now."""
    try:
        gate.check(room.app.guard_post, room.bench, wanted or a_verdict(room), **how)
    except Halted as found:
        return found
    return None


def by(found: Halted | None) -> str | None:
    """Which guard it was."""
    return None if found is None else found.by


def a_trial(room: Room, *rules: str) -> Trial:
    """Probation of the policy, with all that it may send in an hour sent."""
    change = PolicyChange(revision="abcdef0123", since=START, rules=rules)
    trial = Trial(change, frozenset(rules))
    for _ in range(50):
        trial.add(Action.APPROVE, rules[0], START)
    room.app.guard.trials["guarded"] = trial
    return trial


# What keeps it back --------------------------------------------------------------------------


def test_each_guard_is_asked_in_its_order() -> None:
    """The brake before the pause, that before the breaker, and so on; each named for what it is."""
    room = a_room(a_policy(PAY, NEVER_PAY))
    app = room.app
    app.guard.fleet = FLEET
    a_trial(room, "pay")
    app.guard.brake = lambda: "a brake"
    pauses.pause(room.ledger, "all", reason="x", who="ana", until=None, now=START)
    breaker.open_breaker(app.guard_post, "guarded", "drift", "a sign")
    found = []
    for mend in (
        lambda: setattr(app.guard, "brake", None),
        lambda: pauses.resume(room.ledger, "all", reason="x", who="ana", now=START),
        lambda: breaker.close(room.ledger, reason="x", who="ana", now=START),
        lambda: setattr(app.guard, "fleet", Fleet(open_tasks=0)),
        app.guard.trials.clear,
        lambda: None,
    ):
        found.append(halted(room))
        mend()
    assert [(hold.by, hold.subject) if hold else None for hold in found] == [
        ("brake", ""),
        ("pause", "all"),
        ("breaker", "guarded"),
        ("guardrail", "pause approvals"),
        ("probation", "abcdef01"),
        None,
    ]
    assert str(found[0]) == "a brake"


def test_a_persons_own_answer_is_stopped_by_a_brake_and_a_pause_only() -> None:
    """The others guard against what nobody looked at."""
    room = a_room(a_policy(PAY, NEVER_PAY))
    room.app.guard.fleet = FLEET
    a_trial(room, "pay")
    breaker.open_breaker(room.app.guard_post, "guarded", "drift", "a sign")
    assert halted(room, by_person=True) is None
    pauses.pause(room.ledger, "approve", reason="x", who="ana", until=None, now=START)
    assert by(halted(room, by_person=True)) == "pause"


def test_the_log_is_read_again_where_that_is_asked_for() -> None:
    """A fresh look sees what another process wrote; one that is not fresh does not."""
    room = a_room(a_policy())
    pauses.pause(room.ledger, "all", reason="x", who="ana", until=None, now=START)
    assert halted(room, fresh=False) is None
    assert by(halted(room)) == "pause"
    assert by(halted(room, fresh=False)) == "pause"


def test_a_pause_of_the_log_ends_by_the_clock() -> None:
    """At the moment of the check."""
    room = a_room(a_policy())
    end = START + timedelta(minutes=1)
    pauses.pause(room.ledger, "all", reason="x", who="ana", until=end, now=START)
    assert by(halted(room)) == "pause"
    room.clock.forward(minutes=1)
    assert halted(room) is None


def test_only_its_own_breaker_stops_a_policy() -> None:
    """Another's does not; and one that could not be written stops it all the same."""
    room = a_room(a_policy())
    breaker.open_breaker(room.app.guard_post, "another", "drift", "a sign")
    room.app.guard.unwritten["a third"] = "a sign"
    assert halted(room) is None
    room.app.guard.unwritten["guarded"] = "a sign of trouble"
    found = halted(room)
    assert found is not None
    assert (found.by, found.subject) == ("breaker", "guarded")
    assert str(found) == "the breaker is open: a sign of trouble"


@pytest.mark.parametrize(
    ("rails", "action", "rule", "stopped"),
    [
        (NEVER_PAY, Action.APPROVE, "pay", True),
        (NEVER_PAY, Action.DISPUTE, "pay", False),
        (NEVER_BACK, Action.DISPUTE, "back", True),
        (NEVER_BACK, Action.APPROVE, "pay", False),
        (NEVER_PAY + "  fallback exempt: no\n", Action.APPROVE, DEADLINE, True),
        (NEVER_PAY, Action.APPROVE, DEADLINE, False),
        ("", Action.APPROVE, "pay", False),
    ],
)
def test_a_policys_own_pause_stops_what_it_names(
    rails: str, action: Action, rule: str, stopped: bool
) -> None:
    """The fallback is exempt unless the policy says otherwise."""
    room = a_room(a_policy(PAY, rails))
    room.app.guard.fleet = FLEET
    found = halted(room, a_verdict(room, action, rule))
    assert (found is not None) is stopped
    if found is not None:
        words = "approvals" if action is Action.APPROVE else "disputes"
        assert (found.by, found.subject) == ("guardrail", f"pause {words}")
        assert str(found) == f"the policy pauses {words} while its condition is true"


def test_the_pauses_of_a_revision_are_compiled_once() -> None:
    """Those of another are its own; a policy that does not run has none."""
    room = a_room(a_policy(PAY, NEVER_PAY))
    room.app.guard.fleet = FLEET
    halted(room)
    (revision,) = room.app.guard.pauses
    assert revision == room.bench.judges[0].policy.revision
    room.app.guard.pauses[revision] = None
    assert halted(room) is None
    room.bench.judges = (a_policy(PAY, f"{NEVER_PAY}# another\n"),)
    assert by(halted(room)) == "guardrail"
    assert len(room.app.guard.pauses) == 2
    assert halted(room, replace(a_verdict(room), policy="another", revision="third")) is None


def test_probation_counts_a_rule_within_its_hour() -> None:
    """A rule that did not change goes; and after an hour so does one that did."""
    room = a_room(a_policy())
    a_trial(room, "new")
    assert halted(room) is None
    assert by(halted(room, a_verdict(room, rule="new"))) == "probation"
    assert halted(room, a_verdict(room, Action.DISPUTE, "new")) is None
    room.clock.forward(hours=1)
    assert halted(room, a_verdict(room, rule="new")) is None


# What is foreseen ----------------------------------------------------------------------------


def foreseen(room: Room, item: ReviewItem = ITEM, latest: Decision | None = None) -> Halted | None:
    """What would keep back what its policy wants of a thing."""
    app, bench = room.app, room.bench
    newest = (
        None if latest is None else Logged(seq=1, decision=latest, state=State.HELD, state_at=START)
    )
    known = Background(memory=Memory(history=NO_HISTORY, latest=newest), judge=bench.judges[0])
    judged = Judging(app.clock, app.contact, app.events, app.limits, bench, known).look(item)
    return gate.foresee(app.guard_post, bench, judged, known)


CAPPED = "guardrails:\n  approvals: at most 1 per day\n  fallback exempt: no\n"


def asked(room: Room, **changes: Any) -> Decision:
    """A question that a full cap asked."""
    fields = {
        "task_id": ITEM.id,
        "epoch": ITEM.epoch,
        "rule": "pay",
        "policy": "guarded",
        "revision": room.bench.judges[0].policy.revision,
        "held_by": "the cap is reached: approvals",
        "wanted": Action.APPROVE,
    } | changes
    return a_decision(fields.pop("action", Action.ESCALATE), **fields)


def test_what_is_foreseen_is_what_is_known_already() -> None:
    """The log is not read for it."""
    room = a_room(a_policy())
    pauses.pause(room.ledger, "all", reason="x", who="ana", until=None, now=START)
    assert foreseen(room) is None
    room.app.guard.refresh(room.app.ledger)
    assert by(foreseen(room)) == "pause"


def test_a_question_of_a_cap_stays_with_its_person_until_the_fallback_is_due() -> None:
    """At its `decide by` it is tried again, to the microsecond."""
    room = a_room(a_policy(PAY, CAPPED))
    due = ENDS - timedelta(hours=3)
    room.clock.start = due - timedelta(microseconds=1)
    found = foreseen(room, latest=asked(room))
    assert found is not None
    assert str(found) == "the cap is reached: approvals"
    assert (found.by, found.asks, found.subject) == ("cap", True, "")

    room.clock.start = due
    assert foreseen(room, latest=asked(room)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"held_by": None},
        {"action": Action.APPROVE},
        {"epoch": "another"},
        {"rule": "another"},
        {"revision": "another"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_was_no_question_of_this_cap_is_tried(changes: dict[str, Any]) -> None:
    """Another round, rule or policy, or nothing kept it back."""
    room = a_room(a_policy(PAY, CAPPED))
    assert foreseen(room, latest=asked(room)) is not None
    assert foreseen(room, latest=asked(room, **changes)) is None


def test_a_question_on_a_thing_without_a_deadline_is_no_reason() -> None:
    """There is no moment until which it could wait."""
    room = a_room(a_policy(PAY, CAPPED))
    assert foreseen(room, replace(ITEM, deadline_at=None), asked(room)) is None


def test_a_full_cap_keeps_back_what_is_like_it() -> None:
    """The same policy and action; what is exempt is not kept back by it."""
    room = a_room(a_policy(PAY, CAPPED))
    full = Halted("the cap is reached: approvals", by="cap", asks=True)
    guard = room.app.guard
    guard.full.append(FullLimit("another", Action.APPROVE, None, None, Halted("no", by="cap")))
    assert foreseen(room) is None
    guard.full.append(FullLimit("guarded", Action.APPROVE, None, None, full))
    assert foreseen(room) is full
    exempt = a_room(a_policy(ASK, CAPPED.replace("no", "yes")))
    exempt.app.guard.full.append(FullLimit("guarded", Action.APPROVE, None, None, full))
    exempt.clock.start = ENDS - timedelta(hours=3)
    assert foreseen(exempt) is None


@pytest.mark.parametrize(("minutes", "kept"), [(-1, True), (0, True), (1, False)])
def test_a_limit_that_was_full_for_the_less_urgent_is_tried(minutes: int, kept: bool) -> None:
    """Room was kept from that for what has less time left, and comes last because it was refused."""
    room = a_room(a_policy(PAY, CAPPED))
    full = Halted("the cap is reached: approvals", by="cap")
    met_by = ENDS + timedelta(minutes=minutes)
    room.app.guard.full.append(FullLimit("guarded", Action.APPROVE, None, None, full, met_by))
    assert foreseen(room) is (full if kept else None)


# Caps ----------------------------------------------------------------------------------------


def test_a_decision_meets_the_caps_of_its_policy() -> None:
    """That of a policy that does not run meets none; room is kept for others."""
    room = a_room(a_policy(PAY, CAPPED))
    at = START + timedelta(hours=2)
    room.app.guard.wanting.append(
        ExpectedNeed(policy="guarded", at=at, actions=frozenset({Action.APPROVE}), account_id=None, amount_micros=5)
    )  # fmt: skip
    decision = a_decision(policy="guarded", decided_at=START)

    (limit,) = limits.limits_met(room.app.guard, room.bench, decision)

    assert (limit.name, limit.at_most) == ("approvals: at most 1 per day", 1)
    assert [(need.at, need.amount_micros) for need in limit.keep] == [(at, 5)]
    assert limits.limits_met(room.app.guard, room.bench, replace(decision, policy="another")) == ()


@pytest.mark.parametrize(
    ("cap", "account", "amount"),
    [
        ("disputes per account: at most 1 per day", "a1", None),
        ("money approved: at most 1.00 USD per day", None, 240_000),
        ("approvals: at most 1 per day", None, None),
    ],
)
@pytest.mark.parametrize("over", ["escalate", "hold"])
def test_a_full_cap_is_kept_in_mind_for_what_it_concerns(
    cap: str, account: str | None, amount: int | None, over: str
) -> None:
    """An account's for that account, one on money for as much or more, another for all."""
    room = a_room(a_policy(PAY, f"{CAPPED}  when over: {over}\n"))
    room_at = START + timedelta(hours=1)
    decision = a_decision(policy="guarded")

    found = gate.full(
        room.app.guard,
        room.bench,
        decision,
        CapReached(
            "no room",
            cap=cap,
            room_at=room_at,
            account=account is not None,
            money=amount is not None,
        ),
    )

    assert str(found) == f"the cap is reached: {cap}"
    assert (found.by, found.subject, found.room_at) == ("cap", cap, room_at)
    assert found.asks is (over == "escalate")
    assert room.app.guard.full == [
        FullLimit("guarded", Action.APPROVE, account, amount, found, decision.deadline_at)
    ]


# Around each review --------------------------------------------------------------------------


def test_a_pass_begins_with_nothing_of_the_last() -> None:
    """Needs, full caps and what was kept back are of one pass; the fleet and the log are as of now."""
    room = a_room(a_policy())
    guard = room.app.guard
    guard.wanting.append(None)  # type: ignore[arg-type]
    guard.full.append(None)  # type: ignore[arg-type]
    guard.kept["cap", "x"].append(None)  # type: ignore[arg-type]
    pauses.pause(room.ledger, "all", reason="x", who="ana", until=None, now=START)

    gate.begin(room.app.guard_post, room.bench, FLEET)

    assert (guard.wanting, guard.full, dict(guard.kept)) == ([], [], {})
    assert guard.fleet == FLEET
    assert by(halted(room, fresh=False)) == "pause"


def test_a_breaker_that_could_not_be_written_is_written_as_a_pass_begins() -> None:
    """Under the same words."""
    room = a_room(a_policy())
    room.app.guard.unwritten["guarded"] = "a sign"
    gate.begin(room.app.guard_post, room.bench, FLEET)
    assert room.app.guard.unwritten == {}
    (note,) = room.ledger.notes("breaker")
    assert note.subject == "guarded"
    assert note.value == {"open": True, "sign": "again", "what": "a sign", "field": None}


def test_a_breaker_that_cannot_be_written_is_tried_at_each_pass() -> None:
    """Until then it stands in mind."""
    room = a_room(a_policy())

    def full_disk(*about: Any) -> None:
        raise LedgerUnwritable("full")

    room.app.guard.unwritten["guarded"] = "a sign"
    room.ledger.note, write = full_disk, room.ledger.note
    gate.begin(room.app.guard_post, room.bench, FLEET)
    assert room.app.guard.unwritten == {"guarded": "a sign"}
    room.ledger.note = write
    gate.begin(room.app.guard_post, room.bench, FLEET)
    assert room.breaker()


def test_a_pass_begins_with_a_look_at_drift() -> None:
    """For each policy of the bench."""
    room = a_room(a_policy())
    room.bench.drift = ("task.status: missing",)
    gate.begin(room.app.guard_post, room.bench, FLEET)
    assert room.breaker()


def test_what_is_kept_back_is_noted_by_what_keeps_it() -> None:
    """Where that has a name."""
    room = a_room(a_policy())
    room_at = START + timedelta(hours=1)
    gate.keep_back(
        room.app.guard, Halted("x", by="cap", subject="approvals", room_at=room_at), ITEM
    )
    gate.keep_back(room.app.guard, Halted("x", by="brake"), ITEM)
    assert dict(room.app.guard.kept) == {
        ("cap", "approvals"): [HeldBack(ITEM.id, ITEM.deadline_at, 240_000, room_at)]
    }


def a_review(
    room: Room, verdict: Verdict | None, outcome: State | ReviewOutcome = State.HELD
) -> None:
    """Let a review end so."""
    one = Reviewed(item=ITEM, outcome=outcome, verdict=verdict)
    gate.reviewed(room.app.guard_post, room.bench.judges[0], one)


@pytest.mark.parametrize(
    ("action", "outcome", "noted"),
    [
        (Action.ESCALATE, State.HELD, True),
        (Action.LEAVE, State.HELD, False),
        (Action.APPROVE, State.PERFORMED, False),
        (Action.APPROVE, State.VOID, True),
        (Action.APPROVE, State.REFUSED, True),
        (Action.APPROVE, State.UNKNOWN, False),
    ],
)
def test_what_a_review_leaves_open_may_need_room(
    action: Action, outcome: State, noted: bool
) -> None:
    """From its `decide by` on, for what it wants and what the fallback would."""
    room = a_room(a_policy(PAY, CAPPED))
    a_review(room, a_verdict(room, action), outcome)
    assert len(room.app.guard.wanting) == noted
    for need in room.app.guard.wanting:
        assert need.policy == "guarded"
        assert need.at == ENDS - timedelta(hours=3)
        assert need.actions == {action, Action.APPROVE}
        assert (need.account_id, need.amount_micros) == (ITEM.account_id, 240_000)


def test_what_a_full_limit_keeps_back_needs_no_room_before_that_has_some() -> None:
    """Neither in that limit nor in another: what is less urgent may use it meanwhile."""
    room = a_room(a_policy(PAY, CAPPED))
    later = ENDS - timedelta(hours=1)
    gate.keep_back(
        room.app.guard, Halted("x", by="cap", subject="money approved", room_at=later), ITEM
    )
    a_review(room, a_verdict(room, Action.ESCALATE))
    assert [need.at for need in room.app.guard.wanting] == [later]

    gate.begin(room.app.guard_post, room.bench, NO_FLEET)
    a_review(room, a_verdict(room, Action.ESCALATE))
    assert [need.at for need in room.app.guard.wanting] == [ENDS - timedelta(hours=3)]


def test_what_gets_room_only_after_its_deadline_needs_none() -> None:
    """Another may use what it can never take."""
    room = a_room(a_policy(PAY, CAPPED))
    for room_at, needs in ((ENDS - timedelta(seconds=1), 1), (ENDS, 0)):
        gate.begin(room.app.guard_post, room.bench, NO_FLEET)
        full = Halted("x", by="cap", subject="money approved", room_at=room_at)
        gate.keep_back(room.app.guard, full, ITEM)
        a_review(room, a_verdict(room, Action.ESCALATE))
        assert len(room.app.guard.wanting) == needs


@pytest.mark.parametrize("what", ["no judge", "no verdict", "dry run", "no caps"])
def test_nothing_is_noted_where_nothing_could_be_sent(what: str) -> None:
    """Without a policy, a verdict, a desk or a cap."""
    room = a_room(a_policy(PAY, "" if what == "no caps" else CAPPED))
    if what == "dry run":
        room.app.guard_post = room.app.guard_post._replace(mode=Mode.DRY_RUN)
    room.app.guard.watches["guarded"] = guard_state.ApprovalWatch(revision="r", share=None)
    verdict = None if what == "no verdict" else a_verdict(room, Action.ESCALATE)
    one = Reviewed(item=ITEM, outcome=State.HELD, verdict=verdict)
    gate.reviewed(room.app.guard_post, None if what == "no judge" else room.bench.judges[0], one)
    assert room.app.guard.wanting == []
    counted = room.app.guard.watches["guarded"].decided
    assert counted == (what == "no caps")


@pytest.mark.parametrize(
    ("verdict", "name", "pays"),
    [
        ({"action": Action.APPROVE}, Action.APPROVE, True),
        ({"action": Action.DISPUTE, "wanted": Action.APPROVE}, Action.DISPUTE, False),
        ({"action": Action.ESCALATE, "wanted": Action.APPROVE}, Action.APPROVE, True),
        ({"action": Action.ESCALATE}, Action.ESCALATE, False),
    ],
)
def test_a_young_policy_is_counted_by_what_it_wants(
    verdict: dict[str, Any], name: Action, pays: bool
) -> None:
    """Once for each round and action, sent or held back; the fallback that it kept does not count."""
    room = a_room(a_policy())
    watch = guard_state.ApprovalWatch(revision="r", share=None, passes_over=frozenset({DEADLINE}))
    room.app.guard.watches["guarded"] = watch
    wanted = replace(a_verdict(room), **verdict)
    a_review(room, wanted)
    a_review(room, wanted)
    a_review(room, replace(wanted, rule=DEADLINE))
    assert watch.seen == {decision_id("comments", ITEM.id, ITEM.epoch, name)}
    assert list(watch.recent) == [pays]


def test_a_young_policy_that_pays_all_is_stopped_at_twenty() -> None:
    """The sign is written down as one of approvals."""
    room = a_room(a_policy())
    watch = guard_state.ApprovalWatch(revision="r", share=None)
    room.app.guard.watches["guarded"] = watch
    for n in range(20):
        assert not room.breaker()
        one = Reviewed(
            item=replace(ITEM, id=f"t{n}"), outcome=State.PERFORMED, verdict=a_verdict(room)
        )
        gate.reviewed(room.app.guard_post, room.bench.judges[0], one)
    (note,) = room.ledger.notes("breaker")
    assert (note.subject, note.value["sign"]) == ("guarded", "approvals")
    assert note.value["what"] == watch.sign()
    assert room.app.guard.watches == {"guarded": watch}


def test_a_watch_ends_when_its_policy_is_no_longer_young() -> None:
    """After a hundred decisions of which nothing is wrong."""
    room = a_room(a_policy())
    room.app.guard.watches["guarded"] = guard_state.ApprovalWatch(revision="r", share=None)
    for n in range(guard_state.YOUNG):
        assert "guarded" in room.app.guard.watches
        verdict = a_verdict(room, Action.APPROVE if n % 2 else Action.ESCALATE)
        one = Reviewed(item=replace(ITEM, id=f"t{n}"), outcome=State.HELD, verdict=verdict)
        gate.reviewed(room.app.guard_post, room.bench.judges[0], one)
    assert room.app.guard.watches == {}


@pytest.mark.parametrize(
    ("action", "state", "by_person", "counted"),
    [
        (Action.APPROVE, State.PERFORMED, None, 1),
        (Action.APPROVE, State.UNKNOWN, None, 1),
        (Action.APPROVE, State.SETTLED, None, 1),
        (Action.APPROVE, State.VOID, None, 0),
        (Action.APPROVE, State.PERFORMED, "ana", 0),
        (Action.DISPUTE, State.PERFORMED, None, 0),
    ],
)
def test_probation_counts_what_left(
    action: Action, state: State, by_person: str | None, counted: int
) -> None:
    """Approvals of its rules that were sent, by their moment; a person's own are not."""
    room = a_room(a_policy())
    trial = Trial(PolicyChange(revision="r", since=START, rules=("pay",)), frozenset({"pay"}))
    room.app.guard.trials["guarded"] = trial
    about = {"policy": "guarded", "rule": "pay", "decided_by": by_person, "decided_at": START}
    count_for_probation(room.app.guard, a_decision(action, **about), state)
    count_for_probation(room.app.guard, a_decision(action, **about | {"policy": "another"}), state)
    count_for_probation(room.app.guard, a_decision(action, **about | {"rule": "another"}), state)
    assert list(trial.sent) == [START] * counted


def ended(room: Room, *verdicts: Verdict | None) -> None:
    """End a pass in which reviews said these."""
    reviews = [Reviewed(item=ITEM, outcome=State.HELD, verdict=verdict) for verdict in verdicts]
    gate.end(room.app.guard_post, room.bench, reviews)
    say_stakes(room.app, room.bench)


def test_a_policy_that_breaks_on_several_things_is_stopped() -> None:
    """By what it broke on of its own; another policy's are no measure."""
    room = a_room(a_policy())
    fine, other = a_verdict(room), replace(a_verdict(room), policy="another")
    broke = replace(fine, broke=True)
    ended(room, broke, fine, None, replace(other, broke=True))
    assert not room.breaker()
    ended(room, broke, fine, broke, other, None)
    (note,) = room.ledger.notes("breaker")
    assert (note.value["sign"], note.value["what"]) == (
        "evaluation",
        "its evaluation failed on 2 of 3 tasks",
    )


def test_the_end_of_a_pass_ends_a_probation_that_is_over() -> None:
    """And says who is paid by silence because of what was kept back."""
    room = a_room(a_policy())
    a_trial(room, "pay")
    room.clock.forward(hours=1)
    gate.keep_back(
        room.app.guard, Halted("x", by="cap", subject="approvals: at most 1 per day"), ITEM
    )
    ended(room)
    assert room.app.guard.trials == {}
    (about,) = said(room.app).named("probation is over")
    assert about == {"policy": "guarded", "revision": "abcdef01"}
    assert any("held back by" in str(alarm["sentence"]) for alarm in room.said("alarm"))
