"""What the API tests share: a clock that is told the time, rows as the API sends them, a client."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from reviewbot.tokportal.client import ReviewApi
from reviewbot.tokportal.exchange import Exchange
from reviewbot.tokportal.rate_limit import RateLimiter, ReadRetry

BASE_URL = "https://api.example.test/api/ext"
KEY = "sk_canary" + "5f" * 28
START = datetime(2026, 6, 2, 12, 0, tzinfo=UTC)


class FakeClock:
    """A clock that moves only when somebody sleeps on it."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        """The wall clock."""
        return START + timedelta(seconds=self.seconds - 1_000.0)

    def monotonic(self) -> float:
        """The steady clock."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.sleeps.append(seconds)
        self.seconds += seconds


def a_row(**changes: Any) -> dict[str, Any]:
    """A waiting task as the API sends it."""
    row = {
        "id": "3b0e7c52-91d4-4a7f-8f0e-6a2d5c9b1e40",
        "status": "manually_confirmed",
        "platform": "instagram",
        "saved_account_id": "c1a5f0d8-2b6e-4e39-b7a4-90d3e8f61c27",
        "target_video_url": "https://www.instagram.com/reel/Dq7examplE1/",
        "target_author_handle": None,
        "comment_text": "The light in this one is unreal",
        "cm_payout_amount": 0.24,
        "submitted_at": "2026-06-02T08:10:05Z",
        "verified_at": None,
        "manually_confirmed_at": "2026-06-02T11:45:40Z",
        "client_dispute_deadline_at": "2026-06-05T11:45:40Z",
        "finalized_at": None,
        "correction_required": None,
        "deadline_at": "2026-06-05T07:30:00Z",
        "created_at": "2026-06-02T07:30:00Z",
        "updated_at": "2026-06-02T11:45:40Z",
    }
    return row | changes


def an_attempt_row(**changes: Any) -> dict[str, Any]:
    """One attempt of the verifier as the API sends it."""
    row = {
        "attempt_n": 1,
        "scraped_at": "2026-06-02T08:10:38Z",
        "outcome_kind": "couldnt_verify",
        "verified": False,
        "match_score": 0.31,
        "found_comment_id": None,
        "reason": "no_candidate_found",
        "comments_scraped": 64,
        "platform": "instagram",
    }
    return row | changes


def a_list(
    rows: list[Any], page: int = 1, pages: int = 1, total: int | None = None
) -> dict[str, Any]:
    """One page of a list as the API sends it."""
    count = len(rows) if total is None else total
    told = {"page": page, "per_page": 100, "total": count, "total_pages": pages}
    return {"data": rows, "pagination": told}


def answer(body: Any, status: int = 200, **headers: str) -> httpx.Response:
    """An HTTP answer with a JSON body (bytes go as they are)."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"content-type": "application/json"} | {
        k.replace("_", "-"): v for k, v in headers.items()
    }
    return httpx.Response(status, headers=told, content=content)


def a_client(
    handler: Callable[[httpx.Request], httpx.Response] | httpx.BaseTransport,
    clock: FakeClock | None = None,
    **options: Any,
) -> ReviewApi:
    """A client whose far end is a function or a transport."""
    clock = clock or FakeClock()
    transport = (
        handler if isinstance(handler, httpx.BaseTransport) else httpx.MockTransport(handler)
    )
    exchange = Exchange(
        transport,
        base_url=options.pop("base_url", BASE_URL),
        key=options.pop("key", KEY),
        clock=clock,
        bucket=RateLimiter(clock),
        **options,
    )
    return ReviewApi(exchange, ReadRetry(clock, lambda: 0.5))
