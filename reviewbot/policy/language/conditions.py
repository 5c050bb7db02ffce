"""Conditions: `when:`, `when any:`, groups, and the mappings asked of each attempt of the checker."""

from __future__ import annotations

from typing import Literal

from reviewbot.policy.catalog import ATTEMPT_FACTS, CATALOGUE, Fact, FactType, described
from reviewbot.policy.language.reader import (
    MappingReader,
    Reading,
    items_of,
    mapping_of,
    named_entries,
    one_or_more,
)
from reviewbot.policy.language.yaml import Mapping, Scalar, Sequence, Tree
from reviewbot.policy.model import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    EachAttempt,
    FactTest,
    NoneOf,
    Pattern,
    Value,
)
from reviewbot.policy.operators import (
    OneOf,
    Range,
    TextTest,
    read_listed,
    read_test,
)
from reviewbot.policy.text_forms import (
    BadPattern,
    compile_pattern,
    did_you_mean,
    found_in,
    letter_name,
    nearest,
    odd_letter,
    only_cure,
)
from reviewbot.policy.values import Misread

MAX_LEVELS = 3


_GROUPS = ("any of", "none of")


_CHECKS: dict[str, Literal["any", "every", "no"]] = {
    "any check": "any",
    "every check": "every",
    "no check": "no",
}


_RULE_WORDS = frozenset(
    {"name", "when", "when any", "always", "then", "reason", "repeat", "comment", "fields", "to"}
    | {"question", "until", "because", "act during", "rollout", "shadow", "note"}
)


_EXAMPLE = "last.comments_scraped: at least 20"


def read_all(
    context: Reading, tree: Tree | None, what: str, *, level: int = 1, inside_check: bool = False
) -> AllOf | None:
    """Read a mapping of which every line must hold."""
    mapping = mapping_of(context, tree, what, _EXAMPLE)
    if mapping is None:
        return None
    if level > MAX_LEVELS:
        context.add(
            "P107",
            mapping.entries[0][0].span if mapping.entries else mapping.span,
            f"conditions lie inside each other at most {MAX_LEVELS} levels deep",
            cure="make two rules of it, or write the inner lines one level higher",
        )
        return None
    if not mapping.entries:
        context.add(
            "P108",
            mapping.span,
            f"{what} holds no condition",
            cure="for a rule that always matches write  always: yes",
        )
        return None
    parts: list[Condition] = []
    seen: dict[str, tuple[Scalar, Tree]] = {}
    for key, value in mapping.entries:
        if key.value in seen:
            _second_line(context, key, value, *seen[key.value])
            continue
        seen[key.value] = (key, value)
        part = _line(context, key, value, level, inside_check)
        if part is not None:
            parts.append(part)
    return AllOf(parts=tuple(parts), span=mapping.span)


def read_any(
    context: Reading, tree: Tree | None, what: str, *, level: int = 1, inside_check: bool = False
) -> AnyOf | None:
    """Read a list of mappings of which one is enough."""
    if isinstance(tree, Mapping):
        context.add(
            "P031",
            tree.entries[0][0].span if tree.entries else tree.span,
            f"{what} takes a list: each entry begins with a dash",
            cure=f"write it as  - {_EXAMPLE}",
        )
        return None
    items = items_of(context, tree, what, f"- {_EXAMPLE}")
    read = [
        read_all(context, item, f"an entry of {what}", level=level, inside_check=inside_check)
        for item in items
    ]
    parts = tuple(part for part in read if part is not None)
    return AnyOf(parts=parts, span=tree.span) if tree is not None and parts else None


def _line(
    context: Reading, key: Scalar, value: Tree, level: int, inside_check: bool
) -> Condition | None:
    name = key.value
    if name in _GROUPS:
        group = read_any(context, value, f"{name}:", level=level + 1, inside_check=inside_check)
        if group is None:
            return None
        return NoneOf(parts=group.parts, span=group.span) if name == "none of" else group
    if name in _CHECKS:
        return _check(context, key, value, level, inside_check)
    fact = find_fact(context, key, inside_check=inside_check)
    if fact is None:
        return None
    return _compare(context, key, value, fact)


def _check(
    context: Reading, key: Scalar, value: Tree, level: int, inside_check: bool
) -> Condition | None:
    if inside_check:
        context.add(
            "P118",
            key.span,
            f"{key.value}:  cannot stand inside another check",
            cure="write its lines here directly",
        )
        return None
    if context.review == "accounts":
        context.add(
            "P118",
            key.span,
            "accounts have no attempts of the checker",
            cure=f"delete  {key.value}:",
        )
        return None
    condition = read_all(context, value, f"{key.value}:", level=level + 1, inside_check=True)
    if condition is None:
        return None
    return EachAttempt(quantifier=_CHECKS[key.value], condition=condition, span=key.span)


