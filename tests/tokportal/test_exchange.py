"""One request leaves once, within its budgets, and nothing about it leaks the key."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from reviewbot import __version__
from reviewbot.domain.errors import (
    ApiError,
    BadAnswer,
    CannotConnect,
    NoAnswer,
    NotDone,
    RateLimited,
    ServerFault,
    Unclear,
)
from reviewbot.domain.order import Order
from reviewbot.tokportal.client import ReadApi
from reviewbot.tokportal.decode import usable_id
from reviewbot.tokportal.exchange import Exchange, _headers
from reviewbot.tokportal.rate_limit import RateLimiter, ServerTime
from reviewbot.tokportal.transport import Transport
from tests.tokportal.support import BASE_URL, KEY, FakeClock, a_client, a_list, a_row, answer

TASK_ID = a_row()["id"]
APPROVE = f"{BASE_URL}/comments/{TASK_ID}/approve"

TWELVE_WAYS: dict[str, tuple[httpx.Response | Exception, type[ApiError]]] = {
    "refused": (httpx.ConnectError("no"), CannotConnect),
    "connect timeout": (httpx.ConnectTimeout("no"), CannotConnect),
    "read timeout": (httpx.ReadTimeout("no"), NoAnswer),
    "reset": (httpx.ReadError("no"), NoAnswer),
    "cut off": (httpx.RemoteProtocolError("no"), NoAnswer),
    "500 in JSON": (answer({"error": {"code": "INTERNAL"}}, 500), ServerFault),
    "502 in HTML": (httpx.Response(502, html="<b>no</b>"), ServerFault),
    "429": (answer({"error": {"code": "RATE_LIMIT_EXCEEDED"}}, 429, retry_after="1"), RateLimited),
    "half a JSON": (answer(b'{"data": {"id": "3b0e'), BadAnswer),
    "HTML with 200": (httpx.Response(200, html="<b>hi</b>"), BadAnswer),
    "redirect": (httpx.Response(302, headers={"location": "https://evil.test/"}), BadAnswer),
    "another task": (answer({"data": a_row(id="x", status="finalized")}), BadAnswer),
    "empty 204": (httpx.Response(204), BadAnswer),
    "still waiting": (answer({"data": a_row()}), BadAnswer),
    "only pretended": (answer({"data": a_row(status="finalized"), "dry_run": True}), BadAnswer),
    "pretended in words": (
        answer({"data": a_row(status="finalized"), "dry_run": "true"}),
        BadAnswer,
    ),
    "pretended inside": (answer({"data": a_row(status="finalized", dry_run=1)}), BadAnswer),
}


@pytest.mark.parametrize("way", TWELVE_WAYS)
def test_a_write_is_sent_once_however_it_fails(way: str, respx_mock: respx.MockRouter) -> None:
    """No layer sends a write again, and each failure says whether something may have been done."""
    far_end, kind = TWELVE_WAYS[way]
    route = respx_mock.post(APPROVE).mock(
        side_effect=far_end if isinstance(far_end, Exception) else [far_end] * 5
    )
    clock = FakeClock()
    transport = Transport(clock.monotonic)
    api = a_client(transport, clock)
    with pytest.raises(ApiError) as caught:
        api.approve(TASK_ID, idempotency_key="d1")
    transport.close()
    assert type(caught.value) is kind
    assert isinstance(caught.value, Unclear | NotDone)
    assert route.call_count == 1
    assert api.writes_sent == 1


def test_a_request_carries_what_the_api_wants() -> None:
    """Key, idempotency key and body are there; compression is not asked for."""
    seen: list[httpx.Request] = []

    def far_end(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        request.read()
        return answer({"data": a_row(status="pending_corrections", manually_confirmed_at=None)})

    a_client(far_end).dispute(TASK_ID, "Please repost it – ✓", idempotency_key="d1")
    (request,) = seen
    assert request.method == "POST"
    assert str(request.url) == f"{BASE_URL}/comments/{TASK_ID}/dispute"
    assert request.headers["x-api-key"] == KEY
    assert request.headers["idempotency-key"] == "d1"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["content-length"] == str(len(request.content))
    assert request.content.decode() == '{"reason":"Please repost it – ✓"}'


class Slow(httpx.SyncByteStream):
    """A body that takes a second for every byte."""

    def __init__(self, clock: FakeClock, size: int) -> None:
        self.clock, self.size = clock, size

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.size):
            self.clock.seconds += 1
            yield b" "


def test_a_trickling_body_ends_with_the_time_budget() -> None:
    """The whole call has one budget, however lively each read is."""
    clock = FakeClock()
    sizes: list[int] = []

    def far_end(request: httpx.Request) -> httpx.Response:
        sizes.append(1)
        return httpx.Response(
            200, headers={"content-type": "application/json"}, stream=Slow(clock, 500)
        )

    api = a_client(far_end, clock)
    before = clock.seconds
    with pytest.raises(NoAnswer):
        api.approve(TASK_ID, idempotency_key="d1")
    assert 30 <= clock.seconds - before <= 32


def test_a_huge_body_is_not_read() -> None:
    """Reading stops at the size budget."""
    served = 0

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            nonlocal served
            while True:
                served += 65_536
                yield b" " * 65_536

    api = a_client(
        lambda _: httpx.Response(
            200, headers={"content-type": "application/json"}, stream=Endless()
        )
    )
    with pytest.raises(BadAnswer, match="larger than 2048 KiB"):
        api.approve(TASK_ID, idempotency_key="d1")
    assert served <= 2 * 1024 * 1024 + 65_536


def test_a_compressed_answer_is_refused_unread() -> None:
    """Compression was not asked for, so it could only be a bomb."""
    bomb = httpx.Response(200, headers={"content-type": "application/json", "content-encoding": "gzip"},
                          stream=httpx.ByteStream(b"\x1f\x8b"))  # fmt: skip
    with pytest.raises(BadAnswer, match="compressed"):
        a_client(lambda _: bomb).approve(TASK_ID, idempotency_key="d1")


@pytest.mark.parametrize(
    "far_end",
    [
        lambda _: answer({"error": {"code": "AUTH_INVALID_KEY", "message": "no"}}, 401),
        lambda _: httpx.Response(500, text="boom"),
        lambda _: answer(b"{"),
        lambda _: (_ for _ in ()).throw(httpx.ReadError("no")),
    ],
)
def test_the_key_is_nowhere_to_be_seen(far_end: Callable[[httpx.Request], httpx.Response]) -> None:
    """Not in a repr, an error, a chained error, a traceback with its locals, or a debug log."""
    sink = io.StringIO()
    handler = logging.StreamHandler(sink)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        api = a_client(far_end)
        with pytest.raises(ApiError) as caught:
            api.approve(TASK_ID, idempotency_key="d1")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    error = caught.value
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    inside = [line for line in told.format() if "reviewbot" in line]
    everything = [sink.getvalue(), repr(error), str(error), str(vars(error)), repr(api), *inside]
    everything.append(repr(api._exchange))
    assert inside
    assert not any("canary" in text for text in everything)


def test_the_server_clock_is_the_median_of_what_was_heard() -> None:
    """One answer that lingered somewhere does not move the clock; a small difference is none."""
    dates = ["Tue, 02 Jun 2026 12:07:00 GMT"] * 4 + ["Tue, 02 Jun 2026 09:00:00 GMT", "gibberish"]
    said = iter(dates)
    clock = FakeClock()
    api = a_client(lambda _: answer(a_list([]), date=next(said)), clock)
    assert api._exchange._server_time.offset is None
    for _ in dates:
        api.list_comments()
    offset = api._exchange._server_time.offset
    assert offset is not None
    assert timedelta(minutes=6, seconds=50) < offset <= timedelta(minutes=7, seconds=1)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("ours", ["12:00", "13:50"])
def test_of_two_answers_that_differ_the_earlier_tells_the_time(first: int, ours: str) -> None:
    """Whichever came first, and wherever our clock stands: nothing falls due by one wrong date."""
    dates = ["Tue, 02 Jun 2026 14:00:00 GMT", "Tue, 02 Jun 2026 12:00:00 GMT"]
    wall = datetime.fromisoformat(f"2026-06-02T{ours}:00+00:00")
    heard = ServerTime(lambda: wall, lambda: 0.0)
    heard.hear(dates[first])
    heard.hear(dates[1 - first])
    assert abs(heard.now() - datetime(2026, 6, 2, 12, tzinfo=UTC)) < timedelta(seconds=1)


def test_a_small_difference_of_clocks_is_none() -> None:
    """`Date` counts whole seconds, so a second is no news."""
    api = a_client(lambda _: answer(a_list([]), date="Tue, 02 Jun 2026 12:00:01 GMT"))
    api.list_comments()
    assert api._exchange._server_time.offset == timedelta(0)


@given(second=st.integers(0, 4_102_444_799), usual=st.booleans())
def test_a_date_is_read_in_the_usual_form_and_in_others(second: int, usual: bool) -> None:
    """The usual form is read by hand, which must make no difference."""
    wall = datetime.fromtimestamp(second - 3600, UTC)
    heard = ServerTime(lambda: wall, lambda: 0.0)
    heard.hear(formatdate(second, usegmt=usual))
    assert heard.offset == timedelta(hours=1, seconds=0.5)


@pytest.mark.parametrize("text", ["", "soon", "Tue, 02 Jun 2026 25:07:00 GMT", "Tue, xx Jun 2026"])
def test_what_is_no_date_is_not_heard(text: str) -> None:
    """The clock stays as it was."""
    heard = ServerTime(lambda: datetime(2026, 6, 2, tzinfo=UTC), lambda: 0.0)
    heard.hear(text)
    assert heard.offset is None


@given(
    root=st.sampled_from([BASE_URL, "http://127.0.0.1:8080", "http://localhost:9/a/b/"]),
    thing=st.text(min_size=1).filter(usable_id),
    query=st.sampled_from(["", "?page=1&per_page=100", "?status=manually_confirmed%2Ca,b&page=2"]),
)
def test_a_request_goes_where_its_url_says(root: str, thing: str, query: str) -> None:
    """URLs are put together from parts; httpx reads the whole text the same way."""
    seen: list[httpx.Request] = []

    def far_end(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(a_list([]))

    api = a_client(far_end, base_url=root)
    target = f"/comments/{quote(thing, safe='')}/verifications{query}"

    api._exchange.get(target)

    url = httpx.URL(root.rstrip("/") + target)
    assert (seen[0].url, str(seen[0].url), seen[0].url.raw_path) == (url, str(url), url.raw_path)


def test_request_ids_are_kept_for_support() -> None:
    """The API's own id of the call is on the receipt and on the error."""
    yes = answer(
        {"data": a_row(status="finalized")},
        x_tokportal_request_id="req_9",
        idempotent_replayed="true",
    )
    acted = a_client(lambda _: yes).approve(TASK_ID, idempotency_key="d1")
    assert (acted.request_id, acted.replayed) == ("req_9", True)
    no = answer({"error": {"code": "COMMENT_TASK_NOT_FOUND"}}, 404, x_vercel_id="fra1::x")
    with pytest.raises(ApiError) as caught:
        a_client(lambda _: no).get_comment(TASK_ID)
    assert caught.value.request_id == "fra1::x"


