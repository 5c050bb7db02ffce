"""`reviewbot policy check` and `fmt`: every mistake with its place and cure, and one layout."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import click
from msgspec.structs import replace

from reviewbot import __version__
from reviewbot.cli.command import FOUND, command, format_option
from reviewbot.cli.opening import Opening
from reviewbot.cli.policy import load_all, running_policies, said_of_running, show_findings
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import PolicyInvalid, ReviewbotError, UsageError
from reviewbot.domain.text import safe_line
from reviewbot.insights.usual_load import limits_below_load
from reviewbot.policy.diagnostics import Finding, Severity, apply_fixes
from reviewbot.policy.language.formatter import UnreadableError, format_policy
from reviewbot.policy.language.parser import Parsed
from reviewbot.policy.language.yaml import MAX_BYTES
from reviewbot.policy.lint.attempt_checks import all_accounts_are_new, goes_by_our_counts
from reviewbot.policy.model import Policy
from reviewbot.policy.testing.check import POLL, checked
from reviewbot.policy.testing.compare import has_limits
from reviewbot.ports.ledger import Ledger
from reviewbot.presentation.findings import as_github, as_json, as_sarif, summary
from reviewbot.presentation.format import counted
from reviewbot.presentation.style import styled
from reviewbot.runtime.policy_files import read_capped

INVALID = 3
_ROUNDS = 20
"""How often a file is read again after its cures were written: one may lay another mistake open."""


@command
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[FILE]...")
@click.option("--strict", is_flag=True, help="Let warnings fail the check as errors do.")
@click.option("--fix", is_flag=True, help="Write the cure of every mistake that has only one.")
@format_option("text", "json", "github", "sarif")
def check(screen: Screen, paths: tuple[str, ...], strict: bool, fix: bool, form: str) -> None:
    """Find every mistake of a policy, with its place, its cause and its cure.

    FILE may be a folder; without FILE the policies of the settings are checked. Exit code: 0 where
    all are usable, 3 where one is not.

    $ reviewbot policy check policies/starter.yaml  # check one policy
    $ reviewbot policy check --strict policies  # a whole folder; warnings fail too
    $ reviewbot policy check --fix policies/starter.yaml  # mend what has one cure
    $ reviewbot policy check --format github policies  # for a CI job
    """
    found = _load(paths)
    for _ in range(_ROUNDS if fix else 0):
        if not _mend(screen, found):
            break
        found = _load(paths)
    findings = [finding for parsed in found for finding in parsed.findings]
    match form:
        case "text":
            _print_text(screen, found, findings)
        case "json":
            screen.data(as_json(findings))
        case "github":
            if findings:
                screen.data(as_github(findings).rstrip("\n"))
        case _:
            screen.data(as_sarif(findings, __version__))
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    if any(finding.severity in failing for finding in findings):
        raise click.exceptions.Exit(INVALID)


def _load(paths: Sequence[str]) -> list[Parsed]:
    """Read policies, and find what is wrong with what they mean where they can be read."""
    now = datetime.now(UTC)
    try:
        poll = Opening().all_settings().every
    except ReviewbotError:
        poll = POLL
    found = [checked(parsed, today=now.date(), poll=poll) for parsed in load_all(paths)]
    return _by_the_log(found, now)


def _by_the_log(found: list[Parsed], now: datetime) -> list[Parsed]:
    """Add what a log that can be read says: how limits stand to the usual load, whom it knows."""
    policies = [parsed.policy for parsed in found if parsed.policy is not None]
    if not any(has_limits(policy) or goes_by_our_counts(policy) for policy in policies):
        return found
    try:
        url = Opening().all_settings().ledger
        path = unquote(url.removeprefix("sqlite:///"))
        if url.startswith("sqlite:///") and not Path(path).exists():
            return found  # nobody waits for a database to be imported that is not there
        with Opening().log() as ledger:
            return [
                parsed
                if parsed.policy is None
                else replace(
                    parsed, findings=(*parsed.findings, *_said_by(ledger, parsed.policy, now))
                )
                for parsed in found
            ]
    except ReviewbotError:
        return found


def _said_by(ledger: Ledger, policy: Policy, now: datetime) -> Iterator[Finding]:
    if has_limits(policy):
        yield from limits_below_load(policy, ledger, now)
    known = ledger.policies() if goes_by_our_counts(policy) else ()
    if known:
        yield from all_accounts_are_new(policy, known[0].first_run_at, now)


def _print_text(screen: Screen, found: Sequence[Parsed], findings: Sequence[Finding]) -> None:
    sources = {path: text for parsed in found for path, text in parsed.sources}
    if shown := show_findings(screen, findings, sources):
        screen.data(shown + "\n")
    running = running_policies()
    usable = [parsed.policy for parsed in found if parsed.policy is not None]
    for policy in usable:
        about = f"{counted(len(policy.rules), 'rule')}, {counted(len(policy.tests), 'test')}"
        screen.data(
            f"{styled('usable', 'good')}  {safe_line(policy.path)}: {policy.name}, {about},"
            f" revision {policy.revision[:8]}"
        )
        if difference := said_of_running(policy, running):
            screen.data(styled(f"        {difference}", "care"))
    unusable = len(found) - len(usable)
    if unusable:
        subject = "Policy" if unusable == 1 else f"{unusable} policies"
        kept = " The running bot keeps what it has." if running else ""
        screen.data(f"{summary(findings)}. {subject} not usable.{kept}")
    elif shown:
        screen.data(f"{summary(findings)}.")
    notes = sum(finding.severity is Severity.NOTE for finding in findings)
    if notes and screen.verbosity == 0:
        screen.say(f"{counted(notes, 'note')}; -v shows {'it' if notes == 1 else 'them'}")


def _mend(screen: Screen, found: Sequence[Parsed]) -> int:
    """Write the certain cures into the files; say how many, and give that count."""
    mended = 0
    for parsed in found:
        for path in {finding.path for finding in parsed.findings if finding.fix}:
            file = Path(path)
            text, count = apply_fixes(file.read_bytes().decode("utf-8"), parsed.findings, path)
            if count:
                file.write_bytes(text.encode("utf-8"))
                screen.say(f"{safe_line(path)}: mended {counted(count, 'mistake')}")
            mended += count
    return mended


@command
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option("--check", is_flag=True, help="Write nothing; name what would change, and exit 4.")
def fmt(screen: Screen, paths: tuple[str, ...], check: bool) -> None:
    """Lay out policies and their files of tests one way. Comments stay; no word is changed.

    FILE may be a folder, or - for stdin. Exit code: 0 where all is done, with --check 4 where a file
    would change, 3 where one cannot be laid out (the others are).

    $ reviewbot policy fmt policies  # lay out every policy of a folder
    $ reviewbot policy fmt --check policies  # for a CI job; writes nothing
    $ reviewbot policy fmt - < starter.yaml  # from stdin to stdout, for an editor
    """
    different = unreadable = 0
    for path in _files(paths):
        try:
            different += _lay_out(screen, path, check)
        except UnreadableError as problem:
            screen.complain(f"{safe_line(path)}: {problem}")
            unreadable += 1
    if unreadable:
        raise PolicyInvalid(f"{counted(unreadable, 'file')} could not be laid out")
    if check and different:
        raise click.exceptions.Exit(FOUND)


def _lay_out(screen: Screen, path: str, check: bool) -> bool:
    """Lay out one file; whether that changes it."""
    before = _read(path)
    after = format_policy(before).encode()
    changes = after != before
    if path == "-" and not check:
        screen.data(after.decode().removesuffix("\n"))
    elif changes and check:
        screen.data(f"would change  {safe_line(path)}")
    elif changes:
        Path(path).write_bytes(after)
        screen.say(f"laid out  {safe_line(path)}")
    return changes


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        return read_capped(Path(path), MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error


def _files(paths: tuple[str, ...]) -> Iterator[str]:
    """The named files, and every YAML file of a named folder."""
    for path in paths:
        if path != "-" and Path(path).is_dir():
            inside = [file for file in Path(path).iterdir() if file.suffix in (".yaml", ".yml")]
            yield from sorted(map(str, inside))
        else:
            yield path
