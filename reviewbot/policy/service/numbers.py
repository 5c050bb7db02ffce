"""Numbers in the conditions of rules, with their places: what a slider can move."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reviewbot.policy.model import Compare, Policy, Rule, compares_of
from reviewbot.policy.operators.range import Range

ROOM = 4
"""How many times its value a slider reaches where nothing bounds it."""


class MovableNumber(msgspec.Struct, frozen=True, kw_only=True):
    """One number: the rule and the line it stands in, its columns (from 1, the end outside), and its reach."""

    rule: str
    fact: str
    test: str
    line: int
    start: int
    end: int
    value: float
    most: float
    step: float


def numbers_of(policy: Policy) -> Iterator[MovableNumber]:
    """Every number of a comparison that stands plainly on its line, rule by rule."""
    lines = policy.source.splitlines()
    for rule in policy.rules:
        for compare in () if rule.when is None else compares_of(rule.when):
            if isinstance(compare.test, Range):
                yield from _numbers(rule, compare, lines)


def _numbers(rule: Rule, compare: Compare, lines: list[str]) -> Iterator[MovableNumber]:
    span = compare.test_span
    written = lines[span.line - 1][span.column - 1 :] if 0 < span.line <= len(lines) else ""
    if not written.startswith(compare.text):  # quoted, or over several lines
        return
    tokens = list(_tokens(compare.text))
    for start, end in tokens:
        text, after = compare.text[start:end], compare.text[end:]
        if any(mark in after[:1] for mark in "-:/") or _is_compound(compare.text, end):
            return  # a date, a time, or a length of several units
        value, step = float(text), 0.01 if "." in text else 1.0
        most = max(ROOM * value, 1.0 if step < 1 else 10.0)
        if after.startswith("%"):
            most = 100.0
        elif step < 1 and value <= 1 and not after.startswith(" USD"):
            most = 1.0
        yield MovableNumber(
            rule=rule.name,
            fact=compare.fact,
            test=compare.text,
            line=span.line,
            start=span.column + start,
            end=span.column + end,
            value=value,
            most=most,
            step=step,
        )


def _tokens(text: str) -> Iterator[tuple[int, int]]:
    """Where each run of digits lies, one point within it."""
    at = 0
    while at < len(text):
        end = at
        while end < len(text) and (text[end].isdecimal() or (text[end] == "." and end > at)):
            end += 1
        if end > at:
            yield at, end
        at = max(end, at + 1)


def _is_compound(text: str, end: int) -> bool:
    """Whether a number is a part of `1h30m`."""
    return text[end : end + 1].isalpha() and text[end + 1 : end + 2].isdecimal()
