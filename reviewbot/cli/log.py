"""`reviewbot log …`: the decision log, to read, to hold against itself and to take away."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import click
import msgspec

from reviewbot.cli.answering import ledger_for_a_word, person_of
from reviewbot.cli.command import Lazy, command, format_option, group, ledger_option
from reviewbot.cli.each_key import for_each_key
from reviewbot.cli.log_export import SHOWN, chosen, name_absent, since_option, task_option
from reviewbot.cli.opening import checkpoints_of, ledger_at, signing_key_of, with_settings
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.core.replay import Replayed
from reviewbot.core.replay import replay as judge_again
from reviewbot.core.revisions import Revisions
from reviewbot.domain.errors import LedgerCorrupt, UsageError
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.ports.ledger import KeptCheckpoints, Ledger, Logged
from reviewbot.presentation.format import counted, table
from reviewbot.presentation.machine_forms import json_lines
from reviewbot.presentation.sheets import line_of, outcome_of
from reviewbot.presentation.stories import decision_lines, impact_lines
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import Zones, zones_of
from reviewbot.safety import impact
from reviewbot.safety.impact import ChangeImpact
from reviewbot.safety.second_look import marked
from reviewbot.safety.stop_conditions import accept, keep

NEWEST = 100
MOST_DIFFERENT = 20
"""Decisions that came out otherwise, shown one by one."""


@group(
    {
        "Commands": {
            "show": Lazy("log:show", "decisions, or one with its grounds"),
            "verify": Lazy("log:verify", "is the log whole and unchanged?"),
            "checkpoint": Lazy("log:checkpoint", "state how far the log has come"),
            "replay": Lazy("log:replay", "judge every decision again"),
            "export": Lazy("log_export:export", "all decisions as JSON lines or CSV"),
            "archive": Lazy("log_keep:archive", "move what ended long ago to sealed segments"),
            "erase": Lazy("log_keep:erase", "take out what people wrote"),
        }
    }
)
def log() -> None:
    """Read the decision log: every decision, on which grounds, and what became of it.

    $ reviewbot log show  # the newest 100 decisions
    $ reviewbot log verify  # recompute the whole chain
    $ reviewbot log replay  # judge everything again by the policies that judged it
    """


@command
@click.argument("decision", required=False)
@click.option("--all", "everything", is_flag=True, help="All decisions, not the newest 100.")
@click.option("--changes", is_flag=True, help="Changes of policy in place of decisions.")
@task_option
@since_option
@with_settings(ledger_option, every_key=True)
@format_option("text", "json")
def show(
    screen: Screen,
    settings: Settings,
    decision: str | None,
    everything: bool,
    changes: bool,
    task: str | None,
    since: datetime | None,
    form: str,
) -> None:
    """Show decisions by their place in the log, oldest first; or one in full, by its id.

    With --format json each line is one JSON object, trace and facts included. --changes shows each
    take-over of a changed policy with what it would have decided otherwise.

    $ reviewbot log show  # the newest 100 decisions
    $ reviewbot log show --task 0d8b5a3e  # all decisions on one task
    $ reviewbot log show --since 24h  # the last day
    $ reviewbot log show 5f1c2e  # one decision: its story, its grounds, and why
    $ reviewbot log show --format json --all > decisions.jsonl  # everything
    $ reviewbot log show --changes  # how policies took over, and what that moved
    """
    if decision is not None:
        settings = settings.one()

    def of_one(key: Settings) -> None:
        with ledger_at(key) as ledger:
            zones = zones_of(key, ledger)
            if changes:
                _show_changes(screen, ledger, zones, since, form)
                return
            name_absent(screen, ledger)
            if decision is not None:
                found: Iterable[Logged] = [_the_one(ledger, decision)]
            elif everything or task or since:
                found = chosen(ledger, task=task, since=since)
            else:
                found = ledger.decisions(newest=NEWEST)
            looks = marked(ledger)
            if form == "json":
                for logged in found:
                    screen.data(json_lines([line_of(logged, looks.get(logged.decision.id))]))
            elif decision is not None:
                (logged,) = found
                screen.data("\n".join(decision_lines(ledger, logged, _zone_of(zones, logged))))
            else:
                _print_table(screen, list(found), looks, zones)

    for_each_key(screen, settings, of_one, heads=form == "text")


def _show_changes(
    screen: Screen, ledger: Ledger, zones: Zones, since: datetime | None, form: str
) -> None:
    """Each change of a policy: when it took over, and what it would have decided otherwise."""
    found = [
        (name, change) for name, change in _changes(ledger) if not since or change.since >= since
    ]
    for name, change in found:
        if form == "json":
            screen.data(json_lines([{"policy": name, **impact.as_value(change)}]))
            continue
        revisions = f"{safe_line(name)} {change.before[:8] or 'nothing'} → {change.revision[:8]}"
        moment = format_moment(change.since, zones.of(revision=change.revision, policy=name))
        screen.data(f"{moment}  {styled(revisions, 'strong')}")
        for line in impact_lines(change):
            screen.data(f"  {line}")
    if not found:
        screen.say("No policy has been changed yet.")


def _changes(ledger: Ledger) -> list[tuple[str, ChangeImpact]]:
    """Each take-over that was measured, with the policy's name, oldest first."""
    notes = [
        note
        for newest in ledger.notes(impact.TOPIC)
        for note in ledger.story(impact.TOPIC, newest.subject)
    ]
    measured = (
        (note.subject, impact.from_value(note.value))
        for note in sorted(notes, key=lambda note: note.seq)
    )
    return [(name, change) for name, change in measured if change is not None]


