"""Rules that no review reaches or that meet on one, reviews that no rule reaches, idle lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from heapq import merge
from itertools import islice

from msgspec.structs import replace

from reviewbot.policy.catalog import Fact
from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.lint.policy_model import Doubt, PolicyModel, Witness
from reviewbot.policy.lint.solver import FALSE, TRUE, UNKNOWN, TooHardError, Wish
from reviewbot.policy.lint.walks import (
    COUNT,
    EXISTS,
    compares_in,
    conditions_of,
    deciding,
    facts_asked,
)
from reviewbot.policy.lint.witnesses import (
    example_words,
    realistic,
    rule_names,
    rule_words,
    value_words,
)
from reviewbot.policy.model import Compare, Rule
from reviewbot.policy.operators import InList, IsKnown
from reviewbot.policy.text_forms import listed

NEVER_BY_ITSELF = "P201"
NEVER_BECAUSE_OF_EARLIER = "P202"
UNCOVERED = "P205"
BY_NOT_KNOWING = "P206"
ALWAYS = "P207"
NEVER = "P208"
BEYOND = "P211"
UNDOCUMENTED = "P212"

CAN_MATCH = "whether it can ever match"
ALL_COVERED = "whether every task is covered"
PAST_UNKNOWN = "whether it takes tasks of which an earlier rule could not tell"
MOST_EATERS_NAMED = 3
"""Earlier rules that are named as taking all tasks of a rule."""
MOST_ASKED = 200
"""Questions about the unknown that are put in all, shared by the rules that move money."""


def unreachable_rules(world: PolicyModel) -> tuple[list[Finding], frozenset[int]]:
    """Find the rules that can never match, and give their numbers as well.

    Those that only a review beyond the API's documents could match are found too, but can match.
    """
    findings: list[Finding] = []
    dead, eaten = set[int](), list[int]()
    for number, rule in enumerate(world.policy.rules):
        if rule.rollout == 0:
            dead.add(number)
            continue
        wishes = world.decides(number)
        try:
            if world.possible(wishes, documented=True):
                continue
            if world.possible(wishes):
                findings.append(_undocumented(rule))
                continue
            dead.add(number)
            if world.possible(wishes[:1]):
                eaten.append(number)
            else:
                findings.append(_contradicts_itself(rule))
        except TooHardError:
            world.doubts.append(Doubt(CAN_MATCH, number))
    by_eaters = _eaters(world, eaten)
    findings += [_eaten(world, rules, eaters) for eaters, rules in by_eaters.items()]
    return findings, frozenset(dead)


def _undocumented(rule: Rule) -> Finding:
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


def _contradicts_itself(rule: Rule) -> Finding:
    return Finding(
        code=NEVER_BY_ITSELF,
        severity=Severity.WARNING,
        span=rule.name_span,
        message=f'rule "{rule.name}" can never match: its own conditions exclude each other',
        cure="change or drop one of its conditions",
    )


def _eaters(world: PolicyModel, eaten: list[int]) -> dict[tuple[int, ...], list[int]]:
    """By the earlier rules that take all their tasks: the rules that are left with none.

    Of several earlier rules that each take all, the one that does so to the most is named.
    """
    deciders = {i for i, _ in deciding(world.policy)}
    alone = {
        n: {i for i in world.boxes.rules_in(world.implied_by(n)) if i < n} & deciders for n in eaten
    }
    takes = Counter(eater for eaters in alone.values() for eater in eaters)
    by_eaters: dict[tuple[int, ...], list[int]] = {}
    for number in eaten:
        if alone[number]:
            eaters = [max(alone[number], key=lambda eater: (takes[eater], -eater))]
        else:
            eaters = _smallest(world, number)
        by_eaters.setdefault(tuple(eaters), []).append(number)
    return by_eaters


def _smallest(world: PolicyModel, number: int) -> list[int]:
    """The earlier rules that are needed to leave nothing over: by halves, then one by one."""
    own: Wish = (world.rules[number], TRUE)

    def suffice(rules: list[int]) -> bool:
        with suppress(TooHardError):
            return not world.possible([own, world.none_of(rules)])
        return False

    kept = [i for i, _ in deciding(world.policy) if i < number]
    with suppress(TooHardError):
        pressing = world.in_the_way([own, world.none_of(kept)])
        kept = pressing if suffice(pressing) else kept
    size = max(1, len(kept) // 2)
    while size:
        end = len(kept)
        while end > 0:
            start = max(0, end - size)
            rest = kept[:start] + kept[end:]
            kept = rest if suffice(rest) else kept
            end = start
        size //= 2
    return kept


def _eaten(world: PolicyModel, numbers: list[int], eaters: tuple[int, ...]) -> Finding:
    """Say of rules that the same earlier ones take all their tasks."""
    rules = world.policy.rules
    first, *others = (rules[number] for number in numbers)
    named = [(i, rules[i]) for i in eaters[:MOST_EATERS_NAMED]]
    more = f" (and {len(eaters) - len(named)} more)" if len(eaters) > len(named) else ""
    whom, they = ("rule", "it") if not others else ("rules", "they")
    names = rule_names([first, *others])
    return Finding(
        code=NEVER_BECAUSE_OF_EARLIER,
        severity=Severity.WARNING,
        span=first.name_span,
        message=f"{whom} {names} can never match: every task {they} would take is taken before by "
        + listed((rule_words(i, eater) for i, eater in named), "and")
        + more,
        cure=f'move "{first.name}" up, make the earlier one narrower, or drop this one'
        if not others
        else "move them up, make the earlier one narrower, or drop them",
        related=(
            *(
                ("", eater.name_span, "takes their tasks" if others else "takes its tasks")
                for _, eater in named
            ),
            *(("", other.name_span, "can never match either") for other in others),
        ),
    )


def uncovered(world: PolicyModel) -> Iterator[Finding]:
    """Find a review for which no rule is made, if there is one."""
    numbers = [i for i, _ in deciding(world.policy)]
    asked = [world.none_of(numbers)]
    found = world.surely(asked, Doubt(ALL_COVERED, len(world.policy.rules) - 1))
    if found is None:
        return
    what, clearer = "no rule covers some tasks", found
    while untold := [n for n in numbers if world.rules[n].value(list(clearer.live)) & UNKNOWN]:
        asked += [(world.rules[n], FALSE) for n in untold]
        try:
            example = world.example(asked)
        except TooHardError:
            example = None
        if example is None:
            what = "for some tasks no rule can tell"
            break
        clearer = found = example
    yield Finding(
        code=UNCOVERED,
        severity=Severity.NOTE,
        span=world.policy.rules[-1].name_span,
        message=f"{what}: they go to a person by  no rule",
        detail=example_words(world, found, facts_asked(*world.policy.rules)),
        cure="add a last rule with  always: yes  and  then: escalate  if that is meant",
    )


def reached_by_not_knowing(world: PolicyModel, dead: frozenset[int]) -> Iterator[Finding]:
    """Find approvals and disputes that a task reaches past a rule that might have stopped it.

    All that one rule lets by, because the same facts are unknown, is one finding.
    """
    passed: dict[tuple[int, tuple[str, ...]], list[tuple[int, Witness]]] = {}
    for i, j, example in passed_unknown(world, dead):
        missing = (n for n in facts_asked(world.policy.rules[j]) if example.facts[n] is None)
        passed.setdefault((j, tuple(missing)), []).append((i, example))
    for (j, unknown), takers in passed.items():
        yield _passed(world, j, unknown, takers)


def passed_unknown(world: PolicyModel, dead: frozenset[int]) -> Iterator[tuple[int, int, Witness]]:
    """Rules that move money, the first rule above each that could not tell, and a task of both."""
    rules = {i: rule for i, rule in deciding(world.policy) if i not in dead}
    acting = [i for i, r in rules.items() if r.then.action.pays or r.then.action.sends_back]
    share = max(2, MOST_ASKED // max(1, len(acting)))
    for i in acting:
        unsure = _perhaps_untold(world, rules, i)
        try:
            for j in islice(unsure, share):
                found = _past_unknown(world, i, j)
                if found is not None:
                    yield i, j, found
                    break
            else:
                if next(unsure, None) is not None:
                    raise TooHardError
        except TooHardError:
            world.doubts.append(Doubt(PAST_UNKNOWN, i))


def _perhaps_untold(world: PolicyModel, rules: dict[int, Rule], i: int) -> Iterator[int]:
    """Rules above one, with another action, of which it may not be told whether they match what it takes."""
    for j in merge(sorted(world.large), world.boxes.rules_in(world.perhaps_untold(i))):
        if j >= i:
            return
        if j in rules and rules[j].then.action is not rules[i].then.action:
            yield j


def _passed(
    world: PolicyModel, j: int, unknown: tuple[str, ...], takers: list[tuple[int, Witness]]
) -> Finding:
    """Say which rules take tasks of which rule `j` could not tell."""
    rules = world.policy.rules
    first, *others = (rules[i] for i, _ in takers)
    earlier, found = rules[j], takers[0][1]
    alike = {rule.then.action for rule in (first, *others)} == {first.then.action}
    does = f" ({first.then.action})" if alike else ""
    take = "takes" if not others else "take"
    return Finding(
        code=BY_NOT_KNOWING,
        severity=Severity.WARNING,
        span=first.name_span,
        message=f"{rule_names([first, *others])}{does} {take} tasks of which "
        f"{rule_words(j, earlier)} ({earlier.then.action}) could not tell",
        under=f"{listed(unknown, 'and')} may be unknown" if unknown else None,
        detail=example_words(world, found, facts_asked(first, earlier)),
        cure=f'ask {"there" if others else "here"} too for what "{earlier.name}" needs'
        + (f", such as  {unknown[0]}: known" if unknown else ""),
        related=(
            ("", earlier.name_span, "cannot tell"),
            *(("", other.name_span, "takes them too") for other in others),
        ),
    )


def _past_unknown(world: PolicyModel, i: int, j: int) -> Witness | None:
    """Find a review that rule `i` takes while `j`, of which it cannot be told, might have matched."""
    wishes: list[Wish] = [
        (world.rules[i], TRUE),
        (world.rules[j], UNKNOWN),
        world.none_above(i, but=j),
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
    for name, line, truth, sure in idle_tests(world):
        if truth == TRUE and name in world.narrowed:
            continue  # it says what  applies to:  says as well
        found = (_always if truth == TRUE else _never)(world.fact(name), line, sure=sure)
        if isinstance(line.test, InList) and not world.lists.entries[line.test.list]:
            empty = f'the list "{line.test.list}" holds no value'
            found = replace(found, detail=empty, cure="put values into it")
        if name in world.narrowed:
            found = replace(
                found, detail=f"applies to:  takes {listed(world.fact(name).values)} alone"
            )
        yield found


def idle_tests(world: PolicyModel) -> Iterator[tuple[str, Compare, int, bool]]:
    """Lines that always come to the same, what that is, and whether it is so beyond the documents too."""
    for condition in conditions_of(world.policy):
        for name, line in compares_in(condition):
            if isinstance(line.test, IsKnown) and world.fact(name).nullable:
                continue
            test = world.meets(name, line.test)
            every, documented = (
                test.truths_in(world.within(name, documented=only)) for only in (False, True)
            )
            if documented in (TRUE, FALSE):
                yield name, line, documented, every == documented


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
