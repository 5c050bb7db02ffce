"""What the vendor's documents leave open, decided here once, and each decision a switch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HOUR = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """One field per unknown of the API, with the default that the simulator takes."""

    idempotency: Literal["honoured", "ignored"] = "honoured"
    """Whether a repeated `Idempotency-Key` replays the stored answer."""
    idempotency_retention: float = 24 * HOUR
    """Seconds for which a stored answer is kept."""
    idempotency_stores: Literal["success", "below 500", "everything"] = "success"
    """Which answers are stored for replay; `everything` holds for errors that should not have been."""
    idempotency_conflict_code: str = "IDEMPOTENCY_KEY_REUSED"
    """Code for a key that comes back with another request."""
    idempotency_conflict_status: Literal[409, 422] = 409
    """HTTP status of it."""

    scope_denied_code: str = "AUTH_INSUFFICIENT_SCOPE"
    """Code (with 403) when a read-only key writes; a key containing `_readonly` is one."""
    expired_key_code: str = "AUTH_EXPIRED_KEY"
    """Code (with 401) of an expired key; a key containing `_expired` is one."""
    blocked_status: int = 409
    """HTTP status of `MANAGED_ACCOUNT_TASK_BLOCKED`."""
    validation_code: str = "VALIDATION_ERROR"
    """Code (with 400) for a request whose fields are wrong and for which no own code exists."""
    malformed_json_code: str = "INVALID_JSON"
    """Code (with 400) for a body that is no JSON."""
    batch_size_code: str = "COMMENT_BATCH_SIZE_INVALID"
    """Code (with 400) for 0 rows or more than 200."""
    long_reason_code: str = "COMMENT_DISPUTE_REASON_TOO_LONG"
    """Code (with 400) for a dispute reason over 500 characters."""
    reason_unit: Literal["code points", "utf-16", "bytes"] = "code points"
    """What a character of a dispute reason is."""
    reason_trimmed: bool = True
    """Whether spaces around a dispute reason count as nothing."""
    long_correction_limit: int = 2000
    """Longest comment of an account correction."""

    per_page_out_of_range: Literal["clamp", "400"] = "clamp"
    """What becomes of a `per_page` under 1 or over 100."""
    page_out_of_range: Literal["empty", "400"] = "empty"
    """What becomes of a page behind the last."""
    unknown_status_filter: Literal["empty", "400", "ignore"] = "empty"
    """What an unknown value in the `status` filter matches."""
    total_pages_of_nothing: int = 0
    """`total_pages` of an empty result."""
    second_delete: Literal["409", "200"] = "409"
    """What cancelling a cancelled task gives."""
    foreign_task_status: Literal[403, 404] = 403
    """Whether another customer's task is forbidden or not there."""

    hidden_corrections: Literal["old status", "absent", "shown"] = "old status"
    """How a `pending_corrections` found by the verifier looks: as `submitted`, not at all, or openly."""
    scrape_failed_count: Literal[0, None] = 0
    """`comments_scraped` of a failed scrape."""
    score_without_match: Literal["best", "zero"] = "best"
    """`match_score` where nothing matched: of the nearest comment, or 0."""
    short_reads: float = 0.0
    """Share of scrapes that stop early: they return half of what stands there, without ours."""
    wrong_text_floor: float = 0.0
    """Same-handle comments less similar than this do not count as the wrong text."""
    resubmit_restamps: bool = False
    """Whether a manager's re-check after a correction sets `submitted_at` anew."""
    insists_unchecked: float = 0.0
    """Share of managers who after a dispute insist at once, without another look of the verifier."""
    keep_earlier_attempts: bool = True
    """Whether attempts of earlier rounds stay in the timeline."""
    payout_visible: Literal["at confirmation", "at finalization"] = "at confirmation"
    """When `cm_payout_amount` stops being the opening amount."""

    sweep_latency: float = 0.0
    """Seconds by which the 24 h and 72 h sweeps come late."""
    account_window: float = 72 * HOUR + 60
    """Seconds in review after which an account is finalized by itself."""
    account_clock_restarts: bool = True
    """Whether the account window starts anew after each corrections round."""
    account_detour: str = "corrections_requested"
    """The account status while corrections are made (newer pages: `pending_corrections`)."""
    bundle_account_profile: Literal["requested", "delivered"] = "requested"
    """Which profile a bundle's account shows during review."""
    coverage_pauses_deadline: bool = False
    """Whether an inactive coverage stops the 72 h clock."""

    rate_limit: int = 120
    """Requests a minute and key; also the bucket's size unless `rate_burst` is set."""
    rate_burst: int | None = None
    """The bucket's size, where it differs from the rate."""
    reads_cost_tokens: bool = True
    """Whether GETs count."""
    failed_auth_costs_tokens: bool = False
    """Whether answers 401 count."""
    retry_after_in_body_adds: int = 1
    """Seconds by which `retry_after_seconds` exceeds the header, as in the documented example."""
    dry_run_header: str = "X-TokPortal-Dry-Run"
    """Response header that marks a dry run."""
    milliseconds: bool = False
    """Whether times are written with milliseconds."""
