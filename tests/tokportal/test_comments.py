"""The comments queue and its desk, against the simulated API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from reviewbot.domain.decision import Action, Decision, Mode, decision_id
from reviewbot.domain.errors import InvalidStatus, UsageError
from reviewbot.domain.review import ReviewItem
from reviewbot.domain.task import WAITING_STATUS, CommentTask
from reviewbot.ports.queue import Odd
from reviewbot.simulator.scenarios import build
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.tokportal.client import ReviewApi
from reviewbot.tokportal.exchange import SIZE_BUDGET, Exchange
from reviewbot.tokportal.rate_limit import RateLimiter, ReadRetry
from reviewbot.tokportal.tasks import CommentsQueue, item_of, micros
from reviewbot.tokportal.writers import ApiReviewWriter
from tests.tokportal.support import BASE_URL, KEY, a_client, a_list, a_row, an_attempt_row, answer


class Line:
    """A client of a simulated API with a backlog."""

    def __init__(self, tasks: int, **options: float) -> None:
        self.world = build("backlog", tasks=tasks)
        self.clock = self.world.clock
        transport = SimulatorTransport(self.world, **options)
        self.front = transport.desk
        exchange = Exchange(
            transport,
            base_url=BASE_URL,
            key=KEY,
            clock=self.clock,
            bucket=RateLimiter(self.clock),
        )
        self.traffic = exchange.traffic
        self.api = ReviewApi(exchange, ReadRetry(self.clock, lambda: 0.5))
        self.queue = CommentsQueue(self.api)
        self.desk = ApiReviewWriter(self.api, "comments")


def decided(item: ReviewItem, action: Action, reason: str | None = None) -> Decision:
    """A decision on a task as last seen."""
    return Decision(
        id=decision_id("comments", item.id, item.epoch, action),
        review="comments",
        task_id=item.id,
        round=1,
        epoch=item.epoch,
        action=action,
        rule="r",
        reason=reason,
        policy="p",
        revision="0" * 64,
        mode=Mode.LIVE,
        decided_at=item.started_at,
    )


def test_a_pass_over_230_tasks_costs_little_more_than_its_floor() -> None:
    """Fresh sight of every task costs at most 2 % more requests, no 429 and no idling."""
    line = Line(230)
    began = line.clock.monotonic()
    listing = line.queue.waiting()
    seen = dict.fromkeys((item.id for item in listing.items), line.clock.monotonic())
    assert len(listing.items) == 230
    for item in sorted(listing.items, key=lambda i: i.deadline_at):
        if line.clock.monotonic() - seen[item.id] > 58:
            fresh = line.queue.renew(item)
            seen.update(dict.fromkeys((i.id for i in fresh), line.clock.monotonic()))
            if item.id not in {i.id for i in fresh}:
                line.queue.look(item.id)
        assert line.queue.evidence(item).task_id == item.id
        receipt = line.desk.perform(decided(item, Action.APPROVE), item.id)
        assert receipt.status == "finalized"
        assert receipt.epoch == item.epoch
    floor = 3 + 230 + 230
    assert line.traffic.requests <= floor * 1.02
    assert line.traffic.writes == 230
    assert line.front.refused_for_rate == 0
    took = line.clock.monotonic() - began
    assert took <= line.traffic.requests * 60 / 96 * 1.25
    assert line.queue.waiting().items == ()


def test_a_dispute_sends_the_task_back_and_a_second_one_is_told_so() -> None:
    """The receipt of a dispute names no round; a repeat meets the task's new status."""
    line = Line(3)
    item = line.queue.waiting().items[0]
    receipt = line.desk.perform(decided(item, Action.DISPUTE, "Please post it again."), "k1")
    assert (receipt.status, receipt.epoch) == ("pending_corrections", None)
    assert line.queue.look(item.id).epoch is None
    with pytest.raises(InvalidStatus) as caught:
        line.desk.perform(decided(item, Action.APPROVE), "k2")
    assert caught.value.current_status == "pending_corrections"


@pytest.mark.parametrize("action", [Action.DISPUTE, Action.WAIT, Action.FINALIZE])
def test_the_desk_sends_nothing_it_has_no_words_for(action: Action) -> None:
    """A dispute without a reason, or an act of another kind of review, never leaves."""
    line = Line(1)
    (item,) = line.queue.waiting().items
    with pytest.raises(UsageError):
        line.desk.perform(decided(item, action), "k1")
    assert line.traffic.writes == 0


