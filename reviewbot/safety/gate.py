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

from collections.abc import Sequence

from msgspec.structs import replace

from reviewbot.core import guard_state
from reviewbot.core.checks import fleet_again
from reviewbot.core.guard_state import FullLimit, GuardPost, GuardState, HeldBack
from reviewbot.core.pipeline import Background, Judged, Reviewed, ReviewPipeline
from reviewbot.core.verdict import Verdict
from reviewbot.domain.decision import Decision, Mode, State, decision_id
from reviewbot.domain.errors import CapReached, Halted
from reviewbot.domain.review import ReviewItem
from reviewbot.policy.engine.judge import Judge
from reviewbot.policy.facts import Facts, Fleet
from reviewbot.ports.ledger import Logged
from reviewbot.safety import breaker, limits, mix, probation, schema_drift, seal, second_look
from reviewbot.safety import pauses as pauses_module


def decide(
    post: GuardPost, bench: ReviewPipeline, judge: Judge | None, facts: Facts, decision: Decision
) -> None:
    """Raise Halted where a decision may not be written down as an intent now.

    `facts` are what it was decided by, `judge` is the policy whose statements it must keep.
    """
    by_person = decision.decided_by is not None
    if (halted := forbids(judge, facts, decision, by_person=by_person)) is not None:
        raise halted
    still(post, bench, decision)


def still(post: GuardPost, bench: ReviewPipeline, decision: Decision) -> None:
    """Raise Halted where something came up that keeps it back, right before it leaves."""
    by_person = decision.decided_by is not None
    check(post, bench, decision, by_person=by_person)
    if not by_person:
        seal.check(post.ledger, decision)


def check(
    post: GuardPost,
    bench: ReviewPipeline,
    wanted: Decision | Verdict,
    *,
    by_person: bool = False,
    fresh: bool = True,
) -> None:
    """Raise Halted where something keeps this from being sent now; `fresh`: read the log again."""
    now = post.clock.now()
    if (why := post.guard.braked()) is not None:
        raise Halted(why, by="brake")
    if fresh:
        post.guard.refresh(post.ledger)
    pauses = pauses_module.pauses_on(
        post.guard.words_on(guard_state.PAUSE_TOPIC), post.guard.file, now
    )
    pauses_module.check(pauses, wanted.action)
    if by_person:
        return
    breaker.check(post.guard, wanted.policy)
    judge = limits.judge_named(bench, wanted.policy)
    if judge is not None and not limits.is_exempt(judge.policy, wanted.rule):
        own = limits.pauses_now(post.guard, judge)
        if own is not None:
            counts = fresh and limits.looks_at_what_waits(judge.policy)
            fleet = fleet_again(post.ledger, post.clock, bench, post.guard.fleet, count=counts)
            limits.check_pauses(own, wanted.action, fleet, now)
    if (trial := post.guard.trials.get(wanted.policy)) is not None:
        trial.check(wanted.action, wanted.rule, now)


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
    post: GuardPost, bench: ReviewPipeline, judged: Judged, known: Background
) -> Halted | None:
    """What would keep this back, as far as that is known already: it saves the requests of a try.

    A question that a full cap asked stays with its person until the fallback is due, also while a
    pause or a breaker would hold it: what that held would go unasked when it ends. While a seal runs
    no room is asked for: there was some as it began, and it is taken when it ends.
    """
    verdict, item, latest = judged.verdict, judged.item, known.memory.latest
    sealed_until = seal.begun(latest, verdict, item.epoch)
    judge = limits.judge_named(bench, verdict.policy)
    exempt = judge is None or limits.is_exempt(judge.policy, verdict.rule)
    if judge is not None and not exempt and latest is not None:
        due = limits.decide_by(judge, item)
        asked = limits.stays_with_person(latest.decision, verdict, item.epoch)
        if asked and due is not None and post.clock.now() < due:
            assert latest.decision.held_by is not None
            return Halted(latest.decision.held_by, by="cap", asks=True)
    try:
        check(post, bench, verdict, fresh=False)
    except Halted as halted:
        return halted
    if judge is None or exempt or (sealed_until is not None and post.clock.now() < sealed_until):
        return None
    return _full_in_this_pass(post.guard, judge, verdict, item)


def _full_in_this_pass(
    guard: GuardState, judge: Judge, verdict: Verdict, item: ReviewItem
) -> Halted | None:
    rule = limits.rule_named(judge.policy, verdict.rule)
    has_own = rule is not None and bool(rule.limit)
    met = (limit for limit in guard.full if limit.covers(verdict, item))
    # The limits of its rule are asked first, and may mean something else than the policy's.
    return next((limit.halted for limit in met if limit.rule is not None or not has_own), None)


