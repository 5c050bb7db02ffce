"""`reviewbot policy test`: run the tests that policies bring, and say what they leave untried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import click

from reviewbot.cli.command import FOUND, command, format_option
from reviewbot.cli.opening import Opening, opens_log
from reviewbot.cli.policy import find_logged, load_all, load_usable, show_findings
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import PolicyInvalid, UsageError
from reviewbot.domain.text import safe, safe_line
from reviewbot.policy.diagnostics import Severity
from reviewbot.policy.engine.judge import Judge, compile_policy
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.language.tests import NoRoomError, with_test
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.cases import CaseResult, run_cases
from reviewbot.policy.testing.check import checked
from reviewbot.policy.testing.coverage import Mutant, measure, mutants, survives
from reviewbot.policy.testing.generate import WrittenTest, written_test
from reviewbot.ports.ledger import Logged
from reviewbot.presentation.findings import (
    Tested,
    as_junit,
    results_as_json,
    results_as_text,
    summary,
)
from reviewbot.presentation.style import styled
from reviewbot.runtime.policy_files import PolicyFile, policy_paths


@command
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
@opens_log
@format_option("text", "json")
def test(
    screen: Screen,
    opening: Opening,
    paths: tuple[str, ...],
    coverage: bool,
    at_least: int | None,
    mutate: bool,
    add_from: str | None,
    junit: str | None,
    form: str,
) -> None:
    """Run the tests that a policy brings, in itself or in NAME.tests.yaml beside it.

    FILE may be a folder; without FILE the policies of the settings are tested. Exit code: 0 where
    all pass, 4 where one fails or a policy has no test at all, 3 where a policy has errors.

    $ reviewbot policy test policies/starter.yaml  # run one policy's tests
    $ reviewbot policy test policies -v  # a whole folder; also name what passed
    $ reviewbot policy test --coverage --mutate policies  # what do the tests miss?
    $ reviewbot policy test policies/starter.yaml --add-from 0d8b5a3e
      # write a test from a decision in the log
    $ reviewbot policy test policies --junit results.xml  # for a CI server
    """
    if add_from is not None:
        _add_test(screen, paths, add_from, opening)
        return
    ran = [_run(screen, policy, coverage, mutate) for policy in _policies(paths)]
    if form == "json":
        screen.data(results_as_json(ran))
    else:
        for tested in ran:
            screen.data(results_as_text(tested, everything=screen.verbosity > 0))
    if junit is not None:
        try:
            Path(junit).write_bytes(as_junit(ran))
        except OSError as error:
            raise UsageError(f"{junit} cannot be written: {error.strerror}") from error
    if not all(tested.passed and _covered(tested, at_least) for tested in ran):
        raise click.exceptions.Exit(FOUND)


def _policies(paths: Iterable[str]) -> list[Policy]:
    """The policies of these paths. Raises PolicyInvalid when one of them cannot be used."""
    checked = load_all(paths)
    wrong = [finding for parsed in checked if parsed.policy is None for finding in parsed.findings]
    if wrong:
        raise PolicyInvalid("a policy with errors cannot be tested", tuple(wrong))
    return [parsed.policy for parsed in checked if parsed.policy is not None]


def _run(screen: Screen, policy: Policy, coverage: bool, mutate: bool) -> Tested:
    judge = compile_policy(policy)
    results = run_cases(judge)
    faults = list(mutants(policy)) if mutate else []
    return Tested(
        policy=policy,
        results=results,
        coverage=measure(judge, results) if coverage else None,
        mutants=len(faults) if mutate else None,
        survivors=_survivors(screen, faults, results),
    )


def _survivors(
    screen: Screen, faults: list[Mutant], results: tuple[CaseResult, ...]
) -> tuple[Mutant, ...]:
    found = []
    with screen.progress() as progress:
        for number, fault in enumerate(faults, 1):
            progress(f"small fault {number:,} of {len(faults):,}")
            if survives(fault, results):
                found.append(fault)
    return tuple(found)


def _covered(tested: Tested, at_least: int | None) -> bool:
    return at_least is None or tested.coverage is None or tested.coverage.percent >= at_least


def _add_test(screen: Screen, paths: tuple[str, ...], wanted: str, opening: Opening) -> None:
    """Write a test into NAME.tests.yaml that expects of the logged facts what the policy says now."""
    if len(paths) != 1 or Path(paths[0]).is_dir():
        raise UsageError("--add-from writes beside one policy: name its file")
    judge = compile_policy(load_usable(paths[0]))
    with opening.log() as ledger:
        logged = find_logged(ledger, wanted)
    test = _written_test(judge, logged)
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


def _written_test(judge: Judge, logged: Logged) -> WrittenTest:
    from reviewbot.policy.recorded_facts import facts_from_json

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
    results = run_cases(compile_policy(parsed.policy)) if parsed.policy is not None else ()
    if any(result.test.name == test.name and result.passed for result in results):
        return
    errors = (finding.message for finding in parsed.findings if finding.severity is Severity.ERROR)
    raise UsageError(f"the test could not be written: {next(errors, 'it would not pass')}")


# ------------------------------------------------------------------------------------------------
# `reviewbot policy watch`: check and test policies, and again on each save.


LOOK = 0.25
"""Seconds between two looks at the files; what changed from one to the next is still being written."""


@command
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
def watch(screen: Screen, paths: tuple[str, ...]) -> None:
    """Check policies and run their tests now, and again each time one of their files is saved.

    FILE may be a folder. The tests and the lists beside a policy count as its files. Ctrl-C ends it.

    $ reviewbot policy watch policies/starter.yaml  # beside any editor
    $ reviewbot policy watch policies -v  # a whole folder; also notes, and tests that passed
    """
    files = [
        PolicyFile(file)
        for path in paths
        for file in (policy_paths(Path(path)) if Path(path).is_dir() else (path,))
    ]
    pause = Event()
    for file in changes(files, lambda: pause.wait(LOOK)):
        _say(screen, file)


def changes(files: Sequence[PolicyFile], look: Callable[[], object]) -> Iterator[PolicyFile]:
    """Give each policy to be read, and again once its files have changed and rest; `look` waits."""
    yield from files
    while True:
        before = [file.stamps() for file in files]
        look()
        for file, stamps in zip(files, before, strict=True):
            if file.changed() and file.stamps() == stamps:
                yield file


def _say(screen: Screen, file: PolicyFile) -> None:
    """Print what is wrong with a policy, or what its tests say."""
    parsed = checked(file.load(today=datetime.now(UTC).date()))
    now = datetime.now().astimezone()
    screen.data(styled(f"── {now:%H:%M:%S}  {safe_line(str(file.path))}", "strong"))
    if shown := show_findings(screen, parsed.findings, dict(parsed.sources)):
        screen.data(shown + "\n")
    screen.data(f"{summary(parsed.findings)}.")
    if parsed.policy is not None:
        tested = Tested(policy=parsed.policy, results=run_cases(compile_policy(parsed.policy)))
        screen.data(results_as_text(tested, everything=screen.verbosity > 0))
    screen.data("")
