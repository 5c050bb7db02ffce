"""Figures that a run of the full tier leaves in docs/proof/faults.json, when it is asked to."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.tier import FULL

PLACE = Path(__file__).resolve().parents[2] / "docs" / "proof" / "faults.json"


def proven(
    promise: str,
    what: str,
    figure: float,
    *,
    part: str = "",
    details: Mapping[str, float] | None = None,
) -> None:
    """Keep a figure of a test that has just passed: under KEEP_PROOF=1, in the full tier only.

    A figure that several tests share is the sum of their parts.
    """
    if not FULL or os.environ.get("KEEP_PROOF") != "1":
        return
    PLACE.parent.mkdir(exist_ok=True)
    with PLACE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = json.loads(PLACE.read_text()) if PLACE.exists() else {}
        others = [one for one in known.get(promise, []) if one["what"] != what]
        before = [one for one in known.get(promise, []) if one["what"] == what]
        more: dict[str, Any] = dict(details or {})
        if part:
            more["parts"] = {**(before[0]["parts"] if before else {}), part: figure}
            figure = sum(more["parts"].values())
        date = datetime.now(UTC).date().isoformat()
        line = {"what": what, "figure": figure, **more, "tier": "full", "date": date}
        known[promise] = sorted([*others, line], key=lambda one: str(one["what"]))
        text = json.dumps(dict(sorted(known.items())), indent=2)
        PLACE.write_text(text + "\n")
    PLACE.with_suffix(".lock").unlink(missing_ok=True)