def full(guard: GuardState, bench: ReviewPipeline, decision: Decision, cap: CapReached) -> Halted:
    """What a full cap means for a decision, by the words of its policy."""
    judge = limits.judge_named(bench, decision.policy)
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


def _count(post: GuardPost, policy: str, decision_id: str, rule: str, pays: bool) -> None:
    watch = post.guard.watches[policy]
    watch.add(decision_id, rule, pays)
    if (what := watch.sign()) is not None:
        breaker.open_breaker(post, policy, "approvals", what)
    elif watch.is_over:
        del post.guard.watches[policy]


def begin(post: GuardPost, bench: ReviewPipeline, fleet: Fleet) -> None:
    """Begin a pass over one kind of review."""
    post.guard.fleet = fleet
    post.guard.wanting.clear()
    post.guard.full.clear()
    post.guard.kept.clear()
    post.guard.room_at.clear()
    post.guard.refresh(post.ledger)
    for policy, what in tuple(post.guard.unwritten.items()):
        del post.guard.unwritten[policy]
        breaker.open_breaker(post, policy, "again", what)
    look_at_drift(post, bench)


def look_at_drift(post: GuardPost, bench: ReviewPipeline) -> None:
    """Open the breaker of each policy that uses a field which drifted on several things."""
    widely = schema_drift.widely_drifted(post, bench)
    for judge in bench.judges:
        schema_drift.drifted(post, judge.policy, widely)


def keep_back(guard: GuardState, halted: Halted, item: ReviewItem) -> None:
    """Take note of what was kept back, for the words at the end of the pass."""
    if halted.room_at is not None:
        guard.room_at[item.id] = halted.room_at
    if halted.subject:
        guard.kept[halted.by, halted.subject].append(
            HeldBack(item.id, item.deadline_at, item.amount_micros, halted.room_at)
        )


def reviewed(
    post: GuardPost, judge: Judge | None, review: Reviewed, before: Logged | None = None
) -> None:
    """Take note of how a review ended: what it leaves open may need room, what it decided counts.

    `before` is what the log held of this thing as the review began.
    """
    verdict, item = review.verdict, review.item
    if judge is None or verdict is None or post.mode is not Mode.LIVE:
        return
    if verdict.undecided or review.outcome in (State.VOID, State.REFUSED):
        _keep_room(post, judge, item, verdict)
    wanted = verdict.action if verdict.action.writes else verdict.wanted or verdict.action
    if judge.policy.name in post.guard.watches:
        name = decision_id(item.review, item.id, item.epoch, wanted)
        _count(post, judge.policy.name, name, verdict.rule, wanted.pays)
    found = post.guard.mixes.get(judge.policy.name)
    if found is not None and mix.is_first(review, before):
        found.add(post.clock.now(), wanted.pays)
        what = found.sign()
        if what and breaker.open_breaker(post, judge.policy.name, guard_state.MIX_SIGN, what):
            second_look.after_the_mix(post, judge.policy.name, found)


def _keep_room(post: GuardPost, judge: Judge, item: ReviewItem, verdict: Verdict) -> None:
    need = limits.wanting(judge, item, verdict, post.clock.now())
    if need is None:
        return
    # Until the limit that keeps it back has room, it needs none of the others' either; none at all
    # where that comes too late for it.
    at = max(need.at, post.guard.room_at.get(item.id, need.at))
    if need.deadline_at is None or at < need.deadline_at:
        post.guard.wanting.append(replace(need, at=at))


def end(post: GuardPost, bench: ReviewPipeline, reviews: Sequence[Reviewed]) -> None:
    """End a pass over one kind of review: look for signs of trouble."""
    for judge in bench.judges:
        policy = judge.policy
        verdicts = (review.verdict for review in reviews)
        own = [verdict for verdict in verdicts if verdict and verdict.policy == policy.name]
        breaker.failing(post, policy.name, sum(verdict.broke for verdict in own), len(own))
        probation.finish(post, policy.name)
        if (
            post.mode is Mode.LIVE
            and limits.looks_at_the_checker(policy)
            and (pauses := limits.pauses_now(post.guard, judge)) is not None
            and limits.holds_now(
                pauses,
                fleet_again(post.ledger, post.clock, bench, post.guard.fleet, count=False),
                post.clock.now(),
            )
        ):
            second_look.while_it_is_sick(post, policy.name)
