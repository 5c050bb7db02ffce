"""`reviewbot policy new`: a guided start from a policy that is known to be sound."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.policy.schema import schema_text
from reviewbot.cli.screen import Screen, styled
from reviewbot.domain.errors import UsageError
from reviewbot.policy import templates
from reviewbot.policy.findings import Severity
from reviewbot.policy.names import listed
from reviewbot.policy.parse import parse_policy
from reviewbot.policy.templates import Starter

SCHEMA = "policy.schema.json"


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy new", "answer a few questions"),
        Example("reviewbot policy new --template cautious --name my-policy", "ask nothing"),
        Example(
            "reviewbot policy new --template desk --name desk --timezone Europe/Paris"
            " --owner ops@example.com --output policies/desk.yaml",
            "say everything",
        ),
    ],
)
@click.option("--template", metavar="NAME", help=f"One of {', '.join(templates.names())}.")
@click.option("--name", metavar="NAME", help="What the policy is called: small letters, digits, -.")
@click.option("--owner", metavar="WHO", help="Who answers questions about it.")
@click.option("--timezone", metavar="ZONE", help="Zone of its hours and dates: Europe/Paris.")
@click.option("--output", type=click.Path(), metavar="FILE", help="Where to; NAME.yaml without it.")
@click.pass_obj
def new(
    screen: Screen,
    template: str | None,
    name: str | None,
    owner: str | None,
    timezone: str | None,
    output: str | None,
) -> None:
    """Start a policy from a template, with its tests beside it and completion for your editor.

    On a terminal what is not said by an option is asked; elsewhere --template and --name are needed.
    A file that is there is never written over.
    """
    if sys.stdin.isatty() and sys.stderr.isatty():
        template = template or _ask_template(screen)
        name = name or _ask("What shall it be called (small letters, digits, -)", template)
        owner = owner or _ask("Who answers questions about it", "ops@example.com")
        timezone = timezone or _ask("In which time zone do you work", "UTC")
        output = output or _ask("Where shall it be written", f"{name}.yaml")
    if template is None or name is None:
        raise UsageError(
            "say --template and --name; nothing is asked where no person can answer."
            f" Templates: {listed(templates.names(), 'and')}"
        )
    starter = _starter(template, name, owner, timezone)
    policy = Path(output or f"{name}.yaml")
    _write(policy, starter)
    tests = _tests_beside(policy)
    screen.say(
        f"{styled('written', 'good')}  {policy}, its tests {tests.name}, and {SCHEMA} for your editor"
    )
    screen.say(f"next     reviewbot policy check {policy}")
    screen.say(f"         reviewbot policy test {policy}")
    screen.say(f"         reviewbot policy read {policy}")


def _ask_template(screen: Screen) -> str:
    names = templates.names()
    for number, name in enumerate(names, 1):
        screen.say(f"  {number}  {styled(name, 'strong')}: {templates.read(name).about}")
    numbers = {str(number): name for number, name in enumerate(names, 1)}
    choice = click.Choice([*numbers, *names])
    chosen: str = click.prompt(
        "Which is nearest to what you want", default="1", type=choice, show_choices=False, err=True
    )
    return numbers.get(chosen, chosen)


def _ask(question: str, default: str) -> str:
    answer: str = click.prompt(question, default=default, err=True)
    return answer.strip()


def _starter(template: str, name: str, owner: str | None, timezone: str | None) -> Starter:
    """The policy with the answers put in. Raises UsageError where it could not be used."""
    if template not in templates.names():
        raise UsageError(
            f"no template is called {template!r}; there are {listed(templates.names(), 'and')}"
        )
    starter = templates.render(name=template, policy_name=name, owner=owner, timezone=timezone)
    parsed = parse_policy(
        starter.policy,
        path=name,
        read=_no_file,
        tests=("tests", starter.tests.encode()),
        today=datetime.now(UTC).date(),
    )
    for finding in parsed.findings:
        if finding.severity is Severity.ERROR:
            hint = finding.under or finding.cure
            raise UsageError(finding.message + (f"; {hint}" if hint else ""))
    return starter


def _no_file(name: str) -> bytes:
    raise FileNotFoundError(name)


def _write(policy: Path, starter: Starter) -> None:
    """Write the policy and its tests, neither over a file that is there; the schema if it is not."""
    tests, schema = _tests_beside(policy), policy.with_name(SCHEMA)
    for path in (policy, tests):
        if path.exists():
            raise UsageError(f"{path} is there already and stays; name another with --output")
    try:
        policy.parent.mkdir(parents=True, exist_ok=True)
        with policy.open("x", encoding="utf-8") as file:
            file.write(starter.policy)
        with tests.open("x", encoding="utf-8") as file:
            file.write(starter.tests)
        if not schema.exists():
            schema.write_text(schema_text() + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}") from error


def _tests_beside(policy: Path) -> Path:
    return policy.with_name(f"{policy.stem}.tests{policy.suffix}")
