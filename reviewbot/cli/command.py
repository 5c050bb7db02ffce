"""Commands that are imported when they are called, and help that teaches by example."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any, NamedTuple

import click

from reviewbot.cli.screen import Screen


class Lazy(NamedTuple):
    """A command that is not imported yet: `module:attribute`, and its line in the group's help."""

    target: str
    help: str


class Example(NamedTuple):
    """A line to type, and what it does."""

    line: str
    meaning: str


class Command(click.Command):
    """A command with examples in its help and the options that all commands share."""

    def __init__(self, *args: Any, examples: Sequence[Example] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.params += shared_options()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the examples."""
        _format_examples(self.examples, formatter)


class LazyGroup(click.Group):
    """A group whose help needs no command's module, and whose call needs only one."""

    def __init__(
        self,
        *args: Any,
        lazy: Mapping[str, Mapping[str, Lazy]],
        examples: Sequence[Example] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = lazy
        self.lazy = {name: one for section in lazy.values() for name, one in section.items()}
        self.examples = tuple(examples)
        self.params += shared_options()

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the help."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command that was asked for, and no other."""
        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name].target.partition(":")
        found: click.Command = getattr(import_module(module), attribute)
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

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the examples."""
        _format_examples(self.examples, formatter)


def shared_options() -> list[click.Option]:
    """Make the options of every command; they may stand before or after its name."""
    return [
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_on_screen(lambda screen, _: setattr(screen, "verbosity", -1)),
            help="Say only what was asked for, and errors.",
        ),
        click.Option(
            ["-v", "--verbose"],
            count=True,
            expose_value=False,
            callback=_on_screen(lambda screen, count: setattr(screen, "verbosity", count)),
            help="Say more; -vv also shows where an unexpected error came from.",
        ),
        click.Option(
            ["--no-color"],
            is_flag=True,
            expose_value=False,
            callback=_on_screen(lambda screen, _: setattr(screen, "no_color", True)),
            help="No colour (so does NO_COLOR=1).",
        ),
    ]


def _on_screen(
    change: Callable[[Screen, int], None],
) -> Callable[[click.Context, click.Parameter, int], None]:
    def callback(ctx: click.Context, _param: click.Parameter, value: int) -> None:
        if value:
            change(ctx.find_object(Screen) or Screen(), value)

    return callback


def _format_examples(examples: Sequence[Example], formatter: click.HelpFormatter) -> None:
    if not examples:
        return
    with formatter.section("Examples"):
        for example in examples:
            formatter.write_text(example.line)
            with formatter.indentation():
                formatter.write_text(example.meaning)


# ------------------------------------------------------------------------------------------------
# The options and values that several commands share, each written once.


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class MomentType(click.ParamType[datetime]):
    """A moment with a zone, as the API writes it: `2026-06-02T12:00:00Z`."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read the moment, or say what one looks like."""
        from reviewbot.domain.text import parse_iso

        if isinstance(value, datetime):
            return value
        try:
            return parse_iso(value)
        except ValueError:
            self.fail(f"{value!r} is no moment; write it like 2026-06-02T12:00:00Z", param, ctx)


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
