"""`reviewbot log replay`: every decision judged again from what the log keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

import click
import msgspec

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.log.forms import chosen, since_option, task_option
from reviewbot.cli.opening import ledger_for_reading
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import counted
from reviewbot.domain.errors import LedgerCorrupt
from reviewbot.domain.safetext import safe_line
from reviewbot.service.outlook.replay import Replayed
from reviewbot.service.outlook.replay import replay as judge_again
from reviewbot.service.revisions import Revisions

SHOWN = 20
STEP = 500


class Found(msgspec.Struct):
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


def _gathered(screen: Screen, answers: Iterable[Replayed]) -> Found:
    found, watched = Found(), screen.is_terminal()
    for one in answers:
        found.replayed += 1
        if not one.agrees:
            found.different.append(one)
        if watched and found.replayed % STEP == 0:
            click.echo(f"\r{found.replayed:,} judged again …", err=True, nl=False)
    if watched and found.replayed >= STEP:
        click.echo("\r" + " " * 40 + "\r", err=True, nl=False)
    return found


def _tell(screen: Screen, found: Found) -> None:
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


def _as_object(found: Found) -> dict[str, object]:
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
