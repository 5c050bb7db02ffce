"""A policy, or the change between two, as plain sentences that a lead can read and sign."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import msgspec

from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.domain.text import safe_line
from reviewbot.policy.engine.templates import duration, money, share
from reviewbot.policy.explain.phrases import Prose, prose_value
from reviewbot.policy.facts import Facts
from reviewbot.policy.ladder import Stage
from reviewbot.policy.locales import ENGLISH, language_of
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Cap,
    Deadline,
    Guardrails,
    Hours,
    ListEntry,
    Named,
    NamedList,
    NoneOf,
    Policy,
    Reminder,
    Rule,
    Then,
    conditions_of,
)
from reviewbot.policy.parts import parted
from reviewbot.policy.text_forms import listed

_KIND = {"comments": "comment tasks", "accounts": "accounts in review"}
DOES = {
    Action.APPROVE: "the manager is paid, for good",
    Action.FINALIZE: "the account goes live, for good",
    Action.DISPUTE: "the task is sent back",
    Action.REQUEST_CORRECTIONS: "corrections are asked for",
    Action.ESCALATE: "a person decides",
    Action.LEAVE: "nothing is done on purpose, and silence pays",
}
"""What each action comes to, as a clause."""
_OVER = {
    "escalate": "a person is asked",
    "hold": "it is held and tried again",
    "skip": "the rules below are asked",
}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST_ENTRIES = 20
"""Entries of a list that are named in a text to be signed; of a longer one those that end."""
UNDECIDED = "When nobody has decided"
"""The title of the passage on the deadline."""

NEVER = "What must never happen"
"""The title of the passage on the statements."""
_NEVER = {
    Action.APPROVE: "no approval pays the manager",
    Action.FINALIZE: "the account is not made live",
    Action.DISPUTE: "the task is not sent back",
    Action.REQUEST_CORRECTIONS: "no corrections are asked for",
    Action.LEAVE: "it is not left to silence on purpose",
}
_BUT = {"deadline": "the deadline", "people": "a person"}


class Passage(msgspec.Struct, frozen=True):
    """One part of a policy in sentences. The title stays the same when its content changes."""

    title: str
    sentences: tuple[str, ...]


def read_policy(
    policy: Policy, examples: Mapping[str, Facts] | None = None, today: date | None = None
) -> tuple[Passage, ...]:
    """A policy, part by part: what must never happen, what it is for, then as it decides.

    With `examples`, a typical task for each rule, texts are written as they will be sent, and of a
    long list not every entry is named; `today` says which entries have ended.
    """
    prose = Prose(policy)
    limits = tuple(_guardrails(policy.guardrails, prose))
    most = None if examples is None else MOST_ENTRIES
    shown = {name: Prose(policy, facts) for name, facts in (examples or {}).items()}
    rules = (
        Passage(title_of(rule), tuple(_rule(rule, shown.get(rule.name, prose))))
        for rule in policy.rules
    )
    return (
        *([Passage(NEVER, tuple(_never(policy, prose)))] if policy.never else []),
        Passage(f"Policy {policy.name}", tuple(_head(policy))),
        *(
            Passage(f'Condition "{safe_line(name)}"', (f"It holds when {prose.meaning(named)}.",))
            for name, named in _named(policy).items()
        ),
        *rules,
        Passage("When no rule matches", (_no_rule(policy.rules[-1]),)),
        Passage(UNDECIDED, tuple(_deadline(policy.deadline, shown.get(DEADLINE, prose)))),
        *([Passage("Limits", limits)] if limits else []),
        *(Passage(f'Hours "{hours.name}"', (_hours(hours),)) for hours in policy.hours),
        *(
            Passage(f'List "{named.name}"', tuple(_list(named, most, today)))
            for named in policy.lists
        ),
        *(
            Passage(f'Pattern "{pattern.name}"', (f"It looks for {safe_line(pattern.regex)}",))
            for pattern in policy.patterns
        ),
    )


def title_of(rule: Rule) -> str:
    """The title of a rule's passage."""
    return f'Rule "{rule.name}"'


