"""Where figures are kept: docs/benchmarks/NAME.json, the newest of each kind of machine, and on the page."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"


def keep(name: str, figures: dict[str, Any], *, part: bool = False) -> Path:
    """Keep figures under this machine's name, with the day and how busy it was, and tell them on the page.

    Where they are only a `part`, the others of this machine stay as they are.
    """
    from benchmarks.page import PAGE, page

    path = FOLDER / f"{name}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known[machine()] = {
        "python": platform.python_version(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "load of the machine": round(os.getloadavg()[2], 1),
        **(_others(known.get(machine(), {})) if part else {}),
        **figures,
    }
    path.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n")
    PAGE.write_text(page())
    return path


def _others(known: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in known.items() if isinstance(value, dict)}


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
