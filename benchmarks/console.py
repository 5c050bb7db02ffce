"""The console's pages: what each costs the server and weighs on the wire, beside a large log.

    python -m benchmarks.console [--decisions 1000000] [--questions 200] [--rounds 5] [--write]

Pages are answered as the server does it, without the socket: CPU time of the answer and of packing it,
the median of the rounds after a first. The same log holds two years of decisions up to now. *What if*
is a changed policy over the last 30 days of a log with 10,000 decisions that this policy judged, and with 100,000.
With `--write` the figures are kept in docs/benchmarks/console.json. Fails where a page, the queue or
*what if* costs more than it may.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from benchmarks.kept import keep
from benchmarks.ledger import BATCH, fill
from reviewbot.domain.decision import Decision, State, decision_id
from reviewbot.ledger import events, tables
from reviewbot.ledger.ledger import SqlLedger
from reviewbot.ledger.open import open_ledger
from reviewbot.simulator.scenarios import START
from reviewbot.web.app import ROUTES, STATIC, serve
from reviewbot.web.console import Visit
from reviewbot.web.editor import try_on_the_past
from tests.acceptance.house import judge_of, sqlite
from tests.review.test_people import EVERYTHING_IS_ASKED
from tests.web.desk import WebDesk, web_desk

PAGE_MS, QUEUE_MS, QUEUE_BYTES, EDITOR_BYTES = 150, 40, 25 * 1024, 170 * 1024
"""What a page may cost, the queue may cost and weigh, and the editor may weigh."""
WHAT_IF_S = {10_000: 1.0, 100_000: 6.0}
"""What *what if* may take over so many decisions."""
ASSETS = {
    "queue": ("console.css", "console.js"),
    "editor": ("console.css", "console.js", "editor.js"),
}
PAYS = EVERYTHING_IS_ASKED.replace(
    "rules:\n", "rules:\n  - name: everything is paid\n    always: yes\n    then: approve\n", 1
)


@contextmanager
def large_desk(folder: Path, decisions: int, questions: int) -> Iterator[WebDesk]:
    """A console over so many open questions, and a log with so many decisions before."""
    ledger = open_ledger(sqlite(folder))
    assert isinstance(ledger, SqlLedger)
    fill(ledger, decisions, START - timedelta(minutes=1), "asks")
    ledger.close()
    with web_desk(folder, tasks=questions) as desk:
        yield desk


def answer(desk: WebDesk, cookie: str, path: str) -> Callable[[], bytes]:
    """One request for a page, answered and packed."""
    bare, _, query = path.partition("?")
    route, holes = next(
        (route, holes)
        for route in ROUTES
        if route.method == "GET" and (holes := _holes(route.path, bare)) is not None
    )

    def ask() -> bytes:
        visit = Visit(
            console=desk.console,
            session=None,
            path=holes,
            query=dict(pair.split("=", 1) for pair in query.split("&") if pair),
            now=desk.console.now(),
            url=bare,
        )
        response = serve(visit, route, cookie)
        assert response.status_code == 200, (path, response.status_code)
        return gzip.compress(bytes(response.body), 6)

    return ask


def _holes(pattern: str, path: str) -> dict[str, str] | None:
    """What stands in the holes of a route's path; None where it does not fit."""
    wanted, given = pattern.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    holes = {}
    for want, have in zip(wanted, given, strict=True):
        if want.startswith("{"):
            holes[want[1:-1]] = have
        elif want != have:
            return None
    return holes


def cost(ask: Callable[[], bytes], rounds: int) -> tuple[float, int]:
    """Milliseconds of CPU, the median, and bytes."""
    body = ask()
    taken = []
    for _ in range(rounds):
        began = time.thread_time()
        body = ask()
        taken.append(time.thread_time() - began)
    return round(1000 * statistics.median(taken), 1), len(body)


