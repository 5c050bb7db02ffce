"""Somebody else's server: it speaks the documented shapes and nothing more.

It shares no line with our simulator, so that the bot cannot lean on what only ours does. No rate
headers, no `Date`, no version or request-id headers, no idempotency, whole seconds, attempts in any
order, abbreviated answers to acts; HTTP/1.0, whose bodies end where the connection does.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = "/api/ext"
Json = dict[str, Any]


class Refused(Exception):
    """A documented refusal: status, code and details."""

    def __init__(self, status: int, code: str, **details: Any) -> None:
        super().__init__(code)
        self.status, self.code, self.details = status, code, details


class Stranger:
    """Tasks, newest first, with their timelines; `acts` is every act that took effect."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.tasks: dict[str, Json] = {}
        self.timelines: dict[str, list[Json]] = {}
        self.acts: list[tuple[str, str, str | None]] = []
        self.calls: list[str] = []
        self.before_act: Callable[[str], None] = lambda task_id: None
        self.not_ours: set[str] = set()

    def put(self, task_id: str, attempts: list[Json], *, hours_ago: float) -> None:
        """Let a task wait whose manager insisted so many hours ago."""
        confirmed = self.now() - timedelta(hours=hours_ago)
        created = confirmed - timedelta(hours=9)
        self.timelines[task_id] = attempts
        self.tasks[task_id] = {
            "id": task_id,
            "status": "manually_confirmed",
            "platform": "tiktok",
            "saved_account_id": "c1a5f0d8-2b6e-4e39-b7a4-90d3e8f61c27",
            "target_video_url": "https://www.tiktok.com/@maker/video/7301",
            "target_author_handle": None,
            "comment_text": "That light is unreal",
            "cm_payout_amount": 0.24,
            "submitted_at": stamp(created + timedelta(hours=1)),
            "verified_at": None,
            "manually_confirmed_at": stamp(confirmed),
            "client_dispute_deadline_at": stamp(confirmed + timedelta(hours=72)),
            "finalized_at": None,
            "correction_required": None,
            "deadline_at": stamp(created + timedelta(hours=72)),
            "created_at": stamp(created),
            "updated_at": stamp(confirmed),
        }

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Json]:
        """Answer one call."""
        parts = urlsplit(target)
        self.calls.append(f"{method} {parts.path}")
        try:
            return 200, self._answer(method, parts.path, parse_qs(parts.query), body)
        except Refused as refused:
            error = {"code": refused.code, "message": "No."}
            return refused.status, {"error": error | {"details": refused.details}}

    def _answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> Json:
        if (method, path) == ("GET", f"{ROOT}/comments"):
            return self._page({name: values[-1] for name, values in query.items()})
        found = re.fullmatch(rf"{ROOT}/comments/([^/]+)(?:/(\w+))?", path)
        if found is None:
            raise Refused(404, "NOT_FOUND")
        task = self._owned(found[1])
        match method, found[2]:
            case "GET", None:
                return {"data": task}
            case "GET", "verifications":
                attempts = self.timelines[task["id"]]
                return {
                    "data": {"task_id": task["id"], "status": task["status"], "attempts": attempts}
                }
            case "POST", "approve" | "dispute" as act:
                return self._act(act, task, json.loads(body or b"{}"))
        raise Refused(404, "NOT_FOUND")

    def _page(self, asked: dict[str, str]) -> Json:
        page, size = int(asked.get("page", 1)), int(asked.get("per_page", 25))
        if not 1 <= size <= 100 or page < 1:
            raise Refused(400, "INVALID_PAGINATION")
        statuses = asked["status"].split(",") if "status" in asked else None
        rows = [t for t in self.tasks.values() if statuses is None or t["status"] in statuses]
        rows.sort(key=lambda task: str(task["created_at"]), reverse=True)
        return {
            "data": rows[(page - 1) * size : page * size],
            "pagination": {
                "page": page,
                "per_page": size,
                "total": len(rows),
                "total_pages": -(-len(rows) // size),
            },
        }

    def _owned(self, task_id: str) -> Json:
        if task_id in self.not_ours:
            raise Refused(403, "COMMENT_TASK_NOT_OWNED")
        if task_id not in self.tasks:
            raise Refused(404, "COMMENT_TASK_NOT_FOUND")
        return self.tasks[task_id]

    def _act(self, act: str, task: Json, body: Json) -> Json:
        self.before_act(task["id"])
        if task["status"] != "manually_confirmed":
            raise Refused(409, "COMMENT_INVALID_STATUS", current_status=task["status"])
        reason = body.get("reason")
        if act == "dispute" and not 3 <= len(reason or "") <= 500:
            raise Refused(400, "COMMENT_DISPUTE_REASON_REQUIRED")
        self.acts.append((task["id"], act, reason))
        now = stamp(self.now())
        if act == "approve":
            task |= {"status": "finalized", "finalized_at": now, "updated_at": now}
            return {"data": {name: task[name] for name in ("id", "status", "finalized_at")}}
        task |= {
            "status": "pending_corrections",
            "manually_confirmed_at": None,
            "client_dispute_deadline_at": None,
            "correction_required": f'Please mend this:\n\n"{reason}"\n\nThen re-check.',
            "updated_at": now,
        }
        return {"data": {name: task[name] for name in ("id", "status", "correction_required")}}


def stamp(moment: datetime) -> str:
    """Write a moment in whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def served(stranger: Stranger) -> Iterator[str]:
    """Serve on a loopback port; gives the API root's URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(b"")

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def _reply(self, body: bytes) -> None:
            status, answer = stranger.answer(self.command, self.path, body)
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *about: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{ROOT}"
        finally:
            server.shutdown()
            thread.join(timeout=5)
