"""Examples: the attempts that must stand behind one, and its words in messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice, product
from typing import Any

from reviewbot.domain.text import safe_line
from reviewbot.policy.catalog import ATTEMPT_FACTS, Fact, FactType
from reviewbot.policy.engine.templates import duration, money, share, yes_no
from reviewbot.policy.lint.policy_model import PolicyModel, Witness
from reviewbot.policy.lint.solver import FALSE, TRUE, UNKNOWN, opposite, truth_of
from reviewbot.policy.lint.usual import usual_value
from reviewbot.policy.lint.walks import COUNT, compares_in
from reviewbot.policy.model import (
    AllOf,
    Compare,
    Condition,
    EachAttempt,
    Lists,
    NoneOf,
    Rule,
    compares_of,
)
from reviewbot.policy.operators import InList
from reviewbot.policy.text_forms import listed

MOST_TRIED = 500
"""Earlier attempts that are tried before an example counts as not found."""
_LONGEST_TEXT = 40
MOST_NAMED = 9
"""Rules that one finding names, before it only counts them."""

AttemptFacts = dict[str, Any]


def realistic(world: PolicyModel, found: Witness) -> bool:
    """Say whether attempts exist that look as `found` says they do."""
    return attempts_behind(world, found) is not None


def attempts_behind(world: PolicyModel, found: Witness) -> tuple[AttemptFacts, ...] | None:
    """Make the attempts of an example, oldest first; None when none were found."""
    count = found.facts.get(COUNT)
    if not count:
        return ()
    last = {name: usual_value(world.fact(f"last.{name}")) for name in ATTEMPT_FACTS}
    last["found_comment_id"] = None
    read = [name for name in ATTEMPT_FACTS if f"last.{name}" in found.facts]
    last |= {name: found.facts[f"last.{name}"] for name in read}
    if count == 1:
        return (last,)
    by_last = _answers(world, found, last)
    for first in (last, *(last | change for change in _changes(world, found, read))):
        if _hangs_on_the_day(world, found, first):
            continue
        by_first = _answers(world, found, first)
        for rest, by_rest in ((first, by_first), (last, by_last))[: count - 1]:
            if not _as_said(found, by_first, by_rest if count > 2 else by_first):
                continue
            attempts = (first, *[rest] * (count - 2), last)
            figures = _figures(attempts).items()
            if all(found.facts[name] == value for name, value in figures if name in found.facts):
                return attempts
    return None


def _changes(world: PolicyModel, found: Witness, read: list[str]) -> Iterator[AttemptFacts]:
    """What may be otherwise in an earlier attempt: all that a test over attempts or a figure asks."""
    asked = {name for checks in found.rest for name, _ in compares_in(checks.condition)}
    asked |= {field for figure, field in _FIGURES if figure in found.facts}
    varied = [name for name in read if name in asked]
    values = product(*([c.value for c in world.cells_of(f"last.{name}")] for name in varied))
    return (dict(zip(varied, chosen, strict=True)) for chosen in islice(values, MOST_TRIED))


_FIGURES = (
    ("checks.failed", "outcome_kind"),
    ("checks.best_score", "match_score"),
    ("checks.most_comments", "comments_scraped"),
    ("checks.fewest_comments", "comments_scraped"),
)
"""Figures over the attempts of a round, and the field that each is counted from."""


def _answers(world: PolicyModel, found: Witness, attempt: AttemptFacts) -> list[int]:
    """What each test over the attempts comes to for one of them."""
    return [_inside(checks.condition, attempt, world.lists) for checks in found.rest]


def _hangs_on_the_day(world: PolicyModel, found: Witness, attempt: AttemptFacts) -> bool:
    """Whether a test of an attempt asks a list in which its value stands for a while."""
    return any(
        attempt[line.fact] is not None
        and line.test.matches(attempt[line.fact], world.lists) is None
        for checks in found.rest
        for line in compares_of(checks.condition)
        if isinstance(line.test, InList)
    )


def _as_said(found: Witness, first: list[int], rest: list[int]) -> bool:
    """Whether the attempts before the last come to what the example says of them."""
    for (checks, wanted), *answers in zip(found.rest.items(), first, rest, strict=True):
        settled = FALSE if checks.quantifier == "every" else TRUE
        if _joined(answers, settled) != truth_of(wanted):
            return False
    return True


def _figures(attempts: tuple[AttemptFacts, ...]) -> dict[str, Any]:
    scores = [a["match_score"] for a in attempts if a["match_score"] is not None]
    counts = [a["comments_scraped"] for a in attempts if a["comments_scraped"] is not None]
    return {
        "checks.failed": sum(a["outcome_kind"] == "scrape_failed" for a in attempts),
        "checks.best_score": max(scores, default=None),
        "checks.most_comments": max(counts, default=None),
        "checks.fewest_comments": min(counts, default=None),
    }


def _inside(condition: Condition, attempt: Mapping[str, Any], lists: Lists) -> int:
    """What a condition comes to for one attempt; a list's entry with an end counts for nothing."""
    if isinstance(condition, Compare):
        return truth_of(condition.test.matches(attempt[condition.fact], lists))
    assert not isinstance(condition, EachAttempt)
    parts = [_inside(part, attempt, lists) for part in condition.parts]
    result = _joined(parts, FALSE if isinstance(condition, AllOf) else TRUE)
    return opposite(result) if isinstance(condition, NoneOf) else result


def _joined(truths: list[int], settled_by: int) -> int:
    """Kleene's and (settled by FALSE) or or (by TRUE)."""
    if settled_by in truths:
        return settled_by
    return UNKNOWN if UNKNOWN in truths else opposite(settled_by)


def value_words(fact: Fact, value: Any) -> str:
    """Write a value as a test in a policy would."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return yes_no(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    match fact.type:
        case FactType.MONEY:
            return money(value)
        case FactType.SHARE:
            return share(value)
        case FactType.DURATION:
            return duration(value)
        case FactType.NAMES:
            return ", ".join(value) or "none"
        case FactType.TEXT:
            return f'"{safe_line(value, _LONGEST_TEXT)}"'
    return f"{value:g}" if isinstance(value, float) else str(value)


def example_words(world: PolicyModel, found: Witness, facts: Iterable[str]) -> str:
    """Describe a review by the facts that matter."""
    named = [name for name in dict.fromkeys(facts) if name in found.facts]
    parts = [f"{name}: {value_words(world.fact(name), found.facts[name])}" for name in named]
    if any(rest is not None for rest in found.rest.values()):
        parts += _earlier_attempts(world, found)
    return "for example " + (" · ".join(parts) or "any task")


def _earlier_attempts(world: PolicyModel, found: Witness) -> Iterator[str]:
    """The first attempt, where an example needs one before the last."""
    attempts = attempts_behind(world, found) or ()
    if len(attempts) > 1:
        asked = dict.fromkeys(line.fact for c in found.rest for _, line in compares_in(c.condition))
        stated = (f"{n} {value_words(ATTEMPT_FACTS[n], attempts[0][n])}" for n in asked)
        yield f"checks.count: {len(attempts)}"
        yield f"an earlier try: {listed(stated, 'and')}"


def rule_words(number: int, rule: Rule) -> str:
    """Name a rule by its place and its name."""
    return f'rule {number + 1} "{rule.name}"'


def rule_names(rules: Sequence[Rule]) -> str:
    """Name several rules: the first few by name, the rest by their number."""
    names = [f'"{rule.name}"' for rule in rules[:MOST_NAMED]]
    if len(rules) > MOST_NAMED:
        names.append(f"{len(rules) - MOST_NAMED} more rules")
    return listed(names, "and")
