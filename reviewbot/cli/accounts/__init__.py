"""`reviewbot accounts …`: the accounts under review, and what a person does with them."""

from __future__ import annotations

import click

from reviewbot.cli.lazy import Example, Lazy, LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "See": {
            "list": Lazy("reviewbot.cli.accounts.listing:list_", "what waits, or was delivered"),
            "show": Lazy("reviewbot.cli.accounts.showing:show", "one account and its story"),
        },
        "Act": {
            "finalize": Lazy("reviewbot.cli.accounts.acting:finalize", "let it go live, for good"),
            "corrections": Lazy("reviewbot.cli.accounts.acting:corrections", "ask for corrections"),
        },
    },
    examples=[
        Example("reviewbot accounts list", "accounts in review, with the time left (estimated)"),
        Example(
            "reviewbot accounts list --delivered", "the accounts that can post, with their ids"
        ),
        Example("reviewbot accounts show bnd_abc123", "requested, delivered, and all feedback"),
        Example("reviewbot accounts finalize bnd_abc123", "what it would do; sends nothing"),
    ],
)
def accounts() -> None:
    """See accounts under review, and finalize them or ask for corrections by hand.

    An act is a dry run unless --live (or REVIEWBOT_MODE=live). It goes through the same log as the
    bot's decisions and carries your name: --as NAME, REVIEWBOT_PERSON, or your login. The API states
    no deadline for accounts: the time left is counted from when this tool first saw each in review.
    """
