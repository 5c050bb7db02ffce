"""Walking the tree of commands, for every test that holds words against it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click

from reviewbot.cli.main import root


def every_command(
    group: click.Group = root, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Give each command of the whole tree with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))


def assert_parses(line: str) -> None:
    """Check that the words of a shell line name commands, arguments and options that exist."""
    words = list(_until_the_shell_takes_over(shlex.split(line, comments=True)))
    assert words[0] == "reviewbot", line
    command: click.Command = root
    context = click.Context(root, info_name="reviewbot")
    rest = words[1:]
    while isinstance(command, click.Group):
        if command.invoke_without_command and (not rest or rest[0].startswith("-")):
            break
        assert rest, f"{line!r} stops at a group"
        found = command.get_command(context, rest.pop(0))
        assert found is not None, f"{line!r} names no command"
        command = found
    if not {"--help", "-h"} & set(rest):
        command.make_context(words[-1], rest, parent=click.Context(root), resilient_parsing=False)


def _until_the_shell_takes_over(words: list[str]) -> Iterator[str]:
    for word in words:
        if word in (">", ">>", "|", "<", "&", "&&", ";"):
            return
        yield word
