"""Gate: everything that may keep a due decision from being sent, in the order in which it is asked.

Theory of operation. `perform` asks right before it writes the intent, and once more right before
the request leaves: the policy's statements, the brakes, a person's pause, the breaker, then the
policy's own pauses and its probation; the caps are checked by the log itself in the transaction of the intent. What is kept back
is recorded as held, or as a question where a full cap asks a person, and tried again at each poll.
A person's own answer is stopped by a pause, and by a statement that does not except people: the
others guard against what nobody looked at.

There is no neutral action: what is kept back is paid by silence. So after each pass the guard says
who that will be, and from when.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from reviewbot.core import guard_state
from reviewbot.core.checks import fleet_again
from reviewbot.core.guard_state import FullLimit, GuardState, HeldBack
from reviewbot.core.pipeline import Events, ReviewPipeline
from reviewbot.domain.decision import Decision, Mode, State, decision_id
from reviewbot.domain.errors import CapReached, Halted
from reviewbot.domain.review import ReviewItem
from reviewbot.policy.facts import Facts, Fleet
from reviewbot.ports.ledger import Ledger
from reviewbot.ports.queue import Clock
from reviewbot.safety import breaker, limits, mix, probation, schema_drift, second_look
from reviewbot.safety import pauses as pauses_module

if TYPE_CHECKING:
    from reviewbot.core.pipeline import Background, Judged, Reviewed
    from reviewbot.core.verdict import Verdict
    from reviewbot.policy.engine.judge import Judge, Pauses
    from reviewbot.ports.ledger import Limit, Logged


def check(
    ledger: Ledger,
    clock: Clock,
    guard: GuardState,
    brake: Callable[[], str | None],
    bench: ReviewPipeline,
    wanted: Decision | Verdict,
    *,
    by_person: bool = False,
    fresh: bool = True,
) -> None:
    """Raise Halted where something keeps this from being sent now; `fresh`: read the log again."""
    now = clock.now()
    if (why := brake()) is not None:
        raise Halted(why, by="brake")
    if fresh:
        guard.refresh(ledger)
    pauses = pauses_module.pauses_on(guard.words_on(guard_state.PAUSE_TOPIC), guard.file, now)
    pauses_module.check(pauses, wanted.action)
    if by_person:
        return
    _check_breaker(guard, wanted.policy)
    judge = _judge_of(bench, wanted.policy)
    if judge is not None and not limits.is_exempt(judge.policy, wanted.rule):
        own = _pauses_of(guard, judge)
        if own is not None:
            counts = fresh and limits.looks_at_what_waits(judge.policy)
            fleet = fleet_again(ledger, clock, bench, guard.fleet, count=counts)
            limits.check_pauses(own, wanted.action, fleet, now)
    if (trial := guard.trials.get(wanted.policy)) is not None:
        trial.check(wanted.action, wanted.rule, now)


def check_statements(
    judge: Judge | None, facts: Facts, wanted: Decision | Verdict, *, by_person: bool = False
) -> None:
    """Raise Halted where a statement of the policy forbids this, or where that cannot be told."""
    if (halted := forbids(judge, facts, wanted, by_person=by_person)) is not None:
        raise halted


def forbids(
    judge: Judge | None, facts: Facts, wanted: Decision | Verdict, *, by_person: bool = False
) -> Halted | None:
    """The statement of the policy that keeps this back, as what a person is asked about."""
    if judge is None:
        return None
    found = judge.statements.forbids(facts, wanted.action, wanted.rule, by_person=by_person)
    if found is None:
        return None
    return Halted(found.sentence, by="statement", subject=found.statement, asks=True)


def foresee(
    ledger: Ledger,
    clock: Clock,
    guard: GuardState,
    brake: Callable[[], str | None],
    bench: ReviewPipeline,
    judged: Judged,
    known: Background,
) -> Halted | None:
    """What would keep this back, as far as that is known already: it saves the requests of a try.

    A question that a full cap asked stays with its person until the fallback is due, also while a
    pause or a breaker would hold it: what that held would go unasked when it ends.
    """
    verdict, item, latest = judged.verdict, judged.item, known.memory.latest
    judge = _judge_of(bench, verdict.policy)
    exempt = judge is None or limits.is_exempt(judge.policy, verdict.rule)
    if judge is not None and not exempt and latest is not None:
        due = limits.decide_by(judge, item)
        asked = limits.stays_with_person(latest.decision, verdict, item.epoch)
        if asked and due is not None and clock.now() < due:
            assert latest.decision.held_by is not None
            return Halted(latest.decision.held_by, by="cap", asks=True)
    try:
        check(ledger, clock, guard, brake, bench, verdict, fresh=False)
    except Halted as halted:
        return halted
    if exempt:
        return None
    return next((one.halted for one in guard.full if one.covers(verdict, item)), None)


def limits_for(guard: GuardState, bench: ReviewPipeline, decision: Decision) -> tuple[Limit, ...]:
    """The caps that a decision meets. Raises Halted where its amount is capped and unknown."""
    judge = _judge_of(bench, decision.policy)
    if judge is None or decision.decided_by is not None:
        return ()
    return limits.limits_for(judge.policy, decision, guard.wanting)


def full(guard: GuardState, bench: ReviewPipeline, decision: Decision, cap: CapReached) -> Halted:
    """What a full cap means for a decision, by the words of its policy."""
    judge = _judge_of(bench, decision.policy)
    assert judge is not None, "only the policy's own caps are asked"
    halted = limits.full(judge.policy, decision.rule, cap)
    guard.full.append(
        FullLimit(
            decision.policy,
            decision.action,
            decision.account_id if cap.account else None,
            decision.amount_micros if cap.money else None,
            halted,
            decision.deadline_at,
            decision.rule if cap.own else None,
        )
    )
    return halted


def sent(guard: GuardState, decision: Decision, state: State) -> None:
    """Take note of a write that left, for probation."""
    trial = guard.trials.get(decision.policy)
    if trial is not None and state in breaker.SENT and decision.decided_by is None:
        trial.add(decision.action, decision.rule, decision.decided_at)


def _pauses_of(guard: GuardState, judge: Judge) -> Pauses | None:
    revision = judge.policy.revision
    if revision not in guard.pauses:
        guard.pauses[revision] = limits.pauses_of(judge)
    return guard.pauses[revision]


def _check_breaker(guard: GuardState, policy: str) -> None:
    words = guard.words_on(guard_state.BREAKER_TOPIC)
    breaker.check(words, policy)
    if policy in guard.unwritten:
        raise Halted(
            f"the breaker is open: {guard.unwritten[policy]}", by="breaker", subject=policy
        )
    if (watch := guard.watches.get(policy)) is not None:
        breaker.watch_closings(watch, words, policy)
    if (found := guard.mixes.get(policy)) is not None:
        mix.watch_closings(found, words, policy)


def _judge_of(bench: ReviewPipeline, policy: str) -> Judge | None:
    return next((judge for judge in bench.judges if judge.policy.name == policy), None)


def _count(
    ledger: Ledger,
    clock: Clock,
    guard: GuardState,
    events: Events,
    mode: Mode,
    policy: str,
    decision_id: str,
    rule: str,
    pays: bool,
) -> None:
    watch = guard.watches[policy]
    watch.add(decision_id, rule, pays)
    if (what := watch.sign()) is not None:
        breaker.open_breaker(ledger, clock, guard, events, mode, policy, "approvals", what)
    elif watch.is_over:
        del guard.watches[policy]


def begin(
    ledger: Ledger,
    clock: Clock,
    guard: GuardState,
    events: Events,
    mode: Mode,
    bench: ReviewPipeline,
    fleet: Fleet,
) -> None:
    """Begin a pass over one kind of review."""
    guard.fleet = fleet
    guard.wanting.clear()
    guard.full.clear()
    guard.kept.clear()
    guard.room_at.clear()
    guard.refresh(ledger)
    for policy, what in tuple(guard.unwritten.items()):
        del guard.unwritten[policy]
        breaker.open_breaker(ledger, clock, guard, events, mode, policy, "again", what)
    look_at_drift(ledger, clock, guard, events, mode, bench)


def look_at_drift(
    ledger: Ledger,
    clock: Clock,
    guard: GuardState,
    events: Events,
    mode: Mode,
    bench: ReviewPipeline,
) -> None:
    """Open the breaker of each policy that uses a field which drifted on several things."""
    widely = schema_drift.widely_drifted(clock, guard, bench)
    for judge in bench.judges:
        schema_drift.drifted(ledger, clock, guard, events, mode, judge.policy, widely)


def keep_back(guard: GuardState, halted: Halted, item: ReviewItem) -> None:
    """Take note of what was kept back, for the words at the end of the pass."""
    if halted.room_at is not None:
        guard.room_at[item.id] = halted.room_at
    if halted.subject:
        guard.kept[halted.by, halted.subject].append(
            HeldBack(item.id, item.deadline_at, item.amount_micros, halted.room_at)
        )


def reviewed(
    ledger: Ledger,
    clock: Clock,
    guard: GuardState,
    events: Events,
    mode: Mode,
    judge: Judge | None,
    one: Reviewed,
    before: Logged | None = None,
) -> None:
    """Take note of how a review ended: what it leaves open may need room, what it decided counts.

    `before` is what the log held of this thing as the review began.
    """
    verdict, item = one.verdict, one.item
    if judge is None or verdict is None or mode is not Mode.LIVE:
        return
    if verdict.undecided or one.outcome in (State.VOID, State.REFUSED):
        need = limits.wanting(judge, item, verdict, clock.now())
        if need is not None:
            # Until the limit that keeps it back has room, it needs none of the others' either.
            at = max(need.at, guard.room_at.get(item.id, need.at))
            guard.wanting.append(replace(need, at=at))
    wanted = verdict.action if verdict.action.writes else verdict.wanted or verdict.action
    if judge.policy.name in guard.watches:
        name = decision_id(item.review, item.id, item.epoch, wanted)
        _count(
            ledger, clock, guard, events, mode, judge.policy.name, name, verdict.rule, wanted.pays
        )
    found = guard.mixes.get(judge.policy.name)
    if found is not None and mix.is_first(one, before):
        found.add(clock.now(), wanted.pays)
        what = found.sign()
        if what and breaker.open_breaker(
            ledger, clock, guard, events, mode, judge.policy.name, guard_state.MIX_SIGN, what
        ):
            second_look.after_the_mix(ledger, clock, events, judge.policy.name, found)


def end(
    ledger: Ledger,
    clock: Clock,
    guard: GuardState,
    events: Events,
    mode: Mode,
    bench: ReviewPipeline,
    reviews: Sequence[Reviewed],
) -> None:
    """End a pass over one kind of review: look for signs of trouble."""
    for judge in bench.judges:
        policy = judge.policy
        own = [one.verdict for one in reviews if one.verdict and one.verdict.policy == policy.name]
        breaker.failing(
            ledger,
            clock,
            guard,
            events,
            mode,
            policy.name,
            sum(verdict.broke for verdict in own),
            len(own),
        )
        probation.finish(ledger, clock, guard, events, policy.name)
        if (
            mode is Mode.LIVE
            and limits.looks_at_the_checker(policy)
            and (pauses := _pauses_of(guard, judge)) is not None
            and limits.holds_now(
                pauses, fleet_again(ledger, clock, bench, guard.fleet, count=False), clock.now()
            )
        ):
            second_look.while_it_is_sick(ledger, clock, events, policy.name)
