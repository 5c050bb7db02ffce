"""`reviewbot policy accept`: a person lets a changed policy run."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import settings_with
from reviewbot.cli.options import config_option, ledger_option
from reviewbot.cli.queue.claiming import as_option, ledger_for_a_word, person_of
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import UsageError
from reviewbot.domain.safetext import safe_line
from reviewbot.ports import Ledger, Noted
from reviewbot.service import probation

SHORTEST = 6


@click.command(
    cls=Command,
    examples=[Example("reviewbot policy accept 7c1e09ab", "it judges from the next poll on")],
)
@click.argument("revision")
@as_option
@ledger_option
@config_option
@click.pass_obj
def accept(
    screen: Screen, revision: str, name: str | None, ledger: str | None, config: str | None
) -> None:
    """Accept a changed policy that waits, by its revision or the beginning of it.

    With `require_ack` a changed policy waits for this word, and the revision before it goes on
    judging. Prints what the change does; `reviewbot policy read` says it in full.
    """
    settings = settings_with(config=config, ledger=ledger, person=name)
    who, now = person_of(settings), datetime.now(UTC)
    with ledger_for_a_word(settings) as opened:
        asked = _waiting(opened, revision)
        probation.accept(opened, asked.subject, who=who, now=now)
    for sentence in asked.value.get("said") or ():
        screen.data(safe_line(str(sentence), 500))
    policy = safe_line(str(asked.value.get("policy") or "the policy"))
    screen.data(
        f"{safe_line(who)} accepts {policy} {asked.subject[:8]}; it judges from the next poll on."
    )


def _waiting(ledger: Ledger, beginning: str) -> Noted:
    """The revision that waits and begins so. Raises UsageError unless it is one."""
    waiting = [
        note for note in ledger.notes(probation.ACCEPT) if note.value.get("accepted") is not True
    ]
    found = [note for note in waiting if note.subject.startswith(beginning)]
    if len(beginning) < SHORTEST:
        raise UsageError(f"say at least {SHORTEST} characters of the revision")
    if len(found) != 1:
        names = ", ".join(note.subject[:8] for note in waiting) or "none"
        raise UsageError(f"no revision {safe_line(beginning)!r} waits; those that wait: {names}")
    return found[0]
