"""Addresses that a message may be sent to."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def problem_of_url(url: str) -> str | None:
    """What is wrong with the address of a channel, without repeating it; None when it will do."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address: write it like https://host/path"
    if not url.isascii() or not url.isprintable() or " " in url or not host:
        return "is no address: write it like https://host/path"
    if parts.scheme == "https":
        return None
    if parts.scheme == "http":
        return (
            None if _is_loopback(host) else "plain http is only for a loopback address; use https"
        )
    return "is no address: write it like https://host/path"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
