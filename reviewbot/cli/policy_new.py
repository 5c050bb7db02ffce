"""`reviewbot policy new` and `schema`: a start from a sound policy, and completion in an editor."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from reviewbot.cli.command import command
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import UsageError
from reviewbot.domain.text import pretty
from reviewbot.policy import starters
from reviewbot.policy.diagnostics import Severity
from reviewbot.policy.language.parser import parse_policy
from reviewbot.policy.language.schema import policy_schema, schema_of_tests
from reviewbot.policy.starters import Starter
from reviewbot.policy.text_forms import listed
from reviewbot.presentation.style import styled

SCHEMA = "policy.schema.json"


@command
@click.option("--tests", is_flag=True, help="The schema of NAME.tests.yaml instead.")
def schema(screen: Screen, tests: bool) -> None:
    """Print the JSON Schema (draft-07) of policies.

    An editor that knows YAML (VS Code with its YAML extension, Neovim, IntelliJ) reads it by this
    first line of a policy:

    # yaml-language-server: $schema=./policy.schema.json

    The schema helps while typing; `reviewbot policy check` is what counts.

    $ reviewbot policy schema > policies/policy.schema.json
      # beside the policies, whose first line names it for the editor
    """
    screen.data(pretty(schema_of_tests() if tests else policy_schema()))


@command
@click.option("--template", metavar="NAME", help=f"One of {', '.join(starters.names())}.")
@click.option("--name", metavar="NAME", help="What the policy is called: small letters, digits, -.")
@click.option("--owner", metavar="WHO", help="Who answers questions about it.")
@click.option("--timezone", metavar="ZONE", help="Zone of its hours and dates: Europe/Paris.")
@click.option("--output", type=click.Path(), metavar="FILE", help="Where to; NAME.yaml without it.")
@click.option("--list", "lists", is_flag=True, help="Say which templates there are, and end.")
def new(
    screen: Screen,
    template: str | None,
    name: str | None,
    owner: str | None,
    timezone: str | None,
    output: str | None,
    lists: bool,
) -> None:
    """Start a policy from a template, with its tests beside it and completion for your editor.

    On a terminal what is not said by an option is asked; elsewhere --template and --name are needed.
    A file that is there is never written over.

    $ reviewbot policy new  # answer a few questions
    $ reviewbot policy new --list  # which templates are there?
    $ reviewbot policy new --template cautious --name my-policy  # ask nothing
    $ reviewbot policy new --template desk --name desk --timezone Europe/Paris
      --owner ops@example.com --output policies/desk.yaml  # say everything
    """
    if lists:
        wide = max(map(len, starters.names()))
        for each in map(starters.read, starters.names()):
            screen.data(f"{each.name:{wide}}  {each.about}")
        return
    if sys.stdin.isatty() and sys.stderr.isatty():
        template = template or _ask_template(screen)
        name = name or _ask("What shall it be called (small letters, digits, -)", template)
        owner = owner or _ask("Who answers questions about it", "ops@example.com")
        timezone = timezone or _ask("In which time zone do you work", "UTC")
        output = output or _ask("Where shall it be written", f"{name}.yaml")
    if template is None or name is None:
        raise UsageError(
            "say --template and --name; nothing is asked where no person can answer."
            f" Templates: {listed(starters.names(), 'and')}"
        )
    starter = _starter(template, name, owner, timezone)
    policy = Path(output or f"{name}.yaml")
    tests = policy.with_name(f"{policy.stem}.tests{policy.suffix}")
    _write(policy, tests, starter)
    screen.say(
        f"{styled('written', 'good')}  {policy}, its tests {tests.name},"
        f" {''.join(f'its list {file}, ' for file in starter.beside)}and {SCHEMA} for your editor"
    )
    screen.say(f"next     reviewbot policy check {policy}")
    screen.say(f"         reviewbot policy test {policy}")
    screen.say(f"         reviewbot policy read {policy}")
    screen.say("         reviewbot policy guide")


def _ask_template(screen: Screen) -> str:
    names = {str(number): name for number, name in enumerate(starters.names(), 1)}
    for number, name in names.items():
        screen.say(f"  {number}  {styled(name, 'strong')}: {starters.read(name).about}")
    choice = click.Choice([*names, *names.values()])
    chosen: str = click.prompt(
        "Which is nearest to what you want", default="1", type=choice, show_choices=False, err=True
    )
    return names.get(chosen, chosen)


def _ask(question: str, default: str) -> str:
    answer: str = click.prompt(question, default=default, err=True)
    return answer.strip()


def _starter(template: str, name: str, owner: str | None, timezone: str | None) -> Starter:
    """The policy with the answers put in. Raises UsageError where it could not be used."""
    if template not in starters.names():
        raise UsageError(
            f"no template is called {template!r}; there are {listed(starters.names(), 'and')}"
        )
    starter = starters.render(name=template, policy_name=name, owner=owner, timezone=timezone)
    parsed = parse_policy(
        starter.policy,
        path=name,
        read=lambda file: starter.beside[file].encode(),
        tests=("tests", starter.tests.encode()),
        today=datetime.now(UTC).date(),
    )
    for finding in parsed.findings:
        if finding.severity is Severity.ERROR:
            hint = finding.under or finding.cure
            raise UsageError(finding.message + (f"; {hint}" if hint else ""))
    return starter


def _write(policy: Path, tests: Path, starter: Starter) -> None:
    """Write the policy and its tests, neither over a file that is there; lists and schema if they are not."""
    for path in (policy, tests):
        if path.exists():
            raise UsageError(f"{path} is there already and stays; name another with --output")
    schema = policy.with_name(SCHEMA)
    try:
        policy.parent.mkdir(parents=True, exist_ok=True)
        for path, text in ((policy, starter.policy), (tests, starter.tests)):
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        for name, text in starter.beside.items():
            if not (beside := policy.with_name(name)).exists():
                beside.write_text(text, encoding="utf-8")
        if not schema.exists():
            schema.write_text(pretty(policy_schema()) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}") from error
