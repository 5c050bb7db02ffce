"""`reviewbot log …`: the decision log, to read, to hold against itself and to take away."""

from __future__ import annotations

import click

from reviewbot.cli.lazy import Example, Lazy, LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "Commands": {
            "show": Lazy("reviewbot.cli.log.show:show", "decisions, or one with its grounds"),
            "verify": Lazy("reviewbot.cli.log.verify:verify", "is the log whole and unchanged?"),
            "checkpoint": Lazy(
                "reviewbot.cli.log.checkpoint:checkpoint", "state how far the log has come"
            ),
            "replay": Lazy("reviewbot.cli.log.replay:replay", "judge every decision again"),
            "export": Lazy("reviewbot.cli.log.export:export", "all decisions as JSON lines or CSV"),
        }
    },
    examples=[
        Example("reviewbot log show", "the newest 100 decisions"),
        Example("reviewbot log verify", "recompute the whole chain"),
        Example("reviewbot log replay", "judge everything again by the policies that judged it"),
    ],
)
def log() -> None:
    """Read the decision log: every decision, on which grounds, and what became of it."""
