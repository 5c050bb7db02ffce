"""`reviewbot tasks …`: the comment tasks themselves: list, follow, order and cancel them."""

from __future__ import annotations

import click

from reviewbot.cli.lazy import Example, Lazy, LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "Commands": {
            "list": Lazy("reviewbot.cli.tasks.listing:list_", "tasks, newest first"),
            "show": Lazy("reviewbot.cli.tasks.show:show", "the life of one task, as a story"),
            "create": Lazy(
                "reviewbot.cli.tasks.create:create", "order comments; a dry run unless --live"
            ),
            "cancel": Lazy(
                "reviewbot.cli.tasks.cancel:cancel", "cancel pending tasks; a dry run unless --live"
            ),
        }
    },
    examples=[
        Example("reviewbot tasks list --status pending,submitted", "what is being worked on"),
        Example("reviewbot tasks create --csv comments.csv", "what would be ordered, and its cost"),
    ],
)
def tasks() -> None:
    """List, follow, order and cancel comment tasks. Nothing is sent unless you say --live."""
