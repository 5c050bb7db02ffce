"""`reviewbot log …`: the decision log, to read, to hold against itself and to take away."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click
import msgspec

from reviewbot.cli.answering import ledger_for_a_word, person_of
from reviewbot.cli.command import (
    Command,
    Example,
    Lazy,
    LazyGroup,
    config_option,
    format_option,
    ledger_option,
)
from reviewbot.cli.log_export import chosen, log_line, since_option, task_option
from reviewbot.cli.opening import checkpoints_of, ledger_at, ledger_for_reading, settings_with
from reviewbot.cli.screen import Screen
from reviewbot.config import Settings
from reviewbot.core.recorded_facts import Revisions
from reviewbot.core.replay import Replayed
from reviewbot.core.replay import replay as judge_again
from reviewbot.domain.errors import LedgerCorrupt, UsageError
from reviewbot.domain.text import format_moment, safe_line
from reviewbot.ports.ledger import Checkpoint, CheckpointBook, KeptCheckpoints, Ledger, Logged
from reviewbot.presentation.format import counted, table
from reviewbot.presentation.machine_forms import outcome_of
from reviewbot.presentation.stories import told_in_full
from reviewbot.presentation.style import styled
from reviewbot.presentation.zones import Zones, zones_of
from reviewbot.safety import impact
from reviewbot.safety.impact import ChangeImpact
from reviewbot.safety.second_look import marked


@click.group(
    cls=LazyGroup,
    lazy={
        "Commands": {
            "show": Lazy("reviewbot.cli.log:show", "decisions, or one with its grounds"),
            "verify": Lazy("reviewbot.cli.log:verify", "is the log whole and unchanged?"),
            "checkpoint": Lazy("reviewbot.cli.log:checkpoint", "state how far the log has come"),
            "replay": Lazy("reviewbot.cli.log:replay", "judge every decision again"),
            "export": Lazy("reviewbot.cli.log_export:export", "all decisions as JSON lines or CSV"),
        }
    },
    examples=[
        Example("reviewbot log show", "the newest 100 decisions"),
        Example("reviewbot log verify", "recompute the whole chain"),
        Example("reviewbot log replay", "judge everything again by the policies that judged it"),
    ],
)
def log() -> None:
    """Read the decision log: every decision, on which grounds, and what became of it."""


# ------------------------------------------------------------------------------------------------
# `reviewbot log show`: decisions in a table, or one with its story and its grounds.


NEWEST = 100


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot log show", "the newest 100 decisions"),
        Example("reviewbot log show --task 0d8b5a3e", "all decisions on one task"),
        Example("reviewbot log show --since 24h", "the last day"),
        Example("reviewbot log show 5f1c2e", "one decision: its story, its grounds, and why"),
        Example("reviewbot log show --format json --all > decisions.jsonl", "everything"),
        Example("reviewbot log show --changes", "how policies took over, and what that moved"),
    ],
)
@click.argument("decision", required=False)
@click.option("--all", "everything", is_flag=True, help="All decisions, not the newest 100.")
@click.option("--changes", is_flag=True, help="Changes of policy in place of decisions.")
@task_option
@since_option
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def show(
    screen: Screen,
    decision: str | None,
    everything: bool,
    changes: bool,
    task: str | None,
    since: datetime | None,
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Show decisions by their place in the log, oldest first; or one in full, by its id.

    With --format json each line is one JSON object, trace and facts included. --changes shows each
    take-over of a changed policy with what it would have decided otherwise.
    """
    settings = settings_with(config=config, ledger=ledger)
    with ledger_at(settings.ledger) as opened:
        zones = zones_of(settings, opened)
        if changes:
            _show_changes(screen, opened, zones, since, form)
            return
        if decision is not None:
            found: Iterable[Logged] = [_the_one(opened, decision)]
        elif everything or task or since:
            found = chosen(opened, task=task, since=since)
        else:
            found = opened.decisions(newest=NEWEST)
        if form == "json":
            encode, looks = msgspec.json.Encoder().encode, marked(opened)
            for one in found:
                screen.data(encode(log_line(one, looks.get(one.decision.id))).decode())
        elif decision is not None:
            (one,) = found
            screen.data("\n".join(told_in_full(opened, one, zone_of(zones, one))))
        else:
            _print_table(screen, list(found), marked(opened), zones)


def _show_changes(
    screen: Screen, ledger: Ledger, zones: Zones, since: datetime | None, form: str
) -> None:

    found = [one for one in changes(ledger) if since is None or one[1].since >= since]
    for policy, weighed in found:
        if form == "json":
            screen.data(msgspec.json.encode(change_json(policy, weighed)).decode())
        else:
            screen.data(
                change_text(policy, weighed, zones.of(revision=weighed.revision, policy=policy))
            )
    if not found:
        screen.say("No policy has been changed yet.")


