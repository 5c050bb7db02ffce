"""Every operation, typed: creating, cancelling, account review, and reads that try again."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from reviewbot.domain.errors import (
    ApiRefusal,
    BadAnswer,
    KeyRefused,
    NotFound,
    ServerFault,
    UsageError,
)
from reviewbot.domain.order import Order
from reviewbot.simulator.scenarios import build
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.tokportal.client import ReviewApi
from reviewbot.tokportal.exchange import Exchange
from reviewbot.tokportal.rate_limit import RateLimiter, ReadRetry
from tests.tokportal.support import BASE_URL, KEY, FakeClock, a_client, a_list, a_row, answer


@pytest.fixture
def world_api() -> ReviewApi:
    """A client of the simulated API in its default scenario."""
    world = build("default")
    exchange = Exchange(
        SimulatorTransport(world),
        base_url=BASE_URL,
        key=KEY,
        clock=world.clock,
        bucket=RateLimiter(world.clock),
    )
    return ReviewApi(exchange, ReadRetry(world.clock, lambda: 0.5))


def test_every_reading_operation_understands_the_simulator(world_api: ReviewApi) -> None:
    """Nothing the simulated API sends is news to the client."""
    tasks = world_api.list_comments(per_page=5)
    assert len(tasks.rows) == 5
    assert tasks.total is not None
    assert tasks.total > 5
    task = world_api.get_comment(tasks.rows[0].id)
    assert task == tasks.rows[0]
    assert world_api.get_verifications(task.id).task_id == task.id
    bundles = world_api.list_bundles(account_status="in_review")
    assert len(bundles.rows) >= 2
    bundle = world_api.get_bundle(bundles.rows[0].id)
    assert bundle.account_status == "in_review"
    assert bundle.profile is not None
    assert bundle.feedback_history is not None
    assert world_api.get_bundle_account(bundle.id).profile == bundle.profile
    assert bundle.saved_account_id is not None
    assert world_api.get_account(bundle.saved_account_id).id == bundle.saved_account_id
    assert world_api.list_accounts().rows
    assert world_api.me().email
    assert world_api.writes_sent == 0


def test_a_task_is_created_and_cancelled(world_api: ReviewApi) -> None:
    """One task is made, paid with a credit, and the credit comes back."""
    account = world_api.list_comments(per_page=1).rows[0]
    assert account.saved_account_id is not None
    new = Order(
        saved_account_id=account.saved_account_id,
        target_video_url=account.target_video_url,
        comment_text="What a calm morning",
    )
    made = world_api.create_comment(new, idempotency_key="c1")
    assert (len(made.created), made.charged) == (1, 1)
    again = world_api.create_comment(new, idempotency_key="c1")
    assert again.replayed
    assert again.created[0].id == made.created[0].id
    gone = world_api.cancel(made.created[0].id, idempotency_key="x1")
    assert (gone.status, gone.credits) == ("cancelled", 1)


def test_a_batch_names_its_rejected_rows(world_api: ReviewApi) -> None:
    """Good rows are made, bad ones come back with the API's reason and echo."""
    known = world_api.list_comments(per_page=1).rows[0]
    assert known.saved_account_id is not None
    good = Order(
        saved_account_id=known.saved_account_id,
        target_video_url=known.target_video_url,
        comment_text="Lovely",
    )
    bad = Order(saved_account_id="nobody", target_video_url="x", comment_text="Hi")
    made = world_api.create_comments([good, bad], idempotency_key="b1")
    assert len(made.created) == 1
    assert made.refused[0].reason == "account_not_found"
    with pytest.raises(UsageError):
        world_api.create_comments([], idempotency_key="b2")


def test_a_bad_single_task_is_a_typed_refusal(world_api: ReviewApi) -> None:
    """The single form answers with an error code."""
    with pytest.raises(ApiRefusal) as caught:
        world_api.create_comment(
            Order(saved_account_id="nobody", comment_text="Hi"), idempotency_key="c1"
        )
    assert caught.value.code == "SAVED_ACCOUNT_NOT_FOUND"


def test_a_read_tries_again_until_it_is_answered() -> None:
    """Outages, 429 and garbage are worth another try; each try waits longer."""
    answers = iter([
        httpx.Response(502, html="<b>no</b>"),
        answer({"error": {"code": "RATE_LIMIT_EXCEEDED"}}, 429, retry_after="20"),
        answer(b'{"data": ['),
        answer(a_list([a_row()])),
    ])  # fmt: skip
    clock = FakeClock()
    api = a_client(lambda _: next(answers), clock)
    assert len(api.list_comments().rows) == 1
    assert clock.seconds >= 1_020


@pytest.mark.parametrize(
    ("far_end", "kind", "calls"),
    [
        (lambda: httpx.Response(500), ServerFault, 4),
        (lambda: answer({"error": {"code": "COMMENT_TASK_NOT_FOUND"}}, 404), NotFound, 1),
        (lambda: answer({"error": {"code": "AUTH_INVALID_KEY"}}, 401), KeyRefused, 1),
        (lambda: answer({"data": a_row(id="other")}), BadAnswer, 4),
    ],
)
def test_a_read_gives_up_after_a_few_tries(
    far_end: object, kind: type[Exception], calls: int
) -> None:
    """What will not change is not asked again; what may pass is asked four times."""
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return far_end()  # type: ignore[operator]

    with pytest.raises(kind):
        a_client(reply).get_comment(a_row()["id"])
    assert len(asked) == calls


@pytest.mark.parametrize("bad", ["", ".", "..", "a\nb", "x" * 300])
def test_an_id_that_would_name_another_path_is_refused(bad: str) -> None:
    """Nothing leaves for such an id."""
    api = a_client(lambda _: answer({}))
    with pytest.raises(UsageError):
        api.approve(bad, idempotency_key="d1")
    assert api.writes_sent == 0


def test_an_id_is_quoted_in_the_path() -> None:
    """A slash or a question mark in an id stays in the id."""
    seen: list[bytes] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return answer({"data": a_row(id="a/b?c")})

    a_client(reply).get_comment("a/b?c")
    assert seen == [b"/api/ext/comments/a%2Fb%3Fc"]


def test_an_answer_for_another_page_is_refused() -> None:
    """A cache that answers page 1 for page 2 must not hide rows."""
    api = a_client(lambda _: answer(a_list([a_row()], page=1, pages=2)))
    with pytest.raises(BadAnswer):
        api.list_comments(page=2)


def test_new_task_sends_only_what_it_holds() -> None:
    """Fields that were not given are not sent as nulls."""
    sent = msgspec.to_builtins(Order(saved_account_id="a", comment_text="b", target_video_url="c"))
    assert sent == {"saved_account_id": "a", "comment_text": "b", "target_video_url": "c"}
