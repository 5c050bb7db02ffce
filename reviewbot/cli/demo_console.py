"""`reviewbot demo --console`: the week goes on in real time, with the desk in a browser."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import httpx
from msgspec.structs import replace

from reviewbot.cli.demo_week import Week
from reviewbot.cli.screen import Screen
from reviewbot.core.context import BotContext
from reviewbot.insights.heartbeat import beating_poll, heart_of
from reviewbot.ledger.open import open_ledger
from reviewbot.presentation.style import styled
from reviewbot.review.poll import poll_once
from reviewbot.runtime.bootstrap import build
from reviewbot.web.console import Console
from reviewbot.web.server import ConsoleServer, first_look, hosts_of, passwords_of

EVERY = 10.0
"""Seconds between two passes: somebody looks on."""


class OneAtATime(httpx.BaseTransport):
    """The simulated world answers one request at a time; the bot and the console both ask it."""

    def __init__(self, world: httpx.BaseTransport) -> None:
        self._world = world
        self.mutex = threading.RLock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        with self.mutex:
            return self._world.handle_request(request)


def a_week_until_now(seed: int, folder: Path) -> Week:
    """A week of the demo that ends now, on a log in a folder."""
    return Week(seed, ledger=f"sqlite:///{folder / 'demo.db'}", ends=datetime.now(UTC))


def stay_up(screen: Screen, week: Week, address: tuple[str, int]) -> None:
    """Serve the console on the week's log until interrupted; the bot goes on beside it."""
    transport = OneAtATime(week.transport)
    settings = replace(week.settings, every=EVERY)
    ledger = open_ledger(settings.ledger, key=settings.key)

    def bot() -> BotContext:
        return build(settings, judges=(), transport=transport, clock=week.clock, ledger=ledger)

    console = Console(
        settings=settings,
        ledger=ledger,
        hosts=hosts_of(address, ()),
        make_bot=bot,
        passwords=passwords_of(settings),
    )
    server = ConsoleServer(console, address)
    poll = beating_poll(heart_of(settings, once=False), EVERY, poll_once)
    with transport.mutex:
        poll(week.app)
    server.start()
    screen.data("")
    screen.data(styled("The desk in a browser", "strong") + ", on this world, in real time:")
    screen.data(f"  {first_look(console, address, server.url) or server.url}")
    screen.say("Ctrl-C ends it; nothing is kept.")
    ended = threading.Event()
    try:
        while not ended.wait(EVERY):
            with transport.mutex:
                week.clock.advance_to(datetime.now(UTC))
                poll(week.app)
    except KeyboardInterrupt:
        screen.say("")
    finally:
        server.stop()
        ledger.close()