def zone_of(zones: Zones, logged: Logged) -> str:
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
            str(one.seq),
            one.decision.id[:8],
            format_moment(one.decision.decided_at, zone_of(zones, one)),
            one.decision.task_id[:8],
            str(one.decision.round),
            one.decision.action.value,
            one.decision.rule,
            outcome_of(one) + ", second look" * (one.decision.id in looks),
            one.decision.mode.value,
        )
        for one in found
    ]
    screen.data(table(heads, rows))


# ------------------------------------------------------------------------------------------------
# Every change of a policy in the log: when it took over, and what it would have decided otherwise.


def changes(ledger: Ledger) -> list[tuple[str, ChangeImpact]]:
    """Each take-over that was weighed, with the policy's name, oldest first."""
    found = [
        (note.seq, note.subject, weighed)
        for newest in ledger.notes(impact.TOPIC)
        for note in ledger.story(impact.TOPIC, newest.subject)
        if (weighed := impact.from_value(note.value)) is not None
    ]
    return [(policy, weighed) for _, policy, weighed in sorted(found, key=lambda one: one[0])]


def change_text(policy: str, weighed: ChangeImpact, zone: str) -> str:
    """One change in lines for a person; moments are read in this zone."""
    return "\n".join(_lines(policy, weighed, zone))


def change_json(policy: str, weighed: ChangeImpact) -> dict[str, Any]:
    """One change as an object."""
    return {"policy": policy, **impact.as_value(weighed)}


def _lines(policy: str, weighed: ChangeImpact, zone: str) -> Iterator[str]:
    name = f"{safe_line(policy)} {weighed.before[:8] or 'nothing'} → {weighed.revision[:8]}"
    yield f"{format_moment(weighed.since, zone)}  {styled(name, 'strong')}"
    yield from (f"  {safe_line(sentence, 500)}" for sentence in weighed.sentences())
    yield from (f"    {safe_line(row, 200)}" for row in impact.causes(weighed))


# ------------------------------------------------------------------------------------------------
# `reviewbot log replay`: every decision judged again from what the log keeps.


SHOWN = 20


STEP = 500


