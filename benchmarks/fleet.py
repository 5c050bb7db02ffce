"""Many keys in one process: what they cost, beside a process each, and what one that is broken costs others.

    python -m benchmarks.fleet [--write] [--part busy|idle|poisoned]

The API is a process of its own that answers at once, so that its time is nobody's here. Time is the
CPU time of the process with the bots, memory its resident set; each part takes half a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.kept import keep
from reviewbot.config import Settings, load_settings
from reviewbot.runtime.keyring import KeyLoop, Keyring

ROOT = Path(__file__).resolve().parent.parent
BUSY, TASKS, EVERY = 200, 11, 5
"""Keys, tasks that wait at each, and seconds between polls: a list and each task's checks, 2 requests a second."""
IDLE = 40
WARM, SECONDS = 10.0, 15.0
TIMES = 3
"""How often what is compared is measured side by side; the median counts."""
POLICY = """policy: bench
language: 1
rules:
  - name: ask
    always: yes
    then: escalate
deadline:
  decide by: 3h before deadline
  if undecided: escalate
  because: Nobody looked.
"""


# The API: canned answers over plain sockets -------------------------------------------------------


def serve(listener: socket.socket, tasks: int) -> None:
    """Answer until the process is ended: a list whose tasks change each time, and their checks."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1]
                if b"sk_poison" in head:
                    await asyncio.sleep(20)
                writer.write(_list(tasks, head) if b"/verifications" not in path else CHECKS)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def forever() -> None:
        server = await asyncio.start_server(answer, sock=listener)
        await server.serve_forever()

    asyncio.run(forever())


def _response(body: Any) -> bytes:
    text = json.dumps(body).encode()
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-ratelimit-limit: 100000\r\n"
        b"x-ratelimit-remaining: 90000\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text)
    )


_TRY = {
    "attempt_n": 1, "scraped_at": "2026-11-29T19:36:56Z", "outcome_kind": "couldnt_verify",
    "verified": False, "match_score": 0.34, "found_comment_id": None, "reason": "no_candidate_found",
    "comments_scraped": 100, "platform": "instagram",
}  # fmt: skip
CHECKS = _response({"data": {"task_id": "t", "status": "manually_confirmed", "attempts": [_TRY]}})


def _list(tasks: int, head: bytes) -> bytes:
    now = datetime.now(UTC)
    if b"manually_confirmed" not in head:
        tasks = 0
    stamps = {
        name: f"{now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
        for name, hours in (("updated_at", 0), ("client_dispute_deadline_at", 60))
    }
    began = f"{now.replace(minute=0, second=0):%Y-%m-%dT%H:%M:%SZ}"
    rows = [
        {
            "id": f"b732d421-e150-4949-aefe-{number:012d}", "status": "manually_confirmed",
            "platform": "instagram", "saved_account_id": f"92e8e2d1-2ecb-4c40-ab94-{number:012d}",
            "target_video_url": "https://www.instagram.com/reel/D5a2b747b59051b/",
            "comment_text": "That little laugh at the end made my day", "cm_payout_amount": 0.27,
            "submitted_at": began, "verified_at": None, "manually_confirmed_at": began,
            "finalized_at": None, "correction_required": None, "deadline_at": began,
            "created_at": began, "target_type": "video", **stamps,
        }
        for number in range(tasks)
    ]  # fmt: skip
    page = {"page": 1, "per_page": 100, "total": tasks, "total_pages": 1}
    return _response({"data": rows, "pagination": page})


@contextmanager
def an_api(tasks: int) -> Iterator[str]:
    """The API in a process of its own; gives its root."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        command = f"import socket; from benchmarks import fleet; fleet.serve(socket.socket(fileno={listener.fileno()}), {tasks})"
        with subprocess.Popen(
            [sys.executable, "-c", command], pass_fds=(listener.fileno(),), cwd=ROOT
        ) as process:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{listener.getsockname()[1]}/").read()
                yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/ext"
            finally:
                process.terminate()


def _pass(seconds: float) -> None:
    threading.Event().wait(seconds)


# The bots -----------------------------------------------------------------------------------------


def settings_in(folder: Path, url: str, keys: Mapping[str, str], every: int) -> Settings:
    """Settings with these keys by their names."""
    (folder / "bench.yaml").write_text(POLICY)
    lines = [
        f'ledger = "sqlite:///{folder}/log.db"',
        f'every = "{every}s"',
        'evidence = "always"',
        f'policy = "{folder}/bench.yaml"',
    ]
    for name, key in keys.items():
        file = folder / f"{name}.key"
        file.write_text(key)
        file.chmod(0o600)
        lines += [f"[keys.{name}]", f'api_key_file = "{file}"']
        if name == "broken":
            lines.append(f'policy = "{folder}/broken.yaml"')
    (folder / "reviewbot.toml").write_text("\n".join(lines))
    env = {"TOKPORTAL_BASE_URL": url, "STATE_DIRECTORY": str(folder), "REVIEWBOT_NAME": "bench"}
    return load_settings({}, env, folder=folder)


