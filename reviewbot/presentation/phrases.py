"""What happens to a question, and what a cap keeps back, in the words of every screen."""

from __future__ import annotations

from datetime import datetime

from reviewbot.core.questions import Claim
from reviewbot.domain.review import noun_of
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.foresight.future import Future
from reviewbot.insights.limits_forecast import Capped
from reviewbot.presentation.format import counted, dollars, due
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import Zones

_ENDS = {
    "fallback": ("PAID", "by the policy's deadline"),
    "rule": ("PAID", "by a rule"),
    "silence": ("PAID", "by silence"),
    "left": ("PAID", "by the timer, as the policy wants"),
    "sent back": ("SENT BACK", "by the policy"),
    "acted on": ("DECIDED", "by this log"),
}


def if_you_do_nothing(found: Future, now: datetime, zone: str) -> str:
    """Say how it ends: `PAID on Fri 05 Jun 07:56 UTC, in 41 h, by silence`."""
    why = f" ({safe_line(found.why, 200)})" if found.why else ""
    what, who = _ENDS.get(found.end, ("unknown", ""))
    if what == "unknown":
        turn = (
            "" if found.turn_at is None else f"; it is looked at by {due(found.turn_at, now, zone)}"
        )
        return f"nobody can tell{turn}{why}"
    estimate = found.round.deadline_is_estimate
    if estimate and what == "PAID":
        what = "FINALIZED"
    about = " (an estimate: the API states no deadline)" * estimate
    soon = found.at is not None and found.at <= now and not found.is_over
    when = "with the bot's next pass" if soon else f"on {due(found.at, now, zone)}"
    return f"{what} {when}, {who}{about}{why}"


def claimed_by(claim: Claim | None, zone: str) -> str:
    """Say who looks at it."""
    if claim is None:
        return "nobody"
    return f"{safe_line(claim.who, 80)} until {format_moment(claim.until, zone)}"


def cap_line(cap: Capped, now: datetime, zones: Zones) -> str:
    """Say what a cap does: `cap  … keeps back 12 tasks (2.88 USD) from now until Fri 05:10; …`."""
    zone = zones.of(policy=cap.policy)
    since = "now" if cap.since <= now else format_moment(cap.since, zone)
    until = f" until {format_moment(cap.until, zone)}" if cap.until is not None else ""
    asks = ", and asks people" if cap.asked else ""
    silent = f"; {cap.to_silence} of them find no room before silence pays" * bool(cap.to_silence)
    what = f"{counted(cap.count, noun_of([cap.review]))} ({dollars(cap.micros)})"
    words = f"{cap.cap} ({cap.policy}) keeps back {what} from {since}{until}{asks}{silent}"
    return f"cap       {styled(safe_line(words, 400), 'bad' if cap.to_silence else 'care')}"
