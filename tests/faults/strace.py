"""strace on a child that holds still: counts its system calls, kills it at one, lets one fail."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

STRACE = shutil.which("strace")


def why_not() -> str | None:
    """Why no system call can be disturbed here; None where one can."""
    if STRACE is None:
        return "strace is not installed, so faults of single system calls are NOT tested here"
    tried = subprocess.run([STRACE, "-o", "/dev/null", "true"], capture_output=True, check=False)
    if tried.returncode:
        return f"strace may not trace here ({tried.stderr!r}): faults of calls are NOT tested"
    return None


class Strace:
    """One strace, which `hold` attaches to a process and `release` takes off again."""

    def __init__(self, trace: str, *, inject: str | None = None, output: Path) -> None:
        self.output = output
        self._words = ["-f", "-qq", "-e", f"trace={trace}", "-o", str(output)]
        if inject is not None:
            self._words += ["-e", f"inject={inject}"]
        self._process: subprocess.Popen[bytes] | None = None

    def hold(self, pid: int) -> None:
        """Attach to a process, and return when it is held."""
        assert STRACE is not None
        self._process = subprocess.Popen(
            [STRACE, *self._words, "-p", str(pid)], stderr=subprocess.PIPE
        )
        status = Path(f"/proc/{pid}/status")
        while "TracerPid:\t0\n" in status.read_text():
            assert self._process.poll() is None, self._process.communicate()

    def release(self) -> None:
        """Let the process go on undisturbed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.communicate()
            self._process = None

    def calls(self) -> Counter[str]:
        """How often each call was made, as written down so far."""
        return Counter(re.findall(r"^\d+ +(\w+)\(", self.output.read_text(), re.MULTILINE))
