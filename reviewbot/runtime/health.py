"""Three pages over HTTP for probes and metrics: read-only, no secrets, one thread a question."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Protocol
from urllib.parse import urlsplit

from reviewbot.domain.errors import ConfigError
from reviewbot.domain.text import safe_line
from reviewbot.runtime.liveness import Pulse
from reviewbot.runtime.metrics import Exposition

PATIENCE = 5.0
"""Seconds that a client may take to ask."""
LOOK = 0.1
"""Seconds between two looks at whether to end."""
PLAIN = "text/plain; charset=utf-8"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Page = tuple[HTTPStatus, str, bytes]


class Bots(Protocol):
    """The bots of this process, as probes see them."""

    def pulses(self) -> Iterable[Pulse]:
        """The pulse of each that runs."""

    def leaders(self) -> Mapping[str, bool]:
        """Each key that this process may hold, and whether it does."""

    def stuck(self) -> str | None:
        """Why the process should be started anew; None while it turns."""

    def unready(self) -> str | None:
        """Why not all of the work can be done now."""


class HealthServer(ThreadingHTTPServer):
    """Answers until `close`; never in the way of the loop, and gone with the process."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 16

    def __init__(self, address: tuple[str, int], bots: Bots) -> None:
        self.bots = bots
        self.exposition = Exposition(bots.pulses, bots.leaders)
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            raise ConfigError(
                f"cannot listen at {address[0]}:{address[1]} ({error.strerror})"
            ) from error
        self._thread = threading.Thread(
            target=self.serve_forever, args=(LOOK,), daemon=True, name="health"
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about a client that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: HealthServer
    timeout = PATIENCE
    server_version = "reviewbot"
    sys_version = ""

    def do_GET(self) -> None:
        page = self.PAGES.get(urlsplit(self.path).path)
        status, kind, body = (
            page(self.server) if page else (HTTPStatus.NOT_FOUND, PLAIN, b"no such page\n")
        )
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds; nobody wants to read of each."""

    PAGES: ClassVar[dict[str, Callable[[HealthServer], Page]]] = {
        "/-/healthy": lambda server: _answer(server.bots.stuck()),
        "/-/ready": lambda server: _answer(server.bots.unready()),
        "/metrics": lambda server: (HTTPStatus.OK, CONTENT_TYPE, server.exposition.text()),
    }


def _answer(problem: str | None) -> Page:
    if problem is None:
        return HTTPStatus.OK, PLAIN, b"ok\n"
    return HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, f"{safe_line(problem)}\n".encode()