@pytest.mark.parametrize("statuses", [("frozen", WAITING_STATUS), (WAITING_STATUS, "frozen")])
def test_of_a_task_that_an_answer_shows_twice_the_doubtful_row_stays(
    statuses: tuple[str, str],
) -> None:
    """An answer that says two things of one round is no ground to pay; nor is a page read again."""
    first, second = (a_row(status=status) for status in statuses)
    queue = CommentsQueue(a_client(lambda _: answer(a_list([first, a_row(id="b"), second]))))
    items = queue.waiting().items
    assert {item.id: item.status for item in items} == {first["id"]: "frozen", "b": WAITING_STATUS}
    assert {item.id: item.status for item in queue.renew(items[0])} == {
        item.id: item.status for item in items
    }


def test_of_a_task_that_an_answer_shows_twice_the_finished_one_is_left_out() -> None:
    """It may have ended between two rows: it is looked at by itself."""
    rows = [a_row(status="finalized"), a_row()]
    assert CommentsQueue(a_client(lambda _: answer(a_list(rows)))).waiting().items == ()


def test_rows_that_do_not_wait_are_left_out() -> None:
    """A server that ignores the filter does not make us review finished tasks."""
    rows = [a_row(id="a"), a_row(id="b", status="finalized"), a_row(id="c", status="brand_new"), 7]
    queue = CommentsQueue(a_client(lambda _: answer(a_list(rows))))
    listing = queue.waiting()
    assert [item.id for item in listing.items] == ["a", "c"]
    assert listing.odd.drift == ("task: expected an object, got a number",)
    assert listing.odd.new_values == (
        "task.status: 'brand_new'",
        "task.status: 'finalized in a list of manually_confirmed'",
    )


def test_drift_in_evidence_is_reported_with_the_next_list() -> None:
    """What was noted between two lists is not lost."""
    bodies = iter(
        [
            a_list([a_row()]),
            {"data": {"task_id": a_row()["id"], "attempts": [{"match_score": "high"}]}},
            a_list([a_row()]),
        ]
    )
    queue = CommentsQueue(a_client(lambda _: answer(next(bodies))))
    (item,) = queue.waiting().items
    queue.evidence(item)
    assert "attempt.match_score: expected a number, got text" in queue.waiting().odd.drift


def test_drift_in_evidence_can_be_asked_for_before_the_next_list() -> None:
    """A process of one pass reads no other; the next list says it as well."""
    attempts = [an_attempt_row(outcome_kind="sensor_lost", match_score="high")]
    bodies = iter(
        [
            a_list([a_row(status="frozen_by_vendor")]),
            {"data": {"task_id": a_row()["id"], "attempts": attempts}},
            a_list([a_row()]),
        ]
    )
    queue = CommentsQueue(a_client(lambda _: answer(next(bodies))))
    listing = queue.waiting()
    assert listing.odd.new_values == ("task.status: 'frozen_by_vendor'",)
    assert queue.odd() == Odd()

    queue.evidence(listing.items[0])

    since = queue.odd()
    assert since.new_values == ("attempt.outcome_kind: 'sensor_lost'",)
    assert list(since.drift_on) == ["attempt.match_score: expected a number, got text"]
    assert queue.waiting().odd == since


@pytest.mark.parametrize(
    "spelled",
    ["2026-06-02T11:45:40Z", "2026-06-02T11:45:40.123456Z", "2026-06-02T13:45:40.9+02:00"],
)
def test_one_round_has_one_name_however_its_moment_is_written(spelled: str) -> None:
    """With fractions or an offset; in a list and in the answer to an act."""
    row = a_row(manually_confirmed_at=spelled)
    (item,) = CommentsQueue(a_client(lambda _: answer(a_list([row])))).waiting().items
    assert item.epoch == "2026-06-02T11:45:40Z"
    done = {"data": row | {"status": "finalized"}}
    receipt = ApiReviewWriter(a_client(lambda _: answer(done)), "comments").perform(
        decided(item, Action.APPROVE), "k1"
    )
    assert receipt.epoch == item.epoch


def test_two_spellings_in_two_readings_are_one_round() -> None:
    """Where a list of two pages writes its moments now so, now so, its readings agree all the same."""
    reads = 0

    def far_end(request: httpx.Request) -> httpx.Response:
        nonlocal reads
        reads += 1
        spelled = f"2026-06-02T11:45:40{'.5' * (reads % 2)}Z"
        rows = [a_row(id=f"t{n}", manually_confirmed_at=spelled) for n in range(150)]
        return served(rows)(request)

    listing = CommentsQueue(a_client(far_end)).waiting()
    assert (len(listing.items), listing.agreed, reads) == (150, True, 4)


