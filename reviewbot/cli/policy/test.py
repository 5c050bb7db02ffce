"""`reviewbot policy test`: run the tests that policies bring, and say what they leave untried."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.options import config_option, format_option, ledger_option
from reviewbot.cli.policy.files import load_all
from reviewbot.cli.policy.results import Tested, as_json, as_junit, as_text
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import PolicyInvalid, UsageError
from reviewbot.policy.cases import CaseResult, run_cases
from reviewbot.policy.compile import compile_policy
from reviewbot.policy.coverage import measure
from reviewbot.policy.model import Policy
from reviewbot.policy.mutate import Mutant, mutants, survives

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
        from reviewbot.cli.policy.addtest import add_test

        add_test(screen, paths, add_from, ledger=ledger, config=config)
        return
    ran = [_run(screen, policy, coverage, mutate) for policy in _policies(paths)]
    if form == "json":
        screen.data(as_json(ran))
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