@contextmanager
def running(settings: Settings) -> Iterator[list[KeyLoop]]:
    """Every key in this process."""
    keyring = Keyring()
    loops = [
        KeyLoop(key, keyring, events=lambda *_, **__: None, book=lambda _: None, is_scraped=False)
        for key in settings.each()
    ]
    thread = threading.Thread(target=keyring.run, args=(loops,))
    thread.start()
    try:
        yield loops
    finally:
        keyring.stop()
        thread.join(60)


def traffic(loops: list[KeyLoop]) -> int:
    """Requests sent so far."""
    return sum(loop.bot.app.traffic.requests for loop in loops if loop.bot is not None)


def answers(loops: list[KeyLoop]) -> dict[str, tuple[float, int]]:
    """The seconds that the answers of each key took so far, and how many they were."""
    counts = ((loop.name, loop.bot.app.traffic) for loop in loops if loop.bot is not None)
    return {name: (counted.seconds.total, counted.requests) for name, counted in counts}


def busy() -> dict[str, float]:
    """Two hundred keys at two requests a second each."""
    with tempfile.TemporaryDirectory() as folder, an_api(TASKS) as url:
        keys = {f"k{number}": f"sk_bench_{number:06d}" for number in range(BUSY)}
        with running(settings_in(Path(folder), url, keys, EVERY)) as loops:
            _pass(WARM)
            sent, used, began = traffic(loops), time.process_time(), time.monotonic()
            _pass(SECONDS)
            seconds = time.monotonic() - began
            return {
                "keys": sum(loop.bot is not None for loop in loops),
                "requests a second": round((traffic(loops) - sent) / seconds, 1),
                "share of a core": round((time.process_time() - used) / seconds, 3),
                "MB": round(_resident(os.getpid()), 1),
            }


BROKEN = {"poison": "sk_poison_000001", "broken": "sk_broken_000001"}
"""The requests of one hang, and the policies of the other cannot be read."""


def poisoned() -> dict[str, float]:
    """What others wait for an answer, without and with two keys that are broken.

    Both are measured at once, in a process each, for a machine that does other work slows both alike.
    """
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pairs = [pool.map(seconds_an_answer, [{}, BROKEN], chunksize=1) for _ in range(TIMES)]
    without, with_them = (median(seconds) for seconds in zip(*pairs, strict=True))
    return {
        "ms an answer without": round(1000 * without, 3),
        "ms an answer with": round(1000 * with_them, 3),
        "ratio": round(median(after / before for before, after in pairs), 3),
    }


def seconds_an_answer(more: Mapping[str, str]) -> float:
    """The median over twenty keys, beside these."""
    keys = {f"k{number}": f"sk_bench_{number:06d}" for number in range(20)}
    with tempfile.TemporaryDirectory() as folder, an_api(TASKS) as url:
        (Path(folder) / "broken.yaml").write_text("rules: none")
        with running(settings_in(Path(folder), url, {**keys, **more}, 1)) as loops:
            while len(answers(loops).keys() & keys.keys()) < len(keys):
                _pass(0.5)
            _pass(2.0)  # what stands at the beginning is not what is asked for
            before = answers(loops)
            _pass(SECONDS / TIMES)
            after = answers(loops)
            return median(
                (after[key][0] - before[key][0]) / (after[key][1] - before[key][1]) for key in keys
            )


def idle() -> dict[str, float]:
    """Forty keys at rest in one process, and what forty processes would be, by one of them."""
    found: dict[str, float] = {"keys": IDLE}
    for name, count in (("together", IDLE), ("alone", 1)):
        with tempfile.TemporaryDirectory() as folder, an_api(0) as url:
            keys = {f"k{number}": f"sk_bench_{number:06d}" for number in range(count)}
            settings_in(Path(folder), url, keys, 60)
            command = [
                sys.executable,
                "-m",
                "reviewbot",
                "run",
                "--config",
                f"{folder}/reviewbot.toml",
            ]
            env = {**os.environ, "TOKPORTAL_BASE_URL": url, "STATE_DIRECTORY": folder}
            with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
                _pass(WARM)
                used = _cpu(process.pid)
                _pass(SECONDS if count > 1 else 1.0)
                if count > 1:
                    found["share of a core"] = round((_cpu(process.pid) - used) / SECONDS, 4)
                found[f"MB {name}"] = round(_resident(process.pid), 1)
                process.terminate()
    found["MB of a process each"] = round(found["MB alone"] * IDLE, 1)
    return found


def _resident(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


PARTS = {"busy": busy, "idle": idle, "poisoned": poisoned}


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--part", choices=PARTS)
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    found = {name: part() for name, part in PARTS.items() if chosen.part in (None, name)}
    for name, figures in found.items():
        print(name, figures)
    if chosen.write:
        print(keep("fleet", found, part=chosen.part is not None))
    return 0


if __name__ == "__main__":
    sys.exit(main())
