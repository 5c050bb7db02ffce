"""Pairs of rules that one task matches, of which the first decides: one finding for each cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reviewbot.domain.decision import Action
from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.lint.policy_model import Doubt, PolicyModel, Witness
from reviewbot.policy.lint.solver import TRUE, TooHardError, Wish
from reviewbot.policy.lint.walks import deciding, facts_asked
from reviewbot.policy.lint.witnesses import example_words, realistic, rule_words
from reviewbot.policy.model import Rule
from reviewbot.policy.text_forms import listed

PAYS_AND_SENDS_BACK = "P203"
OTHER_OVERLAP = "P204"
MEETS = {
    Severity.WARNING: "whether it meets an earlier rule that pays where it sends back, or the reverse",
    Severity.NOTE: "whether it meets an earlier rule that does something else",
}
MEETS_MORE = "whether it meets more rules than were asked about"
MOST_ASKED = 200
"""Pairs of each severity that are asked about one by one, shared by the rules that come first."""
MOST_NAMED = 9
"""Rules that one finding names, before it only counts them."""


class Overlap(NamedTuple):
    """Two rules, and a task that both match and none above them."""

    first: int
    later: int
    found: Witness


def overlaps(world: PolicyModel, dead: frozenset[int]) -> Iterator[Finding]:
    """Find pairs of rules that some ordinary review meets both of, the first of which wins.

    Pairs of which one pays and one sends back are warnings, unless the first is a narrower case of
    the later one, which is how exceptions are written. Other pairs are notes; that a person or time
    comes first, then the rest, is how policies are written and not said. Pairs that share a rule are
    one finding.
    """
    pairs = _Pairs(world, dead)
    for severity in (Severity.WARNING, Severity.NOTE):
        for hub, spokes in _by_cause(list(pairs.proven(severity))):
            yield _finding(world, severity, hub, spokes)


def met_in_pairs(world: PolicyModel, dead: frozenset[int]) -> Iterator[Overlap]:
    """Every pair that a task is shown for."""
    pairs = _Pairs(world, dead)
    for severity in (Severity.WARNING, Severity.NOTE):
        yield from pairs.proven(severity)


class _Pairs:
    """The pairs of rules of a policy; rules stand for their boxes, as bits, and the large ones beside."""

    def __init__(self, world: PolicyModel, dead: frozenset[int]) -> None:
        self._world = world
        self._rules = {i: rule for i, rule in deciding(world.policy) if i not in dead}
        groups: dict[Action, list[int]] = {}
        for i, rule in self._rules.items():
            groups.setdefault(rule.then.action, []).append(i)
        self._by_action = {a: world.boxes.of_rules(numbers) for a, numbers in groups.items()}
        whole = (i for i, rule in self._rules.items() if rule.when is None)
        self._whole = world.boxes.of_rules(whole)
        alive = world.boxes.of_rules(self._rules)
        self._later: dict[int, int] = {}
        for i in self._rules:
            alive &= ~world.boxes.of_rule.get(i, 0)
            self._later[i] = alive

    def proven(self, severity: Severity) -> Iterator[Overlap]:
        """Pairs of a severity that a task was found for."""
        partners = {i: self._partners(i, severity) for i in self._rules if self._later[i]}
        partners = {i: wanted for i, wanted in partners.items() if any(wanted)}
        share = max(1, MOST_ASKED // max(1, len(partners)))
        for i, (boxes, large) in partners.items():
            yield from self._met(i, boxes, large, severity, share)

    def _met(
        self, i: int, boxes: int, large: list[int], severity: Severity, share: int
    ) -> Iterator[Overlap]:
        """What one rule meets of those it may meet, as far as its share of the questions goes."""
        world, proven = self._world, False
        while share and (boxes or large):
            share -= 1
            j = next(world.boxes.rules_in(boxes)) if boxes else large.pop()
            boxes &= ~world.boxes.of_rule.get(j, 0)
            try:
                found = _meeting(world, i, j)
            except TooHardError:
                world.doubts.append(Doubt(MEETS[severity], j))
                continue
            if found is not None:
                proven = True
                also = world.matched(found) & boxes
                boxes &= ~world.boxes.of_rules(world.boxes.rules_in(also))
                yield from (Overlap(i, k, found) for k in (j, *world.boxes.rules_in(also)))
        left = (*world.boxes.rules_in(boxes), *large)
        if left and proven:
            world.doubts.append(Doubt(MEETS_MORE, i))
        else:
            world.doubts += [Doubt(MEETS[severity], j) for j in left]

    def _partners(self, i: int, severity: Severity) -> tuple[int, list[int]]:
        """Later rules that may meet a rule in a way of this severity."""
        world, first = self._world, self._rules[i].then.action
        clashing = [a for a in self._by_action if _clash(first, a)]
        others = [a for a in self._by_action if a is not first and not _clash(first, a)]
        quiet = first in (Action.ESCALATE, Action.WAIT)
        boxes = [
            sum(self._by_action[a] for a in clashing),
            0 if quiet else sum(self._by_action[a] for a in others) & ~self._whole,
        ]
        implied = world.boxes.of_rules(world.boxes.rules_in(world.implied_by(i)))
        if severity is Severity.WARNING:
            wanted, actions = boxes[0] & ~implied, clashing
        else:
            wanted, actions = boxes[0] & implied | boxes[1] & ~implied, [] if quiet else others
        large = [j for j in world.large if j > i and j in self._rules]
        large = [j for j in large if self._rules[j].then.action in actions]
        return wanted & self._later[i] & world.meeting(i), large


def _clash(first: Action, later: Action) -> bool:
    """Whether one pays and one sends back."""
    return (first.pays and later.sends_back) or (first.sends_back and later.pays)


def _meeting(world: PolicyModel, i: int, j: int) -> Witness | None:
    """Find an ordinary review that both rules match and none above the first.

    Raises TooHardError when it cannot be told.
    """
    both: list[Wish] = [(world.rules[i], TRUE), (world.rules[j], TRUE)]
    found = world.example([*both, world.none_above(i)])
    if found is not None and not realistic(world, found):
        raise TooHardError
    return found


def _by_cause(pairs: Sequence[Overlap]) -> Iterator[tuple[int, list[Overlap]]]:
    """Sort pairs by a rule that they share: the one that most share comes first, and takes them all."""
    shared = Counter(number for pair in pairs for number in pair[:2])
    causes: dict[int, list[Overlap]] = {}
    for pair in pairs:
        hub = max(pair[:2], key=lambda number: (shared[number], -number))
        causes.setdefault(hub, []).append(pair)
    for hub, spokes in causes.items():
        for side in (0, 1):  # what it takes from others, and what others take from it
            if own := [pair for pair in spokes if pair[side] == hub]:
                yield hub, own


def _finding(world: PolicyModel, severity: Severity, hub: int, pairs: Sequence[Overlap]) -> Finding:
    rules = world.policy.rules
    i, j, found = pairs[0]
    first, later = rules[i], rules[j]
    comes_first = hub == i
    others = [pair.later if comes_first else pair.first for pair in pairs]
    names = [rule_words(k, rules[k]) for k in others[:MOST_NAMED]]
    if len(others) > MOST_NAMED:
        names.append(f"{len(others) - MOST_NAMED} more")
    if len(pairs) == 1:
        message, under = _of_two(world, pairs[0])
    else:
        message = _of_many(rules[hub], hub, names, [rules[k] for k in others], comes_first)
        under = None
    money = first.then.action.pays or later.then.action.pays
    return Finding(
        code=PAYS_AND_SENDS_BACK
        if money and (first.then.action.sends_back or later.then.action.sends_back)
        else OTHER_OVERLAP,
        severity=severity,
        span=later.name_span if len(pairs) == 1 else rules[hub].name_span,
        message=message,
        under=under,
        detail=example_words(world, found, facts_asked(first, later)),
        cure=f'if that is not meant, add to "{later.name}" or to "{first.name}" '
        "a condition that keeps them apart",
        related=(("", first.name_span, "stands first and wins"),)
        if len(pairs) == 1
        else tuple(
            ("", rules[k].name_span, "matches them too" if comes_first else "stands first and wins")
            for k in others
        ),
    )


def _of_two(world: PolicyModel, pair: Overlap) -> tuple[str, str]:
    first, later = world.policy.rules[pair.first], world.policy.rules[pair.later]
    a, b = rule_words(pair.first, first), rule_words(pair.later, later)
    verb = first.then.action
    under = f'"{first.name}" stands first and wins: {verb}'
    if verb.pays and later.then.action is Action.ESCALATE:
        return f"{a} pays tasks before {b} can ask a person about them", under
    return f"some tasks match both {a} ({verb}) and {b} ({later.then.action})", under


def _of_many(
    rule: Rule, number: int, names: list[str], others: list[Rule], comes_first: bool
) -> str:
    """What a rule takes from several others, or they from it."""
    actions = {other.then.action for other in others}
    they = f" ({actions.pop()})" if len(actions) == 1 else ""
    own = f"{rule_words(number, rule)} ({rule.then.action})"
    if comes_first:
        return f"{own} comes first for tasks that {listed(names, 'and')}{they} match too"
    return f"{listed(names, 'and')}{they} come first for tasks that {own} matches too"
