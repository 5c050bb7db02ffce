"""`reviewbot policy accept`: what a changed policy that waits would do, and a person's word for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import click

from reviewbot.cli.answering import as_option, ledger_for_a_word, person_of
from reviewbot.cli.command import command, ledger_option
from reviewbot.cli.opening import ledger_at, with_settings
from reviewbot.cli.policy import load_usable
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import safe_line
from reviewbot.ledger.open import open_ledger
from reviewbot.ports.ledger import LogNote
from reviewbot.presentation.format import counted
from reviewbot.presentation.stories import impact_lines
from reviewbot.presentation.style import styled
from reviewbot.runtime import published
from reviewbot.runtime.policy_files import PolicyFile
from reviewbot.safety import impact, rollout

SHORTEST = 6
"""Characters of a revision that name it."""


@command
@click.argument("revision", required=False)
@with_settings(as_option, ledger_option)
def accept(screen: Screen, settings: Settings, revision: str | None) -> None:
    """Accept a changed policy that waits, by its revision or the beginning of it.

    With `require_ack` a changed policy waits for this word, and the revision before it goes on
    judging; with `two_for_caps` one that raises or removes a limit waits for two people's. Without
    REVISION it only shows what waits: what the change does, and what it would have decided otherwise
    among the open tasks and those of the last 30 days. `reviewbot policy read` says it in full.

    $ reviewbot policy accept  # what waits, and what it would change; accepts nothing
    $ reviewbot policy accept 7c1e09ab  # it judges from the next poll on
    """
    if revision is None:
        with ledger_at(settings) as ledger:
            waiting = rollout.waiting(ledger)
        changes = ("\n".join(_waiting_lines(change)) for change in waiting)
        screen.data("\n\n".join(changes) or "No policy waits.")
        return
    who, now = person_of(settings), datetime.now(UTC)
    with ledger_for_a_word(settings) as ledger:
        change = _the_one(rollout.waiting(ledger), revision)
        missing = rollout.accept(
            ledger, change.subject, who=who, now=now, by_another=settings.by_another
        )
    for line in _change_lines(change):
        screen.data(line)
    then = "it judges from the next poll on" if not missing else "another person has to as well"
    screen.data(f"{safe_line(who)} accepts {_name(change)}; {then}.")


def _waiting_lines(change: LogNote) -> Iterator[str]:
    """A revision that waits: what it would change, and what to type."""
    people = rollout.accepted_by(change.value)
    missing = max(1, rollout.needs(change.value) - len(people))
    so_far = f", accepted by {', '.join(map(safe_line, people))}" if people else ""
    waits = f"waits for {counted(missing, 'person', 'people')}{so_far}"
    yield f"{styled(_name(change), 'strong')} {waits}"
    yield from _change_lines(change)
    yield f"  reviewbot policy accept {change.subject[:8]}"


def _change_lines(change: LogNote) -> Iterator[str]:
    for sentence in change.value.get("said") or ():
        yield safe_line(str(sentence), 500)
    for limit in change.value.get("raises") or ():
        yield f"Raises or removes a limit: {safe_line(str(limit), 100)}."
    measured = impact.from_value(change.value.get("weighed"))
    if measured is not None:
        yield from impact_lines(measured)


def _name(change: LogNote) -> str:
    return f"{safe_line(str(change.value.get('policy') or 'the policy'))} {change.subject[:8]}"


def _the_one(waiting: list[LogNote], beginning: str) -> LogNote:
    """The revision that waits and begins so. Raises UsageError unless it is one."""
    found = [note for note in waiting if note.subject.startswith(beginning)]
    if len(beginning) < SHORTEST:
        raise UsageError(f"say at least {SHORTEST} characters of the revision")
    if len(found) != 1:
        names = ", ".join(note.subject[:8] for note in waiting) or "none"
        raise UsageError(f"no revision {safe_line(beginning)!r} waits; those that wait: {names}")
    return found[0]


@command
@click.argument("file", type=click.Path())
@click.option("--note", default="", metavar="TEXT", help="What changes, for whoever accepts it.")
@with_settings(as_option, ledger_option)
def publish(screen: Screen, settings: Settings, file: str, note: str) -> None:
    """Put a policy into the ledger, where `policy = "ledger:NAME"` runs it once it is accepted.

    It is checked first, and its tests have to pass. Its lists go with it. Until somebody accepts the
    revision the one before it runs on.

    $ reviewbot policy publish policies/starter.yaml --note "first one"  # waits to be accepted
    $ reviewbot policy accept 7c1e09ab  # now  --policy ledger:starter  runs it
    """
    policy, beside = load_usable(file), PolicyFile(file).tests_path
    tests = beside.read_text(encoding="utf-8") if beside.exists() else None
    by, now = person_of(settings), datetime.now(UTC)
    with closing(open_ledger(settings.ledger, key=settings.key)) as ledger:
        made = published.publish(
            ledger, policy.source, dict(policy.files), by=by, now=now, note=note, tests=tests
        )
    screen.data(
        f"{safe_line(made.name)} {made.revision[:8]} is in the ledger; it runs as"
        f"  ledger:{safe_line(made.name)}  after  reviewbot policy accept {made.revision[:8]}"
    )
