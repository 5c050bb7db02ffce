"""Pictures of figures: points in panels side by side, as SVG that is readable on light and dark, and in grey."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 470, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 16, 46, 46
_STYLE = (
    "<style>svg{background:#fff}text{font:12px system-ui,sans-serif;fill:#222}.h{font-weight:600}"
    ".grid{stroke:#ddd}.some{fill:#9aa4ad}"
    ".best{fill:#2467a8}.named{fill:#b5341f}.goal{fill:#2c8a4b;fill-opacity:.12}</style>"
)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A point of some kind (`some`, `best`, `named`), with a label where it has a name."""

    x: float
    y: float
    kind: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Points over two axes; `goal` is the corner (x at most, y at least) that is aimed at."""

    title: str
    across: str
    up: str
    marks: Sequence[Mark]
    x: tuple[float, float]
    y: tuple[float, float]
    goal: tuple[float, float]


def draw(panels: Sequence[Panel], title: str) -> str:
    """The picture as a file of its own."""
    width = WIDTH * len(panels)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" role="img"'
        f' aria-label="{escape(title, quote=True)}">'
    )
    body = (
        f'<g transform="translate({number * WIDTH} 0)">{"".join(_panel(panel))}</g>'
        for number, panel in enumerate(panels)
    )
    return "\n".join([head, _STYLE, *body, "</svg>\n"])


def _panel(panel: Panel) -> Iterator[str]:
    def x(value: float) -> float:
        low, high = panel.x
        return _LEFT + (value - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        low, high = panel.y
        return HEIGHT - _BOTTOM - (value - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    yield f'<text class="h" x="{_LEFT}" y="20">{escape(panel.title)}</text>'
    yield f'<text x="{_LEFT}" y="38">{escape(panel.up)}</text>'
    yield f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{escape(panel.across)}</text>'
    most, least = panel.goal
    yield (
        f'<rect class="goal" x="{x(panel.x[0]):.1f}" y="{y(panel.y[1]):.1f}"'
        f' width="{x(most) - x(panel.x[0]):.1f}" height="{y(least) - y(panel.y[1]):.1f}"/>'
    )
    for value in _ticks(panel.x):
        yield f'<path class="grid" d="M{x(value):.1f} {_TOP}V{HEIGHT - _BOTTOM}"/>'
        yield f'<text x="{x(value):.1f}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle">{value:g}</text>'
    for value in _ticks(panel.y):
        yield f'<path class="grid" d="M{_LEFT} {y(value):.1f}H{WIDTH - _RIGHT}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
    for mark in panel.marks:
        size = 5 if mark.name else 3.5
        yield f'<circle class="{mark.kind}" cx="{x(mark.x):.1f}" cy="{y(mark.y):.1f}" r="{size}"/>'
    for mark, height in _labels([mark for mark in panel.marks if mark.name], y):
        yield f'<text x="{x(mark.x) + 8:.1f}" y="{height:.1f}">{escape(mark.name)}</text>'


def _labels(marks: Sequence[Mark], y: Callable[[float], float]) -> Iterator[tuple[Mark, float]]:
    """Where each label stands: beside its point, or under the label above it."""
    below = 0.0
    for mark in sorted(marks, key=lambda mark: -mark.y):
        below = max(y(mark.y) + 4, below + 13)
        yield mark, below


def _ticks(span: tuple[float, float]) -> Iterator[float]:
    low, high = span
    step = next(step for step in (1, 2, 5, 10, 20, 50) if (high - low) / step <= 8)
    value = -(-low // step) * step
    while value <= high:
        yield value
        value += step
