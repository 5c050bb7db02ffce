"""Limits: what a policy allows itself, and each of its rules, checked where an intent is written.

Theory of operation. A limit is checked in the transaction that writes the intent, so no number of
bots can overshoot it. The queue is worked off most urgent first, so within a pass the room goes to
the most urgent. What a pass leaves undecided (a person is asked, hours are closed, a cap was full)
may need room later, when the fallback is due: those needs are kept free, and only things less urgent
than they are meet them. Without that, today's easy approvals would spend what tonight's deadlines
need, and silence would pay.

A pause by a condition holds only while the condition is definitely true. Where it cannot be told
nothing is paused: a held approval is paid by silence all the same, a held dispute is paid as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from reviewbot.core.guard_state import ExpectedNeed, GuardState
from reviewbot.core.log_text import CANCELLED
from reviewbot.core.pipeline import ReviewPipeline
from reviewbot.core.refusals import NOTE
from reviewbot.core.verdict import Verdict
from reviewbot.domain.decision import ACTIONS_OF, DEADLINE, WRITES, Action, Decision
from reviewbot.domain.errors import CapReached, Halted
from reviewbot.domain.review import STATES_AN_AMOUNT, ReviewItem
from reviewbot.domain.text import format_moment
from reviewbot.policy.engine.calendar import resolver, window_of
from reviewbot.policy.engine.judge import Judge, Pauses, compile_pauses, fleet_facts
from reviewbot.policy.engine.statements import FORBIDS, UNCLEAR
from reviewbot.policy.facts import Facts, Fleet
from reviewbot.policy.model import Cap, Policy, Rule, compares_of
from reviewbot.ports.ledger import Limit, Need
from reviewbot.safety.pauses import PAYING, SENDING_BACK

SECONDS = {"hour": 3600.0, "day": 86_400.0, "calendar day": 86_400.0, None: 86_400.0}
"""A cap's window; a share without one looks at the last day, a calendar day is as long as it is."""

WAITING_FACTS = frozenset({"fleet.open_tasks", "fleet.escalated"})
"""The facts of the fleet that tell how much waits; the others tell how well the verifier does."""

REACHED, FULL = "the cap is reached: ", "the limit is full: "
"""How the words begin that say which of the policy's caps, or which limit of a rule, is full."""


def is_exempt(policy: Policy, rule: str) -> bool:
    """Whether a decision is outside the guardrails: the fallback's, where the policy says so."""
    return rule == DEADLINE and policy.guardrails.fallback_exempt


def judge_named(bench: ReviewPipeline, policy: str) -> Judge | None:
    """The judge of this policy, where it runs."""
    return next((judge for judge in bench.judges if judge.policy.name == policy), None)


def limits_met(guard: GuardState, bench: ReviewPipeline, decision: Decision) -> tuple[Limit, ...]:
    """The caps that a decision meets. Raises Halted where its amount is capped and unknown."""
    judge = judge_named(bench, decision.policy)
    if judge is None:
        return ()
    return limits_for(judge.policy, decision, guard.wanting)


def limits_for(
    policy: Policy, decision: Decision, wanting: Iterable[ExpectedNeed]
) -> tuple[Limit, ...]:
    """The limits that a decision of this policy meets, each with the room that it keeps for others.

    Raises Halted where money is limited and the API does not say how much this would pay.
    """
    if is_exempt(policy, decision.rule):
        return ()
    met = [limit for limit in _limits(policy, decision) if _binds(limit, decision)]
    if any(limit.measure == "micros" for limit in met):
        _refuse_unknown_amount(decision)
    if not met or policy.guardrails.fallback_exempt:
        return tuple(met)
    others = [need for need in wanting if need.policy == policy.name]
    return tuple(
        msgspec.structs.replace(limit, keep=_keep(limit, decision, others)) for limit in met
    )


def full(policy: Policy, rule: str, cap: CapReached) -> Halted:
    """What a full limit means for a decision: a person is asked, it is held and tried again, or the
    rules below are asked."""
    own = rule_named(policy, rule) if cap.own else None
    over = policy.guardrails.when_over if own is None else own.when_over
    return Halted(
        f"{REACHED if own is None else FULL}{cap.cap}",
        by="cap",
        subject=cap.cap,
        asks=over == "escalate",
        skips=over == "skip",
        room_at=cap.room_at,
    )


def rule_named(policy: Policy, name: str) -> Rule | None:
    """The rule of that name; None for what no rule decided."""
    return next((rule for rule in policy.rules if rule.name == name), None)


def stays_with_person(last: Decision, wish: Decision | Verdict, epoch: str | None) -> bool:
    """Whether a full cap asked a person in place of this very wish: it is theirs till `decide by`."""
    return (
        last.held_by is not None
        and not last.held_by.startswith((NOTE, FORBIDS, UNCLEAR, CANCELLED))
        and last.action is Action.ESCALATE
        and (last.epoch, last.rule, last.revision) == (epoch, wish.rule, wish.revision)
    )


