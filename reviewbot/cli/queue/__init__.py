"""`reviewbot queue …`: what waits for a person, and the person's answers."""

from __future__ import annotations

import click

from reviewbot.cli.lazy import Example, Lazy, LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "See": {
            "list": Lazy("reviewbot.cli.queue.listing:list_", "every open question, by deadline"),
            "show": Lazy("reviewbot.cli.queue.showing:show", "one question with all that was seen"),
            "claim": Lazy("reviewbot.cli.queue.claiming:claim", "say that you look at it"),
            "release": Lazy("reviewbot.cli.queue.claiming:release", "let others look at it"),
        },
        "Answer a comment task": {
            "approve": Lazy("reviewbot.cli.queue.answering:approve", "pay it, for good"),
            "dispute": Lazy("reviewbot.cli.queue.answering:dispute", "send it back with a reason"),
        },
        "Answer an account review": {
            "finalize": Lazy("reviewbot.cli.queue.answering:finalize", "let it go live, for good"),
            "corrections": Lazy("reviewbot.cli.queue.answering:corrections", "ask for corrections"),
        },
    },
    examples=[
        Example("reviewbot queue list", "every open question, most urgent first"),
        Example("reviewbot queue show 0d8b5a3e", "one question with all that was seen"),
        Example("reviewbot queue approve 0d8b5a3e", "what your answer would do; sends nothing"),
        Example("reviewbot queue approve 0d8b5a3e --live", "answer"),
    ],
)
def queue() -> None:
    """See what waits for a person, and answer. Silence pays: each line says when.

    An answer is a dry run unless --live (or REVIEWBOT_MODE=live). It works beside a running bot,
    goes through the same log as a rule's decision, and carries your name: --as NAME,
    REVIEWBOT_PERSON, or your login.
    """
