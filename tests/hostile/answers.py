"""Real answers of the simulator to every reading operation, to be spoiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import httpx
import msgspec

from reviewbot.domain.task import CommentTask, Timeline
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.scenarios import build
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.tokportal.client import ReviewApi
from reviewbot.tokportal.decode import Drift
from tests.hostile import strict
from tests.hostile.mutants import Whole
from tests.tokportal.support import a_client

Json = Any
Ask = Callable[[ReviewApi, Drift], Any]


class Sample(msgspec.Struct, frozen=True):
    """One real answer: the operation, how the client is asked for it, and what came."""

    operation: str
    ask: Ask
    whole: Whole
    asked: str | None = None


class Answers:
    """The answers, the moment of the world they came from, and what goes together by task."""

    def __init__(self) -> None:
        world = build("default", seed=3, requests_kept=None)
        assert isinstance(world.clock, VirtualClock)
        self._far = SimulatorTransport(world)
        self._api = a_client(self._answer, base_url="https://simulator.test/api/ext")
        self._body = b""
        self.samples: list[Sample] = []
        self.tasks: dict[str, tuple[CommentTask, Json]] = {}
        self.timelines: dict[str, tuple[Timeline, Json]] = {}
        self._take_comments()
        self._take_accounts()
        self._take("me", lambda api, drift: api.me())
        self.now = world.clock.now()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        response = self._far.handle_request(request)
        self._body = response.read()
        return response

    def _take(self, operation: str, ask: Ask, asked: str | None = None) -> tuple[Any, Json]:
        """Ask, and keep the answer; give it as the client read it, and what stood under `data`."""
        found = ask(self._api, Drift())
        said = strict.parse(self._body)
        self.samples.append(Sample(operation, ask, Whole(said), asked))
        return found, said["data"]

    def _take_one(self, operation: str, name: str) -> tuple[Any, Json]:
        return self._take(
            operation, lambda api, drift: getattr(api, operation)(name, drift=drift), name
        )

    def _take_page(self, operation: str, rows: int) -> None:
        self._take(
            operation, lambda api, drift: getattr(api, operation)(per_page=rows, drift=drift)
        )

    def _take_comments(self) -> None:
        for task in _varied(self._api.list_comments(status="manually_confirmed").rows, self._api):
            self.tasks[task.id] = self._take_one("get_comment", task.id)
            timeline, data = self._take_one("get_verifications", task.id)
            self.timelines[task.id] = (timeline, data["attempts"])
        self._take_page("list_comments", 100)
        page = self.samples.pop()
        said = strict.parse(page.whole.body)
        known = [row for row in said["data"] if row["id"] in self.tasks][:2]
        self.samples.append(Sample(page.operation, page.ask, Whole(said | {"data": known})))

    def _take_accounts(self) -> None:
        self._take_page("list_bundles", 2)
        for bundle in self._api.list_bundles().rows[:6]:
            self._take_one("get_bundle", bundle.id)
            self._take_one("get_bundle_account", bundle.id)
        self._take_page("list_accounts", 2)
        self._take_one("get_account", self._api.list_accounts().rows[0].id)


def _varied(tasks: Iterable[CommentTask], api: ReviewApi) -> list[CommentTask]:
    """One waiting task for each outcome that the verifier came to, and one tried more than once."""
    found: dict[object, CommentTask] = {}
    for task in tasks:
        attempts = api.get_verifications(task.id).attempts
        kind = attempts[-1].outcome_kind if len(attempts) == 1 else len(attempts)
        found.setdefault(kind, task)
    return list(found.values())