def check_pauses(pauses: Pauses, action: Action, fleet: Fleet, now: datetime) -> None:
    """Raise Halted while the policy itself pauses this action."""
    for actions, test, words in (
        (PAYING, pauses.approvals, "approvals"),
        (SENDING_BACK, pauses.disputes, "disputes"),
    ):
        if action in actions and test is not None and test(fleet_facts(fleet, now)):
            raise Halted(
                f"the policy pauses {words} while its condition is true",
                by="guardrail",
                subject=f"pause {words}",
            )


def opens_for_people(judge: Judge, action: Action, now: datetime) -> datetime | None:
    """When the policy's hours let a person's answer through, at or after now; None where they never do."""
    window = window_of(judge.policy, action) if judge.policy.guardrails.people_too else None
    return now if window is None else judge.calendars[window].next_open(now)


def people_may_from(judge: Judge, now: datetime) -> datetime | None:
    """The first moment at which they let any answer of a person through; None where they never do."""
    acts = [action for action in ACTIONS_OF[judge.policy.applies_to.review] if action.writes]
    found = (opens_for_people(judge, action, now) for action in acts)
    return min((opens for opens in found if opens is not None), default=None)


def check_people(judge: Judge, action: Action, now: datetime) -> None:
    """Raise Halted while the policy's hours hold people's answers of this kind as well."""
    opens = opens_for_people(judge, action, now)
    if opens == now:
        return
    hours = window_of(judge.policy, action)
    when = "they never open" if opens is None else format_moment(opens, judge.policy.timezone)
    raise Halted(
        f'{action.value} is sent only while the hours "{hours}" are open: answer again from {when} on',
        by="hours",
        subject=str(hours),
        room_at=opens,
    )


def holds_now(pauses: Pauses, fleet: Fleet, now: datetime) -> bool:
    """Whether the policy itself pauses anything at this moment."""
    facts = fleet_facts(fleet, now)
    return any(test is not None and test(facts) for test in (pauses.approvals, pauses.disputes))


def looks_at_the_checker(policy: Policy) -> bool:
    """Whether one of its pauses goes by how well the verifier does."""
    return not _paused_by(policy) <= WAITING_FACTS


def looks_at_what_waits(policy: Policy) -> bool:
    """Whether one of its pauses goes by how much waits."""
    return bool(_paused_by(policy) & WAITING_FACTS)


def _paused_by(policy: Policy) -> frozenset[str]:
    """The facts that its pauses look at."""
    rails = policy.guardrails
    return frozenset(
        compare.fact
        for when in (rails.pause_disputes_when, rails.pause_approvals_when)
        if when is not None
        for compare in compares_of(when)
    )


def pauses_of(judge: Judge) -> Pauses | None:
    """The compiled pauses of a policy; None where it has none."""
    rails = judge.policy.guardrails
    if rails.pause_approvals_when is None and rails.pause_disputes_when is None:
        return None
    return compile_pauses(judge)


def pauses_now(guard: GuardState, judge: Judge) -> Pauses | None:
    """The same, compiled once for each revision."""
    revision = judge.policy.revision
    if revision not in guard.pauses:
        guard.pauses[revision] = pauses_of(judge)
    return guard.pauses[revision]


def decide_by(judge: Judge, thing: ReviewItem | Facts) -> datetime | None:
    """From which moment on the fallback may act on this thing."""
    moment = resolver(judge.policy.deadline.decide_by, judge.calendars)
    return moment(thing.started_at, thing.deadline_at)


def wanting(judge: Judge, item: ReviewItem, verdict: Verdict, now: datetime) -> ExpectedNeed | None:
    """What an undecided thing may want to do later; None where no limit concerns it."""
    policy, due = judge.policy, decide_by(judge, item)
    if due is None or not _is_limited(policy, verdict.rule):
        return None
    opens = verdict.until if verdict.action.writes else None
    # What a person cancelled its rule never sends, so of the rule's own limit it needs nothing.
    cancelled = (verdict.held_by or "").startswith(CANCELLED)
    actions = frozenset(() if cancelled else {verdict.wanted or verdict.action})
    if now < due:
        # From then on the fallback has had its say: what is wanted now is what will be wanted.
        actions |= {case.then.action for case in policy.deadline.fallbacks}
    stated = item.amount_micros is not None or item.review not in STATES_AN_AMOUNT
    if policy.guardrails.money_approved and not stated:
        # A person is asked before it is paid (`_refuse_unknown_amount`): room that is kept for it is wasted.
        actions -= PAYING
    return ExpectedNeed(
        policy=policy.name,
        rule=DEADLINE if cancelled else verdict.rule,
        at=max(due, now) if opens is None else max(min(opens, due), now),
        actions=actions,
        account_id=item.account_id,
        amount_micros=item.amount_micros,
        deadline_at=item.deadline_at,
    )


