"""Whether anybody is at the desk when an order that is placed now would be paid by silence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from reviewbot.cli.policy.files import load_all
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.moments import format_moment
from reviewbot.domain.safetext import safe_line
from reviewbot.policy.calendar import calendars_of
from reviewbot.policy.model import Policy
from reviewbot.settings import Settings

WINDOW = timedelta(hours=72)
"""How long a task may be disputed after its manager confirmed it; then silence pays."""


def nobody_at_the_desk(settings: Settings, now: datetime) -> list[str]:
    """A sentence for each policy whose hours are all closed as the window of an order of now ends."""
    end = now + WINDOW
    return [word for policy in _policies(settings) if (word := _word(policy, end)) is not None]


def _policies(settings: Settings) -> Iterator[Policy]:
    """Those of the settings that can be used; what is wrong with another is told elsewhere."""
    try:
        found = load_all(settings.need_policies())
    except ReviewbotError:
        return
    for parsed in found:
        if parsed.policy is not None and parsed.policy.applies_to.review == "comments":
            yield parsed.policy


def _word(policy: Policy, end: datetime) -> str | None:
    hours = calendars_of(policy)
    if not hours or any(calendar.is_open(end) for calendar in hours.values()):
        return None
    opens = min(filter(None, (one.next_open(end) for one in hours.values())), default=None)
    again = "" if opens is None else f" before {format_moment(opens, policy.timezone)}"
    return (
        f"what is confirmed at once is paid by silence at {format_moment(end, policy.timezone)},"
        f" when nobody is at the desk{again} (hours of policy {safe_line(policy.name, 80)})"
    )
