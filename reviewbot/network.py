"""The way out of this machine, the same for the API and the channels: proxy, trust, and what went wrong."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from urllib.parse import unquote, urlsplit

import msgspec

from reviewbot.domain.text import Secret, remember, safe_line

USUAL = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
"""Variables that name a proxy for https, as other programs read them, the first one that is set."""
_NO_PROXY = ("NO_PROXY", "no_proxy")
NONE = "none"
"""Says that no proxy is used, whatever those variables say."""


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy that https goes through by CONNECT, so that it sees no more than whom we talk to.

    `url` holds its user and password, where it wants them. `spared` are hosts that are reached
    without it; a loopback address always is.
    """

    url: Secret
    shown: str
    spared: str = ""

    def __str__(self) -> str:
        return self.shown


_USUAL_PORTS = {"http": 80, "https": 443}
_OF_AN_ADDRESS = frozenset(map(chr, range(0x21, 0x7F)))


def proxy_of(text: str) -> Proxy | None:
    """Read the address of a proxy; None where it says `none`. Raises ValueError, in words that hold nothing of it."""
    text = text.strip()
    if text.lower() == NONE:
        return None
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    for secret in (text, parts.password or parts.username or ""):
        remember(secret)
        remember(unquote(secret))
    if parts.scheme not in _USUAL_PORTS:
        raise ValueError("is no proxy that can be used: http://host:port or https://host:port")
    beside = (parts.path.strip("/"), parts.query, parts.fragment)
    if not host or any(beside) or set(text) - _OF_AN_ADDRESS:
        raise ValueError("is no address of a proxy: write it like http://host:port")
    shown = f"{parts.scheme}://{host}:{port or _USUAL_PORTS[parts.scheme]}"
    return Proxy(
        url=Secret(parts.geturl()),
        shown=shown + (", with credentials" if parts.username or parts.password else ""),
    )


def spared_by(env: Mapping[str, str]) -> str:
    """The hosts that NO_PROXY names."""
    return next((env[name] for name in _NO_PROXY if env.get(name)), "")


def way_to(url: str, proxy: Proxy | None) -> str | None:
    """The address of the proxy that this goes through; None where it goes straight there."""
    if proxy is None:
        return None
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or is_loopback(host) or _is_spared(host, parts.port, proxy.spared):
        return None
    return proxy.url.reveal()


def is_loopback(host: str) -> bool:
    """Whether this never leaves the machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@cache
def trust() -> ssl.SSLContext:
    """Whom we trust: SSL_CERT_FILE and SSL_CERT_DIR where they are set, else this machine and certifi.

    One for everybody: each would load the same authorities, 20 ms and 1 MB.
    """
    context = ssl.create_default_context()
    if not (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def why(error: BaseException, *, name: str = "its name", place: str = "there") -> str:
    """Why no connection was made, in words that hold nothing but what is given and the system's own."""
    for cause in _chain(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return f"its certificate is not trusted: {safe_line(cause.verify_message, 200)}"
            case ssl.SSLError():
                return f"TLS failed ({safe_line(cause.reason or 'no reason', 80)})"
            case socket.gaierror():
                return f"{name} cannot be found"
            case ConnectionRefusedError():
                return f"nothing listens {place}"
            case TimeoutError():
                return f"nobody answers {place} in time"
            case OSError() if cause.strerror:
                return f"it cannot be reached {place} ({safe_line(cause.strerror, 80)})"
    return f"no connection ({type(error).__name__})"


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found[::-1]


def _is_spared(host: str, port: int | None, spared: str) -> bool:
    """Whether the list names this host: itself, a domain above it, with a port, a network, or all by `*`."""
    return any(
        _names(part.strip().lower(), host.lower(), port or 443) for part in spared.split(",")
    )


def _names(part: str, host: str, port: int) -> bool:
    if part == "*":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(part, strict=False)
    name, colon, number = part.rpartition(":")
    if colon and number.isdecimal():
        if int(number) != port:
            return False
        part = name
    part = part.strip("[]").removeprefix("*").removeprefix(".")
    return bool(part) and (host == part or host.endswith("." + part))
