"""The ways by which a text reaches the other side: the rule or fallback, and the variant."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reviewbot.domain.decision import Action
from reviewbot.policy.analysis.reads import deciding, sent_texts, variant_test
from reviewbot.policy.analysis.search import Wish
from reviewbot.policy.analysis.truth import NOT_TRUE, TRUE
from reviewbot.policy.analysis.world import World
from reviewbot.policy.findings import Span
from reviewbot.policy.model import Template, Then


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """One text and what must hold when it is sent."""

    what: str
    """The rule, or the fallback, in words."""
    rule: int
    """Its number; one beyond the last for the fallback."""
    span: Span
    template: Template
    variant_index: int
    any_variant: tuple[Wish, ...]
    """What must hold for any of its texts."""
    wishes: tuple[Wish, ...]
    repeats: bool = False


def sending_paths(world: World, dead: frozenset[int]) -> Iterator[Path]:
    """Every text that can be sent, with its conditions."""
    for number, rule in enumerate(world.policy.rules):
        if number in dead:
            continue
        earlier = [i for i, _ in deciding(world.policy) if i < number]
        wishes = ((world.rules[number], TRUE), *((world.rules[i], NOT_TRUE) for i in earlier))
        what = f'rule "{rule.name}"'
        yield from _paths(
            world, rule.then, wishes, (what, number), rule.name_span, repeats=rule.repeat
        )
    undecided = tuple(
        (world.rules[i], NOT_TRUE)
        for i, rule in deciding(world.policy)
        if rule.act_during is None and rule.then.action not in (Action.ESCALATE, Action.WAIT)
    )
    for fallback in world.policy.deadline.fallbacks:
        node = world.circuit(fallback.when)
        sender = ("the deadline", len(world.policy.rules))
        yield from _paths(world, fallback.then, ((node, TRUE), *undecided), sender, fallback.span)
        undecided = (*undecided, (node, NOT_TRUE))


def _paths(
    world: World,
    then: Then,
    wishes: tuple[Wish, ...],
    sender: tuple[str, int],
    span: Span,
    *,
    repeats: bool = False,
) -> Iterator[Path]:
    if not then.action.sends_back:
        return
    for index, (variant, template) in enumerate(sent_texts(then)):
        asked = variant_test(then.reason, variant) if then.reason is not None else None
        narrower = () if asked is None else ((world.meets(*asked), TRUE),)
        yield Path(
            what=sender[0],
            rule=sender[1],
            span=span,
            template=template,
            variant_index=index,
            any_variant=wishes,
            wishes=(*wishes, *narrower),
            repeats=repeats,
        )
