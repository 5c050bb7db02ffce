"""What every request passes before a page sees it, and what every answer carries: pure decisions, one wrapper.

The rules for requests that change something follow Fetch Metadata: where a browser says what kind of
page a request comes from, that decides; a form of a page with `no-referrer` has the origin `null`,
and is ours all the same. Without that header the origin has to be ours, or absent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_BODY = 256 * 1024
"""Bytes of a form; a policy of 1,000 rules has about 200 KB."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{name} 'self'" for name in ("script-src", "style-src", "img-src", "connect-src")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def foreign_host(host: str | None, allowed: Collection[str]) -> bool:
    """Whether a request was sent to a name that is not ours (DNS rebinding)."""
    if not host:
        return True
    return host.lower() not in allowed and _name_of(host) not in allowed


def _name_of(host: str) -> str:
    """A host without its port."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()


def foreign_sender(method: str, headers: Mapping[str, str], origin_of_ours: str) -> bool:
    """Whether a request that changes something comes from a page that is not ours."""
    if method in SAFE:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.lower() != origin_of_ours.lower()


class Guard:
    """Refuses what is not for us, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], scheme: str = "") -> None:
        self._app = app
        self._scheme = scheme
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        app = self._app if refusal is None else refusal
        await app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host")
        if foreign_host(host, self._hosts):
            return PlainTextResponse("this console does not answer under that name\n", 400)
        ours = f"{self._scheme or scope['scheme']}://{host}"
        if foreign_sender(scope["method"], headers, ours):
            return PlainTextResponse("this request comes from another page\n", 403)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            return PlainTextResponse("that is more than a form holds\n", 413)
        return None
