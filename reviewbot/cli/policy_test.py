"""`reviewbot policy test`: run the tests that policies bring, and say what they leave untried."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from reviewbot.cli.command import (
    Command,
    Example,
    MomentType,
    config_option,
    format_option,
    ledger_option,
    policy_option,
)
from reviewbot.cli.opening import ledger_for_reading, settings_with
from reviewbot.cli.policy import load_all, load_usable
from reviewbot.cli.policy_running import find_logged
from reviewbot.cli.screen import Screen
from reviewbot.domain.decision import Decision
from reviewbot.domain.errors import PolicyInvalid, UsageError
from reviewbot.domain.text import format_moment, safe, safe_line
from reviewbot.foresight.future import Future
from reviewbot.policy.diagnostics import Severity
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.explain.explain import Explanation
from reviewbot.policy.explain.explain import explain as explain_facts
from reviewbot.policy.facts import Facts
from reviewbot.policy.language.parser import Parsed, parse_policy
from reviewbot.policy.language.tests import NoRoomError, with_test
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.cases import CaseResult, run_cases
from reviewbot.policy.testing.compare import Recorded
from reviewbot.policy.testing.coverage import Mutant, measure, mutants, survives
from reviewbot.policy.testing.generate import WrittenTest, written_test
from reviewbot.ports.ledger import Logged
from reviewbot.presentation.document import explanation_text
from reviewbot.presentation.findings import Tested, as_junit, as_text, results_as_json
from reviewbot.presentation.phrases import if_you_do_nothing
from reviewbot.presentation.style import styled
from reviewbot.runtime.policy_files import PolicyFile

FOUND = 4


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy test policies/starter.yaml", "run one policy's tests"),
        Example("reviewbot policy test policies -v", "a whole folder; also name what passed"),
        Example("reviewbot policy test --coverage --mutate policies", "what do the tests miss?"),
        Example(
            "reviewbot policy test policies/starter.yaml --add-from 0d8b5a3e",
            "write a test from a decision in the log",
        ),
        Example("reviewbot policy test policies --junit results.xml", "for a CI server"),
    ],
)
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[FILE]...")
@click.option("--coverage", is_flag=True, help="Say what no test tries: rules, lines, boundaries.")
@click.option(
    "--at-least",
    type=click.IntRange(0, 100),
    metavar="PERCENT",
    help="With --coverage: less than this is a failure.",
)
@click.option("--mutate", is_flag=True, help="Put small faults in; name those no test notices.")
@click.option("--add-from", metavar="ID", help="Write a test from a decision or a task in the log.")
@click.option("--junit", type=click.Path(), metavar="FILE", help="Also write JUnit XML.")
@ledger_option
@config_option
@format_option("text", "json")
@click.pass_obj
def test(
    screen: Screen,
    paths: tuple[str, ...],
    coverage: bool,
    at_least: int | None,
    mutate: bool,
    add_from: str | None,
    junit: str | None,
    ledger: str | None,
    config: str | None,
    form: str,
) -> None:
    """Run the tests that a policy brings, in itself or in NAME.tests.yaml beside it.

    FILE may be a folder; without FILE the policies of the settings are tested. Exit code: 0 where
    all pass, 4 where one fails or a policy has no test at all, 3 where a policy has errors.
    """
    if add_from is not None:
        add_test(screen, paths, add_from, ledger=ledger, config=config)
        return
    ran = [_run(screen, policy, coverage, mutate) for policy in _policies(paths)]
    if form == "json":
        screen.data(results_as_json(ran))
    else:
        for one in ran:
            screen.data(as_text(one, everything=screen.verbosity > 0))
    if junit is not None:
        _write(Path(junit), as_junit(ran))
    if not all(one.passed and _covered(one, at_least) for one in ran):
        raise click.exceptions.Exit(FOUND)


def _policies(paths: Iterable[str]) -> list[Policy]:
    """The policies of these paths. Raises PolicyInvalid when one of them cannot be used."""
    checked = load_all(paths)
    unusable = tuple(finding for one in checked if one.policy is None for finding in one.findings)
    if unusable:
        raise PolicyInvalid("a policy with errors cannot be tested", unusable)
    return [parsed.policy for parsed in checked if parsed.policy is not None]


def _run(screen: Screen, policy: Policy, coverage: bool, mutate: bool) -> Tested:
    judge = compile_policy(policy)
    results = run_cases(judge)
    faults = list(mutants(policy)) if mutate else None
    return Tested(
        policy=policy,
        results=results,
        coverage=measure(judge, results) if coverage else None,
        mutants=None if faults is None else len(faults),
        survivors=() if faults is None else _survivors(screen, faults, results),
    )


def _survivors(
    screen: Screen, faults: list[Mutant], results: tuple[CaseResult, ...]
) -> tuple[Mutant, ...]:
    if not screen.is_terminal() or screen.verbosity < 0:
        return tuple(fault for fault in faults if survives(fault, results))
    with click.progressbar(faults, label="small faults", file=sys.stderr) as bar:
        return tuple(fault for fault in bar if survives(fault, results))


def _covered(tested: Tested, at_least: int | None) -> bool:
    return at_least is None or tested.coverage is None or tested.coverage.percent >= at_least


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


# ------------------------------------------------------------------------------------------------
# `reviewbot policy test --add-from`: a test written from a decision in the log.


def add_test(
    screen: Screen, paths: tuple[str, ...], wanted: str, *, ledger: str | None, config: str | None
) -> None:
    """Write a test into NAME.tests.yaml that expects of the logged facts what the policy says now."""
    if len(paths) != 1 or Path(paths[0]).is_dir():
        raise UsageError("--add-from writes beside one policy: name its file")
    judge = compile_policy(load_usable(paths[0]))
    with ledger_for_reading(ledger=ledger, config=config) as opened:
        logged = find_logged(opened, wanted)
    test = _test(judge, logged)
    file = PolicyFile(paths[0]).tests_path
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    try:
        after = with_test(before, test.lines())
    except NoRoomError as problem:
        raise UsageError(f"{file} takes no test: {problem}") from problem
    _prove(judge, file, after, test)
    file.write_text(after, encoding="utf-8")
    screen.data(safe("\n".join(test.lines())))
    screen.say(f"{styled('written', 'good')}  {file}; it passes")
    decision = logged.decision
    if (decision.action, decision.rule) != (test.expect, test.by):
        screen.say(
            f"note     the log says {decision.action} by {safe_line(decision.rule)} (revision"
            f" {decision.revision[:8]}); the test expects what this policy says now"
        )


def _test(judge: Judge, logged: Logged) -> WrittenTest:
    from reviewbot.core.recorded_facts import facts_from_json

    decision = logged.decision
    kind = judge.policy.applies_to.review
    if decision.review != kind:
        raise UsageError(f"this decision is about {decision.review}, the policy about {kind}")
    name = f"decision {decision.id[:8]} of {decision.decided_at:%Y-%m-%d}"
    if any(test.name == name for test in judge.policy.tests):
        raise UsageError(f'the test "{name}" is there already')
    test = written_test(judge, facts_from_json(decision.facts), name)
    if test is None:
        raise UsageError(
            "no test can state this decision: it rests on something that  given:  does not have,"
            " such as the attempts one by one or the words that were sent before"
        )
    return test


def _prove(judge: Judge, file: Path, text: str, test: WrittenTest) -> None:
    """Make sure, before anything is written, that the test reads and passes."""
    policy = judge.policy
    files = dict(policy.files)
    parsed = parse_policy(
        policy.source,
        path=policy.path,
        read=lambda name: files[name].encode(),
        tests=(str(file), text.encode()),
    )
    for result in run_cases(compile_policy(parsed.policy)) if parsed.policy is not None else ():
        if result.test.name == test.name and result.passed:
            return
    raise UsageError(f"the test could not be written: {_why(parsed)}")


def _why(parsed: Parsed) -> str:
    errors = (one.message for one in parsed.findings if one.severity is Severity.ERROR)
    return next(errors, "it would not pass")


# ------------------------------------------------------------------------------------------------
# `reviewbot policy explain`: why a task is decided as it is, from the log, a file or the API.


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
    from reviewbot.cli.health import bot_of
    from reviewbot.core.recorded_facts import facts_from_json, judge_of
    from reviewbot.foresight.gather import outlook_of

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


def _one_policy(policies: tuple[str, ...]) -> str:
    return (policies or settings_with().need_policies())[0]


def _from_api(task: str, policies: tuple[str, ...], config: str | None) -> tuple[Judge, Facts]:
    from reviewbot.review.fetch import look_at_all, with_memories
    from reviewbot.review.judge import look_and_judge
    from reviewbot.runtime.bootstrap import build

    app = build(settings_with(config=config, policy=policies), read_only=True)
    try:
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
        ((item, known),) = with_memories(app.ledger, app.clock, bench, [item], bench.judges)
        if known.judge is None:
            raise UsageError(f"no policy covers {item.id}")
        return known.judge, look_and_judge(
            app.clock, app.contact, app.events, app.limits, bench, item, known
        ).facts
    finally:
        app.close()