def _compare(context: Reading, key: Scalar, value: Tree, fact: Fact) -> Compare | None:
    test: FactTest | None = None
    if isinstance(value, Sequence):
        test = _one_of(context, value, fact)
    elif isinstance(value, Mapping):
        context.add(
            "P031",
            value.entries[0][0].span if value.entries else value.span,
            f"a test of {fact.name} is one value, not a mapping",
            cure=f"write it as  {fact.name}: {fact.example}",
            see=see_facts(fact.name),
        )
    elif not value.value.strip():
        context.empty(value, f"the test of {fact.name}")
    else:
        test = _test(context, value, fact)
    if test is None:
        return None
    text = " ".join(_written(value).split())
    return Compare(
        fact=fact.name,
        test=test,
        text=text,
        fact_span=key.span,
        test_span=value.span,
        span=key.span,
    )


def _test(context: Reading, scalar: Scalar, fact: Fact) -> FactTest | None:
    try:
        test = read_test(scalar.value, fact, context.zone)
    except Misread as misread:
        context.misread(scalar, misread, detail=detail_of(fact), see=see_facts(fact.name))
        return None
    name = test.refers()
    if name is not None:
        return test if _declared(context, scalar, *name) else None
    if isinstance(test, TextTest):
        context.look_at(scalar)
    elif isinstance(test, OneOf) and fact.type is FactType.TEXT:
        context.look_at_word(scalar)
    return test


def _one_of(context: Reading, sequence: Sequence, fact: Fact) -> FactTest | None:
    if not sequence.items:
        context.add(
            "P108",
            sequence.span,
            "this list is empty, so nothing is ever in it",
            cure="put values into it, or delete the line",
        )
        return None
    values: list[Value] = []
    exact: list[bool] = []
    for item in sequence.items:
        scalar = context.text(item, "a value of this list")
        if scalar is None:
            continue
        try:
            value, is_exact = read_listed(scalar.value, 0, fact, context.zone)
        except Misread as misread:
            context.misread(scalar, misread, detail=detail_of(fact), see=see_facts(fact.name))
            continue
        if fact.type is FactType.TEXT:
            context.look_at_word(scalar)
        values.append(value)
        exact.append(is_exact)
    if fact.type is FactType.NAMES:
        context.add(
            "P109",
            sequence.span,
            f"{fact.name} is a list of names, which a list of values cannot equal",
            under="write  contains NAME",
        )
        return None
    return OneOf(values=tuple(values), exact=tuple(exact), span=sequence.span) if values else None


def _declared(context: Reading, scalar: Scalar, kind: str, name: str) -> bool:
    start = scalar.value.rindex(name)
    return context.name_of(kind, scalar, start, start + len(name)) is not None


def find_fact(context: Reading, key: Scalar, *, inside_check: bool = False) -> Fact | None:
    """Find the fact a key names; report the nearest ones when there is none."""
    facts = ATTEMPT_FACTS if inside_check else context.facts
    fact = facts.get(key.value)
    if fact is not None or key.broken:
        return fact
    report_unknown_fact(context, key, 0, len(key.value), inside_check=inside_check)
    return None


def report_unknown_fact(
    context: Reading,
    scalar: Scalar,
    start: int,
    end: int,
    *,
    inside_check: bool = False,
    code: str = "P021",
) -> None:
    """Report a name that is no fact here, with the reason where it is one elsewhere."""
    name = scalar.value[start:end]
    facts = ATTEMPT_FACTS if inside_check else context.facts
    message = f'no fact is called "{name}"'
    candidates: tuple[str, ...] = (
        tuple(facts)
        if inside_check
        else (*facts, *((*_GROUPS, *_CHECKS) if code == "P021" else ()))
    )
    replacement: str | None = only_cure(name, candidates)
    under = did_you_mean(name, candidates)
    other = CATALOGUE["accounts" if context.review == "comments" else "comments"]
    if name in _RULE_WORDS and code == "P021":
        message = f"{name}:  belongs to the rule, and stands here among its conditions"
        under, replacement = "begin it in the column of  when:", None
    elif name in other and not inside_check:
        message = (
            f"{name} is a fact of the other kind of review; this policy is for {context.review}"
        )
        under, replacement = None, None
    elif inside_check and name.removeprefix("last.") in facts:
        message = f"inside a check the fact is called {name.removeprefix('last.')}: it belongs to each attempt"
        replacement = name.removeprefix("last.")
        under = f"write  {replacement}"
    elif inside_check and name in context.facts:
        message = f"{name} does not belong to an attempt; write it outside the check"
        under, replacement = None, None
    elif (odd := odd_letter(name)) is not None:
        message += f"; it holds a letter that only looks Latin: {letter_name(odd)}"
    near = nearest(name, facts, most=1)
    detail = detail_of(facts[near[0]]) if near and under else None
    context.add_at(
        code,
        scalar,
        start,
        end,
        message,
        under=under,
        detail=detail,
        see=see_facts(near[0] if near else name),
        replacement=replacement,
    )


