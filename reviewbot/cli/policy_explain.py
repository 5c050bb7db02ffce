"""`reviewbot policy explain`: why a task is decided as it is, from the log, a file or the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from reviewbot.cli.command import MomentType, command, format_option
from reviewbot.cli.opening import Opening, opens
from reviewbot.cli.policy import find_logged, load_usable
from reviewbot.cli.screen import Screen
from reviewbot.core.revisions import judge_of
from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import format_moment, pretty, safe_line
from reviewbot.foresight.future import Future
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.explain.explain import Explanation
from reviewbot.policy.explain.explain import explain as explain_facts
from reviewbot.policy.facts import Facts
from reviewbot.policy.recorded_facts import facts_from_json
from reviewbot.policy.testing.compare import Recorded
from reviewbot.presentation.document import explanation_text
from reviewbot.presentation.phrases import if_you_do_nothing


@command
@click.argument("task", required=False)
@opens("policies", "ledger", "config", "keys")
@click.option(
    "--record", "--records", type=click.Path(), metavar="FILE", help="Look in a file of records."
)
@click.option("--line", type=click.IntRange(1), metavar="N", help="Which line of --record.")
@click.option("--now", is_flag=True, help="Ask the API; sends nothing that could change anything.")
@click.option("--at", type=MomentType(), help="Judge as of this moment.")
@click.option("--all", "everything", is_flag=True, help="Every rule with all that it compared.")
@click.option("--over-time", is_flag=True, help="Also when the answer changes, if the facts stay.")
@format_option("text", "json")
def explain(
    screen: Screen,
    opening: Opening,
    task: str | None,
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

    $ reviewbot policy explain 0d8b5a3e  # why it was decided so, from the log
    $ reviewbot policy explain 0d8b5a3e --policy policies/starter.yaml  # by another
    $ reviewbot policy explain 0d8b5a3e --now  # as the API shows it at this moment
    $ reviewbot policy explain --record tasks.jsonl --line 3 --policy policies/starter.yaml
      # a recorded task
    $ reviewbot policy explain 0d8b5a3e --over-time  # when will the answer change?
    """
    if line is not None and record is None:
        raise UsageError("--line says which line of --record")
    if task is None and line is None:
        raise UsageError("name a task, or a line of a file of records: --record FILE --line N")
    decision, future = None, None
    if record is not None:
        judge, facts = _from_records(record, task or "", line, opening, at)
    elif now:
        judge, facts = _from_api(task or "", opening)
    else:
        judge, decision, future = _from_log(screen, task or "", opening)
        facts = facts_from_json(decision.facts)
    if at is not None:
        facts = msgspec.structs.replace(facts, now=at)
    explanation = explain_facts(judge, facts, over_time=over_time)
    if decision is not None and at is None:
        explanation = _as_decided(explanation, decision, future)
    if form == "json":
        screen.data(pretty(explanation))
        return
    screen.data(explanation_text(explanation, everything=everything))
    if future is not None:
        end = if_you_do_nothing(future, datetime.now(UTC), explanation.timezone)
        screen.data(f"if nobody steps in: {end}")


def _as_decided(explanation: Explanation, decision: Decision, future: Future | None) -> Explanation:
    """With what kept it back, what was decided in its place, and what becomes of it."""
    other = decision.action is not explanation.action and decision.wanted is not None
    return msgspec.structs.replace(
        explanation,
        kept_back=decision.held_by or explanation.kept_back,
        instead=decision.action if other else None,
        end=None if future is None else future.end,
        end_at=None if future is None else future.at,
    )


def _from_log(screen: Screen, task: str, opening: Opening) -> tuple[Judge, Decision, Future | None]:
    """A decision, by whom it is judged, and what becomes of its round where that has not ended."""
    from reviewbot.foresight.gather import outlook_of
    from reviewbot.runtime.bot_health import bot_of

    now = datetime.now(UTC)
    with opening.log() as ledger:
        found = find_logged(ledger, task, otherwise="--now asks the API, --record a file")
        stored = ledger.policy(found.decision.revision)
        bot = bot_of(opening.settings(), now)
        future = outlook_of(ledger, now, bot).of(found.decision.review, found.decision.task_id)
    decision = found.decision
    if found.erased:
        raise UsageError(
            f"the texts and facts of decision {decision.id[:8]} were erased, so it cannot be"
            f" explained; what is left:  reviewbot log show {decision.id[:8]}"
        )
    if future is not None and (future.is_over or future.round.epoch != decision.epoch):
        future = None
    if opening.policies:
        judge = compile_policy(load_usable(opening.policies[0]))
    elif stored is not None:
        judge = judge_of(stored)
    else:
        raise UsageError("the policy that decided is not in the log; name one with --policy")
    who = f" by {safe_line(decision.decided_by)}" if decision.decided_by else ""
    moment = format_moment(decision.decided_at, judge.policy.timezone)
    screen.say(
        f"decision {decision.id[:8]} of {moment}: {decision.action}{who}, {found.state.value}"
    )
    return judge, decision, future


def _from_records(
    path: str, task: str, line: int | None, opening: Opening, at: datetime | None
) -> tuple[Judge, Facts]:
    policies = opening.policies or opening.settings().need_policies()
    judge = compile_policy(load_usable(policies[0]))
    for number, record in _records(path, line):
        if number == line or (line is None and record.subject.id.startswith(task)):
            return judge, record.facts(at or datetime.now(UTC))
    about = f"has no line {line}" if line is not None else f"holds nothing about {task!r}"
    raise UsageError(f"{path} {about}")


def _records(path: str, line: int | None) -> Iterator[tuple[int, Recorded]]:
    """The records of a file with their lines; only the wanted one is read if one is named."""
    from reviewbot.tokportal.records import decode_record

    try:
        with Path(path).open("rb") as lines:
            for number, text in enumerate(lines, 1):
                if text.strip() and line in (None, number):
                    yield number, decode_record(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}:{number}: {error}") from error


def _from_api(task: str, opening: Opening) -> tuple[Judge, Facts]:
    from reviewbot.review.fetch import look_at_all, with_memories
    from reviewbot.review.judge import Judging
    from reviewbot.runtime.bootstrap import build

    with closing(build(opening.settings(), read_only=True)) as app:
        found = [
            (bench, item)
            for bench in app.benches
            for item in look_at_all(
                app.ledger, app.clock, app.events, app.notifier, bench, note=False
            )[0]
            if item.id.startswith(task)
        ]
        if len(found) != 1:
            what = "several waiting tasks begin" if found else "no waiting task begins"
            raise UsageError(f"{what} with {task!r}")
        bench, item = found[0]
        ((item, known),) = with_memories(
            app.ledger, app.clock, app.events, bench, [item], bench.judges
        )
        if known.judge is None:
            raise UsageError(f"no policy covers {item.id}")
        judging = Judging(app.clock, app.contact, app.events, app.limits, bench, known)
        seen = judging.look(item)
        return known.judge, seen.facts
