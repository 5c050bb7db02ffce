"""Files made to kill a YAML reader: each is refused at once, in little memory, and nothing dies of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from reviewbot.policy.language.parser import parse_policy
from tests.hostile.yaml_bombs import BOMBS
from tests.policy.language.test_parser_random import no_file
from tests.proof import proven

ROOT = Path(__file__).resolve().parents[2]
MOST_MEMORY = 20 * 1024
GOOD = ROOT / "policies" / "starter.yaml"
QUIET = 0.001
"""CPU seconds that reading it takes where nothing else runs."""


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
    assert {name for name, _, _, refused, findings in read if not (refused and findings)} == set()
    proven(
        "fuzz",
        "P26",
        "files made to kill a YAML reader: refused within 50 ms and 20 MB",
        len(BOMBS),
    )


def _slack() -> float:
    """How much slower than a quiet machine this one reads now, by a file in good order.

    Other work and the measuring of branches slow both in the same way.
    """
    return max(1.0, min(_time_to_read(GOOD) for _ in range(10)) / QUIET) * 2


def _time_to_read(path: Path) -> float:
    started = time.process_time()
    parse_policy(path.read_bytes(), path=path.name, read=no_file)
    return time.process_time() - started
