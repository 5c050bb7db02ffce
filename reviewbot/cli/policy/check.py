"""`reviewbot policy check`: every mistake of a policy in one run, each with its place and cure."""

from __future__ import annotations

import click

from reviewbot.cli.findings import findings_as_text, summary_of
from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.options import format_option
from reviewbot.cli.policy.files import load, settings_policies
from reviewbot.cli.screen import Screen, styled
from reviewbot.domain.safetext import safe_line
from reviewbot.policy.findings import Finding, Severity

INVALID = 3


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy check policies/starter.yaml", "check one policy"),
        Example("reviewbot policy check --strict policies/starter.yaml", "warnings fail too"),
        Example("reviewbot policy check --format github policies/starter.yaml", "for a CI job"),
    ],
)
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[FILE]...")
@click.option("--strict", is_flag=True, help="Let warnings fail the check as errors do.")
@format_option("text", "json", "github", "sarif")
@click.pass_obj
def check(screen: Screen, paths: tuple[str, ...], strict: bool, form: str) -> None:
    """Find every mistake of a policy, with its place, its cause and its cure.

    Without FILE the policies of REVIEWBOT_POLICY are checked. Exit code: 0 usable, 3 not.
    """
    findings: list[Finding] = []
    sound: list[str] = []
    for path in paths or settings_policies():
        parsed = load(path)
        findings += parsed.findings
        if parsed.policy is not None:
            rules = len(parsed.policy.rules)
            sound.append(
                f"{safe_line(path)}: {parsed.policy.name}, {rules} rule{'s' if rules != 1 else ''},"
                f" version {parsed.policy.revision[:8]}"
            )
    _print(screen, findings, sound, form)
    if _fails(findings, strict):
        raise click.exceptions.Exit(INVALID)


def _fails(findings: list[Finding], strict: bool) -> bool:
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(finding.severity in failing for finding in findings)


def _print(screen: Screen, findings: list[Finding], sound: list[str], form: str) -> None:
    if form == "text":
        shown = [f for f in findings if f.severity is not Severity.NOTE or screen.verbosity > 0]
        if shown:
            screen.data(findings_as_text(shown) + "\n")
        for line in sound:
            screen.data(styled("usable ", "good") + line)
        if shown:
            verdict = "" if sound else " Policy not usable."
            screen.data(f"{summary_of(shown)}.{verdict}")
        return
    from reviewbot.cli import findings_forms

    writers = {
        "json": findings_forms.findings_as_json,
        "github": findings_forms.findings_as_github,
        "sarif": findings_forms.findings_as_sarif,
    }
    text = writers[form](findings)
    if text:
        screen.data(text)
