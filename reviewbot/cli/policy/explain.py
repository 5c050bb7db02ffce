"""`reviewbot policy explain`: why a task is decided as it is, from the log, a file or the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import ledger_for_reading, settings_with
from reviewbot.cli.options import (
    MomentType,
    config_option,
    format_option,
    ledger_option,
    policy_option,
)
from reviewbot.cli.policy.files import load_usable
from reviewbot.cli.policy.logged import find_logged
from reviewbot.cli.queue.words import if_you_do_nothing
from reviewbot.cli.screen import Screen
from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import UsageError
from reviewbot.domain.moments import format_moment
from reviewbot.domain.safetext import safe_line
from reviewbot.policy.compile import compile_policy
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.explain import Explanation
from reviewbot.policy.explain import explain as explain_facts
from reviewbot.policy.explain_text import explanation_text
from reviewbot.policy.facts import Facts
from reviewbot.policy.records import Recorded
from reviewbot.service.outlook.future import Future


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy explain 0d8b5a3e", "why it was decided so, from the log"),
        Example("reviewbot policy explain 0d8b5a3e --policy policies/starter.yaml", "by another"),
        Example("reviewbot policy explain 0d8b5a3e --now", "as the API shows it at this moment"),
        Example(
            "reviewbot policy explain --record tasks.jsonl --line 3 --policy policies/starter.yaml",
            "a recorded task",
        ),
        Example("reviewbot policy explain 0d8b5a3e --over-time", "when will the answer change?"),
    ],
)
@click.argument("task", required=False)
@policy_option
@ledger_option
@config_option
@click.option(
    "--record", "--records", type=click.Path(), metavar="FILE", help="Look in a file of records."
)
@click.option("--line", type=click.IntRange(1), metavar="N", help="Which line of --record.")
@click.option("--now", is_flag=True, help="Ask the API; sends nothing that could change anything.")
@click.option("--at", type=MomentType(), help="Judge as of this moment.")
@click.option("--all", "everything", is_flag=True, help="Every rule with all that it compared.")
@click.option("--over-time", is_flag=True, help="Also when the answer changes, if the facts stay.")
@format_option("text", "json")
@click.pass_obj
def explain(
    screen: Screen,
    task: str | None,
    policies: tuple[str, ...],
    ledger: str | None,
    config: str | None,
    record: str | None,
    line: int | None,
    now: bool,
    at: datetime | None,
    everything: bool,
    over_time: bool,
    form: str,
) -> None:
    """Say why TASK is decided as it is: the rule, what it saw, and why earlier rules did not match.

    TASK is the id of a task or of a decision, or its beginning. Without --record or --now the newest
    decision in the log is explained, by the very policy that made it unless --policy names another.
    Moments are in the policy's time zone.
    """
    if line is not None and record is None:
        raise UsageError("--line says which line of --record")
    if task is None and line is None:
        raise UsageError("name a task, or a line of a file of records: --record FILE --line N")
    found: _Found | None = None
    if record is not None:
        judge, facts = _from_records(record, task, line, policies, at)
    elif now:
        judge, facts = _from_api(task or "", policies, config)
    else:
        judge, facts, found = _from_log(screen, task or "", policies, ledger, config)
    if at is not None:
        facts = msgspec.structs.replace(facts, now=at)
    told = explain_facts(judge, facts, over_time=over_time)
    if found is not None and at is None:
        told = _as_decided(told, found)
    if form == "json":
        screen.data(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    else:
        screen.data(explanation_text(told, everything=everything))
        if found is not None and found.future is not None:
            screen.data(
                f"if nobody steps in: {if_you_do_nothing(found.future, found.now, told.timezone)}"
            )


class _Found(msgspec.Struct, frozen=True):
    """A decision in the log, and what becomes of its round where that has not ended."""

    decision: Decision
    future: Future | None
    now: datetime


def _as_decided(told: Explanation, found: _Found) -> Explanation:
    """With what kept it back, what was decided in its place, and what becomes of it."""
    decision, future = found.decision, found.future
    other = decision.action is not told.action and decision.wanted is not None
    return msgspec.structs.replace(
        told,
        kept_back=decision.held_by,
        instead=decision.action if other else None,
        end=None if future is None else future.end,
        end_at=None if future is None else future.at,
    )


def _from_log(
    screen: Screen, task: str, policies: tuple[str, ...], ledger: str | None, config: str | None
) -> tuple[Judge, Facts, _Found]:
    from reviewbot.cli.bot import bot_of
    from reviewbot.service.outlook.gather import outlook_of
    from reviewbot.service.records import facts_from_json
    from reviewbot.service.revisions import judge_of

    now = datetime.now(UTC)
    with ledger_for_reading(ledger=ledger, config=config) as opened:
        found = find_logged(opened, task, otherwise="--now asks the API, --record a file")
        stored = opened.policy(found.decision.revision)
        bot = bot_of(settings_with(config=config, ledger=ledger), now)
        future = outlook_of(opened, now, bot).of(found.decision.review, found.decision.task_id)
    decision = found.decision
    if future is not None and (future.is_over or future.round.epoch != decision.epoch):
        future = None
    who = f" by {safe_line(decision.decided_by)}" if decision.decided_by else ""
    if policies:
        judge = compile_policy(load_usable(policies[0]))
    elif stored is not None:
        judge = judge_of(stored)
    else:
        raise UsageError("the policy that decided is not in the log; name one with --policy")
    screen.say(
        f"decision {decision.id[:8]} of {format_moment(decision.decided_at, judge.policy.timezone)}: {decision.action}{who},"
        f" {found.state.value}"
    )
    return judge, facts_from_json(decision.facts), _Found(decision, future, now)


def _from_records(
    path: str,
    task: str | None,
    line: int | None,
    policies: tuple[str, ...],
    at: datetime | None,
) -> tuple[Judge, Facts]:
    judge = compile_policy(load_usable(_one_policy(policies)))
    for number, record in _records(path, line):
        if number == line or (line is None and record.subject.id.startswith(task or "")):
            return judge, record.facts(at or datetime.now(UTC))
    about = f"has no line {line}" if line is not None else f"holds nothing about {task!r}"
    raise UsageError(f"{path} {about}")


def _records(path: str, line: int | None) -> Iterator[tuple[int, Recorded]]:
    """The records of a file with their lines; only the wanted one is read if one is named."""
    from reviewbot.api.records import decode_record

    try:
        with Path(path).open("rb") as lines:
            for number, text in enumerate(lines, 1):
                if text.strip() and line in (None, number):
                    yield number, decode_record(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}:{number}: {error}") from error


def _one_policy(policies: tuple[str, ...]) -> str:
    return (policies or settings_with().need_policies())[0]


def _from_api(task: str, policies: tuple[str, ...], config: str | None) -> tuple[Judge, Facts]:
    from reviewbot.bootstrap import build
    from reviewbot.service.intake import look_at_all, with_memories
    from reviewbot.service.judging import look_and_judge

    app = build(settings_with(config=config, policy=policies), read_only=True)
    try:
        found = [
            (bench, item)
            for bench in app.benches
            for item in look_at_all(app, bench, note=False)[0]
            if item.id.startswith(task)
        ]
        if len(found) != 1:
            what = "several waiting tasks begin" if found else "no waiting task begins"
            raise UsageError(f"{what} with {task!r}")
        bench, item = found[0]
        ((item, known),) = with_memories(app, bench, [item], bench.judges)
        if known.judge is None:
            raise UsageError(f"no policy covers {item.id}")
        return known.judge, look_and_judge(app, bench, item, known).facts
    finally:
        app.close()
