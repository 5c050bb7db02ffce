"""The figures behind the promises: kept by the tests that measured them, shown in docs/proof.md.

    KEEP_PROOF=1 make test-full     each test that proves a promise keeps what it found
    python -m tests.proof           write its table anew from docs/proof/*.json

A figure is never typed in. It carries its tier and its date, and a test holds the page against
the files.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.tier import FULL

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "proof"
PAGE = ROOT / "docs" / "proof.md"
KEEPING = os.environ.get("KEEP_PROOF") == "1"
"""Whether tests keep what they found."""
BEGIN, END = "<!-- promises: begin -->", "<!-- promises: end -->"


class Figure(NamedTuple):
    """One measured figure of one promise (`P1` to `P34`)."""

    promise: str
    what: str
    figure: str
    tier: str
    date: str


def proven(suite: str, promise: str, what: str, figure: float | str, *, part: str = "") -> None:
    """Keep a figure of a test that has just passed, where KEEP_PROOF=1 asks for it."""
    if KEEPING:
        keep(suite, promise, what, figure, "full" if FULL else "quick", part=part)


def keep(
    suite: str, promise: str, what: str, figure: float | str, tier: str, *, part: str = ""
) -> None:
    """Keep a figure in docs/proof/SUITE.json, in place of the last one of the same name.

    A figure that several tests share is the sum of their parts.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{suite}.json"
    # The folder is the lock: the tests of a run are in several processes.
    folder = os.open(FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        known = json.loads(path.read_text()) if path.exists() else {}
        lines = {row["what"]: row for row in known.get(promise, [])}
        others = [row for name, row in lines.items() if name != what]
        date = datetime.now(UTC).date().isoformat()
        line: dict[str, Any] = {"what": what, "figure": figure, "tier": tier, "date": date}
        if part:
            line["parts"] = lines.get(what, {}).get("parts", {}) | {part: figure}
            line["figure"] = sum(line["parts"].values())
        known[promise] = sorted([*others, line], key=lambda row: str(row["what"]))
        ordered = dict(sorted(known.items(), key=lambda pair: _number(pair[0])))
        path.write_text(json.dumps(ordered, indent=2, ensure_ascii=False) + "\n")
    finally:
        os.close(folder)


def kept() -> Iterator[Figure]:
    """Every figure that is kept, by promise."""
    found = [
        Figure(promise, figure["what"], _shown(figure["figure"]), figure["tier"], figure["date"])
        for path in sorted(FOLDER.glob("*.json"))
        for promise, figures in json.loads(path.read_text()).items()
        for figure in figures
    ]
    yield from sorted(found, key=lambda figure: (_number(figure.promise), figure.what))


def table() -> str:
    """The table as Markdown."""
    rows = [
        f"| {figure.promise} | {figure.what} | {figure.figure} | {figure.tier}, {figure.date} |"
        for figure in kept()
    ]
    return "\n".join(["| promise | tried | found | tier, date |", "|---|---|---|---|", *rows])


def with_table(text: str) -> str:
    """A text with the table between its two marks."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _shown(figure: float | str) -> str:
    return figure if isinstance(figure, str) else f"{figure:,}"


def _number(promise: str) -> int:
    return int(promise.removeprefix("P"))


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
