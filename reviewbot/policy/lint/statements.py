"""Statements proved: no rule, and no case of the fallback, does what `never:` forbids.

A rule decides what it matches and no rule before it does. The fallback may act on anything but what
is left on purpose: whatever a rule wants may be kept back until then by a limit, a pause or a refusal.
A statement that an ordinary or a documented task breaks refuses the policy; what is not proved is
said. At run time the bot asks each statement once more before each write, so what could not be proved
here is asked of a person there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from reviewbot.domain.decision import DEADLINE, Action
from reviewbot.policy.diagnostics import Finding, Severity, Span
from reviewbot.policy.engine.statements import binds
from reviewbot.policy.lint.policy_model import PolicyModel, Witness
from reviewbot.policy.lint.solver import (
    FALSE,
    NOT_TRUE,
    TRUE,
    UNKNOWN,
    Expression,
    TooHardError,
    Wish,
)
from reviewbot.policy.lint.walks import compares_in, deciding, facts_asked
from reviewbot.policy.lint.witnesses import example_words, realistic, rule_words
from reviewbot.policy.model import Condition, Statement
from reviewbot.policy.text_forms import listed

BROKEN = "P250"
UNPROVED = "P251"
UNCLEAR = "P252"


class _Actor(NamedTuple):
    """A rule, or a case of the fallback: what it does, and what must hold when it does it."""

    words: str
    name: str
    action: Action
    rule: str
    span: Span
    when: Condition | None
    wishes: list[Wish]


def unkept_statements(world: PolicyModel, dead: frozenset[int]) -> Iterator[Finding]:
    """Find what breaks a statement, with a task, and the statements that could not be proved."""
    actors = [*_rules(world, dead), *_cases(world)] if world.policy.never else []
    for statement, node in zip(world.policy.never, world.statements, strict=True):
        unproved: list[_Actor] = []
        unclear: list[Finding] = []
        for actor in actors:
            if not binds(statement, actor.action, actor.rule):
                continue
            try:
                found = breach(world, [(node, TRUE), *actor.wishes])
            except TooHardError:
                unproved.append(actor)
                continue
            if found is not None:
                yield _broken(world, statement, actor, found)
            else:
                unclear += _unclear(world, statement, actor, node)
        yield from unclear[:1]
        if unproved:
            yield _unproved(statement, unproved)


def _rules(world: PolicyModel, dead: frozenset[int]) -> Iterator[_Actor]:
    for number, rule in deciding(world.policy):
        if number not in dead:
            yield _Actor(
                words=rule_words(number, rule),
                name=f'"{rule.name}"',
                action=rule.then.action,
                rule=rule.name,
                span=rule.name_span,
                when=rule.when,
                wishes=world.decides(number),
            )


def _cases(world: PolicyModel) -> Iterator[_Actor]:
    forbids_leaving = any(Action.LEAVE in statement.actions for statement in world.policy.never)
    left = (n for n, rule in deciding(world.policy) if rule.then.action is Action.LEAVE)
    wishes: list[Wish] = [] if forbids_leaving else [world.none_of(left)]
    not_due = world.not_due()
    wishes += [] if not_due is None else [(not_due, FALSE)]
    for case, node in zip(world.policy.deadline.fallbacks, world.fallbacks, strict=True):
        words = "the fallback (if undecided)"
        yield _Actor(
            words=words,
            name=words,
            action=case.then.action,
            rule=DEADLINE,
            span=case.then.span,
            when=case.when,
            wishes=[*wishes, (node, TRUE)],
        )
        wishes = [*wishes, (node, NOT_TRUE)]


def breach(world: PolicyModel, wishes: list[Wish]) -> Witness | None:
    """Find a task that meets `wishes`, ordinary or at least documented; None where there is none.

    Raises TooHardError where that cannot be told, or only a task beyond the documents could.
    """
    if not world.possible(wishes):
        return None
    found = None
    with suppress(TooHardError):
        found = world.example(wishes)
    found = found or world.documented(wishes)
    if found is None or not realistic(world, found):
        raise TooHardError
    return found


def _broken(world: PolicyModel, statement: Statement, actor: _Actor, found: Witness) -> Finding:
    forbidden = [] if statement.when is None else [name for name, _ in compares_in(statement.when)]
    asked = forbidden + ([] if actor.when is None else [n for n, _ in compares_in(actor.when)])
    for _, rule in deciding(world.policy):
        if rule.name == actor.rule:
            break
        asked += facts_asked(rule) if {*forbidden} & {*facts_asked(rule)} else []
    deed = str(actor.action)
    if actor.rule == DEADLINE:
        cure = "write  but: deadline  under the statement, or put a case with  when:  before it"
    else:
        cure = f"put a rule before it that takes such tasks, or add  unless:  to {actor.name}"
    return Finding(
        code=BROKEN,
        severity=Severity.ERROR,
        span=actor.span,
        message=f'{actor.words} can {deed} what the statement "{statement.name}" forbids',
        detail=example_words(world, found, asked),
        cure=cure,
        related=(("", statement.name_span, "the statement"),),
    )


def _unclear(
    world: PolicyModel, statement: Statement, actor: _Actor, node: Expression
) -> Iterator[Finding]:
    """Note the ordinary tasks that go to a person because nobody can tell whether it is about them."""
    found = None
    with suppress(TooHardError):
        found = world.example([(node, UNKNOWN), *actor.wishes])
    if found is not None and statement.when is not None and realistic(world, found):
        yield Finding(
            code=UNCLEAR,
            severity=Severity.NOTE,
            span=statement.name_span,
            message=f"of some tasks that {actor.words} would {actor.action} it cannot be told whether"
            f' "{statement.name}" forbids it: they go to a person',
            detail=example_words(world, found, [name for name, _ in compares_in(statement.when)]),
            cure="ask in the statement for what must be known as well, such as  known,  or let a rule"
            " take these tasks before",
        )


def _unproved(statement: Statement, actors: list[_Actor]) -> Finding:
    return Finding(
        code=UNPROVED,
        severity=Severity.WARNING,
        span=statement.name_span,
        message=f'it cannot be proved that "{statement.name}" is kept by '
        + listed(dict.fromkeys(actor.words for actor in actors), "and"),
        detail="the bot asks before each write: what the statement forbids, or may forbid, goes to a"
        " person, and silence pays it if nobody answers",
        cure="ask in the rule for the very test that the statement makes, by  unless:  or in a rule"
        " before it",
    )
