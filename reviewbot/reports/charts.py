"""Charts as SVG, drawn here: no script, no network, readable without colour.

Every colour comes from the page's own style (`class="a-approve"`), so that light, dark and print
each have theirs. What a chart shows also stands beside it as a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 24, 34, 34
_INNER_WIDTH, _INNER_HEIGHT = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM


def stacked_bars(bars: Sequence[tuple[str, Sequence[tuple[str, int]]]], title: str) -> str:
    """One bar per label; each is a stack of (action, count), the first at the bottom."""
    most = max((sum(count for _, count in stack) for _, stack in bars), default=0)
    top, ticks = _scale(most)
    step = _INNER_WIDTH / max(len(bars), 1)
    parts = [_grid(top, ticks)]
    for index, (label, stack) in enumerate(bars):
        x = _LEFT + index * step + step * 0.15
        y = float(_TOP + _INNER_HEIGHT)
        for name, count in stack:
            if not count:
                continue
            height = count / top * _INNER_HEIGHT
            y -= height
            parts.append(
                f'<rect class="a-{_class(name)}" x="{x:.1f}" y="{y:.1f}"'
                f' width="{step * 0.7:.1f}" height="{height:.1f}"/>'
            )
        total = sum(count for _, count in stack)
        middle = x + step * 0.35
        if total:
            parts.append(_text(middle, y - 4, str(total), "middle"))
        parts.append(_text(middle, HEIGHT - 14, label, "middle"))
    names = [name for name, _ in bars[0][1]] if bars else []
    parts.append(
        _legend(
            [
                (f'<rect class="a-{_class(name)}" y="-9" width="18" height="10"/>', name)
                for name in names
            ]
        )
    )
    return _svg(parts, title)


def rising_steps(
    series: Sequence[tuple[str, str, Sequence[tuple[datetime, float]]]],
    start: datetime,
    end: datetime,
    title: str,
    marks: Sequence[tuple[datetime, str]],
) -> str:
    """Lines that rise in steps from 0: (kind, its name, [(moment, value from then on)]) each.

    `marks` label the time axis.
    """
    most = max((points[-1][1] for _, _, points in series if points), default=0.0)
    top, ticks = _scale(most)
    whole = max((end - start).total_seconds(), 1.0)

    def x(moment: datetime) -> float:
        return _LEFT + (moment - start).total_seconds() / whole * _INNER_WIDTH

    def y(value: float) -> float:
        return _TOP + _INNER_HEIGHT * (1 - value / top)

    parts = [_grid(top, ticks)]
    parts += [_text(x(moment), HEIGHT - 14, label, "middle") for moment, label in marks]
    for kind, _, points in series:
        path = [f"M{x(start):.1f} {y(0):.1f}"]
        path += [f"H{x(moment):.1f}V{y(value):.1f}" for moment, value in points]
        parts.append(f'<path class="l-{_class(kind)}" d="{"".join(path)}H{x(end):.1f}"/>')
    parts.append(
        _legend(
            [(f'<path class="l-{_class(kind)}" d="M0 -4h22"/>', name) for kind, name, _ in series]
        )
    )
    return _svg(parts, title)


def _scale(most: float) -> tuple[float, list[float]]:
    """A round top at or above `most`, and the values to rule lines at."""
    size = 1.0
    while size * 4 < most:
        size *= 2.5 if str(size).strip("0.").startswith("2") else 2
    return size * 4, [size * n for n in range(5)]


def _grid(top: float, ticks: Sequence[float]) -> str:
    lines = []
    for value in ticks:
        y = _TOP + _INNER_HEIGHT * (1 - value / top)
        lines.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        lines.append(_text(_LEFT - 6, y + 4, f"{value:g}", "end"))
    return "".join(lines)


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    """Samples with their names, in a row along the top."""
    parts, x = [], float(_LEFT)
    for sample, name in entries:
        parts.append(
            f'<g transform="translate({x:.0f} 20)">{sample}{_text(28, 0, name, "start")}</g>'
        )
        x += 48 + len(name) * 6.2
    return "".join(parts)


def _class(name: str) -> str:
    return escape(name.replace(" ", "-"), quote=True)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(parts: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">'
        f"{''.join(parts)}</svg>"
    )
