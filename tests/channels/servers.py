"""Real servers on loopback that keep what they are sent: one for SMTP, one for HTTP."""

from __future__ import annotations

import base64
import contextlib
import http.server
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any


@dataclass
class Got:
    """One HTTP request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class WebServer:
    """Answers as told and keeps every request. `answers` are (status, headers, body), the last stays."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(
        default_factory=lambda: [(200, {}, b"ok")]
    )
    trickle: bool = False

    def url(self, path: str = "/hook") -> str:
        """An address here."""
        return f"http://127.0.0.1:{self.port}{path}"


@contextlib.contextmanager
def web_server() -> Iterator[WebServer]:
    """Serve HTTP."""
    kept = WebServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept.got.append(Got(self.command, self.path, headers, body))
            status, more, said = kept.answers.pop(0) if len(kept.answers) > 1 else kept.answers[0]
            if kept.trickle:
                drip(self)
                return
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST

        def log_message(self, *about: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_address[1]
    with _serving(server):
        yield kept


def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
    """One byte now and then, never an end."""
    pause = threading.Event()
    with contextlib.suppress(OSError):
        for _ in range(100):
            handler.wfile.write(b"H")
            handler.wfile.flush()
            pause.wait(0.05)


@dataclass
class MailServer:
    """Takes mail as told and keeps it. `refuse` maps a command to the answer it gets."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    readers: list[list[str]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    silent: bool = False


@contextlib.contextmanager
def mail_server(
    context: ssl.SSLContext | None = None, *, wrapped: bool = False
) -> Iterator[MailServer]:
    """Serve SMTP: with STARTTLS where a context is given, within TLS where `wrapped`."""
    kept = MailServer()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                _Talk(self.request, kept, context, wrapped).hold()

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.port = server.server_address[1]
    with _serving(server):
        yield kept


class _Talk:
    """One SMTP connection."""

    def __init__(
        self, sock: Any, kept: MailServer, context: ssl.SSLContext | None, wrapped: bool
    ) -> None:
        self.kept, self.context = kept, context
        if wrapped:
            assert context is not None
            sock = context.wrap_socket(sock, server_side=True)
        self.sock, self.encrypted = sock, wrapped
        self.lines = sock.makefile("rb")
        self.readers: list[str] = []

    def say(self, text: str) -> None:
        self.sock.sendall(text.encode() + b"\r\n")

    def hold(self) -> None:
        if self.kept.silent:
            self.lines.readline()
            return
        self.say("220 ready")
        while line := self.lines.readline():
            word = line.split()[0].upper().decode()
            if word in self.kept.refuse:
                self.say(self.kept.refuse[word])
            elif not self.answer(word, line):
                return

    def answer(self, word: str, line: bytes) -> bool:
        match word:
            case "EHLO":
                offers = ["local", "AUTH PLAIN", "8BITMIME"]
                if self.context is not None and not self.encrypted:
                    offers.append("STARTTLS")
                for offer in offers[:-1]:
                    self.say(f"250-{offer}")
                self.say(f"250 {offers[-1]}")
            case "STARTTLS":
                assert self.context is not None
                self.say("220 go")
                self.sock = self.context.wrap_socket(self.sock, server_side=True)
                self.lines, self.encrypted = self.sock.makefile("rb"), True
            case "AUTH":
                _, user, password = base64.b64decode(line.split()[2]).split(b"\0")
                self.kept.logins.append((user.decode(), password.decode()))
                self.say("235 ok")
            case "RCPT":
                reader = line.decode().split("<")[1].split(">")[0]
                if reader in self.kept.refuse:
                    self.say(self.kept.refuse[reader])
                else:
                    self.readers.append(reader)
                    self.say("250 ok")
            case "DATA":
                self.take()
            case "QUIT":
                self.say("221 bye")
                return False
            case _:
                self.say("250 ok")
        return True

    def take(self) -> None:
        self.say("354 go")
        body = b""
        while (line := self.lines.readline()) != b".\r\n":
            body += line.removeprefix(b".") if line.startswith(b"..") else line
        self.kept.raw.append(body)
        mail = message_from_bytes(body, policy=default)
        assert isinstance(mail, EmailMessage)
        self.kept.mails.append(mail)
        self.kept.readers.append(self.readers)
        self.kept.encrypted.append(self.encrypted)
        self.say("250 ok")


@contextlib.contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
