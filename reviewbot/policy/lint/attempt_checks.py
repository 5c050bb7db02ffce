"""Money that moves on `no check` where there was no check at all: with no attempt it is true."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec.structs import replace

from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.diagnostics import Finding, Severity, Span
from reviewbot.policy.lint.policy_model import Doubt, PolicyModel
from reviewbot.policy.lint.solver import FALSE, NOT_TRUE, TRUE, TooHardError
from reviewbot.policy.lint.walks import COUNT, EXISTS, compares_in
from reviewbot.policy.model import AllOf, Compare, Condition, EachAttempt, Fallback, Policy, Rule

WITHOUT_A_CHECK = "P213"
NOBODY_LOOKED = "whether it moves money where no check was made"
_EXISTS = Compare(fact=COUNT, test=EXISTS, text="at least 1")


def moved_without_a_check(world: PolicyModel, dead: frozenset[int]) -> Iterator[Finding]:
    """Find what pays or sends back a task without an attempt, only because `no check` is true then."""
    policy = world.policy
    parts: list[tuple[int, Rule | Fallback]] = [
        (number, rule) for number, rule in enumerate(policy.rules) if number not in dead
    ]
    parts += [(len(policy.rules), case) for case in policy.deadline.fallbacks]
    for number, part in parts:
        action = part.then.action
        places = list(_places(part.when))
        if not places or not (action.pays or action.sends_back):
            continue
        assert part.when is not None
        whole, guarded = world.circuit(part.when), world.circuit(_guarded(part.when))
        try:
            wishes = [(whole, TRUE), (guarded, NOT_TRUE), (world.meets(COUNT, EXISTS), FALSE)]
            found = world.possible(wishes)
        except TooHardError:
            world.doubts.append(Doubt(NOBODY_LOOKED, number))
            continue
        if found:
            who = f'rule "{part.name}"' if isinstance(part, Rule) else "the fallback"
            yield Finding(
                code=WITHOUT_A_CHECK,
                severity=Severity.ERROR,
                span=places[0],
                message=f"{who} ({action}) takes tasks that were never checked as well:"
                " with no attempt  no check:  is true",
                cure="add  checks.count: at least 1  beside it; for tasks without a check make a rule"
                " of their own",
            )


def _places(condition: Condition | None) -> Iterator[Span]:
    if isinstance(condition, EachAttempt):
        if condition.quantifier == "no":
            yield condition.span
    elif condition is not None and not isinstance(condition, Compare):
        for part in condition.parts:
            yield from _places(part)


def _guarded(condition: Condition) -> Condition:
    """A condition whose every `no check` asks for an attempt as well."""
    match condition:
        case EachAttempt(quantifier="no"):
            return AllOf(parts=(_EXISTS, condition))
        case Compare() | EachAttempt():
            return condition
    return replace(condition, parts=tuple(map(_guarded, condition.parts)))


# ------------------------------------------------------------------------------------------------
# Rules that go by what our own log remembers, on the first day of that log.


ALL_ARE_NEW = "P350"
FIRST_DAY = timedelta(days=1)


def all_accounts_are_new(policy: Policy, began: datetime, now: datetime) -> Iterator[Finding]:
    """Say of each rule on our own counts that to a log of this age every account is new."""
    if now - began >= FIRST_DAY:
        return
    for rule in policy.rules:
        line = next(_counts_asked(policy, rule), None)
        if line is None:
            continue
        yield Finding(
            code=ALL_ARE_NEW,
            severity=Severity.WARNING,
            span=line.fact_span,
            message=f'every account is new to our log, which began today: rule "{rule.name}" goes by'
            f" {line.fact}",
            under="0 for all accounts that nothing was decided for since then",
            cure="account.finalized_total  counts what the API knows of an account from before",
            path=policy.path,
        )


def goes_by_our_counts(policy: Policy) -> bool:
    """Whether a rule of the policy does."""
    return any(True for rule in policy.rules for _ in _counts_asked(policy, rule))


def _counts_asked(policy: Policy, rule: Rule) -> Iterator[Compare]:
    facts = CATALOGUE[policy.applies_to.review]
    asked = () if rule.when is None else compares_in(rule.when)
    yield from (line for name, line in asked if facts[name].source == "account")
