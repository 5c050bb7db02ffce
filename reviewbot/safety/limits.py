"""Guardrails: what a policy allows itself, as limits that the log checks where an intent is written.

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
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from reviewbot.core.guard_state import ExpectedNeed
from reviewbot.core.refusals import NOTE
from reviewbot.domain.decision import DEADLINE, Action, Decision
from reviewbot.domain.errors import CapReached, Halted
from reviewbot.domain.review import STATES_AN_AMOUNT
from reviewbot.policy.engine.calendar import resolver
from reviewbot.policy.engine.judge import Pauses, compile_pauses, fleet_facts
from reviewbot.policy.facts import Facts, Fleet
from reviewbot.policy.model import compares_of
from reviewbot.ports.ledger import Limit, Need
from reviewbot.safety.pauses import PAYING, SENDING_BACK

if TYPE_CHECKING:
    from reviewbot.core.verdict import Verdict
    from reviewbot.domain.review import ReviewItem
    from reviewbot.policy.engine.judge import Judge
    from reviewbot.policy.model import Cap, Policy


SECONDS = {"hour": 3600.0, "day": 86_400.0, None: 86_400.0}
"""A cap's window; a share without one looks at the last day."""


CHECKER_FACT = "fleet.scrape_failed_share_1h"
"""The fact that tells how well the verifier does."""


REACHED = "the cap is reached: "
"""How the words begin that say which cap is full."""


def is_exempt(policy: Policy, rule: str) -> bool:
    """Whether a decision is outside the guardrails: the fallback's, where the policy says so."""
    return rule == DEADLINE and policy.guardrails.fallback_exempt


def limits_for(
    policy: Policy, decision: Decision, wanting: Iterable[ExpectedNeed]
) -> tuple[Limit, ...]:
    """The caps that a decision of this policy meets, each with the room that it keeps for others.

    Raises Halted where money is capped and the API does not say how much this would pay.
    """
    if is_exempt(policy, decision.rule):
        return ()
    _refuse_unknown_amount(policy, decision)
    found = [limit for limit in _limits(policy, decision) if _binds(limit, decision)]
    if not found or policy.guardrails.fallback_exempt:
        return tuple(found)
    others = [one for one in wanting if one.policy == policy.name]
    return tuple(
        msgspec.structs.replace(limit, keep=_keep(limit, decision, others)) for limit in found
    )


def full(policy: Policy, cap: CapReached) -> Halted:
    """What a full cap means for a decision: a person is asked, or it is held and tried again."""
    return Halted(
        f"{REACHED}{cap.cap}",
        by="cap",
        subject=cap.cap,
        asks=policy.guardrails.when_over == "escalate",
        room_at=cap.room_at,
    )


def stays_with_person(last: Decision, wish: Decision | Verdict, epoch: str | None) -> bool:
    """Whether a full cap asked a person in place of this very wish: it is theirs till `decide by`."""
    return (
        last.held_by is not None
        and not last.held_by.startswith(NOTE)
        and last.action is Action.ESCALATE
        and (last.epoch, last.rule, last.revision) == (epoch, wish.rule, wish.revision)
    )


def check_pauses(pauses: Pauses, action: Action, fleet: Fleet, now: datetime) -> None:
    """Raise Halted while the policy itself pauses this action."""
    for actions, asked, words in (
        (PAYING, pauses.approvals, "approvals"),
        (SENDING_BACK, pauses.disputes, "disputes"),
    ):
        if action in actions and asked is not None and asked(fleet_facts(fleet, now)):
            raise Halted(
                f"the policy pauses {words} while its condition is true",
                by="guardrail",
                subject=f"pause {words}",
            )


def holds_now(pauses: Pauses, fleet: Fleet, now: datetime) -> bool:
    """Whether the policy itself pauses anything at this moment."""
    facts = fleet_facts(fleet, now)
    return any(asked is not None and asked(facts) for asked in (pauses.approvals, pauses.disputes))


