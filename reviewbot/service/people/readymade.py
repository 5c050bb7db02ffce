"""Ready-made answers: the texts of a policy, written for one task, for a person to send as they are."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import msgspec

from reviewbot.policy.evaluate import Judge
from reviewbot.policy.facts import Facts
from reviewbot.policy.fields import CATALOGUE
from reviewbot.policy.model import Policy, ReasonText, Rule
from reviewbot.policy.texts import Text, Variants, may_be_sent


class ReadyMade(msgspec.Struct, frozen=True, kw_only=True):
    """One text of the policy with its facts. `name` is the reason's, or the rule's that holds it."""

    name: str
    text: str
    fields: dict[str, str] | None = None


def ready_made(judge: Judge, facts: Facts) -> tuple[ReadyMade, ...]:
    """Every text of the policy that may be sent to this task now, in the policy's order."""
    policy = judge.policy
    written = (*_reasons(policy, facts), *_corrections(policy, facts))
    return tuple(one for one in written if may_be_sent(one.text, facts) is None)


def _reasons(policy: Policy, facts: Facts) -> Iterator[ReadyMade]:
    zone, catalogue = ZoneInfo(policy.timezone), CATALOGUE[policy.applies_to.review]
    named: list[tuple[str | None, ReasonText]] = [(one.name, one) for one in policy.reasons]
    named += [
        (rule.name, rule.then.reason)
        for rule in policy.rules
        if rule.then.reason is not None and rule.then.reason.name is None
    ]
    for name, reason in named:
        text = Variants(reason, catalogue, zone).choose(facts)
        written = None if text is None else text.fill(facts).text
        if name is not None and written is not None:
            yield ReadyMade(name=name, text=written)


def _corrections(policy: Policy, facts: Facts) -> Iterator[ReadyMade]:
    for rule in policy.rules:
        if rule.then.comment is not None and (made := _correction(policy, rule, facts)):
            yield made


def _correction(policy: Policy, rule: Rule, facts: Facts) -> ReadyMade | None:
    zone, catalogue = ZoneInfo(policy.timezone), CATALOGUE[policy.applies_to.review]
    assert rule.then.comment is not None
    text = Text(rule.then.comment, catalogue, zone).fill(facts).text
    fields = {
        name: Text(template, catalogue, zone).fill(facts).text
        for name, template in rule.then.fields
    }
    whole = {name: words for name, words in fields.items() if words is not None}
    if text is None or len(whole) < len(fields):
        return None
    return ReadyMade(name=rule.name, text=text, fields=whole)
