"""The shapes on the wire: a task, an attempt, an account, a bundle, as JSON-ready values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from reviewbot.simulator import tasks
from reviewbot.simulator.clock import iso_or_none
from reviewbot.simulator.model import Actor, Bundle, SavedAccount, Task, VerifierRun
from reviewbot.simulator.refusals import Refusal
from reviewbot.simulator.world import World

_ENCODER = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    """Write JSON."""
    return _ENCODER.encode(value)


def task_wire(world: World, task: Task) -> msgspec.Raw:
    """A task as JSON text, kept until something about it changes."""
    if task.wire is None:
        task.wire = encode(task_shape(world, task))
    return msgspec.Raw(task.wire)


def task_shape(world: World, task: Task) -> dict[str, Any]:
    """Every field of a task that the API shows."""
    ms = world.choices.milliseconds
    shown = tasks.shown_status(world, task)
    blocked = not task.account.covered
    return {
        "id": task.id,
        "status": shown,
        "platform": task.account.platform,
        "saved_account_id": task.account.id,
        "target_video_url": task.video.url,
        "target_author_handle": task.video.author,
        "comment_text": task.text,
        "cm_payout_amount": task.payout,
        "submitted_at": iso_or_none(task.submitted_at, ms),
        "verified_at": iso_or_none(task.verified_at, ms),
        "manually_confirmed_at": iso_or_none(task.confirmed_at, ms),
        "client_dispute_deadline_at": iso_or_none(task.review_until, ms),
        "finalized_at": iso_or_none(task.finalized_at, ms),
        "correction_required": task.correction if shown == "pending_corrections" else None,
        "deadline_at": iso_or_none(task.deadline_at, ms),
        "created_at": iso_or_none(task.created_at, ms),
        "updated_at": iso_or_none(task.updated_at, ms),
        "target_type": task.target_type,
        "target_comment_url": task.target_comment_url,
        "execution_blocked": blocked,
        "execution_block_reason": "coverage_inactive" if blocked else None,
    }


def attempt_shape(world: World, attempt: VerifierRun) -> dict[str, Any]:
    """One attempt of the verifier."""
    return {
        "attempt_n": attempt.attempt_n,
        "scraped_at": world.iso(attempt.scraped_at),
        "outcome_kind": attempt.outcome_kind,
        "verified": attempt.outcome_kind == "verified",
        "match_score": attempt.match_score,
        "found_comment_id": attempt.found_comment_id,
        "reason": attempt.reason,
        "comments_scraped": attempt.comments_scraped,
        "platform": attempt.platform,
    }


def saved_account_shape(world: World, account: SavedAccount) -> dict[str, Any]:
    """A delivered account, with its profile as it is."""
    host = "www.tiktok.com/@" if account.platform == "tiktok" else "www.instagram.com/"
    return {
        "id": account.id,
        "platform": account.platform,
        "username": account.username,
        "visible_name": account.visible_name,
        "biography": account.biography,
        "profile_picture_url": account.profile_picture_url,
        "country": account.country,
        "link_in_bio": account.link_in_bio,
        "profile_url": f"https://{host}{account.username}",
        "tokmail_email": f"{account.username}@tokmail.example.com",
        "created_at": world.iso(account.created_at),
        "updated_at": world.iso(account.updated_at),
    }


def bundle_shape(world: World, bundle: Bundle) -> dict[str, Any]:
    """A bundle without its account."""
    return {
        "id": bundle.id,
        "bundle_type": bundle.bundle_type,
        "platform": bundle.platform,
        "country": bundle.country,
        "title": bundle.title,
        "status": bundle.status,
        "external_ref": bundle.external_ref,
        "videos_quantity": bundle.videos_quantity,
        "created_at": world.iso(bundle.created_at),
        "saved_account_id": bundle.saved_account_id,
        "is_published": bundle.status not in ("draft", "pending_setup", "cancelled"),
        "account_configured": bundle.account_status != "pending",
        "videos_configured_count": 0,
        "account_status": bundle.account_status,
    }


def bundle_account_shape(world: World, bundle: Bundle) -> dict[str, Any]:
    """The account of a bundle: the profile asked for, and the review so far."""
    shown: Bundle | SavedAccount = bundle
    if world.choices.bundle_account_profile == "delivered" and bundle.saved_account_id:
        shown = world.accounts[bundle.saved_account_id]
    return {
        "status": bundle.account_status,
        "username": shown.username,
        "visible_name": shown.visible_name,
        "biography": shown.biography,
        "profile_picture_url": shown.profile_picture_url,
        "link_in_bio": shown.link_in_bio,
        "niche_warming_instructions": bundle.niche_warming_instructions,
        "configured_at": world.iso(bundle.configured_at),
        "finalized_at": iso_or_none(bundle.finalized_at, world.choices.milliseconds),
        "corrections": bundle.corrections,
        "feedback_history": bundle.history,
    }


# ------------------------------------------------------------------------------------------------
# A request as the server sees it, and its answer: what routes, faults and doors hand to each other.


class Call(msgspec.Struct):
    """One HTTP request; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    params: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        """It may change something."""
        return self.method not in ("GET", "HEAD")


