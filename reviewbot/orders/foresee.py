"""Foreseeing what the API would refuse: each order held against the accounts that can post."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from reviewbot.domain.order import Order, address_of, folded_id
from reviewbot.orders.place import OrderPlan

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Accounts(msgspec.Struct, frozen=True, kw_only=True):
    """The platform of each account that can post, by its id; an unknown platform is None.

    `whole` says that no account is missing, so that one which is not here does not exist.
    """

    platforms: Mapping[str, str | None]
    whole: bool = True


def foreseen(plan: OrderPlan, accounts: Accounts | None) -> OrderPlan:
    """The plan without what would be refused; `accounts` is None where they could not be read."""
    results = []
    for result in plan.results:
        reason = refusal(result.row.order, accounts) if result.outcome == "would create" else None
        if reason is not None:
            result = msgspec.structs.replace(result, outcome="would refuse", reason=reason)
        results.append(result)
    refused = {result.row.number for result in results if result.outcome == "would refuse"}
    fresh = tuple(each for each in plan.fresh if each[1].number not in refused)
    return OrderPlan(results=tuple(results), fresh=fresh)


def refusal(order: Order, accounts: Accounts | None) -> str | None:
    """The API's own reason for refusing this order; None where nothing speaks against it."""
    for name in ("saved_account_id", "brief_id"):
        value = getattr(order, name)
        if value is not None and not _UUID.fullmatch(folded_id(value)):
            return f"{name} is no id of the API: those are written as UUIDs"
    if accounts is None:
        return None
    account_id = folded_id(order.saved_account_id)
    if account_id not in accounts.platforms:
        return "account_not_found" if accounts.whole else None
    platform = accounts.platforms[account_id]
    other = platform is not None and platform != address_of(order).platform
    return "platform_mismatch" if other else None
