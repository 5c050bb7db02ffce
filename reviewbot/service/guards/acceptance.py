"""Acceptance: a changed policy that waits until people say that it may judge.

Theory of operation. The settings may ask one person for every change, and two different ones for a
change that raises or takes away a limit. Until so many have accepted, the revision before judges.
Who has accepted is the newest word on the revision in the log; two who accept at the same moment
both count.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from reviewbot.domain.alarms import Kind
from reviewbot.domain.errors import OutOfDate, UsageError
from reviewbot.policy.loosening import loosened
from reviewbot.service.guards import weighing
from reviewbot.service.guards.probation import parsed, said_of_change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewbot.policy.evaluate import Judge
    from reviewbot.policy.model import Policy
    from reviewbot.ports import Ledger, Noted, StoredPolicy
    from reviewbot.service.app import App
    from reviewbot.service.guards.guard import Guard

TOPIC = "accept"
TRIES = 5
"""How often a word is tried again where somebody else's came first."""


def people_needed(guard: Guard, before: StoredPolicy, policy: Policy) -> int:
    """How many people have to accept this change before it judges."""
    return 2 if guard.two_for_caps and _raises(before, policy) else int(guard.require_ack)


def _raises(before: StoredPolicy, policy: Policy) -> tuple[str, ...]:
    old = parsed(before)
    return ("the revision before can no longer be read",) if old is None else loosened(old, policy)


def accept(ledger: Ledger, revision: str, *, who: str, now: datetime) -> int:
    """Write down that a person accepts a revision; give how many more it waits for.

    Raises UsageError where this person has accepted it before, and `LedgerError`.
    """
    for _ in range(TRIES):
        asked = _newest(ledger, revision)
        value: dict[str, Any] = {} if asked is None else dict(asked.value)
        people = accepted_by(value)
        if who.casefold() in {name.casefold() for name in people}:
            raise UsageError(f"{who} has accepted it already; another person has to")
        people = (*people, who)
        missing = max(0, needs(value) - len(people))
        value |= {"accepted": missing == 0, "who": who, "by": list(people)}
        try:
            ledger.note_all(
                TOPIC, {revision: value}, now, last={revision: asked.seq if asked else 0}
            )
        except OutOfDate:
            continue
        return missing
    raise OutOfDate(f"others keep writing on revision {revision[:8]}; try again")


def is_accepted(ledger: Ledger, revision: str, people: int) -> bool:
    """Whether so many people have accepted this revision."""
    word = _newest(ledger, revision)
    return people == 0 or (word is not None and len(accepted_by(word.value)) >= people)


def accepted_by(value: Mapping[str, Any]) -> tuple[str, ...]:
    """Who has accepted a revision, by the word on it."""
    people = value.get("by")
    if isinstance(people, list):
        return tuple(str(name) for name in people)
    return (str(value.get("who")),) if value.get("accepted") is True else ()


def needs(value: Mapping[str, Any]) -> int:
    """How many people a revision was said to need."""
    count = value.get("needs")
    return count if isinstance(count, int) else 1


def waiting(ledger: Ledger) -> list[Noted]:
    """The words on revisions that wait for a person, by revision."""
    return [note for note in ledger.notes(TOPIC) if note.value.get("accepted") is not True]


def ask(app: App, judge: Judge, before: StoredPolicy, people: int) -> None:
    """Say once that a revision waits for people, and what it would change."""
    policy = judge.policy
    known = _newest(app.ledger, policy.revision)
    if known is not None and needs(known.value) >= people:
        return
    now = app.clock.now()
    said = said_of_change(parsed(before), policy)
    raises = _raises(before, policy) if people > 1 else ()
    weighed = weighing.weigh(app, judge, before.revision, now)
    value = {
        "accepted": False,
        "policy": policy.name,
        "before": before.revision,
        "said": said,
        "weighed": weighing.as_value(weighed),
        "needs": people,
        "raises": raises,
        "by": [] if known is None else list(accepted_by(known.value)),
    }
    app.ledger.note(TOPIC, policy.revision, value, now)
    app.events(
        "policy waits to be accepted",
        level="warning",
        policy=policy.name,
        running=before.revision[:8],
        revision=policy.revision[:8],
        people=people,
        raises=raises,
        said=said,
        weighed=tuple(weighed.sentences()),
    )
    whom = "a person says" if people == 1 else "two people say"
    why = f" (it raises {', '.join(raises)})" if raises else ""
    app.alarm(
        Kind.PROBATION,
        f"{policy.name} {policy.revision[:8]} waits{why}: {before.revision[:8]} runs until {whom}"
        f" reviewbot policy accept {policy.revision[:8]}",
        subject=policy.revision,
        urgency="warning",
        said=[*said, *weighed.sentences()],
    )


def _newest(ledger: Ledger, revision: str) -> Noted | None:
    return next((note for note in ledger.notes(TOPIC) if note.subject == revision), None)
