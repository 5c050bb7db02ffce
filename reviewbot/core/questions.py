"""Questions: the rounds for which a rule asked a person, and what is known about each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from reviewbot.core.revisions import zone_of
from reviewbot.domain.decision import ACTIONS_OF, CLAIMED, Action, Decision, State
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import format_moment, iso, parse_iso, safe_line
from reviewbot.ports.ledger import Ledger, Logged, LogNote, OpenRound

# ------------------------------------------------------------------------------------------------
# Claims: who is looking at a question, so that two people do not look at the same one.
#
# Theory of operation. A claim is a word in the log on one question. Words are only added, and their
# order is the log's own, so reading them in that order always tells the same holder, also where two
# people claimed at the same moment: the first live claim stands until it runs out, is let go, or is
# taken over on purpose. A claim is a courtesy between people; that a round is answered only once is
# the intent's business (`perform.py`).


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


def _holder(words: Sequence[LogNote], now: datetime) -> Claim | None:
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


def _read(word: LogNote) -> tuple[str | None, datetime | None]:
    who, until = word.value.get("who"), word.value.get("until")
    if not isinstance(who, str) or not isinstance(until, str):
        return None, None
    return who, parse_iso(until)


WAITS = (State.HELD, State.DRY_RUN)
"""The states of a decision that has sent nothing."""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A round that has not ended, with the newest decision on it, where there is one.

    That decision comes without its trace and facts: `Ledger.decision` has them.
    """

    sighting: OpenRound
    latest: Logged | None = None
    claim: Claim | None = None

    @property
    def is_question(self) -> bool:
        """Whether a rule, or the want of one, asked a person and nobody has answered."""
        return (
            self.latest is not None
            and self.latest.state in WAITS
            and self.latest.decision.action is Action.ESCALATE
        )

    @property
    def decision(self) -> Decision:
        """The newest decision of a round that has one."""
        assert self.latest is not None
        return self.latest.decision

    @property
    def deadline_at(self) -> datetime | None:
        """From when on silence pays, as last written down."""
        return self.sighting.deadline_at if self.latest is None else self.decision.deadline_at


def open_rounds(ledger: Ledger) -> Iterator[Round]:
    """Every round seen waiting that has no ending yet."""
    for review in ACTIONS_OF:
        sightings = ledger.unended(review)
        memories = ledger.memories(review, [sighting.task_id for sighting in sightings])
        for sighting in sightings:
            memory = memories.get(sighting.task_id)
            latest = None if memory is None else memory.latest
            if latest is not None and latest.decision.epoch != sighting.epoch:
                latest = None
            yield Round(sighting=sighting, latest=latest)


def open_questions(ledger: Ledger, now: datetime) -> list[Round]:
    """Every round that waits for a person, most urgent first, each with who has claimed it."""
    claimed = {word.subject for word in ledger.notes(TOPIC)}
    found = []
    for round_ in open_rounds(ledger):
        if not round_.is_question:
            continue
        if round_.decision.id in claimed:
            round_ = msgspec.structs.replace(round_, claim=holder(ledger, round_.decision.id, now))
        found.append(round_)
    return sorted(
        found, key=lambda question: (question.deadline_at is None, question.deadline_at or now)
    )


def find_round(ledger: Ledger, beginning: str) -> Round:
    """The open round of the thing whose id begins so; the beginning of its decision's id will do.

    Raises UsageError where there is none, or more than one.
    """
    matches = [round_ for round_ in open_rounds(ledger) if _begins(round_, beginning)]
    matches = [round_ for round_ in matches if round_.is_question] or matches
    newest = {round_.sighting.task_id: round_ for round_ in matches}
    if len(newest) == 1:
        return newest.popitem()[1]
    what = "several open rounds begin" if newest else "no open round begins"
    raise UsageError(f"{what} with {safe_line(beginning, 60)!r}; see: reviewbot queue list")


def _begins(round_: Round, beginning: str) -> bool:
    if not beginning:
        return False
    named = round_.sighting.task_id.startswith(beginning)
    return named or (round_.latest is not None and round_.decision.id.startswith(beginning))


def asked_in(ledger: Ledger, task_id: str, epoch: str | None) -> Decision | None:
    """The last question to a person in this round; None where nobody was asked."""
    asked = [
        logged
        for logged in ledger.decisions(task_id=task_id)
        if logged.decision.epoch == epoch and logged.decision.action is Action.ESCALATE
    ]
    return max(asked, key=lambda logged: logged.state_at).decision if asked else None


def answered_in(ledger: Ledger, task_id: str, epoch: str | None) -> Logged | None:
    """The decision of this round that was sent, or may have been; None where there is none."""
    return next(
        (
            logged
            for logged in ledger.decisions(task_id=task_id)
            if logged.decision.epoch == epoch and logged.state in CLAIMED
        ),
        None,
    )


# ------------------------------------------------------------------------------------------------
# What of a question somebody saw, whom a message or a page showed it.


def seen_of(decision: Decision | None, state: State | None, epoch: str | None = None) -> str:
    """A hash over the epoch, the evidence and the decision; `epoch` stands where nothing is decided."""
    parts = [str(epoch if decision is None else decision.epoch)]
    if decision is not None and state is not None:
        parts += [decision.id, decision.revision, decision.rule, decision.reason or ""]
        parts += [_evidence_of(decision), state.value]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:24]


def _evidence_of(decision: Decision) -> str:
    """The recorded facts without the moment of judging and what is counted of all tasks."""
    try:
        record = msgspec.json.decode(decision.facts)
    except msgspec.DecodeError:
        return decision.facts.hex()
    if isinstance(record, dict):
        record = {name: record[name] for name in sorted(record) if name not in ("at", "fleet")}
    return msgspec.json.encode(record).decode()