class HttpAnswer(msgspec.Struct):
    """One HTTP answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    request_id: str = ""


class OperationReply(NamedTuple):
    """What an operation says: the status, and the body before it is written as JSON."""

    status: int
    body: dict[str, Any]


class Request(msgspec.Struct):
    """What an operation gets: the world, who asks, and what for. A dry one must change nothing."""

    world: World
    call: Call
    id: str
    actor: Actor
    dry: bool = False

    def json(self) -> dict[str, Any]:
        """The body, which must be a JSON object.

        Raises Refusal when it is not.
        """
        choices = self.world.choices
        try:
            value = msgspec.json.decode(self.call.body or b"{}")
        except msgspec.DecodeError as error:
            raise Refusal(400, choices.malformed_json_code, f"No JSON: {error}.") from None
        if not isinstance(value, dict):
            raise Refusal(400, choices.validation_code, "The body must be a JSON object.")
        return value

    def page(self) -> tuple[int, int]:
        """`page` and `per_page` of the query.

        Raises Refusal for what is no number, and for what is out of range where that is chosen.
        """
        page, per_page = self._number("page", 1), self._number("per_page", 25)
        inside = page >= 1 and 1 <= per_page <= 100
        if not inside and self.world.choices.per_page_out_of_range == "400":
            raise Refusal(
                400, self.world.choices.validation_code, "page is 1 or more, per_page 1 to 100."
            )
        return max(1, page), min(100, max(1, per_page))

    def _number(self, name: str, default: int) -> int:
        text = self.call.params.get(name)
        if text is None:
            return default
        if text.lstrip("-").isdigit() and len(text) < 10:
            return int(text)
        raise Refusal(400, self.world.choices.validation_code, f"{name} must be a whole number.")


def call_of(
    method: str, path: str, query: str, headers: Iterable[tuple[str, str]], body: bytes
) -> Call:
    """Make a call of the parts of an HTTP request."""
    lowered = {name.lower(): value for name, value in headers}
    return Call(method, unquote(path), query, lowered, body)


# ------------------------------------------------------------------------------------------------
# Pagination, the same for every list.


def pagination(world: World, page: int, per_page: int, total: int) -> dict[str, int]:
    """The `pagination` object of a list.

    Raises Refusal for a page behind the last, where that is chosen.
    """
    pages = -(-total // per_page)
    if page > max(1, pages) and world.choices.page_out_of_range == "400":
        raise Refusal(400, world.choices.validation_code, f"There are only {pages} pages.")
    return {
        "page": page,
        "per_page": per_page,
        "total": total,
        "total_pages": pages or world.choices.total_pages_of_nothing,
    }
