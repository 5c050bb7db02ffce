"""Usual load: how a policy's limits stand to what its rules wanted to send in the last 30 days, by the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median_high
from zoneinfo import ZoneInfo

from reviewbot.domain.decision import Decision
from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.model import Cap, Policy
from reviewbot.ports.ledger import Ledger

BELOW_USUAL = "P327"
DAYS = timedelta(days=30)
LEAST_DAYS = 3
"""On fewer days than these nothing is usual."""


def limits_below_load(policy: Policy, ledger: Ledger, now: datetime) -> tuple[Finding, ...]:
    """Find the limits that an ordinary day of the last 30 would fill. Raises `LedgerError`."""
    first: dict[tuple[str, str | None], Decision] = {}
    for logged in ledger.decided(policy.name, now - DAYS):
        decision = logged.decision
        if decision.meant.writes and decision.decided_by is None:
            first.setdefault(decision.key, decision)
    return tuple(_below(policy, tuple(first.values())))


def _below(policy: Policy, decisions: Sequence[Decision]) -> Iterator[Finding]:
    for what, cap, counted in _capped(policy, decisions):
        busiest = _busiest(policy, cap, counted)
        if len(busiest) < LEAST_DAYS:
            continue
        usual = median_high(busiest)
        if usual > cap.amount:
            wanted = f"{usual:.2f} USD" if cap.money else f"{usual:g}"
            per = f"in its busiest {cap.per}" if cap.per == "hour" else "a day"
            account = " for one account" if cap.account else ""
            yield Finding(
                code=BELOW_USUAL,
                severity=Severity.WARNING,
                span=cap.span,
                path=policy.path,
                message=f"this limit lies below the usual load: {what} wanted {wanted}{account} {per}"
                f" on every second of {len(busiest)} days",
                detail="by the decision log of the last 30 days, what was held or asked about included",
                cure="raise it, or expect that what is over it waits, asks people, or gets  if undecided",
            )


def _capped(
    policy: Policy, decisions: Sequence[Decision]
) -> Iterator[tuple[str, Cap, list[Decision]]]:
    """Each limit that counts decisions or money, with what it would have counted."""
    rails = policy.guardrails
    pays = [decision for decision in decisions if decision.meant.pays]
    back = [decision for decision in decisions if decision.meant.sends_back]
    for caps, counted in (
        ((*rails.approvals, *rails.money_approved), pays),
        ((*rails.disputes, *rails.disputes_per_account), back),
    ):
        yield from (("the rules", cap, counted) for cap in caps)
    for rule in policy.rules:
        own = [decision for decision in decisions if decision.rule == rule.name]
        yield from ((f'"{rule.name}"', cap, own) for cap in rule.limit)


def _busiest(policy: Policy, cap: Cap, decisions: Iterable[Decision]) -> list[float]:
    """For each day on which something was wanted, as much as was in the fullest of its windows."""
    zone = ZoneInfo(policy.timezone)
    windows: Counter[tuple[object, ...]] = Counter()
    for decision in decisions:
        wall = decision.decided_at.astimezone(zone)
        account = decision.account_id if cap.account else None
        hour = wall.hour if cap.per == "hour" else None
        windows[wall.date(), hour, account] += decision.amount_micros or 0 if cap.money else 1
    days: dict[object, float] = {}
    for (day, *_), count in windows.items():
        days[day] = max(days.get(day, 0.0), count / 1_000_000 if cap.money else count)
    return list(days.values())
