"""Switches: a person pauses some or all actions, by a word in the log or by a file beside it.

Theory of operation. A pause in the log is a note that every bot on the log reads right before it
sends. The file says the same where the log cannot be written: whoever can put a file named PAUSE
into the state directory can stop the bot. Only a person ends either; a pause with an end ends there.
What cannot be read counts as a pause: the one who wrote it wanted something to stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from reviewbot.core import guard_state
from reviewbot.core.guard_state import PAUSE_TOPIC
from reviewbot.domain.decision import WRITES, Action
from reviewbot.domain.errors import Halted
from reviewbot.domain.text import format_moment, iso, known_zone, parse_iso, safe_line
from reviewbot.ports.ledger import Ledger, LogNote
from reviewbot.safety import breaker

ALL = "all"

PAYING = frozenset(action for action in Action if action.pays)

SENDING_BACK = frozenset(action for action in Action if action.sends_back)

WORDS: Mapping[str, frozenset[Action]] = {"approve": PAYING, "dispute": SENDING_BACK, ALL: WRITES}
"""What each word of `reviewbot pause` stops; `approve` and `dispute` also in the review of accounts."""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """One pause that is on."""

    word: str
    reason: str
    who: str
    until: datetime | None = None
    zone: str = "UTC"
    """In which people read `until`: the policy's, as whoever paused saw it."""
    by_file: bool = False

    def stops(self, action: Action) -> bool:
        """Whether this action is among what it stops."""
        return action in WORDS[self.word]

    def sentence(self) -> str:
        """Say what is paused, by whom and why; the same words as long as it lasts."""
        what = "everything is" if self.word == ALL else f"{self.word} is"
        end = f", until {format_moment(self.until, self.zone)}" if self.until else ""
        return f"{what} paused by {safe_line(self.who)}: {safe_line(self.reason)}{end}"


def pauses_on(words: Iterable[LogNote], file: str | None, now: datetime) -> tuple[Pause, ...]:
    """Every pause that is on: those of the log, and the file's."""
    return (*_noted(words, now), *_filed(file))


def check(pauses: Iterable[Pause], action: Action) -> None:
    """Raise Halted where a pause stops this action."""
    for pause in pauses:
        if pause.stops(action):
            raise Halted(pause.sentence(), by="pause", subject=pause.word)


def pause(
    ledger: Ledger,
    word: str,
    *,
    reason: str,
    who: str,
    until: datetime | None,
    now: datetime,
    zone: str = "UTC",
) -> Pause:
    """Write a pause into the log. Raises LedgerUnwritable."""
    ledger.note(PAUSE_TOPIC, word, _value(True, reason, who, until) | {"zone": zone}, now)
    return Pause(word=word, reason=reason, who=who, until=until, zone=zone)


def resume(ledger: Ledger, word: str, *, reason: str, who: str, now: datetime) -> tuple[Pause, ...]:
    """End the pauses of a word (`all`: every pause) in the log; give those that were on."""
    ended = [
        paused for paused in _noted(ledger.notes(PAUSE_TOPIC), now) if word in (ALL, paused.word)
    ]
    for paused in ended:
        ledger.note(PAUSE_TOPIC, paused.word, _value(False, reason, who, None), now)
    return tuple(ended)


def file_text(word: str, *, reason: str, who: str) -> str:
    """What to write into the file so that it says this."""
    return f"{word}: {safe_line(reason)} ({safe_line(who)})\n"


def _value(on: bool, reason: str, who: str, until: datetime | None) -> dict[str, Any]:
    return {"on": on, "reason": reason, "who": who, "until": iso(until) if until else None}


def _noted(words: Iterable[LogNote], now: datetime) -> Iterator[Pause]:
    for note in words:
        value = note.value
        if value.get("on") is False:
            continue
        until = _moment(value.get("until"))
        if until is not None and until <= now:
            continue
        yield Pause(
            word=note.subject if note.subject in WORDS else ALL,
            reason=str(value.get("reason") or "no reason was given"),
            who=str(value.get("who") or "somebody"),
            until=until,
            zone=known_zone(value.get("zone")),
        )


def _moment(text: object) -> datetime | None:
    try:
        return parse_iso(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _filed(text: str | None) -> Iterator[Pause]:
    """Read the file: words of actions up to a colon or the line's end, and a reason. Empty: all."""
    if text is None:
        return
    head, _, rest = text.strip().replace("\n", ":", 1).partition(":")
    named = [word for word in head.replace(",", " ").lower().split() if word in WORDS]
    foreign = len(named) < len(head.replace(",", " ").split())
    words = [ALL] if foreign or not named else named
    reason = safe_line((text if foreign else rest).strip(), 300)
    for word in words:
        yield Pause(
            word=word,
            reason=reason or "the file PAUSE is there",
            who="the file PAUSE",
            by_file=True,
        )


# ------------------------------------------------------------------------------------------------
# Holds: everything that keeps decisions from being sent now, whatever they are, said in one way.


By = Literal["pause", "breaker", "brake", "rehearsal", "bot"]


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that holds: what it stops, of which policy (None: of every), until when.

    `bot` stands for one that does not run, `rehearsal` for one that judges and sends nothing. `until`
    None: until a person does something about it.
    """

    sentence: str
    by: By
    actions: frozenset[Action] = WRITES
    policy: str | None = None
    until: datetime | None = None

    def lasting(self) -> tuple[bool, float]:
        """By how long it lasts: what has no end is the longest."""
        return self.until is None, 0.0 if self.until is None else self.until.timestamp()

    def stops(self, action: Action, policy: str, at: datetime) -> bool:
        """Whether it keeps this action of this policy back at that moment."""
        lasts = self.until is None or at < self.until
        return lasts and action in self.actions and self.policy in (None, policy)

    def stops_people(self, at: datetime) -> bool:
        """Whether at that moment no answer of a person can be sent either."""
        lasts = self.until is None or at < self.until
        return lasts and self.by in ("pause", "brake") and self.actions >= WRITES


def nothing_is_sent(holds: Iterable[Hold], policies: Iterable[str], now: datetime) -> bool:
    """Whether these holds together keep back every write of every one of these policies."""
    found = [hold for hold in holds if hold.until is None or now < hold.until]

    def stopped(policy: str | None) -> bool:
        return {
            action for hold in found if hold.policy in (None, policy) for action in hold.actions
        } >= WRITES

    return all(map(stopped, tuple(policies) or (None,)))


def holds_on(
    ledger: Ledger, now: datetime, file: str | None = None, *, brake: str | None = None
) -> tuple[Hold, ...]:
    """Every pause, open breaker and brake; `file` is the text of the file PAUSE, where it is there."""
    found = [] if brake is None else [Hold(sentence=f"nothing is sent: {brake}", by="brake")]
    found += [
        Hold(sentence=paused.sentence(), by="pause", actions=WORDS[paused.word], until=paused.until)
        for paused in pauses_on(ledger.notes(guard_state.PAUSE_TOPIC), file, now)
    ]
    for note in ledger.notes(guard_state.BREAKER_TOPIC):
        if not breaker.stands_open(note):
            continue
        what = safe_line(str(note.value.get("what") or "a sign of something wrong"), 300)
        whose = "" if note.subject == "all" else f" of {safe_line(note.subject, 60)}"
        found.append(
            Hold(
                sentence=f"the breaker{whose} is open: {what}",
                by="breaker",
                policy=None if note.subject == "all" else note.subject,
            )
        )
    return tuple(found)
