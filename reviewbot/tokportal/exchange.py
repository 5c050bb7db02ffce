"""One request and its answer, within a budget of time and of bytes.

httpx limits each read, not the whole call, and hands over half a JSON as a clean 200 when a
connection closes early; so the body is streamed here against a total budget, and nothing is trusted
because of its status. What happens before a connection is made is certainly not done
(`CannotConnect`). Everything that goes wrong afterwards is `Unclear`: for a read that is worth another
try, for a write only reading can tell. No layer here or below tries anything twice.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any

import httpx
import msgspec

from reviewbot import __version__
from reviewbot.domain.errors import (
    ApiError,
    BadAnswer,
    CannotConnect,
    NoAnswer,
    RateLimited,
    TooLarge,
)
from reviewbot.domain.text import safe_line
from reviewbot.domain.timing import Timing
from reviewbot.ports.queue import Clock
from reviewbot.ports.tracing import NoSpans, Spans
from reviewbot.tokportal.envelope import OkResponse
from reviewbot.tokportal.errors import failure
from reviewbot.tokportal.rate_limit import RateLimiter, ServerTime

TIME_BUDGET = 30.0
SIZE_BUDGET = 2 * 1024 * 1024
BEGINNING = 64 * 1024
"""Bytes that are kept of an answer over the size budget: they may tell which thing is so large."""
CONNECT_BUDGET = 10.0
READ_AT_STOP, WRITE_AT_STOP = 1.0, 7.0
"""Seconds that a call may still take once a stop is asked for: a stop ends within ten, and what a write came to
without an answer is found out by reading, after the next start."""
WRITE_PATIENCE = 15.0
_REQUEST_ID_HEADERS = (b"x-tokportal-request-id", b"x-request-id", b"request-id", b"x-vercel-id")
_NO_BODY = httpx.ByteStream(b"")
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
Header = tuple[bytes, bytes]


for _name in ("httpx", "httpcore"):
    # Their debug lines carry URLs and headers, which are nobody's business in a log.
    logging.getLogger(_name).setLevel(logging.WARNING)


class Traffic:
    """What has left through one exchange, counted where it leaves."""

    requests = 0
    writes = 0
    remaining: int | None = None
    """What the API last said is left of the key's budget."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        """Answers by operation and HTTP status, or why there was none."""
        self.seconds = Timing()
        """How long each call took, without the wait for its turn."""

    def count(self, operation: str, outcome: OkResponse | ApiError, seconds: float) -> None:
        """Count one call that has come to its end."""
        status = "no connection" if isinstance(outcome, CannotConnect) else "no answer"
        if outcome.status is not None:
            status = str(outcome.status)
        self.calls[operation, status] += 1
        self.seconds.add(seconds)