def read_change(old: Policy, new: Policy) -> tuple[str, ...]:
    """What changes from one policy to another; nothing where both mean the same."""
    before = {passage.title: passage.sentences for passage in read_policy(old)}
    after = {passage.title: passage.sentences for passage in read_policy(new)}
    lines = [f"Gone: {title}. {' '.join(before[title])}" for title in before if title not in after]
    for title, sentences in after.items():
        if title not in before:
            lines.append(f"New: {title}. {' '.join(sentences)}")
        elif before[title] != sentences:
            lines.append(f"Changed: {title}.")
            lines += [f"  before: {text}" for text in before[title] if text not in sentences]
            lines += [f"  now: {text}" for text in sentences if text not in before[title]]
    return (*lines, *_moved(old, new))


def _moved(old: Policy, new: Policy) -> Iterator[str]:
    """Rules that both have, but in another order."""
    kept = {rule.name for rule in old.rules} & {rule.name for rule in new.rules}
    was = [rule.name for rule in old.rules if rule.name in kept]
    now = [rule.name for rule in new.rules if rule.name in kept]
    if was != now:
        yield "The order changed: " + ", then ".join(f'"{name}"' for name in now) + "."


def _head(policy: Policy) -> Iterator[str]:
    if policy.about:
        yield _sentence(policy.about)
    applies = policy.applies_to
    narrowed = f" on {' and '.join(applies.platform)}" if applies.platform else ""
    if applies.saved_account_id:
        narrowed += f" of the accounts {', '.join(map(safe_line, applies.saved_account_id))}"
    yield f"It judges {_KIND[applies.review]}{narrowed}."
    count = len(policy.rules)
    if count > 1:
        yield f"Its {count} rules are asked in this order, and the first that matches decides."
    yield f"Its hours, days and times are those of {policy.timezone}."
    if policy.locale != ENGLISH:
        yield f"Its texts write dates, numbers and money as {language_of(policy.locale)} does."
    if policy.owner:
        yield f"Questions go to {safe_line(policy.owner)}."


def _named(policy: Policy) -> dict[str, Named]:
    """Every named condition that is asked for, in the order of the policy."""
    found: dict[str, Named] = {}
    open_ = [*conditions_of(policy)][::-1]
    while open_:
        match open_.pop():
            case Named(name=name) as named:
                found.setdefault(name, named)
            case AllOf(parts=parts) | AnyOf(parts=parts) | NoneOf(parts=parts):
                open_ += reversed(parts)
    return found


def _never(policy: Policy, prose: Prose) -> Iterator[str]:
    for statement in policy.never:
        where = "" if statement.when is None else f"where {prose.condition(statement.when)}, "
        deeds = listed((_NEVER[action] for action in statement.actions), "and")
        but = f", except by {listed(_BUT[who] for who in statement.but)}" if statement.but else ""
        yield f'"{safe_line(statement.name)}": {where}{deeds}{but}.'
    yield "Where that cannot be told a person is asked, and silence pays if nobody answers."


def _no_rule(last: Rule) -> str:
    takes_all = (
        last.when is None and last.rollout is None and not last.shadow and last.stage is None
    )
    if takes_all:
        return "That cannot be: the last rule takes all that is left."
    return "A person decides. So it is too where a rule cannot tell because something is not known."


