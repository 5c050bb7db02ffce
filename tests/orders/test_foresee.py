"""What the API would refuse of an order is known beforehand, and nothing else is said of it."""

from __future__ import annotations

import pytest

from reviewbot.domain.order import Order
from reviewbot.orders.foresee import Accounts, refusal

OURS = "3b0e7c52-91d4-4a7f-8f0e-6a2d5c9b1e40"
OTHER = "c1a5f0d8-2b6e-4e39-b7a4-90d3e8f61c27"
KNOWN = Accounts(platforms={OURS: "tiktok"})


def an_order(account: str = OURS, **changed: str) -> Order:
    """A good order on TikTok."""
    fields = {"comment_text": "x", "target_video_url": "tiktok.com/@a/video/1", **changed}
    return Order(saved_account_id=account, **fields)


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (an_order(), None),
        (an_order(f" {OURS.upper()} "), None),
        (an_order(brief_id=OTHER), None),
        (an_order(OTHER), "account_not_found"),
        (an_order(target_video_url="instagram.com/reel/Dq7examplE1"), "platform_mismatch"),
    ],
)
def test_an_order_is_held_against_the_accounts(order: Order, why: str | None) -> None:
    """By id, whatever its case, and by platform."""
    assert refusal(order, KNOWN) == why


@pytest.mark.parametrize("text", ["not-a-uuid", OURS[:-1], OURS + "0", OURS.replace("-", "")])
def test_ids_are_held_to_their_form_without_a_call(text: str) -> None:
    """Of the account and of the brief; what is wrong is named."""
    assert str(refusal(an_order(text), None)).startswith("saved_account_id is no id")
    assert str(refusal(an_order(brief_id=text), None)).startswith("brief_id is no id")


def test_an_account_that_is_not_in_half_a_list_may_exist() -> None:
    """So nothing is said of it; of an unknown platform neither."""
    assert refusal(an_order(OTHER), Accounts(platforms={}, whole=False)) is None
    assert refusal(an_order(), Accounts(platforms={OURS: None})) is None
    assert refusal(an_order(OTHER), None) is None
