"""The README and the program agree: commands, examples, exit codes, the policy it shows."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from reviewbot.domain import errors
from tests.cli.walk import assert_parses, every_command

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The README's code blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def table(heading: str) -> dict[str, str]:
    """The first two columns of the table under a heading, code marks taken off."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", section, re.M)
    return {name.strip("`"): meaning for name, meaning in rows[1:]}


SHELL_LINES = [line for block in blocks("sh") for line in block.splitlines()]
OURS = [line for line in SHELL_LINES if line.startswith("reviewbot ")]


@pytest.mark.parametrize("line", OURS)
def test_every_command_line_parses(line: str) -> None:
    """What a reader copies from the README is a command with options that exist."""
    assert_parses(line)


def test_every_make_line_is_a_target() -> None:
    """The README names no target that the Makefile lacks, and `make test` stands on its own line."""
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert targets
    named = {line.split()[1] for line in SHELL_LINES if line.startswith("make ")}
    assert named <= set(targets.group(1).split())
    assert "make test" in SHELL_LINES


def test_the_table_of_commands_is_the_tree_of_commands() -> None:
    """No command is missing from the table, and none is only there."""
    real = {
        " ".join(("reviewbot", *path))
        for path, command in every_command()
        if not isinstance(command, click.Group)
    }
    assert set(table("Commands")) == real


def test_the_table_of_exit_codes_is_what_errors_say() -> None:
    """Every exit code that an error carries is explained."""
    listed = {int(code) for code in table("Exit codes")}
    kinds = [errors.ReviewbotError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert {kind.exit_code for kind in kinds} <= listed
    assert {0, 4, 130} <= listed
