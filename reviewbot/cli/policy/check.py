"""`reviewbot policy check`: every mistake of a policy in one run, each with its place and cure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from reviewbot import __version__
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.opening import settings_with
from reviewbot.cli.options import format_option
from reviewbot.cli.policy.files import load_all, show_findings
from reviewbot.cli.policy.running import running_policies, said_of_running
from reviewbot.cli.screen import Screen, styled
from reviewbot.cli.words import counted
from reviewbot.domain.errors import ReviewbotError
from reviewbot.domain.safetext import safe_line
from reviewbot.policy.analysis import POLL, checked
from reviewbot.policy.findings import Finding, Severity
from reviewbot.policy.parse import Parsed

INVALID = 3


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy check policies/starter.yaml", "check one policy"),
        Example("reviewbot policy check --strict policies", "a whole folder; warnings fail too"),
        Example("reviewbot policy check --fix policies/starter.yaml", "mend what has one cure"),
        Example("reviewbot policy check --format github policies", "for a CI job"),
    ],
)
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[FILE]...")
@click.option("--strict", is_flag=True, help="Let warnings fail the check as errors do.")
@click.option("--fix", is_flag=True, help="Write the cure of every mistake that has only one.")
@format_option("text", "json", "github", "sarif")
@click.pass_obj
def check(screen: Screen, paths: tuple[str, ...], strict: bool, fix: bool, form: str) -> None:
    """Find every mistake of a policy, with its place, its cause and its cure.

    FILE may be a folder; without FILE the policies of the settings are checked. Exit code: 0 where
    all are usable, 3 where one is not.
    """
    found = _load(screen, paths, form)
    if fix and _mend(screen, found):
        found = _load(screen, paths, form)
    findings = [finding for parsed in found for finding in parsed.findings]
    if form == "text":
        _print_text(screen, found, findings)
    else:
        _print_form(screen, findings, form)
    if _fails(findings, strict):
        raise click.exceptions.Exit(INVALID)


def _load(screen: Screen, paths: Sequence[str], form: str) -> list[Parsed]:
    """Read policies, and find what is wrong with what they mean where they can be read."""
    today = datetime.now(UTC).date()
    notes = screen.verbosity > 0 or form != "text"
    poll = _poll()
    return [
        checked(parsed, today=today, notes=notes, every_overlap=screen.verbosity > 0, poll=poll)
        for parsed in load_all(paths)
    ]


def _poll() -> float:
    """How often the bot of these settings looks, in seconds; the default where they are wrong."""
    try:
        return settings_with().every
    except ReviewbotError:
        return POLL


def _fails(findings: Sequence[Finding], strict: bool) -> bool:
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(finding.severity in failing for finding in findings)


def _print_text(screen: Screen, found: Sequence[Parsed], findings: Sequence[Finding]) -> None:
    from reviewbot.policy.render import summary

    sources = {path: text for parsed in found for path, text in parsed.sources}
    if shown := show_findings(screen, findings, sources):
        screen.data(shown + "\n")
    running = running_policies()
    for parsed in found:
        if (policy := parsed.policy) is not None:
            about = f"{counted(len(policy.rules), 'rule')}, {counted(len(policy.tests), 'test')}"
            screen.data(
                f"{styled('usable', 'good')}  {safe_line(policy.path)}: {policy.name}, {about},"
                f" revision {policy.revision[:8]}"
            )
            if difference := said_of_running(policy, running):
                screen.data(styled(f"        {difference}", "care"))
    unusable = sum(parsed.policy is None for parsed in found)
    verdict = f" {'Policy' if unusable == 1 else f'{unusable} policies'} not usable." * bool(
        unusable
    )
    if verdict or shown:
        kept = " The running bot keeps what it has." if unusable and running else ""
        screen.data(f"{summary(findings)}.{verdict}{kept}")
    notes = sum(finding.severity is Severity.NOTE for finding in findings)
    if notes and screen.verbosity == 0:
        screen.say(f"{counted(notes, 'note')}; -v shows {'it' if notes == 1 else 'them'}")


def _print_form(screen: Screen, findings: Sequence[Finding], form: str) -> None:
    from reviewbot.policy import render

    match form:
        case "json":
            text = render.as_json(findings)
        case "github":
            text = render.as_github(findings)
        case _:
            text = render.as_sarif(findings, __version__)
    if text:
        screen.data(text.rstrip("\n"))


def _mend(screen: Screen, found: Sequence[Parsed]) -> int:
    """Write the certain cures into the files; say how many, and give that count."""
    from reviewbot.policy.fixing import apply_fixes

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
