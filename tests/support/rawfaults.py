"""A raw-socket HTTP server that misbehaves on purpose, for tests of a client over real sockets.

It reads one well-formed request at a time and then does what its named fault says, down to single
bytes and TCP resets, which no HTTP framework would let it do. It knows nothing of TokPortal: a good
answer is whatever the test put into `body`, or what its `carry_out` gives for a request.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import TracebackType

HTML = b"<!doctype html><title>Just a moment</title><p>Checking your browser.</p>"
MEBIBYTE = b"0" * (1 << 20)


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What a good answer holds."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class RawServer:
    """Misbehaves on a free loopback port, for as long as the `with` block lasts.

    Set `fault` to one of `RAW_FAULTS` (a test may change it between requests), or `choose` to what
    gives one for each request; `greeting` to one of `GREETINGS`, for what happens before any
    request is read. `body` and `status` are what a good answer holds, unless `carry_out` is set to
    what gives it. Without `keeps_alive` each connection is for one request. `requests` holds every
    complete request that arrived; `applied` those that the server carried out before it misbehaved.
    """

    def __init__(self, fault: str = "ok", *, body: bytes = b'{"data": []}', status: int = 200):
        self.fault = fault
        self.body = body
        self.status = status
        self.pause = 0.05
        self.keeps_alive = True
        self.choose: Callable[[RawRequest, int], str] = lambda _request, _number: self.fault
        """Which fault a request gets; the number counts the requests of its connection from 0."""
        self.greeting: Callable[[int], str] = lambda _connection: "ok"
        """How a connection is met; its number counts from 1."""
        self.carry_out: Callable[[RawRequest], RawAnswer] = lambda _: RawAnswer(
            self.status, self.body
        )
        self.requests: list[RawRequest] = []
        self.applied: list[RawRequest] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def url(self) -> str:
        """The API root."""
        return f"http://127.0.0.1:{self.port}/api/ext"

    def __enter__(self) -> RawServer:
        """Begin to accept."""
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop accepting; whatever hangs is let go."""
        self.stopping.set()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        # A blocked accept() does not notice that its socket was closed, but it notices a guest.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            pass
        for thread in self._threads:
            thread.join(timeout=5)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.stopping.is_set():
                connection.close()
                return
            self.connections += 1
            meet = GREETINGS[self.greeting(self.connections)]
            thread = threading.Thread(target=self._converse, args=(connection, meet), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _converse(self, connection: socket.socket, meet: Greeting) -> None:
        connection.settimeout(0.2)
        number = 0
        self._open.add(connection)
        with contextlib.suppress(OSError), connection:
            if not meet(self, connection):
                return
            while not self.stopping.is_set():
                request = _read_request(connection, self.stopping)
                if request is None:
                    return
                self.requests.append(request)
                connection.settimeout(5)
                fault = RAW_FAULTS[self.choose(request, number)]
                if not fault(_Turn(self, connection, request)) or not self.keeps_alive:
                    return
                connection.settimeout(0.2)
                number += 1


Greeting = Callable[[RawServer, socket.socket], bool]


@dataclass(slots=True)
class _Turn:
    """One request and the means to answer it."""

    server: RawServer
    connection: socket.socket
    request: RawRequest
    answer: RawAnswer | None = None

    def apply(self) -> RawAnswer:
        """Do what was asked, once."""
        if self.answer is None:
            self.server.applied.append(self.request)
            self.answer = self.server.carry_out(self.request)
        return self.answer

    @property
    def body(self) -> bytes:
        return self.apply().body

    @property
    def half(self) -> bytes:
        return self.body[: max(1, len(self.body) // 2)]

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def head(
        self, *headers: str, status: int | None = None, kind: str = "application/json"
    ) -> None:
        code = self.apply().status if status is None else status
        lines = [f"HTTP/1.1 {code} Simulated", f"Content-Type: {kind}", *headers]
        if not self.server.keeps_alive and "Connection: close" not in headers:
            lines.append("Connection: close")
        self.send("\r\n".join([*lines, "", ""]).encode())

    def whole(
        self, body: bytes, *headers: str, status: int | None = None, kind: str = "application/json"
    ) -> bool:
        """Do what was asked, and answer in one piece."""
        self.apply()
        return self.refuse(body, *headers, status=status, kind=kind)

    def refuse(
        self, body: bytes, *headers: str, status: int | None = None, kind: str = "application/json"
    ) -> bool:
        """Answer in one piece, with nothing done."""
        self.head(f"Content-Length: {len(body)}", *headers, status=status, kind=kind)
        self.send(body)
        return True

    def wait(self, seconds: float) -> bool:
        """Pause; gives False when the server is stopping."""
        return not self.server.stopping.wait(seconds)

    def reset(self) -> bool:
        _reset(self.connection)
        return False


def _reset(connection: socket.socket) -> None:
    # Lingering for 0 seconds makes the kernel send a reset instead of an orderly end.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _ok(turn: _Turn) -> bool:
    headers = (f"{name}: {text}" for name, text in turn.apply().headers)
    return turn.whole(turn.body, *headers)


def _truncated_with_length(turn: _Turn) -> bool:
    turn.apply()
    turn.head(f"Content-Length: {len(turn.body)}")
    turn.send(turn.half)
    return False


def _truncated_without_length(turn: _Turn) -> bool:
    turn.apply()
    turn.head("Connection: close")
    turn.send(turn.half)
    return False


def _truncated_chunks(turn: _Turn) -> bool:
    turn.apply()
    turn.head("Transfer-Encoding: chunked")
    turn.send(b"%x\r\n%s\r\n" % (len(turn.half), turn.half))
    return False


def _clean_half(turn: _Turn) -> bool:
    return turn.whole(turn.half)


def _trickle(turn: _Turn) -> bool:
    turn.apply()
    turn.head(f"Content-Length: {len(turn.body)}")
    for number in range(len(turn.body)):
        if not turn.wait(turn.server.pause):
            return False
        turn.send(turn.body[number : number + 1])
    return True


def _trickled_headers(turn: _Turn) -> bool:
    turn.apply()
    for byte in b"HTTP/1.1 200 Simulated\r\nContent-Length: 2\r\n\r\n{}":
        if not turn.wait(turn.server.pause):
            return False
        turn.send(bytes((byte,)))
    return True


def _hang(turn: _Turn) -> bool:
    turn.apply()
    return turn.wait(3600)


def _hang_in_the_body(turn: _Turn) -> bool:
    turn.apply()
    turn.head(f"Content-Length: {len(turn.body)}")
    turn.send(turn.half)
    return turn.wait(3600)


def _reset_before(turn: _Turn) -> bool:
    return turn.reset()


def _reset_after(turn: _Turn) -> bool:
    turn.apply()
    return turn.reset()


def _reset_in_the_body(turn: _Turn) -> bool:
    turn.apply()
    turn.head(f"Content-Length: {len(turn.body)}")
    turn.send(turn.half)
    return turn.reset()


def _closed_without_answer(turn: _Turn) -> bool:
    turn.apply()
    return False


def _closed_after_keep_alive(turn: _Turn) -> bool:
    turn.whole(turn.body, "Connection: keep-alive")
    return False


def _gzip_bomb(turn: _Turn) -> bool:
    return turn.whole(_bomb(), "Content-Encoding: gzip")


@cache
def _bomb() -> bytes:
    return gzip.compress(MEBIBYTE * 64, compresslevel=1)


def _huge_body(turn: _Turn) -> bool:
    turn.apply()
    turn.head(f"Content-Length: {2 << 30}")
    for _ in range(2048):
        if turn.server.stopping.is_set():
            return False
        turn.send(MEBIBYTE)
    return True


def _endless_body(turn: _Turn) -> bool:
    turn.apply()
    turn.head("Connection: close")
    while not turn.server.stopping.is_set():
        turn.send(MEBIBYTE)
    return False


def _redirect(turn: _Turn) -> bool:
    return turn.whole(b"", f"Location: {turn.server.url}/elsewhere", status=302)


def _redirect_elsewhere(turn: _Turn) -> bool:
    return turn.whole(b"", "Location: http://127.0.0.1:9/steal", status=307)


def _too_many(turn: _Turn) -> bool:
    body = b'{"error":{"code":"RATE_LIMIT_EXCEEDED","message":"Slow down.","details":{"retry_after_seconds":3}}}'
    return turn.refuse(body, "Retry-After: 2", status=429)


def _huge_header(turn: _Turn) -> bool:
    return turn.whole(turn.body, "X-Padding: " + "x" * 300_000)


def _bad_status_line(turn: _Turn) -> bool:
    turn.apply()
    turn.send(b"NOT HTTP AT ALL\r\n\r\n")
    return False


def _fixed(body: bytes, **how: str | int) -> Callable[[_Turn], bool]:
    status = how.get("status")
    kind = str(how.get("kind", "application/json"))
    code = status if isinstance(status, int) else None
    return lambda turn: turn.whole(body, status=code, kind=kind)


def _refused(status: int, code: str) -> Callable[[_Turn], bool]:
    """A refusal in an envelope, with nothing done."""
    body = f'{{"error": {{"code": "{code}", "message": "No (simulated)."}}}}'.encode()
    return lambda turn: turn.refuse(body, status=status)


def _changed(change: Callable[[bytes], bytes]) -> Callable[[_Turn], bool]:
    """A good answer, spoiled."""
    return lambda turn: turn.whole(change(turn.body))


def _other_ids(body: bytes) -> bytes:
    return re.sub(
        rb'"((?:task_)?id)": ?"[^"]*"', rb'"\1": "00000000-dead-4000-8000-000000000000"', body
    )


def _status_line(status: int) -> Callable[[_Turn], bool]:
    """A good answer under a status that nobody documents."""
    return lambda turn: turn.whole(turn.body, status=status)


RAW_FAULTS: dict[str, Callable[[_Turn], bool]] = {
    "ok": _ok,
    "truncated with length": _truncated_with_length,
    "truncated without length": _truncated_without_length,
    "truncated chunks": _truncated_chunks,
    "clean half": _clean_half,
    "trickle": _trickle,
    "trickled headers": _trickled_headers,
    "hang": _hang,
    "hang in the body": _hang_in_the_body,
    "reset before": _reset_before,
    "reset after": _reset_after,
    "reset in the body": _reset_in_the_body,
    "closed without answer": _closed_without_answer,
    "closed after keep-alive": _closed_after_keep_alive,
    "gzip bomb": _gzip_bomb,
    "huge body": _huge_body,
    "endless body": _endless_body,
    "redirect": _redirect,
    "redirect elsewhere": _redirect_elsewhere,
    "429": _too_many,
    "huge header": _huge_header,
    "bad status line": _bad_status_line,
    "204": lambda turn: turn.whole(b"", status=204),
    "empty 200": _fixed(b""),
    "html 200": _fixed(HTML, kind="text/html"),
    "html 200 as json": _fixed(HTML),
    "html 502": _fixed(HTML, status=502, kind="text/html"),
    "empty 503": _fixed(b"", status=503),
    "wrong charset": _fixed(
        '{"data": "é"}'.encode("utf-16"), kind="application/json; charset=utf-8"
    ),
    "invalid utf-8": _fixed(b'{"data": {"id": "\xff\xfe"}}'),
    "duplicate keys": _fixed(b'{"data": {"status": "finalized", "status": "manually_confirmed"}}'),
    "nan": _fixed(b'{"data": {"id": "x", "cm_payout_amount": NaN}}'),
    "deep json": _fixed(b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "a list": _fixed(b"[]"),
    "a number": _fixed(b"42"),
    "no data": _fixed(b'{"ok": true}'),
    "other ids": _changed(_other_ids),
    "no ids": _changed(lambda body: body.replace(b'"id"', b'"idx"')),
    "data twice": _changed(lambda body: body.replace(b'"data":', b'"data": null, "data":', 1)),
    "in utf-16": _changed(lambda body: body.decode().encode("utf-16")),
    "with garbage behind": _changed(lambda body: body + b"}{"),
    "with a mark before": _changed(lambda body: b"\xef\xbb\xbf" + body),
    "every number nan": _changed(
        lambda body: re.sub(rb"(?<=[:\s])[0-9]+(\.[0-9]+)?(?=[,}])", b"NaN", body)
    ),
    "everything null": _changed(lambda body: re.sub(rb':\s*("[^"]*"|[0-9.]+)', b": null", body)),
    "status 203": _status_line(203),
    "status 299": _status_line(299),
    "status 418": _status_line(418),
    "status 599": _status_line(599),
    "status 999": _status_line(999),
    "401": _refused(401, "INVALID_API_KEY"),
    "402": _refused(402, "INSUFFICIENT_CREDITS"),
    "403": _refused(403, "FORBIDDEN"),
    "404": _refused(404, "COMMENT_NOT_FOUND"),
    "409": _refused(409, "COMMENT_INVALID_STATUS"),
    "422": _refused(422, "VALIDATION_ERROR"),
    "500": _refused(500, "INTERNAL"),
    "500 after": _fixed(b'{"error": {"code": "INTERNAL", "message": "Broken."}}', status=500),
}
"""Every way to misbehave, by name; each gives whether the connection stays open."""


def _hang_up_on(server: RawServer, _connection: socket.socket) -> bool:
    return server.stopping.wait(3600) and False


def _reset_at_once(_server: RawServer, connection: socket.socket) -> bool:
    _reset(connection)
    return False


GREETINGS: dict[str, Greeting] = {
    "ok": lambda _server, _connection: True,
    "closed at once": lambda _server, _connection: False,
    "reset at once": _reset_at_once,
    "never read": _hang_up_on,
}
"""Every way to meet a connection, by name; each gives whether requests are read from it."""


def _read_request(connection: socket.socket, stopping: threading.Event) -> RawRequest | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = _receive(connection, stopping)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): text.strip() for name, _, text in pairs}
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        piece = _receive(connection, stopping)
        if not piece:
            return None
        body += piece
    method, target, _ = first.split(" ", 2)
    return RawRequest(method, target, headers, body)


def _receive(connection: socket.socket, stopping: threading.Event) -> bytes:
    while not stopping.is_set():
        with contextlib.suppress(TimeoutError):
            return connection.recv(65536)
    return b""
