"""The simulated API in a process of its own, over HTTP on loopback, in the virtual time of its caller.

So that what a bot takes of memory can be told from what the simulated world takes. Each request says
what time it is; the world lets everything happen that is due by then, and answers.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from reviewbot.simulator.app import HOST, Counters, make_app, root_url
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.scenarios import build
from reviewbot.tokportal.transport import Transport

TIME = "x-virtual-time"
LATENCY = 0.15
"""Virtual seconds that a request takes."""


class Dated(httpx.BaseTransport):
    """The bot's own connections, with the time on each request."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._inner = Transport(time.monotonic)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, and let the time pass that it takes."""
        self._clock.advance(LATENCY)
        request.headers[TIME] = repr(self._clock.time)
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


@contextmanager
def elsewhere(scenario: str, **options: Any) -> Iterator[str]:
    """Serve a scenario from another process; give the API root's URL."""
    command = [sys.executable, "-m", "benchmarks.elsewhere", scenario, json.dumps(options)]
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def main(scenario: str, options: str) -> None:
    """Serve until the caller ends this."""
    world = build(scenario, seed=0, requests_kept=None, **json.loads(options))
    assert isinstance(world.clock, VirtualClock)
    clock, inner = world.clock, make_app(Counters(world))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        clock.advance_to(float(dict(scope["headers"])[TIME.encode()]))
        await inner(scope, receive, send)

    with socket.create_server((HOST, 0)) as listener:
        print(root_url(listener), flush=True)
        settings = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
        uvicorn.Server(settings).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