def test_drift_tells_on_which_tasks_it_was_seen() -> None:
    """By their ids, however often they are read; what has no id by its own words."""
    rows = [a_row(id=name) for name in ("a", "b", "c")] + [a_row(id=None)]
    for row in rows[1:]:
        row["platform"] = 7
    found = a_list([*rows, rows[3]])
    attempts = {"task_id": "a", "attempts": [{"match_score": "high"}]}
    bodies = iter([found, {"data": attempts}, {"data": attempts}, found])
    queue = CommentsQueue(a_client(lambda _: answer(next(bodies))))

    listing = queue.waiting()
    platform = listing.odd.drift_on["task.platform: expected a text, got a number"]
    assert {"b", "c"} < platform and len(platform) == 3
    for _ in range(2):
        queue.evidence(listing.items[0])
    score = queue.waiting().odd.drift_on["attempt.match_score: expected a number, got text"]
    assert score == {"a"}


def test_a_one_page_list_is_read_once() -> None:
    """Nothing can slip between pages where there is one."""
    calls: list[httpx.URL] = []

    def far_end(request: httpx.Request) -> httpx.Response:
        calls.append(request.url)
        return answer(a_list([a_row()]))

    CommentsQueue(a_client(far_end)).waiting()
    assert [dict(url.params) for url in calls] == [
        {"status": "manually_confirmed", "page": "1", "per_page": "100"}
    ]


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0.15, 150_000),
        (0.1 + 0.2, 300_000),
        (0, 0),
        (-1.0, None),
        (float("nan"), None),
        (float("inf"), None),
        (1e9, 10**15),
        (9.3e12, None),
        (1e13, None),
        (None, None),
    ],
)
def test_money_is_whole_millionths(amount: float | None, expected: int | None) -> None:
    """Amounts are counted in whole numbers; what is no amount is unknown."""
    assert micros(amount) == expected


def test_an_item_without_a_confirmation_has_no_epoch() -> None:
    """Without a round nothing can ever be sent."""
    item = item_of(CommentTask(id="t"))
    assert (item.epoch, item.version, item.deadline_at, item.amount_micros) == (None,) * 4


def test_of_two_rounds_of_one_task_the_later_counts() -> None:
    """A task that came back while its list was read is there once, in its newest round."""
    rows = [
        a_row(manually_confirmed_at="2026-06-02T11:00:00Z"),
        a_row(manually_confirmed_at="2026-06-01T11:00:00Z"),
    ]
    (item,) = CommentsQueue(a_client(lambda _: answer(a_list(rows)))).waiting().items
    assert item.epoch == "2026-06-02T11:00:00Z"


def test_an_unchanged_row_is_the_same_item_again() -> None:
    """What the API repeats is equal; what it changes is not."""
    rows = iter([a_row(), a_row(), a_row(updated_at="2026-06-02T11:59:00Z")])
    queue = CommentsQueue(a_client(lambda _: answer(a_list([next(rows)]))))
    first, second, third = (queue.waiting().items[0] for _ in range(3))
    assert first == second
    assert third.version == "2026-06-02T11:59:00Z"


@pytest.mark.parametrize(
    ("field", "value", "note"),
    [
        ("cm_payout_amount", 1e13, "expected an amount, got a number"),
        ("cm_payout_amount", -0.5, "expected an amount, got a number"),
        ("saved_account_id", "x" * 201, "expected a word that can be kept, got text"),
        ("saved_account_id", "a\0b", "expected a text, got text that cannot be kept"),
        ("status", "x" * 201, "expected a word that can be kept, got text"),
        ("comment_text", "a\0b", "expected a text, got text that cannot be kept"),
        ("comment_text", "\ud83d", "expected a text, got text"),
    ],
)
def test_what_no_log_can_hold_is_unknown_and_noted(field: str, value: Any, note: str) -> None:
    """An absurd amount, a NUL, half a letter, a name of a page: the rest of the row is read."""
    listing = CommentsQueue(a_client(lambda _: answer(a_list([a_row(**{field: value})])))).waiting()
    assert f"task.{field}: {note}" in listing.odd.drift
    (item,) = listing.items
    assert item.account_id == (None if field == "saved_account_id" else a_row()["saved_account_id"])
    assert item.amount_micros == (None if field == "cm_payout_amount" else 240_000)
    if field == "comment_text":
        assert getattr(item.subject, field) is None


