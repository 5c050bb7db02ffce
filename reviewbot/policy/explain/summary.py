"""A policy, or the change between two, as plain sentences that a lead can read and sign."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.domain.text import safe_line
from reviewbot.policy.catalog import CATALOGUE
from reviewbot.policy.engine.templates import money, share
from reviewbot.policy.explain.phrases import Voice
from reviewbot.policy.model import Cap, Deadline, Guardrails, NamedList, Policy, Rule, Then

_OPENED = {"comments": "the confirmation", "accounts": "the first sight in review"}


_KIND = {"comments": "comment tasks", "accounts": "accounts in review"}


_DOES = {
    Action.APPROVE: "the manager is paid, for good",
    Action.FINALIZE: "the account goes live, for good",
    Action.DISPUTE: "the task is sent back",
    Action.REQUEST_CORRECTIONS: "corrections are asked for",
    Action.ESCALATE: "a person decides",
    Action.LEAVE: "nothing is done on purpose, and silence pays",
}


UNDECIDED = "When nobody has decided"
"""The title of the passage on the deadline."""


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Passage(msgspec.Struct, frozen=True):
    """One part of a policy in sentences. The title stays the same when its content changes."""

    title: str
    sentences: tuple[str, ...]


def read_policy(policy: Policy) -> tuple[Passage, ...]:
    """Say a policy, part by part, in the order in which it decides."""
    voice = _voice(policy)
    return (
        Passage(f"Policy {policy.name}", tuple(_head(policy))),
        *(Passage(title_of(rule), tuple(_rule(rule, voice))) for rule in policy.rules),
        Passage(UNDECIDED, tuple(_deadline(policy.deadline, voice))),
        *_around(policy, voice),
    )


def title_of(rule: Rule) -> str:
    """The title of the passage that says a rule."""
    return f'Rule "{rule.name}"'


def read_change(old: Policy, new: Policy) -> tuple[str, ...]:
    """Say what changes from one policy to another; nothing where both mean the same."""
    before = {passage.title: passage.sentences for passage in read_policy(old)}
    after = {passage.title: passage.sentences for passage in read_policy(new)}
    said = [f"Gone: {title}. {' '.join(before[title])}" for title in before if title not in after]
    for title, sentences in after.items():
        if title not in before:
            said.append(f"New: {title}. {' '.join(sentences)}")
        elif before[title] != sentences:
            said += _changed(title, before[title], sentences)
    return (*said, *_moved(old, new))


def _changed(title: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[str]:
    gone = [sentence for sentence in before if sentence not in after]
    come = [sentence for sentence in after if sentence not in before]
    yield f"Changed: {title}."
    yield from (f"  before: {sentence}" for sentence in gone)
    yield from (f"  now: {sentence}" for sentence in come)


def _moved(old: Policy, new: Policy) -> Iterator[str]:
    """Rules that both have, but in another order."""
    kept = {rule.name for rule in old.rules} & {rule.name for rule in new.rules}
    was = [rule.name for rule in old.rules if rule.name in kept]
    now = [rule.name for rule in new.rules if rule.name in kept]
    if was != now:
        yield "The order changed: " + ", then ".join(f'"{name}"' for name in now) + "."


def _voice(policy: Policy) -> Voice:
    kind = policy.applies_to.review
    return Voice(CATALOGUE[kind], policy.timezone, _OPENED[kind])


def _head(policy: Policy) -> Iterator[str]:
    if policy.about:
        yield _sentence(policy.about)
    applies = policy.applies_to
    narrowed = f" on {' and '.join(applies.platform)}" if applies.platform else ""
    if applies.saved_account_id:
        narrowed += f" of the accounts {', '.join(map(safe_line, applies.saved_account_id))}"
    yield f"It judges {_KIND[applies.review]}{narrowed}."
    yield f"The first of its {len(policy.rules)} rules that matches decides, from top to bottom."
    yield f"Its hours, days and times are those of {policy.timezone}."
    if policy.owner:
        yield f"Questions go to {safe_line(policy.owner)}."


def _rule(rule: Rule, voice: Voice) -> Iterator[str]:
    when = "Always" if rule.when is None else f"When {voice.condition(rule.when)}"
    yield f"{when}: {_does(rule.then, voice)}."
    yield from _texts(rule.then, voice)
    if rule.act_during:
        yield f'It acts only while the hours "{rule.act_during}" are open.'
    if rule.rollout is not None:
        yield f"It takes {share(rule.rollout)} of the tasks, always the same ones."
    if rule.shadow:
        yield "It only watches: it is recorded and never decides."
    if rule.repeat:
        yield "It may send the same words twice."


def _does(then: Then, voice: Voice) -> str:
    if then.until is not None:
        return f"it waits until {voice.moment(then.until)}"
    who = f" ({safe_line(then.to)})" if then.to else ""
    return _DOES[then.action] + who


def _texts(then: Then, voice: Voice) -> Iterator[str]:
    if then.reason is not None:
        for variant, template in then.reason.variants:
            yield f"The manager reads, for {variant}: {voice.text(template)}"
        if then.reason.otherwise is not None:
            also = ", otherwise" if then.reason.variants else ""
            yield f"The manager reads{also}: {voice.text(then.reason.otherwise)}"
    if then.comment is not None:
        yield f"The manager reads: {voice.text(then.comment)}"
    for field, template in then.fields:
        yield f"About {field}: {voice.text(template)}"
    if then.question is not None:
        yield f"The person is asked: {voice.text(then.question)}"
    if then.because:
        yield f"Because: {_sentence(then.because)}"


def _deadline(deadline: Deadline, voice: Voice) -> Iterator[str]:
    yield f"From {voice.moment(deadline.decide_by)} on, what is still undecided is settled so:"
    for case in deadline.fallbacks:
        when = "" if case.when is None else f"when {voice.condition(case.when)}: "
        does = _does(case.then, voice)
        yield f"{when}{does}." if when else f"{does[0].upper()}{does[1:]}."
        yield from _texts(case.then, voice)
    if deadline.because:
        yield f"Because: {_sentence(deadline.because)}"
    for reminder in deadline.remind:
        yield f"{safe_line(reminder.to)} is told {voice.moment(reminder.at)}."


def _around(policy: Policy, voice: Voice) -> Iterator[Passage]:
    limits = tuple(_guardrails(policy.guardrails, voice))
    if limits:
        yield Passage("Limits", limits)
    for hours in policy.hours:
        ranges = [
            f"{', '.join(_DAYS[day] for day in r.days)} {_clock(r.start)} to {_clock(r.end)}"
            for r in hours.open
        ]
        closed = [str(day) for day in hours.closed] + [f"the list {n}" for n in hours.closed_lists]
        but = f", closed on {', '.join(closed)}" if closed else ""
        yield Passage(f'Hours "{hours.name}"', (f"Open {'; '.join(ranges)}{but}.",))
    for named in policy.lists:
        yield Passage(f'List "{named.name}"', tuple(_list(named)))
    for pattern in policy.patterns:
        yield Passage(f'Pattern "{pattern.name}"', (f"It looks for {safe_line(pattern.regex)}",))


def _guardrails(limits: Guardrails, voice: Voice) -> Iterator[str]:
    kinds: tuple[tuple[str, tuple[Cap, ...]], ...] = (
        ("approvals", limits.approvals),
        ("disputes", limits.disputes),
        ("disputes for one account", limits.disputes_per_account),
        ("in approved money", limits.money_approved),
        ("of the decisions may be disputes", limits.dispute_share),
    )
    caps = [(what, cap) for what, several in kinds for cap in several]
    for what, cap in caps:
        yield f"At most {_amount(what, cap)} {what}{_span(cap)}."
    if caps:
        asked = (
            "a person is asked" if limits.when_over == "escalate" else "it is held and tried again"
        )
        yield f"When a limit is reached, {asked}."
        yield (
            "What the deadline does is outside the limits."
            if limits.fallback_exempt
            else "What the deadline does counts too."
        )
    for what, condition in (
        ("disputes", limits.pause_disputes_when),
        ("approvals", limits.pause_approvals_when),
    ):
        if condition is not None:
            yield f"No {what} are sent while {voice.condition(condition)}."


def _amount(what: str, cap: Cap) -> str:
    if "money" in what:
        return money(cap.amount)
    return share(cap.amount) if "decisions" in what else f"{cap.amount:g}"


def _span(cap: Cap) -> str:
    per = f" in any {'60 minutes' if cap.per == 'hour' else '24 hours'}" if cap.per else ""
    return per + (f", once there are {cap.after} decisions" if cap.after else "")


def _list(named: NamedList) -> Iterator[str]:
    source = f", read from {safe_line(named.file)}" if named.file else ""
    count = len(named.entries)
    yield f"It has {count:,} {'entry' if count == 1 else 'entries'}{source}."
    for entry in named.entries:
        until = f" until {entry.until}" if entry.until else ""
        note = f" ({safe_line(entry.note)})" if entry.note else ""
        yield f"On it: {safe_line(entry.id)}{until}{note}."


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _sentence(text: str) -> str:
    line = safe_line(text)
    return line if line.endswith((".", "!", "?")) else f"{line}."
