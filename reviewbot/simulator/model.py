"""The things of the simulated world: tasks, accounts, managers, videos, and what is written down of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Habit:
    """How one kind of manager behaves; chances from 0 to 1, spans in hours."""

    name: str
    shows_up: float = 1.0
    posting: Mapping[Posting, float]
    pickup: tuple[float, float] = (0.2, 8.0)
    retries: int = 1
    insists: float = 0.9
    fixes: float = 0.6
    """Chance of repairing what the verifier found, instead of insisting."""
    answers: tuple[float, float, float] = (0.6, 0.3, 0.1)
    """After a dispute: fix and re-check, insist again, give up."""
    answer_hours: tuple[float, float] = (0.5, 10.0)


By = Literal["client", "stranger", "silence", "verifier", "sweep"]
Reach = Literal["open", "unreachable", "failing", "uncounted"]
Posting = Literal["exact", "near miss", "other account", "nothing"]


@dataclass(slots=True)
class Manager:
    """A person who posts comments for money, with habits."""

    id: str
    habit: Habit


@dataclass(slots=True)
class SavedAccount:
    """A delivered account, with the profile as it really is."""

    id: str
    platform: str
    username: str
    visible_name: str
    biography: str
    profile_picture_url: str | None
    link_in_bio: str | None
    country: str
    created_at: float
    updated_at: float
    manager: Manager | None = None
    owned: bool = True
    covered: bool = True
    lookup_fails: bool = False


class VideoComment(msgspec.Struct):
    """A comment that a manager posted under a video."""

    id: str
    handle: str
    text: str
    posted_at: float
    removed: bool = False


class Video(msgspec.Struct):
    """A video with a stream of other people's comments, and those that managers posted."""

    id: str
    platform: str
    url: str
    author: str | None
    opened_at: float
    comments_before: int
    comments_per_hour: float
    offset: int
    reach: Reach = "open"
    posted: list[VideoComment] = []


class VerifierRun(msgspec.Struct):
    """One run of the verifier over one task."""

    attempt_n: int
    scraped_at: float
    outcome_kind: str
    match_score: float
    found_comment_id: str | None
    reason: str
    comments_scraped: int | None
    platform: str


class Task(msgspec.Struct):
    """A comment task, with what the API shows of it and what really happened."""

    id: str
    seq: int
    account: SavedAccount
    video: Video
    text: str
    created_at: float
    deadline_at: float
    status: str = "pending"
    hidden: bool = False
    led: bool = False
    owned: bool = True
    target_type: str = "video"
    target_comment_url: str | None = None
    brief_id: str | None = None
    cost: int = 1
    payout: float = 0.15
    updated_at: float = 0.0
    submitted_at: float | None = None
    verified_at: float | None = None
    confirmed_at: float | None = None
    review_until: float | None = None
    finalized_at: float | None = None
    correction: str | None = None
    attempts: list[VerifierRun] = []
    comment: VideoComment | None = None
    rounds: int = 0
    disputes: int = 0
    retries: int = 0
    ended_by: By | None = None
    wire: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What really happened: the measure for policies, never shown through the API."""

    task_id: str
    habit: str | None
    posted: bool
    right_account: bool
    right_text: bool
    removed: bool
    similarity: float
    rounds: int
    ended_by: By | None

    @property
    def deserved(self) -> bool:
        """The manager did what was asked, whatever became of the comment later."""
        return self.posted and self.right_account and self.right_text


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends a write: which request, under which idempotency key."""

    by: By = "client"
    request_id: str | None = None
    idempotency_key: str | None = None


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a write changed. `epoch` is the round it fell on, as the API writes it."""

    at: float
    review: Literal["comments", "accounts"]
    task_id: str
    epoch: str | None
    action: str
    by: By
    request_id: str | None
    idempotency_key: str | None
    reason: str | None = None


class RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """One request as the server saw it. `fault` names the fault it met."""

    at: float
    method: str
    path: str
    query: str
    status: int
    request_id: str
    fault: str | None = None


@dataclass(slots=True)
class Bundle:
    """An ordered account: the profile that was requested, and its review."""

    id: str
    seq: int
    bundle_type: str
    platform: str
    country: str
    title: str
    external_ref: str | None
    created_at: float
    username: str
    visible_name: str
    biography: str
    profile_picture_url: str
    link_in_bio: str | None
    niche_warming_instructions: str | None
    configured_at: float
    saved_account_id: str | None = None
    status: str = "accepted"
    account_status: str = "published"
    owned: bool = True
    in_review_since: float | None = None
    finalized_at: float | None = None
    ended_by: By | None = None
    diligence: float = 0.7
    corrections: dict[str, object] | None = None
    history: list[dict[str, object]] = field(default_factory=list)
    videos_quantity: int = 0


HOUR = 3600.0
TASK_STATUSES = (
    "pending",
    "submitted",
    "verified_auto",
    "manually_confirmed",
    "pending_corrections",
    "finalized",
    "cancelled",
    "rejected",
    "needs_review",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """What the vendor's documents leave open and somebody wants both ways, with our default.

    What nobody wants otherwise is decided where it happens.
    """

    idempotency: Literal["honoured", "ignored"] = "honoured"
    """Whether a repeated `Idempotency-Key` replays the stored answer."""
    idempotency_retention: float = 24 * HOUR
    """Seconds for which a stored answer is kept."""
    idempotency_stores: Literal["success", "below 500", "everything"] = "success"
    """Which answers are stored for replay; `everything` holds for errors that should not have been."""
    idempotency_conflict_status: Literal[409, 422] = 409
    """HTTP status for a key that comes back with another request."""
    reason_unit: Literal["code points", "utf-16", "bytes"] = "code points"
    """What a character of a dispute reason is."""

    per_page_out_of_range: Literal["clamp", "400"] = "clamp"
    """What becomes of a `per_page` under 1 or over 100."""
    page_out_of_range: Literal["empty", "400"] = "empty"
    """What becomes of a page behind the last."""
    unknown_status_filter: Literal["empty", "400", "ignore"] = "empty"
    """What an unknown value in the `status` filter matches."""
    second_delete: Literal["409", "200"] = "409"
    """What cancelling a cancelled task gives."""
    foreign_task_status: Literal[403, 404] = 403
    """Whether another customer's task is forbidden or not there."""

    hidden_corrections: Literal["old status", "absent", "shown"] = "old status"
    """How a `pending_corrections` found by the verifier looks: as `submitted`, not at all, or openly."""
    scrape_failed_count: Literal[0, None] = 0
    """`comments_scraped` of a failed scrape."""
    short_reads: float = 0.0
    """Share of scrapes that stop early: they return half of what stands there, without ours."""
    insists_unchecked: float = 0.0
    """Share of managers who after a dispute insist at once, without another look of the verifier."""

    sweep_latency: float = 0.0
    """Seconds by which the 24 h and 72 h sweeps come late."""
    account_window: float = 72 * HOUR + 60
    """Seconds in review after which an account is finalized by itself."""
    bundle_account_profile: Literal["requested", "delivered"] = "requested"
    """Which profile a bundle's account shows during review."""

    rate_limit: int = 120
    """Requests a minute and key; also the bucket's size. Reads count, refused keys do not."""
    milliseconds: bool = False
    """Whether times are written with milliseconds."""
