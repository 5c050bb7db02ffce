"""Random policies over spoiled answers: each pays only by what was sent, typed, and asked for by name.

Whatever of a reading is not what was sent is unknown to the twin here. A rule that paid must hold for
the plain interpreter on what is left; only a test for `unknown` may rest on what is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

from msgspec.structs import replace

from reviewbot.domain.account import PROFILE_FIELDS, AccountReview, FeedbackEntry
from reviewbot.domain.decision import DEADLINE
from reviewbot.policy.catalog import Fact
from reviewbot.policy.engine.judge import compile_policy
from reviewbot.policy.facts import Facts
from tests.hostile import strict
from tests.policy.chance import a_random_policy
from tests.policy.interpreter import Interpreter

Json = Any


class Fuzzed:
    """Random policies that judge in turn."""

    def __init__(self, chance: Random, count: int, facts: tuple[Fact, ...]) -> None:
        policies = [a_random_policy(chance, facts) for _ in range(count)]
        self._judges = [(policy, compile_policy(policy)) for policy in policies]
        self.judged = 0
        self.paid: set[int] = set()
        """Which of them have paid."""

    def judge(self, facts: Facts, sent: Callable[[], Facts]) -> str | None:
        """Let the next one judge; give what is wrong with that it paid, by what was `sent`."""
        number = self.judged % len(self._judges)
        self.judged += 1
        policy, judge = self._judges[number]
        answer = judge.decide(facts)
        if not answer.action.pays:
            return None
        self.paid.add(number)
        if _may_pay(Interpreter(policy, sent()), answer.rule):
            return None
        return f"random policy {number}, rule {answer.rule!r}, paid on what was not sent"


def _may_pay(twin: Interpreter, name: str) -> bool:
    if name == DEADLINE:
        due = twin.moment(twin.policy.deadline.decide_by)
        return due is not None and twin.facts.now >= due
    return twin.rule(next(rule for rule in twin.policy.rules if rule.name == name)) is True


# What was sent -------------------------------------------------------------------------------


def only_sent(kind: str, thing: Any, row: Json) -> Any:
    """A task or an attempt without the fields that were not sent so."""
    fields = strict.FIELDS[kind]
    gone = [name for name in fields if getattr(thing, name) != strict.known(row, name, kind)]
    return replace(thing, **dict.fromkeys(gone))


def account_only_sent(bundle: AccountReview, row: Json) -> AccountReview:
    """A bundle without what was not sent so, neither in it nor in its account."""
    row = row if isinstance(row, dict) else {}
    account = row["account"] if isinstance(row.get("account"), dict) else row
    profile = bundle.profile
    if profile is not None:
        gone = [name for name in PROFILE_FIELDS if not _same(profile, name, account)]
        unset = tuple(name for name in profile.unset if account.get(name, "") is None)
        profile = replace(profile, **dict.fromkeys(gone), unset=unset)
    names = ("platform", "country", "title", "external_ref", "created_at")
    return replace(
        bundle,
        **dict.fromkeys(name for name in names if not _same(bundle, name, row)),
        profile=profile,
        feedback_history=_feedback(bundle.feedback_history, account.get("feedback_history")),
    )


def _feedback(
    read: tuple[FeedbackEntry, ...] | None, sent: Json
) -> tuple[FeedbackEntry, ...] | None:
    if read is None or not isinstance(sent, list) or len(sent) != len(read):
        return None
    return tuple(map(_entry, read, sent))


def _entry(entry: FeedbackEntry, sent: Json) -> FeedbackEntry:
    if not isinstance(sent, dict):
        return FeedbackEntry()
    names = ("type", "requested_at", "applied_at", "finalized_at")
    gone = [name for name in names if not _same(entry, name, sent)]
    gone += [name for name in ("fields", "changes") if not _names_as(entry, name, sent.get(name))]
    return replace(entry, **dict.fromkeys(gone))


def _names_as(entry: FeedbackEntry, name: str, sent: Json) -> bool:
    return isinstance(sent, dict) and set(getattr(entry, name) or ()) == set(sent)


def _same(thing: Any, name: str, sent: dict[str, Json]) -> bool:
    value = getattr(thing, name)
    return value == strict.typed(sent.get(name), datetime if isinstance(value, datetime) else str)
