"""Every benchmark, one after the other, and the page that tells them: `python -m benchmarks.all [NAME …]`.

They want a quiet machine, and long. What fails is named at the end; the others are kept. Peers that are
not installed are named first, and left out.
"""

from __future__ import annotations

import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from importlib.metadata import distributions

from benchmarks.kept import FOLDER
from benchmarks.page import BENCHMARKS, PAGE


def absent() -> list[str]:
    """The peers of pyproject.toml's group `benchmarks`, and Spark, that are not installed."""
    project = tomllib.loads((FOLDER.parent.parent / "pyproject.toml").read_text())
    wanted = [*project["dependency-groups"]["benchmarks"], "pyspark"]
    found = {name.lower() for d in distributions() if (name := d.metadata["Name"])}
    return [name for want in wanted if (name := want.split(">")[0]) not in found]


def main(names: Sequence[str]) -> int:
    """Measure the benchmarks that are named, or all; give the exit code."""
    unknown = sorted(set(names) - BENCHMARKS.keys())
    if unknown:
        print(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    if missing := absent():
        print(f"NOT MEASURED BESIDE {', '.join(missing)}: pip install {' '.join(missing)}")
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
