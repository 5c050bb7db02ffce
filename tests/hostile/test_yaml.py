"""Files made to kill a YAML reader: each is refused at once, in little memory, and nothing dies of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.hostile.yaml_bombs import BOMBS
from tests.proof import proven

ROOT = Path(__file__).resolve().parents[2]
MOST_MEMORY = 20 * 1024


def test_no_file_kills_the_reader_or_keeps_it_busy() -> None:
    """In a process of its own: each within 50 ms and 20 MB, and the process ends by itself."""
    assert len(BOMBS) >= 100
    slack = _slack()

    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.yaml_bombs"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-500:]
    read = [json.loads(line) for line in done.stdout.splitlines()]
    assert {name for name, *_ in read} == set(BOMBS)
    assert {name: took for name, took, *_ in read if took >= 0.05 * slack} == {}
    assert {name: more for name, _, more, *_ in read if more > MOST_MEMORY} == {}
    assert {name for name, _, _, refused, found in read if not (refused and found)} == set()
    proven(
        "fuzz",
        "P26",
        "files made to kill a YAML reader: refused within 50 ms and 20 MB",
        len(BOMBS),
    )


def _slack() -> float:
    """How much slower than a quiet machine this one is now, by a known piece of work."""
    started = time.process_time()
    sum(range(1_000_000))
    return max(1.0, (time.process_time() - started) / 0.012) * 2