def test_a_write_does_not_wait_long_for_its_turn() -> None:
    """After a 429 a write is refused unsent rather than sent long after the look it rests on."""
    clock = FakeClock()
    calls: list[str] = []

    def far_end(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        return answer({"error": {"code": "RATE_LIMIT_EXCEEDED"}}, 429, retry_after="60")

    api = a_client(far_end, clock)
    for _ in range(2):
        with pytest.raises(RateLimited):
            api.approve(TASK_ID, idempotency_key="d1")
    assert calls == ["POST"]
    api.ready()
    assert clock.seconds >= 1_060.0


def test_a_reading_client_cannot_write() -> None:
    """The client of a dry run has no method that could send a write."""
    writing = {"approve", "dispute", "cancel", "create_comment", "create_comments",
               "finalize_account", "request_corrections", "write"}  # fmt: skip
    assert not writing & set(dir(ReadApi))


def test_headers_do_not_show_in_the_exchange() -> None:
    """The one object that knows the key does not tell it."""
    clock = FakeClock()
    exchange = Exchange(
        httpx.MockTransport(lambda _: answer({})),
        base_url=BASE_URL,
        key=KEY,
        clock=clock,
        bucket=RateLimiter(clock),
    )
    assert "canary" not in repr(exchange)


def test_a_fault_of_ours_in_one_call_does_not_hold_up_the_next() -> None:
    """After an outage one request goes first; one that broke without an answer is over too."""

    faults: list[Exception] = [httpx.ConnectError("refused")]

    def far_end(request: httpx.Request) -> httpx.Response:
        raise faults.pop() if faults else RuntimeError("a fault in the library")

    clock = FakeClock()
    api = a_client(far_end, clock)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            api.list_comments()
    assert clock.seconds < 1_100.0


ORDER = Order(saved_account_id="acc_1", comment_text="The light in this one is unreal")
PRETENDED = "00000000-0000-4000-8000-0123456789ab"


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"created": [a_row()]}, "created_count": 1, "dry_run": True},
        {"data": {"created": [a_row()]}, "created_count": 1, "dry_run": "yes"},
        {"data": {"created": [a_row()], "dry_run": True}, "created_count": 1},
        {"data": {"created": [a_row(dry_run=True)]}, "created_count": 1},
        {"data": {"created": [a_row(), a_row(id=PRETENDED)]}, "created_count": 2},
    ],
)
def test_an_order_that_was_only_pretended_is_no_order(body: dict[str, Any]) -> None:
    """Wherever and however the answer says so: whether anything was made only reading can tell."""
    with pytest.raises(BadAnswer, match="only a dry run"):
        a_client(lambda _: answer(body, 201)).create_comments([ORDER], idempotency_key="k1")


@pytest.mark.parametrize("said", [{}, {"dry_run": False}, {"dry_run": None}])
def test_an_answer_that_says_no_to_it_is_believed(said: dict[str, Any]) -> None:
    """An order that was placed, and a text that only speaks of one."""
    body = {"data": {"created": [a_row(comment_text="a dry_run of rain")]}, "created_count": 1}
    placed = a_client(lambda _: answer(body | said, 201)).create_comments(
        [ORDER], idempotency_key="k1"
    )
    assert len(placed.created) == 1
    done = {"data": a_row(status="finalized", comment_text="a dry_run of rain")} | said
    assert a_client(lambda _: answer(done)).approve(TASK_ID, idempotency_key="d1").thing.id


def test_the_name_of_the_key_is_in_the_user_agent_and_the_key_is_not() -> None:
    """Whoever reads the API's own log sees whose requests these are."""
    headers = _headers("sk_live_secret", httpx.URL("https://a.example"), "acme")

    assert headers["User-Agent"] == f"reviewbot/{__version__} (key acme)"
    assert "secret" not in headers["User-Agent"]
    alone = _headers("sk_live_secret", httpx.URL("https://a.example"), None)
    assert alone["User-Agent"] == f"reviewbot/{__version__}"
