"""What the service manager is told, over its own kind of socket."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

from reviewbot.runtime.liveness import tell_manager, watchdog_seconds


def test_words_arrive_at_the_notify_socket() -> None:
    """By the path that the manager names; without one nothing happens."""
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        manager.bind(f"{folder}/notify")
        manager.settimeout(2)

        tell_manager("READY=1", {"NOTIFY_SOCKET": f"{folder}/notify"})
        tell_manager("READY=1", {})
        tell_manager("READY=1", {"NOTIFY_SOCKET": str(Path(folder) / "nobody")})

        assert manager.recv(100) == b"READY=1"


def test_an_abstract_socket_works_too() -> None:
    """Its name begins with @."""
    name = f"reviewbot-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}")
        manager.settimeout(2)

        tell_manager("STOPPING=1", {"NOTIFY_SOCKET": f"@{name}"})

        assert manager.recv(100) == b"STOPPING=1"


def test_the_watchdog_is_ours_only_if_it_means_us() -> None:
    """In seconds; None where another process is meant, or none."""
    assert watchdog_seconds({"WATCHDOG_USEC": "30000000"}) == 30.0
    assert watchdog_seconds({"WATCHDOG_USEC": "1", "WATCHDOG_PID": str(os.getpid())}) == 1e-6
    assert watchdog_seconds({"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}) is None
    assert watchdog_seconds({}) is None