def _rule(rule: Rule, prose: Prose) -> Iterator[str]:
    asked, unless = parted(rule.when)
    when = "In every case that is left"
    if asked is not None:
        when = f"When {prose.condition(asked)}"
    yield f"{when}: {_does(rule.then, prose)}."
    if unless is not None:
        yield f"But not where {prose.unless(unless)}, nor where that cannot be told."
    yield from _texts(rule.then, prose)
    if rule.act_during:
        yield f'It acts only while the hours "{rule.act_during}" are open.'
    for cap in rule.limit:
        most = money(cap.amount) if cap.money else f"{cap.amount:g}"
        account = " for one account" if cap.account else ""
        does = "pays" if cap.money else "acts"
        most += "" if cap.money else f" time{'' if cap.amount == 1 else 's'}"
        yield f"It {does} at most {most}{account}{_span(cap)}; then {_OVER[rule.when_over]}."
    if rule.hold is not None:
        yield (
            f"What it decides is sealed for {duration(rule.hold)} before it is sent: any reviewer can"
            " cancel it, and the deadline is never crossed."
        )
    if rule.rollout is not None:
        yield f"It takes {share(rule.rollout)} of the tasks, always the same ones."
    if rule.stage is not None:
        yield from _ladder(rule.stage)
    if rule.shadow:
        yield "It only watches: it is recorded and never decides."
    if rule.repeat:
        yield "It may send the same words twice."


def _ladder(stage: Stage) -> Iterator[str]:
    begins = {0.0: "watching only", 1.0: "with all tasks"}.get(
        stage.now, f"with {share(stage.now)} of the tasks, always the same ones"
    )
    climbs = "Only a person moves it up or down"
    if stage.agreeing is not None:
        climbs = f"It goes a step up after {stage.agreeing} decisions that agree"
    elif stage.after is not None:
        climbs = f"It goes a step up after {duration(stage.after)}"
    down = ""
    if stage.overruled is not None:
        down = f", and a step down when more than {share(stage.overruled)} are overruled"
    yield f"It begins {begins}. {climbs}{down}."


def _does(then: Then, prose: Prose) -> str:
    if then.until is not None:
        return f"it waits until {prose.moment(then.until)}"
    are = "are" if len(then.to) > 1 else "is"
    who = f" ({listed(map(safe_line, then.to), 'and')} {are} asked)" if then.to else ""
    return DOES[then.action] + who


def _texts(then: Then, prose: Prose) -> Iterator[str]:
    if then.reason is not None:
        for variant, template in then.reason.variants:
            yield f"The manager reads{prose.language(template)}, {_for(variant)}: {prose.text(template)}"
        for case in then.reason.cases:
            when, language = prose.condition(case.when), prose.language(case.text)
            yield f"The manager reads{language}, when {when}: {prose.text(case.text)}"
        last = then.reason.otherwise
        if last is not None:
            also = ", otherwise" if then.reason.variants or then.reason.cases else ""
            yield f"The manager reads{prose.language(last)}{also}: {prose.text(last)}"
    if then.comment is not None:
        yield f"The manager reads: {prose.text(then.comment)}"
    for field, template in then.fields:
        yield f"About {field}: {prose.text(template)}"
    if then.question is not None:
        yield f"The person is asked: {prose.text(then.question)}"
    yield from _reminders(then.remind, prose, "of its question")
    if then.because:
        yield f"Because: {_sentence(then.because)}"


def _for(variant: str) -> str:
    return f"in {variant}" if variant.startswith("round ") else f"on {prose_value(variant)}"


def _deadline(deadline: Deadline, prose: Prose) -> Iterator[str]:
    last = deadline.fallbacks[-1]
    start = f"From {prose.moment(deadline.decide_by)} on, what is still undecided is settled"
    yield (
        f"{start}: {_does(last.then, prose)}." if last is deadline.fallbacks[0] else f"{start} so:"
    )
    for case in deadline.fallbacks:
        if case.when is not None:
            yield f"When {prose.condition(case.when)}: {_does(case.then, prose)}."
        elif case is not deadline.fallbacks[0]:
            yield f"In every case that is left: {_does(case.then, prose)}."
        yield from _texts(case.then, prose)
    if deadline.because:
        yield f"Because: {_sentence(deadline.because)}"
    yield from _reminders(deadline.remind, prose, "of what is still undecided")


def _reminders(reminders: Iterable[Reminder], prose: Prose, what: str) -> Iterator[str]:
    for reminder in reminders:
        moment = prose.moment(reminder.at)
        who = listed(map(safe_line, reminder.to), "and")
        are = "are" if len(reminder.to) > 1 else "is"
        yield f"{moment[0].upper()}{moment[1:]}, {who} {are} reminded {what}."


