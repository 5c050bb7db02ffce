"""Placing orders against the simulator: each good one exactly once, whatever happens on the way."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from reviewbot.domain.errors import CannotConnect, KeyRefused
from reviewbot.domain.order import Order
from reviewbot.orders.book import OrderBook
from reviewbot.orders.place import OrderRow
from reviewbot.ports.orders import Placed
from tests.orders.shop import QUARANTINE, Shop, able, good_rows, outcomes, wanted

MODES = ("honoured", "ignored")


def test_250_good_rows_are_created_once_also_when_repeated() -> None:
    """Rows that stand there twice are named; a second run sends nothing at all."""
    shop = Shop()
    rows = good_rows(shop.world, 250)
    again = [msgspec.structs.replace(row, number=row.number + 300) for row in rows[:7]]

    counter = shop.counter()
    first = counter.run([*rows, *again])

    assert outcomes(first) == {"created": 250, "duplicate": 7}
    assert first[-1].reason == "the same as row 8"
    assert shop.made() == wanted(rows)
    assert (shop.posts(), counter.totals.charged) == (2, 250)
    ids = {result.task_id for result in first if result.task_id}
    assert outcomes(shop.run(rows)) == {"already": 250}
    assert ids == set(shop.world.tasks)
    assert shop.posts() == 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "fault",
    [
        *(
            "reset before",
            "reset after",
            "5xx json",
            "5xx html",
            "5xx empty",
            "5xx after the write",
        ),
        *("late", "hang", "trickle", "truncated", "cut", "html 200", "wrong content type"),
    ],
)
def test_a_batch_without_a_clear_answer_is_settled_by_reading(fault: str, mode: str) -> None:
    """It is never sent again inside the quarantine, and exactly once in the end."""
    shop = Shop(idempotency=mode)
    rows = good_rows(shop.world, 16)
    shop.faults.once(fault, operation="create_comments")

    assert outcomes(shop.run(rows)) == {"under way": 16}
    shop.clock.sleep(120)
    second = shop.run(rows)
    assert set(outcomes(second)) <= {"already", "created", "under way"}
    assert max(shop.made().values(), default=0) <= 1
    shop.clock.sleep(QUARANTINE.total_seconds())
    last = shop.run(rows)

    assert set(outcomes(last)) <= {"already", "created"}
    assert shop.made() == wanted(rows)
    assert shop.ledger.verify().whole


@pytest.mark.parametrize("mode", MODES)
def test_with_wait_one_run_outlasts_the_quarantine(mode: str) -> None:
    """What takes effect minutes late is found, and the rest goes out after it."""
    shop = Shop(idempotency=mode)
    rows = good_rows(shop.world, 201)
    shop.faults.once("late", operation="create_comments")

    assert outcomes(shop.run(rows, wait=True)) == {"created": 201}
    assert shop.made() == wanted(rows)


@pytest.mark.parametrize("fault", ["429", "refused"])
def test_what_certainly_did_not_arrive_is_void_at_once(fault: str) -> None:
    """After a 429 it goes again as a new attempt; without a connection the run stops."""
    shop = Shop()
    rows = good_rows(shop.world, 5)
    shop.faults.once(fault, operation="create_comments")

    counter = shop.counter()
    results = counter.run(rows)

    if fault == "refused":
        assert isinstance(counter.totals.error, CannotConnect)
        assert outcomes(results) == {"not sent": 5}
        results = shop.run(rows)
    assert outcomes(results) == {"created": 5}
    assert shop.made() == wanted(rows)
    assert {order.word.attempt for order in _all(shop, rows)} == {2}


def test_a_lookup_that_failed_is_tried_again_and_not_for_ever() -> None:
    """A passing refusal passes within the run; one that stays is told with its reason."""
    shop = Shop()
    rows = good_rows(shop.world, 40)
    accounts = sorted({row.order.saved_account_id for row in rows})
    passing, staying = (shop.world.accounts[account] for account in accounts[:2])
    passing.lookup_fails = staying.lookup_fails = True
    shop.world.after(10.0, lambda account: setattr(account, "lookup_fails", False), passing)

    results = shop.run(rows)

    refused = [result for result in results if result.outcome == "rejected"]
    assert {result.reason for result in refused} == {"account_lookup_failed"}
    assert {result.row.order.saved_account_id for result in refused} == {staying.id}
    assert shop.posts() == 4
    staying.lookup_fails = False
    assert set(outcomes(shop.run(rows))) == {"already", "created"}
    assert shop.made() == wanted(rows)


def test_without_credits_it_stops_and_says_which_rows_remain() -> None:
    """What the credits allow is created; a later run orders the rest, and only that."""
    shop = Shop()
    shop.world.credits = 230
    rows = good_rows(shop.world, 450)

    counter = shop.counter()
    results = counter.run(rows)

    assert counter.totals.stopped == "the credits ran out"
    assert counter.totals.charged == 230
    assert outcomes(results) == {"created": 230, "not sent": 220}
    remain = [result.row.number for result in results if result.outcome == "not sent"]
    assert remain == [row.number for row in rows[230:]]
    shop.world.credits = 1000
    assert outcomes(shop.run(rows)) == {"already": 230, "created": 220}
    assert shop.made() == wanted(rows)


def test_a_single_order_without_credits_is_not_sent_either() -> None:
    """The single form says it with 402."""
    shop = Shop()
    shop.world.credits = 0
    counter = shop.counter()
    assert outcomes(counter.run(good_rows(shop.world, 1))) == {"not sent": 1}
    assert counter.totals.stopped == "the credits ran out"


@pytest.mark.parametrize("alone", [True, False])
def test_the_api_s_refusals_are_told_row_by_row(alone: bool) -> None:
    """With the same words, in the single form and in the batch."""
    shop = Shop()
    (good,) = good_rows(shop.world, 1)
    tiktok = able(shop.world)[0]
    bad = [
        _row(3, saved_account_id="6f1c2f57-0000-4000-8000-000000000000"),
        _row(4, saved_account_id=tiktok, target_video_url="instagram.com/p/Cx1/"),
    ]
    batches = [[good], *([row] for row in bad)] if alone else [[good, *bad]]
    results = [result for batch in batches for result in shop.run(batch)]

    found = [(result.row.number, result.outcome, result.reason) for result in results]
    assert found == [
        (2, "created", None),
        (3, "rejected", "account_not_found"),
        (4, "rejected", "platform_mismatch"),
    ]


def test_a_refused_key_stops_the_run_before_anything_is_made() -> None:
    """Every row remains, and the reason is at hand for the exit code."""
    shop = Shop()
    rows = good_rows(shop.world, 3)
    counter = shop.counter(transport=_Refusing(shop.transport))

    assert outcomes(counter.run(rows)) == {"not sent": 3}
    assert isinstance(counter.totals.error, KeyRefused)


@pytest.mark.parametrize("mode", MODES)
def test_rows_that_cannot_be_told_apart_are_reported_and_never_sent_again(mode: str) -> None:
    """Two short links, one account, one text, no answer: only the platform knows which is which."""
    shop = Shop(idempotency=mode)
    account = able(shop.world)[0]
    rows = [
        _row(2, saved_account_id=account, target_video_url="vm.tiktok.com/ZMa"),
        _row(3, saved_account_id=account, target_video_url="vm.tiktok.com/ZMb"),
        _row(4, saved_account_id=account, target_video_url="tiktok.com/@a/video/9"),
    ]
    shop.faults.once("reset after", operation="create_comments")
    shop.run(rows)
    shop.clock.sleep(2 * QUARANTINE.total_seconds())

    for _ in range(2):
        results = shop.run(rows)
        assert [result.outcome for result in results] == ["unclear", "unclear", "already"]
        assert len(results[0].tasks) == 2
        assert "cannot be told" in (results[0].reason or "")
    assert shop.posts() == 1


def test_two_runs_at_once_place_each_order_once() -> None:
    """The slower one sees at its intent that another has written, and sends nothing twice."""
    shop = Shop()
    rows = good_rows(shop.world, 230)
    slow = shop.counter()
    desk = _Overtaken(slow._desk, lambda: shop.run(rows[:150]))
    slow._desk = desk

    results = slow.run(rows)

    assert outcomes(results) == {"already": 150, "created": 80}
    assert shop.made() == wanted(rows)


def test_a_reply_is_ordered_by_its_comment() -> None:
    """Also without an answer, it is found by the comment's own link."""
    shop = Shop()
    link = "https://www.tiktok.com/@a/video/1?share_comment_id=77"
    reply = {"target_type": "comment", "target_comment_url": link, "target_video_url": None}
    rows = [_row(2, saved_account_id=able(shop.world)[0], **reply)]
    shop.faults.once("reset after", operation="create_comments")

    assert outcomes(shop.run(rows)) == {"under way": 1}
    assert outcomes(shop.run(rows)) == {"already": 1}
    (task,) = shop.world.tasks.values()
    assert (task.target_type, task.target_comment_url) == ("comment", link)


