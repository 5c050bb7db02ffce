"""What happens to a question, in the words of every `queue` command."""

from __future__ import annotations

from datetime import datetime

from reviewbot.cli.words import clock_time, due
from reviewbot.domain.safetext import safe_line
from reviewbot.service.people.claims import Claim
from reviewbot.service.people.otherwise import Otherwise

_ENDS = {
    "fallback": ("PAID", "by the policy's deadline"),
    "rule": ("PAID", "by a rule"),
    "silence": ("PAID", "by silence"),
    "left": ("PAID", "by the timer, as the policy wants"),
    "sent back": ("SENT BACK", "by the policy"),
}


def if_you_do_nothing(found: Otherwise, now: datetime, *, estimate: bool = False) -> str:
    """Say how it ends: `PAID on Fri 05 Jun 09:56 +02:00 (in 41 h), by silence`."""
    what, who = _ENDS.get(found.end, ("unknown", ""))
    if what == "unknown":
        return "nobody can tell"
    if estimate and what == "PAID":
        what = "FINALIZED"
    about = " (an estimate: the API states no deadline)" * estimate
    why = f" ({safe_line(found.why, 120)})" if found.why else ""
    return f"{what} on {due(found.at, now)}, {who}{about}{why}"


def claimed_by(claim: Claim | None) -> str:
    """Say who looks at it."""
    if claim is None:
        return "nobody"
    return f"{safe_line(claim.who, 80)} until {clock_time(claim.until)}"
