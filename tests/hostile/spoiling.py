"""A transport that spoils the simulator's answers, and remembers what it really sent."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from random import Random  # noqa: TID251 - seeded, so that it repeats
from typing import Any

import httpx

from tests.acceptance.faults import answer
from tests.hostile import strict
from tests.hostile.mutants import Whole, mutate


class SpoilingTransport(httpx.BaseTransport):
    """Passes requests on, and spoils a share of the answers with a body, reads and writes alike."""

    def __init__(self, inner: httpx.BaseTransport, *, share: float, seed: int) -> None:
        self.inner, self.share, self.chance = inner, share, Random(seed)
        self.spoiled = 0
        self.sent: Counter[str] = Counter()
        self.tasks: dict[str, list[Any]] = defaultdict(list)
        self.timelines: dict[str, list[Any]] = defaultdict(list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, truly or not."""
        response = self.inner.handle_request(request)
        body = response.read()
        if body and self.chance.random() < self.share:
            whole = Whole(json.loads(body))
            body = mutate(self.chance, whole, self.chance.choice(whole.places))
            self.spoiled += 1
        self._remember(request, body)
        return answer(response.status_code, body, "application/json")

    def _remember(self, request: httpx.Request, body: bytes) -> None:
        """Keep what was said of each task, by the id that it was said under."""
        if request.method != "GET":
            self.sent[request.url.path.rpartition("/")[2]] += 1
            return
        try:
            said = strict.parse(body)
        except strict.NoJson:
            return
        data = said.get("data") if isinstance(said, dict) else None
        if isinstance(data, dict) and isinstance(data.get("attempts"), list):
            self.timelines[str(data.get("task_id"))].append(data["attempts"])
        for row in data if isinstance(data, list) else [data]:
            if isinstance(row, dict) and strict.usable(row):
                self.tasks[row["id"]].append(row)
