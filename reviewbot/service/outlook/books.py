"""Books: what was paid, on four grounds that are never added up: rule, person, fallback, silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from reviewbot.domain.decision import DEADLINE, Decision
from reviewbot.domain.lifecycle import DONE
from reviewbot.domain.review import is_account
from reviewbot.ports import Ending, Ledger, Logged

Ground = Literal["rule", "person", "fallback", "silence"]
GROUNDS: tuple[Ground, ...] = ("rule", "person", "fallback", "silence")
"""On whose word something was paid. `silence`: nobody and nothing decided; it has to be 0."""


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """How many were paid on one ground, and how much, in millionths of a US dollar."""

    tasks: int = 0
    """Of both kinds of review; `accounts` says how many of them were accounts."""
    micros: int = 0
    accounts: int = 0


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """The four ledgers, what was paid outside this log, and what was sent back."""

    paid: dict[str, Paid]
    outside: Paid = Paid()
    """Paid by somebody in TokPortal's dashboard or with another tool."""
    sent_back: int = 0
    nobody_answered: int = 0
    """Rounds in which a person was asked and nobody answered before they ended."""


def books(ledger: Ledger, since: datetime) -> Books:
    """What was paid and sent back from `since` on."""
    return add_up(ledger.decisions(since=since), ledger.endings(since))


def add_up(decisions: Iterable[Logged], endings: Iterable[Ending]) -> Books:
    """Add up what became known of these decisions and endings."""
    tasks: Counter[str] = Counter()
    accounts: Counter[str] = Counter()
    micros: Counter[str] = Counter()
    sent_back = nobody = 0
    for logged in decisions:
        decision = logged.decision
        if logged.state not in DONE:
            continue
        if decision.action.pays:
            tasks[ground_of(decision)] += 1
            accounts[ground_of(decision)] += is_account(decision.review)
            micros[ground_of(decision)] += decision.amount_micros or 0
        else:
            sent_back += 1
    for ending in endings:
        nobody += (ending.note or "").startswith("nobody answered")
        ground = {"silence": "silence", "leave": "rule", "other": "outside"}.get(ending.by)
        if ground is not None and (ending.by != "other" or ending.status == "finalized"):
            tasks[ground] += 1
            accounts[ground] += is_account(ending.review)
            micros[ground] += ending.amount_micros or 0

    def paid(name: str) -> Paid:
        return Paid(tasks=tasks[name], micros=micros[name], accounts=accounts[name])

    return Books(
        paid={name: paid(name) for name in GROUNDS},
        outside=paid("outside"),
        sent_back=sent_back,
        nobody_answered=nobody,
    )


def ground_of(decision: Decision) -> Ground:
    """On whose word a decision was made."""
    if decision.decided_by is not None:
        return "person"
    return "fallback" if decision.rule == DEADLINE else "rule"
