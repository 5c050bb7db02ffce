"""The review of delivered accounts: what was asked for, what was delivered, and the way between."""

from __future__ import annotations

from reviewbot.simulator.clock import HOUR
from reviewbot.simulator.model import Actor, Bundle, By, SavedAccount
from reviewbot.simulator.refusals import refuse
from reviewbot.simulator.verifier import HANDLES
from reviewbot.simulator.world import World

DETOUR = "corrections_requested"
"""The status of an account while corrections are made (newer pages: `pending_corrections`)."""
PROFILE = ("username", "visible_name", "biography", "profile_picture_url", "link_in_bio")


def newest_first(world: World) -> list[Bundle]:
    """Every bundle of this customer, newest first."""
    mine = (bundle for bundle in world.bundles.values() if bundle.owned)
    return sorted(mine, key=lambda bundle: (bundle.created_at, bundle.seq), reverse=True)


def epoch(bundle: Bundle) -> str:
    """The review round of an account: how many corrections were applied, plus 1."""
    applied = sum(entry["type"] == "corrections_applied" for entry in bundle.history)
    return str(applied + 1)


def differences(world: World, bundle: Bundle) -> tuple[str, ...]:
    """The profile fields in which the delivered account differs from the requested one."""
    account = world.accounts.get(bundle.saved_account_id or "")
    if account is None:
        return ()
    return tuple(name for name in PROFILE if getattr(bundle, name) != getattr(account, name))


def deliver(world: World, bundle: Bundle, account: SavedAccount) -> None:
    """The account is ready: its review begins, and the window in which silence accepts it."""
    bundle.saved_account_id = account.id
    _enter_review(world, bundle)


def finalize(world: World, bundle: Bundle, actor: Actor, *, dry: bool = False) -> None:
    """The client accepts the account."""
    _check_in_review(bundle)
    if dry:
        return
    world.log(bundle, epoch(bundle), "finalize", actor)
    _finalize(world, bundle, actor.by)


def send_back(
    world: World,
    bundle: Bundle,
    comment: str,
    fields: dict[str, str],
    actor: Actor,
    *,
    dry: bool = False,
) -> dict[str, object]:
    """The client wants corrections; gives them as recorded."""
    _check_in_review(bundle)
    asked: dict[str, object] = {
        "comment": comment,
        "fields": fields,
        "requested_at": world.iso(world.stamp()),
    }
    if dry:
        return asked
    world.log(bundle, epoch(bundle), "corrections", actor, comment)
    bundle.account_status = DETOUR
    bundle.corrections = asked
    by = "api" if actor.by == "client" else "dashboard"
    bundle.history.append({"type": "corrections_requested", **asked, "requested_by": by})
    hours = world.rng.uniform(2, 20)
    world.after(hours * HOUR, _apply_corrections, world, bundle)
    return asked


def random_bundle(world: World, platform: str, *, diligence: float = 0.7) -> Bundle:
    """Order an account with a made-up profile; it is published and not yet delivered."""
    rng = world.rng
    handle = f"{rng.choice(HANDLES)}{rng.randrange(100)}"[:24]
    name = handle.replace(".", " ").title()
    bundle = Bundle(
        id=world.new_id(),
        seq=world.number(),
        bundle_type="account_only",
        platform=platform,
        country=rng.choice(("US", "DE", "FR")),
        title=f"Account {name}",
        external_ref=None,
        created_at=world.stamp(),
        username=handle,
        visible_name=name[:30],
        biography=f"One {handle.split('.')[0]} a day. Lisbon.",
        profile_picture_url=f"https://cdn.example.com/p/{handle}.jpg",
        link_in_bio="https://example.com/" if platform == "instagram" else None,
        niche_warming_instructions=None,
        configured_at=world.stamp(),
        diligence=diligence,
    )
    world.bundles[bundle.id] = bundle
    return bundle


def make_account(world: World, bundle: Bundle, **differing: str | None) -> SavedAccount:
    """Make the account that a bundle asks for, except where `differing` says otherwise."""
    account = SavedAccount(
        id=world.new_id(),
        platform=bundle.platform,
        username=bundle.username,
        visible_name=bundle.visible_name,
        biography=bundle.biography,
        profile_picture_url=bundle.profile_picture_url,
        link_in_bio=bundle.link_in_bio,
        country=bundle.country,
        created_at=world.stamp(),
        updated_at=world.stamp(),
    )
    for name, value in differing.items():
        if name not in PROFILE:
            raise ValueError(f"{name!r} is no field of a profile")
        setattr(account, name, value)
    world.accounts[account.id] = account
    return account


def _apply_corrections(world: World, bundle: Bundle) -> None:
    account = world.accounts.get(bundle.saved_account_id or "")
    if bundle.account_status != DETOUR or account is None:
        return
    asked = (bundle.corrections or {}).get("fields")
    wanted = [
        f"{name}_url" if name == "profile_picture" else name
        for name in (asked if isinstance(asked, dict) else ())
    ]
    changes: dict[str, object] = {}
    for name in wanted:
        before, after = getattr(account, name), getattr(bundle, name)
        if before != after and world.rng.random() < bundle.diligence:
            setattr(account, name, after)
            changes[name.removesuffix("_url")] = {"from": before, "to": after}
    account.updated_at = world.stamp()
    bundle.corrections = None
    bundle.history.append(
        {"type": "corrections_applied", "applied_at": world.iso(world.stamp()), "changes": changes}
    )
    _enter_review(world, bundle)


def _enter_review(world: World, bundle: Bundle) -> None:
    bundle.account_status = "in_review"
    since = bundle.in_review_since = world.now
    world.at(since + world.choices.account_window, _end_review, world, bundle, since)


def _end_review(world: World, bundle: Bundle, since: float) -> None:
    if bundle.account_status == "in_review" and bundle.in_review_since == since:
        _finalize(world, bundle, "silence")


def _finalize(world: World, bundle: Bundle, by: By) -> None:
    bundle.account_status = "finalized"
    bundle.finalized_at = world.stamp()
    bundle.ended_by = by
    bundle.history.append({"type": "finalized", "finalized_at": world.iso(bundle.finalized_at)})


def _check_in_review(bundle: Bundle) -> None:
    if bundle.account_status != "in_review":
        raise refuse("invalid_status", current_status=bundle.account_status)
