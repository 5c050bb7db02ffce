"""A document as one HTML file: no script, nothing loaded, light and dark, fit to be printed.

Charts are SVG, drawn here, readable without colour. Every colour comes from the page's own style
(`class="a-approve"`), so that light, dark and print each have theirs. What a chart shows also stands
beside it as a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reviewbot.domain.text import safe, safe_line
from reviewbot.presentation.document import Document

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 24, 34, 34
_INNER_WIDTH, _INNER_HEIGHT = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
_INTERVAL_LEFT, _INTERVAL_RIGHT, _INTERVAL_TOP, _ROW = 284, 30, 10, 26
_LONGEST_NAME = 44


def as_html(document: Document) -> str:
    """Write the page. Every text is escaped; control and bidi characters are shown, not obeyed."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=harmless,
    )
    # The charts are ours: labels are escaped where they are drawn.
    environment.filters["drawing"] = Markup
    return environment.get_template("report.html.jinja").render(document=document)


def harmless(value: object) -> object:
    """A value as a page may show it: control and bidi characters of a text are shown, not obeyed."""
    return safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value


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
    samples = [
        (f'<rect class="a-{_class(name)}" y="-9" width="18" height="10"/>', name)
        for name, _ in (bars[0][1] if bars else ())
    ]
    return _svg([*parts, _legend(samples)], title)


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
    samples = [(f'<path class="l-{_class(kind)}" d="M0 -4h22"/>', name) for kind, name, _ in series]
    return _svg([*parts, _legend(samples)], title)


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


def _svg(parts: Sequence[str], title: str, height: int = HEIGHT) -> str:
    label = escape(title, quote=True)
    box = f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}"'
    return f"<svg {box}>{''.join(parts)}</svg>"


class IntervalBar(NamedTuple):
    """One line: its name, the action that gives it its colour, its share, and where that may lie."""

    name: str
    action: str
    share: float
    low: float
    high: float


def spreads(lines: Sequence[IntervalBar], title: str) -> str:
    """Draw shares from 0 to 100 %; the mark is the share, the bar what it may be."""
    bottom = _INTERVAL_TOP + _ROW * len(lines)
    inner = WIDTH - _INTERVAL_LEFT - _INTERVAL_RIGHT

    def x(share: float) -> float:
        return _INTERVAL_LEFT + share * inner

    parts = []
    for percent in (0, 25, 50, 75, 100):
        at = x(percent / 100)
        parts.append(f'<path class="grid" d="M{at:.1f} {_INTERVAL_TOP}V{bottom:.1f}"/>')
        parts.append(_text(at, bottom + 18, f"{percent} %", "middle"))
    for number, line in enumerate(lines):
        middle = _INTERVAL_TOP + _ROW * (number + 0.5)
        kind = _class(line.action)
        width = max((line.high - line.low) * inner, 1.0)
        name = safe_line(line.name, _LONGEST_NAME)
        parts.append(_text(_INTERVAL_LEFT - 8, middle + 4, name, "end"))
        parts.append(
            f'<rect class="a-{kind}" fill-opacity=".35" x="{x(line.low):.1f}"'
            f' y="{middle - 6:.1f}" width="{width:.1f}" height="12" rx="3"/>'
            f'<rect class="a-{kind}" x="{x(line.share) - 2:.1f}" y="{middle - 9:.1f}"'
            f' width="4" height="18"/>'
        )
    return _svg(parts, title, bottom + 26)
