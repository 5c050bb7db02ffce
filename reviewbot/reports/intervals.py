"""A chart of shares with their intervals: one line a rule, from 0 to 100 %, as SVG of our own."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from reviewbot.domain.safetext import safe_line

WIDTH = 640
_LEFT, _RIGHT, _TOP, _ROW = 284, 30, 10, 26
_INNER = WIDTH - _LEFT - _RIGHT
_LONGEST_NAME = 44


class Spread(NamedTuple):
    """One line: its name, the action that gives it its colour, its share, and where that may lie."""

    name: str
    action: str
    share: float
    low: float
    high: float


def spreads(lines: Sequence[Spread], title: str) -> str:
    """Draw them; the mark is the share, the bar what it may be."""
    bottom = _TOP + _ROW * len(lines)
    parts = [_ruler(percent, bottom) for percent in (0, 25, 50, 75, 100)]
    for number, line in enumerate(lines):
        middle = _TOP + _ROW * (number + 0.5)
        kind = escape(line.action.replace(" ", "-"), quote=True)
        width = max((line.high - line.low) * _INNER, 1.0)
        parts.append(_text(_LEFT - 8, middle + 4, safe_line(line.name, _LONGEST_NAME), "end"))
        parts.append(
            f'<rect class="a-{kind}" fill-opacity=".35" x="{_x(line.low):.1f}"'
            f' y="{middle - 6:.1f}" width="{width:.1f}" height="12" rx="3"/>'
            f'<rect class="a-{kind}" x="{_x(line.share) - 2:.1f}" y="{middle - 9:.1f}"'
            f' width="4" height="18"/>'
        )
    return (
        f'<svg viewBox="0 0 {WIDTH} {bottom + 26}" role="img"'
        f' aria-label="{escape(title, quote=True)}">{"".join(parts)}</svg>'
    )


def _ruler(percent: int, bottom: float) -> str:
    x = _x(percent / 100)
    label = _text(x, bottom + 18, f"{percent} %", "middle")
    return f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom:.1f}"/>{label}'


def _x(share: float) -> float:
    return _LEFT + share * _INNER


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
