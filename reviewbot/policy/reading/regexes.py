"""Named patterns: each is compiled and proves itself on its own examples."""

from __future__ import annotations

from reviewbot.policy.model import Pattern
from reviewbot.policy.patterns import BadPattern, compile_pattern, found_in
from reviewbot.policy.reading.context import (
    Context,
    Fields,
    mapping_of,
    named_entries,
    one_or_more,
)
from reviewbot.policy.yamltree import Scalar, Tree

_KEYS = ("regex", "matches", "does not match")
_EXAMPLE = '{regex: "[0-9]{4,}$", matches: [lumen2024], does not match: [lumen]}'


def read_patterns(context: Context, tree: Tree | None) -> tuple[Pattern, ...]:
    """Read `patterns:`."""
    example = f"many_digits: {_EXAMPLE}"
    entries = named_entries(context, tree, "patterns:", example, "a pattern")
    read = (_pattern(context, key, value) for key, value in entries)
    return tuple(pattern for pattern in read if pattern is not None)


def _pattern(context: Context, key: Scalar, tree: Tree) -> Pattern | None:
    what = f'the pattern "{key.value}"'
    mapping = mapping_of(context, tree, what, _EXAMPLE)
    if mapping is None:
        return None
    fields = Fields(context, mapping, what, _KEYS)
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


def _examples(context: Context, fields: Fields, key: str) -> list[Scalar]:
    found = [
        context.text(item, f"an example under {key}:") for item in one_or_more(fields.get(key))
    ]
    return [scalar for scalar in found if scalar is not None]
