"""Every benchmark, one after the other, and the page that tells them: `python -m benchmarks.all [NAME …]`.

They want a quiet machine, and long. What fails is named at the end; the others are kept.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.kept import FOLDER
from benchmarks.page import BENCHMARKS, PAGE


def main(names: Sequence[str]) -> int:
    """Measure the benchmarks that are named, or all; give the exit code."""
    unknown = sorted(set(names) - BENCHMARKS.keys())
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    failed = []
    for name in names or BENCHMARKS:
        began = time.perf_counter()
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", "--write"]
        if subprocess.run(command, cwd=FOLDER.parent.parent).returncode:
            failed.append(name)
        print(f"== {name}: {time.perf_counter() - began:.0f} s", flush=True)
    print(PAGE if not failed else f"failed: {', '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
