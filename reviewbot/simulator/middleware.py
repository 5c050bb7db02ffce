"""The front desk: what every request passes before and after its operation.

In this order: request id, key, rate limit, idempotency, the operation, the headers that go with
every answer. Doors (in process, over HTTP) only translate to `Call` and from `Answer`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from reviewbot.simulator import routes
from reviewbot.simulator.clock import http_date
from reviewbot.simulator.model import Actor, By, RequestLine
from reviewbot.simulator.refusals import Refusal, refuse
from reviewbot.simulator.wire import Call, HttpAnswer, Request, encode
from reviewbot.simulator.world import World

# ------------------------------------------------------------------------------------------------
# The rate limit: a token bucket per key, refilled continuously.


class TokenBucket:
    """Tokens of one API key. `neighbour` is what other tools on the key take, in tokens a second."""

    def __init__(self, per_minute: int, now: float, *, neighbour: float = 0.0) -> None:
        self.limit = per_minute
        self.neighbour = neighbour
        self._tokens = float(per_minute)
        self._at = now

    def take(self, now: float) -> float:
        """Take a token; gives 0, or the seconds until there is one."""
        self._refill(now)
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._net_rate

    @property
    def remaining(self) -> int:
        """Whole tokens left."""
        return int(self._tokens)

    def full_at(self) -> int:
        """When the bucket is full again, in POSIX seconds."""
        return int(self._at + (self.limit - self._tokens) / self._net_rate) + 1

    @property
    def _net_rate(self) -> float:
        return max(self.limit / 60 - self.neighbour, 0.01)

    def _refill(self, now: float) -> None:
        passed = max(0.0, now - self._at)
        gained = passed * (self.limit / 60 - self.neighbour)
        self._tokens = min(float(self.limit), max(0.0, self._tokens + gained))
        self._at = max(self._at, now)


ROOT = "/api/ext"
KEY_PREFIXES = ("sk_", "tok_live_")
_SAFE_ID = re.compile(r"[!-~]{1,128}")

_SAME_ALWAYS = (
    (b"content-type", b"application/json; charset=utf-8"),
    (b"x-tokportal-api-version", b"2026-05-25"),
    (b"x-tokportal-api-stability", b"stable"),
)

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class _Stored:
    fingerprint: bytes
    answer: HttpAnswer
    until: float


class FrontDesk:
    """Answers calls against one world. `neighbour` is what others on the key take, in requests/s."""

    def __init__(self, world: World, *, neighbour: float = 0.0, date_skew: float = 0.0) -> None:
        self.world = world
        self.neighbour = neighbour
        self.date_skew = date_skew
        self.served = 0
        self.writes = 0
        self.refused_for_rate = 0
        self._buckets: dict[str, TokenBucket] = {}
        self._stored: dict[tuple[str, str], _Stored] = {}

    def answer(self, call: Call, *, by: By = "client", fault: str | None = None) -> HttpAnswer:
        """Answer one call, at the world's present moment."""
        self.served += 1
        request_id = self._request_id(call)
        bucket: TokenBucket | None = None
        marks: Headers = []
        try:
            key = self._check_key(call)
            bucket = self.bucket(key)
            self._check_rate(bucket)
            status, body = self._serve(call, key, request_id, by, marks)
        except Refusal as refusal:
            status, body = refusal.status, _error_body(refusal)
            marks = list(refusal.headers)
        headers = self.headers(request_id, bucket)
        headers += marks
        self._log(call, status, request_id, fault)
        return HttpAnswer(status, headers, body, request_id)

    def refuse(self, call: Call, refusal: Refusal, *, fault: str | None = None) -> HttpAnswer:
        """Answer a call with a refusal, whatever it asks."""
        self.served += 1
        request_id = self._request_id(call)
        self._log(call, refusal.status, request_id, fault)
        key = call.headers.get("x-api-key", "")
        headers = self.headers(request_id, self.bucket(key))
        answer = HttpAnswer(
            refusal.status, headers + list(refusal.headers), _error_body(refusal), request_id
        )
        name = call.headers.get("idempotency-key")
        stores = self.world.choices.idempotency_stores == "everything" and refusal.status != 429
        if name and stores and self._stored_under((key, name)) is None:
            self._store((key, name), _Stored(_fingerprint(call), answer, self.world.now))
        return answer

    def _log(self, call: Call, status: int, request_id: str, fault: str | None) -> None:
        world = self.world
        if world.requests.maxlen != 0:
            world.requests.append(
                RequestLine(
                    at=world.now,
                    method=call.method,
                    path=call.path,
                    query=call.query,
                    status=status,
                    request_id=request_id,
                    fault=fault,
                )
            )

    def bucket(self, key: str) -> TokenBucket:
        """The token bucket of a key."""
        bucket = self._buckets.get(key)
        if bucket is None:
            choices = self.world.choices
            bucket = self._buckets[key] = TokenBucket(
                choices.rate_limit, self.world.now, neighbour=self.neighbour
            )
        return bucket

    def headers(self, request_id: str, bucket: TokenBucket | None) -> Headers:
        """The headers of every answer; the rate headers only where a key was recognised."""
        date = http_date(int(self.world.now + self.date_skew))
        headers = [*_SAME_ALWAYS, (b"date", date), (b"x-tokportal-request-id", request_id.encode())]
        if bucket is not None:
            headers += (
                (b"x-ratelimit-limit", b"%d" % bucket.limit),
                (b"x-ratelimit-remaining", b"%d" % bucket.remaining),
                (b"x-ratelimit-reset", b"%d" % bucket.full_at()),
            )
        return headers

    def too_many(self, retry_after: int) -> Refusal:
        """The refusal of a request for the rate limit's sake."""
        # The documented example says a second more in the body than in the header.
        refused = refuse("RATE_LIMIT_EXCEEDED", retry_after_seconds=retry_after + 1)
        refused.headers = ((b"retry-after", b"%d" % retry_after),)
        return refused

    def _request_id(self, call: Call) -> str:
        asked = call.headers.get("x-request-id")
        if asked and _SAFE_ID.fullmatch(asked):
            return asked
        return f"req_{self.world.rng.getrandbits(128):032x}"

    def _check_key(self, call: Call) -> str:
        key = call.headers.get("x-api-key", "")
        if not key:
            raise refuse("AUTH_MISSING_KEY", hint="Send your key in X-API-Key.")
        if not key.startswith(KEY_PREFIXES):
            raise refuse("AUTH_INVALID_KEY", hint="This key is not known.")
        if "_revoked" in key:
            raise refuse("AUTH_REVOKED_KEY", hint="This key was revoked.")
        if "_expired" in key:
            raise refuse("AUTH_EXPIRED_KEY", hint="This key has expired.")
        if "_readonly" in key and call.is_write:
            raise refuse("AUTH_INSUFFICIENT_SCOPE")
        return key

    def _check_rate(self, bucket: TokenBucket) -> None:
        wait = bucket.take(self.world.now)
        if wait:
            self.refused_for_rate += 1
            raise self.too_many(max(1, math.ceil(wait)))

    def _serve(
        self, call: Call, key: str, request_id: str, by: By, marks: Headers
    ) -> tuple[int, bytes]:
        if not call.path.startswith(ROOT):
            raise refuse("NOT_FOUND", f"The API lives under {ROOT}.")
        operation, ids = routes.find(call.method, call.path[len(ROOT) :])
        call.params = dict(_query(call.query))
        name = call.headers.get("idempotency-key")
        dry = call.is_write and call.headers.get("x-tokportal-dry-run", "").lower() == "true"
        actor = Actor(by=by, request_id=request_id, idempotency_key=name)
        request = Request(self.world, call, request_id, actor, dry)

        def perform() -> tuple[int, bytes]:
            body = operation(request, *ids)
            if dry:
                marks.append((b"x-tokportal-dry-run", b"true"))
                body |= _dry_marks(self.world, body)
            return routes.status_of(operation), encode(body)

        self.writes += call.is_write
        honoured = self.world.choices.idempotency == "honoured"
        if name is None or dry or not call.is_write or not honoured:
            return perform()
        return self._once(call, (key, name), marks, perform)

    def _once(
        self,
        call: Call,
        place: tuple[str, str],
        marks: Headers,
        perform: Callable[[], tuple[int, bytes]],
    ) -> tuple[int, bytes]:
        """Answer a write with an idempotency key: as before, where it was answered before."""
        choices, now = self.world.choices, self.world.now
        if len(place[1]) > 255:
            raise refuse("VALIDATION_ERROR", "Idempotency-Key: at most 255 characters.")
        fingerprint = _fingerprint(call)
        stored = self._stored_under(place)
        if stored is not None:
            if stored.fingerprint != fingerprint:
                conflict = refuse("IDEMPOTENCY_KEY_REUSED")
                conflict.status = choices.idempotency_conflict_status
                raise conflict
            marks.append((b"idempotent-replayed", b"true"))
            return stored.answer.status, stored.answer.body
        try:
            status, body = perform()
        except Refusal as refusal:
            is_stored = choices.idempotency_stores == "everything" or refusal.status < 500
            if choices.idempotency_stores == "success" or not is_stored:
                raise
            status, body = refusal.status, _error_body(refusal)
        self._store(place, _Stored(fingerprint, HttpAnswer(status, [], body), now))
        return status, body

    def _stored_under(self, place: tuple[str, str]) -> _Stored | None:
        stored = self._stored.get(place)
        return stored if stored is not None and stored.until > self.world.now else None

    def _store(self, place: tuple[str, str], stored: _Stored) -> None:
        stored.until += self.world.choices.idempotency_retention
        self._stored[place] = stored
        if len(self._stored) > 1000:
            oldest = next(iter(self._stored))
            if self._stored[oldest].until <= self.world.now:
                del self._stored[oldest]


def _fingerprint(call: Call) -> bytes:
    return hashlib.sha256(
        b"\0".join((call.method.encode(), call.path.encode(), call.query.encode(), call.body))
    ).digest()


@lru_cache(maxsize=256)
def _query(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(text))


def _error_body(refusal: Refusal) -> bytes:
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.details is not None:
        error["details"] = refusal.details
    return encode({"error": error})


def _dry_marks(world: World, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "dry_run": True,
        "dry_run_notice": "Nothing was changed.",
        "credits_charged": 0,
        "credits_would_charge": body.get("credits_would_charge", 0),
        "credits_remaining": world.credits,
        "cost_breakdown": body.get("cost_breakdown", {}),
    }