class Exchange:
    """Requests to one API with one key, over a transport that the caller owns and closes.

    Root and key are checked where settings are read. A transport and no `httpx.Client`: nothing here may follow redirects, keep cookies, read
    `.netrc` or repeat a request, and what is not there cannot.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport,
        *,
        base_url: str,
        key: str,
        clock: Clock,
        bucket: RateLimiter,
        server_time: ServerTime | None = None,
        time_budget: float = TIME_BUDGET,
        size_budget: int = SIZE_BUDGET,
        name: str | None = None,
        spans: Spans | None = None,
    ) -> None:
        """`name` is what the key is called, for whoever reads the API's own log."""
        self._name = name
        self._transport = transport
        self._base = httpx.URL(base_url.rstrip("/"))
        self._headers = _headers(key, self._base, name)
        self._clock = clock
        self._bucket = bucket
        self._server_time = server_time or ServerTime(clock.now)
        self._spans = spans or NoSpans()
        self._time_budget = time_budget
        self._size_budget = size_budget
        connect = min(CONNECT_BUDGET, time_budget)
        # `total` is ours; a transport that knows the usual ones alone is patient for no longer.
        self._timeouts = {
            "total": time_budget,
            "at_stop": READ_AT_STOP,
            "connect": connect,
            "pool": connect,
            "read": time_budget,
            "write": time_budget,
        }
        self._write_timeouts = self._timeouts | {"at_stop": WRITE_AT_STOP}
        self.traffic = Traffic()

    def __repr__(self) -> str:
        return f"<Exchange with {self._base.host}>"

    def use(self, key: str) -> bool:
        """Send another key of the same account from the next request on; give whether it is another."""
        before, self._headers = self._headers, _headers(key, self._base, self._name)
        return before["X-API-Key"] != key

    def get(self, path: str) -> OkResponse:
        """Read. `path` is below the API root and already quoted, with its query."""
        self._bucket.take()
        return self._send("GET", path, [], _NO_BODY)

    def write(
        self,
        method: str,
        path: str,
        *,
        idempotency_key: str,
        body: Any = None,
        patience: float | None = WRITE_PATIENCE,
    ) -> OkResponse:
        """Send what may change something, once.

        With patience (seconds), RateLimited is raised unsent when the rate budget asks for a longer
        wait: a write must not leave long after the look it rests on.
        """
        content = b"" if body is None else msgspec.json.encode(body)
        headers = [
            (b"Idempotency-Key", idempotency_key.encode("ascii")),
            (b"Content-Length", b"%d" % len(content)),
        ]
        if body is not None:
            headers.append((b"Content-Type", b"application/json"))
        self._bucket.take(patience)
        self.traffic.writes += 1
        return self._send(method, path, headers, httpx.ByteStream(content))

    def ready(self) -> None:
        """Wait until a write could leave at once: to be called before the look it rests on."""
        self._bucket.ready()

    def _send(
        self, method: str, path: str, headers: list[Header], stream: httpx.ByteStream
    ) -> OkResponse:
        self.traffic.requests += 1
        began, operation = self._clock.monotonic(), operation_of(method, path)
        with self._spans.span("api", operation=operation, method=method) as span:
            # Raised below, outside the handler, where no frame and no chained error holds the key.
            outcome = self._exchange(method, path, headers, stream)
            failed = type(outcome).__name__ if isinstance(outcome, ApiError) else None
            span.note(status=outcome.status, error=failed, request_id=outcome.request_id)
        self.traffic.count(operation, outcome, self._clock.monotonic() - began)
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    def _exchange(
        self, method: str, path: str, headers: list[Header], stream: httpx.ByteStream
    ) -> OkResponse | ApiError:
        call = f"{method} {path.partition('?')[0]}"
        deadline = self._clock.monotonic() + self._time_budget
        request = httpx.Request(
            method,
            self._base,
            headers=[*self._headers.raw, *headers] if headers else self._headers,
            stream=stream,
            extensions={"timeout": self._timeouts if method == "GET" else self._write_timeouts},
        )
        _aim(request.url, path)
        try:
            response = self._transport.handle_request(request)
            arriving = response.stream
            assert isinstance(arriving, httpx.SyncByteStream)
            try:
                body = self._body(arriving, deadline)
            finally:
                arriving.close()
        except _NEVER_SENT as error:
            self._bucket.silent()
            return CannotConnect(f"{call}: no connection to {self._base.host}: {_why(error)}")
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            self._bucket.silent()
            return NoAnswer(f"{call}: no whole answer came back ({type(error).__name__})")
        except BaseException:
            # Whatever broke: the turn was taken, and the next one must not wait for its answer.
            self._bucket.silent()
            raise
        return self._judge(response, body, call)

    def _body(self, stream: Iterable[bytes], deadline: float) -> bytes:
        """Read the body; one over the size budget is cut where it is known to be."""
        chunks: list[bytes] = []
        size = 0
        for chunk in stream:
            size += len(chunk)
            if size > self._size_budget:
                chunks.append(chunk)
                break
            if self._clock.monotonic() > deadline:
                raise httpx.ReadTimeout(f"over {self._time_budget:g} s in all")
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _judge(self, response: httpx.Response, body: bytes, call: str) -> OkResponse | ApiError:
        heard = _heard(response)
        status = response.status_code
        request_id = next((heard[n] for n in _REQUEST_ID_HEADERS if n in heard), None)
        if date := heard.get(b"date"):
            self._server_time.hear(date)
        if not 200 <= status < 300:
            error = failure(
                status,
                b"" if len(body) > self._size_budget else body,
                call=call,
                retry_after=heard.get(b"retry-after"),
                now=self._server_time.now(),
                request_id=request_id,
            )
            if isinstance(error, RateLimited):
                self._bucket.refused(error.retry_after)
            elif status >= 500:
                self._bucket.silent()
            else:
                self._count_left(heard)
            return error
        self._count_left(heard)
        if len(body) > self._size_budget:
            return TooLarge(
                f"{call}: the answer is larger than {self._size_budget // 1024} KiB",
                beginning=body[:BEGINNING],
                status=status,
                request_id=request_id,
            )
        if (fault := self._fault(heard)) is not None:
            return BadAnswer(f"{call}: {fault}", status=status, request_id=request_id)
        replayed = heard.get(b"idempotent-replayed", "").lower() == "true"
        return OkResponse(status=status, body=body, request_id=request_id, replayed=replayed)

    def _count_left(self, heard: dict[bytes, str]) -> None:
        left = heard.get(b"x-ratelimit-remaining")
        self._bucket.answered(heard.get(b"x-ratelimit-limit"), left)
        if left is not None and left.strip().isdecimal():
            self.traffic.remaining = int(left)

    def _fault(self, heard: dict[bytes, str]) -> str | None:
        if heard.get(b"content-encoding", "").strip().lower() not in ("", "identity"):
            return "the answer is compressed, which was not asked for"
        kind = heard.get(b"content-type", "").partition(";")[0].strip().lower()
        if kind and kind != "application/json" and not kind.endswith("+json"):
            return f"the answer is {kind[:60]!r}, not JSON"
        return None


