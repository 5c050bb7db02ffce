"""`reviewbot policy test`: run the tests that policies bring."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.options import format_option
from reviewbot.cli.policy.files import load_all
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import counted
from reviewbot.domain.errors import PolicyInvalid
from reviewbot.domain.safetext import safe, safe_line
from reviewbot.policy.cases import CaseResult, run_cases
from reviewbot.policy.compile import compile_policy
from reviewbot.policy.model import Policy

FOUND = 4


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy test policies/starter.yaml", "run one policy's tests"),
        Example("reviewbot policy test policies -v", "a whole folder; also name what passed"),
        Example("reviewbot policy test policies --format json", "for a CI job"),
    ],
)
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[FILE]...")
@format_option("text", "json")
@click.pass_obj
def test(screen: Screen, paths: tuple[str, ...], form: str) -> None:
    """Run the tests that a policy brings, in itself or in NAME.tests.yaml beside it.

    FILE may be a folder; without FILE the policies of the settings are tested. Exit code: 0 where
    all pass, 4 where one fails or a policy has no test at all, 3 where a policy has errors.
    """
    checked = load_all(paths)
    unusable = tuple(finding for one in checked if one.policy is None for finding in one.findings)
    if unusable:
        raise PolicyInvalid("a policy with errors cannot be tested", unusable)
    policies = [parsed.policy for parsed in checked if parsed.policy is not None]
    ran = [(policy, run_cases(compile_policy(policy))) for policy in policies]
    if form == "json":
        screen.data(json.dumps([_as_object(*one) for one in ran], indent=2, ensure_ascii=False))
    else:
        for policy, results in ran:
            for line in _lines(policy, results, everything=screen.verbosity > 0):
                screen.data(line)
    if any(not results or not all(one.passed for one in results) for _, results in ran):
        raise click.exceptions.Exit(FOUND)


def _lines(policy: Policy, results: tuple[CaseResult, ...], *, everything: bool) -> Iterator[str]:
    for result in results:
        place = f"{safe_line(result.test.path or policy.path)}:{result.test.span.line}"
        if not result.passed:
            yield f"{styled('failed', 'bad')}  {safe_line(result.test.name)}   {place}"
            yield from (f"        {safe(problem)}" for problem in result.problems)
        elif everything:
            yield f"{styled('passed', 'good')}  {safe_line(result.test.name)}   {place}"
    path = safe_line(policy.path)
    if not results:
        yield f"{styled('no tests', 'bad')}  {path}: a policy without tests proves nothing"
        return
    failed = sum(not result.passed for result in results)
    passed = f"{counted(len(results) - failed, 'test')} passed"
    verdict = styled(f"{failed} failed", "bad") + ", " if failed else ""
    yield f"{verdict}{styled(passed, 'good')}  {path}"


def _as_object(policy: Policy, results: tuple[CaseResult, ...]) -> dict[str, Any]:
    return {
        "policy": policy.name,
        "path": policy.path,
        "revision": policy.revision,
        "tests": [
            {
                "name": result.test.name,
                "line": result.test.span.line,
                "passed": result.passed,
                "problems": list(result.problems),
            }
            for result in results
        ],
    }