class ReplaySummary(msgspec.Struct):
    """How many decisions were judged again, and those that came out otherwise."""

    replayed: int = 0
    different: list[Replayed] = []


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot log replay", "exit code 0: every answer is the same; 5: one is not"),
        Example("reviewbot log replay --since 7d --format json", "the last week, for a machine"),
    ],
)
@task_option
@since_option
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def replay(
    screen: Screen,
    task: str | None,
    since: datetime | None,
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Judge every logged decision again: the stored facts, by the stored policy of the same revision.

    Action, rule, text, fields, moment, whom it is for and the rules passed over must be the same. What
    a person decided is left out, and what no policy covers.
    """
    with ledger_for_reading(ledger=ledger, config=config) as opened:
        answers = judge_again(chosen(opened, task=task, since=since), Revisions(opened))
        found = _gathered(screen, answers)
    if form == "json":
        screen.data(msgspec.json.encode(_as_object(found)).decode())
    else:
        _tell(screen, found)
    if found.different:
        raise LedgerCorrupt(
            f"{len(found.different)} of {counted(found.replayed, 'decision')} came out otherwise"
        )


def _gathered(screen: Screen, answers: Iterable[Replayed]) -> ReplaySummary:
    found, watched = ReplaySummary(), screen.is_terminal()
    for one in answers:
        found.replayed += 1
        if not one.agrees:
            found.different.append(one)
        if watched and found.replayed % STEP == 0:
            click.echo(f"\r{found.replayed:,} judged again …", err=True, nl=False)
    if watched and found.replayed >= STEP:
        click.echo("\r" + " " * 40 + "\r", err=True, nl=False)
    return found


def _tell(screen: Screen, found: ReplaySummary) -> None:
    for one in islice(found.different, SHOWN):
        decision = one.decision
        screen.data(
            f"line {one.seq}  {decision.id[:8]}  task {safe_line(decision.task_id, 40)},"
            f" policy {safe_line(decision.policy)} {decision.revision[:8]}"
        )
        for line in _differences(one):
            screen.data(f"  {line}")
    if len(found.different) > SHOWN:
        screen.data(f"… and {len(found.different) - SHOWN} more")
    if not found.different:
        screen.data(
            f"{styled('same', 'good')}  {counted(found.replayed, 'decision')}, each as logged"
        )


def _differences(one: Replayed) -> Iterator[str]:
    if one.problem is not None:
        yield safe_line(one.problem, 200)
    for difference in one.differences:
        yield (
            f"{difference.part}: logged {safe_line(str(difference.logged), 120)},"
            f" replayed {safe_line(str(difference.replayed), 120)}"
        )


def _as_object(found: ReplaySummary) -> dict[str, object]:
    return {
        "schema": "reviewbot.replay/1",
        "replayed": found.replayed,
        "different": [
            {
                "seq": one.seq,
                "id": one.decision.id,
                "task_id": one.decision.task_id,
                "policy": one.decision.policy,
                "revision": one.decision.revision,
                "problem": one.problem,
                "differences": one.differences,
            }
            for one in found.different
        ],
    }


# ------------------------------------------------------------------------------------------------
# `reviewbot log verify`: the log against itself, and against its checkpoints.


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot log verify", "exit code 0: whole; 5: changed, cut, restored or damaged"),
        Example(
            "reviewbot log verify --checkpoint /mnt/other/checkpoints.jsonl",
            "against checkpoints that were kept elsewhere",
        ),
    ],
)
@click.option(
    "--checkpoint",
    "file",
    type=click.Path(),
    metavar="FILE",
    help="Checkpoints to hold the log against, instead of those of the settings.",
)
@ledger_option
@config_option
@click.pass_obj
def verify(screen: Screen, file: str | None, ledger: str | None, config: str | None) -> None:
    """Recompute the whole chain of the log, and say whether anything was changed or is missing.

    Edits, insertions and deletions show by themselves. A cut end and an older copy show only
    against checkpoints that lie elsewhere: every one since the last accepted one is looked at.
    """
    kept = _kept(file, ledger, config)
    with ledger_for_reading(ledger=ledger, config=config) as opened:
        found = opened.verify(*kept.checkpoints)
    problems = [*kept.problems, *found.problems]
    for remark in kept.remarks:
        screen.say(styled("note: ", "care") + safe_line(remark, 300))
    if problems:
        told = "\n".join(f"  {safe_line(problem, 300)}" for problem in problems)
        raise LedgerCorrupt(f"the log is not whole:\n{told}")
    head = found.head[:16] or "empty"
    screen.data(f"{styled('whole', 'good')}  {counted(found.lines, 'line')}, head {head}")
    zone = zones_of(settings_with(config=config, ledger=ledger)).first
    screen.data(_against(kept, zone))


def _kept(file: str | None, ledger: str | None, config: str | None) -> KeptCheckpoints:
    settings = settings_with(config=config, ledger=ledger, checkpoint_file=file)
    if file is not None and not Path(file).is_file():
        raise UsageError(f"{file} is no file of checkpoints")
    book = checkpoints_of(settings)
    return KeptCheckpoints() if book is None else book.read()


def _against(kept: KeptCheckpoints, zone: str) -> str:
    if not kept.checkpoints:
        return "       no checkpoint to hold it against, so a cut end would not show"
    last = kept.checkpoints[-1]
    return (
        f"       fits {counted(len(kept.checkpoints), 'checkpoint')}, the last of"
        f" {format_moment(last.at, zone)} at line {last.count}"
    )


# ------------------------------------------------------------------------------------------------
# `reviewbot log checkpoint`: state how far the log has come, or accept a log that went back.


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot log checkpoint", "take one now, and print it"),
        Example(
            'reviewbot log checkpoint --accept "restored from Monday\'s backup, disk died"',
            "the log is older than its last checkpoint, and that is understood: act again",
        ),
    ],
)
@click.option(
    "--accept",
    "why",
    metavar="REASON",
    help="Take the log as it is; earlier checkpoints no longer count.",
)
@ledger_option
@config_option
@click.pass_obj
def checkpoint(screen: Screen, why: str | None, ledger: str | None, config: str | None) -> None:
    """Take a checkpoint: print it, and add it to the file of checkpoints.

    It says how many lines the log has and what the hash of the last one is; kept elsewhere, it shows
    later whether the log was cut, rewritten or replaced by an older copy. A running bot takes one
    every hour and when it ends.

    A log that departs from its newest checkpoint gets none (exit code 5), and the bot sends nothing
    on it, until somebody says with --accept why it did so. What was done meanwhile is then read
    off the API, and nothing is done twice.
    """
    settings = settings_with(config=config, ledger=ledger)
    book = checkpoints_of(settings)
    now = datetime.now(UTC)
    if why is not None:
        if book is None or not why.strip():
            raise UsageError("--accept needs a reason, and a log that is kept")
        point = _accept(settings, book, why.strip(), now)
    else:
        from reviewbot.safety.stop_conditions import keep

        with ledger_for_reading(ledger=ledger, config=config) as opened:
            point = keep(opened, book, now)
    screen.data(msgspec.json.encode(point).decode())
    if book is not None:
        _say_where(screen, point, book.place)


def _accept(settings: Settings, book: CheckpointBook, why: str, now: datetime) -> Checkpoint:
    from reviewbot.safety.stop_conditions import accept

    with ledger_for_a_word(settings) as opened:
        return accept(opened, book, why=why, who=person_of(settings), at=now)


def _say_where(screen: Screen, point: Checkpoint, path: str) -> None:
    screen.say(f"added to {path}")
    if point.signature is None:
        screen.say(
            styled("note: ", "care") + "it is not signed; REVIEWBOT_CHECKPOINT_KEY_FILE names a key"
        )