def _is_limited(policy: Policy, name: str) -> bool:
    rule, rails = rule_named(policy, name), policy.guardrails
    return bool(
        (rule is not None and rule.limit)
        or rails.approvals
        or rails.disputes
        or rails.disputes_per_account
        or rails.money_approved
    )


def limits_of(policy: Policy) -> Iterator[Limit]:
    """Every limit of a policy that counts all accounts together, those of its rules first."""
    for rule in policy.rules:
        yield from (_of_rule(policy, rule.name, cap) for cap in rule.limit if not cap.account)
    yield from (limit for limit, cap in _of_guardrails(policy) if not cap.account)


def _limits(policy: Policy, decision: Decision) -> Iterator[Limit]:
    """Those of the rule first: what it may not send is no matter of the policy's."""
    rule = rule_named(policy, decision.rule)
    own = () if rule is None else rule.limit
    for limit, cap in (
        *((_of_rule(policy, decision.rule, cap), cap) for cap in own),
        *_of_guardrails(policy),
    ):
        # A thing without an account has no account for which it could be too many.
        if not cap.account or decision.account_id is not None:
            yield _of_account(limit, cap, decision)


def _of_rule(policy: Policy, rule: str, cap: Cap) -> Limit:
    return msgspec.structs.replace(_limit(policy, f'rule "{rule}"', WRITES, cap), rule=rule)


def _of_guardrails(policy: Policy) -> Iterator[tuple[Limit, Cap]]:
    rails = policy.guardrails
    everything: tuple[tuple[str, frozenset[Action], tuple[Cap, ...]], ...] = (
        ("approvals", PAYING, rails.approvals),
        ("disputes", SENDING_BACK, rails.disputes),
        ("disputes per account", SENDING_BACK, rails.disputes_per_account),
        ("money approved", PAYING, rails.money_approved),
        ("dispute share", PAYING | SENDING_BACK, rails.dispute_share),
    )
    for what, actions, caps in everything:
        for cap in caps:
            limit = _limit(policy, what, actions, cap)
            if what == "dispute share":
                limit = msgspec.structs.replace(
                    limit, measure="share", share_of=SENDING_BACK, after=cap.after or 0
                )
            yield limit, cap


def _of_account(limit: Limit, cap: Cap, decision: Decision) -> Limit:
    account = decision.account_id if cap.account else None
    return msgspec.structs.replace(limit, account_id=account)


def _limit(policy: Policy, what: str, actions: frozenset[Action], cap: Cap) -> Limit:
    most, at_most = f"{cap.amount}", cap.amount
    if cap.money:
        most, at_most = f"{cap.amount:.2f} USD", cap.amount * 1_000_000
    elif what == "dispute share":
        most, at_most = f"{cap.amount:.0%}", cap.amount * 1_000_000
    account = " per account" if cap.account and what != "disputes per account" else ""
    per = f" per {cap.per}" if cap.per else ""
    after = f" after {cap.after} decisions" if cap.after else ""
    return Limit(
        name=f"{what}: at most {most}{account}{per}{after}",
        policy=policy.name,
        actions=actions,
        measure="micros" if cap.money else "count",
        at_most=round(at_most),
        seconds=SECONDS[cap.per],
        calendar=policy.timezone if cap.per == "calendar day" else None,
    )


def _binds(limit: Limit, decision: Decision) -> bool:
    return decision.action in (limit.share_of or limit.actions)


def _refuse_unknown_amount(decision: Decision) -> None:
    stated = decision.review in STATES_AN_AMOUNT
    if stated and decision.action.pays and decision.amount_micros is None:
        raise Halted(
            "money is capped, and the API does not say how much this would pay",
            by="cap",
            subject="money approved",
            asks=True,
        )


def _keep(limit: Limit, decision: Decision, others: Iterable[ExpectedNeed]) -> tuple[Need, ...]:
    """Who else will need this cap's room while our own use of it still counts, and is more urgent.

    What failed before is reviewed after what is less urgent, and keeps its place all the same.
    """
    until = limit.frees(decision.decided_at)
    return tuple(
        Need(at=wanting.at, amount_micros=wanting.amount_micros)
        for wanting in others
        if wanting.at < until
        and wanting.actions & limit.actions
        and limit.account_id in (None, wanting.account_id)
        and limit.rule in (None, wanting.rule)
        and not _is_later(wanting.deadline_at, decision.deadline_at)
    )


def _is_later(other: datetime | None, own: datetime | None) -> bool:
    return own is not None and other is not None and other > own
