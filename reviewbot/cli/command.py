"""Commands that are imported when they are called, help that teaches by example, shared options."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from inspect import cleandoc
from typing import Any, NamedTuple

import click

from reviewbot.cli.screen import Screen

FOUND = 4
"""The exit code of a check that found something."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Lazy(NamedTuple):
    """A command that is not imported yet: `file:name` in this folder, and its line of help."""

    target: str
    help: str


class Example(NamedTuple):
    """A line to type, and what it does."""

    line: str
    meaning: str


class Command(click.Command):
    """A command with examples in its help and the options that all commands share.

    The examples are the end of its docstring: `$ reviewbot …  # what it does`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        text, self.examples = _examples_of(kwargs.get("help") or "")
        super().__init__(*args, **kwargs | {"help": text})
        self.params += shared_options()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the examples."""
        if not self.examples:
            return
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write_text(example.line)
                with formatter.indentation():
                    formatter.write_text(example.meaning)


class LazyGroup(Command, click.Group):
    """A group whose help needs no command's module, and whose call needs only one."""

    def __init__(self, *args: Any, lazy: Mapping[str, Mapping[str, Lazy]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = lazy
        self.lazy = {name: child for section in lazy.values() for name, child in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the help."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command that was asked for, and no other."""
        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name].target.partition(":")
        found: click.Command = getattr(import_module(f"reviewbot.cli.{module}"), attribute)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or offer the nearest name."""
        name = args[0]
        if name not in self.lazy and not name.startswith("-") and not ctx.resilient_parsing:
            raise click.NoSuchCommand(name, possibilities=self.lazy, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the table of commands from what is known without importing them."""
        for title, section in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, lazy.help) for name, lazy in section.items()])


def _examples_of(docstring: str) -> tuple[str, list[Example]]:
    """Part a docstring from its examples; one that goes on in the next line is indented there."""
    text, *lines = cleandoc(docstring).split("\n$ ")
    parted = (re.split(r"\s+# ", line.strip(), maxsplit=1) for line in lines)
    return text.rstrip(), [
        Example(*(re.sub(r"\n\s+", " ", part) for part in parts)) for parts in parted
    ]


def command(function: Callable[..., Any]) -> Command:
    """Make a command: it takes the screen first, and its name and help are the function's."""
    name = function.__name__.rstrip("_").replace("_", "-")
    return click.command(name, cls=Command)(click.pass_obj(function))


def group(lazy: Mapping[str, Mapping[str, Lazy]], **attributes: Any) -> Callable[..., LazyGroup]:
    """Make a group of commands by the section of the help."""
    return click.group(cls=LazyGroup, lazy=lazy, **attributes)


def shared_options() -> list[click.Option]:
    """Make the options of every command; they may stand before or after its name."""
    return [
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_sets("verbosity", -1),
            help="Say only what was asked for, and errors.",
        ),
        click.Option(
            ["-v", "--verbose"],
            count=True,
            expose_value=False,
            callback=_sets("verbosity"),
            help="Say more; -vv also shows where an unexpected error came from.",
        ),
        click.Option(
            ["--no-color"],
            is_flag=True,
            expose_value=False,
            callback=_sets("no_color"),
            help="No colour (so does NO_COLOR=1).",
        ),
    ]


def _sets(name: str, fixed: int | None = None) -> Callable[..., None]:
    """Put what was given, or a fixed value in its place, on the screen."""

    def callback(ctx: click.Context, _param: click.Parameter, value: int) -> None:
        if value:
            setattr(ctx.find_object(Screen) or Screen(), name, value if fixed is None else fixed)

    return callback


class MomentType(click.ParamType[datetime]):
    """A moment with a zone: `2026-06-02T12:00:00Z`; with `ago` also a length back: `24h`, `7d`."""

    name = "time"

    def __init__(self, *, ago: bool = False) -> None:
        self._ago = ago

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read the moment, or say what one looks like."""
        from reviewbot.domain.errors import ConfigError
        from reviewbot.domain.text import parse_iso
        from reviewbot.setting_values import read_seconds

        if isinstance(value, datetime):
            return value
        with suppress(ValueError):
            return parse_iso(value)
        if not self._ago:
            self.fail(f"{value!r} is no moment; write it like 2026-06-02T12:00:00Z", param, ctx)
        try:
            return datetime.now(UTC) - timedelta(seconds=read_seconds(value, days=3650))
        except ConfigError:
            self.fail(f"{value!r} is no moment; write 2026-06-02T12:00:00Z, 24h or 7d", param, ctx)


policy_option: Decorator = click.option(
    "--policy",
    "policies",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Policy to judge by; repeat for several.",
)
ledger_option: Decorator = click.option(
    "--ledger", metavar="URL", help="Decision log: sqlite:///PATH or postgresql+psycopg://…"
)
key_option: Decorator = click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="NAME",
    help="Only this key of reviewbot.toml; repeat for several.",
)
config_option: Decorator = click.option(
    "--config", type=click.Path(), metavar="FILE", help="Settings file (reviewbot.toml)."
)


def format_option(*names: str) -> Decorator:
    """Make `--format`; the first name is the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="How to print.",
    )
