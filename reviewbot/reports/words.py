"""Lengths of time, money and ends, in the words of a report."""

from __future__ import annotations

from datetime import timedelta

from reviewbot.service.outlook.future import Paid

ENDS: dict[Paid, str] = {
    "rule": "paid by rule",
    "fallback": "paid by fallback",
    "left": "paid, left on purpose",
    "silence": "paid by silence",
    "sent back": "sent back",
    "acted on": "acted on already",
    "unknown": "deadline unknown",
}


def span(left: timedelta) -> str:
    """`2 d 3 h`, `5 h 12 m`, `40 m`; `over` where it is past."""
    minutes = int(left.total_seconds() // 60)
    if minutes < 0:
        return "over"
    if minutes >= 1440:
        return f"{minutes // 1440} d {minutes % 1440 // 60} h"
    return f"{minutes // 60} h {minutes % 60:02} m" if minutes >= 60 else f"{minutes} m"


def usd(micros: int | None) -> str:
    """Millionths of a dollar as money."""
    return "unknown" if micros is None else f"{micros / 1_000_000:,.2f} USD"