@pytest.mark.parametrize("value", [2**63, -(2**63), 1e30])
def test_a_whole_number_beyond_64_bits_is_unknown(value: float) -> None:
    """Written as one, or with an exponent."""
    attempts = [an_attempt_row(comments_scraped=value), an_attempt_row(comments_scraped=2**63 - 1)]
    body = {"data": {"task_id": a_row()["id"], "attempts": attempts}}
    seen = a_client(lambda _: answer(body)).get_verifications(a_row()["id"])
    assert [attempt.comments_scraped for attempt in seen.attempts] == [None, 2**63 - 1]


# Lists that contradict themselves, and rows that are too large ----------------------------------


def served(rows: list[dict[str, Any]], asked: list[httpx.URL] | None = None, **told: Any) -> Any:
    """A server of these waiting tasks, which knows one by its id as well; `told` spoils its counts."""

    def far_end(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request.url)
        if not request.url.path.endswith("/comments"):
            return answer({"data": next(r for r in rows if request.url.path.endswith(r["id"]))})
        page, size = (int(request.url.params[name]) for name in ("page", "per_page"))
        pages = -(-len(rows) // size)
        body = a_list(rows[(page - 1) * size : page * size], page, pages, len(rows))
        body["pagination"] |= {"per_page": size} | told
        return answer(body)

    return far_end


def named(count: int) -> list[dict[str, Any]]:
    """So many rows, `t0` and on."""
    return [a_row(id=f"t{number}") for number in range(count)]


def test_a_count_that_hides_a_page_hides_no_task() -> None:
    """A hundred counted at a full page, thirty behind it: all are found, and the count is told of."""
    queue = CommentsQueue(a_client(served(named(130), total=100, total_pages=1)))
    listing = queue.waiting()
    assert (len(listing.items), listing.agreed, listing.counted) == (130, False, 100)


def test_one_row_that_is_too_large_costs_that_row_only() -> None:
    """It is named by place and id; the others wait, and can be seen again."""
    rows = named(60)
    rows[41]["comment_text"] = "x" * (SIZE_BUDGET + 1)
    queue = CommentsQueue(a_client(served(rows)))

    listing = queue.waiting()

    assert {item.id for item in listing.items} == {f"t{n}" for n in range(60) if n != 41}
    assert [(row.place, row.id) for row in listing.unread] == [(42, "t41")]
    assert listing.agreed
    assert queue.renew(listing.items[0]) == ()
    assert queue.look("t0").id == "t0"


def test_a_page_that_is_too_large_is_asked_for_once_between_two_lists() -> None:
    """To see a neighbour again it is read alone."""
    asked: list[httpx.URL] = []
    rows = named(60)
    queue = CommentsQueue(a_client(served(rows, asked)))
    listing = queue.waiting()
    rows[41]["comment_text"] = "x" * (SIZE_BUDGET + 1)
    asked.clear()

    assert [queue.renew(item) for item in listing.items[:3]] == [(), (), ()]

    assert len(asked) == 1
    assert len(queue.waiting().unread) == 1


def test_many_heavy_rows_are_read_in_smaller_pages() -> None:
    """Forty rows of 60 kB do not fit one answer, and fit two."""
    rows = [row | {"comment_text": "x" * 60_000} for row in named(40)]
    listing = CommentsQueue(a_client(served(rows))).waiting()
    assert (len(listing.items), listing.unread, listing.agreed) == (40, (), True)


def test_a_row_without_an_id_is_named_by_its_place() -> None:
    """It can be no item, and is not lost without a word."""
    rows = [*named(3), a_row(id=None), 7]
    listing = CommentsQueue(a_client(lambda _: answer(a_list(rows)))).waiting()
    assert [(row.place, row.id) for row in listing.unread] == [(4, None), (5, None)]


def test_finished_tasks_are_found_although_one_is_too_large() -> None:
    """The list of finalized tasks is read in pieces as well."""
    rows = [row | {"status": "finalized", "finalized_at": CONFIRMED} for row in named(3)]
    rows[1]["comment_text"] = "x" * (SIZE_BUDGET + 1)
    queue = CommentsQueue(a_client(served(rows)))
    since = datetime(2026, 6, 1, tzinfo=UTC)
    assert [item.id for item in queue.finalized(since)] == ["t0", "t2"]


CONFIRMED = "2026-06-02T11:45:40Z"
