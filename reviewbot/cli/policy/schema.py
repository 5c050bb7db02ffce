"""`reviewbot policy schema`: the JSON Schema by which an editor completes and underlines."""

from __future__ import annotations

import json

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.screen import Screen


@click.command(
    cls=Command,
    examples=[
        Example(
            "reviewbot policy schema > policies/policy.schema.json",
            "beside the policies, whose first line names it for the editor",
        ),
    ],
)
@click.pass_obj
def schema(screen: Screen) -> None:
    """Print the JSON Schema (draft-07) of policies.

    An editor that knows YAML (VS Code with its YAML extension, Neovim, IntelliJ) reads it by this
    first line of a policy:

    # yaml-language-server: $schema=./policy.schema.json

    The schema helps while typing; `reviewbot policy check` is what counts.
    """
    screen.data(schema_text())


def schema_text() -> str:
    """The schema as it is written to a file."""
    from reviewbot.policy.schema import policy_schema

    return json.dumps(policy_schema(), indent=2, ensure_ascii=False)
