"""What goes over the wire: shapes as JSON-ready values, a call and its answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from reviewbot.simulator import tasks
from reviewbot.simulator.model import Actor, Bundle, SavedAccount, Task, VerifierRun
from reviewbot.simulator.refusals import refuse
from reviewbot.simulator.world import World

Body = dict[str, Any]
"""What an operation answers, before it is written as JSON."""
encode = msgspec.json.Encoder().encode


def task_wire(world: World, task: Task) -> msgspec.Raw:
    """A task as JSON text, kept until something about it changes."""
    if task.wire is None:
        task.wire = encode(task_shape(world, task))
    return msgspec.Raw(task.wire)


def task_shape(world: World, task: Task) -> Body:
    """Every field of a task that the API shows."""
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
        "submitted_at": world.iso(task.submitted_at),
        "verified_at": world.iso(task.verified_at),
        "manually_confirmed_at": world.iso(task.confirmed_at),
        "client_dispute_deadline_at": world.iso(task.review_until),
        "finalized_at": world.iso(task.finalized_at),
        "correction_required": task.correction if shown == "pending_corrections" else None,
        "deadline_at": world.iso(task.deadline_at),
        "created_at": world.iso(task.created_at),
        "updated_at": world.iso(task.updated_at),
        "target_type": task.target_type,
        "target_comment_url": task.target_comment_url,
        "execution_blocked": blocked,
        "execution_block_reason": "coverage_inactive" if blocked else None,
    }


def _fields(thing: object, *names: str) -> Body:
    """Fields that the API names and shows as they are."""
    return {name: getattr(thing, name) for name in names}


def attempt_shape(world: World, attempt: VerifierRun) -> Body:
    """One attempt of the verifier."""
    return {
        "attempt_n": attempt.attempt_n,
        "scraped_at": world.iso(attempt.scraped_at),
        "outcome_kind": attempt.outcome_kind,
        "verified": attempt.outcome_kind == "verified",
        **_fields(attempt, "match_score", "found_comment_id", "reason"),
        **_fields(attempt, "comments_scraped", "platform"),
    }


_PROFILE = ("username", "visible_name", "biography", "profile_picture_url", "link_in_bio")


def saved_account_shape(world: World, account: SavedAccount) -> Body:
    """A delivered account, with its profile as it is."""
    host = "www.tiktok.com/@" if account.platform == "tiktok" else "www.instagram.com/"
    return {
        **_fields(account, "id", "platform", "username", "visible_name", "biography"),
        **_fields(account, "profile_picture_url", "country", "link_in_bio"),
        "profile_url": f"https://{host}{account.username}",
        "tokmail_email": f"{account.username}@tokmail.example.com",
        "created_at": world.iso(account.created_at),
        "updated_at": world.iso(account.updated_at),
    }


def bundle_shape(world: World, bundle: Bundle) -> Body:
    """A bundle without its account."""
    return {
        **_fields(bundle, "id", "bundle_type", "platform", "country", "title", "status"),
        **_fields(bundle, "external_ref", "videos_quantity"),
        "created_at": world.iso(bundle.created_at),
        "saved_account_id": bundle.saved_account_id,
        "is_published": bundle.status not in ("draft", "pending_setup", "cancelled"),
        "account_configured": bundle.account_status != "pending",
        "videos_configured_count": 0,
        "account_status": bundle.account_status,
    }


def bundle_account_shape(world: World, bundle: Bundle) -> Body:
    """The account of a bundle: the profile asked for, and the review so far."""
    shown: Bundle | SavedAccount = bundle
    if world.choices.bundle_account_profile == "delivered" and bundle.saved_account_id:
        shown = world.accounts[bundle.saved_account_id]
    return {
        "status": bundle.account_status,
        **_fields(shown, *_PROFILE),
        "niche_warming_instructions": bundle.niche_warming_instructions,
        "configured_at": world.iso(bundle.configured_at),
        "finalized_at": world.iso(bundle.finalized_at),
        "corrections": bundle.corrections,
        "feedback_history": bundle.history,
    }


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


class Request(msgspec.Struct):
    """What an operation gets: the world, who asks, and what for. A dry one must change nothing."""

    world: World
    call: Call
    id: str
    actor: Actor
    dry: bool = False

    def json(self) -> Body:
        """The body. Raises Refusal when it is no JSON object."""
        try:
            value = msgspec.json.decode(self.call.body or b"{}")
        except msgspec.DecodeError as error:
            raise refuse("INVALID_JSON", f"No JSON: {error}.") from None
        if not isinstance(value, dict):
            raise refuse("VALIDATION_ERROR", "The body must be a JSON object.")
        return value

    def page(self) -> tuple[int, int]:
        """`page` and `per_page` of the query.

        Raises Refusal for what is no number, and for what is out of range where that is chosen.
        """
        page, per_page = self._number("page", 1), self._number("per_page", 25)
        inside = page >= 1 and 1 <= per_page <= 100
        if not inside and self.world.choices.per_page_out_of_range == "400":
            raise refuse("VALIDATION_ERROR", "page is 1 or more, per_page 1 to 100.")
        return max(1, page), min(100, max(1, per_page))

    def pagination(self, page: int, per_page: int, total: int) -> dict[str, int]:
        """The `pagination` object of a list.

        Raises Refusal for a page behind the last, where that is chosen.
        """
        pages = -(-total // per_page)
        if page > max(1, pages) and self.world.choices.page_out_of_range == "400":
            raise refuse("VALIDATION_ERROR", f"There are only {pages} pages.")
        return {"page": page, "per_page": per_page, "total": total, "total_pages": pages}

    def _number(self, name: str, default: int) -> int:
        text = self.call.params.get(name)
        if text is None:
            return default
        if text.lstrip("-").isdigit() and len(text) < 10:
            return int(text)
        raise refuse("VALIDATION_ERROR", f"{name} must be a whole number.")


def call_of(
    method: str, path: str, query: str, headers: Iterable[tuple[str, str]], body: bytes
) -> Call:
    """Make a call of the parts of an HTTP request."""
    lowered = {name.lower(): value for name, value in headers}
    return Call(method, unquote(path), query, lowered, body)