def _hours(hours: Hours) -> str:
    ranges = [f"{_days(r.days)}, {_clock(r.start)} to {_clock(r.end)}" for r in hours.open]
    closed = [
        *map(str, hours.closed),
        *(f"the days of the list {name}" for name in hours.closed_lists),
    ]
    but = f"; closed on {listed(closed, 'and')}" if closed else ""
    return f"Open {'; '.join(ranges)}{but}."


def _days(days: tuple[int, ...]) -> str:
    """`from Monday to Friday`, `on Monday, Wednesday and Thursday`, `every day`."""
    if len(days) == len(_DAYS):
        return "every day"
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"from {_DAYS[days[0]]} to {_DAYS[days[-1]]}"
    return f"on {listed((_DAYS[day] for day in days), 'and')}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _guardrails(limits: Guardrails, prose: Prose) -> Iterator[str]:
    caps = [
        *((_counted(cap, "approval"), cap) for cap in limits.approvals),
        *((_counted(cap, "dispute"), cap) for cap in limits.disputes),
        *(
            (f"{_counted(cap, 'dispute')} for one account", cap)
            for cap in limits.disputes_per_account
        ),
        *((f"{money(cap.amount)} in approved money", cap) for cap in limits.money_approved),
        *(
            (f"{share(cap.amount)} of the decisions may be disputes", cap)
            for cap in limits.dispute_share
        ),
    ]
    for most, cap in caps:
        yield f"At most {most}{_span(cap)}."
    if caps:
        yield f"When a limit is reached, {_OVER[limits.when_over]}."
        yield (
            "What the deadline does is outside the limits."
            if limits.fallback_exempt
            else "What the deadline does counts too."
        )
    for what, hours in (
        ("Disputes", limits.disputes_during),
        ("Approvals", limits.approvals_during),
    ):
        if hours is not None:
            people = ", people's answers too" if limits.people_too else ""
            yield f'{what} are sent only while the hours "{hours}" are open{people}.'
    for what, condition in (
        ("disputes", limits.pause_disputes_when),
        ("approvals", limits.pause_approvals_when),
    ):
        if condition is not None:
            yield f"No {what} are sent while {prose.condition(condition)}."


def _counted(cap: Cap, noun: str) -> str:
    return f"{cap.amount:g} {noun}{'' if cap.amount == 1 else 's'}"


_SPANS = {
    "hour": " in any 60 minutes",
    "day": " in any 24 hours",
    "calendar day": " on one day of the calendar",
    None: "",
}


def _span(cap: Cap) -> str:
    return _SPANS[cap.per] + (f", once there are {cap.after} decisions" if cap.after else "")


def _list(named: NamedList, most: int | None, today: date | None) -> Iterator[str]:
    source = f", read from {safe_line(named.file)}" if named.file else ""
    if named.column:
        source += f" (column {safe_line(named.column)})"
    for column, values in named.where:
        source += f", where {safe_line(column)} is {listed(list(map(safe_line, values)))}"
    count = len(named.entries)
    yield f"It has {count:,} {'entry' if count == 1 else 'entries'}{source}."
    ending = [entry for entry in named.entries if entry.until]
    shown = named.entries[:most] if most is None or count <= most else ending[:most]
    for entry in shown:
        note = f" ({safe_line(entry.note)})" if entry.note else ""
        yield f"On it: {safe_line(entry.id)}{_until(entry, today)}{note}."
    if len(shown) < count:
        ends = f", of which {len(ending) - len(shown):,} end" if len(ending) > len(shown) else ""
        yield f"{count - len(shown):,} more are not named here{ends}."


def _until(entry: ListEntry, today: date | None) -> str:
    if entry.until is None:
        return ""
    if today is not None and entry.until < today:
        return f", which ended on {entry.until} and no longer counts"
    return f" until {entry.until}"


def _sentence(text: str) -> str:
    line = safe_line(text)
    return line if line.endswith((".", "!", "?")) else f"{line}."
