"""Addresses that a message may be sent to."""

from __future__ import annotations

from urllib.parse import urlsplit

from reviewbot.network import is_loopback


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
        return None if is_loopback(host) else "plain http is only for a loopback address; use https"
    return "is no address: write it like https://host/path"
