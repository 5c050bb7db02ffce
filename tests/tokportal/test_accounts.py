"""The accounts queue and its desk, against the simulated API and against bare documented shapes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from reviewbot.domain.account import AccountReview, Change, FeedbackEntry, Profile
from reviewbot.domain.decision import Action, Decision, Mode
from reviewbot.domain.errors import InvalidStatus, ServerFault, UsageError
from reviewbot.domain.review import ReviewItem
from reviewbot.simulator.scenarios import START, build
from reviewbot.simulator.transport import SimulatorTransport
from reviewbot.tokportal.accounts import MOST_UNREAD, AccountsQueue, rounds
from reviewbot.tokportal.client import ReviewApi
from reviewbot.tokportal.exchange import SIZE_BUDGET, Exchange
from reviewbot.tokportal.rate_limit import RateLimiter, ReadRetry
from reviewbot.tokportal.writers import ApiReviewWriter
from tests.tokportal.support import BASE_URL, KEY, a_client, a_list, answer

BUNDLE = {
    "id": "bnd_abc123",
    "account_status": "in_review",
    "platform": "tiktok",
    "saved_account_id": "acc_1",
}
ACCOUNT: dict[str, Any] = {
    "status": "in_review",
    "username": "lumen.cooks",
    "visible_name": "Lumen Cooks",
    "biography": "One pan.",
    "profile_picture_url": "https://cdn.example.com/p.jpg",
    "link_in_bio": None,
    "feedback_history": [
        {"type": "corrections_requested", "comment": "c", "fields": {"username": "shorter"},
         "requested_at": "2026-06-01T10:00:00Z", "requested_by": "api"},
        {"type": "corrections_applied", "applied_at": "2026-06-01T12:00:00Z",
         "changes": {"username": {"from": "a", "to": "b"}}},
    ],
}  # fmt: skip


def decided(item: ReviewItem, action: Action, **about: Any) -> Decision:
    """A decision on an account as last seen."""
    return Decision(
        id=f"d-{item.id}-{action}", review="accounts", task_id=item.id, round=1, epoch=item.epoch,
        action=action, rule="r", policy="p", revision="0" * 64, mode=Mode.LIVE, decided_at=START,
        **about,
    )  # fmt: skip


def bare_api(paths: dict[str, Any]) -> ReviewApi:
    """A client of a server that knows a few paths."""
    return a_client(lambda request: answer(paths[request.url.path.removeprefix("/api/ext")]))


def test_accounts_in_review_are_listed_finalized_and_sent_back() -> None:
    """The queue finds them, evidence is the delivered profile, and both acts go through."""
    world = build("default")
    exchange = Exchange(
        SimulatorTransport(world), base_url=BASE_URL, key=KEY, clock=world.clock, bucket=RateLimiter(world.clock)
    )  # fmt: skip
    api = ReviewApi(exchange, ReadRetry(world.clock, lambda: 0.5))
    queue, desk = AccountsQueue(api), ApiReviewWriter(api, "accounts")
    first, second, *_ = queue.waiting().items
    assert first.deadline_is_estimate
    assert first.epoch is not None
    assert isinstance(queue.evidence(first), Profile)
    (again,) = queue.renew(first)
    assert (again.key, again.version) == (first.key, first.version)
    assert desk.perform(decided(first, Action.FINALIZE), "k1").status == "finalized"
    receipt = desk.perform(
        decided(
            second, Action.REQUEST_CORRECTIONS, reason="Please", fields={"username": "shorter"}
        ),
        "k2",
    )
    assert receipt.status in ("corrections_requested", "pending_corrections")
    assert queue.look(second.id).version != second.version
    with pytest.raises(InvalidStatus):
        api.finalize_account(first.id, idempotency_key="another")
    assert first.id not in {item.id for item in queue.waiting().items}


def test_a_bare_list_row_is_completed_by_reading_the_bundle() -> None:
    """Lists need not carry the feedback; without it the round is unknown."""
    api = bare_api(
        {
            "/bundles": a_list([BUNDLE]),
            "/bundles/bnd_abc123": {"data": BUNDLE | {"account": ACCOUNT}},
        }
    )
    (item,) = AccountsQueue(api).waiting().items
    assert item.epoch == "2"
    assert isinstance(item.subject, AccountReview)
    assert item.subject.feedback_history is not None
    asked, applied = item.subject.feedback_history
    assert asked.fields == {"username": "shorter"}
    assert applied.changes == {"username": Change(before="a", after="b")}


@pytest.mark.parametrize("body", [{"id": "bnd_abc123", "account": ACCOUNT}, ACCOUNT])
def test_an_account_may_stand_alone_or_nested(body: dict[str, Any]) -> None:
    """The account page nests the account as the seeds show, or gives it bare."""
    api = bare_api(
        {"/bundles/bnd_abc123": {"data": BUNDLE}, "/bundles/bnd_abc123/account": {"data": body}}
    )
    item = AccountsQueue(api).look("bnd_abc123")
    assert (item.epoch, item.status, item.account_id) == ("2", "in_review", "acc_1")


@pytest.mark.parametrize(
    "history", [None, "x", [5], [{"type": None}], [{"type": 7}], [{"type": "changes_asked"}]]
)
def test_a_history_that_cannot_be_counted_gives_no_round(history: object) -> None:
    """A round nobody can count is unknown, so nothing is ever sent for it."""
    account = ACCOUNT | {"feedback_history": history}
    api = bare_api({
        "/bundles/bnd_abc123": {"data": BUNDLE | {"account": account}},
        "/bundles/bnd_abc123/account": {"data": account},
    })  # fmt: skip
    assert AccountsQueue(api).look("bnd_abc123").epoch is None


def test_two_statuses_that_differ_are_believed_neither() -> None:
    """The bundle and its account must not contradict each other."""
    account = ACCOUNT | {"status": "finalized"}
    api = bare_api({"/bundles/bnd_abc123": {"data": BUNDLE | {"account": account}}})
    queue = AccountsQueue(api)
    assert queue.look("bnd_abc123").status is None
    assert queue.odd().new_values


def test_rounds_count_applied_corrections() -> None:
    """The first round has none applied."""
    applied = FeedbackEntry(type="corrections_applied")
    asked = FeedbackEntry(type="corrections_requested")
    assert rounds(AccountReview(id="b")) is None
    assert rounds(AccountReview(id="b", feedback_history=())) == 1
    assert rounds(AccountReview(id="b", feedback_history=(asked, applied, asked, applied))) == 3


def test_corrections_without_a_field_never_leave() -> None:
    """The API wants at least one field, and so do we."""
    calls: list[httpx.Request] = []
    api = a_client(lambda request: calls.append(request) or answer({}))
    item = ReviewItem(
        review="accounts", id="b", epoch="1", status="in_review", started_at=None,
        deadline_at=None, subject=AccountReview(id="b"),
    )  # fmt: skip
    with pytest.raises(UsageError):
        ApiReviewWriter(api, "accounts").perform(
            decided(item, Action.REQUEST_CORRECTIONS, reason="Please"), "k1"
        )
    assert calls == []


def a_house(count: int, poison: dict[str, httpx.Response]) -> Any:
    """A server of so many bundles without their feedback in the list; `poison` by id of a bundle."""
    rows = [BUNDLE | {"id": f"b{number}"} for number in range(count)]

    def far_end(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/ext/bundles")
        if path == "":
            return answer(a_list(rows))
        name = path.strip("/").partition("/")[0]
        if name in poison:
            return poison[name]
        return answer({"data": BUNDLE | {"id": name, "account": ACCOUNT}})

    return far_end


@pytest.mark.parametrize(
    "trouble",
    [
        answer({"data": BUNDLE | {"id": "b1", "title": "x" * SIZE_BUDGET}}),
        answer(b"<html>"),
        answer({"error": {"code": "INTERNAL"}}, 500),
        answer({"error": {"code": "BUNDLE_NOT_OWNED"}}, 403),
    ],
)
def test_an_account_that_cannot_be_read_costs_itself_only(trouble: httpx.Response) -> None:
    """It is named by its place and id; the others wait."""
    listing = AccountsQueue(a_client(a_house(3, {"b1": trouble}))).waiting()
    assert [item.id for item in listing.items] == ["b0", "b2"]
    assert [(row.place, row.id) for row in listing.unread] == [(2, "b1")]


def test_an_api_that_reads_no_account_has_no_list() -> None:
    """A few that fail are their own trouble; many are the API's."""
    trouble = answer({"error": {"code": "INTERNAL"}}, 500)
    poison = {f"b{number}": trouble for number in range(MOST_UNREAD + 1)}
    queue = AccountsQueue(a_client(a_house(9, poison)))
    with pytest.raises(ServerFault):
        queue.waiting()
    del poison["b0"]
    assert len(queue.waiting().items) == 9 - MOST_UNREAD


