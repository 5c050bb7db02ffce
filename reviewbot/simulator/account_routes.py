"""The operations on delivered accounts and on accounts under review: one function per operation."""

from __future__ import annotations

from typing import Any, TypeVar

from reviewbot.simulator import delivery, refusals
from reviewbot.simulator.calls import Reply, Request
from reviewbot.simulator.model import Bundle, SavedAccount
from reviewbot.simulator.pages import pagination
from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.shapes import bundle_account_shape, bundle_shape, saved_account_shape

_T = TypeVar("_T")

CORRECTABLE = ("username", "visible_name", "biography", "profile_picture")
_BUNDLE_FILTERS = ("status", "bundle_type", "platform", "external_ref", "account_status")


def list_accounts(request: Request) -> Reply:
    """GET /accounts: the delivered accounts."""
    world, params = request.world, request.call.params
    page, per_page = request.page()
    wanted = [
        account
        for account in world.accounts.values()
        if account.owned
        and params.get("platform", account.platform) == account.platform
        and params.get("country", account.country) == account.country
    ]
    return Reply(
        200,
        {
            "data": [saved_account_shape(world, one) for one in _slice(wanted, page, per_page)],
            "pagination": pagination(world, page, per_page, len(wanted)),
        },
    )


def get_account(request: Request, account_id: str) -> Reply:
    """GET /accounts/{saved_account_id}: one delivered account, as it really is."""
    account = _account(request, account_id)
    return Reply(200, {"data": saved_account_shape(request.world, account)})


def get_coverage(request: Request, account_id: str) -> Reply:
    """GET /accounts/{saved_account_id}/managed-subscription: whether its tasks may be worked on."""
    account = _account(request, account_id)
    status = "active" if account.covered else "lapsed"
    return Reply(
        200,
        {
            "data": {
                "status": status,
                "recorded_status": status,
                "current_period_end": request.world.iso(request.world.now + 15 * 86_400),
                "period_expired": not account.covered,
            }
        },
    )


def list_bundles(request: Request) -> Reply:
    """GET /bundles: the orders, newest first, filtered by exact values."""
    world, params = request.world, request.call.params
    page, per_page = request.page()
    filters = {name: params[name].split(",") for name in _BUNDLE_FILTERS if params.get(name)}
    wanted = [
        bundle
        for bundle in delivery.newest_first(world)
        if all(getattr(bundle, name) in values for name, values in filters.items())
    ]
    return Reply(
        200,
        {
            "data": [bundle_shape(world, bundle) for bundle in _slice(wanted, page, per_page)],
            "pagination": pagination(world, page, per_page, len(wanted)),
        },
    )


def get_bundle(request: Request, bundle_id: str) -> Reply:
    """GET /bundles/{id}: one order, with its account."""
    bundle = _bundle(request, bundle_id)
    account = bundle_account_shape(request.world, bundle)
    return Reply(200, {"data": {**bundle_shape(request.world, bundle), "account": account}})


def get_bundle_account(request: Request, bundle_id: str) -> Reply:
    """GET /bundles/{id}/account: the account of one order."""
    return Reply(200, {"data": bundle_account_shape(request.world, _bundle(request, bundle_id))})


def finalize_account(request: Request, bundle_id: str) -> Reply:
    """POST /bundles/{id}/account/finalize: accept the account."""
    bundle = _bundle(request, bundle_id)
    delivery.finalize(request.world, bundle, request.actor, dry=request.dry)
    moment = request.world.stamp() if bundle.finalized_at is None else bundle.finalized_at
    account = {"status": "finalized", "finalized_at": request.world.iso(moment)}
    return Reply(200, {"data": {"id": bundle.id, "account": account}})


def correct_account(request: Request, bundle_id: str) -> Reply:
    """POST /bundles/{id}/account/corrections: send the account back."""
    bundle = _bundle(request, bundle_id)
    comment, fields = _feedback(request)
    asked = delivery.send_back(
        request.world, bundle, comment, fields, request.actor, dry=request.dry
    )
    account = {"status": request.world.choices.account_detour, "corrections": asked}
    return Reply(200, {"data": {"id": bundle.id, "account": account}})


def _feedback(request: Request) -> tuple[str, dict[str, str]]:
    body = request.json()
    comment: Any = body.get("comment")
    if not isinstance(comment, str) or not comment.strip():
        raise Refusal(400, "missing_comment", "Say in `comment` what is wrong.")
    if len(comment) > request.world.choices.long_correction_limit:
        raise Refusal(400, request.world.choices.validation_code, "`comment` is too long.")
    fields: Any = body.get("fields")
    if not isinstance(fields, dict) or not fields:
        raise Refusal(400, "missing_fields", "Name at least one field in `fields`.")
    for name, text in fields.items():
        if name not in CORRECTABLE or not isinstance(text, str) or not text.strip():
            raise Refusal(
                400,
                "invalid_field",
                f"Allowed are texts for {', '.join(CORRECTABLE)}.",
                {"field": name},
            )
    return comment, fields


def _account(request: Request, account_id: str) -> SavedAccount:
    account = request.world.accounts.get(account_id)
    if account is None:
        raise refusals.account_not_found()
    if not account.owned:
        raise refusals.account_not_owned()
    return account


def _bundle(request: Request, bundle_id: str) -> Bundle:
    bundle = request.world.bundles.get(bundle_id)
    if bundle is None:
        raise refusals.bundle_not_found()
    if not bundle.owned:
        raise Refusal(403, "BUNDLE_NOT_OWNED", "This bundle is not yours.")
    return bundle


def _slice(things: list[_T], page: int, per_page: int) -> list[_T]:
    return things[(page - 1) * per_page : page * per_page]
