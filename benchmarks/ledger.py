"""What the ledger costs: per call on an empty and on a large one, per row to verify, per decision to keep.

Run: `python -m benchmarks.ledger [ROWS] [--folder FOLDER] [--postgres URL] [--write]`. Times are CPU seconds of
this process, so that a busy machine does not change them; on a RAM disk they leave out the disk.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from benchmarks.kept import keep
from reviewbot.domain.decision import Action, Decision, Mode, State, decision_id
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.task import CommentTask
from reviewbot.ledger import events, tables
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import open_ledger

START = datetime(2026, 6, 2, 12, tzinfo=UTC)
WAITING = 50
CALLS = 400
BATCH = 20_000
YEARS = timedelta(days=730)
LINES = 3
"""Of each decision that is filled in: its round seen, its intent, its outcome."""


def main() -> None:
    """Measure, and print one line per figure with its ratio to the empty ledger."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=100_000)
    parser.add_argument("--folder", default="/dev/shm" if Path("/dev/shm").exists() else None)
    parser.add_argument("--postgres", help="also measure this empty database")
    parser.add_argument("--write", action="store_true", help="keep the figures")
    asked = parser.parse_args()
    figures: dict[str, Any] = {"rows": asked.rows}
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        path = Path(folder) / "ledger.db"
        figures["sqlite"] = measure(f"sqlite:///{path}", asked.rows)
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        each = round(size / (asked.rows // LINES + 2 * CALLS))
        figures["sqlite"]["bytes_per_decision"] = each
        print(f"{'bytes per decision':28} {each:10}")
    if asked.postgres:
        figures["postgresql"] = measure(asked.postgres, asked.rows)
    if asked.write:
        print(keep("ledger", figures))


def measure(url: str, rows: int) -> dict[str, Any]:
    """The figures of one store."""
    print(f"{url.split(':')[0]}: {rows:,} lines")
    ledger = open_ledger(url)
    empty = calls(ledger, "small")
    fill(ledger, rows // LINES, START - timedelta(days=1))
    large = calls(ledger, "large")
    for name, cost in large.items():
        print(
            f"{name:28} {empty[name] * 1e6:7.0f} µs {cost * 1e6:7.0f} µs {cost / empty[name]:6.2f}"
        )
    started, cpu = time.perf_counter(), time.process_time()
    found = ledger.verify(ledger.checkpoint(START))
    assert found.whole, found.problems
    wall, used = time.perf_counter() - started, time.process_time() - cpu
    print(f"verify {found.lines:,} lines: {wall:.1f} s, {used:.1f} s CPU,"
          f" {used / found.lines * 1e6:.1f} s CPU per million")  # fmt: skip
    ledger.close()
    return {
        "empty_us": {name: round(cost * 1e6) for name, cost in empty.items()},
        "large_us": {name: round(cost * 1e6) for name, cost in large.items()},
        "ratio": {name: round(cost / empty[name], 2) for name, cost in large.items()},
        "verify_lines": found.lines,
        "verify_seconds_per_million": round(wall / found.lines * 1e6, 1),
        "verify_cpu_seconds_per_million": round(used / found.lines * 1e6, 1),
    }


def calls(ledger: SqlLedger, prefix: str) -> dict[str, float]:
    """CPU seconds per call of what a pass does."""
    decisions = [a_decision(f"{prefix}{n}") for n in range(CALLS)]
    ids = [f"{prefix}{n}" for n in range(WAITING)]
    items = [an_item(name) for name in ids]
    accounts = [f"a-{prefix}{n}" for n in range(WAITING)]
    fresh = [f"{prefix}{n}" for n in range(WAITING, CALLS)]
    figures = {
        "intend": per_call(lambda n: ledger.intend(decisions[n])),
        "mark": per_call(lambda n: ledger.mark(decisions[n].id, State.PERFORMED, START)),
        "memories of 50, first time": per_call(
            lambda n: ledger.memories("comments", fresh[n * 50 : n * 50 + 50]), 7
        ),
    }
    lately = START + timedelta(minutes=1)
    ledger.memories("comments", ids)
    ledger.sight(items, START)
    return figures | {
        "memories of 50, unchanged": per_call(lambda _: ledger.memories("comments", ids)),
        "sight of 50, nothing new": per_call(lambda _: ledger.sight(items, START)),
        "accounts of 50": per_call(lambda _: ledger.accounts("comments", accounts, START)),
        "open intents": per_call(lambda _: ledger.open_intents()),
        "changed in a minute": per_call(lambda _: ledger.decisions(since=lately)),
        "decided in a minute": per_call(lambda _: ledger.decided("comments", lately)),
    }


def per_call(call: Callable[[int], object], times: int = CALLS) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    for n in range(times):
        call(n)
    return (time.process_time() - started) / times


def fill(ledger: SqlLedger, decisions: int, until: datetime, policy: str = "comments") -> None:
    """Add the past: over two years until then, rounds seen and approvals of them performed."""
    for start in range(0, decisions, BATCH):
        with ledger._chain.adding() as end:
            for n in range(start, min(start + BATCH, decisions)):
                name, at = f"t{n}", until - YEARS * (1 - n / decisions)
                line, round_ = events.seen(an_item(name), at, end.next)
                end.add(line)
                ledger._put(tables.round_, round_, None)
                decision = replace(a_decision(name), decided_at=at, policy=policy)
                line, row = events.recorded(decision, State.INTENT, end.next, None)
                end.add(line)
                line, row = events.marked(
                    decision.id, row, State.PERFORMED, at, end.next, None, "req-0123456789"
                )
                end.add(line)
                ledger._put(tables.decision, row, None)


def a_decision(task_id: str) -> Decision:
    """An approval with facts and a trace of a usual size."""
    return Decision(
        id=decision_id("comments", task_id, "2026-06-02T12:00:00Z", "approve"),
        review="comments",
        task_id=task_id,
        round=1,
        epoch="2026-06-02T12:00:00Z",
        action=Action.APPROVE,
        rule="the comment stands as asked",
        policy="comments",
        revision="5d41402abc4b2a76b9719d911017c592" * 2,
        mode=Mode.LIVE,
        decided_at=START,
        deadline_at=START + timedelta(hours=72),
        account_id=f"a-{task_id}",
        amount_micros=240_000,
        evidence_hash="9e107d9d372bb6826bd81d3542a419d6",
        trace=_TRACE,
        facts=_FACTS,
    )


def an_item(task_id: str) -> ReviewItem:
    """A task that waits."""
    return ReviewItem(
        review="comments",
        id=task_id,
        epoch="2026-06-02T12:00:00Z",
        status="manually_confirmed",
        started_at=START,
        deadline_at=START + timedelta(hours=72),
        subject=CommentTask(id=task_id),
    )


_TRACE = b"[" + b",".join(
    b'{"rule":"rule number %d","result":"not met","conditions":[{"fact":"last.match_score",'
    b'"test":"at least 0.%d","found":0.31,"result":"not met"}]}' % (n, n) for n in range(9)
) + b"]"  # fmt: skip
_FACTS = b'{"task":{"comment_text":"The light in this one is unreal","status":"manually_confirmed",' \
    b'"target_video_url":"https://www.tiktok.com/@lumen/video/7301234567890123456"},"attempts":[' \
    + b",".join(b'{"attempt_n":%d,"outcome_kind":"couldnt_verify","match_score":0.%d,'
    b'"scraped_at":"2026-06-02T0%d:00:00Z"}' % (n, n * 7, n) for n in range(1, 5)) + b"]}"  # fmt: skip

if __name__ == "__main__":
    main()
