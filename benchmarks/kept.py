"""Where figures are kept: docs/benchmarks/NAME.json, the newest of each kind of machine."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"


def keep(name: str, figures: dict[str, Any]) -> Path:
    """Keep figures under this machine's name, beside those of others."""
    path = FOLDER / f"{name}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known[machine()] = {"python": platform.python_version(), **figures}
    path.write_text(json.dumps(known, indent=2) + "\n")
    return path


def machine() -> str:
    """This kind of machine: its processor and how many cores of it there are."""
    return f"{_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