def looks_at_the_checker(policy: Policy) -> bool:
    """Whether one of its pauses goes by how well the verifier does."""
    rails = policy.guardrails
    return any(
        compare.fact == CHECKER_FACT
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


def decide_by(judge: Judge, thing: ReviewItem | Facts) -> datetime | None:
    """From which moment on the fallback may act on this thing."""
    moment = resolver(judge.policy.deadline.decide_by, judge.calendars)
    return moment(thing.started_at, thing.deadline_at)


def wanting(judge: Judge, item: ReviewItem, action: Action, now: datetime) -> ExpectedNeed | None:
    """What an undecided thing may want to do later; None where the caps do not concern it."""
    policy = judge.policy
    if not _has_caps(policy):
        return None
    at = decide_by(judge, item)
    if at is None:
        return None
    # From `decide by` on the fallback has had its say: what is wanted now is what will be wanted.
    fallback = {case.then.action for case in policy.deadline.fallbacks} if now < at else set()
    return ExpectedNeed(
        policy=policy.name,
        at=max(at, now),
        actions=frozenset({action} | fallback),
        account_id=item.account_id,
        amount_micros=item.amount_micros,
        deadline_at=item.deadline_at,
    )


def _has_caps(policy: Policy) -> bool:
    rails = policy.guardrails
    return bool(
        rails.approvals or rails.disputes or rails.disputes_per_account or rails.money_approved
    )


def _limits(policy: Policy, decision: Decision) -> Iterator[Limit]:
    rails = policy.guardrails
    for cap in rails.approvals:
        yield _limit(policy, "approvals", PAYING, cap, int(cap.amount))
    for cap in rails.disputes:
        yield _limit(policy, "disputes", SENDING_BACK, cap, int(cap.amount))
    for cap in rails.disputes_per_account:
        # A thing without an account has no account whose disputes could be too many.
        if decision.account_id is not None:
            limit = _limit(policy, "disputes per account", SENDING_BACK, cap, int(cap.amount))
            yield msgspec.structs.replace(limit, account_id=decision.account_id)
    for cap in rails.money_approved:
        micros = round(cap.amount * 1_000_000)
        limit = _limit(policy, "money approved", PAYING, cap, micros, f"{cap.amount:.2f} USD")
        yield msgspec.structs.replace(limit, measure="micros")
    for cap in rails.dispute_share:
        millionths = round(cap.amount * 1_000_000)
        limit = _limit(
            policy, "dispute share", PAYING | SENDING_BACK, cap, millionths, f"{cap.amount:.0%}"
        )
        yield msgspec.structs.replace(
            limit, measure="share", share_of=SENDING_BACK, after=cap.after or 0
        )


def _limit(
    policy: Policy,
    what: str,
    actions: frozenset[Action],
    cap: Cap,
    at_most: int,
    words: str | None = None,
) -> Limit:
    per = f" per {cap.per}" if cap.per else ""
    after = f" after {cap.after} decisions" if cap.after else ""
    return Limit(
        name=f"{what}: at most {words or at_most}{per}{after}",
        policy=policy.name,
        actions=actions,
        measure="count",
        at_most=at_most,
        seconds=SECONDS[cap.per],
    )


def _binds(limit: Limit, decision: Decision) -> bool:
    return decision.action in (limit.share_of or limit.actions)


def _refuse_unknown_amount(policy: Policy, decision: Decision) -> None:
    capped = policy.guardrails.money_approved and decision.review in STATES_AN_AMOUNT
    if capped and decision.action.pays and decision.amount_micros is None:
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
    until = decision.decided_at + timedelta(seconds=limit.seconds)
    return tuple(
        Need(at=wanting.at, amount_micros=wanting.amount_micros)
        for wanting in others
        if wanting.at < until
        and wanting.actions & limit.actions
        and limit.account_id in (None, wanting.account_id)
        and not _is_later(wanting.deadline_at, decision.deadline_at)
    )


def _is_later(other: datetime | None, own: datetime | None) -> bool:
    return own is not None and other is not None and other > own
