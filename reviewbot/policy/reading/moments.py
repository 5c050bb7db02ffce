"""Moments of a review: after its window opened, before its deadline, when hours open, or a date."""

from __future__ import annotations

from reviewbot.policy.model import BeforeDeadline, Fixed, FromConfirmed, Moment, WhenOpens
from reviewbot.policy.names import did_you_mean, listed
from reviewbot.policy.reading.context import Context, unknown
from reviewbot.policy.values import Day, Misread, read_duration, read_when
from reviewbot.policy.yamltree import Scalar, Tree

_STARTS = {"comments": "after confirmed", "accounts": "after first seen"}
_END = "before deadline"
WINDOW = 72 * 3600
"""How long silence takes to pay, in seconds."""


def read_moment(context: Context, tree: Tree | None, what: str) -> Moment | None:
    """Read a moment; whatever is wrong with it is reported."""
    scalar = context.text(tree, what)
    return None if scalar is None else read_moment_text(context, scalar)


def read_moment_text(context: Context, scalar: Scalar) -> Moment | None:
    """Read a moment from a text (also a key of `over time:` or `remind:`)."""
    try:
        return _moment(context, scalar)
    except Misread as misread:
        context.misread(scalar, misread)
        return None


def _moment(context: Context, scalar: Scalar) -> Moment:
    text, span = scalar.value, scalar.span
    start = _STARTS[context.review]
    for other in _STARTS.values():
        if other != start and text.endswith(other):
            raise Misread(
                "P116",
                f"reviews of {context.review} know no  {other}",
                len(text) - len(other),
                len(text),
                under=f"write  {start}",
                replacement=start,
            )
    if text == start.removeprefix("after "):
        return FromConfirmed(seconds=0.0, text=text, span=span)
    if text.endswith(f" {start}"):
        return FromConfirmed(seconds=_length(text, start), text=text, span=span)
    if text.endswith(f" {_END}"):
        return BeforeDeadline(seconds=_length(text, _END), text=text, span=span)
    if text.startswith("when ") and text.endswith(" opens"):
        name = text[5:-6].strip()
        at = text.index(name, 5) if name else 5
        names = context.declared.get("calendar", ())
        if name not in names:
            raise Misread(
                "P023",
                unknown("calendar", name),
                at,
                at + len(name) if name else len(text),
                under=did_you_mean(name, names),
                cure=f"hours:  declares {listed(names, 'and')}"
                if names
                else "declare it under  hours:",
            )
        return WhenOpens(hours=name, text=text, span=span)
    if text[:4].isdigit() and text[4:5] == "-":
        when = read_when(text, 0, context.zone)
        if isinstance(when, Day):
            raise Misread(
                "P114",
                "a date is a whole day, and a moment is wanted",
                0,
                len(text),
                under=f"write  {text} 09:00  for instance",
            )
        return Fixed(at=when, text=text, span=span)
    raise _no_moment(text, start, context)


def _length(text: str, tail: str) -> float:
    length = text[: -len(tail)].strip()
    seconds = read_duration(length, text.index(length))
    if seconds > WINDOW:
        raise Misread(
            "P117",
            "this lies outside the review: from its start to its deadline it is 72h",
            0,
            len(text),
            cure="write 72h or less",
        )
    return seconds


def _no_moment(text: str, start: str, context: Context) -> Misread:
    for wrong, right in (
        (" after confirmation", start),
        (" after confirm", start),
        (" from confirmed", start),
        (" after first sight", start),
        (" after seen", start),
        (" before the deadline", _END),
        (" before end", _END),
        (" to deadline", _END),
        (" until deadline", _END),
        (" before dedline", _END),
    ):
        if text.endswith(wrong):
            return Misread(
                "P114",
                f'"{wrong.strip()}" is not how a moment is written',
                len(text) - len(wrong) + 1,
                len(text),
                under=f"write  {right}",
                replacement=right,
            )
    try:
        read_duration(text, 0)
    except Misread:
        names = context.declared.get("calendar", ())
        example = f"when {names[0]} opens" if names else "2026-12-01 09:00"
        near = did_you_mean(text.lstrip("0123456789hmds "), (start, _END))
        return Misread(
            "P114",
            f'"{text}" is not a moment',
            0,
            len(text),
            under=near,
            cure=f"write it as  24h {start},  4h {_END}  or  {example}",
        )
    return Misread(
        "P114",
        f'"{text}" is a length of time, and a moment is wanted',
        0,
        len(text),
        under=f"write  {text} {start}  or  {text} {_END}",
    )