def test_a_brief_is_passed_on() -> None:
    """The API groups by it; we only carry it."""
    shop = Shop()
    shop.run([_row(2, saved_account_id=able(shop.world)[0], brief_id="brief-7")])
    assert Count(task.brief_id for task in shop.world.tasks.values()) == {"brief-7": 1}


def _row(number: int, **changes: Any) -> OrderRow:
    fields = {"target_video_url": "tiktok.com/@a/video/1", "comment_text": "Nice"} | changes
    return OrderRow(number=number, order=Order(**fields))


def _all(shop: Shop, rows: Sequence[OrderRow]) -> list[Any]:
    from reviewbot.domain.order import digest

    book = OrderBook(shop.ledger)
    return [book.known(digest(row.order)) for row in rows]


class _Refusing:
    """A transport whose writes carry a key that was revoked."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def handle_request(self, request: Any) -> Any:
        if request.method == "POST":
            request.headers["X-API-Key"] = "sk_revoked_revoked"
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Nothing to close."""


class _Overtaken:
    """A desk at which, before the first write, another run goes through."""

    def __init__(self, inner: Any, other: Any) -> None:
        self._inner = inner
        self._other = other

    def ready(self) -> None:
        if self._other is not None:
            other, self._other = self._other, None
            other()
        self._inner.ready()

    def create(self, orders: Sequence[Order], key: str) -> Placed:
        return self._inner.create(orders, key)
