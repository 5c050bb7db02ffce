"""Claims: who is looking at a question, so that two people do not look at the same one.

Theory of operation. A claim is a word in the log on one question. Words are only added, and their
order is the log's own, so reading them in that order always tells the same holder, also where two
people claimed at the same moment: the first live claim stands until it runs out, is let go, or is
taken over on purpose. A claim is a courtesy between people; that a round is answered only once is
the intent's business (`perform.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from reviewbot.domain.errors import UsageError
from reviewbot.domain.moments import format_moment, iso, parse_iso
from reviewbot.domain.safetext import safe_line
from reviewbot.ports import Ledger, Noted
from reviewbot.service.revisions import zone_of

TOPIC = "claim"
LASTS = timedelta(minutes=15)
"""How long a claim stands when its holder does nothing."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks at a question, since when, and until when nobody else does."""

    who: str
    since: datetime
    until: datetime


def holder(ledger: Ledger, question: str, now: datetime) -> Claim | None:
    """Who holds the question (a decision's id) at `now`."""
    found = _holder(ledger.story(TOPIC, question), now)
    return found if found is not None and now < found.until else None


def claim(
    ledger: Ledger, question: str, who: str, now: datetime, *, take_over: bool = False
) -> Claim:
    """Claim a question, or claim it for longer; give the claim that now stands.

    Raises UsageError where another person holds it, unless `take_over`.
    """
    if not take_over:
        refuse_if_held(ledger, question, who, now)
    value = {"who": who, "until": iso(now + LASTS), "take_over": take_over}
    ledger.note(TOPIC, question, value, now)
    refuse_if_held(ledger, question, who, now)
    return holder(ledger, question, now) or Claim(who=who, since=now, until=now + LASTS)


def let_go(ledger: Ledger, question: str, who: str, now: datetime) -> None:
    """Free a question that `who` holds; another's claim stays."""
    ledger.note(TOPIC, question, {"who": who, "until": iso(now)}, now)


def refuse_if_held(ledger: Ledger, question: str, who: str, now: datetime) -> None:
    """Raise UsageError where somebody else holds the question."""
    found = holder(ledger, question, now)
    if found is not None and found.who != who:
        asked = ledger.decision(question)
        zone = zone_of(ledger, "" if asked is None else asked.decision.revision)
        raise UsageError(
            f"{safe_line(found.who, 80)} is looking at it since {format_moment(found.since, zone)}, and has"
            f" it until {format_moment(found.until, zone)}; --take-over takes it from them"
        )


def _holder(words: Sequence[Noted], now: datetime) -> Claim | None:
    """Read the words in the order of the log; one that may not count leaves the holder as it was."""
    found: Claim | None = None
    for word in words:
        who, until = _read(word)
        if who is None or until is None or word.at > now:
            continue
        live = found is not None and word.at < found.until
        if found is not None and live and found.who == who:
            found = Claim(who=who, since=found.since, until=until)
        elif not live or word.value.get("take_over") is True:
            found = Claim(who=who, since=word.at, until=until)
    return found


def _read(word: Noted) -> tuple[str | None, datetime | None]:
    who, until = word.value.get("who"), word.value.get("until")
    if not isinstance(who, str) or not isinstance(until, str):
        return None, None
    return who, parse_iso(until)
