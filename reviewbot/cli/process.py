"""Whether the process that left a word still lives, as far as this one can tell."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def room() -> str:
    """Where process numbers mean the same: this machine, and the container on it."""
    try:
        inside = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        inside = ""
    return f"{socket.gethostname()} {inside}".strip()


def born(pid: int) -> int | None:
    """When a process began, in its system's own count; None where there is none, or nobody says."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name_ends = text.rindex(")")  # a name may hold blanks and brackets
    return int(text[name_ends + 2 :].split()[19])


def is_gone(pid: int, began: int | None) -> bool:
    """Whether this process has ended; another one under its number is not it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    now = born(pid)
    return began is not None and now is not None and now != began
