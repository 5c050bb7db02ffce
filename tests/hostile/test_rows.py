"""One row may say anything that JSON can say: it is that task's trouble, and the others are decided."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.faults import answer
from tests.acceptance.house import House, house
from tests.acceptance.test_a_pass import DECIDES_ALL
from tests.ledger.server import Server
from tests.tier import times

TASKS = 6
SQLITE, POSTGRESQL = times(20, 1_000), times(8, 300)

absurd = st.sampled_from(
    [
        *(
            1e13,
            9.3e12,
            1e308,
            -1,
            -0.0,
            2**63,
            2**64,
            -(2**70),
            10**400,
            float("nan"),
            float("inf"),
        ),
        *(
            "",
            "\0",
            "a\0b",
            "\ud800",
            "x\udfff",
            "x" * 3_000,
            "x" * 300_000,
            "../..",
            "\u202e",
            "%00",
        ),
        *("2026-06-02T11:45:40.123456789Z", "2026-06-02T11:45:40+23:59", "2026-06-02T24:00:00Z"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-06-02T11:45:60Z"),
        *(None, True, [], {}, [[[]]], {"id": 1}),
    ]
) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "id",
    "status",
    "platform",
    "saved_account_id",
    "target_video_url",
    "comment_text",
    "cm_payout_amount",
    "submitted_at",
    "manually_confirmed_at",
    "client_dispute_deadline_at",
    "correction_required",
    "updated_at",
    "attempt_n",
    "scraped_at",
    "outcome_kind",
    "match_score",
    "comments_scraped",
    "something_new",
)
changes = st.dictionaries(st.sampled_from(FIELDS), absurd, min_size=1, max_size=4)


class OneOdd(httpx.BaseTransport):
    """Changes what is said of one task, wherever it is said."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.task_id = ""
        self.changes: dict[str, Any] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on, and spoil what is about that task."""
        response = self.inner.handle_request(request)
        said = json.loads(response.read() or b"null")
        about = request.url.path.split("/")
        for row in said.get("data") if isinstance(said.get("data"), list) else [said.get("data")]:
            if isinstance(row, dict) and self.task_id in (row.get("id"), row.get("task_id")):
                self._spoil(row, whole="verifications" not in about)
        return answer(response.status_code, json.dumps(said).encode(), "application/json")

    def _spoil(self, row: dict[str, Any], *, whole: bool) -> None:
        if whole:
            row.update(self.changes)
        for attempt in row.get("attempts", ()):
            attempt.update(self.changes)


def decides_the_others(ledger: str, seed: int, odd: dict[str, Any]) -> House:
    """One pass over a few tasks, one of which is odd: every other one is decided, and nothing breaks."""
    with house(
        tasks=TASKS, ledger=ledger, seed=seed, policy=DECIDES_ALL, wrap=OneOdd, soonest=20.0
    ) as there:
        spoiled = there.transport
        assert isinstance(spoiled, OneOdd)
        first = min(there.world.waiting(), key=lambda task: task.review_until or 0)
        spoiled.task_id, spoiled.changes = first.id, odd
        others = {task.id for task in there.world.waiting()} - {first.id}

        summary = there.poll()

        assert summary is not None, there.events
        assert summary.stopped is None
        done = {logged.decision.task_id for logged in there.app.ledger.decisions()}
        assert others <= done
        held = [logged.note for logged in there.app.ledger.decisions() if logged.decision.held_by]
        assert held == []
        return there


@given(odd=changes)
@settings(max_examples=SQLITE, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_row_harms_itself_only(
    odd: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever its fields hold, in a list, in a read or in its timeline; in a log on disk."""
    place = tmp_path_factory.mktemp("odd") / "ledger.db"
    decides_the_others(f"sqlite:///{place}", next(_SEEDS), odd)


@given(odd=changes)
@settings(max_examples=POSTGRESQL, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_row_harms_itself_only_on_postgresql(odd: dict[str, Any], postgres: Server) -> None:
    """Which holds no NUL, and indexes no text of a kilobyte."""
    decides_the_others(postgres.new_database(), next(_SEEDS), odd)


@pytest.mark.parametrize(
    "odd",
    [
        {"cm_payout_amount": 1e13},
        {"cm_payout_amount": 9_223_372_036_855.0},
        {"cm_payout_amount": 10**400},
        {"saved_account_id": "a\0b"},
        {"saved_account_id": "x" * 100_000},
        {"comment_text": "a\0b", "target_video_url": "\0"},
        {"comment_text": "x" * 500_000},
        {"comment_text": "\ud83d"},
        {"comments_scraped": 10**30, "attempt_n": 2**63},
    ],
    ids=lambda odd: "+".join(odd),
)
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_what_no_database_holds_stops_no_pass(
    odd: dict[str, Any], store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Amounts beyond 64 bits, NULs, halves of letters and megabytes."""
    new: Callable[[], str] = {
        "sqlite": lambda: f"sqlite:///{tmp_path}/ledger.db",
        "postgresql": lambda: request.getfixturevalue("postgres").new_database(),
    }[store]
    decides_the_others(new(), 0, odd)


_SEEDS = itertools.count(1)
