"""A refused key ends a command that runs once with 77; a page of something in between with 69."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reviewbot.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = b"<html>Access denied</html>"
REFUSED = json.dumps({"error": {"code": "AUTH_REVOKED_KEY", "message": "Revoked."}}).encode()
COMMANDS = (("doctor",), ("report",), ("run", "--once"))


@contextmanager
def an_api(status: int, body: bytes, kind: str) -> Iterator[str]:
    """Something that answers every request alike; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quietly."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, REFUSED, "application/json", 77),
        (403, REFUSED, "application/json", 77),
        (403, PAGE, "text/html", 69),
        (401, PAGE, "text/html", 69),
        (403, b'{"error":"Forbidden"}', "application/json", 69),
    ],
)
def test_only_the_apis_own_words_are_about_the_key(
    command: tuple[str, ...],
    status: int,
    body: bytes,
    kind: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A firewall's page says nothing about it, whatever its status."""
    monkeypatch.setattr("reviewbot.tokportal.rate_limit.TRIES", 1)
    monkeypatch.setattr("reviewbot.tokportal.rate_limit.FIRST_WAIT", 0.01)
    with an_api(status, body, kind) as url:
        monkeypatch.setenv("TOKPORTAL_BASE_URL", url)
        monkeypatch.setenv("TOKPORTAL_API_KEY", "sk_test_refused")
        monkeypatch.setenv("REVIEWBOT_POLICY", str(ROOT / "reviewbot/cli/demo.yaml"))
        monkeypatch.setenv("REVIEWBOT_LEDGER", f"sqlite:///{tmp_path}/log.db")

        assert main(command) == code
