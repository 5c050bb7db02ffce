"""All findings about what a policy means: its rules, its texts, its times and its tests.

Every claim is about all tasks, not about samples: facts are cut into the classes that the policy's
tests tell apart (`partitions`), rules become circuits over them, and a small search
(`solver`) finds a task or shows that there is none. What cannot be told is said as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec

from reviewbot.policy.diagnostics import Finding, Severity
from reviewbot.policy.engine.calendar import calendars_of
from reviewbot.policy.facts import Facts
from reviewbot.policy.language.parser import Parsed
from reviewbot.policy.lint.attempt_checks import moved_without_a_check
from reviewbot.policy.lint.calendar_proof import out_of_hours
from reviewbot.policy.lint.limit_checks import limits_that_end_in_silence, silences_behind_limits
from reviewbot.policy.lint.overlaps import MEETS, overlaps
from reviewbot.policy.lint.policy_model import MOST_WORK, PolicyModel
from reviewbot.policy.lint.rule_checks import (
    BEYOND,
    CAN_MATCH,
    NEVER,
    NEVER_BY_ITSELF,
    UNDOCUMENTED,
    idle_lines,
    reached_by_not_knowing,
    uncovered,
    unreachable_rules,
)
from reviewbot.policy.lint.statements import unkept_statements
from reviewbot.policy.lint.text_checks import endless_rounds, unproven_texts
from reviewbot.policy.lint.time_checks import (
    idle_waits,
    late_deadline,
    late_reminders,
    misfits,
    short_hours,
    waits_too_long,
)
from reviewbot.policy.lint.usual import Impossible
from reviewbot.policy.lint.witnesses import rule_words
from reviewbot.policy.model import Policy, PolicyTest
from reviewbot.policy.testing.cases import case_facts
from reviewbot.policy.text_forms import listed
from reviewbot.policy.values import Misread

CAN_IT_MATCH = "P209"
CANNOT_TELL = "P210"
IMPOSSIBLE = "P139"
POLL = 60.0
MARGIN = 17 * 60.0
"""The quarantine of a lost answer and two polls, in seconds."""
MOST_NAMED = 3
"""Rules that are named for one kind of question that could not be told."""


def analyse(
    policy: Policy, *, today: date | None = None, poll: float = POLL, margin: float = MARGIN
) -> tuple[Finding, ...]:
    """Find what a readable policy does that its author will not have meant, in order of place.

    `today` allows the calendar to be proven for the coming twelve months. `poll` and `margin` are
    seconds: how often the bot looks, and what it needs before the deadline to settle a lost answer.
    """
    world = PolicyModel(policy)
    lines = list(idle_lines(world))
    unreachable, dead = unreachable_rules(world)
    found = [*lines, *_not_said_already(policy, unreachable, lines)]
    for part in (
        unkept_statements(world, dead),
        unproven_texts(world, dead),
        overlaps(world, dead),
        reached_by_not_knowing(world, dead),
        moved_without_a_check(world, dead),
        uncovered(world),
        endless_rounds(world, dead),
        waits_too_long(world),
        late_reminders(world),
        idle_waits(world, dead),
        impossible_tests(world),
        limits_that_end_in_silence(world),
        silences_behind_limits(world, dead),
        late_deadline(world, margin=margin),
        misfits(world, today),
        short_hours(world, poll=poll),
        out_of_hours(world, today, dead) if today is not None else (),
    ):
        world.allow(MOST_WORK)
        found += part
    found += untold(world)
    found = list(dict.fromkeys(found))  # a line of a named condition is asked in several places
    found.sort(
        key=lambda finding: (finding.path, finding.span.line, finding.span.column, finding.code)
    )
    return tuple(_placed(finding, policy.path) for finding in found)


def checked(parsed: Parsed, *, today: date | None = None, poll: float = POLL) -> Parsed:
    """Add what a policy that was read means to what was wrong with its text.

    As with reading, the policy is None where there is an error. The arguments are those of `analyse`.
    """
    if parsed.policy is None:
        return parsed
    found = analyse(parsed.policy, today=today, poll=poll)
    unusable = any(finding.severity is Severity.ERROR for finding in found)
    return msgspec.structs.replace(
        parsed, policy=None if unusable else parsed.policy, findings=(*parsed.findings, *found)
    )


def _not_said_already(
    policy: Policy, unreachable: list[Finding], lines: list[Finding]
) -> list[Finding]:
    """Leave out that a rule contradicts itself where one of its lines alone never holds."""
    never = [f.span.line for f in lines if f.code in (NEVER, BEYOND)]
    starts = [rule.name_span.line for rule in policy.rules]
    said = {max((s for s in starts if s <= line), default=0) for line in never}
    said_by_a_line = (NEVER_BY_ITSELF, UNDOCUMENTED)
    return [f for f in unreachable if f.code not in said_by_a_line or f.span.line not in said]


def _placed(finding: Finding, path: str) -> Finding:
    related = tuple((place or path, span, what) for place, span, what in finding.related)
    return msgspec.structs.replace(finding, path=finding.path or path, related=related)


def untold(world: PolicyModel) -> Iterator[Finding]:
    """Name each kind of question that could not be told, with the rules it was asked of.

    Money that one rule pays and another sends back is worth a warning, the rest a note.
    """
    asked: dict[str, dict[int, None]] = {}
    for doubt in world.doubts:
        asked.setdefault(doubt.kind, {})[doubt.rule] = None
    rules = world.policy.rules
    for kind, numbers in asked.items():
        named = list(numbers)[:MOST_NAMED]
        names = [rule_words(n, rules[n]) for n in named if n < len(rules)]
        names += ["the fallback"] * (len(rules) in named)
        if len(numbers) > len(names):
            names.append(f"{len(numbers) - len(names)} more rules")
        first = min(numbers)
        yield Finding(
            code=CAN_IT_MATCH if kind == CAN_MATCH else CANNOT_TELL,
            severity=Severity.WARNING if kind == MEETS[Severity.WARNING] else Severity.NOTE,
            span=rules[first].name_span if first < len(rules) else world.policy.deadline.span,
            message=f"it cannot be told {kind}: " + listed(names, "and"),
            detail="their tests are too many, or too fine to compare, in the work the check allows itself",
            cure="a test under  tests:  that expects each of them would show it; fewer tests on one "
            "text, or lists in place of them, are compared in full",
        )


def impossible_tests(world: PolicyModel) -> Iterator[Finding]:
    """Find each test for whose facts there is no task, or none that the policy applies to."""
    policy, calendars = world.policy, calendars_of(world.policy)
    for test in policy.tests:
        try:
            facts = case_facts(policy, calendars, test, test.at)
        except Impossible as problem:
            fact = problem.fact
            spans = [span for name, _, span in test.given if name == fact]
            others = [f"{name}: {text}" for name, text, _ in test.given if name != fact]
            yield Finding(
                code=IMPOSSIBLE,
                severity=Severity.ERROR,
                span=spans[0] if spans else test.span,
                path=test.path,
                message=f"the facts of this test cannot occur together: {fact} never comes with the others",
                under=f"beside  {' · '.join(others)}" if others else None,
                cure="give only what matters; the rest follows from it",
            )
        except Misread:
            continue  # reading the policy has told of it
        else:
            yield from _of_others(world, test, facts)


def _of_others(world: PolicyModel, test: PolicyTest, facts: Facts) -> Iterator[Finding]:
    """Find what a test gives that makes it one of a task to which the policy does not apply."""
    for name, _, span in test.given:
        fact = world.narrowed.get(name)
        if fact is not None and fact.read(facts) not in fact.values:
            yield Finding(
                code=IMPOSSIBLE,
                severity=Severity.ERROR,
                span=span,
                path=test.path,
                message="the policy does not apply to such a task, so no rule of it decides",
                under=f"applies to:  takes {listed(fact.values)} alone",
                cure="give another, or widen  applies to:",
            )
