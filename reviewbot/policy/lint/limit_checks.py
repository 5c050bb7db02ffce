"""Limits and pauses: whether silence can come to pay because of one, with a task and the moment.

Theory of operation. What a limit, a pause or closed hours keep back is undecided, and the undecided get
the fallback at `decide by`. Silence pays where that sends nothing (it asks a person) or is kept back as
well; of all others it is said that it cannot. When hours are closed is proved against the calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from reviewbot.domain.decision import Action
from reviewbot.policy.diagnostics import NOWHERE, Finding, Severity, Span
from reviewbot.policy.engine.calendar import hours_of
from reviewbot.policy.lint.policy_model import Doubt, PolicyModel, Witness
from reviewbot.policy.lint.solver import NOT_TRUE, TRUE
from reviewbot.policy.lint.time_checks import offset_of
from reviewbot.policy.lint.usual import WINDOW
from reviewbot.policy.lint.walks import deciding, facts_asked
from reviewbot.policy.lint.witnesses import example_words
from reviewbot.policy.model import Cap, Guardrails, Policy, Rule
from reviewbot.policy.text_forms import listed

SILENCE_PAYS = "P325"
MAY_BE_SILENCE = "P326"
NO_SILENCE = "P329"
MOST_NAMED = 9
HELD_PAST = "whether silence can pay what a limit keeps back"
_AFTER = {"comments": "it was confirmed", "accounts": "it was first seen in review"}


def limits_that_end_in_silence(world: PolicyModel) -> Iterator[Finding]:
    """Find the limits that, once full, leave a task to the timer: they hold the fallback as well."""
    guards = world.policy.guardrails
    if guards.fallback_exempt:
        return
    fallbacks = [fallback.then.action for fallback in world.policy.deadline.fallbacks]
    caps = _caps_on(guards, fallbacks)
    if not caps:
        return
    acts = any(action.pays or action.sends_back for action in fallbacks)
    (name, first), *others = caps
    then = "a person is asked" if guards.when_over == "escalate" else "it is tried again"
    yield Finding(
        code=SILENCE_PAYS,
        severity=Severity.WARNING,
        span=first.span,
        message=f"once  {name}:  is full, silence pays: this limit saves no money",
        under="it holds the fallback too" if acts else "the fallback decides nothing",
        detail=f"{then}, and where that comes to nothing before the deadline, the manager is paid all the same",
        cure="delete  fallback exempt: no"
        if acts
        else "let  if undecided:  decide, and delete  fallback exempt: no",
        related=tuple(
            ("", cap.span, f"{other}:  as well") for other, cap in others if cap.span != NOWHERE
        ),
    )


def _caps_on(guards: Guardrails, fallbacks: Iterable[Action]) -> list[tuple[str, Cap]]:
    """The limits, by their key, that may hold what these fallbacks do; a limit of 0 is a prohibition."""
    actions, names = tuple(fallbacks), list[str]()
    if any(action.pays or action is Action.ESCALATE for action in actions):
        names += ["money approved", "approvals"]
    if any(action.sends_back for action in actions):
        names += ["disputes", "disputes per account", "dispute share"]
    caps = ((name, cap) for name in names for cap in getattr(guards, name.replace(" ", "_")))
    return [(name, cap) for name, cap in caps if cap.amount > 0]


class _Holder(NamedTuple):
    """What may keep back what a rule wants to send: in words, where it stands, and whose it is."""

    words: str
    span: Span
    rules: tuple[tuple[int, Rule], ...]


def silences_behind_limits(world: PolicyModel, dead: frozenset[int]) -> Iterator[Finding]:
    """Say of each limit, window and pause whether it can leave a task to the timer.

    It does where the fallback only asks a person, and where it is held as well.
    """
    policy = world.policy
    asks = any(case.then.action is Action.ESCALATE for case in policy.deadline.fallbacks)
    fallbacks = [fallback.then.action for fallback in policy.deadline.fallbacks]
    held = [] if policy.guardrails.fallback_exempt else _caps_on(policy.guardrails, fallbacks)
    found: dict[int, Witness | None] = {}
    safe: list[_Holder] = []
    for holder in _holders(world, dead):
        doubts = len(world.doubts)
        for number, rule in holder.rules if asks else ():
            if number not in found:
                found[number] = _asked_in_the_end(world, number)
            if (example := found[number]) is not None:
                yield _silence(world, holder, rule, example)
                break
        else:
            if len(world.doubts) == doubts and not held:
                safe.append(holder)
    latest = offset_of(policy.deadline.decide_by)
    if safe and latest is not None and latest < WINDOW:
        yield _no_silence(world, safe)


def _no_silence(world: PolicyModel, holders: Sequence[_Holder]) -> Finding:
    """Of all that cannot leave a task to the timer, in one finding."""
    deadline = world.policy.deadline
    what = list(dict.fromkeys(holder.words for holder in holders))
    named = what[:MOST_NAMED] + ([f"{len(what) - MOST_NAMED} more"] if what[MOST_NAMED:] else [])
    return Finding(
        code=NO_SILENCE,
        severity=Severity.NOTE,
        span=holders[0].span,
        message=f"silence cannot pay what is kept back {listed(named, 'and')}",
        under=f"{deadline.decide_by.text}  if undecided:  decides it",
        detail="as long as the bot runs then, and nobody has stopped it with  reviewbot pause",
    )


def _holders(world: PolicyModel, dead: frozenset[int]) -> Iterator[_Holder]:
    policy, rails = world.policy, world.policy.guardrails
    acting = [(i, rule) for i, rule in deciding(policy) if i not in dead]
    paying = tuple((i, rule) for i, rule in acting if rule.then.action.pays)
    sending_back = tuple((i, rule) for i, rule in acting if rule.then.action.sends_back)
    for number, rule in acting:
        if rule.limit and rule.when_over != "skip":
            words = f'once the limit of "{rule.name}" is full'
            yield _Holder(words, rule.limit[0].span, ((number, rule),))
    for name, rules in (
        ("approvals", paying),
        ("money approved", paying),
        ("disputes", sending_back),
        ("disputes per account", sending_back),
        ("dispute share", sending_back),
    ):
        caps: tuple[Cap, ...] = getattr(rails, name.replace(" ", "_"))
        yield from (
            _Holder(f"once  {name}:  is full", cap.span, rules) for cap in caps if cap.amount > 0
        )
    yield from _closed_hours(policy, acting)
    for name, pause, rules in (
        ("approvals", rails.pause_approvals_when, paying),
        ("disputes", rails.pause_disputes_when, sending_back),
    ):
        if pause is not None:
            yield _Holder(f"while  pause {name} when:  holds", pause.span, rules)


def _closed_hours(policy: Policy, acting: Iterable[tuple[int, Rule]]) -> Iterator[_Holder]:
    """Rules whose action the same hours hold."""
    by_hours: dict[tuple[str, ...], list[tuple[int, Rule]]] = {}
    for number, rule in acting:
        if rule.then.action.pays or rule.then.action.sends_back:
            by_hours.setdefault(tuple(hours_of(policy, rule)), []).append((number, rule))
    for hours, holders in by_hours.items():
        if hours:
            named = listed((f'"{name}"' for name in hours), "or")
            words = f"while the hours {named} are closed"
            yield _Holder(words, holders[0][1].name_span, tuple(holders))


def _asked_in_the_end(world: PolicyModel, number: int) -> Witness | None:
    """A review that a rule decides, and of which the fallback would only ask a person."""
    before = list(world.decides(number))
    for case, node in zip(world.policy.deadline.fallbacks, world.fallbacks, strict=True):
        if case.then.action is Action.ESCALATE:
            example = world.surely([*before, (node, TRUE)], Doubt(HELD_PAST, number))
            if example is not None:
                return example
        before.append((node, NOT_TRUE))
    return None


def _silence(world: PolicyModel, holder: _Holder, rule: Rule, example: Witness) -> Finding:
    deadline = world.policy.deadline
    after = _AFTER[world.policy.applies_to.review]
    return Finding(
        code=MAY_BE_SILENCE,
        severity=Severity.WARNING,
        span=holder.span,
        message=f"{holder.words}, silence can pay what it keeps back",
        under=f'what "{rule.name}" wants goes to a person {deadline.decide_by.text}',
        detail=f"{example_words(world, example, facts_asked(rule))}: paid by silence 72h after {after}",
        cure="let  if undecided:  approve such tasks, or send them back",
    )
