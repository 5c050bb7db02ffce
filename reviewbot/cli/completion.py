"""`reviewbot completion`: the script that teaches a shell our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from reviewbot.cli.lazy import Command, Example
from reviewbot.cli.screen import Screen


@click.command(
    cls=Command,
    examples=[
        Example("reviewbot completion bash >> ~/.bashrc", "bash"),
        Example("reviewbot completion zsh >> ~/.zshrc", "zsh, after compinit"),
        Example("reviewbot completion fish > ~/.config/fish/completions/reviewbot.fish", "fish"),
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
@click.pass_context
def completion(ctx: click.Context, screen: Screen, shell: str) -> None:
    """Print the completion script of SHELL, for its start-up file."""
    script = get_completion_class(shell)
    assert script is not None
    root = ctx.find_root().command
    screen.data(script(root, {}, "reviewbot", "_REVIEWBOT_COMPLETE").source())