def _aim(root: httpx.URL, target: str) -> None:
    """Lead a request's own copy of the root to a quoted path below it, with its query.

    The URL is put together, not parsed: most paths hold an id and come once, and to have httpx
    parse them again takes longer than all else that is done for a call.
    """
    path, _, query = target.partition("?")
    parts = root._uri_reference
    root._uri_reference = parts._replace(path=parts.path.rstrip("/") + path, query=query or None)


def _headers(key: str, base: httpx.URL, name: str | None) -> httpx.Headers:
    agent = f"reviewbot/{__version__}"
    return httpx.Headers(
        {
            "Host": base.netloc.decode("ascii"),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": agent if name is None else f"{agent} (key {name})",
            "X-TokPortal-Client": agent,
            "X-API-Key": key,
        }
    )


_HEARD = frozenset(
    {
        *_REQUEST_ID_HEADERS,
        b"date",
        b"retry-after",
        b"content-type",
        b"content-encoding",
        b"x-ratelimit-limit",
        b"x-ratelimit-remaining",
        b"idempotent-replayed",
    }
)


def _heard(response: httpx.Response) -> dict[bytes, str]:
    """Keep the headers we read, shortened and printable, by their lower-case names."""
    heard: dict[bytes, str] = {}
    for name, value in response.headers.raw:
        name = name.lower()
        if name in _HEARD:
            text = value[:200].decode("ascii", "replace")
            heard[name] = text if text.isprintable() else ""
    return heard


def _why(error: Exception) -> str:
    """Why there is no connection, in words that are safe to show: never the library's own text."""
    notes: list[str] = getattr(error.__cause__, "__notes__", [])
    if notes:
        return notes[0]
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refused ({safe_line(str(error), 80)})"
    return type(error).__name__


# ------------------------------------------------------------------------------------------------
# Operations: what a call is called in figures, by its method and the shape of its path.


OPERATIONS = {
    "GET /comments": "list_comments",
    "POST /comments": "create_comments",
    "GET /comments/{id}": "get_comment",
    "DELETE /comments/{id}": "cancel",
    "POST /comments/{id}/approve": "approve",
    "POST /comments/{id}/dispute": "dispute",
    "GET /comments/{id}/verifications": "get_verifications",
    "GET /bundles": "list_bundles",
    "GET /bundles/{id}": "get_bundle",
    "GET /bundles/{id}/account": "get_bundle_account",
    "POST /bundles/{id}/account/finalize": "finalize_account",
    "POST /bundles/{id}/account/corrections": "request_corrections",
    "GET /accounts": "list_accounts",
    "GET /accounts/{id}": "get_account",
    "GET /me": "me",
}
"""Every call of `client.py`; one task and a batch of them are ordered by the same call."""


def operation_of(method: str, path: str) -> str:
    """The name of a call; `path` is below the API root, its second part is always an id."""
    parts = path.partition("?")[0].split("/")
    if len(parts) > 2:
        parts[2] = "{id}"
    return OPERATIONS.get(f"{method} {'/'.join(parts)}", "other")
