"""`reviewbot policy fmt`: one layout for every policy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.screen import Screen
from reviewbot.cli.words import counted
from reviewbot.domain.errors import PolicyInvalid, UsageError
from reviewbot.domain.safetext import safe_line
from reviewbot.policy.fmt import UnreadableError, format_policy
from reviewbot.policy.yamltree import MAX_BYTES
from reviewbot.policyfiles import read_capped

FOUND = 4


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot policy fmt policies", "lay out every policy of a folder"),
        Example("reviewbot policy fmt --check policies", "for a CI job; writes nothing"),
        Example("reviewbot policy fmt - < starter.yaml", "from stdin to stdout, for an editor"),
    ],
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option("--check", is_flag=True, help="Write nothing; name what would change, and exit 4.")
@click.pass_obj
def fmt(screen: Screen, paths: tuple[str, ...], check: bool) -> None:
    """Lay out policies and their files of tests one way. Comments stay; no word is changed.

    FILE may be a folder, or - for stdin. Exit code: 0 where all is done, with --check 4 where a file
    would change, 3 where one cannot be laid out (the others are).
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
            inside = [one for one in Path(path).iterdir() if one.suffix in (".yaml", ".yml")]
            yield from sorted(map(str, inside))
        else:
            yield path
