"""`reviewbot simulator`: a simulated TokPortal over HTTP, to try things against."""

from __future__ import annotations

import click

from reviewbot.cli.command import command
from reviewbot.cli.screen import Screen
from reviewbot.domain.errors import UsageError
from reviewbot.simulator.app import serve
from reviewbot.simulator.faults import FAULTS, parse_faults
from reviewbot.simulator.scenarios import SCENARIOS


@command
@click.option("--port", default=8080, show_default=True, help="Where to listen; 0: any free port.")
@click.option(
    "--scenario",
    type=click.Choice(list(SCENARIOS)),
    default="default",
    show_default=True,
    help="What the world is like.",
)
@click.option("--speed", default=1.0, show_default=True, help="Simulated seconds in a real one.")
@click.option("--seed", default=0, show_default=True, help="Decides everything left to chance.")
@click.option(
    "--faults",
    metavar="SPEC",
    default="",
    help=f"What goes wrong, as FAULT:CHANCE,…: {', '.join(FAULTS)}.",
)
def simulator(
    screen: Screen, port: int, scenario: str, speed: float, seed: int, faults: str
) -> None:
    """Serve a simulated TokPortal on this machine until interrupted, and print its URL.

    It keeps tasks and accounts with a life of their own, and answers as the documents say. Any key
    that begins with sk_ or tok_live_ is accepted, and each has a queue of its own; what stands behind
    a dot makes no other key of it, so sk_acme.1 can be rotated to sk_acme.2. Point the bot at it with TOKPORTAL_BASE_URL.

    $ reviewbot simulator  # on port 8080, in real time
    $ reviewbot simulator --port 0 --speed 60  # any free port; a minute is a second
    $ reviewbot simulator --scenario backlog  # 230 tasks wait, nothing arrives
    $ reviewbot simulator --faults "429:0.1,5xx html:0.05"  # some calls go wrong
    """
    if not speed > 0:
        raise UsageError(f"--speed must be above 0, not {speed:g}")
    try:
        schedule = parse_faults(faults, seed=seed)
    except ValueError as error:
        raise UsageError(f"--faults: {error}") from error
    try:
        serve(port, scenario, speed, seed, faults=schedule, on_ready=screen.data)
    except OSError as error:
        raise UsageError(f"port {port} cannot be used: {error.strerror or error}") from error
