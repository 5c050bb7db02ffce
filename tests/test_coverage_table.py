"""The table of the API in docs/architecture.md and the client agree: every method, what it really sends, and where."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from reviewbot.domain.errors import ApiError
from reviewbot.domain.order import Order
from reviewbot.simulator.clock import VirtualClock
from reviewbot.simulator.routes import ROUTES
from reviewbot.simulator.scenarios import START
from reviewbot.tokportal.client import ReviewApi
from reviewbot.tokportal.exchange import Exchange
from reviewbot.tokportal.rate_limit import RateLimiter, ReadRetry
from tests.cli.walk import every_command

PAGE = (Path(__file__).resolve().parent.parent / "docs/architecture.md").read_text(encoding="utf-8")
NOT_AN_OPERATION = {"writes_sent", "ready"}
NOT_NEEDED = {"GET /accounts/{id}/managed-subscription"}
"""Served by the simulator for those who want to look; the bot goes by `execution_blocked`."""


class Line(NamedTuple):
    """One row of the table."""

    operation: str
    method: str
    where: tuple[str, ...]


def table() -> list[Line]:
    """Read the table."""
    section = PAGE.split("\n## What of the API is covered\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `(.+?)`(?:, .+?)? \| `(.+?)` \| (.+?) \|$", section, re.M)
    return [
        Line(operation, method, tuple(re.findall(r"`(.+?)`", where)))
        for operation, method, where in rows
    ]


TABLE = table()
TASK = Order(saved_account_id="a", comment_text="x", target_video_url="tiktok.com/t/x")
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "create_comment": (TASK,),
    "create_comments": ([TASK, TASK],),
    "dispute": ("ID", "a reason"),
    "request_corrections": ("ID", "a comment", {"username": "x"}),
    "list_comments": (),
    "list_bundles": (),
    "list_accounts": (),
    "me": (),
}


class Recording(httpx.BaseTransport):
    """Notes what is sent, and answers nothing that could be used."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Note the operation."""
        path = request.url.path.removeprefix("/api/ext").replace("/ID", "/{id}")
        self.sent.append(f"{request.method} {path}")
        return httpx.Response(404, json={"error": {"code": "COMMENT_TASK_NOT_FOUND"}})


def operations() -> dict[str, Callable[..., Any]]:
    """Every method of the client that sends something."""
    return {
        name: function
        for name, function in inspect.getmembers(ReviewApi)
        if not name.startswith("_") and name not in NOT_AN_OPERATION
    }


def test_every_method_of_the_client_is_in_the_table_once() -> None:
    """None is missing, and none is only there."""
    assert sorted(line.method for line in TABLE) == sorted(operations())


@pytest.mark.parametrize("line", TABLE, ids=lambda line: line.method)
def test_a_method_sends_the_operation_of_its_row(line: Line) -> None:
    """Seen at the transport."""
    clock, transport = VirtualClock(START), Recording()
    exchange = Exchange(
        transport,
        base_url="https://api.test/api/ext",
        key="sk_test",
        clock=clock,
        bucket=RateLimiter(clock),
    )
    api = ReviewApi(exchange, ReadRetry(clock, lambda: 0.5))
    function = getattr(api, line.method)
    needs_key = "idempotency_key" in inspect.signature(function).parameters

    with pytest.raises(ApiError):
        function(
            *ARGUMENTS.get(line.method, ("ID",)), **{"idempotency_key": "k"} if needs_key else {}
        )

    assert transport.sent == [line.operation]
    counted = "create_comments" if line.method == "create_comment" else line.method
    assert exchange.traffic.calls == {(counted, "404"): 1}
    assert sum(exchange.traffic.seconds.counts) == 1


def test_the_operations_are_those_that_the_simulator_serves() -> None:
    """Which were taken from the documents by themselves, without a look at the client."""
    served = {f"{method} /{'/'.join(path)}".replace("*", "{id}") for method, *path in ROUTES}
    assert {line.operation for line in TABLE} == served - NOT_NEEDED


def test_the_commands_of_the_table_exist() -> None:
    """Whoever looks for an operation finds where it is used."""
    real = {" ".join(path) for path, _ in every_command()}
    assert {name for line in TABLE for name in line.where} <= real
    assert all(line.where for line in TABLE)