def _zone_of(zones: Zones, logged: Logged) -> str:
    """The zone of the policy that decided."""
    decision = logged.decision
    return zones.of(revision=decision.revision, policy=decision.policy, review=decision.review)


def _the_one(ledger: Ledger, beginning: str) -> Logged:
    found = ledger.decision(beginning)
    if found is None:
        raise UsageError(
            f"no decision's id begins with {beginning!r}, or several do;"
            f" --task {beginning} looks for a task"
        )
    return found


def _print_table(screen: Screen, found: list[Logged], looks: Collection[str], zones: Zones) -> None:
    if not found:
        screen.say("Nothing has been decided yet.")
        return
    heads = ("seq", "id", "decided", "task", "round", "action", "rule", "outcome", "mode")
    rows = [
        (
            str(logged.seq),
            decision.id[:8],
            format_moment(decision.decided_at, _zone_of(zones, logged)),
            decision.task_id[:8],
            str(decision.round),
            decision.action.value,
            decision.rule,
            outcome_of(logged) + ", second look" * (decision.id in looks),
            decision.mode.value,
        )
        for logged in found
        for decision in [logged.decision]
    ]
    screen.data(table(heads, rows))


@command
@task_option
@since_option
@with_settings(ledger_option, every_key=True)
@format_option("text", "json")
def replay(
    screen: Screen, settings: Settings, task: str | None, since: datetime | None, form: str
) -> None:
    """Judge every logged decision again: the stored facts, by the stored policy of the same revision.

    Action, rule, text, fields, moment, whom it is for and the rules passed over must be the same. What
    a person decided is left out, and what no policy covers.

    $ reviewbot log replay  # exit code 0: every answer is the same; 5: one is not
    $ reviewbot log replay --since 7d --format json  # the last week, for a machine
    """
    for_each_key(
        screen, settings, lambda key: _replay(screen, key, task, since, form), heads=form == "text"
    )


def _replay(
    screen: Screen, settings: Settings, task: str | None, since: datetime | None, form: str
) -> None:
    count, gone, different = 0, 0, []
    with ledger_at(settings) as ledger, screen.progress() as progress:
        name_absent(screen, ledger)

        def kept() -> Iterator[Logged]:
            nonlocal gone
            for logged in chosen(ledger, task=task, since=since):
                gone += logged.erased
                if not logged.erased:
                    yield logged

        answers = judge_again(kept(), Revisions(ledger))
        for count, answer in enumerate(answers, 1):
            if not answer.agrees:
                different.append(answer)
            if count % SHOWN == 0:
                progress(f"{count:,} judged again …")
    if form == "json":
        screen.data(json_lines([_replay_json(settings.key, count, gone, different)]))
    else:
        screen.data("\n".join(_replay_lines(count, gone, different)))
    if different:
        raise LedgerCorrupt(f"{len(different)} of {counted(count, 'decision')} came out otherwise")


def _replay_lines(count: int, gone: int, different: list[Replayed]) -> Iterator[str]:
    for answer in islice(different, MOST_DIFFERENT):
        decision = answer.decision
        yield (
            f"line {answer.seq}  {decision.id[:8]}  task {safe_line(decision.task_id, 40)},"
            f" policy {safe_line(decision.policy)} {decision.revision[:8]}"
        )
        if answer.problem is not None:
            yield f"  {safe_line(answer.problem, 200)}"
        for difference in answer.differences:
            yield (
                f"  {difference.part}: logged {safe_line(str(difference.logged), 120)},"
                f" replayed {safe_line(str(difference.replayed), 120)}"
            )
    if len(different) > MOST_DIFFERENT:
        yield f"… and {len(different) - MOST_DIFFERENT} more"
    if not different:
        yield f"{styled('same', 'good')}  {counted(count, 'decision')}, each as logged"
    if gone:
        yield f"      {counted(gone, 'decision')} not judged again: their texts were erased"


