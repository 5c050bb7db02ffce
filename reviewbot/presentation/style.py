"""Style: the few colours and weights of words on a screen."""

from __future__ import annotations

from typing import Any

import click

STYLES: dict[str, dict[str, Any]] = {
    "good": {"fg": "green"},
    "bad": {"fg": "red", "bold": True},
    "care": {"fg": "yellow"},
    "strong": {"bold": True},
    "faint": {"dim": True},
}


def styled(text: str, style: str) -> str:
    """Mark text for a terminal; `Screen` takes the marks out where there is none."""
    return click.style(text, **STYLES[style])
