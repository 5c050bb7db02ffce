"""What a cap will keep back, in words; the same for the forecast and the report."""

from __future__ import annotations

from datetime import datetime

from reviewbot.cli.words import WHAT, counted, dollars
from reviewbot.domain.moments import format_moment
from reviewbot.service.outlook.bites import Capped


def cap_words(cap: Capped, now: datetime, zone: str) -> str:
    """Say what a cap does: `keeps back 12 tasks (2.88 USD) from now until Fri 05:10; …`."""
    since = "now" if cap.since <= now else format_moment(cap.since, zone)
    until = f" until {format_moment(cap.until, zone)}" if cap.until is not None else ""
    asks = ", and asks people" if cap.asked else ""
    silent = f"; {cap.to_silence} of them find no room before silence pays" * bool(cap.to_silence)
    what = f"{counted(cap.count, WHAT[cap.review])} ({dollars(cap.micros)})"
    return f"keeps back {what} from {since}{until}{asks}{silent}"