def _replay_json(key: str, count: int, gone: int, different: list[Replayed]) -> dict[str, object]:
    return {
        "schema": "reviewbot.replay/1",
        "key": key,
        "replayed": count,
        "erased": gone,
        "different": [
            {
                "seq": answer.seq,
                "id": answer.decision.id,
                "task_id": answer.decision.task_id,
                "policy": answer.decision.policy,
                "revision": answer.decision.revision,
                "problem": answer.problem,
                "differences": answer.differences,
            }
            for answer in different
        ],
    }


@command
@click.option(
    "--checkpoint",
    "checkpoint_file",
    type=click.Path(),
    metavar="FILE",
    help="Checkpoints to hold the log against, instead of those of the settings.",
)
@with_settings(ledger_option, every_key=True)
def verify(screen: Screen, settings: Settings, checkpoint_file: str | None) -> None:
    """Recompute the whole chain of the log, and say whether anything was changed or is missing.

    Edits, insertions and deletions show by themselves. A cut end and an older copy show only
    against checkpoints that lie elsewhere: every one since the last accepted one is looked at.

    $ reviewbot log verify  # exit code 0: whole; 5: changed, cut, restored or damaged
    $ reviewbot log verify --checkpoint /mnt/other/checkpoints.jsonl
      # against checkpoints that were kept elsewhere
    """
    if checkpoint_file is not None:
        settings = settings.one()
        if not Path(checkpoint_file).is_file():
            raise UsageError(f"{checkpoint_file} is no file of checkpoints")
        settings = msgspec.structs.replace(settings, checkpoint_file=checkpoint_file)
    for_each_key(screen, settings, lambda key: _verify(screen, key))


def _verify(screen: Screen, settings: Settings) -> None:
    book = checkpoints_of(settings)
    kept = KeptCheckpoints() if book is None else book.read()
    # A mistyped path would pass each night; a log that was deleted does not fit its checkpoints.
    with ledger_at(settings, must_exist=not kept.checkpoints) as ledger:
        found = ledger.verify(*kept.checkpoints, signing=signing_key_of(settings))
    for remark in (*kept.remarks, *found.remarks):
        screen.say(styled("note: ", "care") + safe_line(remark, 300))
    if problems := [*kept.problems, *found.problems]:
        listed = "\n".join(f"  {safe_line(problem, 300)}" for problem in problems)
        raise LedgerCorrupt(f"the log is not whole:\n{listed}")
    head = found.head[:16] or "empty"
    screen.data(f"{styled('whole', 'good')}  {counted(found.lines, 'line')}, head {head}")
    if not kept.checkpoints:
        screen.data("       no checkpoint to hold it against, so a cut end would not show")
        return
    last = kept.checkpoints[-1]
    screen.data(
        f"       fits {counted(len(kept.checkpoints), 'checkpoint')}, the last of"
        f" {format_moment(last.at, zones_of(settings).first)} at line {last.count}"
    )


@command
@click.option(
    "--accept",
    "why",
    metavar="REASON",
    help="Take the log as it is; earlier checkpoints no longer count.",
)
@with_settings(ledger_option, every_key=True)
def checkpoint(screen: Screen, settings: Settings, why: str | None) -> None:
    """Take a checkpoint: print it, and add it to the file of checkpoints.

    It says how many lines the log has and what the hash of the last one is; kept elsewhere, it shows
    later whether the log was cut, rewritten or replaced by an older copy. A running bot takes one
    every hour and when it ends.

    A log that departs from its newest checkpoint gets none (exit code 5), and the bot sends nothing
    on it, until somebody says with --accept why it did so. What was done meanwhile is then read
    off the API, and nothing is done twice.

    $ reviewbot log checkpoint  # take one now, and print it
    $ reviewbot log checkpoint --accept "restored from Monday's backup, disk died"
      # the log is older than its last checkpoint, and that is understood: act again
    """
    settings = settings if why is None else settings.one()
    for_each_key(screen, settings, lambda key: _checkpoint(screen, key, why), heads=False)


def _checkpoint(screen: Screen, settings: Settings, why: str | None) -> None:
    now = datetime.now(UTC)
    book = checkpoints_of(settings)
    if why is None:
        with ledger_at(settings) as ledger:
            point = keep(ledger, book, now)
    else:
        if book is None or not why.strip():
            raise UsageError("--accept needs a reason, and a log that is kept")
        with ledger_for_a_word(settings) as ledger:
            point = accept(ledger, book, why=why.strip(), who=person_of(settings), at=now)
    screen.data(msgspec.json.encode(point).decode())
    if book is None:
        return
    screen.say(f"added to {book.place}")
    if point.signature is None:
        screen.say(
            styled("note: ", "care") + "it is not signed; REVIEWBOT_CHECKPOINT_KEY_FILE names a key"
        )