def test_a_list_of_accounts_that_contradicts_its_count_says_so() -> None:
    """As one of tasks does."""
    rows = [BUNDLE | {"id": "b1", "account": ACCOUNT}]

    def far_end(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        return answer(a_list(rows if page == 1 else [], page, 1, 5))

    listing = AccountsQueue(a_client(far_end)).waiting()
    assert (len(listing.items), listing.agreed, listing.counted) == (1, False, 5)


def test_an_account_in_a_status_that_nobody_documented_is_kept() -> None:
    """It may be waiting; one in another documented status is not. Both are told."""
    rows = [
        BUNDLE | {"id": "b1", "account_status": "frozen_by_vendor", "account": ACCOUNT | {"status": "frozen_by_vendor"}},
        BUNDLE | {"id": "b2", "account_status": "finalized", "account": ACCOUNT | {"status": "finalized"}},
    ]  # fmt: skip
    listing = AccountsQueue(a_client(lambda _: answer(a_list(rows)))).waiting()
    assert [(item.id, item.status) for item in listing.items] == [("b1", "frozen_by_vendor")]
    assert set(listing.odd.new_values) == {
        "bundle.account_status: 'frozen_by_vendor'",
        "bundle.status: 'frozen_by_vendor'",
        "bundle.account_status: 'finalized in a list of in_review'",
    }
    assert AccountsQueue(a_client(lambda _: answer(a_list(rows)))).odd().new_values == ()
