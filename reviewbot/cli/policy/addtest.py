"""`reviewbot policy test --add-from`: a test written from a decision in the log."""

from __future__ import annotations

from pathlib import Path

from reviewbot.cli.opening import ledger_for_reading
from reviewbot.cli.policy.files import load_usable
from reviewbot.cli.policy.logged import find_logged
from reviewbot.cli.screen import Screen, styled
from reviewbot.domain.errors import UsageError
from reviewbot.domain.safetext import safe, safe_line
from reviewbot.policy.cases import run_cases
from reviewbot.policy.compile import compile_policy
from reviewbot.policy.evaluate import Judge
from reviewbot.policy.findings import Severity
from reviewbot.policy.fromfacts import Written, written_test
from reviewbot.policy.parse import Parsed, parse_policy
from reviewbot.policy.testfile import NoRoomError, with_test
from reviewbot.policyfiles import PolicyFile
from reviewbot.ports import Logged


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


def _test(judge: Judge, logged: Logged) -> Written:
    from reviewbot.service.records import facts_from_json

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


def _prove(judge: Judge, file: Path, text: str, test: Written) -> None:
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
