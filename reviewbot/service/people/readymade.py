"""Ready-made answers: the texts of a policy, written for one task, for a person to send as they are.

None of them is ever picked for a person, but the one that the rule that asked names itself: a text that
happens to be the only one that can be written may well accuse somebody of another thing.
"""

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


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """Every text of a policy for one task, in the policy's order: written, or why it is not."""

    written: tuple[ReadyMade, ...] = ()
    unwritten: dict[str, str] = {}
    """By name, what keeps a text from being sent."""
    asked_for: str | None = None
    """The one that the rule that asked names."""


def texts_of(judge: Judge, facts: Facts, *, asked_by: str = "") -> Texts:
    """The texts of the policy for this task now."""
    policy = judge.policy
    written, unwritten = [], {}
    for name, found in (*_reasons(policy, facts), *_corrections(policy, facts)):
        problem = found if isinstance(found, str) else may_be_sent(found.text, facts)
        if problem is not None:
            unwritten[name] = problem
        elif not isinstance(found, str):
            written.append(found)
    asking = next((rule for rule in policy.rules if rule.name == asked_by), None)
    asked_for = None if asking is None else _named_by(asking)
    return Texts(written=tuple(written), unwritten=unwritten, asked_for=asked_for)


def _named_by(rule: Rule) -> str | None:
    if rule.then.reason is not None:
        return rule.then.reason.name or rule.name
    return None if rule.then.comment is None else rule.name


_Found = Iterator[tuple[str, ReadyMade | str]]
"""Each text by its name, or in its place what keeps it from being written."""


def _reasons(policy: Policy, facts: Facts) -> _Found:
    zone, catalogue = ZoneInfo(policy.timezone), CATALOGUE[policy.applies_to.review]
    named: list[tuple[str | None, ReasonText]] = [(one.name, one) for one in policy.reasons]
    named += [
        (rule.name, rule.then.reason)
        for rule in policy.rules
        if rule.then.reason is not None and rule.then.reason.name is None
    ]
    for name, reason in named:
        assert name is not None, "a reason without a name belongs to a rule, which has one"
        text = Variants(reason, catalogue, zone).choose(facts)
        if text is None:
            yield name, "none of its variants is for this round or platform"
            continue
        written = text.fill(facts).text
        yield (
            name,
            _lacking(text, facts=facts) if written is None else ReadyMade(name=name, text=written),
        )


def _corrections(policy: Policy, facts: Facts) -> _Found:
    zone, catalogue = ZoneInfo(policy.timezone), CATALOGUE[policy.applies_to.review]
    for rule in policy.rules:
        if rule.then.comment is None:
            continue
        comment = Text(rule.then.comment, catalogue, zone)
        fields = {name: Text(template, catalogue, zone) for name, template in rule.then.fields}
        words = {name: text.fill(facts).text for name, text in fields.items()}
        text, whole = comment.fill(facts).text, {n: w for n, w in words.items() if w is not None}
        if text is None or len(whole) < len(fields):
            yield rule.name, _lacking(comment, *fields.values(), facts=facts)
        else:
            yield rule.name, ReadyMade(name=rule.name, text=text, fields=whole)


def _lacking(*texts: Text, facts: Facts) -> str:
    missing = dict.fromkeys(name for text in texts for name in text.missing(facts))
    verb = "is" if len(missing) == 1 else "are"
    return f"the facts are missing, not the text: {', '.join(missing)} {verb} unknown"