def detail_of(fact: Fact) -> str:
    """One line on a fact: its type, its range, its sentence."""
    return f"{described(fact)}: {fact.sentence}"


def see_facts(name: str) -> str:
    """Name the command that tells more about a fact's family."""
    group = name.partition(".")[0] if "." in name else ""
    if group not in (
        "task",
        "last",
        "checks",
        "account",
        "fleet",
        "profile",
        "bundle",
        "feedback",
        "review",
    ):
        group = ""
    return f"see the facts and their ranges:  reviewbot policy facts {group}".rstrip()


def _second_line(
    context: Reading, key: Scalar, value: Tree, first: Scalar, first_value: Tree
) -> None:
    fact = context.facts.get(key.value) or ATTEMPT_FACTS.get(key.value)
    under = f"the first is on line {first.span.line}"
    cure = "put the two into one line; for two ends of a range:  between A and B"
    if fact is not None and isinstance(value, Scalar) and isinstance(first_value, Scalar):
        both = _as_between(context, fact, first_value.value, value.value)
        if both is not None:
            cure = f"write both in one line:  {key.value}: {both}"
    context.add(
        "P106",
        key.span,
        f'a second line on "{key.value}" in one mapping',
        under=under,
        cure=cure,
        related=((context.document.path, first.span, "the first one"),),
    )


def _as_between(context: Reading, fact: Fact, one: str, other: str) -> str | None:
    try:
        tests = [read_test(text, fact, context.zone) for text in (one, other)]
    except Misread:
        return None
    lows = [
        text
        for text, test in zip((one, other), tests, strict=True)
        if isinstance(test, Range) and test.high is None and test.low_included
    ]
    highs = [
        text
        for text, test in zip((one, other), tests, strict=True)
        if isinstance(test, Range) and test.low is None and test.high_included
    ]
    if len(lows) != 1 or len(highs) != 1 or fact.type is FactType.MOMENT:
        return None
    return f"between {lows[0].removeprefix('at least ').strip()} and {highs[0].removeprefix('at most ').strip()}"


def _written(tree: Tree) -> str:
    if isinstance(tree, Scalar):
        return tree.value
    if isinstance(tree, Sequence):
        return f"[{', '.join(_written(item) for item in tree.items)}]"
    return "{…}"


# ------------------------------------------------------------------------------------------------
# Named patterns: each is compiled and proves itself on its own examples.


_KEYS = ("regex", "matches", "does not match")


_REGEX_EXAMPLE = '{regex: "[0-9]{4,}$", matches: [lumen2024], does not match: [lumen]}'


def read_patterns(context: Reading, tree: Tree | None) -> tuple[Pattern, ...]:
    """Read `patterns:`."""
    example = f"many_digits: {_REGEX_EXAMPLE}"
    entries = named_entries(context, tree, "patterns:", example, "a pattern")
    read = (_pattern(context, key, value) for key, value in entries)
    return tuple(pattern for pattern in read if pattern is not None)


def _pattern(context: Reading, key: Scalar, tree: Tree) -> Pattern | None:
    what = f'the pattern "{key.value}"'
    mapping = mapping_of(context, tree, what, _REGEX_EXAMPLE)
    if mapping is None:
        return None
    fields = MappingReader(context, mapping, what, _KEYS)
    regex = context.text(fields.need("regex"), "regex:")
    matches = _examples(context, fields, "matches")
    others = _examples(context, fields, "does not match")
    if regex is None:
        return None
    context.look_at(regex)
    try:
        compiled = compile_pattern(regex.value)
    except BadPattern as problem:
        context.add_at(
            "P132",
            regex,
            0,
            len(regex.value),
            f"this regular expression cannot be used: {problem}",
            cure="the syntax is RE2's: no look-around, no back-references",
        )
        return None
    for example in matches:
        if not found_in(compiled, example.value):
            context.add_at(
                "P133",
                example,
                0,
                len(example.value),
                f'{what} does not match its example "{example.value}"',
                cure="mend the regex, or move the example to  does not match:",
            )
    for example in others:
        if found_in(compiled, example.value):
            context.add_at(
                "P133",
                example,
                0,
                len(example.value),
                f'{what} matches "{example.value}", which it should not',
                cure="mend the regex, or move the example to  matches:",
            )
    if not matches and not others:
        context.warn(
            "P333",
            key.span,
            f"{what} has no examples",
            cure="matches:  and  does not match:  prove that it does what you mean",
        )
    return Pattern(
        name=key.value,
        regex=regex.value,
        matches=tuple(example.value for example in matches),
        does_not_match=tuple(example.value for example in others),
        span=mapping.span,
    )


def _examples(context: Reading, fields: MappingReader, key: str) -> list[Scalar]:
    found = [
        context.text(item, f"an example under {key}:") for item in one_or_more(fields.get(key))
    ]
    return [scalar for scalar in found if scalar is not None]
