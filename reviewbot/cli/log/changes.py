"""Every change of a policy in the log: when it took over, and what it would have decided otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reviewbot.cli.screen import styled
from reviewbot.domain.moments import format_moment
from reviewbot.domain.safetext import safe_line
from reviewbot.ports import Ledger
from reviewbot.service.guards import weighing
from reviewbot.service.guards.weighing import Weighed


def changes(ledger: Ledger) -> list[tuple[str, Weighed]]:
    """Each take-over that was weighed, with the policy's name, oldest first."""
    found = [
        (note.seq, note.subject, weighed)
        for newest in ledger.notes(weighing.TOPIC)
        for note in ledger.story(weighing.TOPIC, newest.subject)
        if (weighed := weighing.from_value(note.value)) is not None
    ]
    return [(policy, weighed) for _, policy, weighed in sorted(found, key=lambda one: one[0])]


def change_text(policy: str, weighed: Weighed, zone: str) -> str:
    """One change in lines for a person; moments are read in this zone."""
    return "\n".join(_lines(policy, weighed, zone))


def change_json(policy: str, weighed: Weighed) -> dict[str, Any]:
    """One change as an object."""
    return {"policy": policy, **weighing.as_value(weighed)}


def _lines(policy: str, weighed: Weighed, zone: str) -> Iterator[str]:
    name = f"{safe_line(policy)} {weighed.before[:8] or 'nothing'} → {weighed.revision[:8]}"
    yield f"{format_moment(weighed.since, zone)}  {styled(name, 'strong')}"
    yield from (f"  {safe_line(sentence, 500)}" for sentence in weighed.sentences())
    yield from (f"    {safe_line(row, 200)}" for row in weighing.causes(weighed))
