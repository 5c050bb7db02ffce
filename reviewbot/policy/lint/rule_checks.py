"""Rules that no review reaches or that meet on one, reviews that no rule reaches, idle lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from reviewbot.domain.decision import Action
from reviewbot.policy.catalog import Fact
from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.lint.policy_model import COUNT, EXISTS, Doubt, PolicyModel, Witness
from reviewbot.policy.lint.solver import FALSE, NOT_TRUE, TRUE, UNKNOWN, TooHardError, Wish
from reviewbot.policy.lint.walks import compares_in, conditions_of, deciding, facts_asked
from reviewbot.policy.lint.witnesses import example_words, realistic, rule_words, value_words
from reviewbot.policy.model import Compare, Rule
from reviewbot.policy.operators import IsKnown
from reviewbot.policy.text_forms import listed

NEVER_BY_ITSELF = "P201"
NEVER_BECAUSE_OF_EARLIER = "P202"
PAYS_AND_SENDS_BACK = "P203"
OTHER_OVERLAP = "P204"
UNCOVERED = "P205"
BY_NOT_KNOWING = "P206"
ALWAYS = "P207"
NEVER = "P208"
BEYOND = "P211"
UNDOCUMENTED = "P212"

CAN_MATCH = "whether it can ever match"
ALL_COVERED = "whether every task is covered"
PAST_UNKNOWN = "whether it takes tasks of which an earlier rule could not tell"
MEETS = {
    Severity.WARNING: "whether it meets an earlier rule that pays where it sends back, or the reverse",
    Severity.NOTE: "whether it meets an earlier rule that does something else",
}
MOST_EATERS_NAMED = 3
"""Earlier rules that are named as taking all tasks of a rule."""
MOST_OVERLAPS_NAMED = 100
"""Pairs of each severity that are named; who has that many mends those first."""


def unreachable_rules(world: PolicyModel) -> tuple[list[Finding], frozenset[int]]:
    """Find the rules that can never match, and give their numbers as well.

    Those that only a review beyond the API's documents could match are found too, but can match.
    """
    found: dict[int, Finding | None] = {}
    for number, rule in enumerate(world.policy.rules):
        if rule.rollout == 0:
            found[number] = None
            continue
        try:
            finding = _reach(world, number, rule)
        except TooHardError:
            world.doubts.append(Doubt(CAN_MATCH, number))
            continue
        if finding is not None:
            found[number] = finding
    findings = [finding for finding in found.values() if finding is not None]
    dead = (number for number, f in found.items() if f is None or f.code != UNDOCUMENTED)
    return findings, frozenset(dead)


def _reach(world: PolicyModel, number: int, rule: Rule) -> Finding | None:
    wishes = world.decides(number)
    if world.possible(wishes, documented=True):
        return None
    if world.possible(wishes):
        return Finding(
            code=UNDOCUMENTED,
            severity=Severity.WARNING,
            span=rule.name_span,
            message=f'rule "{rule.name}" is for tasks that the API\'s documents do not know: '
            "all others are taken before, or excluded by its own conditions",
            detail="values beyond the documented ranges are kept as they come, so it may match all the same",
            cure="keep it if that is meant; else change its conditions or drop it",
            see="reviewbot policy facts",
        )
    if not world.possible(wishes[:1]):
        return Finding(
            code=NEVER_BY_ITSELF,
            severity=Severity.WARNING,
            span=rule.name_span,
            message=f'rule "{rule.name}" can never match: its own conditions exclude each other',
            cure="change or drop one of its conditions",
        )
    earlier = [i for i, _ in deciding(world.policy) if i < number]
    eaters = _smallest(world, wishes[0], earlier)
    named = [(i, world.policy.rules[i]) for i in eaters[:MOST_EATERS_NAMED]]
    more = f" (and {len(eaters) - len(named)} more)" if len(eaters) > len(named) else ""
    return Finding(
        code=NEVER_BECAUSE_OF_EARLIER,
        severity=Severity.WARNING,
        span=rule.name_span,
        message=f'rule "{rule.name}" can never match: every task it would take is taken before by '
        + listed((rule_words(i, eater) for i, eater in named), "and")
        + more,
        cure=f'move "{rule.name}" up, make the earlier one narrower, or drop this one',
        related=tuple(("", eater.name_span, "takes its tasks") for _, eater in named),
    )


def _smallest(world: PolicyModel, own: Wish, earlier: list[int]) -> list[int]:
    """Drop earlier rules that are not needed to leave nothing over: by halves, then one by one."""
    kept = list(earlier)
    size = max(1, len(kept) // 2)
    while size:
        end = len(kept)
        while end > 0:
            start = max(0, end - size)
            rest = kept[:start] + kept[end:]
            with suppress(TooHardError):
                if not world.possible([own, *((world.rules[i], NOT_TRUE) for i in rest)]):
                    kept = rest
            end = start
        size //= 2
    return kept


def uncovered(world: PolicyModel) -> Iterator[Finding]:
    """Find a review for which no rule is made, if there is one."""
    nodes = [world.rules[i] for i, _ in deciding(world.policy)]
    what, found = "no rule covers some tasks", None
    with suppress(TooHardError):
        found = world.example([(node, FALSE) for node in nodes])
    if found is None:
        what = "for some tasks no rule can tell"
        doubt = Doubt(ALL_COVERED, len(world.policy.rules) - 1)
        found = world.surely([(node, NOT_TRUE) for node in nodes], doubt)
    if found is not None:
        yield Finding(
            code=UNCOVERED,
            severity=Severity.NOTE,
            span=world.policy.rules[-1].name_span,
            message=f"{what}: they go to a person by  no rule",
            detail=example_words(world, found, facts_asked(*world.policy.rules)),
            cure="add a last rule with  always: yes  and  then: escalate  if that is meant",
        )


def overlaps(
    world: PolicyModel, dead: frozenset[int], *, notes: bool = True, every: bool
) -> Iterator[Finding]:
    """Find pairs of rules that some ordinary review meets both of, the first of which wins.

    Pairs of which one pays and one sends back are warnings. Others are notes; a guard (a person or
    time first, then the rest) is how policies are written and is told only with `every`.
    """
    rules = [(i, rule) for i, rule in deciding(world.policy) if i not in dead]
    named: Counter[Severity] = Counter()
    none_before: list[Wish] = [(world.rules[i], NOT_TRUE) for i, _ in rules]
    for place, (j, later) in enumerate(rules):
        for at, (i, first) in enumerate(rules[:place]):
            severity = _severity(first, later, every=every)
            if severity is None or (severity is Severity.NOTE and not notes) or world.apart(i, j):
                continue
            doubt = Doubt(MEETS[severity], j)
            if named[severity] >= MOST_OVERLAPS_NAMED:
                world.doubts.append(doubt)
                break
            try:
                found = _meeting(world, i, j, none_before[:at])
            except TooHardError:
                world.doubts.append(doubt)
                continue
            if found is None:
                continue
            named[severity] += 1
            verb = first.then.action
            yield Finding(
                code=PAYS_AND_SENDS_BACK if severity is Severity.WARNING else OTHER_OVERLAP,
                severity=severity,
                span=later.name_span,
                message=f"some tasks match both {rule_words(i, first)} ({verb}) "
                f"and {rule_words(j, later)} ({later.then.action})",
                under=f'"{first.name}" stands first and wins: {verb}',
                detail=example_words(world, found, facts_asked(first, later)),
                cure=f'if that is not meant, add to "{later.name}" or to "{first.name}" '
                "a condition that keeps them apart",
                related=(("", first.name_span, "stands first and wins"),),
            )


def _severity(first: Rule, later: Rule, *, every: bool) -> Severity | None:
    a, b = first.then.action, later.then.action
    if (a.pays and b.sends_back) or (a.sends_back and b.pays):
        return Severity.WARNING
    if a is b or later.when is None:
        return None
    guard = a in (Action.ESCALATE, Action.WAIT)
    return Severity.NOTE if every or not guard else None


def _meeting(world: PolicyModel, i: int, j: int, before: list[Wish]) -> Witness | None:
    """Find an ordinary review that both rules match and none of `before` takes.

    Raises TooHardError when it cannot be told.
    """
    both: list[Wish] = [(world.rules[i], TRUE), (world.rules[j], TRUE)]
    if before and world.example(both) is None:
        return None
    found = world.example([*both, *before])
    if found is not None and not realistic(world, found):
        raise TooHardError
    return found


def reached_by_not_knowing(world: PolicyModel, dead: frozenset[int]) -> Iterator[Finding]:
    """Find approvals and disputes that a task reaches past a rule that might have stopped it."""
    rules = [(i, rule) for i, rule in deciding(world.policy) if i not in dead]
    unsure = {i for i, _ in rules if world.may_come_to(world.rules[i]) & UNKNOWN}
    for place, (i, rule) in enumerate(rules):
        action = rule.then.action
        if not (action.pays or action.sends_back):
            continue
        before = [number for number, _ in rules[:place]]
        for j, earlier in rules[:place]:
            if earlier.then.action is action or j not in unsure:
                continue
            try:
                found = _past_unknown(world, before, i, j)
            except TooHardError:
                world.doubts.append(Doubt(PAST_UNKNOWN, i))
                break
            if found is None:
                continue
            missing = [name for name in facts_asked(earlier) if found.facts[name] is None]
            yield Finding(
                code=BY_NOT_KNOWING,
                severity=Severity.WARNING,
                span=rule.name_span,
                message=f'"{rule.name}" ({action}) takes tasks of which '
                f"{rule_words(j, earlier)} ({earlier.then.action}) could not tell",
                under=f"{listed(missing, 'and')} may be unknown" if missing else None,
                detail=example_words(world, found, facts_asked(rule, earlier)),
                cure=f'ask here too for what "{earlier.name}" needs'
                + (f", such as  {missing[0]}: known" if missing else ""),
                related=(("", earlier.name_span, "cannot tell"),),
            )
            break


def _past_unknown(world: PolicyModel, before: list[int], i: int, j: int) -> Witness | None:
    """Find a review that rule `i` takes while `j`, of which it cannot be told, might have matched."""
    wishes: list[Wish] = [
        (world.rules[i], TRUE),
        (world.rules[j], UNKNOWN),
        *((world.rules[k], NOT_TRUE) for k in before if k != j),
    ]
    scenarios: list[list[Wish]] = [[]]
    if world.reads(COUNT):  # a rule that asks for an attempt, or for none, is not surprised by it
        exists = world.meets(COUNT, EXISTS)
        scenarios = [[(exists, TRUE)], [(exists, FALSE)]]
    for scenario in scenarios:
        found = world.example([*wishes, *scenario])
        if found is not None and _might_have_matched(world, found, i, j):
            if not realistic(world, found):
                raise TooHardError
            return found
    return None


def _might_have_matched(world: PolicyModel, found: Witness, i: int, j: int) -> bool:
    """Whether rule `j` could match once more were known, with all else as rule `i` asked."""
    when = world.policy.rules[i].when
    fixed: list[Wish] = [
        (world.lies_in(name, 1 << found.cells[name]), TRUE)
        for name, line in (() if when is None else compares_in(when))
        if found.facts[name] is not None or isinstance(line.test, IsKnown)
    ]
    return world.example([(world.rules[j], TRUE), *fixed]) is not None


def idle_lines(world: PolicyModel) -> Iterator[Finding]:
    """Find the lines that hold, or fail, for every value that their fact can have.

    Where that is so only within what the API documents it is said as such: other values are kept.
    """
    for condition in conditions_of(world.policy):
        for name, line in compares_in(condition):
            fact = world.fact(name)
            if isinstance(line.test, IsKnown) and fact.nullable:
                continue
            known = [pair for pair in world.answers(name, line.test) if pair[0].value is not None]
            every = {truths for _, truths in known}
            documented = {truths for cell, truths in known if cell.documented}
            if documented == {TRUE}:
                yield _always(fact, line, sure=every == {TRUE})
            elif documented == {FALSE}:
                yield _never(fact, line, sure=every == {FALSE})


def _always(fact: Fact, line: Compare, *, sure: bool) -> Finding:
    within = "" if sure else " of what the API documents"
    return Finding(
        code=ALWAYS,
        severity=Severity.WARNING,
        span=line.test_span,
        message=f'"{line.fact}: {line.text}" is always true{within}',
        detail=f"{fact.name} is {_range(fact)}",
        cure="delete this line, or write  known  if the fact only has to be there",
        see=f"reviewbot policy facts {fact.name}",
    )


def _never(fact: Fact, line: Compare, *, sure: bool) -> Finding:
    claim = "is never true" if sure else "lies beyond what the API documents"
    return Finding(
        code=NEVER if sure else BEYOND,
        severity=Severity.WARNING,
        span=line.test_span,
        message=f'"{line.fact}: {line.text}" {claim}',
        under=None if sure else f"the vendor says {_range(fact)}",
        detail=f"{fact.name} is {_range(fact)}"
        if sure
        else "a value beyond is kept as it comes, so this may be true all the same",
        cure="change the value, or delete the rule"
        if sure
        else "keep it if that is meant; else change the value",
        see=f"reviewbot policy facts {fact.name}",
    )


def _range(fact: Fact) -> str:
    """What values the fact can have, in words."""
    if fact.values:
        return f"{fact.type} {', '.join(fact.values)}"
    if fact.low is not None and fact.high is not None:
        return f"{fact.type} from {value_words(fact, fact.low)} to {value_words(fact, fact.high)}"
    if fact.low is not None:
        return f"{fact.type} of at least {value_words(fact, fact.low)}"
    return str(fact.type.value) if fact.nullable else f"{fact.type}, and never unknown"
