"""`reviewbot policy accept`: what a changed policy that waits would do, and a person's word for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from reviewbot.cli.answering import as_option, ledger_for_a_word, person_of
from reviewbot.cli.command import Command, Example, config_option, ledger_option
from reviewbot.cli.opening import ledger_for_reading, settings_with
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import safe_line
from reviewbot.ports.ledger import LogNote
from reviewbot.presentation.format import counted
from reviewbot.presentation.style import styled
from reviewbot.safety import impact, rollout

SHORTEST = 6


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy accept", "what waits, and what it would change; accepts nothing"),
        Example("reviewbot policy accept 7c1e09ab", "it judges from the next poll on"),
    ],
)
@click.argument("revision", required=False)
@as_option
@ledger_option
@config_option
@click.pass_obj
def accept(
    screen: Screen,
    revision: str | None,
    person: str | None,
    ledger: str | None,
    config: str | None,
) -> None:
    """Accept a changed policy that waits, by its revision or the beginning of it.

    With `require_ack` a changed policy waits for this word, and the revision before it goes on
    judging; with `two_for_caps` one that raises or removes a limit waits for two people's. Without
    REVISION it only shows what waits: what the change does, and what it would have decided otherwise
    among the open tasks and those of the last 30 days. `reviewbot policy read` says it in full.
    """
    if revision is None:
        with ledger_for_reading(ledger=ledger, config=config) as opened:
            waiting = rollout.waiting(opened)
        screen.data("\n\n".join("\n".join(_told(one)) for one in waiting) or "No policy waits.")
        return
    settings = settings_with(config=config, ledger=ledger, person=person)
    who, now = person_of(settings), datetime.now(UTC)
    with ledger_for_a_word(settings) as opened:
        asked = _the_one(rollout.waiting(opened), revision)
        missing = rollout.accept(opened, asked.subject, who=who, now=now)
    for sentence in _about(asked):
        screen.data(sentence)
    then = "it judges from the next poll on" if not missing else "another person has to as well"
    screen.data(f"{safe_line(who)} accepts {_name(asked)}; {then}.")


def _told(asked: LogNote) -> Iterator[str]:
    """A revision that waits: what it would change, and what to type."""
    people = rollout.accepted_by(asked.value)
    missing = max(1, rollout.needs(asked.value) - len(people))
    so_far = f", accepted by {', '.join(map(safe_line, people))}" if people else ""
    waits = f"waits for {counted(missing, 'person', 'people')}{so_far}"
    yield f"{styled(_name(asked), 'strong')} {waits}"
    yield from _about(asked)
    yield f"  reviewbot policy accept {asked.subject[:8]}"


def _about(asked: LogNote) -> Iterator[str]:
    for sentence in asked.value.get("said") or ():
        yield safe_line(str(sentence), 500)
    for limit in asked.value.get("raises") or ():
        yield f"Raises or removes a limit: {safe_line(str(limit), 100)}."
    weighed = impact.from_value(asked.value.get("weighed"))
    if weighed is not None:
        yield from (safe_line(sentence, 500) for sentence in weighed.sentences())
        yield from (f"  {safe_line(row, 200)}" for row in impact.causes(weighed))


def _name(asked: LogNote) -> str:
    return f"{safe_line(str(asked.value.get('policy') or 'the policy'))} {asked.subject[:8]}"


def _the_one(waiting: list[LogNote], beginning: str) -> LogNote:
    """The revision that waits and begins so. Raises UsageError unless it is one."""
    found = [note for note in waiting if note.subject.startswith(beginning)]
    if len(beginning) < SHORTEST:
        raise UsageError(f"say at least {SHORTEST} characters of the revision")
    if len(found) != 1:
        names = ", ".join(note.subject[:8] for note in waiting) or "none"
        raise UsageError(f"no revision {safe_line(beginning)!r} waits; those that wait: {names}")
    return found[0]