def pages(decisions: int, questions: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Every page that shows something of the log, as an admin."""
    with large_desk(folder, decisions, questions) as desk:
        cookie = desk.person("ada", "admin").cookie
        asked = desk.questions()[0]
        paths = {
            "today": "/",
            "queue": "/queue",
            "task": f"/task/{asked.sighting.task_id}",
            "decision": f"/decision/{asked.decision.id}",
            "log": "/log",
            "log, a filter that fits nothing": "/log?text=nothing-is-called-so",
            "policies": "/policies",
            "policy": "/policies/asks",
            "print": "/policies/asks/print",
            "editor": "/policies/asks/edit",
            "rules": "/rules",
            "status": "/status",
            "people": "/people",
        }
        found = {name: cost(answer(desk, cookie, path), rounds) for name, path in paths.items()}
    weights = {name: size for name, (_, size) in found.items()}
    for name, assets in ASSETS.items():
        weights[f"{name} with its assets"] = weights[name] + sum(
            len(gzip.compress((STATIC / asset).read_bytes(), 6)) for asset in assets
        )
    return {"ms": {name: ms for name, (ms, _) in found.items()}, "bytes": weights}


def what_if(past: int, folder: Path) -> float:
    """Seconds that a changed policy takes over so many reviews of the last 30 days."""
    with web_desk(folder, tasks=1) as desk:
        ledger = desk.console.ledger
        assert isinstance(ledger, SqlLedger)
        (asked,) = desk.questions()
        facts = ledger.decision(asked.decision.id)
        assert facts is not None
        _lately(ledger, past, facts.decision)
        running = desk.console.revisions().judge(asked.decision.revision)
        assert running is not None
        visit = Visit(console=desk.console, session=None, now=desk.console.now())
        began = time.thread_time()
        found = try_on_the_past(visit, running, judge_of(PAYS))
        assert found.total >= past, found.total
        return round(time.thread_time() - began, 2)


def _lately(ledger: SqlLedger, count: int, like: Decision) -> None:
    """So many questions like this one, each of a round of its own, in the last month."""
    for start in range(0, count, BATCH):
        with ledger._chain.adding() as end:
            for n in range(start, min(start + BATCH, count)):
                at = like.decided_at - timedelta(days=29) * (n + 1) / count
                name = decision_id("comments", f"past-{n}", like.epoch or "", "escalate")
                made = replace(like, id=name, task_id=f"past-{n}", decided_at=at)
                line, row = events.recorded(made, State.HELD, end.next, None)
                end.add(line)
                ledger._put(tables.decision, row, None)


def main() -> int:
    """Measure, print, keep, and fail where something costs more than it may."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--decisions", type=int, default=1_000_000)
    options.add_argument("--questions", type=int, default=200)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as large:
        found = pages(chosen.decisions, chosen.questions, chosen.rounds, Path(large))
    seconds = {}
    for past in WHAT_IF_S:
        with tempfile.TemporaryDirectory() as small:
            seconds[past] = what_if(past, Path(small))
    limits = dict.fromkeys(found["ms"], PAGE_MS) | {"queue": QUEUE_MS}
    for name, ms in found["ms"].items():
        print(f"{name:<34} {ms:>8} ms (at most {limits[name]})  {found['bytes'][name]:>7} bytes")
    for name in ASSETS:
        print(f"{name} with its assets: {found['bytes'][f'{name} with its assets']} bytes")
    for past, most in WHAT_IF_S.items():
        print(f"what if over {past}: {seconds[past]} s (at most {most})")
    if chosen.write:
        about = {"decisions": chosen.decisions, "questions": chosen.questions}
        whole = {f"seconds over {count:,}": took for count, took in seconds.items()}
        print(keep("console", about | {"page": found, "what if": whole}))
    weights = found["bytes"]
    over = [name for name, ms in found["ms"].items() if ms > limits[name]]
    over += ["queue bytes"] * (weights["queue with its assets"] > QUEUE_BYTES)
    over += ["editor bytes"] * (weights["editor with its assets"] > EDITOR_BYTES)
    over += ["what if" for past, most in WHAT_IF_S.items() if seconds[past] > most]
    if over:
        print(f"more than it may be: {', '.join(over)}", file=sys.stderr)
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
