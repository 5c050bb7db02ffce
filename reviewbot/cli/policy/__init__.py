"""`reviewbot policy …`: everything that needs a policy and no queue."""

from __future__ import annotations

import click

from reviewbot.cli.lazy import Example, Lazy, LazyGroup

COMMANDS = {
    "Commands": {
        "new": Lazy("reviewbot.cli.policy.new:new", "start a policy from a template"),
        "check": Lazy("reviewbot.cli.policy.check:check", "find every mistake of a policy"),
        "facts": Lazy("reviewbot.cli.policy.facts:facts", "what a rule may ask about"),
        "test": Lazy("reviewbot.cli.policy.test:test", "run the tests a policy brings"),
        "read": Lazy("reviewbot.cli.policy.read:read", "say a policy, or a change, in sentences"),
        "accept": Lazy("reviewbot.cli.policy.accept:accept", "let a changed policy run"),
        "fmt": Lazy("reviewbot.cli.policy.fmt:fmt", "lay policies out one way"),
        "schema": Lazy("reviewbot.cli.policy.schema:schema", "completion for your editor"),
        "explain": Lazy("reviewbot.cli.policy.explain:explain", "why a task is decided as it is"),
        "decide": Lazy("reviewbot.cli.policy.decide:decide", "judge recorded tasks, offline"),
        "backtest": Lazy("reviewbot.cli.policy.backtest:backtest", "what it makes of the past"),
        "diff": Lazy("reviewbot.cli.policy.diff:diff", "what a change would have changed"),
    }
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    examples=[
        Example("reviewbot policy check policies/starter.yaml", "every mistake, with its cure"),
        Example("reviewbot policy test policies/starter.yaml", "do its own tests hold?"),
        Example("reviewbot policy facts last", "all facts about the checker's last try"),
    ],
)
def policy() -> None:
    """Check, test and understand policies. Needs no key and no network.

    A policy is a YAML file of ordered rules; the first rule that matches a task decides it.
    """
