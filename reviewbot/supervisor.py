"""Words to the service manager that started us: ready, alive, stopping (systemd's notify socket)."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping


def tell_manager(words: str, env: Mapping[str, str] = os.environ) -> None:
    """Say something like `READY=1`; nothing happens where no manager listens."""
    address = env.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    place = "\0" + address[1:] if address[0] == "@" else address
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line,
    ):
        line.sendto(words.encode(), place)


def watchdog_seconds(env: Mapping[str, str] = os.environ) -> float | None:
    """How long the manager waits for a sign of life; None where it does not."""
    wanted, pid = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", "")
    if not wanted.isdecimal() or (pid and pid != str(os.getpid())):
        return None
    return int(wanted) / 1_000_000
