"""One HTTP request to somebody else's server: bounded in time and size, and silent about its address."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx

from reviewbot.domain.errors import ChannelFailed
from reviewbot.domain.text import safe_line
from reviewbot.network import trust, why

T = TypeVar("T")
TIMEOUT = 15.0
"""Seconds that one request may take, from connecting to the last byte read."""
MOST_READ = 400
"""Bytes of an answer that are read: enough for a reason."""
LONGEST_WAIT = 30.0
"""Seconds that another server may ask us to wait before the next try."""
_PASSING = frozenset({408, 425, 429})


def within(seconds: float, call: Callable[[], T]) -> T:
    """Give the call's result, or raise its error; raise ChannelFailed when it takes longer.

    Libraries time out per read or write; a server that sends one byte a second never does. So the
    call runs in a thread of its own, which is left behind when the time is over.
    """
    results: list[T] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  # raised again below, in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=work, name="channel", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if results:
        return results[0]
    raise ChannelFailed(f"not done within {seconds:g} s", passing=True)


def request(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
    proxy: str | None = None,
) -> None:
    """Send one request, once, through a proxy where one is given. No redirect is followed.

    Raises ChannelFailed unless the answer is a 2xx.
    """
    try:
        # A transport and no client: a client follows, and writes the address into its log.
        sent = httpx.Request(method, url, content=body, headers=headers)
    except httpx.InvalidURL:
        raise ChannelFailed("its address is no URL") from None
    sent.extensions["timeout"] = httpx.Timeout(timeout).as_dict()
    within(timeout, lambda: _send(sent, proxy))


def _send(sent: httpx.Request, proxy: str | None) -> None:
    try:
        with httpx.HTTPTransport(verify=trust(), trust_env=False, proxy=proxy) as transport:
            answer = transport.handle_request(sent)
            try:
                if not answer.is_success:
                    raise _refused(answer)
            finally:
                answer.close()
    except httpx.TimeoutException:
        raise ChannelFailed("no answer in time", passing=True) from None
    except httpx.ConnectError as error:
        # Through a proxy only the tunnel is connected; what fails in it is TLS, and the receiver's.
        words = {} if proxy is None else {"name": "the proxy's name", "place": "at the proxy"}
        raise ChannelFailed(why(error, **words), passing=True) from None
    except httpx.ProxyError as error:
        raise ChannelFailed(
            f"the proxy refused ({safe_line(str(error), 80)})", passing=True
        ) from None
    except (httpx.TransportError, OSError):
        raise ChannelFailed("the connection broke", passing=True) from None


def _refused(answer: httpx.Response) -> ChannelFailed:
    status = answer.status_code
    said = _beginning(answer)
    if answer.is_redirect:
        return ChannelFailed(f"HTTP {status}: it points elsewhere, and that is not followed")
    return ChannelFailed(
        f"HTTP {status}" + (f": {said}" if said else ""),
        passing=status in _PASSING or status >= 500,
        retry_after=_retry_after(answer),
    )


def _beginning(answer: httpx.Response) -> str:
    """The first words of an answer; a page of HTML says nothing to a person."""
    read = b""
    with suppress(httpx.HTTPError):
        for piece in answer.iter_raw():
            read += piece
            if len(read) >= MOST_READ:
                break
    text = safe_line(read[:MOST_READ].decode("utf-8", "replace"), 120)
    return "" if text.startswith("<") else text


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:6]), LONGEST_WAIT)
    with suppress(ValueError, TypeError):
        parsedate_to_datetime(text)
        return LONGEST_WAIT
    return None
