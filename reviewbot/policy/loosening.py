"""Which limits of a policy a change raises or takes away; where it cannot be told, it counts as such."""

from __future__ import annotations

from collections.abc import Iterator

from reviewbot.policy.model import Cap, Guardrails, Policy
from reviewbot.policy.rulechange import same_meaning

_CAPS = {
    "approvals": "approvals",
    "disputes": "disputes",
    "disputes per account": "disputes_per_account",
    "money approved": "money_approved",
    "dispute share": "dispute_share",
}
_PAUSES = {
    "pause approvals when": "pause_approvals_when",
    "pause disputes when": "pause_disputes_when",
}


def loosened(old: Policy, new: Policy) -> tuple[str, ...]:
    """Name the limits of `old` that `new` raises, lacks or changes beyond comparison."""
    return tuple(_loosened(old, new))


def _loosened(old: Policy, new: Policy) -> Iterator[str]:
    before, after = old.guardrails, new.guardrails
    for words, name in _CAPS.items():
        kept: tuple[Cap, ...] = getattr(after, name)
        for cap in getattr(before, name):
            if not any(_as_strict(one, cap, name) for one in kept):
                yield words
                break
    for words, name in _PAUSES.items():
        was = getattr(before, name)
        if was is not None and not same_meaning(old, was, new, getattr(after, name)):
            yield words
    if _has_caps(before):
        if after.fallback_exempt and not before.fallback_exempt:
            yield "fallback exempt"
        if new.name != old.name:
            yield "another name, under which every cap counts anew"


def _as_strict(new: Cap, old: Cap, name: str) -> bool:
    """Whether what the new cap lets through, the old one did as well."""
    same_window = new.per == old.per
    if name == "dispute_share":
        return same_window and new.amount <= old.amount and (new.after or 0) <= (old.after or 0)
    # So many a day are no more than so many an hour.
    return (same_window or (new.per, old.per) == ("day", "hour")) and new.amount <= old.amount


def _has_caps(rails: Guardrails) -> bool:
    return any(getattr(rails, name) for name in _CAPS.values())
